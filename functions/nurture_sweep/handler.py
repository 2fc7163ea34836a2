"""
Find the mails that are due, and the claims nobody settled.

Trigger      schedule, every five minutes (events/schedule_nurture_sweep.json); `time` of the event is now
Reads        the due index (`nurture`, `claim`), the enrollments it names
Writes       leases on enrollments; sends that become `parked`; messages on the queue `sends`
Emits        one notice to the operations topic when sends were parked, with their ids
Repeat-safe  an entry is leased before it is queued; a message that comes twice meets a claim; a notice may come twice
             when we die between telling and parking, and then names the same sends
"""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import settings, table
from shared.aws import enrollments, sends, topics
from shared.aws.due import Due, due_entries, lease
from shared.aws.queue import BATCH, send_all
from shared.errors import RipenError
from shared.instants import instant_text, parse_instant
from shared.telemetry import count, logger, metrics

IDS_SHOWN = 50
"""Send ids in one notice; the rest is counted."""


class NurtureSweepError(RipenError):
    """Some entries could not be handled. They are still due, or will be when their lease ends: sweep again."""


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    now = parse_instant(event["time"])
    queued, failed = queue_due(now)
    parked, not_parked = park_unsettled(now)
    for name, value in (("MailsQueued", queued), ("SendsParked", parked), ("SweepFailures", failed + not_parked)):
        count(name, value)
    if failed or not_parked:
        raise NurtureSweepError(f"{failed} mails not queued, {not_parked} claims not parked")


def queue_due(now: int) -> tuple[int, int]:
    """Queue every mail due at or before the instant. Returns how many were queued, and how many entries failed."""
    queued = failed = 0
    waiting: list[dict[str, Any]] = []
    for entry in due_entries(table.NURTURE, now):
        try:
            message = _leased(entry, now)
        except Exception:  # noqa: BLE001 - one lead's trouble must not keep the others' mail back; raised by the handler
            failed += 1
            logger.exception("mail not leased", pk=entry.pk, sk=entry.sk)
            continue
        waiting += [] if message is None else [message]
        if len(waiting) == BATCH:
            sent = _queue(waiting)
            queued, failed, waiting = queued + sent, failed + len(waiting) - sent, []
    sent = _queue(waiting)
    return queued + sent, failed + len(waiting) - sent


def park_unsettled(now: int) -> tuple[int, int]:
    """Tell operations of claims whose answer nobody got, and park them. Returns how many were, and how many failed."""
    found = [sends.ref_of(entry) for entry in due_entries(table.CLAIM, now)]
    if not found:
        return 0, 0
    ids = [ref.send_id for ref in found]
    topics.publish(
        settings.required("OPERATIONS_TOPIC_ARN"),
        subject=f"{len(ids)} mails with an unknown outcome",
        text=(
            f"{len(ids)} mails were handed to Amazon SES and nobody knows whether it took them. They are parked and "
            "will not be sent again. A late send event of SES still settles them.\n\n" + "\n".join(ids[:IDS_SHOWN])
        ),
        attributes={"kind": "sends_parked", "stage": settings.required("STAGE")},
        facts={"count": len(ids), "send_ids": ids[:IDS_SHOWN], "as_of": instant_text(now)},
    )
    parked = failed = 0
    for ref in found:
        try:
            parked += sends.settle(ref, "parked")
        except Exception:  # noqa: BLE001 - the other claims are parked all the same; raised by the handler
            failed += 1
            logger.exception("claim not parked", send_id=ref.send_id)
    return parked, failed


def _leased(entry: Due, now: int) -> dict[str, Any] | None:
    """Lease the entry and return its message; None when somebody else has it, or the run is over."""
    if not lease(entry, now):
        return None
    run = enrollments.get_enrollment(table.lead_id_of(entry.pk), enrollments.track_of(entry.sk))
    if run is None or run.status != "active":
        return None
    return {
        "schema": 1,
        "lead_id": run.lead_id,
        "track": run.track,
        "rotation": run.rotation,
        "step": run.step,
        "as_of": instant_text(now),
    }


def _queue(messages: list[dict[str, Any]]) -> int:
    """Queue up to ten messages; returns how many. What was not queued comes back when its lease ends."""
    if not messages:
        return 0
    try:
        send_all(settings.sends_queue_url(), messages)
    except Exception:  # noqa: BLE001 - the next ten may fare better; raised by the handler
        logger.exception("mails not queued", count=len(messages))
        return 0
    return len(messages)
