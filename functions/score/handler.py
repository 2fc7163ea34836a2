"""
Apply what leads did to their facts, settle them, and record what changed.

Trigger      queue `events`: lead events (events/sqs_events.json), handoff changes from the bus
             (events/sqs_handoff_change.json); queue `settle`: leads that time or a new playbook may have changed
             (events/sqs_settle.json)
Reads        lead, alias and address items; a timeline only to rebuild
Writes       timeline, lead, alias, change and address items
Emits        BandChanged, LeadQualified, LeadUnqualified, StageChanged, RuleTriggered, LeadMailable,
             ConfirmationRequested, through the outbox
Repeat-safe  facts are a set keyed by event id, timeline items by message id, leads by version
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.score.messages import Message, read_message
from functions.score.models import in_force
from functions.score.writing import apply_messages
from shared.telemetry import logger, metrics

TRIES = 6
"""Rounds of load, apply and write before a contended lead goes back to the queue."""


TOGETHER = 200
"""Events applied in one round. A batch can hold a hundred messages of a hundred events: memory and time stay bounded."""

UNEXPECTED = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What a value nobody thought of can raise in a rule."""

LEFT_FOR_ONE_PART = 3_000
"""Milliseconds a round may need. With less left, the rest of the batch goes back to the queue, and what is done stays."""


@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Handle a batch of queue messages; only those that failed are delivered again."""
    messages: list[Message] = []
    failed: list[str] = []
    for record in sorted(event["Records"], key=_receives, reverse=True):
        try:
            messages.append(read_message(record))
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
            logger.error("message is not ours", message_id=record["messageId"], problem=type(error).__name__)
            failed.append(record["messageId"])
    for part in _parts(list({message.message_id: message for message in messages}.values())):
        if context.get_remaining_time_in_millis() < LEFT_FOR_ONE_PART:
            failed.extend(message.message_id for message in part)
            continue
        failed.extend(message.message_id for message in _applied(part))
    metrics.add_metric("EventsScored", "Count", sum(len(message.events) for message in messages))
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _receives(record: dict[str, Any]) -> int:
    """How often the message was received: what went back for want of time comes first, before it is set aside."""
    return int(record.get("attributes", {}).get("ApproximateReceiveCount", 1))


def _parts(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """Cut the batch where the next message would carry a part over its number of events."""
    part: list[Message] = []
    size = 0
    for message in messages:
        if part and size + message.weight > TOGETHER:
            yield part
            part, size = [], 0
        part.append(message)
        size += message.weight
    if part:
        yield part


def _applied(messages: list[Message]) -> list[Message]:
    """
    Apply the messages; return those that go back to the queue.

    A value nobody thought of fails the message it came in, and no other: the part is halved until that one is alone. Of
    a message that asks for several leads to be settled, the others are.
    What AWS answers is not caught, so an outage sends the whole batch back at once.
    """
    try:
        return _contended(messages)
    except UNEXPECTED as error:
        if len(messages) == 1 and len(messages[0].settle) > 1:
            alone = [replace(messages[0], settle=(lead_id,)) for lead_id in messages[0].settle]
            return messages if [each for each in alone if _applied([each])] else []
        if len(messages) == 1:
            logger.error("message cannot be applied", message_id=messages[0].message_id, problem=type(error).__name__)
            return messages
    half = len(messages) // 2
    return _applied(messages[:half]) + _applied(messages[half:])


def _contended(pending: list[Message]) -> list[Message]:
    """Apply the messages; return those whose leads others kept writing meanwhile."""
    for _ in range(TRIES):
        if not pending:
            break
        pending = apply_messages(pending, in_force())
    return pending
