"""
What makes a lead MQL: band, grade and level, and the conditions over them that a playbook writes.

A condition is one of `{any: [...]}`, `{all: [...]}`, `{score_at_least: n}`, `{rule: id}`, `{band: [...]}` and
`{grade: [...]}`. MQL is such a condition, not a band.
"""

from collections.abc import Mapping
from typing import Any

from shared.rules.model import ScoringModel


def band_of(total: int, model: ScoringModel) -> str:
    """Return the band of a total in milli-points, without hysteresis."""
    for band, entering in model.bands:
        if total >= entering:
            return band
    return model.bands[-1][0]


def grade_of(fit: int, model: ScoringModel) -> str:
    """Return the fit grade, A best."""
    for grade, least in model.grades:
        if fit >= least:
            return grade
    return "D"


def level_of(engagement: int, model: ScoringModel) -> int:
    """Return the engagement level, 1 best to 4."""
    for level, least in model.levels:
        if engagement >= least:
            return level
    return 4


def holds(
    condition: Mapping[str, Any], *, total: int, grade: str, band: str, rules: frozenset[str], slack: int = 0
) -> bool:
    """
    Tell whether the condition holds.

    Args:
        condition: A compiled condition; thresholds in milli-points.
        total: Milli-points.
        grade: Fit grade.
        band: Raw band.
        rules: Ids of the rules with a fact that counts.
        slack: Milli-points by which a threshold may be missed: the hysteresis of what already holds.
    """
    ((name, wanted),) = condition.items()
    if name in ("any", "all"):
        answers = (holds(each, total=total, grade=grade, band=band, rules=rules, slack=slack) for each in wanted)
        return any(answers) if name == "any" else all(answers)
    if name == "score_at_least":
        return bool(total >= wanted - slack)
    if name == "rule":
        return wanted in rules
    if name == "band":
        return band in wanted
    return grade in wanted


def thresholds(condition: Mapping[str, Any]) -> set[int]:
    """Return every score the condition compares with, in milli-points."""
    ((name, wanted),) = condition.items()
    if name in ("any", "all"):
        return {threshold for each in wanted for threshold in thresholds(each)}
    return {wanted} if name == "score_at_least" else set()


def rules_named(condition: Mapping[str, Any]) -> set[str]:
    """Return the ids of the rules the condition listens to."""
    ((name, wanted),) = condition.items()
    if name in ("any", "all"):
        return {rule for each in wanted for rule in rules_named(each)}
    return {wanted} if name == "rule" else set()


def names_band(condition: Mapping[str, Any]) -> bool:
    """Tell whether the condition asks for a raw band."""
    ((name, wanted),) = condition.items()
    return name == "band" or (name in ("any", "all") and any(names_band(each) for each in wanted))


def why(condition: Mapping[str, Any], *, total: int, grade: str, band: str, rules: frozenset[str],
        labels: Mapping[str, str], slack: int = 0) -> str:  # fmt: skip
    """Return in words which part of the condition holds, as in `at least 75 points and viewed the pricing page`."""
    ((name, wanted),) = condition.items()
    if name in ("any", "all"):
        holding = [
            why(each, total=total, grade=grade, band=band, rules=rules, labels=labels, slack=slack)
            for each in wanted
            if holds(each, total=total, grade=grade, band=band, rules=rules, slack=slack)
        ]
        return holding[0] if name == "any" and holding else " and ".join(holding)
    if name == "score_at_least":
        return f"at least {points_text(wanted)} points"
    if name == "rule":
        label: str = labels.get(wanted, wanted)
        return label[0].lower() + label[1:]
    return f"band {band}" if name == "band" else f"grade {grade}"


def points_text(milli_points: int) -> str:
    """Return milli-points as points, exactly: 82500 is `82.5`."""
    whole, rest = divmod(abs(milli_points), 1000)
    sign = "-" if milli_points < 0 else ""
    return f"{sign}{whole}" + (f".{rest:03d}".rstrip("0") if rest else "")
