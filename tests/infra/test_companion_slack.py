"""The Slack stand-in answers as Slack does, shows what sales would see, and its buttons post what Slack would post."""

import json
from collections.abc import Iterator
from pathlib import Path
from threading import Timer
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier
from slack_sdk.webhook import WebhookClient

from infra.local.companion.block_kit import faults
from infra.local.companion.slack_press import signature
from tests.infra.companion_stand import SIGNING_SECRET, Received, Reply, Stand, running_companion

HOSTILE = '<script>alert(1)</script> <!channel> "><img src=x onerror=alert(1)>'


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    with running_companion(tmp_path) as running:
        yield running


@pytest.fixture
def slack(stand: Stand) -> WebClient:
    return WebClient(token="xoxb-local", base_url=f"{stand.url}/slack-api/")


def text(content: str, kind: str = "mrkdwn") -> dict[str, str]:
    return {"type": kind, "text": content}


def button(action_id: str, label: str, **more: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": action_id, "text": text(label, "plain_text"), **more}


def alert(name: str = "Anna Karlsson") -> list[dict[str, Any]]:
    reasons = [
        {"text": text(label, "plain_text"), "value": value} for value, label in [("early", "Too early"), ("no", "No")]
    ]
    return [
        {"type": "header", "text": text(f"Call {name}", "plain_text")},
        {"type": "section", "text": text(f"*{name}* asked for a demo"), "fields": [text("*Score*\n115")]},
        {
            "type": "actions",
            "block_id": "handoff|lead1",
            "elements": [
                button("accept", "Accept", value="lead1.1", style="primary"),
                button("reject", "Reject", value="lead1.1", style="danger"),
                {"type": "static_select", "action_id": "reason", "options": reasons},
            ],
        },
        {"type": "divider"},
        {"type": "context", "elements": [text("Handoff `lead1.1`")]},
    ]


def modal() -> dict[str, Any]:
    reasons = [{"text": text("Too early", "plain_text"), "value": "early"}]
    select = {"type": "static_select", "action_id": "reason", "options": reasons}
    return {
        "type": "modal",
        "callback_id": "reject",
        "private_metadata": "lead1.1",
        "title": text("Reject", "plain_text"),
        "submit": text("Send", "plain_text"),
        "blocks": [
            {"type": "input", "block_id": "why", "label": text("Why?", "plain_text"), "element": select},
            {
                "type": "input",
                "block_id": "note",
                "optional": True,
                "label": text("Note", "plain_text"),
                "element": {"type": "plain_text_input", "action_id": "note", "multiline": True},
            },
        ],
    }


def payload(received: Received) -> dict[str, Any]:
    posted: dict[str, Any] = json.loads(parse_qs(received.body.decode())["payload"][0])
    return posted


def test_a_posted_message_is_answered_and_kept_as_slack_does(stand: Stand, slack: WebClient) -> None:
    answer = slack.chat_postMessage(channel="#sales-alerts", text="Call Anna", blocks=alert())
    assert answer["channel"].startswith("C0")
    assert answer["message"]["ts"] == answer["ts"]
    (kept,) = stand.get("/slack.json").json()["messages"]
    assert (kept["channel_name"], kept["ts"], kept["text"]) == ("sales-alerts", answer["ts"], "Call Anna")
    assert kept["blocks"][2]["elements"][0]["value"] == "lead1.1"
    assert stand.get("/slack.json?channel=%23other").json()["messages"] == []


def test_an_update_replaces_the_message(stand: Stand, slack: WebClient) -> None:
    posted = slack.chat_postMessage(channel="#sales-alerts", text="Call Anna", blocks=alert())
    slack.chat_update(channel=posted["channel"], ts=posted["ts"], text="Maria took it")
    (kept,) = stand.get("/slack.json").json()["messages"]
    assert (kept["text"], "blocks" in kept, kept["ts"]) == ("Maria took it", False, posted["ts"])
    assert "(edited)" in stand.get("/slack").text


def test_history_is_newest_first_by_channel_id_and_has_metadata_on_request(slack: WebClient) -> None:
    metadata = {"event_type": "handoff", "event_payload": {"handoff_id": "lead1.1"}}
    channel = slack.chat_postMessage(channel="#sales-alerts", text="one", metadata=metadata)["channel"]
    slack.chat_postMessage(channel="#sales-alerts", text="two")
    messages = slack.conversations_history(channel=channel, include_all_metadata=True)["messages"]
    assert [message["text"] for message in messages] == ["two", "one"]
    assert messages[1]["metadata"] == metadata
    assert "metadata" not in slack.conversations_history(channel=channel, limit=1, oldest="0")["messages"][0]
    with pytest.raises(SlackApiError, match="channel_not_found"):
        slack.conversations_history(channel="#sales-alerts")
    assert [known["name"] for known in slack.conversations_list()["channels"]] == ["sales-alerts"]


def test_long_histories_come_in_pages(slack: WebClient) -> None:
    channel = ""
    for number in range(5):
        channel = slack.chat_postMessage(channel="#sales-alerts", text=str(number))["channel"]
    pages = [
        [message["text"] for message in page["messages"]]
        for page in slack.conversations_history(channel=channel, limit=2)
    ]
    assert pages == [["4", "3"], ["2", "1"], ["0"]]


def test_replies_stand_in_the_thread_and_not_in_the_history(stand: Stand, slack: WebClient) -> None:
    posted = slack.chat_postMessage(channel="#sales-alerts", text="Call Anna")
    slack.chat_postMessage(channel="#sales-alerts", text="Hurry", thread_ts=posted["ts"])
    thread = slack.conversations_replies(channel=posted["channel"], ts=posted["ts"])["messages"]
    assert [message["text"] for message in thread] == ["Call Anna", "Hurry"]
    history = slack.conversations_history(channel=posted["channel"])["messages"]
    assert [message["text"] for message in history] == ["Call Anna"]
    shown = stand.get("/slack").text
    assert shown.count("Hurry") == 1
    assert shown.index('class="thread"') < shown.index("Hurry")


def test_form_bodies_are_read_like_json(stand: Stand) -> None:
    answer = stand.post(
        "/slack-api/chat.postMessage",
        headers={"Authorization": "Bearer xoxb-local"},
        data={"channel": "#a", "text": "x", "blocks": json.dumps(alert())},
    )
    assert answer.json()["message"]["blocks"][0]["type"] == "header"


@pytest.mark.parametrize("token", [None, "Bearer ", "Bearer PLACEHOLDER"])
def test_without_a_bot_token_nothing_is_posted(stand: Stand, token: str | None) -> None:
    headers = {"Authorization": token} if token else {}
    answer = stand.post("/slack-api/chat.postMessage", headers=headers, json={"channel": "#a", "text": "x"})
    assert answer.json() == {"ok": False, "error": "invalid_auth"}
    assert stand.get("/slack.json").json()["messages"] == []


@pytest.mark.parametrize(
    ("blocks", "fault"),
    [
        ([{"type": "header", "text": text("x" * 151, "plain_text")}], "between 1 and 150"),
        ([{"type": "header", "text": text("x")}], "plain_text"),
        ([{"type": "section", "text": text("x" * 3001)}], "between 1 and 3000"),
        ([{"type": "section", "text": text("")}], "between 1 and 3000"),
        ([{"type": "section"}], "text object"),
        ([{"type": "section", "fields": [text("x")] * 11}], "no more than 10"),
        ([{"type": "actions", "elements": [button("a", "x" * 76)]}], "between 1 and 75"),
        ([{"type": "actions", "elements": [button("a", "A"), button("a", "B")]}], "already exists"),
        ([{"type": "actions", "elements": [button("a", "A", style="green")]}], "primary or danger"),
        ([{"type": "actions", "elements": [button("a", "A", value="x" * 2001)]}], "2001"),
        ([{"type": "actions", "elements": []}], "between 1 and 25"),
        ([{"type": "divider", "block_id": "a"}, {"type": "divider", "block_id": "a"}], "already exists"),
        ([{"type": "divider"}] * 51, "no more than 50"),
        ([{"type": "sektion"}], "unsupported type"),
        ("text", "array"),
    ],
)
def test_blocks_beyond_slacks_limits_are_refused(blocks: Any, fault: str) -> None:
    assert fault in " ".join(faults(blocks))


def test_refused_blocks_are_named_in_the_answer(slack: WebClient) -> None:
    with pytest.raises(SlackApiError) as raised:
        slack.chat_postMessage(channel="#a", text="x", blocks=[{"type": "section", "text": text("")}])
    assert raised.value.response["error"] == "invalid_blocks"
    assert "[json-pointer:/blocks/0/text/text]" in raised.value.response["errors"][0]


def test_an_ordered_failure_happens_as_often_as_ordered(stand: Stand, slack: WebClient) -> None:
    stand.post("/slack-api/_fail", json={"times": 1, "status": 429, "method": "chat.postMessage"})
    slack.auth_test()
    with pytest.raises(SlackApiError) as raised:
        slack.chat_postMessage(channel="#a", text="x")
    assert (raised.value.response.status_code, raised.value.response.headers["Retry-After"]) == (429, "1")
    assert slack.chat_postMessage(channel="#a", text="x")["ok"]
    assert stand.get("/slack.json").json()["calls"] == {"auth.test": 1, "chat.postMessage": 2}


def test_an_answer_can_be_lost_after_the_message_was_accepted(stand: Stand, slack: WebClient) -> None:
    stand.post("/slack-api/_fail", json={"times": 1, "status": 500, "accept": True})
    with pytest.raises(SlackApiError):
        slack.chat_postMessage(channel="#a", text="x")
    assert len(stand.get("/slack.json").json()["messages"]) == 1


def test_an_ordered_timeout_holds_the_answer_back(stand: Stand) -> None:
    stand.post("/slack-api/_fail", json={"status": "timeout", "seconds": 1})
    with pytest.raises(requests.ReadTimeout):
        requests.post(f"{stand.url}/slack-api/chat.postMessage", json={}, timeout=0.2)


@pytest.mark.parametrize("order", [{}, {"status": "later"}, []])
def test_an_order_that_says_nothing_is_refused(stand: Stand, order: Any) -> None:
    assert stand.post("/slack-api/_fail", json=order).status_code == 400


def test_an_incoming_webhook_posts_to_its_channel(stand: Stand) -> None:
    answer = WebhookClient(f"{stand.url}/slack-api/services/T0/B0/secret").send(text="Call Anna", blocks=alert())
    assert (answer.status_code, answer.body) == (200, "ok")
    assert stand.get("/slack.json").json()["messages"][0]["channel_name"] == "incoming-webhook"


def test_the_signature_is_the_one_slack_documents() -> None:
    body = (
        "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        "&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        "&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        "&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    expected = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    assert signature(SIGNING_SECRET, "1531420618", body) == expected


def test_a_press_posts_the_signed_payload_and_returns_the_answer(stand: Stand, slack: WebClient) -> None:
    stand.upstream.reply = lambda _: Reply(body=b'{"text":"done"}')
    posted = slack.chat_postMessage(channel="#sales-alerts", text="Call Anna", blocks=alert())
    answer = stand.post(
        "/slack/press",
        json={"channel": "#sales-alerts", "ts": posted["ts"], "action_id": "accept", "user": "U0JONAS"},
    ).json()
    assert (answer["status"], answer["body"], answer["view"]) == (200, '{"text":"done"}', None)
    (received,) = stand.upstream.received
    assert received.path.endswith("/$default/slack/interactions")
    assert received.header("content-type") == "application/x-www-form-urlencoded"
    headers = {name.lower(): value for name, value in received.headers}
    assert SignatureVerifier(SIGNING_SECRET).is_valid_request(received.body, headers)
    pressed = payload(received)
    assert pressed["type"] == "block_actions"
    assert pressed["user"] == {"id": "U0JONAS", "username": "jonas", "name": "jonas", "team_id": "T0RIPEN"}
    assert pressed["channel"] == {"id": posted["channel"], "name": "sales-alerts"}
    assert pressed["message"]["ts"] == pressed["container"]["message_ts"] == posted["ts"]
    (action,) = pressed["actions"]
    assert (action["action_id"], action["value"], action["block_id"], action["type"]) == (
        "accept",
        "lead1.1",
        "handoff|lead1",
        "button",
    )


def test_the_response_url_replaces_the_message_or_answers_the_presser(stand: Stand, slack: WebClient) -> None:
    posted = slack.chat_postMessage(channel="#sales-alerts", text="Call Anna", blocks=alert())
    stand.post("/slack/press", json={"channel": posted["channel"], "ts": posted["ts"], "action_id": "accept"})
    response_url = payload(stand.upstream.received[0])["response_url"]
    hook = WebhookClient(response_url)
    hook.send(text="Maria took it", replace_original=True)
    hook.send(text="You took it", response_type="ephemeral")
    shown = [message["text"] for message in stand.get("/slack.json").json()["messages"]]
    assert shown == ["Maria took it", "You took it"]
    assert "Only visible to Maria Lindqvist" in stand.get("/slack").text
    assert [message["text"] for message in slack.conversations_history(channel=posted["channel"])["messages"]] == [
        "Maria took it"
    ]


def test_a_choice_from_a_menu_carries_the_option(stand: Stand, slack: WebClient) -> None:
    posted = slack.chat_postMessage(channel="#a", text="x", blocks=alert())
    stand.post("/slack/press", json={"channel": "#a", "ts": posted["ts"], "action_id": "reason", "value": "early"})
    (action,) = payload(stand.upstream.received[0])["actions"]
    assert (action["type"], action["selected_option"]["value"]) == ("static_select", "early")


def test_a_press_from_the_page_does_the_same_and_shows_the_answer(stand: Stand, slack: WebClient) -> None:
    stand.upstream.reply = lambda _: Reply(status=403, body=b'{"code":"not_allowed"}')
    posted = slack.chat_postMessage(channel="#a", text="x", blocks=alert())
    press = f"{posted['ts']}|handoff%7Clead1|accept|lead1.1"
    assert f'name="press" value="{press}"' in stand.get("/slack").text
    form = {"channel": posted["channel"], "press": press, "user": "U0MARIA", "someone_else": "U0 & you"}
    page = stand.post("/slack/press", data=form)
    assert page.history[0].status_code == 303
    assert "the function answered <strong>403</strong>" in page.text
    assert "{&#34;code&#34;:&#34;not_allowed&#34;}" in page.text
    assert payload(stand.upstream.received[0])["user"]["id"] == "U0 & you"
    assert payload(stand.upstream.received[0])["actions"][0]["block_id"] == "handoff|lead1"


def test_the_page_waits_for_what_a_press_brings_about(stand: Stand, slack: WebClient) -> None:
    posted = slack.chat_postMessage(channel="#a", text="Call Anna", blocks=alert())

    def function(_: Received) -> Reply:
        Timer(
            0.3, slack.chat_update, kwargs={"channel": posted["channel"], "ts": posted["ts"], "text": "Taken"}
        ).start()
        return Reply(body=b"")

    stand.upstream.reply = function
    form = {"channel": posted["channel"], "press": f"{posted['ts']}|handoff%7Clead1|accept|lead1.1", "user": "U0MARIA"}
    assert "Taken" in stand.post("/slack/press", data=form).text


def test_a_modal_that_a_press_opens_is_a_form_whose_answers_are_posted(stand: Stand, slack: WebClient) -> None:
    posted = slack.chat_postMessage(channel="#a", text="x", blocks=alert())

    def function(received: Received) -> Reply:
        asked = payload(received)
        if asked["type"] == "block_actions":
            slack.views_open(trigger_id=asked["trigger_id"], view=modal())
            return Reply(body=b"")
        if asked["view"]["state"]["values"]["note"]["note"]["value"] is None:
            return Reply(body=json.dumps({"response_action": "errors", "errors": {"note": "Say more"}}).encode())
        return Reply(body=b"")

    stand.upstream.reply = function
    form = {"channel": posted["channel"], "press": f"{posted['ts']}|handoff%7Clead1|reject|lead1.1", "user": "U0PRIYA"}
    page = stand.post("/slack/press", data=form)
    assert '<option value="early">Too early</option>' in page.text
    (view,) = stand.get("/slack.json").json()["views"]

    answers = {"view_id": view["id"], "channel": posted["channel"], "user": "U0PRIYA", "reason": "early", "note": ""}
    again = stand.post("/slack/submit", data=answers)
    assert "Say more" in again.text
    assert '<option value="early" selected>' in again.text

    done = stand.post(
        "/slack/submit", json={"view_id": view["id"], "user": "U0PRIYA", "values": {**answers, "note": "May"}}
    )
    assert (done.json()["status"], done.json()["view"]) == (200, None)
    submitted = payload(stand.upstream.received[-1])
    assert submitted["type"] == "view_submission"
    assert submitted["user"]["id"] == "U0PRIYA"
    assert submitted["view"]["private_metadata"] == "lead1.1"
    assert submitted["view"]["state"]["values"]["why"]["reason"]["selected_option"]["value"] == "early"
    assert submitted["view"]["state"]["values"]["note"]["note"]["value"] == "May"
    assert stand.get("/slack.json").json()["views"] == []


def test_a_trigger_opens_one_modal(stand: Stand, slack: WebClient) -> None:
    posted = slack.chat_postMessage(channel="#a", text="x", blocks=alert())
    stand.post("/slack/press", json={"channel": "#a", "ts": posted["ts"], "action_id": "reject"})
    trigger = payload(stand.upstream.received[0])["trigger_id"]
    assert slack.views_open(trigger_id=trigger, view=modal())["view"]["id"].startswith("V0")
    for used_or_unknown, error in [(trigger, "exchanged_trigger_id"), ("made-up", "invalid_trigger_id")]:
        with pytest.raises(SlackApiError, match=error):
            slack.views_open(trigger_id=used_or_unknown, view=modal())


@pytest.mark.parametrize("missing", [{"ts": "1.000001"}, {"action_id": "nothing"}])
def test_what_is_not_there_cannot_be_pressed(stand: Stand, slack: WebClient, missing: dict[str, str]) -> None:
    posted = slack.chat_postMessage(channel="#a", text="x", blocks=alert())
    asked = {"channel": "#a", "ts": posted["ts"], "action_id": "accept", **missing}
    assert stand.post("/slack/press", json=asked).status_code == 404
    assert stand.upstream.received == []


def test_hostile_names_are_shown_as_text(stand: Stand, slack: WebClient) -> None:
    hostile_button = {"type": "actions", "elements": [button(HOSTILE[:75], HOSTILE[:75], value=HOSTILE)]}
    slack.chat_postMessage(channel=f"#{HOSTILE}", text=HOSTILE, blocks=[*alert(HOSTILE), hostile_button])
    slack.chat_postMessage(
        channel=f"#{HOSTILE}", text=f'{HOSTILE} <javascript:alert(1)|Open> <https://x/"onmouseover=a|b>'
    )
    shown = stand.get("/slack").text
    assert "<script" not in shown
    assert "<img" not in shown
    assert 'href="javascript' not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert '<span class="mention loud">@channel</span>' in shown
    assert 'href="https://x/&#34;onmouseover=a"' in shown


def test_messages_outlive_the_companion(tmp_path: Path) -> None:
    with running_companion(tmp_path) as stand:
        client = WebClient(token="xoxb-local", base_url=f"{stand.url}/slack-api/")
        first = client.chat_postMessage(channel="#a", text="one")
        client.chat_update(channel=first["channel"], ts=first["ts"], text="changed\u2028")
        before = stand.get("/slack.json").json()["messages"]
    with (tmp_path / "mails" / "slack.jsonl").open("a") as journal:
        journal.write('{"channel": "cut off')
    with running_companion(tmp_path) as stand:
        assert stand.get("/slack.json").json()["messages"] == before
        assert requests.delete(f"{stand.url}/slack.json", timeout=10).status_code == 204
        assert stand.get("/slack.json").json()["messages"] == []
