"""
Send the mails and other messages of tracks that are due, each at most once.

Trigger      queue `sends`: one planned mail each (events/sqs_sends.json), or a request to confirm an address
Reads        whether mailing is paused; the lead, its runs through the track, the address, for a text message that of the
             number too, the playbooks in force and of the run, the handoff when the lead qualified
Writes       send, address and enrollment, in one transaction, before the channel is asked; then what it answered, and the
             end of a run whose last mail it was; how many mails went out
Emits        the mail; the text message, through SNS; the webhook; TaskDue, TrackEnded, through the outbox
Repeat-safe  the claim is made once: a message that comes again finds the run at the next step and the send claimed. SES
             is asked once for each claim; an answer nobody got leaves it `unknown`, never sent again. A webhook that may
             not have arrived is posted again under the same id, and its receiver knows it by that
"""

import json
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.nurture_send.confirming import confirm
from functions.nurture_send.sending import send
from shared.aws import mail_control
from shared.errors import DeliveryError
from shared.instants import parse_instant
from shared.mailing import SendRef
from shared.telemetry import logger, metrics


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    failed: list[str] = []
    sent: list[int] = []
    paused = mail_control.control().paused
    for record in event["Records"]:
        try:
            said = json.loads(record["body"])
            if _carry_out(said, paused=paused, left=context.get_remaining_time_in_millis):
                sent.append(parse_instant(said["as_of"]))
        except Exception:  # noqa: BLE001 - only this message goes back to the queue, and in the end to its DLQ
            failed.append(record["messageId"])
            logger.exception("message not carried out", message_id=record["messageId"])
    if sent:
        mail_control.count_sent(max(sent), len(sent))
    metrics.add_metric(name="SendsNotCarriedOut", unit=MetricUnit.Count, value=len(failed))
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _carry_out(said: dict[str, Any], *, paused: bool, left: Callable[[], int]) -> bool:
    """
    Do what one message asks. Returns whether a mail went out.

    Raises:
        DeliveryError: Mailing is paused, and a confirmation has no sweep that would ask for it again: the message waits.
    """
    now = parse_instant(said["as_of"])
    if said.get("confirm"):
        if paused:
            raise DeliveryError("mailing is paused")
        return confirm(said["lead_id"], now)
    ref = SendRef(said["lead_id"], said["track"], said["rotation"], said["step"])
    if paused:
        logger.info("mailing is paused; the mail stays due", send_id=ref.send_id)
        return False
    return send(ref, now, left)
