"""What Slack is answered: at once, whatever came of a press, and in words for whoever pressed when nothing did."""

import json
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from functions.sales.moves import find, make_move
from functions.sales.slack_press import Filled, Press
from shared.aws import owners, secret_values, slack
from shared.errors import DeliveryError
from shared.messages.slack_dialog import QUESTIONS, Dialog, View, dialog, notice
from shared.rules.handoff import Decision, Move, refusal, snoozes
from shared.rules.routing import HandoffPolicy
from shared.telemetry import logger, metrics

Answer = dict[str, Any]

GONE = "this handoff is gone"


def pressed(press: Press, policy: HandoffPolicy, at: int) -> Answer:
    """Do what the press says, or open the dialog that asks for the rest."""
    by = policy.person_in_slack(press.member)
    if press.dialog is not None:
        problem = _opened(press, press.dialog, by, policy, at)
    else:
        move = Move(press.action, by, at, reason_code=press.reason_code, means=press.means)
        decision = make_move(press.lead_id, press.number, move, policy)
        _log(press, by, "gone" if decision is None else decision.verdict)
        problem = GONE if decision is None else decision.reason if decision.verdict != "moved" else None
    if problem is not None and press.response_url:
        _whisper(press.response_url, f"Nothing changed: {problem}.")
    return _answer()


def _whisper(response_url: str, text: str) -> None:
    """Tell who pressed, if Slack takes it: an error in our answer would tell them less, and nothing was changed."""
    try:
        slack.whisper(response_url, text)
    except (DeliveryError, slack.UnsureDeliveryError) as error:
        logger.warning("words for who pressed not taken", reason=str(error))
        metrics.add_metric(name="SlackAnswersNotTaken", unit=MetricUnit.Count, value=1)


def _opened(press: Press, kind: Dialog, by: str, policy: HandoffPolicy, at: int) -> str | None:
    """Open the dialog. Returns why not, for whoever pressed."""
    token = secret_values.slack_secret().bot_token
    if not token:
        return "dialogs need a bot token; use the API"
    handoff = find(press.lead_id, press.number)
    if handoff is None:
        return GONE
    policy = policy.without(owners.time_off(person.id for person in policy.people))
    refused = refusal(handoff, kind, by, policy, at)
    if refused is not None:
        return refused
    choices: dict[Dialog, list[tuple[str, str]]] = {
        "reject": [(reason.code, reason.text) for reason in policy.reject_reasons],
        "snooze": [(str(until), text) for until, text in snoozes(handoff, policy, at)],
        "reassign": [
            (person.id, person.name)
            for person in {each.id: each for each in policy.people}.values()
            if person.id != handoff.owner and not policy.calendar_of(person.id).is_away(at)
        ],
        "convert": [],
    }
    if kind != "convert" and not choices[kind]:
        return "there is nothing to choose from"
    try:
        slack.open_view(token, press.trigger, dialog(kind, f"{press.lead_id}#{press.number}", choices[kind]))
    except (DeliveryError, slack.UnsureDeliveryError) as error:
        logger.warning("dialog not opened", reason=str(error))
        return "Slack did not open the form: press again"
    return None


def filled(said: Filled, policy: HandoffPolicy, at: int) -> Answer:
    """Do what the dialog says: it closes, or says at the field or in its place why not."""
    by = policy.person_in_slack(said.member)
    move = Move(
        said.action, by, at, reason_code=said.reason_code, note=said.note, to=said.to, until=said.until,
        opportunity=said.opportunity,
    )  # fmt: skip
    decision = make_move(said.lead_id, said.number, move, policy)
    _log(said, by, "gone" if decision is None else decision.verdict)
    return _of_dialog(said.action, decision)


def _of_dialog(kind: Dialog, decision: Decision | None) -> Answer:
    if decision is None:
        return _answer({"response_action": "update", "view": _notice(kind, GONE)})
    if decision.verdict in ("moved", "repeat"):
        return _answer()
    if decision.verdict in ("unknown_reason", "unusable"):
        return _answer({"response_action": "errors", "errors": {decision.field or QUESTIONS[kind][0]: decision.reason}})
    return _answer({"response_action": "update", "view": _notice(kind, decision.reason)})


def _notice(kind: Dialog, reason: str) -> View:
    return notice(kind, f"Nothing changed: {reason}.")


def _log(said: Press | Filled, by: str, verdict: str) -> None:
    logger.info("move decided", lead_id=said.lead_id, number=said.number, action=said.action, by=by, verdict=verdict)


def _answer(body: Any = None) -> Answer:
    return {
        "statusCode": HTTPStatus.OK.value,
        "headers": {"content-type": "application/json", "cache-control": "no-store"},
        "body": "" if body is None else json.dumps(body, separators=(",", ":")),
    }
