"""
Put recorded changes on the event bus, and stamp them.

Trigger      the table's stream: inserted change items (events/dynamodb_stream_change.json); and a schedule, every five
             minutes (events/schedule_publish.json), that finds what the stream missed
Reads        change items; on schedule the due index (`outbox`)
Writes       `published_at` on change items, which leave the due index
Emits        every detail-type of events/README.md
Repeat-safe  a change keeps its id; consumers ignore a second copy
"""

import json
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from shared.aws import bus, due
from shared.aws.items import from_item
from shared.instants import MINUTE, parse_instant
from shared.table import DUE_AT, OUTBOX, PK, SK
from shared.telemetry import count, metrics

MISSED = 5 * MINUTE
"""A change that is not stamped after this long was missed by the stream."""


@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Publish the changes of a stream batch, or, on schedule, the ones that wait. Raises when the bus refuses any."""
    _ = context
    if "Records" in event:
        images = [from_item(record["dynamodb"]["NewImage"]) for record in event["Records"]]
        waiting = [image for image in images if DUE_AT in image]
    else:
        now = parse_instant(event["time"])
        keys = [(entry.pk, entry.sk) for entry in due.due_entries(OUTBOX, now - MISSED)]
        waiting = bus.changes_at(keys)
    bus.publish([(change[PK], change[SK], change["detail_type"], json.loads(change["detail"])) for change in waiting])
    count("ChangesPublished", len(waiting))
