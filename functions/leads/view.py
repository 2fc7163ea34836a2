"""Leads as the API shows them: instants as text, and the score as every reader of it sees it."""

from collections.abc import Mapping, Sequence
from typing import Any

from shared import table
from shared.instants import instant_text
from shared.lead import Judgement, Lead, LeadEvent
from shared.rules.bots import counted_as, judged
from shared.rules.model import ScoringModel
from shared.rules.score_view import lead_score_view, score_view
from shared.rules.scoring import Evaluation
from shared.rules.settling import outcome_of

HIDDEN = frozenset({"address", "consent", "sales", "closed"})
"""Registers that are not profile fields of the person."""


def lead_view(
    lead: Lead,
    companions: Mapping[str, Sequence[Mapping[str, Any]]],
    recent: Sequence[LeadEvent],
    model: ScoringModel,
    now: int,
) -> dict[str, Any]:
    """Return one lead as the API shows it, evaluated at `now`."""
    return {
        **_head(lead),
        "as_of": instant_text(now),
        "identities": sorted(lead.identities),
        "profile": {
            name: {"value": register.value, "proven": register.proven}
            for name, register in sorted(lead.profile.items())
            if name not in HIDDEN
        },
        "score": lead_score_view(lead, model, now),
        "outcome": _outcome(lead),
        "playbook": model.bundle,
        "first_seen": instant_text(lead.first_seen),
        "complete_since": instant_text(lead.complete_since) if lead.complete_since else None,
        "handoffs": [_handoff(item) for item in companions["handoffs"]],
        "enrollments": [_enrollment(item) for item in companions["enrollments"]],
        "sends": [_send(item) for item in companions["sends"]],
        "refused_events": len(_refused(lead, model)),
        "judgements": [_judgement(each) for each in lead.judgements],
        "recent": [_event(event, lead, model) for event in recent],
    }


def _event(event: LeadEvent, lead: Lead, model: ScoringModel) -> dict[str, Any]:
    verdict, reason = judged(event, model, lead.judgements)
    return {
        "event_id": event.event_id,
        "name": event.name,
        "occurred_at": instant_text(event.occurred_at),
        "source": event.source,
        "verdict": verdict,
        "verdict_reason": reason,
        "refused": counted_as(event, model, lead.judgements) in model.refused,
        "properties": dict(event.properties),
    }


def _refused(lead: Lead, model: ScoringModel) -> set[str]:
    """Return the events among the remembered facts that count nothing because of who did them."""
    return {fact.event for facts in lead.facts.values() for fact in facts if fact.verdict in model.refused}


def _judgement(each: Judgement) -> dict[str, Any]:
    return {
        "given_at": instant_text(each.at),
        "from": instant_text(each.since),
        "until": instant_text(each.until),
        "verdict": each.verdict,
        "reason": each.reason,
        "by": each.by or None,
    }


def ranked_view(best: Sequence[tuple[Lead, Evaluation]], now: int) -> dict[str, Any]:
    """Return the ranking as the API shows it."""
    return {
        "as_of": instant_text(now),
        "leads": [
            {
                **_head(lead),
                "name": " ".join(str(part) for name in ("first_name", "last_name") if (part := lead.value(name))),
                "company": lead.value("company"),
                "title": lead.value("title"),
                "score": score_view(evaluation),
            }
            for lead, evaluation in best
        ],
    }


def history_view(lead: Lead, changes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what was settled when, oldest first."""
    return {"lead_id": lead.lead_id, "changes": [dict(change) for change in changes]}


def _head(lead: Lead) -> dict[str, Any]:
    settled = lead.settled
    return {
        "lead_id": lead.lead_id,
        "version": lead.version,
        "settled": {
            "band": settled.band,
            "stage": settled.stage,
            "at": instant_text(settled.at),
            "qualification": settled.qualification,
            "unannounced": settled.announced_band != settled.band
            or (settled.qualified and settled.announced_qualification != settled.qualification),
        },
    }


def _outcome(lead: Lead) -> dict[str, Any] | None:
    closing = outcome_of(lead)
    return None if closing is None else {**closing.value, "at": instant_text(closing.at)}


_KEYS = frozenset(
    {"PK", "SK", "schema", "due_key", "due_attempts", "rank_key", "rank_bound", "deliveries", "expires_at"}
)
"""Attributes that are about the item, not about the lead."""


def _handoff(item: Mapping[str, Any]) -> dict[str, Any]:
    shown = _companion(item) | {"lead_id": table.lead_id_of(item[table.PK])}
    if "score" in shown:
        score = shown["score"]
        lines = [{**line, "points": line["points"] / 1000} for line in score["lines"]]
        shown["score"] = {**score, "total": score["total"] / 1000, "lines": lines}
    return shown


def _enrollment(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"track": item[table.SK].removeprefix(table.TRACK_PREFIX), **_companion(item)}


def _send(item: Mapping[str, Any]) -> dict[str, Any]:
    track, rotation, step = item[table.SK].removeprefix(table.SEND_PREFIX).rsplit("#", 2)
    return {"track": track, "rotation": int(rotation), "step": int(step), **_companion(item)}


def _companion(item: Mapping[str, Any]) -> dict[str, Any]:
    listed = item.get(table.DUE_KEY, "").startswith((f"{table.RUN}#", f"{table.SENT}#"))
    left_out = {*_KEYS, *([table.DUE_AT] if listed else [])}  # where it stands in a list is nothing that waits
    return {
        name: sorted(value) if isinstance(value, set) else value for name, value in item.items() if name not in left_out
    }
