"""
Find the mails that are due, and the claims nobody settled; stop mailing when too much comes back.

Trigger      schedule, every five minutes (events/schedule_nurture_sweep.json); `time` of the event is now
Reads        the due index (`nurture`, `claim`), the enrollments it names; whether mailing is paused, and the counts of
             seven days; the playbook; what SES lets us send, and how long the queue is
Writes       leases on enrollments; sends that become `parked`; the pause of mailing; messages on the queue `sends`
Emits        notices to the operations topic: sends that were parked, with their ids; that mailing paused by itself
Repeat-safe  an entry is leased before it is queued; a message that comes twice meets a claim; a notice may come twice
             when we die between telling and writing so, and then says the same
"""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.nurture_sweep.releasing import queue_due
from functions.nurture_sweep.watching import is_paused
from shared import settings, table
from shared.aws import sends, topics
from shared.aws.due import due_entries
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
    queued, failed = (0, 0) if is_paused(now) else queue_due(now)
    parked, not_parked = park_unsettled(now)
    for name, value in (("MailsQueued", queued), ("SendsParked", parked), ("SweepFailures", failed + not_parked)):
        count(name, value)
    if failed or not_parked:
        raise NurtureSweepError(f"{failed} mails not queued, {not_parked} claims not parked")


def park_unsettled(now: int) -> tuple[int, int]:
    """Tell operations of claims whose answer nobody got, and park them. Returns how many were, and how many failed."""
    found = [sends.ref_of(entry) for entry in due_entries(table.CLAIM, now)]
    if not found:
        return 0, 0
    ids = [ref.send_id for ref in found]
    topics.publish(
        settings.required("OPERATIONS_TOPIC_ARN"),
        subject=f"{len(ids)} messages with an unknown outcome",
        text=(
            f"{len(ids)} messages were handed over, mails to Amazon SES, and nobody knows whether they were taken. They are "
            "parked and will not be sent again. A late send event of SES still settles mails.\n\n"
            + "\n".join(ids[:IDS_SHOWN])
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
