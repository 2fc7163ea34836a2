"""
Packing events into as few queue messages as possible.

SQS bills every 64 KB and takes 1 MiB in a call; `score` reads one lead once per batch, so events that came together
stay together.
"""

from collections.abc import Iterable
from typing import Any

from shared.intake.values import TooLargeError, size_of
from shared.lead import LeadEvent, Source, queue_message

MESSAGE_BYTES = 200_000
"""Largest message. One under SQS's limit that leaves a redelivered batch of them small."""

MESSAGE_EVENTS = 500
"""Most events of a message: `score` works on a message whole, within its time."""

REQUEST_BYTES = 1_000_000
"""Most bytes a request may queue: what one call to SQS carries (1,048,576) less the messages' own wrapping."""

_WRAPPING = 200


def messages(events: Iterable[LeadEvent], *, intake: Source, received_at: int) -> list[dict[str, Any]]:
    """
    Return the queue messages that carry the events, in order.

    Raises:
        TooLargeError: Together they are too large; a long context of a batch counts once for each of its events.
    """
    packed: list[list[LeadEvent]] = []
    room = total = 0
    for event in events:
        size = size_of(event.to_json()) + 1
        total += size
        if total > REQUEST_BYTES:
            raise TooLargeError("batch", "is too large once its context stands in every event: send several batches")
        if size > room or len(packed[-1]) == MESSAGE_EVENTS:
            packed.append([])
            room = MESSAGE_BYTES - _WRAPPING
        packed[-1].append(event)
        room -= size
    return [queue_message(intake, received_at, chunk) for chunk in packed]
