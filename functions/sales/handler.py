"""
Let sales accept, reject, contact, win or lose a lead, from Slack or from a program.

Trigger      HTTP POST /slack/interactions, signed by Slack (events/http_slack_interaction.json);
             HTTP POST /v1/handoffs/{lead_id}/{n}/{action} with a sales key (events/http_handoff_accept.json)
Reads        the handoff; the lead, for its addresses; the playbook; the signing and the Slack secret
Writes       handoff, and in the same transaction the pause of the lead's mail addresses
Emits        HandoffAccepted, HandoffRejected, HandoffContacted, HandoffClosed, through the outbox
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

from functions.sales.api import RefusedError, check_key, raw_body, read_move, read_path
from functions.sales.moves import make_move
from functions.sales.slack_press import read_press
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
        answer = _pressed(event, at) if event["rawPath"].rstrip("/").endswith(INTERACTIONS) else _called(event, at)
    except RefusedError as refusal:
        logger.info("request refused", status=refusal.status.value, code=refusal.code)
        answer = _answer(refusal.status, {"code": refusal.code, "message": refusal.message})
    return answer


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
    if decision.verdict == "refused":
        raise RefusedError(HTTPStatus.CONFLICT, "not_allowed", decision.reason)
    return _answer(HTTPStatus.OK, {"lead_id": lead_id, **decision.handoff.to_json()})


def _pressed(event: Mapping[str, Any], at: int) -> Answer:
    """Answer Slack: 200 whatever came of it; who pressed is told when nothing did."""
    body = raw_body(event)
    if not slack.is_genuine(body, event["headers"], secret=secret_values.slack_secret().signing_secret, now=at):
        raise RefusedError(HTTPStatus.UNAUTHORIZED, "unauthorized", "not signed by Slack within five minutes")
    press = read_press(body)
    if press is None:
        return _answer(HTTPStatus.OK, None)
    policy = handoff_policy(playbooks.current())
    move = Move(press.action, policy.person_in_slack(press.member), at, reason_code=press.reason_code)
    decision = make_move(press.lead_id, press.number, move, policy)
    _log(press.lead_id, press.number, move, decision)
    if press.response_url and (decision is None or decision.verdict != "moved"):
        reason = "this handoff is gone" if decision is None else decision.reason
        slack.whisper(press.response_url, f"Nothing changed: {reason}.")
    return _answer(HTTPStatus.OK, None)


def _log(lead_id: str, number: int, move: Move, decision: Decision | None) -> None:
    verdict = "gone" if decision is None else decision.verdict
    logger.info("move decided", lead_id=lead_id, number=number, action=move.action, by=move.by, verdict=verdict)


def _answer(status: HTTPStatus, body: Mapping[str, Any] | None) -> Answer:
    return {
        "statusCode": status.value,
        "headers": {"content-type": "application/json", "cache-control": "no-store"},
        "body": "" if body is None else json.dumps(body, separators=(",", ":")),
    }
