"""
Take what websites, servers and forms say people did, and put it on the events queue.

Trigger      HTTP POST /v1/{identify,track,page,screen,group,alias,batch,import}, their short forms /v1/{i,t,p,s,g,a,b},
             POST /forms/{form}, and POST /v1/leads/{lead_id}/{adjustments,verdicts} with an admin key; POST
             /v1/outcomes with an outcomes key or signed; GET of what browsers load first, /v1/projects/{key}/settings,
             /sourceConfig and /ripen.js, and of /openapi.json (events/http_*.json)
Reads        the signing secret, which checks the key; for forms the playbook in force
Writes       nothing
Emits        messages on the events queue, each with as many events as fit
Repeat-safe  the same request gives the same event ids, and score counts an id once; 200 is said only after SQS has
             every event, and when SQS fails the error raises, so the client sends the request again
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from functions.ingest import access, answers, forms, outcomes, sdk_settings, static_files, throttle, webhook
from functions.ingest.access import UnauthorizedError, basic_key, check_admin, intake_of
from functions.ingest.adjustments import adjustment_event
from functions.ingest.answers import Answer
from functions.ingest.body import BATCH_BYTES, parsed_object, request_bytes
from functions.ingest.by_hand import is_lead_id
from functions.ingest.forms_body import Pairs, pairs_of
from functions.ingest.forms_rules import rules_of
from functions.ingest.messages import messages
from functions.ingest.throttle import ThrottledError
from functions.ingest.verdicts import judgement_event
from shared import settings
from shared.aws import queue
from shared.errors import InvalidInputError
from shared.intake import segment
from shared.intake.segment import Intake
from shared.intake.values import EVENT_BYTES, SINGLE_BYTES, TooLargeError, plain
from shared.lead import LeadEvent, Source
from shared.telemetry import logger, metrics

_throttle = throttle.Throttle()


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: object) -> Answer:
    received_at = int(time.time())
    try:
        return _taken(event, received_at)
    except UnauthorizedError as refusal:
        return _refuse(event, 401, "unauthorized", str(refusal))
    except ThrottledError as refusal:
        metrics.add_metric(name="RequestsThrottled", unit=MetricUnit.Count, value=1)
        return answers.throttled(refusal.wait, received_at, str(refusal))
    except TooLargeError as refusal:
        return _refuse(event, 413, "too_large", refusal.problem, refusal.field)
    except InvalidInputError as refusal:
        return _refuse(event, 400, "invalid", refusal.problem, refusal.field)


def _taken(event: Mapping[str, Any], received_at: int) -> Answer:
    match event["rawPath"].strip("/").split("/"):
        case (
            [*_, "v1", route] | [*_, "api", "s", route] | [*_, "api", "s", "s2s", route]  # the others are Jitsu's
        ) if route in segment.ROUTES:
            return _take_call(event, segment.ROUTES[route], received_at)
        case [*_, "forms", form]:
            return _take_form(event, forms.form_name(form), received_at)
        case [*_, "v1", "outcomes"]:
            return _take_outcomes(event, received_at)
        case [*_, "v1", "leads", lead_id, "adjustments"]:
            return _take_by_hand(event, lead_id, adjustment_event, received_at)
        case [*_, "v1", "leads", lead_id, "verdicts"]:
            return _take_by_hand(event, lead_id, judgement_event, received_at)
        case path:
            return _asked(event, path)


def _asked(event: Mapping[str, Any], path: Sequence[str]) -> Answer:
    """Answer what brings no event."""
    match path:
        case [*_, "v1", "m"]:  # what Segment's browser SDK counts of itself
            return _served(answers.taken())
        case [*_, "v1", "projects", key, "settings"]:
            return _give_settings(event, key, sdk_settings.segment)
        case [*_, "sourceConfig"]:  # RudderStack
            return _give_settings(event, access.given_key(event) or "", sdk_settings.rudder)
        case [*_, name] if name in static_files.TYPES:
            return _served(static_files.static_file(name, event["headers"]))
        case _:
            return _refuse(event, 404, "not_found", "there is no such route")


def _take_call(event: Mapping[str, Any], call: segment.Route, received_at: int) -> Answer:
    given = access.given_key(event)
    if given is not None:
        intake_of(given)
        _admit(given, received_at)
    data = request_bytes(event, BATCH_BYTES if call == "batch" else SINGLE_BYTES)
    key = _key_of_body(data, received_at) if given is None else given
    kilobytes = 1 + len(data) // 1024
    _throttle.charge(key, kilobytes)
    body = parsed_object(data)
    stated = segment.stated_key(body) if given is None else None
    intake = intake_of(stated if given is None else given)
    rejections: Sequence[segment.Rejection] = ()
    if call == "batch":
        events, rejections = segment.read_batch(body, intake=intake, received_at=received_at, key=stated)
    elif segment.is_kept_from_us(body):
        events = []
    else:
        events = [segment.read_call(body, call, intake=intake, received_at=received_at)]
    _throttle.charge(key, max(0, len(events) - kilobytes))
    _enqueue(events, intake=intake, received_at=received_at, rejected=len(rejections))
    return answers.taken([rejection.to_json() for rejection in rejections])


def _key_of_body(data: bytes, received_at: int) -> str:
    key = access.key_within(data)
    _admit(key, received_at)
    return key


def _admit(key: str, received_at: int) -> None:
    """Raises ThrottledError, before the body costs anything, when the key has used up what it may send."""
    _throttle.admit(key, throttle.rates(settings.optional("EVENT_RATES")), received_at)


def _give_settings(event: Mapping[str, Any], key: str, of: Callable[[str, str], Mapping[str, Any]]) -> Answer:
    if not access.is_public(key):
        return _refuse(event, 404, "not_found", "there are no settings for this key: use a public key of this stage")
    return _served(answers.cached(of(key, settings.public_url()), sdk_settings.CACHE))


def _served(answer: Answer) -> Answer:
    metrics.add_metric(name="FilesServed", unit=MetricUnit.Count, value=1)
    return answer


def _take_form(event: Mapping[str, Any], name: str, received_at: int) -> Answer:
    headers: Mapping[str, str] = event["headers"]
    posted = pairs_of(request_bytes(event, EVENT_BYTES), headers.get("content-type", ""))
    intake = _form_intake(event, posted, received_at)
    form = forms.read_form(name, posted, rules_of(name))
    said = forms.form_event(form, intake=intake, received_at=received_at, headers=headers)
    _enqueue([said], intake=intake, received_at=received_at)
    if forms.is_program(headers):
        return answers.taken()
    target = forms.redirect_target(form, settings.optional("ALLOWED_REDIRECT_HOSTS").split(","))
    return answers.thanks() if target is None else answers.redirect(target)


def _take_outcomes(event: Mapping[str, Any], received_at: int) -> Answer:
    headers: Mapping[str, str] = event["headers"]
    label = str((event.get("queryStringParameters") or {}).get("label", ""))
    signed = webhook.is_signed(headers)
    key = f"outcomes_{label}" if signed else outcomes.outcomes_key(headers)
    data = request_bytes(event, SINGLE_BYTES)
    name = webhook.checked_id(headers, label, data, now=received_at) if signed else None
    _admit(key, received_at)
    said, rejections = outcomes.outcome_events(plain(parsed_object(data)), received_at=received_at, webhook_id=name)
    _throttle.charge(key, 1 + len(said))
    _enqueue(said, intake="system", received_at=received_at, rejected=len(rejections))
    return answers.taken([rejection.to_json() for rejection in rejections])


def _take_by_hand(
    event: Mapping[str, Any], lead_id: str, read: Callable[..., LeadEvent], received_at: int
) -> Answer:  # fmt: skip
    """Take what a person says of a lead: points, or who was at work."""
    check_admin(event["headers"])
    if not is_lead_id(lead_id):
        return _refuse(event, 404, "not_found", "there is no such lead: an id is 16 signs, a to z and 2 to 7")
    body = plain(parsed_object(request_bytes(event, EVENT_BYTES)))
    said = read(lead_id, body, received_at=received_at)
    _enqueue([said], intake="system", received_at=received_at)
    logger.info("said by hand", extra={"event_name": said.name, "lead_id": lead_id, "event_id": said.event_id})
    return answers.adjusted(said.event_id)


def _form_intake(event: Mapping[str, Any], posted: Pairs, received_at: int) -> Intake:
    """Return what the form proves: nothing, when its key stands in the page, be it a server key pasted there."""
    basic = basic_key(event["headers"])
    posted_key = forms.key_of(posted) or (event.get("queryStringParameters") or {}).get("write_key")
    key = posted_key if basic is None else basic
    intake = intake_of(key)
    _admit(str(key), received_at)
    _throttle.charge(str(key), 1)
    return "public" if basic is None else intake


def _enqueue(events: Sequence[LeadEvent], *, intake: Source, received_at: int, rejected: int = 0) -> None:
    packed = messages(events, intake=intake, received_at=received_at)
    if rejected:
        metrics.add_metric(name="EventsRejected", unit=MetricUnit.Count, value=rejected)
    queue.send_all(settings.events_queue_url(), packed)
    metrics.add_metric(name="EventsAccepted", unit=MetricUnit.Count, value=len(events))


def _refuse(event: Mapping[str, Any], status: int, code: str, problem: str, field: str | None = None) -> Answer:
    """Answer with an error. The log has our own words only: a field's name may be the client's, and personal."""
    metrics.add_metric(name="EventsRejected", unit=MetricUnit.Count, value=1)
    logger.info("request refused", extra={"status": status, "code": code, "problem": problem})
    message = problem if field is None else f"{field} {problem}"
    headers: Mapping[str, str] = event["headers"]
    if "/forms/" in event["rawPath"] and "text/html" in headers.get("accept", "") and not forms.is_program(headers):
        return answers.refused_page(status, message)
    return answers.refused(status, code, message, field)
