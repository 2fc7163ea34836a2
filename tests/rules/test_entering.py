"""Why a track is not for a lead, in words: the first condition that fails."""

from dataclasses import replace
from typing import Any

import pytest

from shared.instants import DAY, parse_instant
from shared.lead import Lead, Register, Settled
from shared.rules.entering import why_not_for
from shared.rules.model import scoring_model
from shared.rules.scoring import evaluate
from shared.rules.tracks import Audience, Step, Track

NOW = parse_instant("2026-11-18T10:00:00Z")
TRACK = Track("t", frozenset({"early"}), DAY, (Step(0),))


def lead(band: str = "early", stage: str = "lead", **profile: Any) -> Lead:
    said = {"email": "ada@example.com", **profile}
    registers = {name: Register(value, 1, "k", proven=True) for name, value in said.items()}
    return Lead("a" * 16, version=1, profile=registers, settled=Settled(band=band, stage=stage, at=0))


@pytest.mark.parametrize(
    ("person", "said", "why"),
    [
        (lead(), {}, None),
        (lead(stage="sql"), {}, "its stage is sql"),
        (lead(email=None), {}, "it has no mail address"),
        (lead("engaged"), {}, "its band is engaged, the track is for early"),
        (lead("engaged"), {"bands": frozenset()}, None),
        (lead(), {"goal": {"band": ["early"]}}, "the goal is reached already: band early"),
        (lead(), {"exits": {"stage": ["lead"]}}, "it would leave at once: stage lead"),
        (lead(), {"audience": Audience(grades=frozenset("A"))}, "its grade is D, the track is for A"),
        (lead(), {"audience": Audience(levels=frozenset({2, 1}))}, "its level is 4, the track is for 1 or 2"),
        (lead(), {"audience": Audience(quadrants=frozenset({"B2", "A1"}))}, "it is D4, the track is for A1 or B2"),
        (lead(), {"audience": Audience(where={"department": ["it"]})}, "the audience asks for another department"),
        (lead(department="it"), {"audience": Audience(where={"department": ["it"]})}, None),
        (lead("engaged", "sql"), {}, "its stage is sql"),
    ],
)  # fmt: skip
def test_the_first_condition_that_fails_is_named(
    playbook: Any, person: Lead, said: dict[str, Any], why: str | None
) -> None:
    model = scoring_model(playbook)
    evaluation = evaluate(person, model, NOW)
    assert why_not_for(replace(TRACK, **said), person, model, evaluation, evaluation.rules) == why


def test_whom_sales_sends_there_may_be_of_any_band(playbook: Any) -> None:
    model, person = scoring_model(playbook), lead("engaged")
    evaluation = evaluate(person, model, NOW)
    assert why_not_for(TRACK, person, model, evaluation, evaluation.rules, sales=True) is None
