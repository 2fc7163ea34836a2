"""
Judge who follows the links of our mails, people or machines, and tell the score.

Trigger      queue `engagement`: touches of mails, each followed by a request to judge them once they have waited
             (events/sqs_engagement.json)
Reads        the send; the playbook in force, and the one the mail was made by
Writes       the send's touches
Emits        Email Link Clicked, Email Opened on the queue `events`, with verdict and reason; again when a verdict becomes
             stricter. A request to judge on its own queue
Repeat-safe  touches are a set by id, and events take their ids: what comes twice is one. What was told is noted after it
             was told, so a crash in between tells it again
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.engagement.judging import work_off
from shared.engagement import JudgeAgain, Seen
from shared.mailing import SendRef
from shared.telemetry import logger, metrics


@dataclass(slots=True)
class Work:
    """What a batch says of one mail, and the messages that say it."""

    messages: list[str] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    judge: list[JudgeAgain] = field(default_factory=list)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Handle a batch, mail by mail; only the messages of those that failed are delivered again."""
    failed: list[str] = []
    by_mail: dict[SendRef, Work] = {}
    for record in event["Records"]:
        try:
            _sort_in(record, by_mail)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            logger.error("message is not ours", message_id=record["messageId"], problem=type(error).__name__)
            failed.append(record["messageId"])
    for ref, work in by_mail.items():
        try:
            work_off(ref, work.seen, work.judge)
        except Exception:  # noqa: BLE001 - only this mail's messages go back to the queue, and in the end to its DLQ
            failed += work.messages
            logger.exception("touches not judged", send_id=ref.send_id)
    return _answer(failed)


def _sort_in(record: dict[str, Any], by_mail: dict[SendRef, Work]) -> None:
    """Put the message to its mail's. Raises KeyError, TypeError or ValueError when it is not one of ours."""
    body = json.loads(record["body"])
    seen = Seen.from_message(body["touch"]) if "touch" in body else None
    judge = JudgeAgain.from_message(body["judge"]) if seen is None else None
    said = seen or judge
    ref = None if said is None else SendRef.parse(said.send_id)
    if ref is None:
        raise ValueError("send_id")
    work = by_mail.setdefault(ref, Work())
    work.messages.append(record["messageId"])
    work.seen += [] if seen is None else [seen]
    work.judge += [] if judge is None else [judge]


def _answer(failed: Sequence[str]) -> dict[str, Any]:
    if failed:
        metrics.add_metric(name="TouchesNotJudged", unit=MetricUnit.Count, value=len(failed))
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
