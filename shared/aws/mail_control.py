"""
Whether mails go out at all, and what became of those of the last days, by the hour.

One item says whether mailing is paused: by a person, or by itself when too many mails bounced or were complained about.
Whoever sends looks at it first. What went out and what came back is added up in an item an hour.
"""

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from shared import settings, table
from shared.aws import clients
from shared.aws.items import from_item, to_item
from shared.instants import DAY, instant_text, parse_instant
from shared.mailing import Counted

KEPT = 9 * DAY
"""How long the counts of an hour stay: longer than anybody looks back."""

BY_ITSELF = "ripen"
"""Who paused when nobody did."""


@dataclass(frozen=True, slots=True)
class Control:
    """
    Whether mailing is paused, since when, by whom and why; `told` is false while operations must still hear of it.

    `counted_from`: what came back before mailing was resumed stops it no second time.
    """

    paused: bool = False
    at: int | None = None
    by: str = ""
    reason: str = ""
    told: bool = True
    counted_from: int = 0


def control() -> Control:
    """Return the state as it is now (consistent read); what nobody ever paused is not paused."""
    answer = clients.dynamodb().get_item(TableName=settings.table_name(), Key=_key(), ConsistentRead=True)
    item = from_item(answer.get("Item", {}))
    at, counted_from = item.get("at"), item.get("counted_from")
    return Control(
        paused=item.get("paused", False),
        at=None if at is None else parse_instant(at),
        by=item.get("by", ""),
        reason=item.get("reason", ""),
        told=item.get("told", True),
        counted_from=0 if counted_from is None else parse_instant(counted_from),
    )


def pause(at: int, *, by: str, reason: str) -> bool:
    """
    Stop every mail that is not claimed yet. Who paused first stays named.

    Returns: False when it was paused already.
    """
    return _change(
        "SET #schema = :schema, #paused = :yes, #at = :at, #by = :by, #reason = :reason, #told = :told",
        "attribute_not_exists(#paused) OR #paused = :no",
        {":at": instant_text(at), ":by": by, ":reason": reason, ":told": by != BY_ITSELF, ":yes": True, ":no": False},
    )


def resume(at: int, *, by: str) -> bool:
    """Let mails go out again. Returns False when nothing was paused."""
    return _change(
        "SET #schema = :schema, #paused = :no, #at = :at, #by = :by, #counted = :at REMOVE #reason, #told",
        "#paused = :yes",
        {":at": instant_text(at), ":by": by, ":yes": True, ":no": False},
    )


def told() -> None:
    """Remember that operations heard of a pause that began by itself."""
    _change("SET #schema = :schema, #told = :yes", "#paused = :yes", {":yes": True})


def count_sent(at: int, number: int) -> None:
    """Count mails that went out."""
    _count(at, "sent", number)


def count_bounce(at: int) -> None:
    """Count a mail that bounced for good; call it once for each."""
    _count(at, "bounced", 1)


def count_complaint(at: int) -> None:
    """Count a mail that was complained about; call it once for each."""
    _count(at, "complained", 1)


def counted(since: int, until: int) -> Counted:
    """Return the counts of the hours that begin in `(since, until]`; those of the hour of `since` are not among them."""
    pages = (
        clients.dynamodb()
        .get_paginator("query")
        .paginate(
            TableName=settings.table_name(),
            KeyConditionExpression="#pk = :pk AND #sk BETWEEN :from AND :until",
            ExpressionAttributeNames={"#pk": table.PK, "#sk": table.SK},
            ExpressionAttributeValues={
                ":pk": {"S": table.MAIL_PK},
                ":from": {"S": table.hour_sk(since) + "~"},  # sorts after the hour itself, before the next
                ":until": {"S": table.hour_sk(until)},
            },
        )
    )
    hours = [from_item(item) for page in pages for item in page["Items"]]
    sums = (sum(hour.get(what, 0) for hour in hours) for what in ("sent", "bounced", "complained"))
    return Counted(*sums)


def _count(at: int, what: str, number: int) -> None:
    clients.dynamodb().update_item(
        TableName=settings.table_name(),
        Key=to_item({table.PK: table.MAIL_PK, table.SK: table.hour_sk(at)}),
        UpdateExpression="SET #schema = :schema, #ttl = :ttl ADD #what :number",
        ExpressionAttributeNames={"#schema": "schema", "#ttl": table.TTL, "#what": what},
        ExpressionAttributeValues=to_item({":schema": table.SCHEMA, ":ttl": at + KEPT, ":number": number}),
    )


def _change(expression: str, condition: str, values: dict[str, Any]) -> bool:
    names = {"schema": "schema", "paused": "paused", "at": "at", "by": "by", "reason": "reason", "told": "told",
             "counted": "counted_from"}  # fmt: skip
    said = f"{expression} {condition}"
    try:
        clients.dynamodb().update_item(
            TableName=settings.table_name(),
            Key=_key(),
            UpdateExpression=expression,
            ConditionExpression=condition,
            ExpressionAttributeNames={f"#{short}": name for short, name in names.items() if f"#{short}" in said},
            ExpressionAttributeValues=to_item({":schema": table.SCHEMA, **values}),
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return False
        raise
    return True


def _key() -> dict[str, Any]:
    return to_item({table.PK: table.MAIL_PK, table.SK: table.CONTROL_SK})
