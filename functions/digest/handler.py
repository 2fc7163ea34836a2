"""
Send operations the review of what sales rejected last month, beside the month before.

Trigger      schedule, on the first of every month (events/schedule_digest.json); `time` of the event says which month
Reads        the rank index (weeks of handoffs), the handoffs made in them, the playbook
Writes       nothing
Emits        one message to the operations topic: a text for people, the same facts as JSON
Repeat-safe  it only reads; a call that comes twice sends the same review of the same month twice
"""

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import settings
from shared.aws import handoff_weeks, playbooks, topics
from shared.instants import parse_instant
from shared.messages.rejection_review import Agreement, review_facts, review_subject, review_text
from shared.rules.rejections import LATE, months_reviewed, review
from shared.telemetry import logger, metrics

MOST = 10_000
"""Handoffs of three months that one review reads. Of more it fails, and the alarm says so."""


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, str]:
    metrics.add_metric(name="Digests", unit=MetricUnit.Count, value=1)
    return {"text": send_review(parse_instant(event["time"]))}


def send_review(at: int) -> str:
    """
    Send the review of the month before the one of `at`, and return its text.

    Raises:
        TooManyError: There are more handoffs than one call can read.
    """
    earlier, _, until = months_reviewed(at)
    found = review(handoff_weeks.made_between(earlier - LATE, until, most=MOST), at)
    agreement = _agreement(playbooks.current())
    text = review_text(found, agreement)
    topics.publish(
        settings.required("OPERATIONS_TOPIC_ARN"),
        subject=review_subject(found),
        text=text,
        attributes={"kind": "rejection_review", "stage": settings.required("STAGE")},
        facts=review_facts(found, agreement),
    )
    logger.info("rejections reviewed", month=found.name, accepted=found.month.accepted, rejected=found.month.rejected)
    return text


def _agreement(playbook: dict[str, Any]) -> Agreement:
    said = playbook["agreement"]
    reasons = {each["code"]: each["text"] for each in playbook["handoff"]["reject_reasons"]}
    return Agreement(said["mql"], said["sql"], said["review_by"], reasons)
