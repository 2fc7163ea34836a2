"""Half-lives in integers."""

from decimal import Decimal, getcontext

from hypothesis import given
from hypothesis import strategies as st

from shared.rules.decay import halved

getcontext().prec = 40


def test_half_is_left_after_a_half_life_and_a_quarter_after_two():
    assert [halved(80_000, age, 30 * 86_400) for age in (0, 30 * 86_400, 60 * 86_400)] == [80_000, 40_000, 20_000]


def test_a_future_fact_keeps_its_points_and_a_very_old_one_has_none():
    assert halved(80_000, -5, 60) == 80_000
    assert halved(80_000, 60 * 70, 60) == 0


@given(st.integers(-100_000_000, 100_000_000), st.integers(0, 10**9), st.integers(1, 10**8))
def test_is_within_a_millionth_and_a_half_of_the_true_curve(points, age, half_life):
    truth = Decimal(points) * Decimal(2) ** (-Decimal(age) / Decimal(half_life))
    assert abs(halved(points, age, half_life) - truth) <= abs(truth) / 1_000_000 + Decimal("0.5000001")


@given(st.integers(0, 10**8), st.integers(0, 10**8), st.integers(0, 10**6), st.integers(1, 10**7))
def test_never_rises_and_is_symmetric(points, age, more, half_life):
    assert 0 <= halved(points, age + more, half_life) <= halved(points, age, half_life) <= points
    assert halved(-points, age, half_life) == -halved(points, age, half_life)


def test_pinned_values_agree_on_every_python_and_processor():
    assert [halved(115_000, age * 86_400 + age, 30 * 86_400) for age in (1, 7, 13, 29, 44, 101)] == PINNED


PINNED = [112_373, 97_827, 85_163, 58_844, 41_609, 11_149]
