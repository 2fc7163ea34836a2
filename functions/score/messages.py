"""What arrives on the `events` queue, as plain values: lead events, settle requests, handoff changes from the bus."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from shared.handoff import SYSTEM
from shared.instants import DAY, EARLIEST, parse_instant
from shared.lead import LeadEvent, Source
from shared.rules.bots import judgement_of
from shared.rules.facts import adjusted
from shared.rules.people import named

OUTCOME_EVENTS = {
    "HandoffAccepted": "Lead Accepted",
    "HandoffRejected": "Lead Rejected",
    "HandoffContacted": "Lead Contacted",
}
"""Bus events that tell the lead what sales did, and the name the lead's timeline gives them."""

CLOSING_EVENTS = {"won": "Lead Won", "lost": "Lead Lost"}


@dataclass(frozen=True, slots=True)
class Message:
    """One queue message: events of leads, or leads to settle at `as_of`; `announce` tells what was settled silently."""

    message_id: str
    as_of: int
    source: Source
    events: tuple[LeadEvent, ...] = ()
    settle: tuple[str, ...] = ()
    announce: bool = False

    @property
    def weight(self) -> int:
        """How many events or leads the message asks to be worked on."""
        return len(self.events) + len(self.settle)


def read_message(record: Mapping[str, Any]) -> Message:
    """Read one SQS record. Raises KeyError, TypeError or ValueError when the message is not one of ours."""
    body = json.loads(record["body"])
    message_id = str(record["messageId"])
    if "detail-type" in body:
        return _from_bus(message_id, body)
    if "settle" in body:
        leads = tuple(map(str, body["settle"]))
        announce = body.get("announce") is True
        return Message(message_id, parse_instant(body["as_of"]), "system", settle=leads, announce=announce)
    source = body["source"]
    if source not in get_args(Source):
        raise ValueError("source")
    received_at = parse_instant(body["received_at"])
    events = tuple(LeadEvent.from_json(said, source=source, received_at=received_at) for said in body["events"])
    for event in events:
        _check(event)
    return Message(message_id, received_at, source, events)


MAX_IDENTIFIER = 256
"""Characters, as intake takes them: longer ones would make an item of any size."""


def _check(event: LeadEvent) -> None:
    """Raise ValueError for what intake would not have let in: another producer's, or an older version's."""
    if not (event.lead_id or event.email or event.user_id or event.anonymous_id):
        raise ValueError("identity")
    if event.lead_id and event.source != "system":
        raise ValueError("lead_id")
    if any(len(value) > MAX_IDENTIFIER for value in (event.email or "", *(value for _, value in named(event)))):
        raise ValueError("identity")
    if not EARLIEST <= event.occurred_at <= event.received_at + DAY:
        raise ValueError("occurred_at")
    adjusted(event, "")
    judgement_of(event, "")


def _from_bus(message_id: str, body: Mapping[str, Any]) -> Message:
    """A handoff change becomes an event of the lead; its id is the change's, so a copy from the bus is a duplicate."""
    detail = body["detail"]
    at = parse_instant(detail["occurred_at"])
    name = CLOSING_EVENTS.get(detail.get("outcome", "")) or OUTCOME_EVENTS.get(body["detail-type"])
    if name is None or detail.get("by") == SYSTEM:  # what the lead itself brought about is no news to it
        return Message(message_id, at, "system")
    properties = {key: detail[key] for key in ("handoff", "reason_code", "means") if key in detail}
    event = LeadEvent(
        event_id=str(detail["change_id"])[:100],
        name=name,
        occurred_at=at,
        received_at=at,
        source="system",
        lead_id=str(detail["lead_id"]),
        properties=properties,
    )
    return Message(message_id, at, "system", (event,))
