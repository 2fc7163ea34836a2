"""
Find the leads whose score changes with time alone, and have them settled.

Trigger      schedule, every 15 minutes (events/schedule_decay_sweep.json); `time` of the event is now
Reads        the due index (`settle`): what is due up to now, and nothing else
Writes       leases on lead items; settle messages on the queue `events`
Emits        nothing; `score` settles and records
Repeat-safe  settling twice at one instant is a no-op
"""

from itertools import islice
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import settings
from shared.aws import due, queue
from shared.instants import instant_text, parse_instant
from shared.table import SETTLE, lead_id_of
from shared.telemetry import metrics

TOGETHER = 100
"""Leads leased, and then queued, at a time: after a crash at most these wait for their lease to run out."""

PER_MESSAGE = 10
"""Leads in one settle message: a message that fails is tried again whole."""


@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Queue a settle message for every lead due at or before the event's time."""
    _ = context
    now = parse_instant(event["time"])
    entries = due.due_entries(SETTLE, now)
    queued = 0
    while chunk := list(islice(entries, TOGETHER)):
        ids = [lead_id_of(entry.pk) for entry in chunk if due.lease(entry, now)]
        queue.send_all(
            settings.events_queue_url(),
            [
                {"schema": 1, "settle": ids[start : start + PER_MESSAGE], "as_of": instant_text(now)}
                for start in range(0, len(ids), PER_MESSAGE)
            ],
        )
        queued += len(ids)
    metrics.add_metric("LeadsQueued", "Count", queued)
    return {"queued": queued}
