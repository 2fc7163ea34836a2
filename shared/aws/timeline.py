"""
The timeline: everything a lead did, as it was received, in one item per home and message.

Written before the lead, with the same bytes on redelivery. An item's partition is the home of the event's strongest
identity and never moves; readers unite the homes of a lead by event id.
"""

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from shared import settings, table
from shared.aws import clients
from shared.aws.items import from_item, to_item
from shared.errors import UnwritableError
from shared.instants import DAY, instant_text, parse_instant
from shared.lead import STRICTNESS, Lead, LeadEvent, Source

KEPT = 400 * DAY
"""How long an event rests in the timeline before DynamoDB's TTL removes it."""

_PLAIN = 700
"""Bytes of events that fit a kilobyte, a write unit, with the rest of their item."""

_WRITE = 25
"""Most items BatchWriteItem takes."""


def put_events(items: Sequence[dict[str, Any]]) -> None:
    """
    Put timeline items, 25 a call, until DynamoDB has taken every one.

    Raises:
        UnwritableError: DynamoDB will never take one of them, as it is too large.
    """
    _write_all([{"PutRequest": {"Item": to_item(item)}} for item in items])


def drop_items(keys: Iterable[tuple[str, str]]) -> None:
    """Delete the timeline items at these (partition key, sort key) pairs; where there is none, nothing happens."""
    _write_all([{"DeleteRequest": {"Key": {table.PK: {"S": pk}, table.SK: {"S": sk}}}} for pk, sk in keys])


def _write_all(requests: Sequence[Any]) -> None:
    for start in range(0, len(requests), _WRITE):
        pending = list(requests[start : start + _WRITE])
        while pending:
            answer = _put(pending)
            pending = list(answer.get("UnprocessedItems", {}).get(settings.table_name(), []))


def _put(requests: list[Any]) -> Any:
    try:
        return clients.dynamodb().batch_write_item(RequestItems={settings.table_name(): requests})
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationException":
            raise UnwritableError(f"DynamoDB refuses one of {len(requests)} timeline items") from error
        raise


def timeline_item(
    home: str, message_id: str, source: Source, received_at: int, events: Sequence[LeadEvent]
) -> dict[str, Any]:
    """Return the timeline item of the events of one message that live at one home."""
    return {
        table.PK: table.lead_pk(home),
        table.SK: table.events_sk(received_at, message_id),
        "schema": table.SCHEMA,
        "source": source,
        "received_at": instant_text(received_at),
        "events": packed_events(events),
        table.TTL: received_at + KEPT,
    }


def packed_events(events: Iterable[LeadEvent]) -> str | bytes:
    """Return the events as a timeline item keeps them: as JSON, compressed when the item would cost another write unit."""
    text = json.dumps([event.to_json() for event in events], separators=(",", ":"), ensure_ascii=False).encode()
    return zlib.compress(text) if len(text) > _PLAIN else text.decode()


def unpacked_events(held: str | bytes) -> list[dict[str, Any]]:
    """Return the JSON objects of what `packed_events` made of events."""
    found: list[dict[str, Any]] = json.loads(held if isinstance(held, str) else zlib.decompress(held))
    return found


MOST = 20_000
"""Events of one lead that are ever read at once: a machine's timeline fits neither memory nor a function's time."""

HOMES_READ = 100
"""Homes of one lead that are ever read at once: by a key that stands in a page one user id can get thousands of devices."""


@dataclass(frozen=True, slots=True)
class Past:
    """The events read, by home, and the instant before which there may be more than was read; 0 when all was."""

    events: dict[str, list[LeadEvent]]
    since: int = 0


def past(lead: Lead, homes: Iterable[str], first: Iterable[str] = ()) -> Past:
    """
    Return what 100 homes of the lead say, 20,000 events in all: those of `first`, then its own and its names', then those
    of the devices it listed last, then the others.
    """
    listed = sorted(lead.identities.items(), key=lambda each: (each[0].startswith("anon#"), -each[1].last))
    places = dict.fromkeys(homes)
    known = [*first, lead.lead_id, *(naming.home for _, naming in listed)]
    order = [*dict.fromkeys([*(home for home in known if home in places), *places])]
    found: dict[str, list[LeadEvent]] = {}
    since, left = 0, MOST
    for home in order[:HOMES_READ]:
        if left <= 0:
            break
        found[home] = events_at(home, most=left)
        if len(found[home]) >= left:
            since = max(since, min(event.occurred_at for event in found[home]))
        left -= len(found[home])
    return Past(found, since if len(found) == len(order) else lead.newest_at + 1)


def events_at(home: str, *, limit: int | None = None, most: int | None = None) -> list[LeadEvent]:
    """
    Return the newest events of one home, newest items first: 20,000 or `most`, and what else their items hold.

    With `limit`, only those of that many newest items.
    """
    pages = (
        clients.dynamodb()
        .get_paginator("query")
        .paginate(
            TableName=settings.table_name(),
            KeyConditionExpression="#pk = :pk AND begins_with(#sk, :prefix)",
            ExpressionAttributeNames={"#pk": table.PK, "#sk": table.SK},
            ExpressionAttributeValues={":pk": {"S": table.lead_pk(home)}, ":prefix": {"S": table.EVENTS_PREFIX}},
            ScanIndexForward=False,
            ConsistentRead=True,
            PaginationConfig={} if limit is None else {"MaxItems": limit},
        )
    )
    events: list[LeadEvent] = []
    for page in pages:
        for item in page["Items"]:
            events += events_of(from_item(item))
        if len(events) >= (MOST if most is None else most):
            break
    return events


def events_of(item: Mapping[str, Any]) -> list[LeadEvent]:
    """Return the events a plain timeline item holds."""
    received_at = parse_instant(item["received_at"])
    said = unpacked_events(item["events"])
    return [LeadEvent.from_json(each, source=item["source"], received_at=received_at) for each in said]


def recent_events(lead: Lead, limit: int) -> dict[str, list[LeadEvent]]:
    """Return the newest events at each home of the lead, enough for `limit` of its own. At a shared device are others' too."""
    return {home: events_at(home, limit=limit + WITHIN_THE_HOUR) for home in lead.homes}


WITHIN_THE_HOUR = 80
"""Further items read, because items of one hour lie in no order."""


def _weight(event: LeadEvent) -> tuple[int, int]:
    return event.occurred_at, STRICTNESS[event.verdict]


def newest_first(events: Iterable[LeadEvent]) -> list[LeadEvent]:
    """Return each event once, at the latest of the times its copies carry and with the strictest verdict, the newest first."""
    latest: dict[tuple[str, str], LeadEvent] = {}
    for event in events:
        known = latest.get((event.event_id, event.name))
        if known is None or _weight(event) > _weight(known):
            latest[event.event_id, event.name] = event
    return sorted(latest.values(), key=lambda event: (event.occurred_at, event.event_id), reverse=True)
