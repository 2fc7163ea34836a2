"""The links of our mails: only we make them, each for one purpose, with nothing personal in them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.links import PATHS, Link, RepLink, fingerprint, link_url, mint, read, read_rep_link, rep_link_url

SECRET = "s" * 64
SEND = "aaaaaaaaaaaaaaaa-1-0-awareness"
ONE_OF_EACH = (
    Link("click", SEND, "https://www.example.com/guide?a=1&b=%C3%A5#top"),
    Link("open", SEND),
    Link("unsubscribe", SEND, "1.abcdefghijklmnopqrstuvwx"),
    Link("confirm", SEND, "1.abcdefghijklmnopqrstuvwx"),
    Link("accept", "ugiizjmvldgsd5ye#1", "1767602400 maria"),
    Link("reject", "ugiizjmvldgsd5ye#1", "1767602400 maria"),
    Link("contact", "ugiizjmvldgsd5ye#1", "1767602400 maria"),
)


@pytest.mark.parametrize("link", ONE_OF_EACH, ids=lambda link: link.purpose)
def test_a_token_says_what_it_was_made_of(link):
    assert read(link.purpose, mint(link, SECRET), SECRET) == link


@pytest.mark.parametrize("link", ONE_OF_EACH, ids=lambda link: link.purpose)
def test_a_token_is_good_for_its_purpose_only(link):
    for purpose in PATHS:
        if purpose != link.purpose:
            assert read(purpose, mint(link, SECRET), SECRET) is None


def test_another_secret_opens_nothing():
    assert read("open", mint(ONE_OF_EACH[1], SECRET), SECRET + "x") is None


def test_every_changed_or_cut_character_is_refused():
    """Each position, each other letter of the alphabet: no second spelling of a token exists."""
    token = mint(ONE_OF_EACH[2], SECRET)
    tried = 0
    for position in range(len(token)):
        assert read("unsubscribe", token[:position], SECRET) is None
        for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_":
            other = token[:position] + letter + token[position + 1 :]
            if other != token:
                tried += 1
                assert read("unsubscribe", other, SECRET) is None, position
    assert tried > 5000


@given(st.text(max_size=120))
def test_any_text_is_refused_and_none_breaks_the_reader(text):
    assert read("click", text, SECRET) is None
    assert read("click", "1" + text, SECRET) is None


@pytest.mark.parametrize(
    "token", ["", "1", "1A", "1" + "A" * 3000, "2" + mint(ONE_OF_EACH[1], SECRET)[1:], "1=", "1 AAAA", "1AAAA\n"]
)
def test_what_is_no_token_is_refused(token):
    assert read("open", token, SECRET) is None


def test_a_link_is_one_url_of_safe_letters_under_its_path():
    for link in ONE_OF_EACH:
        url = link_url("https://ripen.example", link, SECRET)
        assert re.fullmatch(rf"https://ripen\.example/{PATHS[link.purpose]}/[A-Za-z0-9_-]+", url)


def test_a_reps_link_says_what_it_does_to_which_handoff_as_whom_and_how_long():
    link = RepLink("reject", "ugiizjmvldgsd5ye", 12, "maria lind", 1_767_602_400)
    url = rep_link_url("https://ripen.example", link, SECRET)
    assert url.startswith("https://ripen.example/s/reject/")
    token = url.rsplit("/", 1)[1]
    assert read_rep_link("reject", token, SECRET) == link
    assert read_rep_link("accept", token, SECRET) is None
    assert read_rep_link("unsubscribe", token, SECRET) is None
    assert read_rep_link("", token, SECRET) is None
    assert read_rep_link("reject", token, SECRET + "x") is None
    assert "maria" not in url


def test_the_fingerprint_names_a_token_and_hides_it():
    one, other = (fingerprint(mint(link, SECRET)) for link in ONE_OF_EACH[:2])
    assert one != other
    assert len(one) == 22
    assert one == fingerprint(mint(ONE_OF_EACH[0], SECRET))
