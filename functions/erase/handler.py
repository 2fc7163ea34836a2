"""
Erase a person: at once as a lead, and then, item by item, everything that is held about them.

Trigger      HTTP POST /v1/leads/{id}/erase, POST /v1/leads/erase, GET /v1/erasures/{id}, with an admin key
             (events/http_erase.json, events/http_erase_by_identity.json, events/http_erasure.json); queue `erasures`: an
             erasure that was asked for (events/sqs_erasures.json), from itself
Reads        every item at the person's homes and of their addresses; what lives at the homes their events name
Writes       markers in place of lead and aliases, the erasure's record; deletes timeline, changes, handoffs, enrollments
             and sends; leaves of an address only what refuses mail, and of a shared device only other people's part
Emits        LeadErased, through the outbox
Repeat-safe  asking again finds the marker and answers with the same erasure; each step is one transaction with the
             record, on its version, so a step is done once whoever tries it and wherever it was interrupted
"""

import json
import time
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.erase import asking, clearing, requests
from functions.erase.requests import RefusedError
from shared.aws.erasure import get_erasure
from shared.errors import ConflictError, InvalidInputError
from shared.intake.body import read_body
from shared.telemetry import logger, metrics

LEFT_FOR_ONE_STEP = 5_000
"""Milliseconds a step may need. With less left, the rest is queued again."""


@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any] | None:
    """Answer a request, or work on the erasures that were queued."""
    now = int(time.time())
    if "Records" in event:
        for record in event["Records"]:
            clearing.work_on(
                json.loads(record["body"])["erasure"],
                now=now,
                may_go_on=lambda: context.get_remaining_time_in_millis() > LEFT_FOR_ONE_STEP,
            )
        return None
    try:
        requests.check_admin(event["headers"])
        return _answer(200, _called(event, now))
    except RefusedError as refusal:
        return _answer(refusal.status, {"code": refusal.code, "message": refusal.message})
    except InvalidInputError as error:
        return _answer(400, {"code": "invalid", "message": str(error)})
    except ConflictError:
        return _answer(503, {"code": "busy", "message": "the lead kept changing: nothing was erased, ask again"})


def _called(event: dict[str, Any], now: int) -> dict[str, Any]:
    match event["requestContext"]["http"]["method"], event["rawPath"].strip("/").split("/"):
        case "GET", [*_, "v1", "erasures", erasure_id]:
            erasure = get_erasure(erasure_id) if requests.is_erasure_id(erasure_id) else None
            if erasure is None:
                raise RefusedError(404, "not_found", "no such erasure")
            return requests.erasure_view(erasure)
        case "POST", [*_, "v1", "leads", "erase"]:
            said = read_body(event, longest=requests.MAX_BODY, example=requests.BODY)
            erasure_id = asking.erase(requests.read_home(said), requests.read_order(said, now))
        case "POST", [*_, "v1", "leads", lead_id, "erase"]:
            said = read_body(event, longest=requests.MAX_BODY, example=requests.BODY)
            erasure_id = asking.erase(requests.lead_id_of(lead_id), requests.read_order(said, now))
        case _:
            raise RefusedError(404, "not_found", "there is no such route")
    metrics.add_metric(name="ErasuresAsked", unit=MetricUnit.Count, value=1)
    logger.info("erasure asked for", erasure=erasure_id)
    return {"success": True, "erasure": erasure_id}


def _answer(status: int, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json", "cache-control": "no-store"},
        "body": json.dumps(body),
    }
