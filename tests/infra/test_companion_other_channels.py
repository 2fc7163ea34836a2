"""The companion's pages of text messages and webhooks: what is shown, and that nothing in it is more than words."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infra.companion_stand import Reply, Stand, running_companion

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    with running_companion(tmp_path) as running:
        yield running


def texting(stand: Stand, **texts: list[str]) -> None:
    held = {number: [{"Message": text} for text in said] for number, said in texts.items()}
    stand.upstream.reply = lambda _: Reply(body=json.dumps({"sms_messages": held}).encode())


def test_text_messages_are_shown_as_the_emulator_keeps_them(stand: Stand):
    texting(stand, **{"+46701": ["one", HOSTILE]})
    assert stand.get("/texts.json").json() == [{"to": "+46701", "text": "one"}, {"to": "+46701", "text": HOSTILE}]
    assert stand.upstream.received[-1].path == "/_ministack/sns/sms-messages"
    page = stand.get("/texts").text
    assert "2 text messages" in page
    assert HOSTILE not in page


def test_an_emulator_that_says_nothing_is_a_problem_and_no_crash(stand: Stand):
    stand.upstream.reply = lambda _: Reply(body=b"no")
    assert stand.get("/texts").status_code == 503
    assert stand.get("/texts.json").json()["code"] == "service_unavailable"


def test_a_webhook_is_kept_with_its_signature_and_one_that_comes_again_is_one(stand: Stand):
    headers = {
        "webhook-id": "w1",
        "webhook-timestamp": "1",
        "webhook-signature": "v1,x",
        "x-ripen-for": "https://a.example/",
    }
    for words in ("first", HOSTILE):
        assert stand.post("/webhooks/ads", json={"data": words}, headers=headers).status_code == 204
    (kept,) = stand.get("/webhooks.json").json()
    assert (kept["name"], kept["headers"], kept["body"]) == ("ads", headers, {"data": HOSTILE})
    page = stand.get("/webhooks").text
    assert "v1,x" in page
    assert HOSTILE not in page


@pytest.mark.parametrize("body", [b"", b"no", b"\xff"])
def test_what_is_no_json_is_refused(stand: Stand, body: bytes):
    assert stand.post("/webhooks/ads", data=body).status_code == 400
    assert stand.get("/webhooks.json").json() == []
