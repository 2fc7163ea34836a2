"""
A score as people and programs see it: points with three decimals, lines that add up to the total.

The API and the command line show this and nothing else, so both say the same of one lead.
"""

from typing import Any

from shared.instants import instant_text
from shared.lead import Lead
from shared.rules.horizon import next_change_at
from shared.rules.model import Line, ScoringModel
from shared.rules.scoring import Evaluation, evaluate


def score_view(evaluation: Evaluation) -> dict[str, Any]:
    """Return the score; every number is points, exact to the milli-point."""
    return {
        "total": evaluation.total / 1000,
        "fit": evaluation.fit / 1000,
        "engagement": evaluation.engagement / 1000,
        "grade": evaluation.grade,
        "level": evaluation.level,
        "quadrant": evaluation.quadrant,
        "band": evaluation.band,
        "excluded": evaluation.excluded,
        "blocked": evaluation.blocked,
        "lines": [line_view(line) for line in evaluation.lines],
        "rules": sorted(evaluation.rules),
    }


def line_view(line: Line) -> dict[str, Any]:
    """Return one line of the explanation."""
    return {
        "rule": line.rule,
        "label": line.label,
        "kind": line.kind,
        "points": line.points / 1000,
        "facts": line.facts,
        "decayed_from": None if line.decayed_from is None else line.decayed_from / 1000,
    }


def lead_score_view(lead: Lead, model: ScoringModel, now: int) -> dict[str, Any]:
    """Return the score of a lead at `now`, and the instant at which its raw band or a condition changes by itself."""
    due = next_change_at(lead, model, now)
    return score_view(evaluate(lead, model, now)) | {"next_change_at": None if due is None else instant_text(due)}
