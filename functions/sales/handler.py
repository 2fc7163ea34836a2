"""
Let sales accept, reject, contact, put off, pass on, convert, win or lose a lead, from Slack, a mail or a program.

Trigger      HTTP POST /slack/interactions, signed by Slack (events/http_slack_interaction.json);
             HTTP POST /v1/handoffs/{lead_id}/{n}/{action} with a sales key (events/http_handoff_accept.json);
             HTTP GET /v1/owners, POST and DELETE /v1/owners/{id}/time-off (events/http_owners.json, http_time_off.json);
             HTTP GET /v1/mail, POST /v1/mail/pause and /v1/mail/resume with an admin key (events/http_mail_pause.json);
             HTTP GET and POST /s/{action}/{token}, a link of an alert (events/http_rep_link_page.json)
Reads        the handoff; the lead, for its addresses and its name; the playbook; what became of the mails of seven days;
             the signing and the Slack secret
Writes       handoff, and in the same transaction the pause of the lead's mail addresses, or the owner a reassigned
             one is counted on; time off; whether mailing is paused
Emits        HandoffAccepted, HandoffRejected, HandoffContacted, HandoffReassigned, HandoffSnoozed, HandoffConverted,
             HandoffClosed, through the outbox
Repeat-safe  a move that was made is not made again: the same person is told it is done, another one who won and when

Slack is answered at once; `notify` brings the message up to date from the change.
"""

import json
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.sales import mail_api, mail_links, owners_api, slack_answers
from functions.sales.api import RefusedError, check_key, raw_body, read_move, read_path
from functions.sales.moves import make_move
from functions.sales.slack_press import Press, read_press
from shared.aws import playbooks, secret_values, slack
from shared.rules.handoff import Decision, Move
from shared.rules.routing import handoff_policy
from shared.telemetry import logger, metrics

INTERACTIONS = "/slack/interactions"

Answer = dict[str, Any]


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: LambdaContext) -> Answer:
    metrics.add_metric(name="SalesRequests", unit=MetricUnit.Count, value=1)
    at = int(time.time())
    try:
        answer = _answered(event, at)
    except RefusedError as refusal:
        logger.info("request refused", status=refusal.status.value, code=refusal.code)
        answer = _answer(refusal.status, {"code": refusal.code, "message": refusal.message})
    return answer


def _answered(event: Mapping[str, Any], at: int) -> Answer:
    if event["rawPath"].startswith(mail_links.PREFIX):
        return mail_links.answer(event, at)
    if event["rawPath"].startswith(owners_api.PREFIX):
        return _answer(HTTPStatus.OK, owners_api.answer(event, at))
    if event["rawPath"].startswith(mail_api.PREFIX):
        return _answer(HTTPStatus.OK, mail_api.answer(event, at))
    return _pressed(event, at) if event["rawPath"].rstrip("/").endswith(INTERACTIONS) else _called(event, at)


def _called(event: Mapping[str, Any], at: int) -> Answer:
    """Answer a program."""
    check_key(event["headers"])
    lead_id, number, action = read_path(event["rawPath"])
    move = read_move(action, raw_body(event), at)
    decision = make_move(lead_id, number, move, handoff_policy(playbooks.current()))
    _log(lead_id, number, move, decision)
    if decision is None:
        raise RefusedError(HTTPStatus.NOT_FOUND, "not_found", "there is no such handoff")
    if decision.verdict == "unknown_reason":
        raise RefusedError(HTTPStatus.BAD_REQUEST, "unknown_reason", f"reason: {decision.reason}")
    if decision.verdict == "unusable":
        raise RefusedError(HTTPStatus.BAD_REQUEST, "invalid", f"{decision.field}: {decision.reason}")
    if decision.verdict == "refused":
        raise RefusedError(HTTPStatus.CONFLICT, "not_allowed", decision.reason)
    return _answer(HTTPStatus.OK, {"lead_id": lead_id, **decision.handoff.to_json()})


def _pressed(event: Mapping[str, Any], at: int) -> Answer:
    """Answer Slack: 200 whatever came of it; who pressed is told when nothing did."""
    body = raw_body(event)
    if not slack.is_genuine(body, event["headers"], secret=secret_values.slack_secret().signing_secret, now=at):
        raise RefusedError(HTTPStatus.UNAUTHORIZED, "unauthorized", "not signed by Slack within five minutes")
    said = read_press(body)
    if said is None:
        return _answer(HTTPStatus.OK, None)
    policy = handoff_policy(playbooks.current())
    if isinstance(said, Press):
        return slack_answers.pressed(said, policy, at)
    return slack_answers.filled(said, policy, at)


def _log(lead_id: str, number: int, move: Move, decision: Decision | None) -> None:
    verdict = "gone" if decision is None else decision.verdict
    logger.info("move decided", lead_id=lead_id, number=number, action=move.action, by=move.by, verdict=verdict)


def _answer(status: HTTPStatus, body: Mapping[str, Any] | None) -> Answer:
    return {
        "statusCode": status.value,
        "headers": {"content-type": "application/json", "cache-control": "no-store"},
        "body": "" if body is None else json.dumps(body, separators=(",", ":")),
    }
