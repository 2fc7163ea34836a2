"""Bands, grades, levels and the conditions over them: every kind, at its edge and on both sides of it."""

from types import SimpleNamespace

import pytest

from shared.rules.qualification import (
    band_of,
    grade_of,
    holds,
    level_of,
    names_band,
    points_text,
    rules_named,
    thresholds,
    why,
)

MODEL = SimpleNamespace(
    bands=(("sales_ready", 60_000), ("engaged", 25_000), ("early", 0)),
    grades=(("A", 35_000), ("B", 15_000), ("C", 10_000), ("D", 0)),
    levels=((1, 60_000), (2, 30_000), (3, 10_000)),
)
LEAD = {"total": 50_000, "grade": "B", "band": "engaged", "rules": frozenset({"demo", "visit"})}
LABELS = {"demo": "Asked for a demo", "visit": "Viewed the pricing page"}


def test_a_threshold_is_reached_at_its_number():
    bands = [band_of(total, MODEL) for total in (0, 24_999, 25_000, 59_999, 60_000)]
    assert bands == ["early", "early", "engaged", "engaged", "sales_ready"]
    assert band_of(-1, MODEL) == "early"
    assert [grade_of(fit, MODEL) for fit in (-1, 0, 10_000, 15_000, 34_999, 35_000)] == ["D", "D", "C", "B", "B", "A"]
    assert [level_of(points, MODEL) for points in (-1, 9_999, 10_000, 30_000, 60_000)] == [4, 4, 3, 2, 1]


CONDITIONS = [
    # (condition, holds, in words)
    ({"score_at_least": 50_000}, True, "at least 50 points"),
    ({"score_at_least": 50_001}, False, None),
    ({"rule": "demo"}, True, "asked for a demo"),
    ({"rule": "other"}, False, None),
    ({"band": ["engaged", "sales_ready"]}, True, "band engaged"),
    ({"band": ["sales_ready"]}, False, None),
    ({"grade": ["A", "B"]}, True, "grade B"),
    ({"grade": ["A"]}, False, None),
    ({"any": [{"grade": ["A"]}, {"rule": "demo"}, {"rule": "visit"}]}, True, "asked for a demo"),
    ({"any": [{"grade": ["A"]}, {"band": ["early"]}]}, False, None),
    ({"all": [{"rule": "demo"}, {"rule": "visit"}]}, True, "asked for a demo and viewed the pricing page"),
    ({"all": [{"rule": "demo"}, {"grade": ["A"]}]}, False, None),
    ({"all": [{"band": ["engaged"]}, {"rule": "demo"}]}, True, "band engaged and asked for a demo"),
    (
        {"all": [{"any": [{"band": ["early"]}, {"score_at_least": 12_500}]}, {"grade": ["B"]}]},
        True,
        "at least 12.5 points and grade B",
    ),
]


@pytest.mark.parametrize(("condition", "held", "words"), CONDITIONS)
def test_a_condition_holds_and_says_why(condition, held, words):
    assert holds(condition, **LEAD) is held
    if held:
        assert why(condition, **LEAD, labels=LABELS) == words


def test_what_holds_already_may_miss_a_threshold_by_the_slack_also_inside_others():
    for condition in ({"score_at_least": 55_000}, {"any": [{"all": [{"score_at_least": 55_000}]}]}):
        assert not holds(condition, **LEAD, slack=4_999)
        assert holds(condition, **LEAD, slack=5_000)
        assert why(condition, **LEAD, labels=LABELS, slack=5_000) == "at least 55 points"


def test_slack_moves_scores_only():
    assert not holds({"band": ["sales_ready"]}, **LEAD, slack=50_000)
    assert not holds({"grade": ["A"]}, **LEAD, slack=50_000)


def test_of_any_only_what_holds_by_the_slack_is_said():
    missed = {"any": [{"score_at_least": 50_001}, {"rule": "demo"}]}
    assert why(missed, **LEAD, labels=LABELS) == "asked for a demo"
    assert not holds({"score_at_least": 50_001}, **LEAD)
    either = {"any": [{"score_at_least": 55_000}, {"rule": "demo"}]}
    assert why(either, **LEAD, labels=LABELS) == "asked for a demo"
    assert why(either, **LEAD, labels=LABELS, slack=5_000) == "at least 55 points"


def test_a_rule_without_a_label_is_said_by_its_id():
    assert why({"rule": "visit"}, **LEAD, labels={}) == "visit"


def test_thresholds_and_rules_are_found_at_any_depth():
    condition = {"any": [{"score_at_least": 5}, {"all": [{"rule": "a"}, {"score_at_least": 7}]}, {"band": ["early"]}]}
    assert thresholds(condition) == {5, 7}
    assert rules_named(condition) == {"a"}
    assert (thresholds({"rule": "b"}), rules_named({"rule": "b"})) == (set(), {"b"})
    assert (thresholds({"score_at_least": 9}), rules_named({"score_at_least": 9})) == ({9}, set())


@pytest.mark.parametrize("form", ["any", "all"])
def test_a_band_that_a_condition_asks_for_is_found_at_any_depth(form):
    assert names_band({form: [{"rule": "a"}, {form: [{"band": ["early"]}]}]})
    assert not names_band({form: [{"rule": "a"}, {form: [{"score_at_least": 5}]}]})


def test_points_are_written_exactly():
    written = [points_text(points) for points in (0, 82_500, -82_500, 1_000, 7, -10, 120_100)]
    assert written == ["0", "82.5", "-82.5", "1", "0.007", "-0.01", "120.1"]
