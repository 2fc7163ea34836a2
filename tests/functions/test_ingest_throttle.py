"""The token bucket of a key: seconds go in, and out comes whether to wait."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.ingest.throttle import MOST_KEYS, Bucket, Rate, Throttle, ThrottledError, rates, refilled, wait

RATE = Rate(per_second=10, burst=100)
ALLOWED = {"public": RATE}


def waits(throttle: Throttle, key: str, now: int) -> int:
    """Return how long the key has to wait at that instant, 0 when it is let in."""
    try:
        throttle.admit(key, ALLOWED, now)
    except ThrottledError as refusal:
        return refusal.wait
    return 0


def test_rates_are_read_by_kind_of_key() -> None:
    assert rates("public=10/100 server=5000/50000") == {"public": RATE, "server": Rate(5_000, 50_000)}
    assert rates("") == {}


@pytest.mark.parametrize(
    ("bucket", "now", "tokens", "seconds"),
    [
        (None, 50, 100, 0),
        (Bucket(1, 50), 50, 1, 0),
        (Bucket(0, 50), 50, 0, 1),
        (Bucket(0, 50), 51, 10, 0),
        (Bucket(-9, 50), 50, -9, 1),
        (Bucket(-10, 50), 50, -10, 2),
        (Bucket(-2_400, 50), 50, -2_400, 241),
        (Bucket(-2_400, 50), 290, 0, 1),
        (Bucket(-2_400, 50), 291, 10, 0),
        (Bucket(95, 50), 60, 100, 0),
        (Bucket(-5, 50), 40, -5, 1),
    ],
)
def test_time_fills_a_bucket_and_never_over_its_burst(
    bucket: Bucket | None, now: int, tokens: int, seconds: int
) -> None:
    found = refilled(bucket, RATE, now)

    assert found.tokens == tokens
    assert wait(found, RATE) == seconds


def test_a_clock_that_was_set_back_brings_nothing_when_it_comes_forward_again() -> None:
    back = refilled(Bucket(0, 50), RATE, 40)

    assert refilled(back, RATE, 50) == Bucket(0, 50)


def test_who_comes_back_after_the_wait_is_let_in_and_not_before() -> None:
    throttle = Throttle()
    throttle.admit("public_a_x", ALLOWED, 50)
    throttle.charge("public_a_x", 2_500)

    assert waits(throttle, "public_a_x", 50) == 241
    assert waits(throttle, "public_a_x", 290) == 1
    assert waits(throttle, "public_a_x", 291) == 0


def test_one_key_uses_up_nothing_of_another() -> None:
    throttle = Throttle()
    throttle.admit("public_a_x", ALLOWED, 50)
    throttle.charge("public_a_x", 10_000)

    assert waits(throttle, "public_a_x", 51) > 0
    assert waits(throttle, "public_b_x", 51) == 0


def test_a_kind_without_a_rate_is_not_limited() -> None:
    throttle = Throttle()
    for _ in range(5):
        throttle.admit("server_a_x", ALLOWED, 50)
        throttle.charge("server_a_x", 10_000)


def test_no_more_keys_are_remembered_than_fit_and_the_newest_are() -> None:
    throttle = Throttle()
    for number in range(MOST_KEYS + 1):
        throttle.admit(f"public_{number}_x", ALLOWED, 50)
        throttle.charge(f"public_{number}_x", 1_000)

    assert len(throttle._buckets) == MOST_KEYS
    assert waits(throttle, f"public_{MOST_KEYS}_x", 50) > 0
    assert waits(throttle, "public_0_x", 50) == 0


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 400)), min_size=1, max_size=60))
def test_over_any_time_a_key_gets_its_rate_its_burst_and_one_request_more(asked: list[tuple[int, int]]) -> None:
    throttle, now, let_in, largest = Throttle(), 0, 0, 0
    for passed, tokens in asked:
        now += passed
        if waits(throttle, "public_a_x", now) == 0:
            throttle.charge("public_a_x", tokens)
            let_in += tokens
            largest = max(largest, tokens)

    assert let_in <= RATE.burst + now * RATE.per_second + largest
