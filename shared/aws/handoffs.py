"""
Handoff items: read consistently, made once, and changed only by who saw the newest version.

Every write goes together with the change that announces it, in one transaction. What was delivered where
(`deliveries`) is kept on the same item by `shared/aws/deliveries.py` and is not touched here.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from shared import settings, table
from shared.aws import clients
from shared.aws.items import from_item, to_item
from shared.aws.outbox import change_put
from shared.errors import ConflictError
from shared.handoff import OPTIONAL, Handoff
from shared.instants import instant_text, iso_week

DELIVERIES = "deliveries"


def get_handoff(lead_id: str, number: int) -> Handoff | None:
    """Return the handoff as it is now (consistent read)."""
    item = (
        clients.dynamodb()
        .get_item(TableName=settings.table_name(), Key=_key(lead_id, number), ConsistentRead=True)
        .get("Item")
    )
    return None if item is None else Handoff.from_json(lead_id, from_item(item))


def get_handoffs(lead_id: str) -> list[Handoff]:
    """Return every handoff of the lead, oldest first (consistent read)."""
    pages = (
        clients.dynamodb()
        .get_paginator("query")
        .paginate(
            TableName=settings.table_name(),
            ConsistentRead=True,
            KeyConditionExpression="#pk = :pk AND begins_with(#sk, :prefix)",
            ExpressionAttributeNames={"#pk": table.PK, "#sk": table.SK},
            ExpressionAttributeValues={
                ":pk": {"S": table.lead_pk(lead_id)},
                ":prefix": {"S": table.HANDOFF_PREFIX},
            },
        )
    )
    return [Handoff.from_json(lead_id, from_item(item)) for page in pages for item in page["Items"]]


def latest(homes: Iterable[str]) -> Handoff | None:
    """Return the one that a lead with these homes is with, else the newest; a merge leaves each where it was made."""
    known = [handoff for home in homes for handoff in get_handoffs(home)]
    return max(known, key=lambda each: (each.running, each.created_at, each.number), default=None)


def number_of(sk: str) -> int:
    """Return the handoff's number from its sort key."""
    return int(sk.removeprefix(table.HANDOFF_PREFIX))


def create_entry(handoff: Handoff, due_at: int | None) -> dict[str, Any]:
    """Return the transaction entry that makes the handoff, if nobody made it yet."""
    item = {
        table.PK: table.lead_pk(handoff.lead_id),
        table.SK: table.handoff_sk(handoff.number),
        "schema": table.SCHEMA,
        DELIVERIES: {},
        **handoff.to_json(),
        **_due(handoff.lead_id, due_at),
        table.RANK_KEY: table.handoff_week_key(iso_week(handoff.created_at), handoff.lead_id),
        table.RANK_BOUND: handoff.created_at,
    }
    return {
        "Put": {
            "TableName": settings.table_name(),
            "Item": to_item(item),
            "ConditionExpression": "attribute_not_exists(#pk)",
            "ExpressionAttributeNames": {"#pk": table.PK},
        }
    }


def update_entry(handoff: Handoff, due_at: int | None) -> dict[str, Any]:
    """
    Return the transaction entry that brings the item to the handoff's state, if it is still at the version before.

    Args:
        handoff: With the version it becomes.
        due_at: When a sweep must look again; None takes it out of the due index.
    """
    values = handoff.to_json() | _due(handoff.lead_id, due_at)
    absent = [name for name in (*OPTIONAL, table.DUE_KEY, table.DUE_AT, table.DUE_ATTEMPTS) if name not in values]
    names = {f"#{name}": name for name in (*values, *absent)}
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in values)
    if absent:
        expression += " REMOVE " + ", ".join(f"#{name}" for name in absent)
    return {
        "Update": {
            "TableName": settings.table_name(),
            "Key": _key(handoff.lead_id, handoff.number),
            "UpdateExpression": expression,
            "ConditionExpression": "#version = :seen",
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": to_item(
                {f":{name}": value for name, value in values.items()} | {":seen": handoff.version - 1}
            ),
        }
    }


def change_entry(
    handoff: Handoff, *, at: int, detail_type: str, detail: Mapping[str, Any], about: str = ""
) -> dict[str, Any]:
    """
    Return the transaction entry that announces what happened to the handoff.

    Args:
        handoff: With the version it becomes.
        at: When it happened.
        detail_type: Name of the bus event.
        detail: What it says besides ids, instant and version.
        about: Tells apart what is announced of one version (two clocks at one sweep).
    """
    version = f"handoff-{handoff.number:06d}-{handoff.version:06d}"
    return change_put(
        lead_id=handoff.lead_id,
        at=at,
        unique=f"{version}-{about}" if about else version,
        detail_type=detail_type,
        detail={"handoff": handoff.number, "version": handoff.version, **detail},
    )


def lead_unchanged_entry(lead_id: str, version: int) -> dict[str, Any]:
    """Return the transaction entry that holds only while the lead is at the version that was read."""
    return {
        "ConditionCheck": {
            "TableName": settings.table_name(),
            "Key": to_item({table.PK: table.lead_pk(lead_id), table.SK: table.LEAD_SK}),
            "ConditionExpression": "#version = :seen",
            "ExpressionAttributeNames": {"#version": table.VERSION},
            "ExpressionAttributeValues": {":seen": {"N": str(version)}},
        }
    }


def write(entries: Sequence[dict[str, Any]]) -> None:
    """
    Write all entries or none.

    Raises:
        ConflictError: Somebody else was first with one of the items. Read again, decide again.
    """
    items: list[Any] = list(entries)
    try:
        clients.dynamodb().transact_write_items(TransactItems=items)
    except ClientError as error:
        reasons = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
        if "ConditionalCheckFailed" in reasons or "TransactionConflict" in reasons:
            raise ConflictError(f"transaction cancelled: {reasons}") from error
        raise


def _key(lead_id: str, number: int) -> dict[str, Any]:
    return to_item({table.PK: table.lead_pk(lead_id), table.SK: table.handoff_sk(number)})


def _due(lead_id: str, due_at: int | None) -> dict[str, Any]:
    if due_at is None:
        return {}
    return {
        table.DUE_KEY: table.due_key(table.SLA, table.shard(lead_id)),
        table.DUE_AT: instant_text(due_at),
    }
