"""What a sweep costs follows the leads that are due: its calls among 10,000 leads and among 1,000,000, as many due."""

from collections import Counter
from dataclasses import dataclass

from functions.decay_sweep.handler import handler
from shared.instants import DAY, MINUTE, instant_text
from tests.audience_events import NOW
from tests.benchmarks.counting import Counts, counted
from tests.benchmarks.measuring import Row
from tests.benchmarks.stage import Context, hushed, staged
from tests.benchmarks.stub import meddle, serving

DUE = 1_000
FEW = 10_000
MANY = 1_000_000


@dataclass(frozen=True)
class Swept:
    """What one sweep asked of AWS, and the next one a quarter of an hour later, when nothing more is due."""

    first: Counts
    next: Counts
    queued: int


def swept(leads: int, due: int = DUE) -> Swept:
    """Sweep a table of so many leads of which so many are due, and sweep it again."""
    with serving() as address, staged(address):
        meddle(address, "Fill", count=leads, due=due, due_at=instant_text(NOW - MINUTE), later=instant_text(NOW + DAY))
        with hushed(), counted() as first:
            answer = handler({"time": instant_text(NOW)}, Context())
        with hushed(), counted() as again:
            handler({"time": instant_text(NOW + 15 * MINUTE - 1)}, Context())
        return Swept(first, again, int(answer["queued"]))


def rows() -> list[Row]:
    few, many = swept(FEW), swept(MANY)
    assert few.queued == many.queued == DUE

    def row(name: str, of_many: float, of_few: float, goal: float | None = None) -> Row:
        return Row("sweep", name, f"{DUE} due of {MANY:,}", (of_many,), (of_few,), f"{FEW:,} leads", "less", goal)

    return [
        row("P5 calls", many.first.all_calls, few.first.all_calls, 1),
        row("read units", many.first.read_units, few.first.read_units),
        row("write units", many.first.write_units, few.first.write_units),
        row("calls of the next, none due", many.next.all_calls, few.next.all_calls),
        *(
            row(f"calls of {name}", calls, _of(few.first.calls, name))
            for name, calls in sorted(many.first.calls.items())
        ),
    ]


def _of(calls: Counter[str], name: str) -> int:
    return calls[name]
