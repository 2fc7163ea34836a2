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
from typing import Any

from shared.errors import InvalidInputError, RipenError
from shared.instants import parse_instant
from shared.intake.fields import moment
from shared.intake.segment import Intake, Rejection, read_batch
from shared.lead import LeadEvent
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
    lines = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    events: list[LeadEvent] = []
    refused: list[str] = []
    for number, line in enumerate(lines.split("\n"), start=1):
        if not line.strip():
            continue
        place = f"{file}:{number}"
        try:
            said = _object(line)
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
        except (TypeError, ValueError, AttributeError, RecursionError) as error:
            raise EventsError(f"{place}: {error}") from error
    return EventFile(tuple(events), tuple(refused))


def _object(line: str) -> dict[str, Any]:
    said = json.loads(line)
    if not isinstance(said, dict):
        raise TypeError("a line must be a JSON object")
    return said


def _lead_events(said: Mapping[str, Any]) -> Iterator[LeadEvent]:
    """Read a queue message, or an event that may say its source and receive time itself."""
    for event in said.get("events", [said]):
        received_at = said.get("received_at") or event["occurred_at"]
        read = LeadEvent.from_json(event, source=said.get("source", "server"), received_at=parse_instant(received_at))
        if not named(read):
            raise ValueError("the event names nobody: give email, user_id or anonymous_id")
        yield read


def _call(said: Mapping[str, Any]) -> LeadEvent:
    """Read one call. Raises InvalidInputError when a stage would refuse it."""
    events, refused = read_batch({"batch": [said]}, intake=_intake(said), received_at=_received_at(said))
    for each in refused:
        raise InvalidInputError(each.field, each.message)
    return events[0]


def _batch(said: Mapping[str, Any]) -> tuple[list[LeadEvent], list[Rejection]]:
    """Read a batch, which arrived at one instant when it says which; otherwise each of its calls when it happened."""
    if not isinstance(said["batch"], list):
        raise InvalidInputError("batch", "must be a list of events")
    if said.get("receivedAt") or said.get("sentAt"):
        return read_batch(said, intake=_intake(said), received_at=_received_at(said))
    events: list[LeadEvent] = []
    refused: list[Rejection] = []
    for index, call in enumerate(said["batch"]):
        try:
            received_at = _received_at(call) if isinstance(call, dict) else 0  # read_batch refuses what is none
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


def _received_at(said: Mapping[str, Any]) -> int:
    """Return when a stage would have received a call or a batch: when it says so, else when it was sent or happened."""
    for field in ("receivedAt", "sentAt", "timestamp", "originalTimestamp"):
        if (instant := moment(said.get(field), field)) is not None:
            return instant
    raise InvalidInputError("timestamp", "is missing: a file must say when, by timestamp, sentAt or receivedAt")
