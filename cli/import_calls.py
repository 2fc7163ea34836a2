"""A line of a file of events, read into calls of Segment's API as a stage takes them: who, when and which settled."""

from collections.abc import Iterator, Mapping
from typing import Any

from cli.event_files import json_object, received_when
from shared.errors import InvalidInputError
from shared.instants import instant_text
from shared.intake.fields import mapping
from shared.intake.segment import read_batch

Problem = tuple[str, str]
"""A field, and what is wrong with it and how to mend it."""

_OF_THE_SENDING = frozenset({"sentAt", "receivedAt", "originalTimestamp", "writeKey", "_metadata"})
"""What was said of sending an event then, and would be taken for the sending of it now."""


def calls_of(line: str) -> tuple[list[dict[str, Any]], list[Problem]]:
    """
    Return the calls of a line that a stage takes, and what is wrong with the others.

    Raises:
        InvalidInputError: The line as a whole cannot be used.
    """
    said = json_object(line)
    if "event_id" in said or "events" in said:
        raise InvalidInputError(
            "the line", "is an event of our own queue: import what clients sent, calls with a `type`"
        )
    if "batch" not in said:
        return _call(said, said, {}), []
    if not isinstance(said["batch"], list):
        raise InvalidInputError("batch", "must be a list of events")
    around = mapping(said.get("context"), "context")
    calls: list[dict[str, Any]] = []
    problems: list[Problem] = []
    for index, each in enumerate(said["batch"]):
        try:
            calls += _call(each, said, around)
        except InvalidInputError as error:
            problems.append((f"batch[{index}].{error.field}", error.problem))
    return calls, problems


def _call(said: Any, outer: Mapping[str, Any], around: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the call as it will be sent; none when its sender kept it from us."""
    if not isinstance(said, dict):
        raise InvalidInputError("body", "must be an object")
    for key in (said.get("writeKey"), outer.get("writeKey")):
        if str(key).startswith("public_"):
            raise InvalidInputError(
                "writeKey", "is a public key, which proves nothing: take it out to vouch for the event"
            )
    call = {name: value for name, value in said.items() if name not in _OF_THE_SENDING}
    if around:
        call["context"] = {**around, **mapping(said.get("context"), "context")}
    when = next((each for each in _sendings(said, outer) if each), said)
    events, refused = read_batch(
        {"batch": [said if not around else {**said, "context": call["context"]}], "history": True},
        intake="server",
        received_at=received_when(when),
    )
    for each in refused:
        raise InvalidInputError(each.field, each.message)
    return [{**call, "messageId": event.event_id, "timestamp": instant_text(event.occurred_at)} for event in events]


def _sendings(said: Mapping[str, Any], outer: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield what says when the event was sent: the call itself, or the batch around it."""
    for each in (said, outer):
        if each.get("receivedAt") or each.get("sentAt"):
            yield each
