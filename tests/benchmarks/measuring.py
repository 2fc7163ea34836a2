"""Rounds, rates and rows: CPU seconds of this process, both sides in turn, the median and the worst of the rounds."""

import gc
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Literal

ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Row:
    """
    One measured thing, a value a round: ours, and where there is one the other side's of the same round.

    `better` says whether more or less of the unit is better; a ratio above 1 is in our favour either way. `goal` is the
    ratio aimed at.
    """

    section: str
    name: str
    unit: str
    ours: tuple[float, ...]
    other: tuple[float, ...] = ()
    against: str = ""
    better: Literal["more", "less"] = "more"
    goal: float | None = None

    @property
    def ratios(self) -> tuple[float, ...]:
        pairs = zip(self.ours, self.other, strict=False)
        return tuple(mine / theirs if self.better == "more" else theirs / mine for mine, theirs in pairs)

    def worst(self, values: Sequence[float]) -> float:
        return min(values) if self.better == "more" else max(values)

    def to_json(self) -> str:
        return json.dumps(asdict(self) | {"ratios": self.ratios})


def rate(count: int, work: Callable[[], object]) -> float:
    """Return how many of `count` things the work does in a second of this process's CPU."""
    gc.collect()
    start = time.process_time()
    work()
    return count / (time.process_time() - start)


def in_turn(ours: Callable[[], float], other: Callable[[], float]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return what each side measured in each round, after one round for warmth; who begins changes every round."""
    mine: list[float] = []
    theirs: list[float] = []
    sides = [(ours, mine), (other, theirs)]
    for _ in range(1 + ROUNDS):
        for side, values in sides:
            values.append(side())
        sides.reverse()
    return tuple(mine[1:]), tuple(theirs[1:])


def alone(ours: Callable[[], float]) -> tuple[float, ...]:
    """Return what was measured in each round, after one round for warmth."""
    return tuple(ours() for _ in range(1 + ROUNDS))[1:]


def table(rows: Sequence[Row]) -> str:
    """Return the rows as text: the median and the worst round of each side, and of their ratio."""
    head = ("", "ours", "worst", "other", "worst", "ratio", "worst", "goal", "unit")
    lines = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in (0, len(head) - 1) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _cells(row: Row) -> tuple[str, ...]:
    name = f"{row.section}: {row.name}" + (f" vs {row.against}" if row.against else "")
    other = (_number(median(row.other)), _number(row.worst(row.other))) if row.other else ("", "")
    ratio = (f"{median(row.ratios):.2f}x", f"{min(row.ratios):.2f}x") if row.other else ("", "")
    goal = "" if row.goal is None else f"{row.goal:g}x"
    return name, _number(median(row.ours)), _number(row.worst(row.ours)), *other, *ratio, goal, row.unit


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
