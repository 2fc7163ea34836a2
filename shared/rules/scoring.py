"""
The score: lines that add up, from facts, playbook and instant. Nothing else computes a score.

The order is fixed: expiry and decay of each fact, cap of the rule, cap of the group (each cap is a line of its own),
then penalties, then the floor of 0, a line as well. Fit never decays.
"""

from dataclasses import dataclass

from shared.instants import utc_day
from shared.lead import Fact, Lead
from shared.rules.decay import halved, stepped
from shared.rules.model import EngagementRule, Exclusion, ScoringModel
from shared.rules.patterns import matches
from shared.rules.qualification import band_of, grade_of, level_of


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the explanation: milli-points, from how many facts, and what they were worth when new."""

    rule: str
    label: str
    kind: str
    points: int
    facts: int = 0
    decayed_from: int | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """
    A lead at an instant. Scores are milli-points and `total` is the sum of the lines.

    `bound` is what the total cannot exceed at any later instant without a new event; `rules` are the ids of the rules
    that hold (a fact of theirs counts, or the profile matches). `excluded` says in words why the lead is not scored.
    """

    total: int
    fit: int
    engagement: int
    grade: str
    level: int
    band: str
    lines: tuple[Line, ...]
    rules: frozenset[str]
    bound: int
    excluded: str | None = None


def evaluate(lead: Lead, model: ScoringModel, now: int) -> Evaluation:
    """
    Return the lead's score at `now` and the lines it is made of.

    Args:
        lead: Any lead; facts later than `now` do not count yet.
        model: The playbook's scoring part.
        now: Whole epoch seconds; exact at or after the lead's newest fact (older facts than the kept ones are gone).
    """
    fit_lines = _fit_lines(lead, model)
    gains, losses, held = _engagement_lines(lead, model, now)
    lines = [*fit_lines, *gains, *losses]
    quiet = _inactivity_line(lead, model, now)
    if quiet is not None:
        lines.append(quiet)
    fit = sum(line.points for line in fit_lines)
    total = sum(line.points for line in lines)
    engagement = total - fit
    excluded = exclusion_of(lead, model)
    if excluded is not None and total:
        lines.append(Line(excluded.rule, f"Excluded: {excluded.label}", "exclusion", -total))
        total = 0
    if total < 0:
        lines.append(Line("floor", "A score is never below 0", "floor", -total))
        total = 0
    return Evaluation(
        total=total,
        fit=fit,
        engagement=engagement,
        grade=grade_of(fit, model),
        level=level_of(engagement, model),
        band=band_of(total, model),
        lines=tuple(lines),
        rules=frozenset(held | {line.rule for line in fit_lines}),
        bound=0 if excluded is not None else max(0, fit + _ceiling(lead, model)),
        excluded=None if excluded is None else excluded.label,
    )


def exclusion_of(lead: Lead, model: ScoringModel) -> Exclusion | None:
    """Return the first exclusion of the playbook that the profile matches."""
    values = {name: register.value for name, register in lead.profile.items()}
    return next((each for each in model.exclusions if matches(each.where, values)), None)


def _fit_lines(lead: Lead, model: ScoringModel) -> list[Line]:
    values = {name: register.value for name, register in lead.profile.items()}
    return [Line(rule.rule, rule.label, "fit", rule.points) for rule in model.fit if matches(rule.where, values)]


def _engagement_lines(lead: Lead, model: ScoringModel, now: int) -> tuple[list[Line], list[Line], set[str]]:
    gains: list[Line] = []
    losses: list[Line] = []
    held: set[str] = set()
    by_group: dict[str, int] = {}
    for rule in model.engagement:
        counted = counting_facts(rule, lead, model, now)
        if not counted:
            continue
        held.add(rule.rule)
        values = [(fact, value_of(rule, fact, now)) for fact in (counted[-1:] if rule.counts == "count" else counted)]
        points = sum(value for _, value in values)
        new = rule.points * len(values)
        side = gains if rule.points > 0 else losses
        side.append(Line(rule.rule, rule.label, "engagement", points, len(counted), new if new != points else None))
        for label, capped in _capped(rule, values):
            if capped != points:
                side.append(Line(rule.rule, f"{rule.label}: {label}", "cap", capped - points))
                points = capped
        if rule.group is not None and points > 0:
            by_group[rule.group] = by_group.get(rule.group, 0) + points
    for name, points in by_group.items():
        label, cap = model.groups[name]
        if points > cap:
            gains.append(Line(name, f"{label}: most the group can earn", "cap", cap - points))
    return gains, losses, held


def _capped(rule: EngagementRule, values: list[tuple[Fact, int]]) -> list[tuple[str, int]]:
    """Return what is left after the cap of each day, and after the cap of the rule, each with its name."""
    sign = 1 if rule.points > 0 else -1
    points = sum(value for _, value in values)
    caps = []
    if rule.day_cap is not None:
        by_day: dict[int, int] = {}
        for fact, value in values:
            by_day[utc_day(fact.at)] = by_day.get(utc_day(fact.at), 0) + abs(value)
        points = sign * sum(min(size, rule.day_cap) for size in by_day.values())
        caps.append(("most it can earn in a day", points))
    if rule.cap is not None:
        caps.append(("most it can earn", sign * min(abs(points), rule.cap)))
    return caps


def counting_facts(rule: EngagementRule, lead: Lead, model: ScoringModel, now: int) -> list[Fact]:
    """
    Return the facts that count at `now`, oldest first: happened, not expired, not refused, after their silence.

    Of copies on two days the latest counts. `count` returns the facts in its window once there are enough of them,
    `missing` those whose time for an answer has run out without one.
    """
    latest: dict[str, Fact] = {}
    for fact in lead.facts.get(rule.filing, ()):
        if fact.at <= now and (rule.expires is None or now < fact.at + rule.expires):
            latest[fact.event] = fact
    happened = [
        fact
        for fact in latest.values()
        if fact.verdict not in model.refused and (rule.silence is None or _after_silence(lead, fact, rule.silence))
    ]
    if rule.counts == "count":
        inside = [fact for fact in happened if now < fact.at + rule.within]
        return inside if len(inside) >= rule.most else []
    if rule.counts == "missing":
        answered = {fact.asset: fact.at for fact in lead.facts.get(rule.answers, ()) if fact.at <= now}
        return [fact for fact in happened if fact.at + rule.within <= now and answered.get(fact.asset, -1) < fact.at]
    return happened


def _after_silence(lead: Lead, fact: Fact, silence: int) -> bool:
    """Tell whether the lead had been active before, and not on the `silence` days before the fact's day."""
    day = utc_day(fact.at)
    before = max((each for each in lead.days if each < day), default=None)
    return before is not None and day - before > silence


def value_of(rule: EngagementRule, fact: Fact, now: int) -> int:
    """Return the milli-points the fact is worth at `now`, rounded once."""
    if rule.half_life is not None:
        return halved(rule.points, now - fact.at, rule.half_life)
    if rule.period is not None:
        return stepped(rule.points, now - fact.at, rule.percent, rule.period)
    return rule.points


def _inactivity_line(lead: Lead, model: ScoringModel, now: int) -> Line | None:
    today = utc_day(now)
    last = max((day for day in lead.days if day <= today), default=None)
    if last is None:
        return None
    reached = [(days, points) for days, points in model.inactivity if today - last >= days]
    if not reached:
        return None
    days, points = reached[-1]
    return Line("inactivity", f"No activity for {days} days", "inactivity", points)


def _ceiling(lead: Lead, model: ScoringModel) -> int:
    """Return the most the engagement can be from now on with no new event: every gain undecayed, no penalty."""
    ceiling = 0
    by_group: dict[str, int] = {}
    for rule in model.engagement:
        if rule.points <= 0:
            continue
        facts = lead.facts.get(rule.filing, ())
        points = rule.points * (min(1, len(facts)) if rule.counts == "count" else len(facts))
        points = points if rule.cap is None else min(points, rule.cap)
        if rule.group is None:
            ceiling += points
        else:
            by_group[rule.group] = by_group.get(rule.group, 0) + points
    return ceiling + sum(min(points, model.groups[name][1]) for name, points in by_group.items())
