"""Settling: once is enough, silence keeps its word, and a due instant is when there is something to settle."""

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from shared.instants import DAY
from shared.rules.horizon import settling_watch
from shared.rules.model import BANDS
from shared.rules.publishing import under_both
from shared.rules.qualification import holds
from shared.rules.settling import _returns_at, settle
from tests.rules.models import UNIT, cases, lives, models, newest_of, settled_of, short_days, watched

QUIET = {"fresh": False, "own": False}
FRESH = {"fresh": True, "own": True}

manners = st.fixed_dictionaries({"fresh": st.booleans(), "swept": st.booleans(), "silent": st.booleans()}).flatmap(
    lambda how: st.booleans().map(lambda own: {**how, "own": own or how["fresh"]})
)


def aloud(settlement):
    return [said for said in settlement.announcements if not said.silent]


@cases
@given(models(), lives(), manners, st.integers(0, 30 * DAY))
def test_settling_twice_at_one_instant_is_settling_once(model, events, manner, quiet):
    lead = settled_of(events, model)
    once = settle(lead, model, newest_of(events) + quiet, **manner)
    again = settle(once.lead, model, newest_of(events) + quiet, **manner)
    assert again.lead == once.lead
    assert again.announcements == ()


@cases
@given(models(unit=1), lives(unit=1, size=9), st.integers(0, 30), st.integers(0, 2**32))
def test_a_settled_lead_stays_as_it_is_until_it_is_due(model, events, quiet, seed):
    """At the due instant something settling listens to differs; whether it also moves the lead is for hysteresis to say."""
    with short_days():
        now = newest_of(events) + quiet
        lead = settle(settled_of(events, model), model, now, swept=True, **QUIET).lead
        now = max(now, lead.settled.at)
        due = lead.due_at
        last = now + 3000 if due is None else due - 1
        near = range(now + 1, min(last, now + 60) + 1)
        chance = random.Random(seed)
        far = {last, *(chance.randint(now, last) for _ in range(5))}
        for at in sorted({*near, *far}):
            settlement = settle(lead, model, at, **QUIET)
            assert (at, settlement.lead, settlement.announcements) == (at, lead, ())
        if due is not None:
            watch = settling_watch(model)
            outcome = lead.value("sales") or {}
            back = outcome.get("outcome") == "rejected" and due == _returns_at(lead, model)
            assert back or watched(lead, model, due, watch) != watched(lead, model, last, watch)
            after = settle(lead, model, due, swept=True, **QUIET).lead
            assert after.due_at is None or after.due_at > due


@cases
@given(models(), lives(), st.integers(0, 30 * DAY))
def test_in_silence_nothing_is_said_aloud_and_the_next_own_event_says_what_still_holds_once(model, events, quiet):
    lead = settled_of(events, model)
    now = newest_of(events) + quiet
    hushed = settle(lead, model, now, silent=True, swept=True, **QUIET)
    before, held = lead.settled, hushed.lead.settled
    assert aloud(hushed) == []
    assert held.announced_band == before.announced_band
    assert held.announced_qualification == before.announced_qualification
    spoken = settle(hushed.lead, model, now, **FRESH)
    told = {said.detail_type: said.detail for said in aloud(spoken)}
    assert ("BandChanged" in told) == (held.announced_band != held.band)
    if "BandChanged" in told:
        assert (told["BandChanged"]["from_band"], told["BandChanged"]["to_band"]) == (held.announced_band, held.band)
    untold = held.announced_qualification != held.qualification
    assert ("LeadQualified" in told) == (held.qualified and untold)
    assert ("LeadUnqualified" in told) == held.lapse_unsaid
    assert "RuleTriggered" not in told
    assert (
        settle(spoken.lead, model, now + 1, **FRESH).announcements
        == settle(spoken.lead, model, now + 1, **QUIET).announcements
    )


@cases
@given(models(), lives(), manners, st.integers(0, 30 * DAY))
def test_a_band_is_held_no_lower_than_its_leaving_threshold_and_never_colder_than_the_score(
    model, events, manner, quiet
):
    lead = settled_of(events, model)
    settlement = settle(lead, model, newest_of(events) + quiet, **manner)
    held, now = lead.settled.band, settlement.lead.settled
    total = settlement.evaluation.total
    entering = dict(model.bands)[now.band]
    if held is None or BANDS.index(now.band) > BANDS.index(held):
        assert total >= entering
    assert now.band == "early" or total >= entering - model.hysteresis
    assert BANDS.index(now.band) >= BANDS.index(settlement.evaluation.band)


@cases
@given(models(), lives(), manners, st.integers(0, 30 * DAY))
def test_whoever_is_qualified_meets_the_condition_or_misses_it_by_the_hysteresis_at_most(model, events, manner, quiet):
    lead = settled_of(events, model)
    settlement = settle(lead, model, newest_of(events) + quiet, **manner)
    evaluation, after = settlement.evaluation, settlement.lead.settled
    outcome = (lead.value("sales") or {}).get("outcome")
    said = {name: getattr(evaluation, name) for name in ("total", "grade", "band", "rules")}
    if after.qualified:
        assert outcome not in ("won", "lost")
        assert (evaluation.excluded, evaluation.blocked) == (None, None)
        taken = outcome in ("accepted", "contacted") and lead.settled.qualified
        slack = model.hysteresis if lead.settled.qualified else 0
        assert taken or holds(model.mql, **said, slack=slack)
    elif outcome is None and evaluation.excluded is None and evaluation.blocked is None:
        assert not holds(model.mql, **said)
    assert after.qualification == lead.settled.qualification + (after.qualified and not lead.settled.qualified)


@cases
@given(models(), models(), lives(), st.integers(0, 30 * DAY), st.booleans())
def test_a_new_playbook_comes_after_a_normal_sweep_and_says_nothing(model, other, events, quiet, alike):
    lead = settled_of(events, model)
    new = replace(model if alike else other, bundle="random-2")
    now = newest_of(events) + quiet
    first, second = under_both(lead, model, new, now, lambda each: each)
    assert first == settle(lead, model, now, swept=True, **QUIET)
    assert aloud(second) == []
    assert second.lead.settled.playbook == "random-2"
    if alike:
        assert second.announcements == ()
        assert replace(second.lead.settled, playbook="random-1", at=0) == replace(first.lead.settled, at=0)


@cases
@given(models(), lives(), st.integers(1, 60))
def test_sweeps_come_to_an_end(model, events, limit):
    del limit
    lead = settled_of(events, model)
    now = newest_of(events)
    dues = []
    lead = settle(lead, model, now, swept=True, **QUIET).lead
    while lead.due_at is not None and len(dues) < 40:
        dues.append(lead.due_at)
        lead = settle(lead, model, lead.due_at, swept=True, **QUIET).lead
    assert dues == sorted(set(dues))
    assert not dues or dues[0] > now - UNIT
