"""
The score: lines that add up, from facts, playbook and instant. Nothing else computes a score.

What counts (`Standing`) changes only at certain instants; what it is worth fades between them. The order is fixed:
expiry and decay of each fact, cap of the day, of the rule, of the group (each cap is a line of its own), then penalties
and what people adjusted, then the floor of 0, a line as well. Fit never decays.
"""

from collections.abc import Sequence
from typing import NamedTuple

from shared.instants import utc_day
from shared.lead import Adjustment, Fact, Lead
from shared.rules.decay import halved, stepped
from shared.rules.facts import answering, came_back, newest
from shared.rules.model import EngagementRule, Exclusion, FitRule, Line, ScoringModel
from shared.rules.profile import profile_values
from shared.rules.qualification import band_of, grade_of, level_of


class Grounds(NamedTuple):
    """What a score rests on, whatever the instant: what the profile matches, and what is known of each engagement rule."""

    fit: tuple[FitRule, ...]
    excluded: tuple[Exclusion, ...]
    held: tuple[tuple[EngagementRule, tuple[Fact, ...]], ...]
    """The rules the lead has facts of, in the order of the playbook."""


class Standing(NamedTuple):
    """What counts at an instant, before it is worth anything: constant until a fact comes, lapses or is joined."""

    grounds: Grounds
    counting: tuple[tuple[EngagementRule, Sequence[Fact]], ...]
    quiet: tuple[int, int] | None
    """The inactivity step reached: days, milli-points."""
    adjustments: tuple[Adjustment, ...]
    rules: frozenset[str]
    """Ids of the rules that hold: a fact of theirs counts, or the profile matches."""
    zeroed: Exclusion | None
    blocked: Exclusion | None


class Evaluation(NamedTuple):
    """
    A lead at an instant. Scores are milli-points and `total` is the sum of the lines.

    `excluded` says in words why the score is 0, `blocked` why the lead cannot qualify whatever its score.
    """

    total: int
    fit: int
    engagement: int
    grade: str
    level: int
    quadrant: str
    band: str
    lines: tuple[Line, ...]
    rules: frozenset[str]
    excluded: str | None = None
    blocked: str | None = None


def evaluate(lead: Lead, model: ScoringModel, now: int, standing: Standing | None = None) -> Evaluation:
    """
    Return the lead's score at `now` and the lines it is made of.

    Args:
        lead: Any lead; facts later than `now` do not count yet.
        model: The playbook's scoring part.
        now: Whole epoch seconds; exact at or after the lead's newest fact (older facts than the kept ones are gone).
        standing: What counts at `now`, for whoever knows it already.
    """
    standing = standing_of(lead, model, now) if standing is None else standing
    lines = [rule.line for rule in standing.grounds.fit]
    fit = points_of(lines)
    done = _engagement_lines(standing, model, now)
    if standing.quiet is not None:
        days, points = standing.quiet
        done.append(Line("inactivity", f"No activity for {days} days", "inactivity", points))
    engagement = points_of(done)
    lines += done
    total = fit + engagement
    for each in standing.adjustments:
        lines.append(Line("adjustment", f"Adjusted by {each.by}: {each.reason}", "adjustment", each.points))
        total += each.points
    if standing.zeroed is not None and total:
        lines.append(Line(standing.zeroed.rule, f"Excluded: {standing.zeroed.label}", "exclusion", -total))
        total = 0
    if total < 0:
        lines.append(Line("floor", "A score is never below 0", "floor", -total))
        total = 0
    grade, level = grade_of(fit, model), level_of(engagement, model)
    return Evaluation(
        total,
        fit,
        engagement,
        grade,
        level,
        _quadrant(grade, level, model),
        band_of(total, model),
        tuple(lines),
        standing.rules,
        None if standing.zeroed is None else standing.zeroed.label,
        None if standing.blocked is None else standing.blocked.label,
    )


def points_of(lines: Sequence[Line]) -> int:
    """Return what the lines add up to, in milli-points."""
    points = 0
    for line in lines:
        points += line.points
    return points


def _quadrant(grade: str, level: int, model: ScoringModel) -> str:
    fit = "high" if grade in model.high_grades else "low"
    return f"{fit}_fit_{'high' if level in model.high_levels else 'low'}_engagement"


def fitting(lead: Lead, model: ScoringModel) -> tuple[FitRule, ...]:
    """Return the fit rules that the profile matches."""
    values = profile_values(lead, model)
    return tuple(rule for rule in model.fit if rule.matches(values))


def grounds_of(lead: Lead, model: ScoringModel) -> Grounds:
    """Return what the lead's score rests on."""
    values, facts = profile_values(lead, model), lead.facts
    return Grounds(
        tuple([rule for rule in model.fit if rule.matches(values)]),
        tuple([each for each in model.exclusions if each.by_rule is None and each.matches(values)]),
        tuple([(rule, held) for rule in model.engagement if (held := facts.get(rule.filing))]),
    )


def standing_of(lead: Lead, model: ScoringModel, now: int, grounds: Grounds | None = None) -> Standing:
    """Return what counts at `now`; whoever wants points asks `evaluate` or `sums`."""
    grounds = grounds_of(lead, model) if grounds is None else grounds
    counting = []
    for rule, _ in grounds.held:
        if counted := counting_facts(rule, lead, model, now):
            counting.append((rule, counted))
    rules = frozenset([rule.rule for rule in grounds.fit] + [rule.rule for rule, _ in counting])
    zeroed = blocked = None
    for each in model.exclusions:
        if each in grounds.excluded or each.by_rule in rules:
            if each.effect == "zero":
                zeroed = zeroed or each
            else:
                blocked = blocked or each
    return Standing(
        grounds,
        tuple(counting),
        _quiet(lead, model, now),
        tuple([each for each in lead.adjustments if each.at <= now and not 0 < each.until <= now]),
        rules,
        zeroed,
        blocked,
    )


def sums(standing: Standing, model: ScoringModel, now: int) -> tuple[int, int]:
    """
    Return (gains, losses) at `now` in milli-points, caps included; the total is their sum, 0 at least.

    While the standing is constant gains only fall, and losses only rise towards 0.
    """
    gains = points_of([rule.line for rule in standing.grounds.fit])
    losses = 0 if standing.quiet is None else standing.quiet[1]
    for adjustment in standing.adjustments:
        gains += adjustment.points
    by_group: dict[str, int] = {}
    for rule, facts in standing.counting:
        points = worth(rule, facts, now)[2]
        if points <= 0:
            losses += points
        elif rule.group is None:
            gains += points
        else:
            by_group[rule.group] = by_group.get(rule.group, 0) + points
    for name, points in by_group.items():
        gains += min(points, model.groups[name][1])
    return gains, losses


def total_of(standing: Standing, gains: int, losses: int) -> int:
    """Return the total that these sums of the standing make."""
    return 0 if standing.zeroed is not None else max(0, gains + losses)


def _engagement_lines(standing: Standing, model: ScoringModel, now: int) -> list[Line]:
    gains: list[Line] = []
    losses: list[Line] = []
    by_group: dict[str, int] = {}
    for rule, facts in standing.counting:
        points, in_a_day, in_all = worth(rule, facts, now)
        new = rule.points if rule.counts == "count" else rule.points * len(facts)
        side = gains if rule.points > 0 else losses
        side.append(Line(rule.rule, rule.label, "engagement", points, len(facts), new if new != points else None))
        if in_a_day != points:
            side.append(Line(rule.rule, f"{rule.label}: most it can earn in a day", "cap", in_a_day - points))
        if in_all != in_a_day:
            side.append(Line(rule.rule, f"{rule.label}: most it can earn", "cap", in_all - in_a_day))
        if rule.group is not None and in_all > 0:
            by_group[rule.group] = by_group.get(rule.group, 0) + in_all
    for name, points in by_group.items():
        label, cap = model.groups[name]
        if points > cap:
            gains.append(Line(name, f"{label}: most the group can earn", "cap", cap - points))
    return gains + losses


def worth(rule: EngagementRule, facts: Sequence[Fact], now: int) -> tuple[int, int, int]:
    """Return what the counting facts are worth in milli-points: as they are, under the day's cap, under the rule's."""
    if rule.counts == "count":
        facts = facts[-1:]
    values = values_of(rule, facts, now)
    points = in_a_day = sum(values)
    if rule.cap is None and rule.day_cap is None:
        return points, points, points
    sign = 1 if rule.points > 0 else -1
    if rule.day_cap is not None:
        by_day: dict[int, int] = {}
        for fact, value in zip(facts, values, strict=True):
            day = utc_day(fact.at)
            by_day[day] = by_day.get(day, 0) + abs(value)
        in_a_day = sign * sum(min(size, rule.day_cap) for size in by_day.values())
    in_all = in_a_day if rule.cap is None else sign * min(abs(in_a_day), rule.cap)
    return points, in_a_day, in_all


def counting_facts(rule: EngagementRule, lead: Lead, model: ScoringModel, now: int) -> Sequence[Fact]:
    """
    Return the facts that count at `now`, oldest first: happened, not expired, not refused, after their silence.

    Of copies on two days the latest counts. `count` returns the facts in its window once there are enough of them,
    `missing` those whose time for an answer has run out without one.
    """
    held = lead.facts.get(rule.filing)
    if not held:
        return ()
    since = 0 if rule.expires is None else now - rule.expires + 1
    happened: Sequence[Fact] = held
    if held[0].at < since or held[-1].at > now:
        happened = [fact for fact in held if since <= fact.at <= now]
    for fact in held:
        if fact.verdict != "human":
            happened = _believed(rule, happened, held, model)
            break
    if rule.counts not in ("once", "every"):
        latest = {fact.event: fact for fact in happened}
        happened = happened if len(latest) == len(happened) else sorted(latest.values())
    if rule.silence is not None:
        days = sorted(lead.days)
        happened = [fact for fact in happened if came_back(days, utc_day(fact.at), rule.silence)][-1:]
    if rule.counts == "count":
        inside = [fact for fact in happened if now < fact.at + rule.within]
        return inside if len(inside) >= rule.most else []
    if rule.counts == "missing":
        return _unanswered(rule, lead, model, happened, now)
    return happened


def _believed(
    rule: EngagementRule, happened: Sequence[Fact], held: Sequence[Fact], model: ScoringModel
) -> Sequence[Fact]:
    """Return the facts of verdicts the playbook does not refuse, no more than the rule has slots."""
    refused = {fact.event for fact in held if fact.verdict in model.refused}
    return newest(rule, [fact for fact in happened if fact.event not in refused])


def _unanswered(rule: EngagementRule, lead: Lead, model: ScoringModel, asked: Sequence[Fact], now: int) -> list[Fact]:
    """
    Return the questions whose time ran out and that nothing answered since.

    Of answers only the newest are kept: what was asked before the oldest of them may have been answered.
    """
    kept_by = answering(rule)
    held = lead.facts.get(rule.answers, ())
    answers = _believed(kept_by, held, held, model)
    known_since = answers[0].at if len(answers) >= kept_by.most else 0
    answered = {fact.asset: fact.at for fact in answers if fact.at <= now}
    return [
        fact
        for fact in asked
        if fact.at + rule.within <= now and fact.at >= known_since and answered.get(fact.asset, -1) < fact.at
    ]


def values_of(rule: EngagementRule, facts: Sequence[Fact], now: int) -> list[int]:
    """Return the milli-points each of the facts is worth at `now`, rounded once."""
    points = rule.points
    if rule.half_life is not None:
        return [halved(points, now - fact.at, rule.half_life) for fact in facts]
    if rule.period is not None:
        return [stepped(points, now - fact.at, rule.percent, rule.period) for fact in facts]
    return [points] * len(facts)


def _quiet(lead: Lead, model: ScoringModel, now: int) -> tuple[int, int] | None:
    if not model.inactivity or not lead.days:
        return None
    today = utc_day(now)
    last = max(lead.days)
    if last > today:
        last = max([day for day in lead.days if day <= today], default=today)
    for step in reversed(model.inactivity):
        if today - last >= step[0]:
            return step
    return None


def bound_of(lead: Lead, standing: Standing, model: ScoringModel, now: int) -> int:
    """Return what the total cannot exceed from now on without a new event: every gain undecayed, no penalty; milli-points."""
    if standing.zeroed is not None and standing.zeroed.by_rule is None:
        return 0
    ceiling = points_of([rule.line for rule in standing.grounds.fit])
    ceiling += sum(each.points for each in lead.adjustments if each.points > 0 and not 0 < each.until <= now)
    by_group: dict[str, int] = {}
    for rule, facts in standing.grounds.held:
        if rule.points <= 0:
            continue
        points = rule.points * (1 if rule.counts == "count" or rule.silence else len(facts))
        points = points if rule.cap is None else min(points, rule.cap)
        if rule.group is None:
            ceiling += points
        else:
            by_group[rule.group] = by_group.get(rule.group, 0) + points
    return max(0, ceiling + sum(min(points, model.groups[name][1]) for name, points in by_group.items()))
