"""The whole score function against the reference handler: messages of the queue in, leads written to a stub, per CPU-second."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

from functions.score.handler import handler
from shared.aws import leads
from shared.identity import home
from shared.instants import instant_text
from shared.lead import Alias, Lead
from shared.rules.people import named
from tests.audience_events import NOW
from tests.benchmarks import reference
from tests.benchmarks.measuring import Row, in_turn, rate
from tests.benchmarks.population import MESSAGES, Record, Traffic, history, life, queued
from tests.benchmarks.stage import Context, hushed, staged
from tests.benchmarks.stub import SECRET, serving

PEOPLE = 1_000
HOT = 30

OURS = 5
OTHERS = 2
"""Batches of one round, of ours and of the reference handler, which takes longer for each."""


def deliver(handle: Callable[[dict[str, Any], Any], Any], batches: Sequence[list[Record]]) -> None:
    """Hand the batches to the handler, quietly. Raises AssertionError when a message failed."""
    with hushed():
        for batch in batches:
            answer = handle({"Records": batch}, Context())
            assert not answer["batchItemFailures"], answer


@contextmanager
def filled(people: int) -> Iterator[str]:
    """Run a stub in which so many people already have their lives behind them."""
    with serving() as address, staged(address):
        reference.forget()
        live(range(people))
        yield address


def live(people: Sequence[int]) -> None:
    """
    Have the score function write what the people did until now.

    What was due by then is settled, as the decay sweep sees to every few minutes: else the event that comes next would
    pay for a due instant long past and a band long left.
    """
    deliver(handler, list(history(people)))
    deliver(handler, [[_settling(stored(people))]])


def stored(people: Iterable[int]) -> dict[str, Lead]:
    """Return the stored lead of each person by its id."""
    known = [next(event for event in life(person) if event.user_id) for person in people]
    found = leads.load({home(*next(iter(named(event))), SECRET) for event in known})
    return leads.get_leads({entry.alias_of if isinstance(entry, Alias) else place for place, entry in found.items()})


def _settling(found: Mapping[str, Lead]) -> Record:
    """Return the message with which the sweep has those of the leads settled that are due."""
    due = sorted(lead_id for lead_id, lead in found.items() if lead.due_at is not None and lead.due_at <= NOW)
    body = {"schema": 1, "settle": due, "as_of": instant_text(NOW)}
    return queued("message-settle", json.dumps(body), NOW)


def rows() -> list[Row]:
    with filled(PEOPLE):
        known, hot = range(PEOPLE), range(HOT)
        return [
            _row("P1 100 messages of as many known leads", known, goal=10),
            _row("100 messages of 34 known leads, 3 each", known, of_one=3),
            _row("P2 100 messages of 30 hot leads", hot, goal=30),
            _row("100 messages of as many new leads", None),
        ]


def _row(name: str, people: range | None, *, of_one: int = 1, goal: float | None = None) -> Row:
    """Measure one kind of traffic; each side gets its own, of the same seed. Without people, everybody is new."""

    def side(handle: Callable[[dict[str, Any], Any], Any], batches: int) -> Callable[[], float]:
        traffic = Traffic(7)
        strangers = count(PEOPLE, MESSAGES)

        def measured() -> float:
            drawn = [
                traffic.batch(people if people is not None else range(start := next(strangers), start + MESSAGES),
                              of_one=of_one)
                for _ in range(batches)
            ]  # fmt: skip
            return rate(batches * MESSAGES, lambda: deliver(handle, drawn))

        return measured

    ours, other = in_turn(side(handler, OURS), side(reference.handler, OTHERS))
    return Row("score", name, "events per CPU-s", ours, other, "reference handler", goal=goal)
