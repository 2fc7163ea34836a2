"""
Put leads into tracks, and take them out.

Trigger      EventBridge: BandChanged, LeadQualified, LeadUnqualified, StageChanged, RuleTriggered, LeadMailable,
             TrackEnded, HandoffAccepted, HandoffRejected, ConfirmationRequested (events/band_changed.json,
             events/rule_triggered.json, events/lead_mailable.json, events/track_ended.json,
             events/handoff_rejected.json, events/confirmation_requested.json)
Reads        the lead, its enrollments at every home it has, the handoff, the playbook in force and those runs entered under
Writes       enrollments, with the change that tells of an end; a message on the queue `sends` for a confirmation mail
Emits        TrackEnded, through the outbox
Repeat-safe  decided from the lead as it is now; every enrollment remembers the change and the version it was decided
             from and is written on the version that was read; confirmation mails are counted on the address
"""

from functools import lru_cache
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
    LeadMailable,
    LeadQualified,
    LeadUnqualified,
    RuleTriggered,
    StageChanged,
    TrackEnded,
)
from shared.errors import ConflictError
from shared.instants import instant_text
from shared.lead import Lead
from shared.mailing import Enrollment
from shared.rules.enrolling import (
    Book,
    Cause,
    follow,
    one_at_a_time,
    pause_for_sales,
    return_from_sales,
    sent_back,
)
from shared.rules.model import ScoringModel, scoring_model
from shared.rules.tracks import GOING, Track, one_per_track, superseded, tracks_of
from shared.telemetry import logger, metrics

TRIES = 4
"""Rounds of read, decide and write before the message goes back to be delivered again."""

HEARD: dict[str, type[Change]] = {
    change.detail_type: change
    for change in (
        BandChanged,
        LeadQualified,
        LeadUnqualified,
        StageChanged,
        RuleTriggered,
        LeadMailable,
        TrackEnded,
        HandoffAccepted,
        HandoffRejected,
        ConfirmationRequested,
    )
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

    What began or waits is looked at once more: whoever began another run at the same moment, or ended the one that ours
    waits for, saw ours as little as we saw theirs.

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
            runs = _decide(lead, change)
            for run in runs:
                enrollments.save(run)
                written.append(run)
                logger.info(
                    "enrollment changed",
                    lead_id=run.lead_id, track=run.track, rotation=run.rotation, status=run.status,
                    reason=run.reason, change_id=change.change_id,
                )  # fmt: skip
        except ConflictError:
            continue
        if not any(run.status in ("active", "held") for run in runs):
            return written
    raise ConflictError("the enrollments kept changing")


def ask_to_confirm(change: ConfirmationRequested) -> None:
    """Queue a confirmation mail; whether the address may get one is decided when it is sent."""
    message = {"schema": 1, "lead_id": change.lead_id, "confirm": True, "as_of": instant_text(change.at)}
    queue.send_all(settings.sends_queue_url(), [message])


def _decide(lead: Lead, change: Change) -> list[Enrollment]:
    document = playbooks.current()
    runs, younger = one_per_track(enrollments.get_all(lead.homes))
    book = _book(document, runs)
    return [superseded(run, change.at) for run in younger] + _followed(lead, runs, change, book, document)


def _followed(
    lead: Lead, runs: dict[str, Enrollment], change: Change, book: Book, document: dict[str, Any]
) -> list[Enrollment]:
    cause = _cause(change)
    if not isinstance(change, HandoffChange):
        return follow(lead, runs, book, cause)
    handoff = handoffs.get_handoff(change.lead_id, change.handoff)
    if handoff is not None and isinstance(change, HandoffRejected):
        back = sent_back(document, change.reason_code)
        return return_from_sales(lead, runs, book, back, cause, handoff=change.handoff)
    # A message comes late and twice: what holds is the handoff as it is now.
    if handoff is not None and (handoff.state == "accepted" or handoff.outcome == "won"):
        return pause_for_sales(lead, runs, book, handoff=change.handoff, version=change.version, at=change.at)
    return one_at_a_time(lead, runs, {}, book, change.at)


def _cause(change: Change) -> Cause:
    said = (change.change_id, change.lead_id, change.at, change.version)
    match change:
        case RuleTriggered():
            return Cause(*said, "rule", rule=change.rule)
        case LeadMailable() | ConfirmationRequested():
            return Cause(*said, "mail")
        case TrackEnded():
            return Cause(*said, "end", ended=(change.track, change.rotation))
        case StageChanged():
            return Cause(*said, "stage", stage=change.to_stage)
        case LeadUnqualified():
            return Cause(*said, "stage")
    return Cause(*said, "sales" if isinstance(change, HandoffChange) else "band")


def _book(document: dict[str, Any], runs: dict[str, Enrollment]) -> Book:
    bundle = document["bundle"]
    entered = {run.playbook for run in runs.values() if run.status in GOING} - {bundle}
    pinned = {name: tracks for name in entered if (tracks := _kept(name)) is not None}
    return Book(bundle, tracks_of(document), _model(bundle), pinned)


def _kept(bundle: str) -> dict[str, Track] | None:
    try:
        return tracks_of(playbooks.document(bundle))
    except playbooks.UnknownPlaybookError:
        return None


@lru_cache(maxsize=2)
def _model(bundle: str) -> ScoringModel:
    return scoring_model(playbooks.document(bundle))
