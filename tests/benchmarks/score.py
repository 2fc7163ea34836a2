"""The whole score function against the reference handler: messages of the queue in, leads written to a stub, per CPU-second."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

from functions.score.handler import handler
from tests.benchmarks import reference
from tests.benchmarks.measuring import Row, in_turn, rate
from tests.benchmarks.population import MESSAGES, Record, Traffic, history
from tests.benchmarks.stage import Context, hushed, staged
from tests.benchmarks.stub import serving

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
    """Run a stub in which so many people already have their lives behind them, as the score function writes them."""
    with serving() as address, staged(address):
        reference.forget()
        deliver(handler, list(history(range(people))))
        yield address


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
