"""What a playbook says of text messages and webhooks, and what it is told when that cannot be."""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.playbook import DEFAULT, MAILS, PlaybookError, compile_playbook
from shared.playbook_channels import check_texts
from shared.playbook_mails import read_contents

URL = "https://hooks.example.com/ripen"


def compiled(tmp_path: Path, *, steps: list[dict[str, Any]] | None = None, **mail: Any) -> dict[str, Any]:
    """Compile the default playbook with other values of its `mail` part, and further steps of one track."""
    said = DEFAULT.read_text("utf-8")
    written = "".join(f"  {name}: {json.dumps(value, ensure_ascii=False)}\n" for name, value in mail.items())
    said = said.replace("\nmail:\n", f"\nmail:\n{written}")
    head, decision = said.split("\n  decision:\n")
    before, after = decision.split("    steps:\n", 1)
    more = "".join(f"      - {json.dumps(step)}\n" for step in steps or [])
    path = tmp_path / "other.yaml"
    path.write_text(f"{head}\n  decision:\n{before}    steps:\n{more}{after}", encoding="utf-8")
    return compile_playbook(path)


def test_a_webhook_is_compiled_with_its_fields_and_secrets(tmp_path):
    step = {"channel": "webhook", "to": "ads", "content": "my-hook", "delay": "1 day"}
    document = compiled(tmp_path, webhooks={"ads": {"url": URL, "sends": ["email", "company"], "secrets": [2, 1]}})
    assert document["mail"]["webhooks"] == {"ads": {"url": URL, "sends": ["email", "company"], "secrets": [2, 1]}}
    with pytest.raises(PlaybookError, match="no mail is named my-hook"):
        compiled(tmp_path, steps=[step], webhooks={"ads": {"url": URL}})


def test_a_step_to_a_webhook_nobody_named_is_refused(tmp_path):
    step = {"channel": "webhook", "to": "adds", "content": "decision-1", "delay": "1 day"}
    with pytest.raises(PlaybookError, match=r"steps\[?.*to: no webhook of mail.webhooks is named 'adds'; write ads"):
        compiled(tmp_path, steps=[step], webhooks={"ads": {"url": URL}})


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://hooks.example.com/", "must begin with https"),
        ("https://127.0.0.1/", "no host of the open internet"),
        ("https://10.0.0.1/", "no host of the open internet"),
        ("https://93.184.215.14/", "no host of the open internet"),
        ("https://[::1]/", "no host of the open internet"),
        ("https://localhost/", "no host of the open internet"),
        ("https://intranet/", "no host of the open internet"),
        ("https://vault.internal/", "no host of the open internet"),
        ("https://printer.local/", "no host of the open internet"),
        ("https://user:secret@hooks.example.com/", "neither a password"),
        ("https://hooks.example.com/#part", "neither a password"),
        ("https://hooks.example.com:99999/", "is no address"),
        ("https://hooks.example.com:0/", "no port 0"),
        ("https:///path", "must begin with https"),
        ("https://localhost./", "no host of the open internet"),
        ("https://hooks..example.com/", "1 to 63 signs"),
        (f"https://{'a' * 64}.example.com/", "1 to 63 signs"),
        ("https://h\u00f6oks.example.com/", "as it travels"),
        ("https://hooks.example.com/\u00fc", "as it travels"),
        ("ftp://hooks.example.com/", "begins with http"),
    ],
)
def test_an_address_that_is_not_the_open_internets_is_refused(tmp_path, url, said):
    with pytest.raises(PlaybookError, match=said):
        compiled(tmp_path, webhooks={"ads": {"url": url}})


@pytest.mark.parametrize(
    ("webhook", "said"),
    [
        ({"url": URL, "sends": ["e_mail"]}, "'e_mail' is no field of scoring.profile; write email"),
        ({"url": URL, "sends": ["email", "email"]}, "stands twice"),
        ({"url": URL, "secrets": []}, "at least 1"),
        ({"url": URL, "secrets": [0]}, "write at least 1"),
        ({"url": URL, "secret": "abc"}, "secret"),
        ({}, "url"),
    ],
)
def test_what_goes_along_and_who_signs_is_checked(tmp_path, webhook, said):
    with pytest.raises(PlaybookError, match=said):
        compiled(tmp_path, webhooks={"ads": webhook})


@pytest.mark.parametrize(
    ("sms", "said"),
    [
        ({"stop_words": "Ответьте СТОП"}, "cost twice as much"),
        ({"stop_words": "x" * 41}, "40"),
        ({"stop_words": "two\nlines"}, "line break"),
        ({"parts": 0}, "write at least 1"),
        ({"parts": 7}, "write at most 6"),
    ],
)
def test_stop_words_and_parts_are_checked(tmp_path, sms, said):
    with pytest.raises(PlaybookError, match=said):
        compiled(tmp_path, sms=sms)


MAIL = {"from_name": "Ripen", "postal_address": "Street 1", "links": {"demo": "https://www.example.com/demo"}}


@pytest.mark.parametrize(
    ("text", "sms", "said"),
    [
        ("Hello {{ links.demo }}", None, None),
        ("Hello\nagain", None, "is one line"),
        ("Hello – again", None, "'–' is no letter of text messages"),
        ("x" * 101 + "{{ links.demo }}", None, "takes 2 parts"),
        ("x" * 101 + "{{ links.demo }}", {"parts": 2}, None),
        ("x" * 90 + "{{ links.demo }}", {"parts": 1, "stop_words": "Reply STOP to end"}, "takes 2 parts"),
        ("x" * 130 + "{% if company %} for {{ company }} and all of its many people{% endif %}", None, "takes 2 parts"),
    ],
)
def test_a_text_message_is_one_line_of_plain_letters_and_as_long_as_is_paid_for(text, sms, said):
    mail = {**MAIL, **({"sms": sms} if sms else {})}
    found = check_texts({"a": {"text": text}}, {"a": {"channel": "sms"}}, mail)
    assert found == [] if said is None else said in found[0]
    assert check_texts({"a": {"text": text}}, {"a": {"channel": "task"}}, mail) == []


def test_the_text_messages_we_ship_are_one_part(tmp_path):
    contents = {name: each for name, each in read_contents(MAILS).items() if each.channel == "sms"}
    assert contents
    mail = compiled(tmp_path)["mail"]
    for name, each in contents.items():
        assert check_texts({name: each.template}, {name: {"channel": "sms"}}, {**mail, "sms": {"parts": 1}}) == []
