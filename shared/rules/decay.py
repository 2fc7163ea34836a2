"""
What is left of a fact's points after a while: exact, in integers.

Floats gave different totals for the same facts on different machines, so a half-life is computed from a fixed-point
table built with integer square roots: every Python on every processor gives the same milli-points.
"""

from itertools import pairwise
from math import isqrt

_BITS = 62
_STEPS_LOG2 = 8
_STEPS = 1 << _STEPS_LOG2
_GUARD = 128


def _halving_table() -> tuple[int, ...]:
    """
    Return 2^(-i/256) for i in 0..256, scaled by 2^62 and rounded down.

    Between two entries the curve is taken as a line: at most 0.92 millionths of the points too high, and never rising.
    """
    scale = 1 << (_BITS + _GUARD)
    roots = [scale >> 1]
    for _ in range(_STEPS_LOG2):
        roots.append(isqrt(roots[-1] * scale))
    table = []
    for step in range(_STEPS + 1):
        value = scale
        for bit in range(_STEPS_LOG2 + 1):
            if step >> bit & 1:
                value = value * roots[_STEPS_LOG2 - bit] >> (_BITS + _GUARD)
        table.append(value >> _GUARD)
    return tuple(table)


_TABLE = _halving_table()
_STRETCHES = tuple((upper, upper - lower) for upper, lower in pairwise(_TABLE))
"""Of each stretch of the curve where it begins and how far it falls."""


def halved(milli_points: int, age: int, half_life: int) -> int:
    """
    Points left after `age` seconds when half of them go every `half_life` seconds.

    Args:
        milli_points: Milli-points at age 0; may be negative.
        age: Seconds since the fact; negative counts as 0.
        half_life: Seconds, positive.
    Returns: Milli-points rounded half away from zero, once; never further from zero than before.
    """
    if age <= 0:
        return milli_points
    halvings, rest = divmod(age, half_life)
    if halvings >= _BITS:
        return 0
    step, within = divmod(rest * _STEPS, half_life)
    upper, fall = _STRETCHES[step]
    twice = abs(milli_points) * (upper - fall * within // half_life) >> (_BITS - 1 + halvings)
    size = (twice + 1) >> 1
    return size if milli_points >= 0 else -size


def stepped(milli_points: int, age: int, percent: int, period: int) -> int:
    """
    Points left after `age` seconds when `percent` of what is left go at the end of every `period` seconds.

    Args:
        milli_points: Milli-points at age 0; may be negative.
        age: Seconds since the fact; negative counts as 0.
        percent: 1 to 100.
        period: Seconds, positive.
    Returns: Milli-points rounded half away from zero, once; never further from zero than before.
    """
    steps = max(0, age) // period
    if steps >= _STEPS_TO_NOTHING:
        return 0
    left: int = abs(milli_points) * (100 - percent) ** steps
    whole: int = 100**steps
    size = (2 * left + whole) // (2 * whole)
    return size if milli_points >= 0 else -size


_STEPS_TO_NOTHING = 4000
"""After so many steps of 1 percent 100,000 points are worth less than half a milli-point: 10^8 x 0.99^4000 < 1e-9."""
