"""What anybody says of themselves is text in a mail: no template language runs it, and no header grows from it."""

import os
from email.parser import BytesHeaderParser
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import escape
from pydantic import TypeAdapter, ValidationError

from shared.mail.letter import Owner
from shared.mail.message import build
from shared.mail.render import LONGEST_FIELD, presentable, render
from shared.mailing import SendRef
from shared.playbook import compile_playbook
from shared.playbook_types import Name
from tests.mail.letters import EVERY_FIELD, OWNER, PLAIN, a_lead, a_playbook, letter

PAYLOADS = Path(__file__).with_name("template_payloads.txt").read_text(encoding="utf-8").splitlines()
CASES = int(os.environ.get("RIPEN_CASES", "2000"))
APART = 1 if "RIPEN_CASES" in os.environ else 6
"""Every mail meets one payload in so many, and every payload some of the mails."""

MARK = "Zzyzx"
"""Stands where a payload will stand."""

LINE_BREAKS = (
    "\r\n", "\n", "\r", "\n\r", "\r\n ", "\r\n\t", "\r\r\n", "\x00", "\x00\r\n", "\x08\n", "\x0b", "\x0c", "\x1a", "\x1c", "\x1d",
    "\x1e", "\x1f", "\x7f", "\x85", "\u2028", "\u2029", "\ufeff\n", "\u200b\r", "%0d%0a", "%0A", "\\r\\n", "=0D=0A", "&#13;&#10;",
    "\u560d\u560a", "\u010d\u010a", "\u240d\u240a", "=?utf-8?Q?=0D=0A?=", "=?utf-8?B?DQo=?=", "\udc0d\udc0a", "\U000e000d\U000e000a",
)  # fmt: skip
HEADERS = (
    "Bcc: eve@x", "Cc: eve@x", "To: eve@x", "From: eve@x", "Reply-To: eve@x", "Subject: won", "Content-Type: text/html",
    "MIME-Version: 2.0", "List-Unsubscribe: <x>", "X-SES-MESSAGE-TAGS: send_id=x", "X-SES-CONFIGURATION-SET: x", "X: y",
)  # fmt: skip
SHAPES = (
    "{b}{h}",
    "Ada{b}{h}",
    "{b}{b}{h}",
    "{h}{b}",
    "Ada{b}{h}{b}{b}<p>",
    "{b}.{b}{h}",
    "{b}{h}{b}Ada",
    "Ada {b} {h}",
)
EXPECTED = [
    "From", "To", "Reply-To", "Subject", "List-Unsubscribe", "List-Unsubscribe-Post", "X-SES-CONFIGURATION-SET",
    "X-SES-MESSAGE-TAGS", "MIME-Version", "Content-Type",
]  # fmt: skip


@pytest.fixture(scope="module")
def shipped() -> dict[str, Any]:
    return compile_playbook()


def plain(text: str) -> str:
    return " ".join(text.split())


def test_there_are_two_hundred_payloads():
    assert len(set(PAYLOADS)) >= 200


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_in_any_field_stands_as_it_was_written(payload):
    """Rendering with a mark and putting the payload in its place is the same as rendering with the payload."""
    marked = render(PLAIN, {"unsubscribe_url": "u", **dict.fromkeys((*EVERY_FIELD, "owner_name"), MARK)})
    said = render(PLAIN, {"unsubscribe_url": "u", **dict.fromkeys((*EVERY_FIELD, "owner_name"), payload)})
    assert said.subject == marked.subject.replace(MARK, payload)
    assert said.html == marked.html.replace(MARK, str(escape(payload)))
    assert plain(said.text) == plain(marked.text.replace(MARK, payload))


def test_a_payload_in_every_field_of_a_lead_is_inert_in_every_mail(shipped):
    contents = [name for name, mail in shipped["templates"].items() if "html" in mail and name != "confirm"]
    for number, content in enumerate(contents):
        without = letter(a_lead({}), content, shipped, Owner(MARK, "")).rendered
        marked = letter(a_lead(dict.fromkeys(EVERY_FIELD, MARK)), content, shipped, Owner(MARK, "")).rendered
        for payload in PAYLOADS[number % APART :: APART]:
            said = letter(a_lead(dict.fromkeys(EVERY_FIELD, payload)), content, shipped, Owner(payload, "")).rendered
            wanted = without if presentable(payload) is None else marked
            assert said.subject == plain(wanted.subject.replace(MARK, payload)), content
            assert said.html == wanted.html.replace(MARK, str(escape(payload))), content
            assert plain(said.text) == plain(wanted.text.replace(MARK, payload)), content


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_as_the_name_of_our_own_company_is_inert(payload):
    template = {**PLAIN, "text": "{{ sender_name }}, {{ postal_address }}", "html": "<p>{{ sender_name }}</p>"}
    said = letter(a_lead({}), "one", a_playbook({"one": template}, {}, from_name=payload, postal_address=payload))
    assert plain(said.rendered.text) == plain(f"{payload}, {payload}")
    assert said.rendered.html == f"<p>{escape(payload)}</p>"
    assert BytesHeaderParser().parsebytes(build(said.rendered, said.envelope)).keys() == EXPECTED


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_is_no_name_of_a_track(payload):
    with pytest.raises(ValidationError):
        TypeAdapter(Name).validate_python(payload)
    assert SendRef.parse(f"{'a' * 16}-1-0-{payload}") is None


ALL = len(SHAPES) * len(LINE_BREAKS) * len(HEADERS) * 4
"""Of them a prime number apart, so that few of them are of every kind."""


def test_no_line_break_of_any_kind_in_any_field_adds_a_header():
    playbook = a_playbook({"one": PLAIN}, {})
    parser = BytesHeaderParser()
    cases = list(product(SHAPES, LINE_BREAKS, HEADERS, (*EVERY_FIELD[:2], "owner", "sender")))
    for number in range(min(CASES, ALL)):
        shape, line_break, header, place = cases[number * 7919 % ALL]
        payload = shape.format(b=line_break, h=header)
        fields = dict.fromkeys(EVERY_FIELD, payload) if number % 7 == 0 else {place: payload}
        mail = {**playbook["mail"], "from_name": payload if place == "sender" else "Ripen"}
        owner = Owner(payload, OWNER.email) if place == "owner" else None
        try:
            said = letter(a_lead(fields), "one", {**playbook, "mail": mail}, owner)
            raw = build(said.rendered, said.envelope)
        except ValueError:  # a lone surrogate is no text of a playbook: nothing was sent
            assert "\udc0d" in payload
            assert place in ("owner", "sender")
            continue
        parsed = parser.parsebytes(raw)
        assert parsed.keys() == EXPECTED, ascii(payload)
        assert parsed["To"] == "ada@example.com", ascii(payload)
        assert parsed["Reply-To"] == (OWNER.email if place == "owner" else "hello@ripen.example"), ascii(payload)


def test_there_are_ten_thousand_line_breaks():
    assert ALL >= 10_000
    assert len({number * 7919 % ALL for number in range(ALL)}) == ALL


TOKENS = st.lists(st.text("abcdefghijklmnop", min_size=12, max_size=12), min_size=18, max_size=18, unique=True)


@settings(max_examples=max(1, CASES // 20), deadline=None)
@given(TOKENS, st.integers(0))
def test_the_words_of_one_lead_are_never_in_the_mail_of_another(shipped, tokens, choice):
    """Told in turn, so that whatever a renderer kept of the lead before would be seen."""
    people = [
        a_lead(
            dict(zip(EVERY_FIELD, tokens[start : start + 6], strict=True)),
            lead_id=letters * 16, email=f"{tokens[start + 6]}@example.com",
        )
        for start, letters in ((0, "a"), (9, "b"))
    ]  # fmt: skip
    owners = [Owner(tokens[7], f"{tokens[8]}@ripen.example"), Owner(tokens[16], f"{tokens[17]}@ripen.example")]
    words = [set(tokens[:9]), set(tokens[9:])]
    nobody = a_lead({}, lead_id="c" * 16)
    contents = [name for name, mail in shipped["templates"].items() if "html" in mail and name != "confirm"]
    content = contents[choice % len(contents)]
    for number in (0, 1):
        said = letter(people[number], content, shipped, owners[number])
        whole = build(said.rendered, said.envelope).decode()
        printed = said.rendered.html + said.rendered.text + said.rendered.subject + whole.partition("\r\n\r\n")[0]
        assert not any(word in printed for word in words[1 - number])
        assert people[1 - number].lead_id not in whole
    printed = str(letter(nobody, content, shipped))
    assert not any(word in printed for word in words[0] | words[1])


@pytest.mark.parametrize("name", EVERY_FIELD)
def test_what_nobody_proved_is_not_printed(name):
    said = letter(a_lead({name: MARK}, proven=False), "one", a_playbook({"one": PLAIN}, {}))
    assert MARK not in str(said)
    assert MARK in str(letter(a_lead({name: MARK}), "one", a_playbook({"one": PLAIN}, {})))


def test_a_field_longer_than_a_name_is_not_printed():
    said = letter(a_lead({"company": MARK * LONGEST_FIELD}), "one", a_playbook({"one": PLAIN}, {}))
    assert MARK not in str(said)
