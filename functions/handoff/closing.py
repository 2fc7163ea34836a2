"""Another system said what became of the lead: the handoff that sales still has of it ends, and everybody sees so."""

from shared.aws import addresses, handoffs
from shared.aws.leads import get_lead
from shared.contracts import StageChanged
from shared.errors import ConflictError
from shared.rules.handoff import OUTCOME_OF_STAGE, decide_closed_elsewhere
from shared.rules.sla import next_due
from shared.telemetry import logger

TRIES = 3


def close_with_lead(change: StageChanged) -> int:
    """
    Close every running handoff of the lead, if the lead as it is now is won, lost or disqualified. Returns how many.

    What sales closed itself comes by here too, and finds nothing that runs.

    Raises:
        ConflictError: Others kept changing them; what was closed stays so. Do it again.
    """
    if change.to_stage not in OUTCOME_OF_STAGE:
        return 0
    for _ in range(TRIES):
        try:
            return _close(change)
        except ConflictError:
            continue
    raise ConflictError("the lead or its handoff kept changing")


def _close(change: StageChanged) -> int:
    lead = get_lead(change.lead_id)
    if lead is None:
        return 0
    closed = 0
    for handoff in (each for home in lead.homes for each in handoffs.get_handoffs(home)):
        decision = decide_closed_elsewhere(lead, handoff, change.at)
        if decision.verdict != "moved" or decision.announce is None:
            continue
        after = decision.handoff
        freed = handoff.paused if decision.mail == "resume" else ()
        handoffs.write(
            [
                handoffs.update_entry(after, next_due(after)),
                *(addresses.resume_entry(name, handoff.reference) for name in freed),
                handoffs.change_entry(
                    after, at=change.at, detail_type=decision.announce.detail_type, detail=decision.announce.detail
                ),
                handoffs.lead_unchanged_entry(lead.lead_id, lead.version),
            ]
        )
        closed += 1
        logger.info("handoff closed", lead_id=lead.lead_id, number=handoff.number, outcome=after.outcome)
    return closed
