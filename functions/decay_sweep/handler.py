"""
Find the leads whose score changes with time alone, and have them settled.

Trigger      schedule, every 15 minutes (events/schedule_decay_sweep.json); `time` of the event is now
Reads        the due index (`settle`): what is due up to now, and nothing else; how far the last run came
Writes       how far it came; leases on leads that were queued before and are still due; messages on the queue `settle`
Emits        nothing; `score` settles and records
Repeat-safe  settling twice at one instant is a no-op; how far it came moves only after everything up to there is queued
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import settings, table
from shared.aws import due, queue
from shared.aws.due import Due
from shared.instants import instant_text, parse_instant
from shared.telemetry import count, metrics

TOGETHER = 100
"""Leads queued at a time: after a crash at most these wait for a lease to run out that nobody works under."""

PER_MESSAGE = 10
"""Leads in one settle message: a message that fails is tried again whole."""

MOST = 50_000
"""Leads queued in one run; the next goes on from there."""

LEFT_FOR_A_HUNDRED = 4_000
"""Milliseconds it may take to lease and queue `TOGETHER` leads. With less left, the run ends here."""


@dataclass(slots=True)
class Run:
    """What one run has done: leads queued for the first time and again, and whether it had to stop before the end."""

    now: int
    context: LambdaContext
    queued: int = 0
    again: int = 0
    more: bool = False


@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Queue a settle message for every lead due at or before the event's time."""
    run = Run(parse_instant(event["time"]), context)
    swept = due.swept(table.SETTLE)
    reached = list(swept.queued)
    for chunk in _chunks(_between(swept.queued, [run.now] * table.DUE_SHARDS), run):
        _queue(chunk, run, leased=False)
        for shard_number, due_at in {table.shard(table.lead_id_of(entry.pk)): entry.due_at for entry in chunk}.items():
            reached[shard_number] = parse_instant(due_at)
    if tuple(reached) != swept.queued:
        due.remember(table.SETTLE, swept.moved(tuple(reached), run.now))
    left_over = [min(instant, run.now) for instant in swept.left_over(run.now)]
    for chunk in _chunks(_between(due.NOTHING, left_over), run):
        _queue(chunk, run, leased=True)
    count("LeadsQueued", run.queued)
    count("LeadsQueuedAgain", run.again)
    return {"queued": run.queued, "again": run.again, "more": run.more}


def _between(after: Iterable[int], until: Iterable[int]) -> Iterator[Due]:
    for shard_number, (first, last) in enumerate(zip(after, until, strict=True)):
        yield from due.due_between(table.SETTLE, shard_number, first, last)


def _chunks(entries: Iterator[Due], run: Run) -> Iterator[list[Due]]:
    """Yield the entries a hundred at a time, as long as the run may go on."""
    while chunk := list(islice(entries, TOGETHER)):
        if run.queued + run.again >= MOST or run.context.get_remaining_time_in_millis() < LEFT_FOR_A_HUNDRED:
            run.more = True
            return
        yield chunk


def _queue(entries: Iterable[Due], run: Run, *, leased: bool) -> None:
    """
    Queue the leads.

    One that was leased before has just run out of its lease, so it is leased for longer first, like everything that
    is still due although it was queued long ago.
    """
    ids = []
    for entry in entries:
        again = leased or entry.attempts > 0
        if again and not due.lease(entry, run.now):
            continue
        ids.append(table.lead_id_of(entry.pk))
        run.again += again
        run.queued += not again
    queue.send_all(
        settings.settle_queue_url(),
        [
            {"schema": 1, "settle": ids[start : start + PER_MESSAGE], "as_of": instant_text(run.now)}
            for start in range(0, len(ids), PER_MESSAGE)
        ],
    )
