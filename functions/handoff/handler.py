"""
Give a lead that qualified to sales, and take it back when it stops qualifying before anybody took it.

Trigger      EventBridge: LeadQualified, LeadUnqualified (events/lead_qualified.json, events/lead_unqualified.json)
Reads        the lead, its handoffs, the playbook
Writes       handoff
Emits        HandoffCreated, HandoffClosed, through the outbox
Repeat-safe  one handoff for each qualification, put only if absent; a late or repeated message is held against the
             lead as it is now and changes nothing
"""

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared.aws import handoffs, playbooks
from shared.aws.leads import get_lead
from shared.contracts import HandoffCreated, LeadQualified, LeadUnqualified
from shared.errors import ConflictError
from shared.handoff import Handoff, ScoreLine, ScoreThen
from shared.lead import Lead
from shared.rules.handoff import decide_opening, decide_unqualified, open_handoff
from shared.rules.model import ScoringModel, scoring_model
from shared.rules.routing import handoff_policy
from shared.rules.scoring import evaluate
from shared.rules.sla import next_due
from shared.telemetry import logger, metrics

TRIES = 3
"""Rounds of read, decide and write before the message goes back to be delivered again."""


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    metrics.add_metric(name="ChangesHeard", unit=MetricUnit.Count, value=1)
    if event["detail-type"] == LeadQualified.detail_type:
        created = hand_off(LeadQualified.model_validate(event["detail"]))
        metrics.add_metric(name="HandoffsCreated", unit=MetricUnit.Count, value=int(created))
    else:
        closed = take_back(LeadUnqualified.model_validate(event["detail"]))
        metrics.add_metric(name="HandoffsTakenBack", unit=MetricUnit.Count, value=int(closed))


def hand_off(qualified: LeadQualified) -> bool:
    """Make the handoff of the qualification, unless the lead as it is now says otherwise. Returns whether it did."""
    lead = get_lead(qualified.lead_id)
    known = [] if lead is None else [handoff for home in lead.homes for handoff in handoffs.get_handoffs(home)]
    opening = decide_opening(lead, qualified.qualification, known)
    made = False
    if opening.opens and lead is not None:
        playbook = playbooks.current()
        handoff = open_handoff(
            lead.lead_id,
            number=qualified.qualification,
            priority=qualified.priority,
            reason=qualified.reason,
            at=qualified.at,
            score=_score(lead, scoring_model(playbook), qualified.at),
            policy=handoff_policy(playbook),
        )
        made = _create(handoff)
    logger.info(
        "qualification considered",
        lead_id=qualified.lead_id, qualification=qualified.qualification, made=made, reason=opening.reason,
    )  # fmt: skip
    return made


def take_back(unqualified: LeadUnqualified) -> bool:
    """Close the handoff of the qualification if nobody took it. Returns whether it did."""
    for _ in range(TRIES):
        lead = get_lead(unqualified.lead_id)
        homes = (unqualified.lead_id,) if lead is None else lead.homes
        known = [each for home in homes for each in handoffs.get_handoffs(home)]
        handoff = next((each for each in known if each.running), None)
        decision = decide_unqualified(lead, handoff, unqualified.at)
        if decision is None or decision.verdict != "moved" or decision.announce is None:
            reason = "no such handoff" if decision is None else decision.reason
            logger.info("handoff stays", lead_id=unqualified.lead_id, number=unqualified.qualification, reason=reason)
            return False
        entries = [
            handoffs.update_entry(decision.handoff, next_due(decision.handoff)),
            handoffs.change_entry(
                decision.handoff,
                at=unqualified.at,
                detail_type=decision.announce.detail_type,
                detail=decision.announce.detail,
            ),
        ]
        if lead is not None:
            entries.append(handoffs.lead_unchanged_entry(lead.lead_id, lead.version))
        try:
            handoffs.write(entries)
        except ConflictError:
            continue
        logger.info("handoff taken back", lead_id=unqualified.lead_id, number=unqualified.qualification)
        return True
    raise ConflictError("the lead or its handoff kept changing")


def _create(handoff: Handoff) -> bool:
    detail = {"priority": handoff.priority, "owner": handoff.owner, "reason": handoff.reason}
    try:
        handoffs.write(
            [
                handoffs.create_entry(handoff, next_due(handoff)),
                handoffs.change_entry(
                    handoff, at=handoff.created_at, detail_type=HandoffCreated.detail_type, detail=detail
                ),
            ]
        )
    except ConflictError:
        if handoffs.get_handoff(handoff.lead_id, handoff.number) is None:
            raise
        return False
    return True


def _score(lead: Lead, model: ScoringModel, at: int) -> ScoreThen:
    now = evaluate(lead, model, at)
    lines = tuple(ScoreLine(line.rule, line.label, line.points) for line in now.lines)
    return ScoreThen(now.total, now.grade, now.level, lines)
