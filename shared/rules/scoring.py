"""
The score: lines that add up, from facts, playbook and instant. Nothing else computes a score.

The order is fixed: expiry and decay of each fact, cap of the rule, cap of the group (each cap is a line of its own),
then penalties, then the floor of 0, a line as well. Fit never decays.
"""

from dataclasses import dataclass

from shared.instants import utc_day
from shared.lead import Fact, Lead
from shared.rules.decay import halved
from shared.rules.model import EngagementRule, ScoringModel
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
    that hold (a fact of theirs counts, or the profile matches).
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
        bound=max(0, fit + _ceiling(lead, model)),
    )


def _fit_lines(lead: Lead, model: ScoringModel) -> list[Line]:
    values = {name: register.value for name, register in lead.profile.items()}
    return [Line(rule.rule, rule.label, "fit", rule.points) for rule in model.fit if matches(rule.where, values)]


def _engagement_lines(lead: Lead, model: ScoringModel, now: int) -> tuple[list[Line], list[Line], set[str]]:
    gains: list[Line] = []
    losses: list[Line] = []
    held: set[str] = set()
    by_group: dict[str, int] = {}
    for rule in model.engagement:
        counted = counting_facts(rule, lead.facts.get(rule.filing, ()), model, now)
        if not counted:
            continue
        held.add(rule.rule)
        points = sum(value_of(rule, fact, now) for fact in counted)
        new = rule.points * len(counted)
        side = gains if rule.points > 0 else losses
        side.append(Line(rule.rule, rule.label, "engagement", points, len(counted), new if new != points else None))
        if rule.cap is not None and abs(points) > rule.cap:
            excess = (abs(points) - rule.cap) * (1 if points > 0 else -1)
            side.append(Line(rule.rule, f"{rule.label}: most it can earn", "cap", -excess))
            points -= excess
        if rule.group is not None and points > 0:
            by_group[rule.group] = by_group.get(rule.group, 0) + points
    for name, points in by_group.items():
        label, cap = model.groups[name]
        if points > cap:
            gains.append(Line(name, f"{label}: most the group can earn", "cap", cap - points))
    return gains, losses, held


def counting_facts(rule: EngagementRule, facts: tuple[Fact, ...], model: ScoringModel, now: int) -> list[Fact]:
    """Return the facts that count at `now`: happened, not expired, not refused; of copies on two days the latest."""
    latest: dict[str, Fact] = {}
    for fact in facts:
        if fact.at <= now and (rule.expires is None or now < fact.at + rule.expires):
            latest[fact.event] = fact
    return [fact for fact in latest.values() if fact.verdict not in model.refused]


def value_of(rule: EngagementRule, fact: Fact, now: int) -> int:
    """Return the milli-points the fact is worth at `now`, rounded once."""
    return rule.points if rule.half_life is None else halved(rule.points, now - fact.at, rule.half_life)


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
        points = rule.points * len(lead.facts.get(rule.filing, ()))
        points = points if rule.cap is None else min(points, rule.cap)
        if rule.group is None:
            ceiling += points
        else:
            by_group[rule.group] = by_group.get(rule.group, 0) + points
    return ceiling + sum(min(points, model.groups[name][1]) for name, points in by_group.items())
