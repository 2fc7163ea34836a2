"""
Triggers: what a track or a customer's own rule may start from, told once for each cause.

A trigger is a cause, not an edge: a rule, and the oldest fact that satisfies it. It fires when that cause is new and the
window of the cause before it is over; so one spree is told once, however often its count moves up and down.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.instants import DAY
from shared.lead import Fact, Lead
from shared.rules.model import EngagementRule, ScoringModel
from shared.rules.scoring import Standing

STALE = DAY
"""A cause whose newest fact is older than this tells nobody anything: an exclusion lapsed, or a playbook asks anew."""


@dataclass(frozen=True, slots=True)
class Cause:
    """
    A new cause: the rule, its words, the (time, event) of its oldest fact, and the events of all its facts.

    `late` when history alone satisfies it, or it became a cause long after its facts.
    """

    rule: str
    label: str
    key: tuple[int, str]
    events: frozenset[str]
    late: bool


def fired(lead: Lead, model: ScoringModel, standing: Standing, now: int) -> tuple[Cause, ...]:
    """Return the new causes at `now`, when that is standing. Whoever is excluded or blocked fires none."""
    if standing.zeroed is not None or standing.blocked is not None:
        return ()
    causes = []
    for rule, counting in standing.counting:
        if rule.rule not in model.triggers:
            continue
        if facts := _after(rule, counting, lead.settled.triggers.get(rule.rule)):
            since = facts[-1].at + (rule.within if rule.counts == "missing" else 0)
            late = since < now - STALE or all(fact.late for fact in facts)
            events = frozenset(fact.event for fact in facts)
            causes.append(Cause(rule.rule, rule.label, (facts[0].at, facts[0].event), events, late))
    return tuple(causes)


def _after(rule: EngagementRule, facts: Sequence[Fact], seen: tuple[int, str] | None) -> Sequence[Fact]:
    """
    Return the counting facts of a new cause: those after the window of the cause seen before, if they satisfy the rule.

    A cause without a window or an expiry holds for good. Nothing here looks at the clock: a cause that is not new when
    its last fact comes does not become new by waiting.
    """
    if seen is None:
        return facts
    ends = []
    if rule.counts == "count":
        ends.append(seen[0] + rule.within)
    if rule.expires is not None:
        ends.append(seen[0] + rule.expires)
    if not ends:
        return ()
    after = [fact for fact in facts if fact.at >= min(ends)]
    return after if rule.counts != "count" or len(after) >= rule.most else ()
