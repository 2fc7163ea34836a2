"""Sending to the working queues, in tens, with every refusal raised."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from shared.aws import clients
from shared.errors import DeliveryError

BATCH = 10
"""Most entries SQS takes in one call."""


def send_all(queue_url: str, messages: Sequence[Mapping[str, Any]], *, delay_seconds: int = 0) -> None:
    """
    Send the messages as JSON, ten a call.

    Raises:
        DeliveryError: SQS refused an entry. What came before it is queued; send all of them again, consumers repeat
            safely.
    """
    for start in range(0, len(messages), BATCH):
        chunk = messages[start : start + BATCH]
        answer = clients.sqs().send_message_batch(
            QueueUrl=queue_url,
            Entries=[
                {
                    "Id": str(number),
                    "MessageBody": json.dumps(message, separators=(",", ":"), ensure_ascii=False),
                    "DelaySeconds": delay_seconds,
                }
                for number, message in enumerate(chunk)
            ],
        )
        if answer.get("Failed"):
            first = answer["Failed"][0]
            raise DeliveryError(f"{len(answer['Failed'])} of {len(chunk)} messages refused, first: {first['Code']}")


def waiting(queue_url: str) -> int:
    """Return about how many messages are on the queue and not done: seen by nobody, delayed, or being worked on."""
    said = clients.sqs().get_queue_attributes(
        QueueUrl=queue_url,
        AttributeNames=[
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesDelayed",
            "ApproximateNumberOfMessagesNotVisible",
        ],
    )
    return sum(int(number) for number in said["Attributes"].values())
