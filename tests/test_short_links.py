"""Links of text messages: short, ours alone, and good for one page of one message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.links import Link, mint
from shared.mailing import SendRef
from shared.short_links import LENGTH, ShortLink, can_be_short, could_be_short, message_said, read_short, short_token

KEY = "a-signing-key-of-the-tests"
REF = SendRef("abcdefghijklmnop".replace("o", "2").replace("p", "7"), "decision", 2, 3)
LINK = ShortLink(REF, "demo")
TRACKS, PAGES = ("awareness", "decision"), ("demo", "pricing")


def read(token: str, **said):
    return read_short(token, said.pop("keys", KEY), **{"tracks": TRACKS, "pages": PAGES, **said})


def test_a_token_is_32_characters_and_says_which_page_of_which_message():
    token = short_token(LINK, KEY)
    assert len(token) == LENGTH
    assert could_be_short(token)
    assert read(token) == LINK
    assert message_said(token) == (REF.lead_id, 2, 3)


def test_no_bit_of_a_token_can_be_changed():
    token = short_token(LINK, KEY)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for place in range(LENGTH):
        for other in alphabet:
            changed = token[:place] + other + token[place + 1 :]
            assert (read(changed) == LINK) is (changed == token)


def test_a_page_or_track_nobody_names_is_none():
    token = short_token(LINK, KEY)
    assert read(token, pages=("pricing",)) is None
    assert read(token, tracks=("awareness",)) is None


def test_another_key_signs_nothing_and_the_old_key_is_read_while_it_is_kept():
    old = short_token(LINK, {"1": KEY})
    keys = {"1": KEY, "2": "a new key"}
    assert read(old, keys=keys) == LINK
    assert short_token(LINK, keys).startswith("2")
    assert read(old, keys={"2": "a new key"}) is None
    assert read(old, keys={"1": "another"}) is None


@given(st.text(max_size=40))
def test_what_strangers_write_is_no_link(text: str):
    assert read(text) is None


def test_the_link_of_a_mail_is_no_short_one():
    assert read(mint(Link("click", REF.send_id, "https://www.example.com/demo"), KEY)) is None


@pytest.mark.parametrize(("rotation", "step", "short"), [(255, 255, True), (256, 0, False), (1, 256, False)])
def test_a_message_beyond_a_byte_has_long_links(rotation, step, short):
    assert can_be_short(SendRef(REF.lead_id, "decision", rotation, step)) is short
