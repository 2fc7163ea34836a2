"""
Enrollment items: a lead's run through a track, changed only by who saw its newest version.

The next mail stands in the due index under `nurture`; a run that is over or paused is not in it. The sweep's lease
moves only the due instant and leaves the version alone, so leasing never makes a decision fail.
"""

from collections.abc import Iterable
from typing import Any

from botocore.exceptions import ClientError

from shared import settings, table
from shared.aws import clients
from shared.aws.batch_get import get_items
from shared.aws.items import from_item, to_item
from shared.errors import ConflictError
from shared.instants import instant_text, parse_instant
from shared.mailing import Enrollment


def get_enrollment(home: str, track: str) -> Enrollment | None:
    """Return the run through the track that the home holds, as it is now (consistent read)."""
    answer = clients.dynamodb().get_item(TableName=settings.table_name(), Key=_key(home, track), ConsistentRead=True)
    return _enrollment(from_item(answer["Item"])) if "Item" in answer else None


def get_runs(homes: Iterable[str], track: str) -> list[Enrollment]:
    """Return the runs through the track that any of the homes holds, as they are now (consistent read)."""
    keys = [(table.lead_pk(home), table.track_sk(track)) for home in homes]
    return [_enrollment(item) for item in get_items(keys)]


def get_enrollments(home: str) -> list[Enrollment]:
    """Return every run the home holds (consistent read)."""
    pages = (
        clients.dynamodb()
        .get_paginator("query")
        .paginate(
            TableName=settings.table_name(),
            ConsistentRead=True,
            KeyConditionExpression="#pk = :pk AND begins_with(#sk, :prefix)",
            ExpressionAttributeNames={"#pk": table.PK, "#sk": table.SK},
            ExpressionAttributeValues={":pk": {"S": table.lead_pk(home)}, ":prefix": {"S": table.TRACK_PREFIX}},
        )
    )
    return [_enrollment(from_item(item)) for page in pages for item in page["Items"]]


def track_of(sk: str) -> str:
    """Return the track from an enrollment's sort key."""
    return sk.removeprefix(table.TRACK_PREFIX)


def save_entry(run: Enrollment) -> dict[str, Any]:
    """Return the transaction entry that stores the run, if the item is still at the version the run was read at."""
    return {"Put": _put(run)}


def save(run: Enrollment) -> None:
    """
    Store the run, if the item is still at the version the run was read at.

    Raises:
        ConflictError: Somebody else was first. Read again, decide again.
    """
    try:
        clients.dynamodb().put_item(**_put(run))
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            raise ConflictError("the enrollment changed") from error
        raise


def _key(home: str, track: str) -> dict[str, Any]:
    return to_item({table.PK: table.lead_pk(home), table.SK: table.track_sk(track)})


def _put(run: Enrollment) -> dict[str, Any]:
    item = {
        table.PK: table.lead_pk(run.lead_id),
        table.SK: table.track_sk(run.track),
        "schema": table.SCHEMA,
        "rotation": run.rotation,
        "status": run.status,
        "step": run.step,
        "playbook": run.playbook,
        "cause": run.cause,
        "cause_lead": run.cause_lead,
        "cause_version": run.cause_version,
        "entered_at": instant_text(run.entered_at),
        "by": run.by,
        "ended_at": None if run.ended_at is None else instant_text(run.ended_at),
        "reason": run.reason or None,
        "handoff": list(run.handoff),
        table.VERSION: run.version + 1,
        table.DUE_KEY: None if run.due_at is None else table.due_key(table.NURTURE, table.shard(run.lead_id)),
        table.DUE_AT: None if run.due_at is None else instant_text(run.due_at),
    }
    new = run.version == 0
    return {
        "TableName": settings.table_name(),
        "Item": to_item(item),
        "ConditionExpression": "attribute_not_exists(#seen)" if new else "#seen = :seen",
        "ExpressionAttributeNames": {"#seen": table.PK if new else table.VERSION},
        **({} if new else {"ExpressionAttributeValues": {":seen": {"N": str(run.version)}}}),
    }


def _enrollment(item: dict[str, Any]) -> Enrollment:
    due_at, ended_at = item.get(table.DUE_AT), item.get("ended_at")
    return Enrollment(
        lead_id=table.lead_id_of(item[table.PK]),
        track=track_of(item[table.SK]),
        rotation=item["rotation"],
        status=item["status"],
        step=item["step"],
        playbook=item["playbook"],
        cause=item["cause"],
        cause_lead=item["cause_lead"],
        cause_version=item["cause_version"],
        entered_at=parse_instant(item["entered_at"]),
        by=item["by"],
        due_at=None if due_at is None else parse_instant(due_at),
        ended_at=None if ended_at is None else parse_instant(ended_at),
        reason=item.get("reason", ""),
        handoff=(item["handoff"][0], item["handoff"][1]),
        version=item[table.VERSION],
    )
