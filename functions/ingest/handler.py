"""
Take what websites, servers and forms say people did, and put it on the events queue.

Trigger      HTTP POST /v1/{identify,track,page,screen,group,alias,batch,import}, their short forms /v1/{i,t,p,s,g,a,b},
             POST /forms/{form}, and POST /v1/leads/{lead_id}/adjustments with an admin key (events/http_*.json)
Reads        the signing secret, which checks the key
Writes       nothing
Emits        messages on the events queue, each with as many events as fit
Repeat-safe  the same request gives the same event ids, and score counts an id once; 200 is said only after SQS has
             every event, and when SQS fails the error raises, so the client sends the request again
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from functions.ingest import answers, forms
from functions.ingest.access import UnauthorizedError, basic_key, check_admin, intake_of
from functions.ingest.adjustments import adjustment_event, is_lead_id
from functions.ingest.answers import Answer
from functions.ingest.body import parsed_object, request_bytes
from functions.ingest.messages import messages
from shared import settings
from shared.aws import queue
from shared.errors import InvalidInputError
from shared.intake import segment
from shared.intake.segment import Intake
from shared.intake.values import EVENT_BYTES, TooLargeError, plain
from shared.lead import LeadEvent, Source
from shared.telemetry import logger, metrics


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: object) -> Answer:
    received_at = int(time.time())
    try:
        return _taken(event, received_at)
    except UnauthorizedError as refusal:
        return _refuse(event, 401, "unauthorized", str(refusal))
    except TooLargeError as refusal:
        return _refuse(event, 413, "too_large", refusal.problem, refusal.field)
    except InvalidInputError as refusal:
        return _refuse(event, 400, "invalid", refusal.problem, refusal.field)


def _taken(event: Mapping[str, Any], received_at: int) -> Answer:
    match event["rawPath"].strip("/").split("/"):
        case [*_, "v1", route] if route in segment.ROUTES:
            return _take_call(event, segment.ROUTES[route], received_at)
        case [*_, "forms", form]:
            return _take_form(event, forms.form_name(form), received_at)
        case [*_, "v1", "leads", lead_id, "adjustments"]:
            return _take_adjustment(event, lead_id, received_at)
        case _:
            return _refuse(event, 404, "not_found", "there is no such route")


def _take_call(event: Mapping[str, Any], call: segment.Route, received_at: int) -> Answer:
    key = basic_key(event["headers"])
    intake = None if key is None else intake_of(key)  # before the body costs anything
    body = parsed_object(request_bytes(event))
    if intake is None:
        intake = intake_of(body.get("writeKey"))
    rejections: Sequence[segment.Rejection] = ()
    if call == "batch":
        events, rejections = segment.read_batch(body, intake=intake, received_at=received_at)
    else:
        events = [segment.read_call(body, call, intake=intake, received_at=received_at)]
    _enqueue(events, intake=intake, received_at=received_at, rejected=len(rejections))
    return answers.taken([rejection.to_json() for rejection in rejections])


def _take_form(event: Mapping[str, Any], name: str, received_at: int) -> Answer:
    headers: Mapping[str, str] = event["headers"]
    form = forms.read_form(name, request_bytes(event, EVENT_BYTES), headers.get("content-type", ""))
    intake = _form_intake(event, form)
    if form.is_filled_by_machine:
        logger.info("form filled by a machine", extra={"form": name})
        _enqueue([], intake=intake, received_at=received_at, rejected=1)
    else:
        said = forms.form_event(form, intake=intake, received_at=received_at, headers=headers)
        _enqueue([said], intake=intake, received_at=received_at)
    if _is_program(headers):
        return answers.taken()
    target = forms.redirect_target(form, settings.optional("ALLOWED_REDIRECT_HOSTS").split(","))
    return answers.thanks() if target is None else answers.redirect(target)


def _take_adjustment(event: Mapping[str, Any], lead_id: str, received_at: int) -> Answer:
    check_admin(event["headers"])
    if not is_lead_id(lead_id):
        return _refuse(event, 404, "not_found", "there is no such lead: an id is 16 signs, a to z and 2 to 7")
    body = plain(parsed_object(request_bytes(event, EVENT_BYTES)))
    said = adjustment_event(lead_id, body, received_at=received_at)
    _enqueue([said], intake="system", received_at=received_at)
    logger.info("score adjusted by hand", extra={"lead_id": lead_id, "event_id": said.event_id})
    return answers.adjusted(said.event_id)


def _form_intake(event: Mapping[str, Any], form: forms.Form) -> Intake:
    """Return what the form proves: nothing, when its key stands in the page, be it a server key pasted there."""
    key = basic_key(event["headers"])
    if key is not None:
        return intake_of(key)
    intake_of(form.values.get("writekey") or (event.get("queryStringParameters") or {}).get("write_key"))
    return "public"


def _enqueue(events: Sequence[LeadEvent], *, intake: Source, received_at: int, rejected: int = 0) -> None:
    packed = messages(events, intake=intake, received_at=received_at)
    metrics.add_metric(name="EventsRejected", unit=MetricUnit.Count, value=rejected)
    queue.send_all(settings.events_queue_url(), packed)
    metrics.add_metric(name="EventsAccepted", unit=MetricUnit.Count, value=len(events))


def _refuse(event: Mapping[str, Any], status: int, code: str, problem: str, field: str | None = None) -> Answer:
    """Answer with an error. The log has our own words only: a field's name may be the client's, and personal."""
    metrics.add_metric(name="EventsRejected", unit=MetricUnit.Count, value=1)
    logger.info("request refused", extra={"status": status, "code": code, "problem": problem})
    message = problem if field is None else f"{field} {problem}"
    headers: Mapping[str, str] = event["headers"]
    if "/forms/" in event["rawPath"] and "text/html" in headers.get("accept", "") and not _is_program(headers):
        return answers.refused_page(status, message)
    return answers.refused(status, code, message, field)


def _is_program(headers: Mapping[str, str]) -> bool:
    return "application/json" in headers.get("accept", "")
