"""Mailing paused, resumed and looked at by HTTP: who may, and what is refused with which words."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from functions.sales import handler as module
from functions.sales.handler import handler
from shared.aws import mail_control
from shared.instants import DAY, instant_text, parse_instant
from shared.keys import KeyKind, mint_key
from tests.conftest import SIGNING_SECRET, Aws, Context, sample

AT = parse_instant("2026-11-18T10:00:00Z")


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: AT + 0.7))


def ask(
    context: Context, method: str = "GET", path: str = "/v1/mail", body: Any = None, kind: KeyKind = "admin"
) -> Any:
    event = sample("http_mail_pause")
    event["headers"]["authorization"] = f"Bearer {mint_key(kind, 'test', SIGNING_SECRET)}"
    event["requestContext"]["http"]["method"] = method
    answer = handler({**event, "rawPath": path, "body": "" if body is None else json.dumps(body)}, context)
    return answer["statusCode"], json.loads(answer["body"])


def test_mailing_that_nobody_paused_goes_on(aws: Aws, context: Context):
    mail_control.count_sent(AT - DAY, 200)
    mail_control.count_bounce(AT - DAY)
    assert ask(context) == (200, {
        "paused": False, "since": None, "by": None, "reason": None,
        "last_days": {"sent": 200, "bounced": 1, "complained": 0},
        "stop_when": {"bounces": 5.0, "complaints": 0.1, "least": 100}, "as_of": instant_text(AT),
    })  # fmt: skip


def test_who_pauses_first_stays_named_until_somebody_resumes(aws: Aws, context: Context):
    for by in ("helena", "maria"):
        status, said = ask(context, "POST", "/v1/mail/pause", {"reason": f"{by} says so", "by": by})
        assert (status, said["paused"], said["by"], said["reason"]) == (200, True, "helena", "helena says so")
    for by in ("maria", "helena"):
        status, said = ask(context, "POST", "/v1/mail/resume", {"by": by})
        assert (status, said["paused"], said["by"], said["reason"]) == (200, False, "maria", None)
    assert mail_control.control().counted_from == AT


@pytest.mark.parametrize(
    ("path", "body", "word"),
    [
        ("pause", {"by": "helena"}, "reason"), ("pause", {"reason": " ", "by": "helena"}, "reason"),
        ("pause", {"reason": "x"}, "by"), ("pause", {"reason": "x", "by": "a@b.example"}, "by"),
        ("pause", {"reason": "x" * 201, "by": "h"}, "reason"), ("pause", {"reason": "x", "by": "h", "until": "y"}, "until"),
        ("resume", {}, "by"), ("resume", {"by": "h", "reason": "x"}, "reason"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(aws: Aws, context: Context, path, body, word):
    status, said = ask(context, "POST", f"/v1/mail/{path}", body)
    assert (status, said["code"]) == (400, "invalid")
    assert said["message"].startswith(f"{word}:")
    assert not mail_control.control().paused


@pytest.mark.parametrize("kind", ["sales", "server", "public"])
def test_only_an_admin_key_is_listened_to(aws: Aws, context: Context, kind):
    for method, path in (("GET", "/v1/mail"), ("POST", "/v1/mail/pause"), ("POST", "/v1/mail/resume")):
        assert ask(context, method, path, {"reason": "x", "by": "h"}, kind)[0] == 401
    assert not mail_control.control().paused


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/mail"), ("GET", "/v1/mail/pause"), ("POST", "/v1/mail/stop")]
)
def test_there_is_no_other_route(aws: Aws, context: Context, method, path):
    assert ask(context, method, path, {"by": "h"})[0] == 404
