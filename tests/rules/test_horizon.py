"""When a quiet lead changes, against oracles that look at every second."""

import random

from hypothesis import given
from hypothesis import strategies as st

from shared.instants import DAY
from shared.rules.horizon import next_change_at, raw_watch, settling_watch
from tests.rules.models import cases, lead_of, lives, models, newest_of, short_days, watched

LOOKED = 150
"""Seconds of which the oracle looks at every one; half-lives, windows and expiries are shorter."""


@cases
@given(models(unit=1), lives(unit=1, size=9), st.booleans(), st.integers(0, 20))
def test_agrees_with_looking_at_every_second(model, events, settling, quiet):
    with short_days():
        lead = lead_of(events, model)
        now = newest_of(events) + quiet
        watch = settling_watch(model) if settling else raw_watch(model)
        first = watched(lead, model, now, watch)
        seconds = range(now + 1, now + LOOKED)
        truth = next((at for at in seconds if watched(lead, model, at, watch) != first), None)
        found = next_change_at(lead, model, now, watch)
        if truth is not None or (found is not None and found < now + LOOKED):
            assert found == truth


@cases
@given(models(), lives(), st.booleans(), st.integers(0, 10 * DAY), st.integers(0, 2**32))
def test_nothing_differs_before_it_and_something_does_at_it(model, events, settling, quiet, seed):
    lead = lead_of(events, model)
    now = newest_of(events) + quiet
    watch = settling_watch(model) if settling else raw_watch(model)
    first = watched(lead, model, now, watch)
    found = next_change_at(lead, model, now, watch)
    last = now + 4000 * DAY if found is None else found - 1
    chance = random.Random(seed)
    looked = {now + 1, last, *(chance.randint(now, last) for _ in range(10)), *range(max(now, last - 3), last)}
    looked |= {now + chance.randint(0, min(last - now, 100 * DAY)) for _ in range(10)}
    looked |= {day * DAY for day in range(now // DAY + 1, min(last, now + 15 * DAY) // DAY)}
    assert all(watched(lead, model, at, watch) == first for at in looked if now <= at <= last)
    if found is not None:
        assert watched(lead, model, found, watch) != first


@cases
@given(models(), lives(), st.integers(0, 60 * DAY))
def test_who_looks_no_further_than_an_instant_finds_what_lies_before_it_and_nothing_else(model, events, ahead):
    lead = lead_of(events, model)
    now = newest_of(events)
    watch = settling_watch(model)
    found = next_change_at(lead, model, now, watch)
    for until in (now + ahead, *(() if found is None else (found, found + 1))):
        expected = found if found is not None and found < until else None
        assert next_change_at(lead, model, now, watch, until=until) == expected
