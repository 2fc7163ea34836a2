"""
AWS calls, items and request units an event: ours, against the reference handler, and against what MiniStack answers.

MiniStack says what a put, a batch of puts and a transaction cost, and those must agree with ours to the unit. It says
nothing of a batch of reads, and one unit of every PartiQL statement whatever it changes, so there the published rules
stand alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from functions.score.handler import handler
from tests.benchmarks import dollars, reference
from tests.benchmarks.counting import counted
from tests.benchmarks.emulated import emulated
from tests.benchmarks.measuring import Row
from tests.benchmarks.population import MESSAGES, Record, Traffic
from tests.benchmarks.score import HOT, deliver, filled, live
from tests.benchmarks.stub import meddle

PEOPLE = 300
BATCHES = 5

TOGETHER = 20
"""Events of one request, of a client that batches."""

GOALS = {"one event a request": 3.80, "20 a request": 1.50, "20 a request, 3 of a lead together": 0.60}
"""Dollars a million events."""

COMPARABLE = ("calls", "items read", "items written", "write units of puts")
"""What MiniStack tells as DynamoDB would."""


@dataclass(frozen=True)
class Kind:
    """One kind of traffic: the people it is drawn from, and how many messages of one are in a batch."""

    name: str
    people: range
    of_one: int = 1

    def batches(self, together: int = 1) -> list[list[Record]]:
        """Return the batches, with so many events in each message."""
        traffic = Traffic(7)
        return [traffic.batch(self.people, of_one=self.of_one, together=together) for _ in range(BATCHES)]


KINDS = (
    Kind("uniform", range(PEOPLE)),
    Kind("3 events of a lead per batch", range(PEOPLE), of_one=3),
    Kind("30 hot leads", range(HOT)),
)


def rows() -> list[Row]:
    with filled(PEOPLE) as address:
        ours = [spent(kind) for kind in KINDS]
        theirs = [_reference(kind, address) for kind in KINDS]
    prices = _dollars()
    with emulated():
        live(range(PEOPLE))
        checked = [spent(kind) for kind in KINDS]
    found = []
    for kind, mine, other, check in zip(KINDS, ours, theirs, checked, strict=True):
        found += [_row(kind, what, value, other, "reference handler") for what, value in mine.items()]
        found += [_row(kind, what, mine[what], check, "MiniStack") for what in COMPARABLE]
    return found + prices


def _dollars() -> list[Row]:
    """
    Return what a million events cost, a request of one or of twenty, from the door to the written lead.

    What a request brought is one message of the queue; `score` gets a hundred events at once either way. Each way starts
    from a table that saw none of its events.
    """
    ways = ((1, KINDS[0]), (TOGETHER, KINDS[0]), (TOGETHER, KINDS[1]))
    found = []
    for (name, goal), (events, kind) in zip(GOALS.items(), ways, strict=True):
        with filled(PEOPLE):
            taken = dollars.ingested(events)
            work, counts = dollars.scored(kind.batches(events))
        parts = {
            "to the queue": dollars.taking_in(taken) / (taken.invocations * events),
            "scored": dollars.scoring(work, counts) / (BATCHES * MESSAGES),
        }
        found += [
            Row("cost", f"{name}: {part}", "$ a million", (each * 1e6,), better="less") for part, each in parts.items()
        ]
        found.append(
            Row("cost", f"{name}: all", "$ a million", (sum(parts.values()) * 1e6,), (goal,), "the goal", "less", 1)
        )
    return found


def _row(kind: Kind, what: str, value: float, other: Mapping[str, float], against: str) -> Row:
    name = f"{kind.name}: {what}"
    if what not in other:
        return Row("cost", name, "an event", (value,), better="less")
    return Row("cost", name, "an event", (value,), (other[what],), against, "less")


def spent(kind: Kind) -> dict[str, float]:
    """Return what the score function asks for an event of this traffic; DynamoDB must know everybody already."""
    with counted() as counts:
        deliver(handler, kind.batches())
    events = BATCHES * MESSAGES
    return {
        "calls": counts.all_calls / events,
        "items read": counts.read / events,
        "items written": counts.written / events,
        "read units": counts.read_units / events,
        "write units": counts.write_units / events,
        "write units of puts": (counts.write_units - counts.statement_units) / events,
    }


def _reference(kind: Kind, address: str) -> dict[str, float]:
    """What the reference handler asks of the stub, as the stub counts it."""
    batches = kind.batches()
    reference.forget()
    meddle(address, "Tally")
    deliver(reference.handler, batches)
    tally: dict[str, Any] = meddle(address, "Tally")
    events = BATCHES * MESSAGES
    return {
        "calls": sum(tally["calls"].values()) / events,
        "read units": tally["read_units"] / events,
        "write units": tally["write_units"] / events,
    }
