"""
Who the benchmarks send events of: the demo's audience, copied until there are enough people, and what each does next.

A copy of a person is another person with the same life: same events, other ids.
"""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from shared.instants import DAY, MINUTE
from shared.lead import LeadEvent, queue_message
from tests.audience_events import NOW, everybody, lead_event

MESSAGES = 100
"""Messages of one batch: what the queue's event source hands over at most under load."""

Record = dict[str, Any]


@cache
def _lives() -> tuple[tuple[LeadEvent, ...], ...]:
    """The events of everybody who said who they are, oldest first."""
    by_device: dict[str, list[LeadEvent]] = {}
    for call in everybody().calls:
        by_device.setdefault(call.anonymous_id, []).append(lead_event(call))
    return tuple(
        tuple(sorted({each.event_id: each for each in events}.values(), key=lambda each: each.occurred_at))
        for events in by_device.values()
        if any(each.user_id for each in events)
    )


def life(person: int) -> tuple[LeadEvent, ...]:
    """Return what the person with this number did until now, oldest first."""
    copy, number = divmod(person, len(_lives()))
    return tuple(_of_copy(event, copy) for event in _lives()[number])


def _of_copy(event: LeadEvent, copy: int) -> LeadEvent:
    if copy == 0:
        return event
    email = event.email and event.email.replace("@", f"+{copy}@", 1)
    return replace(
        event,
        event_id=f"{event.event_id}-{copy}",
        anonymous_id=event.anonymous_id and f"{event.anonymous_id}-{copy}",
        user_id=event.user_id and f"{event.user_id}-{copy}",
        email=email,
        traits={**event.traits, "email": email} if "email" in event.traits else event.traits,
    )


def history(people: Sequence[int]) -> Iterator[list[Record]]:
    """Yield batches that bring the table to what a stage holds: each day of each person as it came, one message a day."""
    days: list[tuple[int, list[LeadEvent]]] = []
    for person in people:
        by_day: dict[tuple[int, str], list[LeadEvent]] = {}
        for event in life(person):
            by_day.setdefault((event.occurred_at // DAY, event.source), []).append(event)
        days += [(events[-1].occurred_at + MINUTE, events) for events in by_day.values()]
    days.sort(key=lambda each: (each[0], each[1][0].event_id))
    for start in range(0, len(days), MESSAGES):
        yield [record(events, at) for at, events in days[start : start + MESSAGES]]


def record(events: Sequence[LeadEvent], received_at: int) -> Record:
    """Return the queue's record of one message with these events."""
    body = json.dumps(
        queue_message(events[0].source, received_at, list(events)), separators=(",", ":"), ensure_ascii=False
    )
    return queued(f"message-{events[0].event_id}", body, received_at)


def queued(message_id: str, body: str, sent_at: int) -> Record:
    """Return the record in which the queue hands over the message."""
    return {
        "messageId": message_id,
        "receiptHandle": "handle",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": str(sent_at * 1000)},
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:events",
        "awsRegion": "us-east-1",
    }


class Traffic:
    """What people do from now on: a minute passes with every batch, and no event comes twice."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.at = NOW
        self.number = 0

    def batch(
        self, people: Sequence[int], *, messages: int = MESSAGES, of_one: int = 1, together: int = 1
    ) -> list[Record]:
        """
        Return a batch of so many events.

        Args:
            people: Whom to draw from; every draw is somebody else until all had a turn.
            messages: How many messages there are of one event each.
            of_one: How many of the events are of one person.
            together: How many events one message holds. Those of one person then come in one, as those of a visit do.
        """
        self.at += MINUTE
        drawn: list[int] = []
        while len(drawn) * of_one < messages:
            wanted = min(len(people), -(-messages // of_one) - len(drawn))
            drawn += self.random.sample(people, wanted)
        turns = [person for person in drawn for _ in range(of_one)][:messages]
        if together == 1:
            self.random.shuffle(turns)
        events = [self._next(person) for person in turns]
        return [record(events[start : start + together], self.at) for start in range(0, len(events), together)]

    def _next(self, person: int) -> LeadEvent:
        """Return one more event of a kind the person had before, some seconds ago."""
        self.number += 1
        known = next(event for event in life(person) if event.user_id)
        seen = self.random.choice(life(person))
        return replace(
            seen,
            event_id=f"now-{self.number}",
            user_id=known.user_id,
            occurred_at=self.at - self.random.randint(1, 50),
            received_at=self.at,
        )
