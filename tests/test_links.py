"""The links of our mails: only we make them, each for one purpose, with nothing personal in them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.keys import SigningKeysError, api_signing_key, signing_keys
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


def test_the_newest_key_signs_and_every_kept_one_is_read():
    link = ONE_OF_EACH[2]
    old, both = {"1": SECRET}, {"2": "t" * 64, "1": SECRET}
    before, after = mint(link, old), mint(link, both)
    assert before == mint(link, SECRET), "one key is version 1"
    assert (before[0], after[0]) == ("1", "2")
    assert read(link.purpose, before, both) == read(link.purpose, after, both) == link
    assert read(link.purpose, after, old) is None
    assert read(link.purpose, before, {"2": "t" * 64}) is None


def test_a_token_is_not_good_under_another_version_even_of_the_same_key():
    link = ONE_OF_EACH[2]
    token = mint(link, {"1": SECRET})
    assert read(link.purpose, "2" + token[1:], {"1": SECRET, "2": SECRET}) is None


@pytest.mark.parametrize(
    ("secret", "keys"),
    [
        ("plain", {"1": "plain"}),
        ('{"1": "a"}', {"1": "a"}),
        (' {"a": "x", "2": "b", "1": "c"}', {"a": "x", "2": "b", "1": "c"}),
    ],
)
def test_the_signing_secret_is_one_key_or_keys_by_version(secret, keys):
    assert signing_keys(secret) == keys
    assert api_signing_key(secret) == keys["1"], "API keys stay with the oldest"


@pytest.mark.parametrize("secret", ["{", "{}", '{"0": "a"}', '{"11": "a"}', '{"1": ""}', '{"1": 7}', '{"": "a"}'])
def test_a_signing_secret_that_is_neither_is_an_error(secret):
    with pytest.raises(SigningKeysError):
        signing_keys(secret)
