"""Whether a track is for a lead as it is now; when not, why, in words."""

from collections.abc import Iterator

from shared.lead import Lead
from shared.rules.model import ScoringModel
from shared.rules.patterns import compiled
from shared.rules.scoring import Evaluation
from shared.rules.tracks import NOT_NURTURED, Audience, Track, met, names_in, values_of, why_met


def why_not_for(
    track: Track, lead: Lead, model: ScoringModel, evaluation: Evaluation, rules: frozenset[str], *, sales: bool = False
) -> str | None:
    """
    Return the first reason why the lead may not enter the track, or None when it may.

    Args:
        track: As in the playbook in force.
        lead: As it is now.
        model: That of the playbook in force.
        evaluation: The lead's.
        rules: Those that hold of the lead, by which goal and exits are read.
        sales: Sales sends it there, whatever its band.
    """
    return next(_reasons(track, lead, model, evaluation, rules, sales=sales), None)


def _reasons(
    track: Track, lead: Lead, model: ScoringModel, evaluation: Evaluation, rules: frozenset[str], *, sales: bool
) -> Iterator[str]:
    settled = lead.settled
    if settled.stage in NOT_NURTURED:
        yield f"its stage is {settled.stage}"
    if not lead.value("email"):
        yield "it has no mail address"
    if track.bands and settled.band not in track.bands and not sales:
        yield f"its band is {settled.band}, the track is for {_or(track.bands)}"
    by_band, labels = not sales, model.labels()
    if track.goal is not None and met(track.goal, lead, rules, by_band=by_band):
        yield f"the goal is reached already: {why_met(track.goal, lead, rules, labels, by_band=by_band)}"
    if track.exits is not None and met(track.exits, lead, rules, by_band=by_band):
        yield f"it would leave at once: {why_met(track.exits, lead, rules, labels, by_band=by_band)}"
    yield from _outside(track.audience, lead, model, evaluation)


def _outside(audience: Audience, lead: Lead, model: ScoringModel, evaluation: Evaluation) -> Iterator[str]:
    grade, level = evaluation.grade, evaluation.level
    if audience.grades and grade not in audience.grades:
        yield f"its grade is {grade}, the track is for {_or(audience.grades)}"
    if audience.levels and level not in audience.levels:
        yield f"its level is {level}, the track is for {_or(map(str, audience.levels))}"
    if audience.quadrants and f"{grade}{level}" not in audience.quadrants:
        yield f"it is {grade}{level}, the track is for {_or(audience.quadrants)}"
    where = audience.where
    fields = tuple(dict.fromkeys(names_in(where)))
    if where and not compiled(where)(values_of(lead, model, frozenset(fields))):
        yield f"the audience asks for another {_or(fields, ordered=True)}"


def _or(names: Iterator[str] | frozenset[str] | tuple[str, ...], *, ordered: bool = False) -> str:
    return " or ".join(names if ordered else sorted(names))
