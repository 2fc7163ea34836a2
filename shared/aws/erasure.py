"""
Erasing a person: the markers that stand at the erased homes, and the record of each erasure.

The first transaction puts a marker at every home in place of the lead and its aliases, with the record beside them: from
then on there is no such lead. Everything else is removed step by step, and each step is one transaction of the items
and the record, on the condition of the record's version: whenever it is interrupted or done twice, the record says
exactly what is gone, and how to go on. A record that is done names nobody.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from botocore.exceptions import ClientError

from shared import settings, table
from shared.aws import clients
from shared.aws.batch_get import get_items
from shared.aws.handoffs import DELIVERIES
from shared.aws.items import from_item, to_item
from shared.aws.leads import ERASED_UNTIL
from shared.aws.outbox import change_item
from shared.errors import ConflictError
from shared.instants import DAY, instant_text, parse_instant
from shared.lead import Alias

MARKED = 35 * DAY
"""How long the markers refuse what arrives late: longer than any queue, failure queue or backup holds a message."""

TRANSACTION = 100
"""Most items TransactWriteItems takes."""

State = Literal["clearing", "waiting", "handoffs", "finishing", "done"]
"""
What is being done: `clearing` everything but handoffs; `waiting` until no function can still hold the lead in its hands;
`handoffs`, which know where messages about the person stand; `finishing`: looking once more for what was written
meanwhile.
"""

Place = tuple[str, str]
"""Channel and timestamp of a Slack message."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """
    One erasure, and how far it is. Whole epoch seconds.

    `home` counts the homes that are finished in this state, and `after` is the sort key that is reached in the next one;
    `address` and `address_after` say the same of addresses. `messages` are the places of Slack messages about the person.
    """

    erasure_id: str
    asked_at: int
    by: str
    reason: str
    state: State
    lead_id: str = ""
    lead_version: int = 0
    homes: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    messages: tuple[Place, ...] = ()
    home: int = 0
    after: str = ""
    address: int = 0
    address_after: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    finished_at: int | None = None
    version: int = 0

    @property
    def done(self) -> bool:
        return self.state == "done"

    @property
    def until(self) -> int:
        """The instant until which the markers stand."""
        return self.asked_at + MARKED


def get_erasure(erasure_id: str) -> Erasure | None:
    """Return the record as it is now (consistent read)."""
    answer = clients.dynamodb().get_item(TableName=settings.table_name(), Key=_key(erasure_id), ConsistentRead=True)
    if "Item" not in answer:
        return None
    item = from_item(answer["Item"])
    work: dict[str, Any] = json.loads(item.get("work", "{}"))
    finished_at = item.get("finished_at")
    return Erasure(
        erasure_id=erasure_id,
        asked_at=parse_instant(item["asked_at"]),
        by=item["by"],
        reason=item["reason"],
        state=item["state"],
        lead_id=work.get("lead_id", ""),
        lead_version=work.get("lead_version", 0),
        homes=tuple(work.get("homes", ())),
        addresses=tuple(work.get("addresses", ())),
        messages=tuple((channel, ts) for channel, ts in work.get("messages", ())),
        home=work.get("home", 0),
        after=work.get("after", ""),
        address=work.get("address", 0),
        address_after=work.get("address_after", ""),
        counts=item["counts"],
        finished_at=None if finished_at is None else parse_instant(finished_at),
        version=item[table.VERSION],
    )


def erasure_at(home: str) -> str | None:
    """Return the id of the erasure whose marker stands at the home; None where there is no marker."""
    found = get_items([(table.lead_pk(home), table.LEAD_SK)], only=("erasure",))
    return next((item["erasure"] for item in found if "erasure" in item), None)


def write(erasure: Erasure, entries: Sequence[dict[str, Any]]) -> None:
    """
    Write the record as it becomes and what belongs to that step, in one transaction.

    Args:
        erasure: Carrying the version it was read at; 0 makes it.
        entries: 99 at most.

    Raises:
        ConflictError: Somebody wrote the record or one of the items since it was read. Read again.
    """
    items: list[Any] = [{"Put": _put(erasure)}, *entries]
    try:
        clients.dynamodb().transact_write_items(TransactItems=items)
    except ClientError as error:
        codes = {reason.get("Code", "None") for reason in error.response.get("CancellationReasons", [])}
        if codes & {"ConditionalCheckFailed", "TransactionConflict"}:
            raise ConflictError("the erasure, or an item of its step, was written by somebody else") from error
        raise


def marker_entry(erasure: Erasure, home: str, seen: int) -> dict[str, Any]:
    """Return the transaction entry that puts the marker at the home, if what was read there still stands (0: nothing)."""
    marker = {
        table.PK: table.lead_pk(home),
        table.SK: table.LEAD_SK,
        "schema": table.SCHEMA,
        table.VERSION: seen + 1,
        ERASED_UNTIL: instant_text(erasure.until),
        "erasure": erasure.erasure_id,
        table.TTL: erasure.until,
    }
    return _put_over(marker, seen)


def device_entry(device: Alias) -> dict[str, Any]:
    """Return the transaction entry that puts a shared device as others leave it, over the version before."""
    values = {
        table.PK: table.lead_pk(device.home),
        table.SK: table.LEAD_SK,
        "schema": table.SCHEMA,
        table.VERSION: device.version,
        "alias_of": device.alias_of,
        "claims": json.dumps(device.claims, separators=(",", ":")),
    }
    return _put_over(values, device.version - 1)


def item_entry(item: Mapping[str, Any], *, seen: int | None = None) -> dict[str, Any]:
    """Return the transaction entry that puts the item; with `seen`, over that version (0: nothing)."""
    if seen is not None:
        return _put_over(item, seen)
    return {"Put": {"TableName": settings.table_name(), "Item": to_item(item)}}


def delete_entry(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the transaction entry that deletes the item; a handoff only while nothing more of it was delivered."""
    key = to_item({table.PK: item[table.PK], table.SK: item[table.SK]})
    if not item[table.SK].startswith(table.HANDOFF_PREFIX):
        return {"Delete": {"TableName": settings.table_name(), "Key": key}}
    return {
        "Delete": {
            "TableName": settings.table_name(),
            "Key": key,
            "ConditionExpression": "#deliveries = :seen",
            "ExpressionAttributeNames": {"#deliveries": DELIVERIES},
            "ExpressionAttributeValues": to_item({":seen": item[DELIVERIES]}),
        }
    }


def announcement_entry(erasure: Erasure) -> dict[str, Any]:
    """
    Return the transaction entry that tells the bus that the person is erased, and where messages about them stand.

    It rests at the record, for the lead has no items any more, and expires with the markers.
    """
    said = change_item(
        lead_id=erasure.lead_id,
        at=erasure.asked_at,
        unique=f"{erasure.lead_version:08d}#LeadErased",
        detail_type="LeadErased",
        detail={
            "version": erasure.lead_version,
            "erasure": erasure.erasure_id,
            "messages": [{"channel": channel, "ts": ts} for channel, ts in erasure.messages],
        },
    )
    return item_entry({**said, table.PK: table.erasure_pk(erasure.erasure_id), table.TTL: erasure.until})


def _put(erasure: Erasure) -> dict[str, Any]:
    work = {
        "lead_id": erasure.lead_id,
        "lead_version": erasure.lead_version,
        "homes": erasure.homes,
        "addresses": erasure.addresses,
        "messages": erasure.messages,
        "home": erasure.home,
        "after": erasure.after,
        "address": erasure.address,
        "address_after": erasure.address_after,
    }
    item = {
        table.PK: table.erasure_pk(erasure.erasure_id),
        table.SK: table.ERASURE_SK,
        "schema": table.SCHEMA,
        "asked_at": instant_text(erasure.asked_at),
        "by": erasure.by,
        "reason": erasure.reason,
        "state": erasure.state,
        "counts": erasure.counts,
        "finished_at": None if erasure.finished_at is None else instant_text(erasure.finished_at),
        "work": None if erasure.done else json.dumps(work, separators=(",", ":")),
        table.VERSION: erasure.version + 1,
    }
    return dict(_put_over(item, erasure.version)["Put"])


def _put_over(item: Mapping[str, Any], seen: int) -> dict[str, Any]:
    new = seen == 0
    return {
        "Put": {
            "TableName": settings.table_name(),
            "Item": to_item(item),
            "ConditionExpression": "attribute_not_exists(#seen)" if new else "#seen = :seen",
            "ExpressionAttributeNames": {"#seen": table.PK if new else table.VERSION},
            **({} if new else {"ExpressionAttributeValues": {":seen": {"N": str(seen)}}}),
        }
    }


def _key(erasure_id: str) -> dict[str, Any]:
    return to_item({table.PK: table.erasure_pk(erasure_id), table.SK: table.ERASURE_SK})
