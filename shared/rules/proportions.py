"""
How sure a share is, and the difference of two: Wilson's interval, and Newcombe's, which is made of two of Wilson's.

Both hold for few observations too, and never leave 0 to 1 (a difference: -1 to 1). Nothing observed is no share at all.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

CONFIDENCE = 95
"""Percent."""


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    part: int
    whole: int

    @property
    def value(self) -> float:
        """Of 0 to 1; not of nothing."""
        return self.part / self.whole

    def to_json(self) -> dict[str, Any]:
        """Return the share to four decimals, with the interval that holds the true one in 95 of 100 such cases."""
        known = self.whole > 0
        return {
            "count": self.part,
            "of": self.whole,
            "rate": round(self.value, 4) if known else None,
            "interval": [round(end, 4) for end in wilson(self)] if known else None,
        }


def wilson(share: Share, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """
    Return the interval that the true share lies in, with that confidence.

    Args:
        share: Of at least one.
        confidence: Percent.
    """
    z = NormalDist().inv_cdf(0.5 + confidence / 200)
    n, p = share.whole, share.value
    middle = p + z * z / (2 * n)
    width = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # at the ends of the scale rounding alone would leave it
    low = 0.0 if share.part == 0 else (middle - width) / scale
    high = 1.0 if share.part == share.whole else (middle + width) / scale
    return low, high


def newcombe(one: Share, other: Share, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """
    Return the interval that the true difference of the two lies in, one less the other (Newcombe 1998, method 10).

    Args:
        one: Of at least one.
        other: Of at least one, and independent of the first.
        confidence: Percent.
    """
    difference = one.value - other.value
    low, high = wilson(one, confidence)
    other_low, other_high = wilson(other, confidence)
    below = math.hypot(one.value - low, other_high - other.value)
    above = math.hypot(high - one.value, other.value - other_low)
    return difference - below, difference + above
