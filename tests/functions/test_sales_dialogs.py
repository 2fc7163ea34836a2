"""Dialogs of a handoff message: what opens them, what they do, and what is said when nothing came of it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest

from functions.sales import handler as module
from functions.sales.handler import handler
from shared.aws import handoffs, owners, slack
from shared.bundle import playbook_document
from shared.instants import DAY, HOUR
from shared.owners import TimeOff
from shared.rules.routing import handoff_policy
from tests.conftest import Aws, Context
from tests.functions.test_sales import AT, press, signed
from tests.handoff_world import LEAD_ID, SlackStand, changes, current, handed_off, slack_stand

REFERENCE = f"{LEAD_ID}#1"


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: AT + 0.7))


@pytest.fixture
def slack_api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackStand]:
    with slack_stand(tmp_path) as stand:
        monkeypatch.setenv("SLACK_API_URL", stand.url)
        yield stand


def pressed(stand: SlackStand, context: Context, action: dict[str, Any], user: str = "U0MARIA") -> dict[str, Any]:
    """Press a button with a trigger and a place to answer, as Slack sends it."""
    posted = stand.workspace.post("#sales-alerts", {"text": "the alert"})
    channel = next(iter(stand.workspace.channels()))
    hook = stand.workspace.new_hook(channel, posted["ts"], presser=user)
    payload = {
        "type": "block_actions",
        "user": {"id": user},
        "trigger_id": stand.workspace.new_trigger(),
        "response_url": f"{stand.url}response/{hook}",
        "actions": [action],
    }
    return handler(signed(urlencode({"payload": json.dumps(payload)}).encode()), context)


def chosen(choice: str) -> dict[str, Any]:
    return {"type": "overflow", "action_id": "more", "selected_option": {"value": f"{REFERENCE}#{choice}"}}


REJECT = {"type": "button", "action_id": "reject", "value": REFERENCE}


def sent(context: Context, kind: str, user: str = "U0MARIA", reference: str = REFERENCE, **said: str) -> dict[str, Any]:
    """Send a dialog with what was filled in. Returns the answer to Slack, its body read."""
    selects = {"reason", "until", "to"}
    values = {
        name: {name: {"selected_option": {"value": value}} if name in selects else {"value": value}}
        for name, value in said.items()
    }
    view = {"callback_id": kind, "private_metadata": reference, "state": {"values": values}}
    payload = {"type": "view_submission", "user": {"id": user}, "view": view}
    answer = handler(signed(urlencode({"payload": json.dumps(payload)}).encode()), context)
    assert answer["statusCode"] == 200
    return dict(json.loads(answer["body"] or "{}"))


def options(view: dict[str, Any]) -> list[str]:
    return [option["value"] for option in view["blocks"][0]["element"]["options"]]


def test_reject_asks_for_a_reason_of_the_playbook_and_a_note(aws: Aws, context: Context, slack_api: SlackStand):
    handed_off(context)
    assert pressed(slack_api, context, REJECT)["statusCode"] == 200
    (view,) = slack_api.workspace.views()
    assert (view["callback_id"], view["private_metadata"]) == ("reject", REFERENCE)
    assert options(view) == [reason.code for reason in handoff_policy(playbook_document()).reject_reasons]
    assert view["blocks"][1]["optional"] is True
    assert current().state == "open"
    for _ in range(2):  # Slack sends it again when our answer was lost
        assert sent(context, "reject", reason="no_budget", note="next spring") == {}
    rejected = current()
    assert (rejected.state, rejected.reason_code, rejected.note) == ("rejected", "no_budget", "next spring")
    assert rejected.decided_by == "maria"
    assert len(changes(aws, "HandoffRejected")) == 1


@pytest.mark.parametrize("said", [{}, {"reason": "made_up"}])
def test_an_unknown_reason_is_said_at_the_field(said: dict[str, str], aws: Aws, context: Context):
    handed_off(context)
    answer = sent(context, "reject", **said)
    assert answer["response_action"] == "errors"
    assert list(answer["errors"]) == ["reason"]
    assert current().version == 1


def test_put_off_offers_the_owners_next_mornings(aws: Aws, context: Context, slack_api: SlackStand):
    handed_off(context)
    pressed(slack_api, context, chosen("snooze"))
    (view,) = slack_api.workspace.views()
    policy = handoff_policy(playbook_document())
    offered = options(view)
    assert offered[0] == str(AT + 2 * HOUR)
    due = current().clocks[0].due_at
    assert sent(context, "snooze", until=offered[1], note="in a meeting") == {}
    after = current()
    assert (after.snoozed_until, after.clocks[0].due_at - due) == (int(offered[1]), int(offered[1]) - AT)
    assert (
        policy.calendar_of(after.owner).text(int(offered[1]))
        == view["blocks"][0]["element"]["options"][1]["text"]["text"]
    )
    (change,) = changes(aws, "HandoffSnoozed")
    assert change["by"] == "maria"


def test_pass_on_offers_who_is_there_and_not_the_owner(aws: Aws, context: Context, slack_api: SlackStand, monkeypatch):
    handed_off(context)
    policy = handoff_policy(playbook_document()).without({"astrid": [(AT - DAY, AT + DAY)]})
    monkeypatch.setattr(module, "handoff_policy", lambda _: policy)
    pressed(slack_api, context, chosen("reassign"))
    (view,) = slack_api.workspace.views()
    owner = current().owner
    others = [each.id for each in policy.owners if each.id != owner]
    assert options(view) == [*others, "helena"]
    assert sent(context, "reassign", user="U0HELENA", to=others[0]) == {}
    assert current().owner == others[0]
    (change,) = changes(aws, "HandoffReassigned")
    assert (change["by"], change["owner"], change["from_owner"]) == ("helena", others[0], owner)
    away = sent(context, "reassign", to="astrid")
    assert "away" in away["errors"]["to"]


def test_an_accepted_lead_becomes_an_opportunity(aws: Aws, context: Context, slack_api: SlackStand):
    handed_off(context)
    pressed(slack_api, context, chosen("convert"))
    assert slack_api.workspace.views() == []
    assert "accept it first" in slack_api.messages[-1]["text"]
    handler(press({"action_id": "accept"}), context)
    pressed(slack_api, context, chosen("convert"))
    (view,) = slack_api.workspace.views()
    assert view["blocks"][0]["element"]["type"] == "plain_text_input"
    assert list(sent(context, "convert", opportunity="Anna Svensson!")["errors"]) == ["opportunity"]
    assert sent(context, "convert", opportunity=" 006-1 ") == {}
    assert current().opportunity == "006-1"


@pytest.mark.parametrize("means", ["mail", "meeting"])
def test_other_contacts_are_logged_from_the_menu(means: str, aws: Aws, context: Context, slack_api: SlackStand):
    handed_off(context)
    pressed(slack_api, context, chosen(means))
    assert (current().means, current().contacted_by) == (means, "maria")


def test_no_dialog_opens_for_what_somebody_else_decided(aws: Aws, context: Context, slack_api: SlackStand):
    handed_off(context)
    handler(press({"action_id": "accept"}, user="U0JONAS"), context)
    pressed(slack_api, context, REJECT)
    assert slack_api.workspace.views() == []
    assert "accepted by Jonas Weber on Mon 5 Jan 2026 09:40 CET" in slack_api.messages[-1]["text"]
    assert slack_api.messages[-1]["is_ephemeral"] is True


def test_a_dialog_that_comes_too_late_says_by_whom_it_was_decided(aws: Aws, context: Context, slack_api: SlackStand):
    handed_off(context)
    pressed(slack_api, context, REJECT)
    handler(press({"action_id": "accept"}, user="U0JONAS"), context)
    answer = sent(context, "reject", reason="no_budget")
    assert answer["response_action"] == "update"
    assert "accepted by Jonas Weber" in json.dumps(answer["view"])
    assert current().state == "accepted"


@pytest.mark.parametrize("kind", ["reject", "snooze", "reassign", "convert"])
def test_a_handoff_that_is_gone_has_no_dialog(kind: str, aws: Aws, context: Context, slack_api: SlackStand):
    handed_off(context)
    gone = f"{LEAD_ID}#7"
    pressed(slack_api, context, REJECT | {"value": gone})
    assert "this handoff is gone" in slack_api.messages[-1]["text"]
    said = sent(context, kind, reference=gone, reason="no_budget", to="helena", until=str(AT + DAY), opportunity="1")
    assert "this handoff is gone" in json.dumps(said["view"])


@pytest.mark.parametrize(
    ("status", "said"), [(500, {}), (200, {"error": "expired_trigger_id"}), (429, {}), ("timeout", {})]
)
def test_who_sees_no_dialog_is_told_to_press_again(
    status: Any,
    said: dict[str, Any],
    aws: Aws,
    context: Context,
    slack_api: SlackStand,
    monkeypatch: pytest.MonkeyPatch,
):
    handed_off(context)
    monkeypatch.setattr(slack, "PROMPT", 1)
    slack_api.fail(status, method="views.open", **(said | ({"seconds": 2} if status == "timeout" else {})))
    assert pressed(slack_api, context, REJECT)["statusCode"] == 200
    assert "press again" in slack_api.messages[-1]["text"]
    assert current().version == 1
    pressed(slack_api, context, REJECT)
    assert len(slack_api.workspace.views()) == 1


def test_nobody_is_offered_a_lead_who_said_today_that_they_are_away(aws: Aws, context: Context, slack_api: SlackStand):
    handed_off(context)
    away = next(each for each in ("jonas", "priya") if each != current().owner)
    owners.set_time_off(owners.get_owners([away])[away], [TimeOff(AT - HOUR, AT + DAY, "helena")])
    pressed(slack_api, context, chosen("reassign"))
    (view,) = slack_api.workspace.views()
    assert away not in options(view)
    assert "helena" in options(view)


@pytest.mark.parametrize("action", [REJECT, {"type": "button", "action_id": "accept", "value": REFERENCE}])
def test_a_press_on_what_is_gone_is_answered_though_slack_takes_no_words(
    action: dict[str, Any],
    aws: Aws,
    context: Context,
    slack_api: SlackStand,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
):
    monkeypatch.setattr(slack_api, "url", "http://127.0.0.1:1/")  # nobody listens there
    answer = pressed(slack_api, context, action)
    assert (answer["statusCode"], answer["body"]) == (200, "")
    assert "SlackAnswersNotTaken" in capsys.readouterr().out


def test_without_a_bot_there_are_no_dialogs(aws: Aws, context: Context, slack_api: SlackStand, monkeypatch):
    handed_off(context)
    secret = module.secret_values.slack_secret()
    monkeypatch.setattr(module.secret_values, "slack_secret", lambda: replace(secret, bot_token=""))
    pressed(slack_api, context, REJECT)
    assert "bot token" in slack_api.messages[-1]["text"]


def test_a_lead_whose_owner_left_the_playbook_can_be_worked(aws: Aws, context: Context, slack_api: SlackStand):
    handed_off(context)
    left = replace(current(), owner="olaf", version=2)
    handoffs.write([handoffs.update_entry(left, None)])
    pressed(slack_api, context, chosen("snooze"))
    assert len(slack_api.workspace.views()) == 1
    assert sent(context, "reassign", to="maria") == {}
    assert current().owner == "maria"


@pytest.mark.parametrize(
    "view",
    [
        {"callback_id": "reject", "private_metadata": "", "state": {"values": {}}},
        {"callback_id": "reject", "private_metadata": "a#b#c", "state": {"values": {}}},
        {"callback_id": "reject", "private_metadata": REFERENCE},
        {"callback_id": "reject", "private_metadata": REFERENCE, "state": {"values": {"a": 1}}},
        {
            "callback_id": "snooze",
            "private_metadata": REFERENCE,
            "state": {"values": {"until": {"until": {"value": "soon"}}}},
        },
    ],
)
def test_a_dialog_that_slack_would_not_send_is_400(view: dict[str, Any], aws: Aws, context: Context):
    handed_off(context)
    payload = {"type": "view_submission", "user": {"id": "U0MARIA"}, "view": view}
    assert handler(signed(urlencode({"payload": json.dumps(payload)}).encode()), context)["statusCode"] == 400


@pytest.mark.parametrize("choice", ["", "won", "steal", "reject#x"])
def test_a_choice_that_is_not_in_the_menu_does_nothing(choice: str, aws: Aws, context: Context, slack_api: SlackStand):
    handed_off(context)
    before = current()
    pressed(slack_api, context, chosen(choice))
    assert current() == before


def test_answers_wait_no_longer_than_slack_does():
    assert slack.PROMPT < 3
