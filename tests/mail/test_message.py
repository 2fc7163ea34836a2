"""The bytes that go out: ASCII, whole links, and headers nothing can break out of."""

import re
from email import message_from_bytes, policy
from email.errors import MessageError

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.mail.message import Envelope, build
from shared.mail.render import Rendered, one_line
from shared.rules.nurture import is_mailable

URL = "https://abcdefgh12.execute-api.eu-north-1.amazonaws.com/u/" + "A1b2_-" * 30
HEADERS = [
    "from", "to", "reply-to", "subject", "list-unsubscribe", "list-unsubscribe-post", "x-ses-configuration-set",
    "x-ses-message-tags", "mime-version", "content-type",
]  # fmt: skip


def envelope(**said) -> Envelope:
    values = {
        "sender": "hello@ripen.example",
        "sender_name": "Ripen, Åland",
        "recipient": "ada@example.com",
        "reply_to": "maria@ripen.example",
        "unsubscribe_url": URL,
        "configuration_set": "mail",
        "tags": {"send_id": "aaaaaaaaaaaaaaaa-1-0-awareness", "track": "awareness", "stage": "test"},
    }
    return Envelope(**{**values, **said})


def parsed(raw: bytes):
    return message_from_bytes(raw, policy=policy.SMTP)


def test_a_mail_has_both_parts_and_every_header():
    raw = build(Rendered("Frågor före köp", "<p>Hej Åsa</p>\n", "Hej Åsa\n"), envelope())
    raw.decode("ascii")
    mail = parsed(raw)
    assert [name.lower() for name in mail.keys()] == HEADERS  # noqa: SIM118 - a message iterates header names only by keys()
    assert str(mail["from"]) == '"Ripen, Åland" <hello@ripen.example>'
    assert mail["to"] == "ada@example.com"
    assert mail["reply-to"] == "maria@ripen.example"
    assert mail["subject"] == "Frågor före köp"
    assert mail["x-ses-message-tags"] == "send_id=aaaaaaaaaaaaaaaa-1-0-awareness, track=awareness, stage=test"
    text, html = mail.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert text.get_content().replace("\r\n", "\n") == "Hej Åsa\n"
    assert {part["content-transfer-encoding"] for part in (text, html)} == {"quoted-printable"}


def test_the_unsubscribe_link_stands_whole_on_one_line():
    raw = build(Rendered("s", "<p>h</p>", "t"), envelope())
    assert f"\r\nList-Unsubscribe: <{URL}>\r\n".encode() in raw
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw


def test_a_long_subject_in_any_script_is_folded_into_words_mail_programs_read():
    subject = "質問と答え、そして費用について " * 6
    raw = build(Rendered(one_line(subject), "<p>h</p>", "t"), envelope())
    head = raw.split(b"\r\n\r\n", 1)[0]
    assert all(len(word) <= 76 for word in re.findall(rb"=\?[^ ]+\?=", head))
    assert parsed(raw)["subject"] == one_line(subject)


@settings(max_examples=100, deadline=None)
@given(
    st.text(max_size=60), st.sampled_from(["\r\n", "\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", ""])
)
def test_no_field_adds_a_header(words, line_break):
    hostile = one_line(f"{words}{line_break}Bcc: eve@example.com{line_break}{line_break}body")
    raw = build(Rendered(hostile, "<p>h</p>", "t"), envelope(sender_name=f"{words}{line_break}Bcc: eve@example.com"))
    mail = parsed(raw)
    assert [name.lower() for name in mail.keys()] == HEADERS  # noqa: SIM118 - a message iterates header names only by keys()
    assert mail["to"] == "ada@example.com"


ENCODED = "=?utf-8?Q?=0D=0A?=Bcc: eve@example.com"
"""The standard library decodes this when it is given as a value, and writes the line break out."""


@pytest.mark.parametrize("words", [ENCODED, f"=\x00?{ENCODED}", "=?utf-8?B?DQpCY2M6IGV2ZQ==?=", "=" + ENCODED, "==??="])
def test_an_encoded_word_in_what_is_printed_stays_words(words):
    raw = build(Rendered(one_line(words), "<p>h</p>", "t"), envelope(sender_name=words))
    mail = parsed(raw)
    assert [name.lower() for name in mail.keys()] == HEADERS  # noqa: SIM118 - a message iterates header names only by keys()
    assert mail["to"] == "ada@example.com"
    assert mail["subject"] == one_line(words).replace("=?", "= ?")


@pytest.mark.parametrize("field", ["unsubscribe_url", "configuration_set", "recipient", "reply_to"])
def test_an_encoded_word_in_an_address_is_an_error_and_not_a_mail(field):
    with pytest.raises((ValueError, MessageError)):
        build(Rendered("s", "h", "t"), envelope(**{field: f"{ENCODED}@example.com"}))


@pytest.mark.parametrize("field", ["unsubscribe_url", "configuration_set"])
def test_a_line_break_in_a_header_value_is_an_error_and_not_a_mail(field):
    with pytest.raises(ValueError, match="linefeed"):
        build(Rendered("s", "h", "t"), envelope(**{field: "x\r\nBcc: eve@example.com"}))


@pytest.mark.parametrize("recipient", ["ada@example.com\r\nBcc: eve@example.com", "ada@example.com, eve@example.com"])
def test_a_recipient_that_is_not_one_address_is_an_error(recipient):
    with pytest.raises(ValueError):  # noqa: PT011 - the standard library words it differently in each release
        build(Rendered("s", "h", "t"), envelope(recipient=recipient))


@settings(max_examples=200, deadline=None)
@given(st.from_regex(re.compile(r"[a-z=?.!#'+*/^_`{|}~-]{1,12}@[a-z0-9.-]{1,8}\.[a-z]{2}", re.ASCII), fullmatch=True))
@example("=?utf-8?q?a?=@x.example")
@example("a=?utf-8?q?=0D=0ABcc=3Aeve?=@x.example")
@example("=?x@y.example")
def test_every_address_that_may_be_mailed_stands_in_the_header_as_it_is(address):
    if is_mailable(address):
        mail = parsed(build(Rendered("s", "<p>h</p>", "t"), envelope(recipient=address)))
        assert mail["to"] == address
        assert [name.lower() for name in mail.keys()] == HEADERS  # noqa: SIM118 - a message iterates header names only by keys()
