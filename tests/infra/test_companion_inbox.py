"""Mails received by SMTP can be seen as their reader sees them, with every header, and read by tests."""

import json
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
import requests

from infra.local.companion import mailbox
from infra.local.companion.mailbox import Mail, Mailbox
from infra.local.companion.ses_events import message_tags, send_event
from tests.infra.companion_stand import Stand, running_companion

HTML = """<!doctype html><html><head><title>Not shown</title><style>p{color:red}</style></head><body>
<div style="display:none">Three questions.&zwnj;&nbsp;&zwnj;</div><h1>Hello</h1><a href="https://x.example/c/t">Read</a>
<script>alert(1)</script></body></html>"""


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    with running_companion(tmp_path) as running:
        yield running


def mail(*, subject: str = "Three questions", html: str = HTML) -> EmailMessage:
    message = EmailMessage()
    message["Message-ID"] = "<0102-abc@email.amazonses.com>"
    message["From"] = "Maria <hello@ripen.example>"
    message["To"] = "Anna <anna@lead.example>"
    message["Subject"] = subject
    message["List-Unsubscribe"] = "<https://x.example/u/token>"
    message["X-SES-MESSAGE-TAGS"] = "send_id=abc.awareness.1.0, stage=local"
    message.set_content("Hello Anna", cte="quoted-printable")
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    return message


def test_a_mail_is_listed_with_its_envelope_headers_and_both_bodies(stand: Stand) -> None:
    stand.deliver(mail(), to=["anna@lead.example", "hidden@copy.example"])
    (listed,) = stand.get("/inbox.json").json()
    assert listed["id"] == 1
    assert listed["to"] == ["anna@lead.example", "hidden@copy.example"]
    assert listed["from"] == "Maria <hello@ripen.example>"
    assert listed["subject"] == "Three questions"
    assert listed["preview"] == "Three questions. Hello Read"
    assert listed["text"].strip() == "Hello Anna"
    assert "<h1>Hello</h1>" in listed["html"]
    assert dict(listed["headers"])["List-Unsubscribe"] == "<https://x.example/u/token>"
    assert listed["received_at"].endswith("Z")


def test_mails_are_filtered_by_envelope_recipient_and_by_what_was_seen(stand: Stand) -> None:
    for number, recipient in enumerate(["a@x.example", "b@x.example", "a@x.example"]):
        stand.deliver(mail(subject=f"Number {number}"), to=[recipient])
    assert [found["id"] for found in stand.get("/inbox.json?to=A@X.example").json()] == [1, 3]
    assert [found["id"] for found in stand.get("/inbox.json?after=1").json()] == [2, 3]


def test_the_pages_show_the_mail_its_headers_and_its_source(stand: Stand) -> None:
    stand.deliver(mail(), to=["anna@lead.example"])
    listing = stand.get("/inbox").text
    assert 'href="/inbox/1"' in listing
    assert "Three questions" in listing
    shown = stand.get("/inbox/1").text
    for expected in ("List-Unsubscribe", "X-SES-MESSAGE-TAGS", "&lt;https://x.example/u/token&gt;", "Hello Anna"):
        assert expected in shown
    assert stand.get("/inbox/1/raw").content.startswith(b"Return-Path: <hello@ripen.example>\r\nDelivered-To: anna@")


def test_a_mail_cannot_run_scripts_or_reach_the_page_around_it(stand: Stand) -> None:
    stand.deliver(mail(), to=["anna@lead.example"])
    letter = stand.get("/inbox/1/html")
    policy = letter.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'")
    assert '<head><base target="_blank">' in letter.text
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in stand.get("/inbox/1").text


def test_hostile_subjects_and_bodies_are_shown_as_text(stand: Stand) -> None:
    stand.deliver(mail(subject='<script>alert(1)</script>"><img src=x>'), to=['"<img>"@x.example'])
    for path in ("/inbox", "/inbox/1"):
        text = stand.get(path).text
        assert "<script" not in text
        assert "<img" not in text


def test_a_mail_that_is_not_there_is_a_page_for_people(stand: Stand) -> None:
    answer = stand.get("/inbox/7")
    assert answer.status_code == 404
    assert "There is no mail 7" in answer.text


def test_mails_outlive_the_companion_and_numbers_are_never_used_twice(tmp_path: Path) -> None:
    with running_companion(tmp_path) as stand:
        stand.deliver(mail(subject="First"), to=["a@x.example"])
        stand.deliver(mail(subject="Second"), to=["b@x.example"])
    with running_companion(tmp_path) as stand:
        assert [(found["id"], found["to"]) for found in stand.get("/inbox.json").json()] == [
            (1, ["a@x.example"]),
            (2, ["b@x.example"]),
        ]
        assert requests.delete(f"{stand.url}/inbox.json", timeout=10).status_code == 204
        assert stand.get("/inbox.json").json() == []
        assert list((tmp_path / "mails").glob("*.eml")) == []
        stand.deliver(mail(), to=["a@x.example"])
        assert [found["id"] for found in stand.get("/inbox.json").json()] == [3]


def test_the_newest_mails_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert mailbox.NEWEST_KEPT == 5_000
    monkeypatch.setattr(mailbox, "NEWEST_KEPT", 5)
    box = Mailbox(tmp_path, on_mail=lambda _: None)
    for number in range(8):
        box.keep(sender="s@x.example", recipients=["r@x.example"], raw=b"Subject: %d\r\n\r\n" % number)
    assert [kept.number for kept in box.mails()] == [4, 5, 6, 7, 8]
    assert len(list(tmp_path.glob("*.eml"))) == 5


def test_tags_are_read_as_ses_reads_them() -> None:
    assert message_tags("send_id=abc.1, stage=local,send_id=b") == {"send_id": ["abc.1", "b"], "stage": ["local"]}
    assert message_tags("") == {}


def test_the_send_event_has_the_shape_of_a_configuration_set(tmp_path: Path) -> None:
    received: list[Mail] = []
    box = Mailbox(tmp_path, on_mail=received.append)
    box.keep(sender="hello@ripen.example", recipients=["anna@lead.example"], raw=mail().as_bytes())
    event = send_event(received[0])
    assert event is not None
    example = json.loads(EXAMPLE)
    assert event.keys() == example.keys()
    assert event["mail"].keys() == example["mail"].keys()
    assert event["mail"]["commonHeaders"].keys() == example["mail"]["commonHeaders"].keys()
    assert event["eventType"] == "Send"
    assert event["mail"]["messageId"] == "0102-abc@email.amazonses.com"
    assert event["mail"]["destination"] == ["anna@lead.example"]
    assert event["mail"]["source"] == "hello@ripen.example"
    assert event["mail"]["tags"]["send_id"] == ["abc.awareness.1.0"]
    assert event["mail"]["tags"].keys() >= {name for name in example["mail"]["tags"] if name.startswith("ses:")}
    assert "Delivered-To" not in [header["name"] for header in event["mail"]["headers"]]


def test_a_mail_without_tags_has_no_send_event(tmp_path: Path) -> None:
    untagged = Mailbox(tmp_path, on_mail=lambda _: None).keep(
        sender="a@x.example", recipients=["b@x.example"], raw=b"Subject: x\r\n\r\ny"
    )
    assert send_event(untagged) is None


EXAMPLE = """
{"eventType": "Send", "mail": {"timestamp": "2016-10-14T05:02:16.645Z", "source": "sender@example.com",
"sourceArn": "arn:aws:ses:us-east-1:123456789012:identity/sender@example.com", "sendingAccountId": "123456789012",
"messageId": "EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000", "destination": ["recipient@example.com"],
"headersTruncated": false, "headers": [{"name": "From", "value": "sender@example.com"}],
"commonHeaders": {"from": ["sender@example.com"], "to": ["recipient@example.com"],
"messageId": "EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000", "subject": "Message sent from Amazon SES"},
"tags": {"ses:configuration-set": ["ConfigSet"], "ses:source-ip": ["192.0.2.0"], "ses:from-domain": ["example.com"],
"ses:caller-identity": ["ses_user"], "myCustomTag1": ["myCustomTagValue1"]}}, "send": {}}
"""
"""From Amazon's developer guide, "Examples of event data that Amazon SES publishes to Amazon SNS", shortened."""
