"""The sales function under moto: who may move a handoff, what a move writes, and what a second one is told."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest

from functions.sales import handler as module
from functions.sales.api import RefusedError, read_path
from functions.sales.handler import handler
from functions.sales.moves import make_move
from shared import table
from shared.aws import addresses, handoffs
from shared.instants import HOUR, instant_text
from shared.keys import KeyKind, mint_key
from shared.rules.handoff import Move
from shared.rules.routing import handoff_policy
from shared.rules.sla import tick
from tests.conftest import SIGNING_SECRET, SLACK_SECRET, Aws, Context, sample
from tests.handoff_world import ADDRESS, LEAD_ID, changes, current, handed_off, keep, lead, slack_stand

AT = 1_767_602_400
"""2026-01-05T08:40:00Z, when the samples were sent."""


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: AT + 0.7))


def call(action: str, *, number: str = "1", key: str | None = None, lead_id: str = LEAD_ID, **body: Any) -> dict:
    event = sample("http_handoff_accept")
    if key is not None:
        event["headers"] = {**event["headers"], "authorization": key}
    return {
        **event,
        "rawPath": f"/v1/handoffs/{lead_id}/{number}/{action}",
        "body": json.dumps({"by": "maria", **body}),
    }


def signed(body: bytes, *, at: int = AT, secret: str = SLACK_SECRET["signing_secret"]) -> dict[str, Any]:
    event = sample("http_slack_interaction")
    signature = hmac.new(secret.encode(), f"v0:{at}:".encode() + body, hashlib.sha256).hexdigest()
    headers = {**event["headers"], "x-slack-request-timestamp": str(at), "x-slack-signature": f"v0={signature}"}
    return {**event, "headers": headers, "body": base64.b64encode(body).decode()}


def press(action: dict[str, Any], *, user: str = "U0MARIA", response_url: str = "") -> dict[str, Any]:
    payload = {
        "type": "block_actions",
        "user": {"id": user},
        "response_url": response_url,
        "actions": [{"type": "button", "value": f"{LEAD_ID}#1", **action}],
    }
    return signed(urlencode({"payload": json.dumps(payload)}).encode())


def status(answer: dict[str, Any]) -> tuple[int, str]:
    return answer["statusCode"], json.loads(answer["body"] or "{}").get("code", "")


# What a move writes


def test_accept_takes_the_lead_and_pauses_its_mail_in_one_write(aws: Aws, context: Context):
    handed_off(context)
    answer = handler(sample("http_handoff_accept"), context)
    assert answer["statusCode"] == 200
    shown = json.loads(answer["body"])
    assert (shown["state"], shown["decided_by"], shown["decided_at"]) == ("accepted", "maria", instant_text(AT))
    handoff = current()
    assert (handoff.state, handoff.version, handoff.note) == ("accepted", 2, "Called the switchboard first")
    assert handoff.clocks[1].met_at == AT
    assert handoff.paused == (ADDRESS,)
    assert addresses.get_address(ADDRESS).paused_by == {f"{LEAD_ID}#1"}
    (change,) = changes(aws, "HandoffAccepted")
    assert (change["by"], change["version"], change["occurred_at"]) == ("maria", 2, instant_text(AT))
    item = next(item for item in aws.items(table.lead_pk(LEAD_ID)) if item[table.SK] == table.handoff_sk(1))
    assert item[table.DUE_AT] == "2026-01-05T09:15:00Z"  # the contact clock still runs


def test_the_same_accept_twice_is_one(aws: Aws, context: Context):
    handed_off(context)
    first = handler(sample("http_handoff_accept"), context)
    after = aws.items()
    assert handler(sample("http_handoff_accept"), context) == first
    assert aws.items() == after


def test_accept_without_an_address_pauses_nothing(aws: Aws, context: Context):
    handed_off(context)
    keep(lead(identities={}, profile={}))
    assert handler(call("accept"), context)["statusCode"] == 200
    assert current().paused == ()


def test_reject_returns_the_lead_and_frees_its_mail(aws: Aws, context: Context):
    handed_off(context)
    handler(call("accept"), context)
    assert handler(call("reject", reason="not_ready", note="next year"), context)["statusCode"] == 200
    assert (current().state, current().reason_code, current().note) == ("rejected", "not_ready", "next year")
    assert addresses.get_address(ADDRESS).paused_by == frozenset()
    (change,) = changes(aws, "HandoffRejected")
    assert change["reason_code"] == "not_ready"
    assert "note" not in change
    item = next(item for item in aws.items(table.lead_pk(LEAD_ID)) if item[table.SK] == table.handoff_sk(1))
    assert table.DUE_KEY not in item


def test_an_address_another_handoff_holds_stays_held(aws: Aws, context: Context):
    handed_off(context)
    handler(call("accept"), context)
    handoffs.write([addresses.pause_entry(ADDRESS, "other#1")])
    handler(call("lost"), context)
    assert addresses.get_address(ADDRESS).paused_by == {"other#1"}


def test_a_contact_meets_its_clock_before_anybody_decided(aws: Aws, context: Context):
    handed_off(context)
    assert handler(call("contact", means="meeting"), context)["statusCode"] == 200
    assert (current().state, current().means) == ("open", "meeting")
    assert current().clocks[0].met_at == AT
    assert changes(aws, "HandoffContacted")[0]["means"] == "meeting"
    after = aws.items()
    assert handler(call("contact", means="meeting"), context)["statusCode"] == 200
    assert aws.items() == after


@pytest.mark.parametrize(("action", "paused"), [("won", {f"{LEAD_ID}#1"}), ("lost", set())])
def test_an_accepted_lead_is_won_or_lost(action: str, paused: set[str], aws: Aws, context: Context):
    handed_off(context)
    assert status(handler(call(action), context)) == (409, "not_allowed")
    handler(call("accept"), context)
    for _ in range(2):
        assert handler(call(action), context)["statusCode"] == 200
    assert current().outcome == action
    assert [change["outcome"] for change in changes(aws, "HandoffClosed")] == [action]
    assert addresses.get_address(ADDRESS).paused_by == paused


def test_a_program_passes_on_puts_off_and_converts(aws: Aws, context: Context):
    owner = handed_off(context).owner
    to = next(person.id for person in handoff_policy(module.playbooks.current()).owners if person.id != owner)
    for action, said, detail_type in (
        ("reassign", {"to": to}, "HandoffReassigned"),
        ("snooze", {"until": "2026-01-06T10:00:00+01:00"}, "HandoffSnoozed"),
        ("accept", {}, "HandoffAccepted"),
        ("convert", {"opportunity": "006-1"}, "HandoffConverted"),
    ):
        answer = handler(call(action, **said), context)
        assert answer["statusCode"] == 200, answer["body"]
        assert handler(call(action, **said), context)["statusCode"] == 200
        assert len(changes(aws, detail_type)) == 1
    shown = json.loads(answer["body"])
    assert (shown["owner"], shown["opportunity"], shown["state"]) == (to, "006-1", "accepted")
    assert shown["handovers"][0]["owner"] == owner
    assert shown["snoozed_for"] == current().snoozed_for == 24 * HOUR + 20 * 60


@pytest.mark.parametrize(
    ("action", "said", "field"),
    [
        ("reassign", {}, "to"),
        ("reassign", {"to": "olaf_who_left"}, "to"),
        ("snooze", {}, "until"),
        ("snooze", {"until": "2026-01-05T10:00:00"}, "until"),
        ("snooze", {"until": "2026-01-05T08:00:00Z"}, "until"),
        ("snooze", {"until": "2027-01-05T08:00:00Z"}, "until"),
        ("convert", {}, "opportunity"),
        ("convert", {"opportunity": "Anna Svensson"}, "opportunity"),
        ("accept", {"by": "ripen"}, "by"),
    ],
)
def test_what_a_move_says_wrongly_is_named(action: str, said: dict, field: str, aws: Aws, context: Context):
    handed_off(context)
    if action == "convert":
        handler(call("accept"), context)
    before = current()
    answer = handler(call(action, **said), context)
    assert status(answer) == (400, "invalid")
    assert json.loads(answer["body"])["message"].startswith(f"{field}:")
    assert current() == before


# Two at once


def test_who_is_second_is_told_who_won_and_when(aws: Aws, context: Context):
    handed_off(context)
    handler(call("accept", by="jonas"), context)
    answer = handler(call("accept", by="maria"), context)
    assert status(answer) == (409, "not_allowed")
    message = json.loads(answer["body"])["message"]
    assert message == "this handoff was accepted by Jonas Weber on Mon 5 Jan 2026 09:40 CET"


def test_of_two_reps_pressing_at_once_one_wins(aws: Aws, context: Context, monkeypatch: pytest.MonkeyPatch):
    handed_off(context)
    write = handoffs.write
    raced = []

    def first_jonas(entries):
        if not raced:
            raced.append(True)
            policy = handoff_policy(module.playbooks.current())
            decision = make_move(LEAD_ID, 1, Move("accept", "jonas", AT), policy)
            assert decision is not None
            assert decision.verdict == "moved"
        write(entries)

    monkeypatch.setattr(handoffs, "write", first_jonas)
    assert status(handler(call("accept", by="maria"), context)) == (409, "not_allowed")
    assert current().decided_by == "jonas"
    assert len(changes(aws, "HandoffAccepted")) == 1


def test_a_sweep_in_between_does_not_refuse_the_rep(aws: Aws, context: Context, monkeypatch: pytest.MonkeyPatch):
    handed_off(context)
    write = handoffs.write
    raced = []

    def first_the_sweep(entries):
        if not raced:
            raced.append(True)
            after, _ = tick(current(), AT + HOUR)
            write([handoffs.update_entry(after, None)])
        write(entries)

    monkeypatch.setattr(handoffs, "write", first_the_sweep)
    assert handler(call("accept"), context)["statusCode"] == 200
    assert (current().version, current().state) == (3, "accepted")


# Who may


@pytest.mark.parametrize(
    "key",
    ["", "Bearer ", "Bearer nonsense", "Basic c2FsZXM6", "Bearer sales_crm_" + "A" * 32],
)
def test_without_a_sales_key_nothing_is_read(key: str, context: Context, aws: Aws):
    assert status(handler(call("accept", key=key), context)) == (401, "unauthorized")


@pytest.mark.parametrize("kind", ["public", "server", "admin"])
def test_keys_of_other_kinds_do_not_move_handoffs(kind: KeyKind, context: Context, aws: Aws):
    key = f"Bearer {mint_key(kind, 'crm', SIGNING_SECRET)}"
    assert status(handler(call("accept", key=key), context)) == (401, "unauthorized")


@pytest.mark.parametrize(
    ("path", "field"),
    [
        (f"/v1/handoffs/{LEAD_ID}/1/steal", "action"),
        (f"/v1/handoffs/{LEAD_ID}/one/accept", "handoff"),
        (f"/v1/handoffs/{LEAD_ID}/٣/accept", "handoff"),
        (f"/v1/handoffs/{LEAD_ID}/2/accept", "handoff"),
        ("/v1/handoffs/nobody/1/accept", "handoff"),
        ("/v1/handoffs//1/accept", "route"),
        ("/v1/handoffs", "route"),
    ],
)
def test_what_does_not_exist_is_404(path: str, field: str, context: Context, aws: Aws):
    handed_off(context)
    answer = handler({**call("accept"), "rawPath": path}, context)
    assert status(answer) == (404, "not_found")
    assert field in json.loads(answer["body"])["message"]


@pytest.mark.parametrize("lead_id", ["nobody", "a" * 2_100, "a" * 17, "A" * 16, "a" * 15 + "%", "a" * 16 + "\n"])
def test_what_is_no_lead_id_asks_the_table_nothing(lead_id: str):
    with pytest.raises(RefusedError, match="there is no such handoff"):
        read_path(f"/v1/handoffs/{lead_id}/1/accept")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("", "by"),
        ("{}", "by"),
        ("[]", "body"),
        ("{", "body"),
        ('{"by": "maria@ripen.example"}', "by"),
        ('{"by": "a b"}', "by"),
        ('{"by": 7}', "by"),
        ('{"by": "maria", "means": "pigeon"}', "means"),
        ('{"by": "maria", "colour": "red"}', "colour"),
        (json.dumps({"by": "maria", "note": "x" * 501}), "note"),
    ],
)
def test_a_wrong_body_names_its_field(body: str, field: str, context: Context, aws: Aws):
    handed_off(context)
    answer = handler({**call("contact"), "body": body}, context)
    assert status(answer) == (400, "invalid")
    assert json.loads(answer["body"])["message"].startswith(f"{field}:")
    assert current().version == 1


@pytest.mark.parametrize("reason", [None, "", "made_up"])
def test_an_unknown_reject_reason_is_400(reason: str | None, context: Context, aws: Aws):
    handed_off(context)
    answer = handler(call("reject", reason=reason), context)
    assert answer["statusCode"] == 400
    assert json.loads(answer["body"])["message"].startswith("reason:")
    assert current().state == "open"


def test_a_huge_body_is_413(context: Context, aws: Aws):
    assert status(handler({**call("accept"), "body": "x" * 200_000}, context)) == (413, "too_large")
    assert status(handler({**call("accept"), "body": "é" * 40_000}, context)) == (413, "too_large")


# Slack


def test_the_sample_press_accepts(aws: Aws, context: Context):
    handed_off(context)
    answer = handler(sample("http_slack_interaction"), context)
    assert (answer["statusCode"], answer["body"]) == (200, "")
    assert (current().state, current().decided_by, current().decided_at) == ("accepted", "maria", AT)


def test_one_press_on_the_select_rejects_with_its_reason(aws: Aws, context: Context):
    handed_off(context)
    chosen = {"type": "static_select", "action_id": "reject", "selected_option": {"value": f"{LEAD_ID}#1#no_budget"}}
    payload = {"type": "block_actions", "user": {"id": "U0JONAS"}, "actions": [chosen]}
    answer = handler(signed(urlencode({"payload": json.dumps(payload)}).encode()), context)
    assert answer["statusCode"] == 200
    assert (current().state, current().reason_code, current().decided_by) == ("rejected", "no_budget", "jonas")


def test_a_member_the_playbook_does_not_know_is_named_by_slack(aws: Aws, context: Context):
    handed_off(context)
    handler(press({"action_id": "contact"}, user="U0NEW"), context)
    assert current().contacted_by == "slack:U0NEW"


def test_who_pressed_too_late_is_told_alone(aws: Aws, context: Context, tmp_path: Path):
    handed_off(context)
    with slack_stand(tmp_path) as slack:
        message = slack.workspace.post("#sales-alerts", {"text": "the alert"})
        hook = slack.workspace.new_hook(*next(iter(slack.workspace._messages)), presser="U0MARIA")
        url = f"{slack.url}response/{hook}"
        handler(press({"action_id": "accept"}, user="U0JONAS", response_url=url), context)
        assert slack.messages == [message]  # a press that counts is answered by the message's update
        handler(press({"action_id": "accept"}, user="U0MARIA", response_url=url), context)
        told = slack.messages[-1]
    assert told["is_ephemeral"] is True
    assert "accepted by Jonas Weber on Mon 5 Jan 2026 09:40 CET" in told["text"]


def test_a_press_whose_words_slack_does_not_take_is_answered_and_changes_nothing_more(
    aws: Aws, context: Context, capsys: pytest.CaptureFixture[str]
):
    handed_off(context)
    handler(press({"action_id": "accept"}, user="U0JONAS"), context)
    answer = handler(press({"action_id": "accept"}, response_url="http://127.0.0.1:9/closed"), context)
    assert (answer["statusCode"], answer["body"]) == (200, "")
    assert "SlackAnswersNotTaken" in capsys.readouterr().out
    assert current().decided_by == "jonas"


@pytest.mark.parametrize(
    "forge",
    [
        lambda body: signed(body, secret="another secret"),
        lambda body: signed(body, at=AT - 301),
        lambda body: signed(body, at=AT + 301),
        lambda body: {**signed(body), "body": base64.b64encode(body + b"&x=1").decode()},
        lambda body: _without(signed(body), "x-slack-signature"),
        lambda body: _without(signed(body), "x-slack-request-timestamp"),
        lambda body: _with(signed(body), "x-slack-request-timestamp", "soon"),
        lambda body: _with(signed(body), "x-slack-request-timestamp", "1" * 5_000),
        lambda body: _with(signed(body), "x-slack-signature", "v0=ünsigned"),
        lambda body: _with(signed(body), "x-slack-signature", ""),
    ],
)
def test_a_forged_or_stale_press_is_401(forge, aws: Aws, context: Context):
    handed_off(context)
    body = base64.b64decode(sample("http_slack_interaction")["body"])
    assert status(handler(forge(body), context)) == (401, "unauthorized")
    assert current().version == 1


def _with(event: dict[str, Any], name: str, value: str) -> dict[str, Any]:
    return {**event, "headers": {**event["headers"], name: value}}


def _without(event: dict[str, Any], name: str) -> dict[str, Any]:
    return {**event, "headers": {known: value for known, value in event["headers"].items() if known != name}}


@pytest.mark.parametrize("at", [AT - 300, AT + 300])
def test_five_minutes_are_still_fresh(at: int, aws: Aws, context: Context):
    handed_off(context)
    body = base64.b64decode(sample("http_slack_interaction")["body"])
    assert handler(signed(body, at=at), context)["statusCode"] == 200
    assert current().state == "accepted"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"payload=",
        b"payload=[]",
        b"payload={}",
        b"\xff\xfe",
        urlencode({"payload": json.dumps({"type": "block_actions", "user": {"id": "U1"}, "actions": []})}).encode(),
        urlencode(
            {
                "payload": json.dumps(
                    {"type": "block_actions", "user": {"id": "U1"}, "actions": [{"action_id": "accept", "value": "x"}]}
                )
            }
        ).encode(),
    ],
)
def test_a_signed_body_that_is_no_interaction_is_400(body: bytes, aws: Aws, context: Context):
    assert handler(signed(body), context)["statusCode"] in (400, 401)  # 401: bytes that are no text have no signature


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "view_submission"},
        {"type": "block_actions", "actions": [{"action_id": "open_link", "value": ""}]},
    ],
)
def test_an_interaction_that_is_none_of_ours_is_taken_and_ignored(payload: dict, aws: Aws, context: Context):
    answer = handler(signed(urlencode({"payload": json.dumps(payload)}).encode()), context)
    assert answer["statusCode"] == 200


def test_the_documented_signature_of_slack_is_genuine():
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    headers = {
        "x-slack-request-timestamp": "1531420618",
        "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    }
    secret = "8f742231b10e8888abcd99yyyzzz85a5"
    assert module.slack.is_genuine(body, headers, secret=secret, now=1531420618)
    assert not module.slack.is_genuine(body, headers, secret="", now=1531420618)
