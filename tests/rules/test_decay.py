"""What is left of points, in integers: half-lives against the true curve, percentages against fractions."""

from decimal import Decimal, getcontext
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from shared.rules.decay import halved, stepped
from tests.rules.models import cases

getcontext().prec = 40

points_at_most = st.integers(0, 10**8)
ages = st.integers(0, 10**8)


def test_half_is_left_after_a_half_life_and_a_quarter_after_two():
    assert [halved(80_000, age, 30 * 86_400) for age in (0, 30 * 86_400, 60 * 86_400)] == [80_000, 40_000, 20_000]


def test_a_future_fact_keeps_its_points_and_a_very_old_one_has_none():
    assert halved(80_000, -5, 60) == stepped(80_000, -5, 25, 60) == 80_000
    assert halved(80_000, 60 * 70, 60) == 0
    assert stepped(100_000_000, 4000, 1, 1) == 0


def test_the_last_milli_point_is_rounded_half_away_from_zero():
    assert [halved(points, 60, 60) for points in (1, -1, 2, 3, -3)] == [1, -1, 1, 2, -2]
    assert [stepped(points, 60, 50, 60) for points in (1, -1, 2, 3, -3)] == [1, -1, 1, 2, -2]
    assert [halved(3 << 60, age, 60) for age in (61 * 60, 62 * 60)] == [2, 0]


@cases
@given(st.integers(-100_000_000, 100_000_000), st.integers(0, 10**9), st.integers(1, 10**8))
def test_is_within_a_millionth_and_a_half_of_the_true_curve(points, age, half_life):
    truth = Decimal(points) * Decimal(2) ** (-Decimal(age) / Decimal(half_life))
    assert abs(halved(points, age, half_life) - truth) <= abs(truth) / 1_000_000 + Decimal("0.5000001")


@cases
@given(st.integers(-100_000_000, 100_000_000), st.integers(-10, 300), st.integers(1, 100), st.integers(1, 100))
def test_percentages_are_what_fractions_give(points, age, percent, period):
    left = abs(points) * (1 - Fraction(percent, 100)) ** (max(0, age) // period)
    size = int(left + Fraction(1, 2))
    assert stepped(points, age, percent, period) == (size if points > 0 else -size)


@cases
@given(points_at_most, ages, st.integers(0, 10**6), st.integers(1, 10**7), st.integers(1, 100))
def test_never_rises_and_is_symmetric(points, age, more, span, percent):
    assert 0 <= halved(points, age + more, span) <= halved(points, age, span) <= points
    assert halved(-points, age, span) == -halved(points, age, span)
    assert 0 <= stepped(points, age + more, percent, span) <= stepped(points, age, percent, span) <= points
    assert stepped(-points, age, percent, span) == -stepped(points, age, percent, span)


def test_pinned_values_agree_on_every_python_and_processor():
    assert [halved(115_000, age * 86_400 + age, 30 * 86_400) for age in (1, 7, 13, 29, 44, 101)] == PINNED


PINNED = [112_373, 97_827, 85_163, 58_844, 41_609, 11_149]
