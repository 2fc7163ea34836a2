"""The demo's audience as lead events: what ingest makes of its calls, without the network."""

import random
from collections.abc import Sequence
from functools import cache
from urllib.parse import urlencode

from functions.ingest.forms import form_event, read_form
from functions.ingest.forms_body import pairs_of
from infra.local.demo.audience import Audience, Call, audience
from infra.local.demo.posting import form_fields
from shared.instants import instant_text, parse_instant
from shared.intake.segment import read_call
from shared.lead import LeadEvent

SEED = 7
NOW = parse_instant("2026-11-18T10:00:00Z")
AS_OF = parse_instant("2026-11-20T00:00:00Z")


@cache
def everybody() -> Audience:
    return audience(SEED, NOW)


def calls_of(numbers: Sequence[int]) -> list[Call]:
    """Return the calls of the people with these numbers, in the order they arrive."""
    people = everybody().people
    ids = {people[number % len(people)].user_id for number in numbers}
    devices = {call.anonymous_id for call in everybody().calls if call.user_id in ids}
    return [call for call in everybody().calls if call.user_id in ids or call.anonymous_id in devices]


def lead_event(call: Call) -> LeadEvent:
    """Return what ingest would put on the queue for the call."""
    if call.kind == "form":
        body = urlencode(form_fields(call, "key")).encode()
        form = read_form(call.name, pairs_of(body, "application/x-www-form-urlencoded"))
        return form_event(form, intake="public", received_at=NOW, headers={})
    said = {
        "messageId": call.message_id,
        "timestamp": instant_text(call.at),
        "userId": call.user_id,
        "anonymousId": call.anonymous_id,
        **_said(call),
    }
    return read_call(said, call.kind, intake="server", received_at=NOW)


@cache
def _every() -> tuple[tuple[Call, LeadEvent], ...]:
    return tuple((call, lead_event(call)) for call in everybody().calls)


def events_of(numbers: Sequence[int]) -> list[LeadEvent]:
    """Return what `calls_of` these people become; each is made once, however often it is asked for."""
    wanted = {id(call) for call in calls_of(numbers)}
    return [event for call, event in _every() if id(call) in wanted]


def _said(call: Call) -> dict[str, object]:
    said = dict(call.said)
    if call.kind == "identify":
        return {"traits": said}
    if call.kind == "group":
        return {"groupId": said["name"], "traits": said}
    if call.kind == "page":
        return {"name": said["title"], "properties": said}
    return {"event": call.name, "properties": said}


def rearranged(events: Sequence[LeadEvent], chance: random.Random, batches: int) -> list[list[LeadEvent]]:
    """Return the events in a random order, some of them again, cut into batches at random places."""
    arrived = [*events, *chance.sample(list(events), len(events) // 5)]
    chance.shuffle(arrived)
    cuts = sorted(chance.sample(range(1, len(arrived)), min(batches, len(arrived)) - 1))
    return [arrived[start:end] for start, end in zip([0, *cuts], [*cuts, len(arrived)], strict=True)]
