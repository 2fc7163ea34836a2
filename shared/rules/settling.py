"""
Bringing a lead up to date: which band and stage it settles in, what is said of it, and when to look again.

The settled band has hysteresis, the raw one has none. What was reached from history alone, or by a new playbook alone,
is settled in silence; the lead's next own event that leaves it there announces it, once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from shared.instants import DAY, instant_text
from shared.lead import Lead, LeadEvent, Register, Settled
from shared.rules.horizon import Watch, next_change_at, settling_watch
from shared.rules.model import BANDS, ScoringModel
from shared.rules.qualification import holds, points_text, why
from shared.rules.scoring import Evaluation, Standing, bound_of, evaluate, standing_of
from shared.rules.triggers import Cause, fired

FRESH = DAY
"""An event older than this when it arrives is history: it scores, and alerts nobody."""

LATEST = 253_370_764_800
"""9999-01-01: what would change later than that has no text, and nobody waits for it."""

STAGE_AFTER = {
    "accepted": "sql", "contacted": "sql", "rejected": "recycled", "won": "customer", "customer": "customer",
    "lost": "lost", "disqualified": "disqualified",
}  # fmt: skip
"""Lifecycle stage by what sales did last."""

FOR_GOOD = frozenset({"won", "customer", "disqualified"})
"""Outcomes that only another closing one changes, whatever sales does with a handoff that is still there."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """One change to record: `silent` ones are history only; `about` tells several of one type apart."""

    detail_type: str
    detail: dict[str, Any]
    silent: bool
    about: str = ""


class Settlement(NamedTuple):
    """The lead as settled, the evaluation it rests on, the most its total can be without a new event, and what changed."""

    lead: Lead
    evaluation: Evaluation
    bound: int
    announcements: tuple[Announcement, ...]


def is_fresh(event: LeadEvent) -> bool:
    """Tell whether the event is the lead's own, and news: neither imported as history nor old when it arrived."""
    return not event.history and event.source != "system" and event.received_at - event.occurred_at <= FRESH


def settle(
    lead: Lead,
    model: ScoringModel,
    as_of: int,
    *,
    fresh: bool,
    own: bool,
    swept: bool = False,
    silent: bool = False,
    news: frozenset[str] | None = None,
    cause: str = "time",
) -> Settlement:
    """
    Return the lead brought up to date.

    Args:
        lead: With every fact that is known; never settled backwards, whatever `as_of` says.
        model: The playbook's scoring part.
        as_of: The instant the message carries.
        fresh: An own, recent event of the lead is among what was applied: what it reached may be announced.
        own: An own event of the lead was applied; without one only what was announced before may change aloud.
        swept: Arm the next due instant exactly: it popped, or another playbook armed it.
        silent: No band and no qualification may be announced: only a new playbook makes the difference.
        news: Keys of the events just applied, where a new playbook is in force: other causes of triggers are its doing.
        cause: What brought the change, in words, for the history.
    Returns: A settlement whose lead equals the one given when nothing changed.
    """
    now = max(as_of, lead.settled.at, lead.newest_fact_at)
    standing = standing_of(lead, model, now)
    evaluation = evaluate(lead, model, now, standing)
    before = lead.settled
    closing = outcome_of(lead)
    outcome = None if closing is None else closing.value["outcome"]
    qualified = _qualifies(lead, evaluation, model, now, outcome)
    causes = fired(lead, model, standing, now)
    after = before._replace(
        band=settled_band(before.band, evaluation.total, model),
        stage=_stage(before, outcome, qualified=qualified),
        qualified=qualified,
        qualification=before.qualification + (qualified and not before.qualified and not before.lapse_unsaid),
        playbook=model.bundle,
        triggers={**before.triggers, **{each.rule: each.key for each in causes}} if causes else before.triggers,
    )
    telling = _Telling(
        before=before,
        after=after,
        evaluation=evaluation,
        model=model,
        cause=cause,
        aloud=_aloud(before, fresh=fresh, own=own, silent=silent, news=news),
        lapsed=_turned_down(lead, evaluation, model, now) is None,
    )
    settled = _told(telling)
    if settled != before:
        settled = settled._replace(at=now)
    watch = settling_watch(model, settled, outcome)
    due_at = _due_at(lead, model, now, watch, standing, held=None if swept else lead.due_at)
    moved = replace(lead, settled=settled, due_at=due_at)
    bound = bound_of(lead, standing, model, now)
    return Settlement(moved, evaluation, bound, tuple(_announcements(telling, causes)))


class _Aloud(NamedTuple):
    """What may be told: a band, a stage, that MQL lapsed, that it had lapsed in silence before, causes of triggers."""

    band: bool
    stage: bool
    lapse: bool
    owed: bool
    news: frozenset[str] | None
    """Keys of the events that may be told as causes of triggers; None is any."""


def _aloud(before: Settled, *, fresh: bool, own: bool, silent: bool, news: frozenset[str] | None) -> _Aloud:
    in_step = before.announced_band == before.band
    told = not before.qualified or before.announced_qualification == before.qualification
    return _Aloud(
        band=not silent and (fresh or (not own and in_step)),
        stage=not silent and (fresh or (not own and in_step and told)),
        lapse=not silent and told,
        owed=not silent and fresh,
        news=frozenset() if silent and news is None else news,
    )


class _Telling(NamedTuple):
    """What was settled before and after, and how loudly the difference may be told."""

    before: Settled
    after: Settled
    evaluation: Evaluation
    model: ScoringModel
    cause: str
    aloud: _Aloud
    lapsed: bool
    """Qualification can only have lapsed by itself: sales has neither closed the lead nor sent it back."""

    @property
    def lapses(self) -> bool:
        return self.before.qualified and not self.after.qualified and self.lapsed


def _told(telling: _Telling) -> Settled:
    """Return what is settled with what the bus will have been told of it."""
    after = telling.after
    told = telling.before.announced_qualification == telling.before.qualification
    unsaid = after.lapse_unsaid or (telling.lapses and told and not telling.aloud.lapse)
    return after._replace(
        announced_band=after.band if telling.aloud.band else after.announced_band,
        announced_qualification=(
            after.qualification if telling.aloud.stage and after.qualified else after.announced_qualification
        ),
        lapse_unsaid=unsaid and not after.qualified and not telling.aloud.owed,
    )


def outcome_of(lead: Lead) -> Register | None:
    """Return what became of the lead last: its outcome, the reason, and when; None when sales has done nothing."""
    closed = lead.profile.get("closed")
    if closed is not None and closed.value["outcome"] in FOR_GOOD:
        return closed
    return lead.profile.get("sales")


def settled_band(held: str | None, total: int, model: ScoringModel) -> str:
    """Return the band to settle in: the raw one, or a hotter one already held whose leaving threshold still allows it."""
    for band, entering in model.bands:
        allowed = held is not None and BANDS.index(band) <= BANDS.index(held)
        if total >= (entering - model.hysteresis if allowed else entering):
            return band
    return BANDS[0]


def _qualifies(lead: Lead, evaluation: Evaluation, model: ScoringModel, now: int, outcome: str | None) -> bool:
    if kept_from_sales(lead, evaluation, model, now) is not None:
        return False
    if outcome in ("accepted", "contacted"):
        return lead.settled.qualified
    slack = model.hysteresis if lead.settled.qualified else 0
    return holds(
        model.mql, total=evaluation.total, grade=evaluation.grade, band=evaluation.band, rules=evaluation.rules, slack=slack
    )  # fmt: skip


def kept_from_sales(lead: Lead, evaluation: Evaluation, model: ScoringModel, now: int) -> str | None:
    """Return why sales must not be given the lead, however high its score, in words; None when nothing forbids it."""
    if evaluation.excluded is not None:
        return f"excluded: {evaluation.excluded}"
    if evaluation.blocked is not None:
        return f"excluded: {evaluation.blocked}"
    return _turned_down(lead, evaluation, model, now)


def _turned_down(lead: Lead, evaluation: Evaluation, model: ScoringModel, now: int) -> str | None:
    """Return that sales is done with the lead, or sent it back and it has not come back by an own, later gain."""
    closing = outcome_of(lead)
    outcome = None if closing is None else closing.value["outcome"]
    if outcome == "rejected":
        return _sent_back(lead, evaluation, model, now)
    return f"sales closed it: {outcome}" if outcome == "lost" or outcome in FOR_GOOD else None


def _sent_back(lead: Lead, evaluation: Evaluation, model: ScoringModel, now: int) -> str | None:
    register = lead.profile["sales"]
    reason, since = str(register.value.get("reason")), register.at
    if reason in model.never:
        return f"sales never wants it again: {reason}"
    if now < _returns_at(lead, model):
        return f"cools down until {instant_text(_returns_at(lead, model))}: {reason}"
    later = {
        rule.rule: rule.points
        for rule in model.engagement
        if any(fact.at > since and fact.verdict not in model.refused for fact in lead.facts.get(rule.filing, ()))
    }
    if not any(points > 0 for points in later.values()):
        return f"did nothing since sales sent it back: {reason}"
    condition = model.comes_back.get(reason)
    if condition is None or (lead.settled.qualified and lead.settled.at > since):  # it came back already
        return None
    rules = evaluation.rules - {rule.rule for rule in model.engagement if rule.rule not in later}
    back = holds(condition, total=evaluation.total, grade=evaluation.grade, band=evaluation.band, rules=rules)
    return None if back else f"does not meet yet what brings it back: {reason}"


def _returns_at(lead: Lead, model: ScoringModel) -> int:
    register = lead.profile["sales"]
    return register.at + model.cool_downs.get(str(register.value.get("reason")), 0)


def _stage(before: Settled, outcome: str | None, *, qualified: bool) -> str:
    if qualified and outcome not in ("accepted", "contacted"):
        return "mql"
    if outcome is not None:
        return STAGE_AFTER[outcome]
    return "lead" if before.stage == "mql" else before.stage


def _announcements(telling: _Telling, causes: tuple[Cause, ...]) -> list[Announcement]:
    said: list[Announcement] = []
    before, after, evaluation = telling.before, telling.after, telling.evaluation
    common = {"playbook": telling.model.bundle, "cause": telling.cause}
    known = before.announced_band if telling.aloud.band else before.band
    if known != after.band:
        numbers = {"total": evaluation.total, "grade": evaluation.grade, "level": evaluation.level}
        detail = {"from_band": known, "to_band": after.band, "reason": _reason(evaluation), **common, **numbers}
        said.append(Announcement("BandChanged", detail, silent=not telling.aloud.band))
    said += _qualification(telling, common)
    if before.stage != after.stage and after.stage not in ("lead", "mql") and not telling.lapses:
        detail = {"from_stage": before.stage, "to_stage": after.stage, "reason": f"Sales: {after.stage}", **common}
        by_playbook = telling.aloud.news == frozenset()  # no event at all; else sales did it, whatever else is silent
        said.append(Announcement("StageChanged", detail, silent=by_playbook))
    for each in causes:
        detail = {"rule": each.rule, "cause_at": instant_text(each.key[0]), "reason": each.label, **common}
        aloud = not each.late and (telling.aloud.news is None or not telling.aloud.news.isdisjoint(each.events))
        said.append(Announcement("RuleTriggered", detail, silent=not aloud, about=each.rule))
    return said


def _qualification(telling: _Telling, common: Mapping[str, Any]) -> list[Announcement]:
    before, after = telling.before, telling.after
    announces = telling.aloud.stage and before.announced_qualification != after.qualification
    if after.qualified and (announces or not before.qualified):
        detail = {**_qualified_detail(telling), **common}
        return [Announcement("LeadQualified", detail, silent=not announces)]
    owed = before.lapse_unsaid and telling.aloud.owed and telling.lapsed
    if not after.qualified and (telling.lapses or owed):
        detail = {"qualification": before.qualification, "reason": _reason(telling.evaluation), **common}
        return [Announcement("LeadUnqualified", detail, silent=not (owed or telling.aloud.lapse))]
    return []


def _qualified_detail(telling: _Telling) -> dict[str, Any]:
    evaluation, model = telling.evaluation, telling.model
    high = holds(
        model.priority, total=evaluation.total, grade=evaluation.grade, band=evaluation.band, rules=evaluation.rules
    )
    return {
        "qualification": telling.after.qualification,
        "priority": "high" if high else "standard",
        "reason": _mql_reason(evaluation, model, held=telling.before.qualified),
        "total": evaluation.total,
    }


def _mql_reason(evaluation: Evaluation, model: ScoringModel, *, held: bool) -> str:
    slack = model.hysteresis if held else 0
    words = why(
        model.mql,
        total=evaluation.total,
        grade=evaluation.grade,
        band=evaluation.band,
        rules=evaluation.rules,
        labels=model.labels(),
        slack=slack,
    )
    return words[:1].upper() + words[1:]


def _reason(evaluation: Evaluation) -> str:
    """Return the score in words: the total and the lines that weigh most."""
    top = sorted(evaluation.lines, key=lambda line: (-abs(line.points), line.rule))[:3]
    lines = ", ".join(f"{line.label} {'+' if line.points > 0 else ''}{points_text(line.points)}" for line in top)
    return f"{points_text(evaluation.total)} points" + (f": {lines}" if lines else "")


def _due_at(
    lead: Lead, model: ScoringModel, now: int, watch: Watch, standing: Standing, *, held: int | None
) -> int | None:
    """
    Return the due instant to store: when what is watched, or the end of a cool-down, would settle the lead otherwise.

    A changed index key costs two more write units, so an instant held is rewritten only when the new one is earlier, or
    the one held has passed; an entry that pops too early is settled, a no-op, and armed again.
    """
    held = held if held is not None and held > now else None
    found = next_change_at(lead, model, now, watch, until=held, standing=standing)
    instants = [instant for instant in (found, held) if instant is not None and instant < LATEST]
    closing = outcome_of(lead)
    if closing is not None and closing.value["outcome"] == "rejected" and _returns_at(lead, model) > now:
        instants.append(_returns_at(lead, model))
    return min(instants, default=None)
