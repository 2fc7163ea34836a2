"""
A test of a step as it goes: what was counted of each arm, what was decided, and what operations were told.

Plain frozen values; no rule, no clock, no AWS.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Tally:
    """Messages of an arm that went out; of them those that did what is measured, and those that drove somebody away."""

    sent: int = 0
    reached: int = 0
    harmed: int = 0


@dataclass(frozen=True, slots=True)
class Trial:
    """
    What is known of a test.

    `id` stands for its arms and its measure: with others another trial begins. `counted_until` is the claim time before
    which every message is in the tallies; `looked_at` the instant of the last look. `looks` are the comparisons made so
    far; after the first, the next is made when every arm has `next_look` messages. `guard_looks` are those at who was driven
    away. `out` has the arms that lost or were stopped, and why; `told` what operations heard of.
    """

    track: str
    test: str
    id: str
    began_at: int
    counted_until: int
    looked_at: int = -1
    tallies: Mapping[str, Tally] = field(default_factory=dict)
    looks: int = 0
    next_look: int = 0
    guard_looks: int = 0
    out: Mapping[str, str] = field(default_factory=dict)
    winner: str = ""
    ended: bool = False
    told: frozenset[str] = frozenset()
    version: int = 0
