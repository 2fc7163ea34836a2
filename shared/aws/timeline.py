"""
The timeline: everything a lead did, as it was received, in one item per home and message.

Written before the lead, with the same bytes on redelivery. An item's partition is the home of the event's strongest
identity and never moves; readers unite the homes of a lead by event id.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from shared import settings, table
from shared.aws import clients
from shared.aws.items import from_item, to_item
from shared.errors import UnwritableError
from shared.instants import DAY, instant_text, parse_instant
from shared.lead import Lead, LeadEvent, Source

KEPT = 400 * DAY
"""How long an event rests in the timeline before DynamoDB's TTL removes it."""

_WRITE = 25
"""Most items BatchWriteItem takes."""


def put_events(items: Sequence[dict[str, Any]]) -> None:
    """
    Put timeline items, 25 a call, until DynamoDB has taken every one.

    Raises:
        UnwritableError: DynamoDB will never take one of them, as it is too large.
    """
    requests: list[Any] = [{"PutRequest": {"Item": to_item(item)}} for item in items]
    for start in range(0, len(requests), _WRITE):
        pending = requests[start : start + _WRITE]
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
        "events": json.dumps([event.to_json() for event in events], separators=(",", ":"), ensure_ascii=False),
        table.TTL: received_at + KEPT,
    }


MOST = 20_000
"""Events of one home that are ever read at once: a machine's timeline fits neither memory nor a function's time."""


def events_at(home: str, *, limit: int | None = None) -> list[LeadEvent]:
    """Return the newest 20,000 events of one home, newest items first; with `limit`, only of that many newest items."""
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
            events += _events(from_item(item))
        if len(events) >= MOST:
            break
    return events


def _events(item: Mapping[str, Any]) -> list[LeadEvent]:
    received_at = parse_instant(item["received_at"])
    return [
        LeadEvent.from_json(said, source=item["source"], received_at=received_at) for said in json.loads(item["events"])
    ]


def recent_events(lead: Lead, limit: int, *, until: int | None = None) -> list[LeadEvent]:
    """Return the lead's newest events (up to the instant, when one is given), newest first, each event once."""
    events = newest_first(event for home in lead.homes for event in events_at(home, limit=limit + WITHIN_THE_HOUR))
    return [event for event in events if until is None or event.occurred_at <= until][:limit]


WITHIN_THE_HOUR = 80
"""Further items read, because items of one hour lie in no order."""


def newest_first(events: Iterable[LeadEvent]) -> list[LeadEvent]:
    """Return each event once, at the latest of the times its copies carry, the newest first."""
    latest: dict[tuple[str, str], LeadEvent] = {}
    for event in events:
        known = latest.get((event.event_id, event.name))
        if known is None or event.occurred_at > known.occurred_at:
            latest[event.event_id, event.name] = event
    return sorted(latest.values(), key=lambda event: (event.occurred_at, event.event_id), reverse=True)
