"""What a sweep costs follows what is due: its calls among 10,000 leads or handoffs and among 1,000,000, as many due."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from functions.decay_sweep.handler import handler
from functions.sla_sweep.handler import handler as sla_sweep
from shared import table
from shared.aws.items import to_item
from shared.handoff import Clock, Handoff, ScoreThen
from shared.instants import DAY, HOUR, MINUTE, instant_text
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
        fill(address, leads, due, kind=table.SETTLE, sk=table.LEAD_SK, like={table.VERSION: {"N": "1"}})
        with hushed(), counted() as first:
            answer = handler({"time": instant_text(NOW)}, Context())
        with hushed(), counted() as again:
            handler({"time": instant_text(NOW + 15 * MINUTE - 1)}, Context())
        return Swept(first, again, int(answer["queued"]))


def fill(address: str, items: int, due: int, *, kind: str, sk: str, like: dict[str, Any]) -> None:
    before, later = instant_text(NOW - MINUTE), instant_text(NOW + DAY)
    meddle(address, "Fill", count=items, due=due, due_at=before, later=later, kind=kind, sk=sk, like=like)


def clocks_swept(running: int, due: int = DUE) -> Counts:
    """Sweep a table of so many running handoffs, of which so many have a clock that ran out a minute ago."""
    with serving() as address, staged(address):
        fill(address, running, due, kind=table.SLA, sk=table.handoff_sk(1), like=overdue())
        with hushed(), counted() as calls:
            sla_sweep({"time": instant_text(NOW)}, Context())
        return calls


def overdue() -> dict[str, Any]:
    handoff = Handoff(
        lead_id="", number=1, version=1, state="open", priority="high", owner="maria", reason="Asked for a demo",
        created_at=NOW - HOUR, clocks=(Clock("contact", NOW - MINUTE),), score=ScoreThen(86_000, "A", 3),
    )  # fmt: skip
    return dict(to_item(handoff.to_json()))


def rows() -> list[Row]:
    few, many = swept(FEW), swept(MANY)
    assert few.queued == many.queued == DUE
    few_clocks, many_clocks = clocks_swept(FEW), clocks_swept(MANY)

    def row(name: str, of_many: float, of_few: float, goal: float | None = None) -> Row:
        return Row("sweep", name, f"{DUE} due of {MANY:,}", (of_many,), (of_few,), f"{FEW:,} leads", "less", goal)

    return [
        row("P5 calls", many.first.all_calls, few.first.all_calls, 1),
        row("calls for clocks", many_clocks.all_calls, few_clocks.all_calls, 1),
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
