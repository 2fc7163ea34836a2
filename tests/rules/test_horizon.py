"""When a quiet lead changes, against oracles that look at every second."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.instants import DAY
from shared.rules.horizon import next_change_at, raw_watch, settling_watch
from shared.rules.scoring import evaluate
from tests.rules.models import START, lead_of, lives, models


def state(lead, model, at, watch):
    evaluation = evaluate(lead, model, at)
    return {value for value in watch.thresholds if evaluation.total >= value}, evaluation.rules & watch.rules


@settings(max_examples=250, deadline=None)
@given(models(second=1, inactivity=False), lives(span=30, size=8), st.booleans())
def test_agrees_with_looking_at_every_second(model, events, settling):
    lead = lead_of(events, model)
    now = START + 30
    watch = settling_watch(model) if settling else raw_watch(model)
    first = state(lead, model, now, watch)
    truth = next((at for at in range(now + 1, now + 700) if state(lead, model, at, watch) != first), None)
    found = next_change_at(lead, model, now, watch)
    if truth is not None or (found is not None and found < now + 700):
        assert found == truth


@settings(max_examples=250, deadline=None)
@given(models(), lives(), st.integers(0, 2**32))
def test_nothing_differs_before_it_and_something_does_at_it(model, events, seed):
    lead = lead_of(events, model)
    now = START + 100 * DAY
    watch = raw_watch(model)
    first = state(lead, model, now, watch)
    found = next_change_at(lead, model, now, watch)
    last = now + 4000 * DAY if found is None else found - 1
    chance = random.Random(seed)
    looked = {now + 1, last, *(chance.randint(now, last) for _ in range(100)), *range(max(now, last - 20), last)}
    looked |= {day * DAY for day in range(now // DAY + 1, min(last, now + 400 * DAY) // DAY)}
    assert all(state(lead, model, at, watch) == first for at in looked if now <= at <= last)
    if found is not None:
        assert state(lead, model, found, watch) != first
