"""
Follow what became of our mails: sent, delivered, bounced, complained about.

Trigger      SNS: Amazon SES events of the configuration set, or notifications of the identity
             (events/ses_event_bounce.json, events/ses_notification_delivery.json, ...)
Reads        address and send items, only when a report carries no tags
Writes       address: suppression, before anything else; then its trail of consent; the send's state
Emits        Email Bounced, Email Marked as Spam on the queue `events`
Repeat-safe  a suppression stays; a send's state only moves forward; event ids are made from SES's feedback id
"""

import time
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.mail_feedback.report import Report, read_report
from shared import settings
from shared.aws import addresses, consent_proofs, queue, sends
from shared.aws.addresses import Suppression
from shared.aws.secret_values import identity_secret
from shared.identity import address_hash, event_key
from shared.lead import LeadEvent, queue_message
from shared.mailing import ConsentProof, SendRef, SendState
from shared.telemetry import logger, metrics

STATES: dict[str, SendState] = {"Send": "sent", "Delivery": "delivered", "Reject": "refused"}
"""What a report that concerns only the mail makes of the send."""


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    now = int(time.time())
    metrics.add_metric(name="MailReports", unit=MetricUnit.Count, value=len(event["Records"]))
    for record in event["Records"]:
        report = read_report(record["Sns"]["Message"])
        if report is None:
            logger.info("not about a mail")
            continue
        metrics.add_metric(name=f"Mail{report.kind.replace(' ', '')}", unit=MetricUnit.Count, value=1)
        if report.kind == "Bounce" and report.permanent:
            _against(report, "bounced", "Email Bounced", now)
        elif report.kind == "Complaint":
            _against(report, "complained", "Email Marked as Spam", now)
        elif report.kind in STATES:
            ref = _ref(report)
            if ref is not None:
                sends.settle(ref, STATES[report.kind], message_id=report.message_id)


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
    sends.settle(ref, "bounced" if why == "bounced" else "complained", message_id=report.message_id)
    logger.info("mail turned against", send_id=ref.send_id, kind=report.kind, news=report.news)
    if report.news:
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


def _event_id(report: Report, why: Suppression) -> str:
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
