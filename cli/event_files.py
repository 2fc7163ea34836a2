"""
Files of events: one JSON object a line, each the way one of our queues or a client's SDK would say it.

A line is a lead event (what the queue and the timeline hold), a message of the events queue, a call of Segment's API,
or the body of a batch of calls. Calls are read by the code that reads them when they arrive over HTTP.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from shared.errors import InvalidInputError, RipenError
from shared.instants import WRITABLE
from shared.intake.fields import mapping, moment, text_of
from shared.intake.segment import Intake, Rejection, read_batch
from shared.intake.values import plain, storable
from shared.lead import LeadEvent, Source, Verdict
from shared.rules.people import named

_OF_A_CALL = frozenset({"type", "messageId", "event"})
"""What a call has and a lead event has not."""


class EventsError(RipenError):
    """The file cannot be used; the message names the line."""


@dataclass(frozen=True, slots=True)
class EventFile:
    """The events of a file, and in words those of its batches that a stage would refuse while it takes the others."""

    events: tuple[LeadEvent, ...]
    refused: tuple[str, ...]


def read_events(file: str) -> EventFile:
    """
    Return what the file says; `-` is standard input.

    Raises:
        EventsError: A line is no event.
        OSError: There is no such file.
    """
    name = "standard input" if file == "-" else file
    events: list[LeadEvent] = []
    refused: list[str] = []
    for number, line in enumerate(_text(file, name).split("\n"), start=1):
        if not line.strip():
            continue
        place = f"{name}:{number}"
        try:
            said = json_object(line)
            if "batch" in said:
                taken, left = _batch(said)
                events += taken
                refused += [f"{place}: batch[{each.index}]: {each.field} {each.message}" for each in left]
            elif "event_id" not in said and _OF_A_CALL & said.keys():
                events.append(_call(said))
            else:
                events += _lead_events(said)
        except KeyError as error:
            raise EventsError(f"{place}: {error.args[0]} is missing") from error
        except InvalidInputError as error:
            raise EventsError(f"{place}: {error.field} {error.problem}") from error
        except ValueError as error:
            raise EventsError(f"{place}: {error}") from error
    return EventFile(tuple(events), tuple(refused))


def _text(file: str, name: str) -> str:
    said = sys.stdin.read().encode(errors="surrogateescape") if file == "-" else Path(file).read_bytes()
    try:
        return said.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = said[: error.start].count(b"\n") + 1
        raise EventsError(f"{name}:{line}: is no text in UTF-8; save the file as UTF-8") from error


def json_object(line: str) -> dict[str, Any]:
    try:
        said = json.loads(line)
    except json.JSONDecodeError as error:
        problem = f"is no JSON in column {error.colno} ({error.msg}); write one JSON object a line"
        raise InvalidInputError("the line", problem) from error
    except (ValueError, RecursionError) as error:
        problem = "is nested too deep or has a number of thousands of digits; write what a stage would take"
        raise InvalidInputError("the line", problem) from error
    if not isinstance(said, dict):
        raise ValueError("a line must be a JSON object")  # noqa: TRY004 - a mistake in the file
    return said


def _lead_events(said: Mapping[str, Any]) -> Iterator[LeadEvent]:
    """Read a queue message, or an event that may say its source and receive time itself."""
    events = said.get("events", [said])
    if not isinstance(events, list):
        raise InvalidInputError("events", "must be a list of events")
    source: Source = said.get("source", "server")
    if source not in get_args(Source):
        raise InvalidInputError("source", f"must be one of {', '.join(get_args(Source))}")
    received_at = _writable(moment(said.get("received_at"), "received_at"), "received_at")
    for number, event in enumerate(events):
        within = f"events[{number}]" if "events" in said else ""
        if not isinstance(event, dict):
            raise InvalidInputError(within, "must be an object")
        try:
            yield _lead_event(event, source, received_at)
        except InvalidInputError as error:
            raise InvalidInputError(f"{within}.{error.field}".lstrip("."), error.problem) from error


def _lead_event(said: Mapping[str, Any], source: Source, received_at: int | None) -> LeadEvent:
    """Read one lead event. Raises InvalidInputError when a stage could not take it."""
    for field in ("event_id", "name"):
        if said.get(field) is not None and text_of(said[field]) is None:
            raise InvalidInputError(field, "must be text")
    for field in ("email", "user_id", "anonymous_id", "lead_id"):
        who = said.get(field)
        if not isinstance(who, str | None):
            raise InvalidInputError(field, 'must be text: write it in quotes, as in "u-42"')
        if who is not None and storable(who) != who:
            raise InvalidInputError(field, "holds half a character (a lone surrogate): write the whole one")
    if said.get("verdict", "human") not in get_args(Verdict):
        raise InvalidInputError("verdict", f"must be one of {', '.join(get_args(Verdict))}")
    occurred_at = _writable(moment(said["occurred_at"], "occurred_at"), "occurred_at")
    if occurred_at is None:
        raise InvalidInputError("occurred_at", "must be an ISO 8601 time such as 2026-01-05T09:00:00Z")
    values = {field: plain(mapping(said.get(field), field), (field,)) for field in ("properties", "traits", "context")}
    read = LeadEvent.from_json(
        {**said, **values}, source=source, received_at=occurred_at if received_at is None else received_at
    )
    if not named(read):
        raise InvalidInputError("the event", "names nobody: give email, user_id or anonymous_id")
    return read


def _writable(instant: int | None, field: str) -> int | None:
    """Return the instant. A time that could not be written again is told here, by its field."""
    if instant is not None and instant not in WRITABLE:
        raise InvalidInputError(field, "must lie in one of the years 1000 to 9999 in UTC")
    return instant


def _call(said: Mapping[str, Any]) -> LeadEvent:
    """Read one call. Raises InvalidInputError when a stage would refuse it."""
    events, refused = read_batch({"batch": [said]}, intake=_intake(said), received_at=received_when(said))
    for each in refused:
        raise InvalidInputError(each.field, each.message)
    return events[0]


def _batch(said: Mapping[str, Any]) -> tuple[list[LeadEvent], list[Rejection]]:
    """Read a batch, which arrived at one instant when it says which; otherwise each of its calls when it happened."""
    if not isinstance(said["batch"], list):
        raise InvalidInputError("batch", "must be a list of events")
    if said.get("receivedAt") or said.get("sentAt"):
        return read_batch(said, intake=_intake(said), received_at=received_when(said))
    events: list[LeadEvent] = []
    refused: list[Rejection] = []
    for index, call in enumerate(said["batch"]):
        try:
            received_at = received_when(call) if isinstance(call, dict) else 0  # read_batch refuses what is none
        except InvalidInputError as error:
            refused.append(Rejection(index, error.field, error.problem))
            continue
        taken, left = read_batch({**said, "batch": [call]}, intake=_intake(said), received_at=received_at)
        events += taken
        refused += [Rejection(index, each.field, each.message) for each in left]
    return events, refused


def _intake(said: Mapping[str, Any]) -> Intake:
    """Return what the key in the body proves; a file without keys comes from whoever may read them all."""
    return "public" if str(said.get("writeKey", "")).startswith("public_") else "server"


def received_when(said: Mapping[str, Any]) -> int:
    """Return when a stage would have received a call or a batch: when it says so, else when it was sent or happened."""
    for field in ("receivedAt", "sentAt", "timestamp", "originalTimestamp"):
        if (instant := _writable(moment(said.get(field), field), field)) is not None:
            return instant
    raise InvalidInputError("timestamp", "is missing: a file must say when, by timestamp, sentAt or receivedAt")
