"""The demo's second count of the nurture report: from mails and raw events, and where the two differ."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from infra.local.demo import reading
from infra.local.demo.recount import counted, differences, recount, send_id_of
from infra.local.errors import LocalError
from shared.mailing import SendRef, confirmation_ref

ADA, BEA = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"
FIRST = SendRef(ADA, "awareness", 1, 0).send_id
SECOND = SendRef(BEA, "awareness", 1, 1).send_id


def mail(send_id: str, html: str = "") -> dict[str, Any]:
    return {"headers": [["X-SES-MESSAGE-TAGS", f"send_id={send_id}, track=awareness, stage=local"]], "html": html}


def event(name: str, send_id: str, event_id: str = "e1", **said: Any) -> dict[str, Any]:
    return {"event_id": event_id, "name": name, "properties": {"send_id": send_id}, **said}


def ended(lead_id: str, *, goal: bool = False, rotation: int = 1) -> dict[str, Any]:
    return {"lead_id": lead_id, "track": "awareness", "rotation": rotation, "goal": goal}


def report(**said: Any) -> dict[str, Any]:
    share, touched = {"count": 0}, {"human": 0, "unsure": 0, "machine": 0}
    message = {"step": 1, "channel": "mail", "sent": 1, "unsubscribed": share, "opened": touched, "clicked": touched}
    runs = {"exhausted": 0, "exited": 0, "held_out": 0, "held_out_going": 0, "goal": share, "goal_held_out": share}
    return {"tracks": [{"track": "awareness", "runs": runs | said.pop("runs", {}), "messages": [message | said]}]}


def test_a_mail_counts_once_and_a_confirmation_belongs_to_no_track() -> None:
    asked = confirmation_ref(ADA, "1.waoqrhxiiip2cliwao32", 1).send_id
    raw = recount([mail(FIRST), mail(FIRST), mail(SECOND), mail(asked), {"headers": []}], [], [])
    assert raw == {("awareness", 1, "sent"): 1, ("awareness", 2, "sent"): 1}


def test_of_copies_of_a_click_the_stricter_verdict_holds_and_clicks_of_one_mail_are_one() -> None:
    events = [
        event("Email Link Clicked", FIRST), event("Email Link Clicked", FIRST, verdict="machine"),
        event("Email Link Clicked", FIRST), event("Email Link Clicked", SECOND, "e2"),
        event("Email Link Clicked", SECOND, "e3"), event("Email Opened", SECOND, "e4", verdict="unsure"),
        event("Page Viewed", SECOND, "e5"), event("Email Opened", "newsletter-41", "e6"),
    ]  # fmt: skip
    expected = {
        ("awareness", 1, "clicked by machine"): 1, ("awareness", 2, "clicked by human"): 1,
        ("awareness", 2, "opened by unsure"): 1,
    }  # fmt: skip
    assert recount([], events, []) == recount([], events[::-1], []) == expected


def test_an_end_that_is_told_twice_is_one() -> None:
    raw = recount([], [], [ended(ADA), ended(ADA), ended(ADA, rotation=2, goal=True), ended(BEA)])
    assert raw == {("awareness", 0, "ended"): 3, ("awareness", 0, "goal"): 1}


def test_a_report_that_says_the_same_has_no_difference_and_another_is_named() -> None:
    same = report(runs={"exited": 1, "held_out": 2, "held_out_going": 1, "goal": {"count": 1}})
    raw = recount([mail(FIRST)], [], [ended(ADA, goal=True), ended(BEA)])
    assert (counted(same), differences(same, raw)) == (raw, [])
    assert differences(report(sent=2), raw) == [
        "awareness runs, ended: the report says 0, the recount 2",
        "awareness runs, goal: the report says 0, the recount 1",
        "awareness 1, sent: the report says 2, the recount 1",
    ]


def test_text_messages_are_not_looked_for_in_the_mailboxes() -> None:
    assert differences(report(channel="sms"), recount([], [], [])) == []


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """A server, and what it was asked."""
    found: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.append(f"{self.command} {self.path}")
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self.send_response(404 if "gone" in self.path else 200)
            self.end_headers()

        do_POST = do_GET  # noqa: N815 - the server's name for it

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        (0, ["GET /o/1"]), (3, ["GET /o/1", "GET /c/1"]), (5, ["GET /o/1", "GET /d/1", "GET /c/1", "GET /c/2"]),
        (6, ["POST /u/1"]), (9, []), (13, ["GET /o/1", "GET /c/1"]),
    ],
)  # fmt: skip
def test_what_is_done_with_a_mail_follows_from_its_turn(
    turn: int, expected: list[str], asked: tuple[str, list[str]]
) -> None:
    url, found = asked
    links = "".join(f'<a href="{url}/{path}">x</a>' for path in ("c/1", "c/2", "u/1", "d/1"))
    reading.touch(mail(FIRST, f'{links}<img src="{url}/o/1">'), turn)
    assert found == expected


def test_a_link_that_does_not_work_is_not_passed_over(asked: tuple[str, list[str]]) -> None:
    with pytest.raises(LocalError, match="answered with 404"):
        reading.touch(mail(FIRST, f'<img src="{asked[0]}/o/gone">'), 0)


def test_a_mail_without_tags_is_none_of_ours() -> None:
    assert send_id_of({"headers": [["Subject", "send_id=x"]]}) == ""
