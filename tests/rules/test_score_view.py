"""A score as it is shown."""

from shared.rules.model import Line
from shared.rules.score_view import score_view
from shared.rules.scoring import Evaluation


def test_points_are_exact_and_every_part_is_shown():
    evaluation = Evaluation(
        total=12_345,
        fit=5_000,
        engagement=7_345,
        grade="C",
        level=3,
        quadrant="low_fit_low_engagement",
        band="early",
        lines=(Line("size", "Large", "fit", 5000), Line("page", "Viewed a page", "engagement", 7345, 2, 10_000)),
        rules=frozenset({"size", "page"}),
        blocked="A shared mailbox",
    )
    assert score_view(evaluation) == {
        "total": 12.345,
        "fit": 5.0,
        "engagement": 7.345,
        "grade": "C",
        "level": 3,
        "quadrant": "low_fit_low_engagement",
        "band": "early",
        "excluded": None,
        "blocked": "A shared mailbox",
        "lines": [
            {"rule": "size", "label": "Large", "kind": "fit", "points": 5.0, "facts": 0, "decayed_from": None},
            {
                "rule": "page",
                "label": "Viewed a page",
                "kind": "engagement",
                "points": 7.345,
                "facts": 2,
                "decayed_from": 10.0,
            },
        ],
        "rules": ["page", "size"],
    }
