"""
Send the mails that are due, each at most once.

Trigger      queue `sends`: one planned mail each (events/sqs_sends.json), or a request to confirm an address
Reads        the lead, its runs through the track, the address, the playbook, the handoff when the lead qualified
Writes       send, address and enrollment, in one transaction, before Amazon SES is asked; then what SES answered
Emits        the mail
Repeat-safe  the claim is made once: a message that comes again finds the run at the next step and the send claimed. SES
             is asked once for each claim; an answer nobody got leaves it `unknown`, never sent again
"""

import json
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.nurture_send.sending import confirm, send
from shared.instants import parse_instant
from shared.mailing import SendRef
from shared.telemetry import logger, metrics


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    failed: list[str] = []
    for record in event["Records"]:
        try:
            _carry_out(json.loads(record["body"]))
        except Exception:  # noqa: BLE001 - only this message goes back to the queue, and in the end to its DLQ
            failed.append(record["messageId"])
            logger.exception("message not carried out", message_id=record["messageId"])
    metrics.add_metric(name="SendsNotCarriedOut", unit=MetricUnit.Count, value=len(failed))
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _carry_out(said: dict[str, Any]) -> None:
    now = parse_instant(said["as_of"])
    if said.get("confirm"):
        confirm(said["lead_id"], now)
    else:
        send(SendRef(said["lead_id"], said["track"], said["rotation"], said["step"]), now)
