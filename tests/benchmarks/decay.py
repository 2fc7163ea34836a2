"""Write units of a daily decay pass: what the sweep and the settling of due leads write, against writing every lead."""

from dataclasses import dataclass

from functions.decay_sweep.handler import handler as sweep
from functions.score.handler import handler as score
from shared.instants import DAY, MINUTE, instant_text, parse_instant
from tests.audience_events import NOW
from tests.benchmarks.counting import counted
from tests.benchmarks.measuring import Row
from tests.benchmarks.population import MESSAGES, queued
from tests.benchmarks.score import deliver, filled
from tests.benchmarks.stage import Context, hushed
from tests.benchmarks.stub import meddle

PEOPLE = 1_000
DUE = 100
STAGE = 1_000_000
SHARE = 100
"""One lead of so many is due on a day."""
RUNS = DAY // (15 * MINUTE)
"""Sweeps of a day."""


@dataclass(frozen=True)
class Pass:
    """One sweep and the settling of what it found: leads, write units of either, and all calls."""

    due: int
    swept: float
    settled: float
    calls: int


def one_pass(address: str, at: int) -> Pass:
    """Sweep at the instant, and hand what was queued to the score function."""
    with hushed(), counted() as sweeping:
        found = sweep({"time": instant_text(at)}, Context())
    bodies = meddle(address, "Take")["messages"]
    records = [queued(f"settle-{at}-{number}", body, at) for number, body in enumerate(bodies)]
    with counted() as settling:
        deliver(score, [records[start : start + MESSAGES] for start in range(0, len(records), MESSAGES)])
    return Pass(
        int(found["queued"]), sweeping.write_units, settling.write_units, sweeping.all_calls + settling.all_calls
    )


def rows() -> list[Row]:
    """Settle what was left over, then measure a pass with nothing due and one with 100 leads due."""
    with filled(PEOPLE) as address:
        one_pass(address, NOW)
        idle = one_pass(address, NOW + 1)
        at = parse_instant(meddle(address, "Due")["at"][DUE - 1])
        busy = one_pass(address, at)
    assert idle.due == 0, idle
    assert busy.due >= DUE, busy
    each = (busy.swept - idle.swept + busy.settled) / busy.due
    day = RUNS * idle.swept + each * STAGE / SHARE
    return [
        Row("decay", "write units of a sweep, nothing due", "write units", (idle.swept,), better="less"),
        Row("decay", "sweeping, a due lead", "write units", ((busy.swept - idle.swept) / busy.due,), better="less"),
        Row("decay", "settling, a due lead", "write units", (busy.settled / busy.due,), better="less"),
        Row("decay", "calls, a due lead", "calls", (busy.calls / busy.due,), better="less"),
        *(
            Row("decay", f"P6 a day of {STAGE:,} leads, 1% due", "write units", (day,), (STAGE * units,), against,
                better="less", goal=50)
            for against, units in (("writing every lead", 1), ("the same with a score-sorted index", 3))
        ),
    ]  # fmt: skip
