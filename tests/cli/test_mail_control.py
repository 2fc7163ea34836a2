"""`ripen mail pause`, `resume` and `status`: what they ask the stage, and what they print."""

import argparse
from typing import Any

import pytest
from rich.console import Console

from cli import mail_control

STATE = {
    "paused": False, "since": None, "by": None, "reason": None,
    "last_days": {"sent": 1204, "bounced": 13, "complained": 0},
    "stop_when": {"bounces": 5.0, "complaints": 0.1, "least": 100}, "as_of": "2026-11-18T10:00:00Z",
}  # fmt: skip
PAUSED = {**STATE, "paused": True, "since": "2026-11-18T10:00:00Z", "by": "helena", "reason": "bought list"}


@pytest.fixture
def asked(monkeypatch) -> list[Any]:
    """What was asked of the API; it answers as if mailing were paused by whoever asks for that."""
    found: list[Any] = []

    def answer(_asked: argparse.Namespace, path: str, *, body: Any = None, **_: Any) -> dict[str, Any]:
        found.append((path, body))
        return PAUSED if path.endswith("pause") else STATE

    monkeypatch.setattr(mail_control, "ask", answer)
    return found


def printed(command, **said: Any) -> str:
    console = Console(width=160, record=True, quiet=False)
    with console.capture() as capture:
        command(argparse.Namespace(**{"by": None, "json": False, **said}), console)
    return capture.get()


def test_a_pause_says_who_and_why_and_that_nothing_is_lost(asked):
    words = printed(mail_control.pause, reason="bought list", by="helena")
    assert asked == [("/v1/mail/pause", {"reason": "bought list", "by": "helena"})]
    assert "Mailing is paused since 2026-11-18T10:00:00Z, by helena: bought list. What is due stays due." in words


def test_the_one_who_is_logged_in_resumes(asked, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "maria")
    assert "Mails go out." in printed(mail_control.resume)
    assert asked == [("/v1/mail/resume", {"by": "maria"})]


def test_the_status_tells_what_came_back_and_the_limits(asked):
    words = printed(mail_control.status)
    assert "1,204 sent, 13 bounced (1.08 %), 0 complained about (0.00 %)" in words
    assert "over 5 % bounced or 0.1 % complained about, from 100 mails on" in words
    assert '"least": 100' in printed(mail_control.status, json=True)
