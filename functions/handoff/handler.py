"""
Give a lead that qualified to sales, and take it back when it stops qualifying before anybody took it.

Trigger      EventBridge: LeadQualified, LeadUnqualified, StageChanged (events/lead_qualified.json,
             events/lead_unqualified.json, events/stage_changed.json)
Reads        the lead, its handoffs, the people of sales, the playbook
Writes       handoff; the owner it is counted on; with one that another system closed, the end of the pause of its mail addresses
Emits        HandoffCreated, HandoffClosed, through the outbox
Repeat-safe  one handoff for each qualification, put only if absent; a late or repeated message is held against the
             lead as it is now and changes nothing
"""

from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.handoff.acquired import acquired
from functions.handoff.closing import close_with_lead
from shared.aws import handoffs, owners, playbooks
from shared.aws.leads import get_lead
from shared.contracts import HandoffCreated, LeadQualified, LeadUnqualified, StageChanged
from shared.errors import ConflictError
from shared.handoff import Handoff, ScoreLine, ScoreThen
from shared.lead import Lead
from shared.rules.handoff import decide_opening, decide_unqualified, open_handoff
from shared.rules.model import DERIVED, ScoringModel, scoring_model
from shared.rules.profile import profile_values
from shared.rules.routing import HandoffPolicy, Routed, candidate, handoff_policy, route
from shared.rules.scoring import Evaluation, evaluate
from shared.rules.settling import kept_from_sales
from shared.rules.sla import next_due
from shared.telemetry import logger, metrics

TRIES = 3
"""Rounds of read, decide and write before the message goes back to be delivered again."""

TURNS = 12
"""Rounds of routing: in each of them somebody else was given a lead, so leads that come at once all find an owner.

The lead is read anew in each: one that another system closed, or that was erased, meanwhile has no handoff made of it.
"""


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    metrics.add_metric(name="ChangesHeard", unit=MetricUnit.Count, value=1)
    if event["detail-type"] == LeadQualified.detail_type:
        created = hand_off(LeadQualified.model_validate(event["detail"]))
        metrics.add_metric(name="HandoffsCreated", unit=MetricUnit.Count, value=int(created))
    elif event["detail-type"] == StageChanged.detail_type:
        ended = close_with_lead(StageChanged.model_validate(event["detail"]))
        metrics.add_metric(name="HandoffsClosedElsewhere", unit=MetricUnit.Count, value=ended)
    else:
        closed = take_back(LeadUnqualified.model_validate(event["detail"]))
        metrics.add_metric(name="HandoffsTakenBack", unit=MetricUnit.Count, value=closed)


def hand_off(qualified: LeadQualified) -> bool:
    """Make the handoff of the qualification, unless the lead as it is now says otherwise. Returns whether it did."""
    for _ in range(TURNS):
        lead = get_lead(qualified.lead_id)
        known = [] if lead is None else [handoff for home in lead.homes for handoff in handoffs.get_handoffs(home)]
        opening = decide_opening(lead, qualified.qualification, known)
        made, reason = False, opening.reason
        if opening.opens and lead is not None:
            playbook = playbooks.current()
            model = scoring_model(playbook)
            now = evaluate(lead, model, qualified.at)
            kept = kept_from_sales(lead, now, model, max(qualified.at, lead.settled.at))
            reason = kept or reason
            if kept is None:
                try:
                    made = _create(_Draft(qualified, lead, model, now, known), handoff_policy(playbook))
                except ConflictError:
                    continue
        logger.info(
            "qualification considered",
            lead_id=qualified.lead_id, qualification=qualified.qualification, made=made, reason=reason,
        )  # fmt: skip
        return made
    raise ConflictError("others kept being given leads at the same instant, or the lead kept changing")


def take_back(unqualified: LeadUnqualified) -> int:
    """Close every handoff of the lead that nobody took: one, or after a merge several. Returns how many."""
    for _ in range(TRIES):
        try:
            return _take_back(unqualified)
        except ConflictError:
            continue
    raise ConflictError("the lead or its handoff kept changing")


def _take_back(unqualified: LeadUnqualified) -> int:
    lead = get_lead(unqualified.lead_id)
    homes = (unqualified.lead_id,) if lead is None else lead.homes
    closed = 0
    for handoff in (each for home in homes for each in handoffs.get_handoffs(home)):
        decision = decide_unqualified(lead, handoff, unqualified.at)
        if decision.verdict != "moved" or decision.announce is None:
            logger.info("handoff stays", lead_id=handoff.lead_id, number=handoff.number, reason=decision.reason)
            continue
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
        handoffs.write(entries)
        closed += 1
        logger.info("handoff taken back", lead_id=handoff.lead_id, number=handoff.number)
    return closed


@dataclass(frozen=True, slots=True)
class _Draft:
    """A handoff that waits for its owner."""

    qualified: LeadQualified
    lead: Lead
    model: ScoringModel
    evaluation: Evaluation
    known: list[Handoff]

    def of(self, routed: Routed, policy: HandoffPolicy) -> Handoff:
        lines = tuple(ScoreLine(line.rule, line.label, line.points) for line in self.evaluation.lines)
        handoff = open_handoff(
            self.lead.lead_id,
            number=self.qualified.qualification,
            priority=self.qualified.priority,
            reason=self.qualified.reason,
            at=self.qualified.at,
            score=ScoreThen(self.evaluation.total, self.evaluation.grade, self.evaluation.level, lines),
            owner=routed.owner,
            routed=routed.why,
            policy=policy,
        )
        return acquired(handoff, self.lead, self.model, self.known)


def _create(draft: _Draft, plain: HandoffPolicy) -> bool:
    """
    Give the lead to whose turn it is, and count it on them in the same write. Returns whether it was not made before.

    Raises:
        ConflictError: Somebody else was given a lead, or the lead changed: decide again.
    """
    lead, at = draft.lead, draft.qualified.at
    who = candidate(lead, profile_values(lead, draft.model, DERIVED), draft.known)
    kept = owners.get_owners(person.id for person in plain.people)
    policy = plain.without({name: state.away for name, state in kept.items()})
    routed = route(who, policy, {name: state.load for name, state in kept.items()}, at)
    handoff = draft.of(routed, policy)
    detail = {"priority": handoff.priority, "owner": handoff.owner, "reason": handoff.reason}
    try:
        handoffs.write(
            [
                handoffs.create_entry(handoff, next_due(handoff)),
                owners.given_entry(kept[routed.owner], routed.load),
                handoffs.change_entry(
                    handoff, at=handoff.created_at, detail_type=HandoffCreated.detail_type, detail=detail
                ),
                handoffs.lead_unchanged_entry(lead.lead_id, lead.version),
            ]
        )
    except ConflictError:
        if handoffs.get_handoff(lead.lead_id, handoff.number) is not None:
            return False
        raise
    metrics.add_metric(name="HandoffsOverQuota", unit=MetricUnit.Count, value=int(routed.over))
    return True
