"""
When a quiet lead changes: the first second at which something we watch differs with no new event.

Totals are not monotone, because penalties decay too, so plain bisection says "never" where the truth is day 398.
Between two boundaries (a fact from the future, an expiry, an inactivity step) what counts is constant, gains only fall
and losses only rise towards 0, so `gains(b) + losses(a) <= total <= gains(a) + losses(b)` on [a, b]: an interval in which
that band meets no threshold is passed over whole, and the others are halved, leftmost first.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from shared.instants import DAY, utc_day
from shared.lead import Lead, Settled
from shared.rules.decay import stepped
from shared.rules.model import BANDS, EngagementRule, ScoringModel
from shared.rules.qualification import names_band, rules_named, thresholds
from shared.rules.scoring import Grounds, Standing, points_of, standing_of, sums, total_of

HALVINGS_TO_NOTHING = 62
"""After so many half-lives a fact is worth 0 milli-points whatever its points."""


LOOKS = 2_000
"""
Halvings after which a stretch is given up.

Gains and losses that cancel while the total stands exactly on a threshold would be halved down to every second.
"""


@dataclass(frozen=True, slots=True)
class Watch:
    """
    What counts as a change.

    Totals in milli-points that may be crossed (rising), rules that may start or stop to hold, and rules whose oldest
    counting fact may become another one.
    """

    thresholds: tuple[int, ...]
    rules: frozenset[str]
    causes: frozenset[str] = frozenset()


@lru_cache(maxsize=8)
def raw_watch(model: ScoringModel) -> Watch:
    """Return what the raw band, the conditions and the exclusions of the playbook depend on."""
    conditions = (model.mql, model.priority, *model.comes_back.values())
    crossed = {entering for _, entering in model.bands if entering > 0}
    return Watch(
        tuple(sorted(crossed.union(*(thresholds(each) for each in conditions)))),
        frozenset(rule for each in conditions for rule in rules_named(each))
        | frozenset(each.by_rule for each in model.exclusions if each.by_rule is not None),
    )


def settling_watch(model: ScoringModel, settled: Settled, outcome: str | None = None) -> Watch:
    """
    Return what decides whether a lead that is settled so would settle otherwise.

    Totals at which its band is left or a hotter one entered, and those of MQL: of leaving it by who has it, of becoming
    it by the others. The rules MQL and the exclusions listen to, and the triggers that time alone can fire: only what
    failed to happen can begin to hold without an event. Of what brings a lead back, if sales sent it back (`outcome`).
    """
    return _settling_watch(model, settled.band, settled.qualified, outcome == "rejected")


@lru_cache(maxsize=64)
def _settling_watch(model: ScoringModel, held: str | None, qualified: bool, sent_back: bool) -> Watch:
    back = tuple(model.comes_back.values()) if sent_back else ()
    slack = model.hysteresis if qualified else 0
    crossed = {total - slack for total in thresholds(model.mql)}.union(*(thresholds(each) for each in back))
    place = BANDS.index(held) if held is not None else 0
    for band, entering in model.bands:
        if BANDS.index(band) == place:
            crossed.add(entering - model.hysteresis)
        if BANDS.index(band) > place or any(names_band(each) for each in (model.mql, *back)):
            crossed.add(entering)
    return Watch(
        tuple(sorted(total for total in crossed if total > 0)),
        frozenset(rule for each in (model.mql, *back) for rule in rules_named(each))
        | frozenset(each.by_rule for each in model.exclusions if each.by_rule is not None),
        frozenset(rule.rule for rule in model.engagement if rule.rule in model.triggers and rule.counts == "missing"),
    )


def next_change_at(
    lead: Lead,
    model: ScoringModel,
    now: int,
    watch: Watch | None = None,
    *,
    until: int | None = None,
    standing: Standing | None = None,
) -> int | None:
    """
    Return the first second after `now` at which what is watched differs, or None when it never does.

    Args:
        lead: Any lead.
        model: The playbook's scoring part.
        now: Whole epoch seconds, at or after the lead's newest fact.
        watch: What counts as a change; the raw band and the playbook's conditions when left out.
        until: Look no further than this second, exclusive; None is for ever.
        standing: What counts at `now`, for whoever knows it already.
    Returns: Also a second before the change, when telling it exactly would take too long: look again then.
    """
    watch = raw_watch(model) if watch is None else watch
    standing = standing_of(lead, model, now) if standing is None else standing
    if (until is not None and until <= now) or _nothing_can_change(lead, standing, now, watch):
        return None
    grounds = standing.grounds
    edges = _boundaries(lead, model, grounds, now)
    if edges and until is not None:
        edges = [*(edge for edge in edges if edge < until), until]
    at_start = sums(standing, model, now)
    before = _signature(standing, at_start, watch)
    for start, end in pairwise([now, *edges]):
        if start != now:
            standing = standing_of(lead, model, start, grounds)
            at_start = sums(standing, model, start)
            if _signature(standing, at_start, watch) != before:
                return start
        found = _first_crossing(standing, model, (start, at_start), end - 1, watch)
        if found is not None:
            return found
    if until is None and edges:
        last = edges[-1]
        standing = standing_of(lead, model, last, grounds)
        return last if _signature(standing, sums(standing, model, last), watch) != before else None
    return None


Sums = tuple[int, int]
"""Gains and losses in milli-points, as `sums` returns them."""


def _nothing_can_change(lead: Lead, standing: Standing, now: int, watch: Watch) -> bool:
    """Tell cheaply that no threshold lies between nothing and the most the total can be, and no rule can lapse."""
    watched = watch.rules | watch.causes
    for rule, facts in standing.grounds.held:
        if rule.rule in watched and (rule.expires is not None or rule.within > 0 or facts[-1].at > now):
            return False
    return _sides(0, watch) == _sides(_most(lead, standing, now), watch)


def _most(lead: Lead, standing: Standing, now: int) -> int:
    """Return a cheap upper bound of the total at any later second: every positive fact new, no cap of a group."""
    most = points_of([rule.line for rule in standing.grounds.fit])
    most += sum(each.points for each in lead.adjustments if each.points > 0 and not 0 < each.until <= now)
    for rule, facts in standing.grounds.held:
        if rule.points > 0:
            most += rule.points * len(facts)
    return max(0, most)


def _signature(
    standing: Standing, at_start: Sums, watch: Watch
) -> tuple[int, frozenset[str], tuple[tuple[str, str], ...]]:
    causes = tuple((rule.rule, facts[-1].event) for rule, facts in standing.counting if rule.rule in watch.causes)
    return _sides(total_of(standing, *at_start), watch), standing.rules & watch.rules, causes


def _boundaries(lead: Lead, model: ScoringModel, grounds: Grounds, now: int) -> list[int]:
    """Return every later second at which what counts may change, and one at which all has decayed."""
    edges: set[int] = set()
    decayed = 0
    for rule, facts in grounds.held:
        last = facts[-1].at
        if last > now:
            edges.update([fact.at for fact in facts])
        if rule.within:
            edges.update([fact.at + rule.within for fact in facts])
        if rule.expires is not None:
            edges.update([fact.at + rule.expires for fact in facts])
        decayed = max(decayed, last + _lasts(rule))
        if rule.answer is not None:
            edges.update([fact.at for fact in lead.facts.get(rule.answers, ())])
    for adjustment in lead.adjustments:
        edges |= {adjustment.at, adjustment.until}
    edges |= set(_quiet_boundaries(lead.days, model, now))
    edges.add(decayed)
    return sorted([edge for edge in edges if edge > now])


def _quiet_boundaries(days: frozenset[int], model: ScoringModel, now: int) -> Iterable[int]:
    """Yield when a day begins that is known already, and the inactivity steps after the last day begun before it."""
    if not days:
        return
    today = utc_day(now)
    begun = max(days)
    if begun > today:
        begun = max([day for day in days if day <= today], default=today)
    for day in (day for day in days if day >= begun):
        yield day * DAY
        for quiet, _ in model.inactivity:
            yield (day + quiet) * DAY


def _lasts(rule: EngagementRule) -> int:
    """Return the seconds after which a fact of the rule has nothing left to lose."""
    if rule.half_life is not None:
        return rule.half_life * HALVINGS_TO_NOTHING
    if rule.period is not None:
        return rule.period * _steps_to_nothing(rule.points, rule.percent)
    return 0


@lru_cache(maxsize=256)
def _steps_to_nothing(points: int, percent: int) -> int:
    """Return after how many periods nothing is left of the points."""
    steps = 1
    while stepped(points, steps, percent, 1):
        steps *= 2
    return steps


def _first_crossing(
    standing: Standing, model: ScoringModel, start: tuple[int, Sums], end: int, watch: Watch
) -> int | None:
    """Return the first second after `start`, which comes with its sums, up to `end` whose total is on another side of a threshold."""
    if standing.zeroed is not None:
        return None
    at_start, at_end = start[1], sums(standing, model, end)
    sides = _sides(total_of(standing, *at_start), watch)
    pending = [(start[0], at_start, end, at_end)]
    looks = 0
    while pending:
        looks += 1
        low, (gains_low, losses_low), high, (gains_high, losses_high) = pending.pop()
        least, most = max(0, gains_high + losses_low), max(0, gains_low + losses_high)
        if _sides(least, watch) == sides == _sides(most, watch):
            continue
        if high - low <= 1:
            if _sides(max(0, gains_high + losses_high), watch) != sides:
                return high
            continue
        if looks > LOOKS:
            return low + 1
        middle = (low + high) // 2
        at_middle = sums(standing, model, middle)
        pending.append((middle, at_middle, high, (gains_high, losses_high)))
        pending.append((low, (gains_low, losses_low), middle, at_middle))
    return None


def _sides(total: int, watch: Watch) -> int:
    """Return how many thresholds are reached: equal numbers, same side of each."""
    return bisect_right(watch.thresholds, total)
