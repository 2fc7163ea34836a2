"""
Put leads into tracks, and take them out.

Trigger      EventBridge: BandChanged, LeadQualified, HandoffAccepted, HandoffRejected, ConfirmationRequested
             (events/band_changed.json, events/handoff_rejected.json, events/confirmation_requested.json)
Reads        the lead, its enrollments at every home it has, the handoff, the playbook
Writes       enrollment; a message on the queue `sends` for a confirmation mail
Emits        nothing
Repeat-safe  decided from the lead as it is now; every enrollment remembers the change and the version it was decided
             from and is written on the version that was read; confirmation mails are counted on the address
"""

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import settings
from shared.aws import enrollments, handoffs, playbooks, queue
from shared.aws.leads import get_lead
from shared.contracts import (
    BandChanged,
    Change,
    ConfirmationRequested,
    HandoffAccepted,
    HandoffChange,
    HandoffRejected,
    LeadQualified,
)
from shared.errors import ConflictError
from shared.instants import instant_text
from shared.lead import Lead
from shared.mailing import Enrollment
from shared.rules.tracks import (
    Cause,
    follow_band,
    one_per_track,
    pause_for_sales,
    return_from_sales,
    sent_back,
    superseded,
    tracks_of,
)
from shared.telemetry import logger, metrics

TRIES = 4
"""Rounds of read, decide and write before the message goes back to be delivered again."""

HEARD: dict[str, type[Change]] = {
    change.detail_type: change
    for change in (BandChanged, LeadQualified, HandoffAccepted, HandoffRejected, ConfirmationRequested)
}


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    change = HEARD[event["detail-type"]].model_validate(event["detail"])
    changed = enroll(change)
    if isinstance(change, ConfirmationRequested):
        ask_to_confirm(change)
    metrics.add_metric(name="EnrollmentsChanged", unit=MetricUnit.Count, value=len(changed))


def enroll(change: Change) -> list[Enrollment]:
    """
    Bring the lead's enrollments in line with the change. Returns those that were written.

    Raises:
        ConflictError: Others kept changing them. What was written stands; the message may come again.
    """
    written: list[Enrollment] = []
    for _ in range(TRIES):
        lead = get_lead(change.lead_id)
        if lead is None:
            logger.info("the lead is gone", lead_id=change.lead_id, change_id=change.change_id)
            return written
        try:
            for run in _decide(lead, change):
                enrollments.save(run)
                written.append(run)
                logger.info(
                    "enrollment changed",
                    lead_id=run.lead_id, track=run.track, rotation=run.rotation, status=run.status,
                    reason=run.reason, change_id=change.change_id,
                )  # fmt: skip
        except ConflictError:
            continue
        return written
    raise ConflictError("the enrollments kept changing")


def ask_to_confirm(change: ConfirmationRequested) -> None:
    """Queue a confirmation mail; whether the address may get one is decided when it is sent."""
    message = {"schema": 1, "lead_id": change.lead_id, "confirm": True, "as_of": instant_text(change.at)}
    queue.send_all(settings.sends_queue_url(), [message])


def _decide(lead: Lead, change: Change) -> list[Enrollment]:
    document = playbooks.current()
    found = [run for home in lead.homes for run in enrollments.get_enrollments(home)]
    runs, younger = one_per_track(found)
    ended = [superseded(run, change.at) for run in younger]
    cause = Cause(change.change_id, change.lead_id, change.at, change.version)
    if isinstance(change, HandoffChange):
        return ended + _after_sales(lead, runs, change, cause, document)
    return ended + follow_band(lead, runs, tracks_of(document), cause, document["bundle"])


def _after_sales(
    lead: Lead, runs: dict[str, Enrollment], change: HandoffChange, cause: Cause, document: dict[str, Any]
) -> list[Enrollment]:
    """Follow what a rep did, if the handoff as it is now still says so: messages come late and twice."""
    handoff = handoffs.get_handoff(change.lead_id, change.handoff)
    if handoff is None:
        return []
    if isinstance(change, HandoffRejected):
        back = sent_back(document, change.reason_code)
        return return_from_sales(
            lead, runs, tracks_of(document), back, cause, handoff=change.handoff, playbook=document["bundle"]
        )
    if handoff.state == "accepted" or handoff.outcome == "won":
        return pause_for_sales(runs.values(), handoff=change.handoff, version=change.version, at=change.at)
    return []
