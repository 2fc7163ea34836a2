"""
Address items: consent, suppression, pause and what was sent, by address and not by lead.

What must hold at once is written here before anybody answers: a stop, a bounce, a rep who takes the lead. Every write
counts the version up, and a claim is made only on the version that was decided from, so whatever was written in
between makes the claim fail. Keys are keyed hashes; no address stands in this table's keys.
"""

from collections.abc import Mapping
from typing import Any, Literal

from botocore.exceptions import ClientError

from shared import settings, table
from shared.aws import clients
from shared.aws.items import from_item, to_item
from shared.errors import ConflictError
from shared.instants import instant_text, parse_instant
from shared.mailing import Address, PastSend

Suppression = Literal["bounced", "complained", "manual"]

_TRIES = 5


def get_address(name: str) -> Address:
    """Return what is known of the address (consistent read); an address never seen is one that nothing is known of."""
    answer = clients.dynamodb().get_item(TableName=settings.table_name(), Key=_key(name), ConsistentRead=True)
    item = from_item(answer.get("Item", {}))
    return Address(
        name=name,
        proven_at=_instant(item.get("proven_at")),
        opted_in_at=_instant(item.get("opted_in_at")),
        stopped_at=_instant(item.get("stopped_at")),
        suppressed=item.get("suppressed"),
        paused_by=frozenset(item.get("paused_by", ())),
        sent={content: parse_instant(at) for content, at in item.get("sent", {}).items()},
        recent=_past(item.get("recent", [])),
        confirmations=_past(item.get("confirmations", [])),
        version=item.get(table.VERSION, 0),
    )


def record_consent(
    name: str, *, proven_at: int | None = None, opted_in_at: int | None = None, stopped_at: int | None = None
) -> bool:
    """
    Join what a source that proves said about the address with what is known. Order and repeats do not matter.

    The latest opt-in and the latest stop are kept; of proofs the earliest, since only whether there is one matters
    and a later one is no news. Nothing is written when nothing is news.

    Args:
        name: The address hash.
        proven_at: Receive time of a proof that the address is the person's.
        opted_in_at: Receive time of a proved opt-in.
        stopped_at: Receive time of a stop.
    Returns: Whether anything was written.

    Raises:
        ConflictError: Others kept changing the item; nothing was written. Do it again.
    """
    for _ in range(_TRIES):
        known = get_address(name)
        news: dict[str, int] = {}
        if proven_at is not None and (known.proven_at is None or proven_at < known.proven_at):
            news["proven_at"] = proven_at
        if opted_in_at is not None and (known.opted_in_at is None or opted_in_at > known.opted_in_at):
            news["opted_in_at"] = opted_in_at
        if stopped_at is not None and (known.stopped_at is None or stopped_at > known.stopped_at):
            news["stopped_at"] = stopped_at
        if not news:
            return False
        try:
            clients.dynamodb().update_item(**_update_at(known, {field: instant_text(at) for field, at in news.items()}))
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
        else:
            return True
    raise ConflictError("the address item kept changing")


def suppress(name: str, why: Suppression, at: int) -> bool:
    """
    Never mail the address again. A complaint outweighs the other reasons; otherwise the first reason stays.

    Returns: Whether this was news.
    """
    try:
        clients.dynamodb().update_item(
            TableName=settings.table_name(),
            Key=_key(name),
            UpdateExpression="SET #why = :why, #at = :at, #schema = :schema ADD #version :one",
            ConditionExpression="attribute_not_exists(#why) OR (:why = :complained AND #why <> :complained)",
            ExpressionAttributeNames={
                "#why": "suppressed", "#at": "suppressed_at", "#schema": "schema", "#version": table.VERSION,
            },
            ExpressionAttributeValues=to_item(
                {":why": why, ":complained": "complained", ":at": instant_text(at), ":schema": table.SCHEMA, ":one": 1}
            ),
        )  # fmt: skip
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return False
        raise
    return True


def pause_entry(name: str, by: str) -> dict[str, Any]:
    """Return the transaction entry that holds all marketing mail to the address while `by` (a handoff) has it."""
    return _pause_entry(name, by, "ADD #version :one, #paused :by")


def resume_entry(name: str, by: str) -> dict[str, Any]:
    """Return the transaction entry that ends the hold of `by`; what others hold stays held."""
    return _pause_entry(name, by, "ADD #version :one DELETE #paused :by")


def claim_entry(address: Address, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the transaction entry that changes the item only while it is as it was when the decision was made."""
    return {"Update": _update_at(address, changes)}


def unchanged_entry(address: Address) -> dict[str, Any]:
    """Return the transaction entry that holds only while the item is as it was when the decision was made."""
    condition, seen_name, seen_value = _as_seen(address)
    check = {
        "TableName": settings.table_name(),
        "Key": _key(address.name),
        "ConditionExpression": condition,
        "ExpressionAttributeNames": seen_name,
    }
    return {"ConditionCheck": check | ({"ExpressionAttributeValues": to_item(seen_value)} if seen_value else {})}


def past_items(past: tuple[PastSend, ...]) -> list[dict[str, str]]:
    """Return claims as they stand on the item."""
    return [{"at": instant_text(each.at), "send": each.send_id} for each in past]


def _past(items: list[dict[str, str]]) -> tuple[PastSend, ...]:
    return tuple(PastSend(parse_instant(each["at"]), each["send"]) for each in items)


def _as_seen(address: Address) -> tuple[str, dict[str, str], dict[str, int]]:
    """Return condition, names and values that hold while the item is at the version read (0: there is none)."""
    if address.version == 0:
        return "attribute_not_exists(#seen)", {"#seen": table.PK}, {}
    return "#seen = :seen", {"#seen": table.VERSION}, {":seen": address.version}


def _update_at(address: Address, changes: Mapping[str, Any]) -> dict[str, Any]:
    condition, seen_name, seen_value = _as_seen(address)
    values = {**changes, "schema": table.SCHEMA}
    return {
        "TableName": settings.table_name(),
        "Key": _key(address.name),
        "UpdateExpression": "SET " + ", ".join(f"#{field} = :{field}" for field in values) + " ADD #version :one",
        "ConditionExpression": condition,
        "ExpressionAttributeNames": {f"#{field}": field for field in values} | {"#version": table.VERSION} | seen_name,
        "ExpressionAttributeValues": to_item(
            {f":{field}": value for field, value in values.items()} | {":one": 1} | seen_value
        ),
    }


def _pause_entry(name: str, by: str, expression: str) -> dict[str, Any]:
    return {
        "Update": {
            "TableName": settings.table_name(),
            "Key": _key(name),
            "UpdateExpression": f"SET #schema = :schema {expression}",
            "ExpressionAttributeNames": {"#schema": "schema", "#version": table.VERSION, "#paused": "paused_by"},
            "ExpressionAttributeValues": to_item({":schema": table.SCHEMA, ":one": 1, ":by": {by}}),
        }
    }


def _key(name: str) -> dict[str, Any]:
    return to_item({table.PK: table.address_pk(name), table.SK: table.ADDRESS_SK})


def _instant(text: str | None) -> int | None:
    return None if text is None else parse_instant(text)
