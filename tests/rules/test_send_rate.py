"""How many mails may go now, in which order, and when mailing stops by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.instants import DAY, parse_instant
from shared.mailing import Account, Counted
from shared.rules.send_rate import in_turn, room, stop_reason, warm_up_limit

NOW = parse_instant("2026-12-01T10:00:00Z")
WARM_UP = {"warm_up": {"starts": "2026-12-01", "first_day": 50, "grows": 1.5}}
LIMITS = {"stop_when": {"bounces": 5.0, "complaints": 0.1, "least": 100}}


@pytest.mark.parametrize(
    ("account", "warm_up", "queued", "mails"),
    [
        (Account(14.0, 50_000, 0), None, 0, 4_200),  # fourteen a second, for five minutes
        (Account(14.0, 50_000, 49_900), None, 0, 100),  # what is left of the day
        (Account(14.0, 50_000, 50_001), None, 0, 0),
        (Account(14.0, None, 10**6), None, 0, 4_200),
        (Account(14.0, 50_000, 20), 50, 0, 30),  # a new sender
        (Account(14.0, 50_000, 0), None, 4_000, 200),  # those on the queue take part of it
        (Account(14.0, 50_000, 0), None, 5_000, 0),
        (Account(0.5, 200, 0), None, 0, 150),
    ],
)
def test_no_more_go_than_the_account_takes_and_is_left_of_the_day(account, warm_up, queued, mails):
    assert room(account, warm_up, queued=queued, seconds=300) == mails


@pytest.mark.parametrize(
    ("days", "mails"), [(-30, 50), (0, 50), (1, 75), (2, 112), (3, 168), (10, 2_883), (366, 50 * 1.5**366), (367, None)]
)
def test_a_new_sender_begins_with_few_and_grows(days, mails):
    found = warm_up_limit(WARM_UP, NOW + days * DAY)
    assert found == (None if mails is None else int(mails))


def test_without_a_warm_up_there_is_no_limit():
    assert warm_up_limit({"warm_up": None}, NOW) is None
    assert warm_up_limit({}, NOW) is None


def test_a_mail_of_each_track_goes_in_turn():
    due = {"awareness": ["a1", "a2", "a3", "a4"], "decision": ["d1"], "long_term": ["l1", "l2"]}
    assert in_turn(due, 5) == ["a1", "d1", "l1", "a2", "l2"]
    assert in_turn(due, 100) == ["a1", "d1", "l1", "a2", "l2", "a3", "a4"]
    assert in_turn(due, 0) == []
    assert in_turn({}, 5) == []


tracks = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 30), max_size=6)


@given(sizes=tracks, most=st.integers(0, 60))
def test_order_and_fairness_hold_whatever_is_due(sizes, most):
    due = {track: [(track, number) for number in range(size)] for track, size in sizes.items()}
    gone = in_turn(due, most)
    assert len(gone) == min(most, sum(sizes.values()))
    given_to = {track: [number for name, number in gone if name == track] for track in due}
    for track, numbers in given_to.items():
        assert numbers == list(range(len(numbers)))  # the oldest first
        if len(numbers) < sizes[track]:  # who must wait got as many as anybody, but for one of the last turn
            assert all(len(others) <= len(numbers) + 1 for others in given_to.values())


@pytest.mark.parametrize(
    ("counted", "why"),
    [
        (Counted(99, 99, 99), None),
        (Counted(100, 5, 0), None),
        (Counted(100, 6, 0), "6 of 100 mails bounced in 7 days, which is over 5 %"),
        (Counted(1_000, 0, 1), None),
        (Counted(1_000, 0, 2), "2 of 1000 mails were complained about in 7 days, which is over 0.1 %"),
        (Counted(100, 50, 1), "1 of 100 mails were complained about in 7 days, which is over 0.1 %"),
    ],
)
def test_mailing_stops_when_too_many_come_back(counted, why):
    assert stop_reason(counted, LIMITS) == why
    assert stop_reason(counted, {}) is None
