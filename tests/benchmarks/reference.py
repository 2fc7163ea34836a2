"""
The handler we compare ours with: a scoring consumer written from the documented idioms of Powertools and boto3.

What somebody builds by the book in a day, and nothing made slow on purpose: BatchProcessor with partial failures,
a pydantic model, `idempotent_function` on a DynamoDB table, a get and an update of the lead through the boto3 resource,
one log line and one metric an event, tracing off. Four AWS calls an event. It computes and stores a running total of
points by event name; it has no decay, no bands, no identities and no timeline.
"""

from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from pydantic import BaseModel, Field

LEADS = "reference-leads"
SEEN = "reference-idempotency"

POINTS = {
    "Demo Requested": 40,
    "Trial Started": 30,
    "Asset Downloaded": 20,
    "Webinar Attended": 15,
    "Email Link Clicked": 5,
    "Page Viewed": 2,
    "Unsubscribed": -30,
}


class Event(BaseModel):
    """One event of the message, as far as the score is concerned."""

    event_id: str
    name: str
    occurred_at: str
    anonymous_id: str | None = None
    user_id: str | None = None
    email: str | None = None
    properties: dict[str, Any] = Field(default_factory=dict)
    traits: dict[str, Any] = Field(default_factory=dict)


class Message(BaseModel):
    """One message of the queue."""

    source: str
    received_at: str
    events: list[Event]


logger = Logger(service="reference")
metrics = Metrics(namespace="Reference", service="reference")
processor = BatchProcessor(event_type=EventType.SQS)
config = IdempotencyConfig(event_key_jmespath="event_id", expires_after_seconds=24 * 3600)


@cache
def _leads() -> Any:
    return boto3.resource("dynamodb").Table(LEADS)


@cache
def _score_once() -> Any:
    """The clients are made on first use, when the environment says where AWS is."""
    store = DynamoDBPersistenceLayer(table_name=SEEN)
    return idempotent_function(data_keyword_argument="event", persistence_store=store, config=config)(score)


def score(*, event: dict[str, Any]) -> dict[str, Any]:
    """Add the event's points to its lead's total."""
    lead_id = event["user_id"] or event["email"] or event["anonymous_id"]
    held = _leads().get_item(Key={"id": lead_id}, ConsistentRead=True).get("Item", {})
    total = int(held.get("total", 0)) + POINTS.get(event["name"], 0)
    _leads().update_item(
        Key={"id": lead_id},
        UpdateExpression="SET #total = :total, #seen = :seen",
        ExpressionAttributeNames={"#total": "total", "#seen": "last_seen"},
        ExpressionAttributeValues={":total": total, ":seen": event["occurred_at"]},
    )
    logger.info("event scored", event_id=event["event_id"], event_name=event["name"], total=total)
    metrics.add_metric(name="EventsScored", unit=MetricUnit.Count, value=1)
    return {"total": total}


def record_handler(record: SQSRecord) -> None:
    message = Message.model_validate_json(record.body)
    for event in message.events:
        _score_once()(event=event.model_dump())


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> Any:
    """Handle a batch of queue messages; those that failed are delivered again."""
    config.register_lambda_context(context)
    return process_partial_response(event=event, record_handler=record_handler, processor=processor, context=context)


def forget() -> None:
    """Drop the clients; the next use makes new ones."""
    _leads.cache_clear()
    _score_once.cache_clear()
