"""
When a quiet lead changes: the first second at which something we watch differs with no new event.

Totals are not monotone, because penalties decay too, so plain bisection says "never" where the truth is day 398.
Between two boundaries (a fact from the future, an expiry, an inactivity step) gains only fall and losses only rise
towards 0, so `gains(b) - losses(a) <= total <= gains(a) - losses(b)` on [a, b]: an interval in which that band meets no
threshold is passed over whole, and the others are halved, leftmost first.
"""

from dataclasses import dataclass
from itertools import pairwise

from shared.instants import DAY
from shared.lead import Lead
from shared.rules.decay import stepped
from shared.rules.model import ScoringModel
from shared.rules.qualification import rules_named, thresholds
from shared.rules.scoring import evaluate

HALVINGS_TO_NOTHING = 62
"""After so many half-lives a fact is worth 0 milli-points whatever its points."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What counts as a change: totals in milli-points that may be crossed, and rules that may start or stop to hold."""

    thresholds: frozenset[int]
    rules: frozenset[str]


def raw_watch(model: ScoringModel) -> Watch:
    """Return what the raw band and the conditions of the playbook depend on."""
    conditions = (model.mql, model.priority)
    return Watch(
        frozenset({entering for _, entering in model.bands if entering > 0})
        | frozenset(value for each in conditions for value in thresholds(each)),
        frozenset(rule for each in conditions for rule in rules_named(each)),
    )


def settling_watch(model: ScoringModel) -> Watch:
    """Return what settling depends on: the raw watch, and the lower thresholds at which bands and MQL are left."""
    raw = raw_watch(model)
    return Watch(raw.thresholds | {value - model.hysteresis for value in raw.thresholds}, raw.rules)


def next_change_at(lead: Lead, model: ScoringModel, now: int, watch: Watch | None = None) -> int | None:
    """
    Return the first second after `now` at which what is watched differs, or None when it never does.

    Args:
        lead: Any lead.
        model: The playbook's scoring part.
        now: Whole epoch seconds, at or after the lead's newest fact.
        watch: What counts as a change; the raw band and the playbook's conditions when left out.
    """
    watch = raw_watch(model) if watch is None else watch
    if _nothing_can_change(lead, model, now, watch):
        return None
    edges = [now, *_boundaries(lead, model, now)]
    before = _signature(lead, model, now, watch)
    for start, end in pairwise(edges):
        if start != now and _signature(lead, model, start, watch) != before:
            return start
        found = _first_crossing(lead, model, start, end - 1, watch)
        if found is not None:
            return found
    if len(edges) > 1 and _signature(lead, model, edges[-1], watch) != before:
        return edges[-1]
    return None


def _nothing_can_change(lead: Lead, model: ScoringModel, now: int, watch: Watch) -> bool:
    """Tell cheaply that no threshold lies between nothing and the most the total can be, and no rule can lapse."""
    evaluation = evaluate(lead, model, now)
    lapsing = any(
        rule.rule in watch.rules
        and (rule.expires is not None or rule.within > 0 or any(fact.at > now for fact in facts))
        for rule in model.engagement
        if (facts := lead.facts.get(rule.filing))
    )
    return not lapsing and _sides(0, watch) == _sides(evaluation.bound, watch)


def _signature(lead: Lead, model: ScoringModel, at: int, watch: Watch) -> tuple[frozenset[int], frozenset[str]]:
    evaluation = evaluate(lead, model, at)
    return (
        frozenset(threshold for threshold in watch.thresholds if evaluation.total >= threshold),
        evaluation.rules & watch.rules,
    )


def _boundaries(lead: Lead, model: ScoringModel, now: int) -> list[int]:
    """Return every later second at which gains may rise or losses may jump, and one at which all has decayed."""
    edges: set[int] = set()
    decayed = 0
    for rule in model.engagement:
        for fact in lead.facts.get(rule.filing, ()):
            edges |= {fact.at, fact.at + rule.within}
            if rule.expires is not None:
                edges.add(fact.at + rule.expires)
            if rule.half_life is not None:
                decayed = max(decayed, fact.at + rule.half_life * HALVINGS_TO_NOTHING)
            if rule.period is not None:
                decayed = max(decayed, fact.at + rule.period * _steps_to_nothing(rule.points, rule.percent))
        edges |= {fact.at for fact in lead.facts.get(rule.answers, ())}
    edges.add(decayed)
    for day in lead.days:
        edges.add(day * DAY)
        edges.update((day + quiet) * DAY for quiet, _ in model.inactivity)
    return sorted(edge for edge in edges if edge > now)


def _steps_to_nothing(points: int, percent: int) -> int:
    """Return after how many periods nothing is left of the points."""
    steps = 1
    while stepped(points, steps, percent, 1):
        steps *= 2
    return steps


def _first_crossing(lead: Lead, model: ScoringModel, start: int, end: int, watch: Watch) -> int | None:
    """Return the first second in (start, end] whose total is on another side of a threshold than at `start`."""
    sides = _sides(_total(lead, model, start), watch)
    pending = [(start, end)]
    while pending:
        low, high = pending.pop()
        least, most = _range(lead, model, low, high)
        if _sides(least, watch) == sides == _sides(most, watch):
            continue
        if low == high:
            return low
        middle = (low + high) // 2
        pending.append((middle + 1, high))
        pending.append((low, middle))
    return None


def _sides(total: int, watch: Watch) -> frozenset[int]:
    return frozenset(threshold for threshold in watch.thresholds if total >= threshold)


def _total(lead: Lead, model: ScoringModel, at: int) -> int:
    return evaluate(lead, model, at).total


def _range(lead: Lead, model: ScoringModel, low: int, high: int) -> tuple[int, int]:
    """Return bounds of the total on [low, high], which holds no boundary; exact when low is high."""
    if low == high:
        total = _total(lead, model, low)
        return total, total
    gains_low, losses_low = _parts(lead, model, low)
    gains_high, losses_high = _parts(lead, model, high)
    return max(0, gains_high + losses_low), max(0, gains_low + losses_high)


def _parts(lead: Lead, model: ScoringModel, at: int) -> tuple[int, int]:
    """Return what is constant or falls (fit, gains under their caps) and what rises towards 0 (losses), at an instant."""
    lines = evaluate(lead, model, at).lines
    losing = _losing(model)
    losses = sum(line.points for line in lines if line.rule in losing)
    gains = sum(line.points for line in lines if line.rule not in losing and line.kind != "floor")
    return gains, losses


def _losing(model: ScoringModel) -> frozenset[str]:
    return frozenset(rule.rule for rule in model.engagement if rule.points < 0) | {"inactivity"}
