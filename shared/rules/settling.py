"""
Bringing a lead up to date: which band and stage it settles in, what is said of it, and when to look again.

The settled band has hysteresis, the raw one has none. What was reached from history alone is settled in silence; the
lead's next own event that leaves it there announces it, once.
"""

from dataclasses import dataclass, replace
from typing import Any

from shared.instants import DAY
from shared.lead import Lead, LeadEvent, Settled
from shared.rules.horizon import next_change_at, settling_watch
from shared.rules.model import BANDS, ScoringModel
from shared.rules.qualification import holds, points_text, why
from shared.rules.scoring import Evaluation, evaluate

FRESH = DAY
"""An event older than this when it arrives is history: it scores, and alerts nobody."""

STAGE_AFTER = {"accepted": "sql", "contacted": "sql", "rejected": "recycled", "won": "customer", "lost": "lost"}
"""Lifecycle stage by what sales did last."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """One change to record: `silent` ones are history only."""

    detail_type: str
    detail: dict[str, Any]
    silent: bool


@dataclass(frozen=True, slots=True)
class Settlement:
    """The lead as settled, what changed, the evaluation it rests on, and the reason in words."""

    lead: Lead
    evaluation: Evaluation
    announcements: tuple[Announcement, ...]
    reason: str


def is_fresh(event: LeadEvent) -> bool:
    """Tell whether the event is the lead's own and recent enough to act on."""
    return event.source != "system" and event.received_at - event.occurred_at <= FRESH


def settle(lead: Lead, model: ScoringModel, as_of: int, *, fresh: bool, own: bool, swept: bool = False) -> Settlement:
    """
    Return the lead brought up to date.

    Args:
        lead: With every fact that is known; never settled backwards, whatever `as_of` says.
        model: The playbook's scoring part.
        as_of: The instant the message carries.
        fresh: An own, recent event of the lead is among what was applied: what it reached may be announced.
        own: An own event of the lead was applied; without one only what was announced before may change aloud.
        swept: The due instant popped: arm the next one exactly.
    Returns: A settlement whose lead equals the one given when nothing changed.
    """
    now = max(as_of, lead.settled.at, lead.newest_fact_at)
    evaluation = evaluate(lead, model, now)
    before = lead.settled
    band = settled_band(before.band, evaluation.total, model)
    stage_register = lead.value("sales") or {}
    outcome = stage_register.get("outcome")
    qualified = _qualifies(lead, evaluation, model, now, outcome)
    stage = _stage(before, outcome, qualified=qualified)
    number = before.qualification + 1 if qualified and not before.qualified else before.qualification
    in_step = before.announced_band == before.band
    aloud = fresh or (not own and in_step)
    told = not before.qualified or before.announced_qualification == before.qualification
    qualifies_aloud = fresh or (not own and in_step and told)
    reason = _reason(evaluation)
    settled = replace(
        before,
        band=band,
        stage=stage,
        qualified=qualified,
        qualification=number,
        announced_band=band if aloud else before.announced_band,
        announced_qualification=number if qualifies_aloud and qualified else before.announced_qualification,
    )
    said = _announcements(
        before=before,
        after=settled,
        evaluation=evaluation,
        model=model,
        lead=lead,
        reason=reason,
        aloud=aloud,
        qualifies_aloud=qualifies_aloud,
        lapsed=not _turned_down(lead, model, now, outcome),
    )
    if settled != before:
        settled = replace(settled, at=now)
    due_at = _due_at(lead, model, now, outcome)
    moved = replace(lead, settled=settled, due_at=due_at if swept else _kept_due(lead.due_at, due_at, now))
    return Settlement(moved, evaluation, said, reason)


def settled_band(held: str | None, total: int, model: ScoringModel) -> str:
    """Return the band to settle in: the raw one, or a hotter one already held whose leaving threshold still allows it."""
    for band, entering in model.bands:
        allowed = held is not None and BANDS.index(band) <= BANDS.index(held)
        if total >= (entering - model.hysteresis if allowed else entering):
            return band
    return BANDS[0]


def _qualifies(lead: Lead, evaluation: Evaluation, model: ScoringModel, now: int, outcome: str | None) -> bool:
    if evaluation.excluded is not None or _turned_down(lead, model, now, outcome):
        return False
    if outcome in ("accepted", "contacted"):
        return lead.settled.qualified
    slack = model.hysteresis if lead.settled.qualified else 0
    return holds(
        model.mql, total=evaluation.total, grade=evaluation.grade, band=evaluation.band, rules=evaluation.rules, slack=slack
    )  # fmt: skip


def _turned_down(lead: Lead, model: ScoringModel, now: int, outcome: str | None) -> bool:
    """Tell whether sales is done with the lead, or sent it back and it has not come back by an own, later gain."""
    if outcome != "rejected":
        return outcome in ("won", "lost")
    since = lead.profile["sales"].at
    gained = any(
        fact.at > since and fact.verdict not in model.refused
        for rule in model.engagement
        if rule.points > 0
        for fact in lead.facts.get(rule.filing, ())
    )
    return now < _returns_at(lead, model) or not gained


def _returns_at(lead: Lead, model: ScoringModel) -> int:
    register = lead.profile["sales"]
    return register.at + model.cool_downs.get(str(register.value.get("reason")), 0)


def _stage(before: Settled, outcome: str | None, *, qualified: bool) -> str:
    if qualified and outcome not in ("accepted", "contacted"):
        return "mql"
    if outcome is not None:
        return STAGE_AFTER[outcome]
    return "lead" if before.stage == "mql" else before.stage


def _announcements(
    *,
    before: Settled,
    after: Settled,
    evaluation: Evaluation,
    model: ScoringModel,
    lead: Lead,
    reason: str,
    aloud: bool,
    qualifies_aloud: bool,
    lapsed: bool,
) -> tuple[Announcement, ...]:
    said: list[Announcement] = []
    common = {"playbook": model.bundle, "reason": reason}
    if aloud and before.announced_band != after.band:
        numbers = {"total": evaluation.total, "grade": evaluation.grade, "level": evaluation.level}
        detail = {"from_band": before.announced_band, "to_band": after.band, **common, **numbers}
        said.append(Announcement("BandChanged", detail, silent=False))
    elif before.band != after.band:
        numbers = {"total": evaluation.total, "grade": evaluation.grade, "level": evaluation.level}
        detail = {"from_band": before.band, "to_band": after.band, **common, **numbers}
        said.append(Announcement("BandChanged", detail, silent=True))
    if after.qualified and (qualifies_aloud and before.announced_qualification != after.qualification):
        said.append(Announcement("LeadQualified", _qualified_detail(after, evaluation, model, lead), silent=False))
    elif after.qualified and not before.qualified:
        said.append(Announcement("LeadQualified", _qualified_detail(after, evaluation, model, lead), silent=True))
    if before.qualified and not after.qualified and lapsed:
        told = before.announced_qualification == before.qualification
        detail = {"qualification": before.qualification, **common}
        said.append(Announcement("LeadUnqualified", detail, silent=not told))
    return tuple(said)


def _qualified_detail(after: Settled, evaluation: Evaluation, model: ScoringModel, lead: Lead) -> dict[str, Any]:
    high = holds(
        model.priority, total=evaluation.total, grade=evaluation.grade, band=evaluation.band, rules=evaluation.rules
    )
    return {
        "qualification": after.qualification,
        "priority": "high" if high else "standard",
        "playbook": model.bundle,
        "reason": _mql_reason(evaluation, model, lead),
        "total": evaluation.total,
    }


def _mql_reason(evaluation: Evaluation, model: ScoringModel, lead: Lead) -> str:
    slack = model.hysteresis if lead.settled.qualified else 0
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


def _due_at(lead: Lead, model: ScoringModel, now: int, outcome: str | None) -> int | None:
    instants = [next_change_at(lead, model, now, settling_watch(model))]
    if outcome == "rejected" and _returns_at(lead, model) > now:
        instants.append(_returns_at(lead, model))
    return min((instant for instant in instants if instant is not None), default=None)


def _kept_due(held: int | None, wanted: int | None, now: int) -> int | None:
    """
    Return the due instant to store.

    A changed index key costs two more write units, so an instant is rewritten only when the new one is earlier, or the
    one held has passed; an entry that pops too early is settled, a no-op, and armed again.
    """
    if wanted is None:
        return held if held is not None and held > now else None
    return wanted if held is None or held <= now or wanted < held else held
