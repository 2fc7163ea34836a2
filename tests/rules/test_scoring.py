"""A score is the sum of its lines, and time alone does to it only what the rules say."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shared.instants import DAY
from shared.rules.horizon import _boundaries
from shared.rules.scoring import evaluate, standing_of, sums, total_of
from tests.rules.models import cases, later, lead_of, lives, models, newest_of


@cases
@given(models(), lives(), later)
def test_lines_add_up_to_the_total_and_the_bound_is_never_passed(model, events, quiet):
    lead = lead_of(events, model)
    now = newest_of(events)
    bound = evaluate(lead, model, now).bound
    for at in (now, *(now + seconds for seconds in quiet)):
        evaluation = evaluate(lead, model, at)
        assert sum(line.points for line in evaluation.lines) == evaluation.total
        assert sum(line.points for line in evaluation.lines if line.kind == "fit") == evaluation.fit
        kinds = ("engagement", "cap", "inactivity")
        assert sum(line.points for line in evaluation.lines if line.kind in kinds) == evaluation.engagement
        assert 0 <= evaluation.total <= bound


@cases
@given(models(), lives(), st.integers(-40 * DAY, 0), later)
def test_the_sums_a_horizon_looks_at_make_the_total_of_the_lines(model, events, before, quiet):
    lead = lead_of(events, model)
    now = newest_of(events)
    for at in (now + before, now, *(now + seconds for seconds in quiet)):
        standing = standing_of(lead, model, at)
        assert total_of(standing, *sums(standing, model, at)) == evaluate(lead, model, at).total


@cases
@given(models(), lives(), st.lists(st.integers(0, 60 * DAY), min_size=2, max_size=6))
def test_between_two_boundaries_gains_only_fall_and_losses_only_rise(model, events, quiet):
    lead = lead_of(events, model)
    now = newest_of(events)
    instants = sorted({now, *(now + seconds for seconds in quiet), *_boundaries(lead, model, now)})
    edges = set(_boundaries(lead, model, now))
    for earlier, at in pairwise(instants):
        standing = standing_of(lead, model, earlier)
        end = at - 1 if at in edges else at
        assert standing_of(lead, model, end) == standing
        (gains, losses), (gains_then, losses_then) = sums(standing, model, earlier), sums(standing, model, end)
        assert gains_then <= gains
        assert losses <= losses_then <= 0


@cases
@given(models(gains=True), lives(), later)
def test_without_penalties_engagement_never_rises_with_time_alone(model, events, quiet):
    # What fails to happen in time is worth points later, by intent: such rules are left out.
    lead = lead_of(events, model)
    now = newest_of(events)
    instants = sorted(now + seconds for seconds in (0, *quiet))
    engagements = [evaluate(lead, model, at).engagement for at in instants]
    assert engagements == sorted(engagements, reverse=True)
