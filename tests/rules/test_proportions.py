"""Intervals of shares, held against published ones and against what they promise."""

import random

import pytest

from shared.rules.proportions import Share, newcombe, wilson


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718), (29, 29, 0.8830, 1.0)],
)  # fmt: skip
def test_wilson_is_as_newcombe_published_it(part: int, whole: int, low: float, high: float) -> None:
    found = wilson(Share(part, whole))
    assert found == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        (Share(56, 70), Share(48, 80), 0.0524, 0.3339),
        (Share(9, 10), Share(3, 10), 0.1705, 0.8090),
        (Share(5, 56), Share(0, 29), -0.0381, 0.1926),
        (Share(10, 10), Share(0, 10), 0.6075, 1.0),
    ],
)
def test_a_difference_is_as_newcombe_published_it(one: Share, other: Share, low: float, high: float) -> None:
    assert newcombe(one, other) == pytest.approx((low, high), abs=1e-4)


def test_the_difference_turned_round_is_the_interval_turned_round() -> None:
    one, other = Share(7, 40), Share(11, 33)
    low, high = newcombe(one, other)
    assert newcombe(other, one) == pytest.approx((-high, -low))


def test_95_of_100_intervals_hold_the_truth() -> None:
    chance, truth, held = random.Random(3), (0.12, 0.08), 0
    for _ in range(1000):
        mailed = Share(sum(chance.random() < truth[0] for _ in range(150)), 150)
        others = Share(sum(chance.random() < truth[1] for _ in range(40)), 40)
        low, high = newcombe(mailed, others)
        held += low <= truth[0] - truth[1] <= high
    assert 930 <= held <= 985


def test_a_share_of_nothing_is_none() -> None:
    assert Share(0, 0).to_json() == {"count": 0, "of": 0, "rate": None, "interval": None}
    assert Share(1, 4).to_json()["rate"] == 0.25
