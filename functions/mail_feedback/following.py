"""From a report of Amazon SES to what follows: suppression, the send's state, the rates that pause mailing, the score."""

from aws_lambda_powertools.metrics import MetricUnit

from functions.mail_feedback.opened import KINDS, seen
from functions.mail_feedback.report import Report, read_report
from shared import settings
from shared.aws import addresses, consent_proofs, mail_control, queue, sends
from shared.aws.addresses import Suppression
from shared.aws.secret_values import identity_secret
from shared.identity import address_hash, event_key
from shared.lead import LeadEvent, queue_message
from shared.mailing import ConsentProof, SendRef, SendState
from shared.rules.consent import SOFT_BOUNCES_WITHIN, is_given_up
from shared.telemetry import logger, metrics

STATES: dict[str, SendState] = {"Send": "sent", "Delivery": "delivered", "Reject": "refused"}
"""What a report that concerns only the mail makes of the send."""


def follow(text: str, now: int) -> None:
    """Do what the report calls for: what concerns the address first, then the send, then the score."""
    report = read_report(text)
    if report is None:
        logger.info("not about a mail")
        return
    metrics.add_metric(name="MailReports", unit=MetricUnit.Count, value=1)
    metrics.add_metric(name=f"Mail{report.kind.replace(' ', '')}", unit=MetricUnit.Count, value=1)
    if report.kind == "Bounce" and report.permanent:
        _against(report, "bounced", "Email Bounced", now)
    elif report.kind == "Bounce" and report.soft:
        _soft_bounce(report, now)
    elif report.kind == "Complaint":
        _against(report, "complained", "Email Marked as Spam", now)
    elif report.kind in KINDS:
        touch = seen(report)
        if touch is not None:
            queue.send_all(settings.engagement_queue_url(), [touch.to_message()])
    elif report.kind in STATES:
        _note(report, STATES[report.kind])


def _note(report: Report, state: SendState) -> None:
    """Record how the mail fares. Of a delivery the mailbox is known to take mail again."""
    if state == "delivered":
        for recipient in report.recipients:
            addresses.forget_soft_bounces(address_hash(recipient, identity_secret()), report.at)
    ref = _ref(report)
    if ref is not None:
        (sends.confirm if state == "sent" else sends.settle)(ref, state, message_id=report.message_id)


def _against(report: Report, why: Suppression, name: str, now: int) -> None:
    """Suppress first, so that not even a mail that is being decided goes out; then the send; then the score."""
    if report.news:
        for recipient in report.recipients:
            address = address_hash(recipient, identity_secret())
            addresses.suppress(address, why, now)
            if why == "complained":
                key = event_key(_event_id(report, why))
                consent_proofs.put(ConsentProof(address, now, key, "complained", "mail service"))
    ref = _ref(report)
    if ref is None:
        logger.info("report about a mail we do not know", kind=report.kind)
        return
    is_bounce = why == "bounced"
    if sends.settle(ref, "bounced" if is_bounce else "complained", message_id=report.message_id):
        (mail_control.count_bounce if is_bounce else mail_control.count_complaint)(report.at)
    logger.info("mail turned against", send_id=ref.send_id, kind=report.kind, news=report.news)
    if report.news:
        _tell(report, why, name, ref, now)


def _soft_bounce(report: Report, now: int) -> None:
    """Count a bounce that may pass; the one that makes too many is the end of it, like a bounce for good."""
    if not report.news:
        return
    for recipient in report.recipients:
        address = address_hash(recipient, identity_secret())
        bounces = addresses.note_soft_bounce(address, _event_id(report, "soft"), report.at, within=SOFT_BOUNCES_WITHIN)
        if is_given_up(bounces):
            addresses.suppress(address, "soft_bounced", now)
            ref = _ref(report)
            if ref is not None:
                _tell(report, "soft_bounced", "Email Bounced", ref, now)


def _tell(report: Report, why: Suppression, name: str, ref: SendRef, now: int) -> None:
    told = LeadEvent(
        event_id=_event_id(report, why),
        name=name,
        occurred_at=report.at,
        received_at=now,
        source="system",
        lead_id=ref.lead_id,
        properties={"send_id": ref.send_id, "track": ref.track},
    )
    queue.send_all(settings.events_queue_url(), [queue_message("system", now, [told])])


def _event_id(report: Report, why: str) -> str:
    return f"{why}:{report.feedback_id or report.message_id}"[:100]


def _ref(report: Report) -> SendRef | None:
    """Return which send the report is about: by its tag, else among the newest of the address it went to."""
    if report.send_id is not None:
        return SendRef.parse(report.send_id)
    for recipient in report.recipients:
        address = addresses.get_address(address_hash(recipient, identity_secret()))
        found = sends.find_send(address, report.message_id)
        if found is not None:
            return found.ref
    return None
