"""Which arm an address is in, whatever becomes of the others."""

from collections import Counter
from dataclasses import replace

import pytest

from shared.rules.arms import arm_of, test_in_force, tests_of, trial_at, trial_id, with_test
from shared.rules.tracks import Arm, Choice, Step, Test, Track

test_in_force.__test__ = tests_of.__test__ = Test.__test__ = False  # type: ignore[attr-defined]

KEYS = [f"1.{number}" for number in range(2000)]
TEST = Test("subject", "clicks", (Arm("a", "t-a"), Arm("b", "t-b", 2), Arm("c", "t-c")), 200, 95, 1)
TRACK = Track("awareness", frozenset(), 0, (Step(0, choices=(Choice(None, "t-0"),)), Step(0, test=TEST)))


def drawn(test: Test) -> dict[str, str]:
    return {key: arm_of(test, "awareness", key) for key in KEYS}


def test_nobody_changes_their_arm_because_another_one_is_out() -> None:
    before, after = drawn(TEST), drawn(replace(TEST, out=frozenset({"a"})))
    assert all(after[key] == arm for key, arm in before.items() if arm != "a")
    moved = Counter(after[key] for key, arm in before.items() if arm == "a")
    assert set(moved) == {"b", "c"}
    assert 1.5 < moved["b"] / moved["c"] < 2.7  # by the weights of those that are left


def test_an_arm_that_is_out_gets_nobody_and_its_people_stay_where_they_went() -> None:
    one, two = drawn(replace(TEST, out=frozenset({"a"}))), drawn(replace(TEST, out=frozenset({"a", "b"})))
    assert "a" not in one.values()
    assert set(two.values()) == {"c"}
    one_later = drawn(replace(TEST, out=frozenset({"c"})))
    assert all(one_later[key] == arm for key, arm in drawn(TEST).items() if arm != "c")


def test_arms_go_by_their_weights() -> None:
    counts = Counter(drawn(TEST).values())
    assert 420 < counts["a"] < 580
    assert 920 < counts["b"] < 1080


def test_a_light_arm_that_is_left_alone_gets_everybody() -> None:
    light = replace(TEST, arms=(Arm("heavy", "t-a", 1000), Arm("light", "t-b", 1)), out=frozenset({"heavy"}))
    assert set(drawn(light).values()) == {"light"}


def test_where_every_arm_is_out_all_are_sent() -> None:
    assert drawn(replace(TEST, out=frozenset("abc"))) == drawn(TEST)


def test_a_winner_by_hand_goes_before_what_is_out() -> None:
    assert set(drawn(replace(TEST, winner="a", out=frozenset({"a"}))).values()) == {"a"}


@pytest.mark.parametrize(
    "said",
    [
        {"name": "other"},
        {"measure": "goal"},
        {"arms": (Arm("a", "t-a"), Arm("b", "t-b"), Arm("c", "t-c"))},
        {"arms": (Arm("a", "t-z"), *TEST.arms[1:])},
        {"arms": (Arm("a", "t-a", at="09:00"), *TEST.arms[1:])},
    ],
)
def test_other_arms_or_another_measure_are_another_trial(said: dict[str, object]) -> None:
    assert trial_id("awareness", replace(TEST, **said)) != trial_id("awareness", TEST)  # type: ignore[arg-type]


def test_what_decides_may_change_while_a_trial_goes_on() -> None:
    other = replace(TEST, least=20, confidence=80, guard=5, winner="a", drop=True, out=frozenset("b"))
    assert trial_id("awareness", other) == trial_id("awareness", TEST)
    assert trial_id("decision", TEST) != trial_id("awareness", TEST)


def test_a_run_goes_by_what_the_playbook_in_force_decides_of_its_arms() -> None:
    decided = replace(TEST, winner="b", drop=True)
    current = replace(TRACK, steps=(Step(7, test=decided),))
    assert test_in_force(TRACK, 1, current) == decided
    other = replace(TRACK, steps=(Step(0, test=replace(decided, arms=TEST.arms[:2])),))
    assert test_in_force(TRACK, 1, other) == TEST
    assert test_in_force(TRACK, 0, current) is None
    assert test_in_force(TRACK, 2, current) is None


def test_a_message_counts_for_a_trial_unless_the_arm_was_chosen_by_hand() -> None:
    assert trial_at(TRACK, 1) == trial_id("awareness", TEST)
    assert (trial_at(TRACK, 0), trial_at(TRACK, 2), trial_at(None, 0)) == ("", "", "")
    assert trial_at(with_test(TRACK, 1, replace(TEST, winner="a"), ()), 1) == ""
    out = with_test(TRACK, 1, TEST, {"a"})
    assert (out.steps[0], out.steps[1].test) == (TRACK.steps[0], replace(TEST, out=frozenset({"a"})))
    assert trial_at(out, 1) == trial_id("awareness", TEST)
