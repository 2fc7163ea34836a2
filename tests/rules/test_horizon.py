"""When a quiet lead changes, against oracles that look at every second."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.instants import DAY
from shared.lead import Adjustment, Fact, Lead, Settled
from shared.rules import horizon
from shared.rules.horizon import next_change_at, raw_watch, settling_watch
from shared.rules.model import Exclusion, FitRule
from shared.rules.scoring import sums
from shared.rules.settling import LATEST, settle
from tests.rules.models import (
    START,
    a_model,
    a_rule,
    cases,
    did,
    lead_of,
    lives,
    models,
    newest_of,
    short_days,
    watched,
)

_LISTENING = a_model(
    *(a_rule("a", 1), a_rule("b", 1), a_rule("c", 1), a_rule("d", 1, "missing", within=5)),
    mql={"any": [{"score_at_least": 40_000}, {"rule": "a"}]},
    priority={"all": [{"score_at_least": 90_000}, {"rule": "b"}]},
    exclusions=(Exclusion("x", "x", {}, "c"), Exclusion("y", "y", {"role": ["z"]})),
    triggers=frozenset({"a", "d"}),
)

LOOKED = 150
"""Seconds of which the oracle looks at every one; half-lives, windows and expiries are shorter."""


@cases
@given(models(unit=1), lives(unit=1, size=9), st.booleans(), st.integers(0, 20))
def test_agrees_with_looking_at_every_second(model, events, settling, quiet):
    with short_days():
        lead = lead_of(events, model)
        now = newest_of(events) + quiet
        watch = settling_watch(model, lead.settled) if settling else raw_watch(model)
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
    watch = settling_watch(model, lead.settled) if settling else raw_watch(model)
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
    watch = settling_watch(model, lead.settled)
    found = next_change_at(lead, model, now, watch)
    for until in (now + ahead, *(() if found is None else (found, found + 1))):
        expected = found if found is not None and found < until else None
        assert next_change_at(lead, model, now, watch, until=until) == expected


def test_points_by_hand_that_stay_hold_up_what_fades_and_what_they_are_given_for_ends():
    model = a_model(a_rule("view", 20_000, half_life=100))
    lead = lead_of([did("view", START)], model)
    watch = raw_watch(model)
    assert next_change_at(lead, model, START, watch) is None

    def change(*adjustments):
        return next_change_at(replace(lead, adjustments=adjustments), model, START, watch)

    # With 20 points by hand the 20 that fade are worth 5 after two half-lives: a second later 25 are no longer reached.
    assert change(Adjustment(START, "a", 20_000, "ann", "fair")) == START + 201
    assert change(Adjustment(START, "a", 20_000, "ann", "fair", START + 50)) == START + 50
    assert change(Adjustment(START + 30, "a", 20_000, "ann", "fair")) == START + 30
    assert change(Adjustment(START, "a", -20_000, "ann", "fair")) is None


def test_fit_holds_up_what_fades_and_a_penalty_that_ends_lets_it_rise():
    fit = FitRule("f", "Buyer", {"role": ["buyer"]}, 20_000)
    model = a_model(a_rule("view", 20_000, half_life=100), fit=(fit,))
    lead = lead_of([did("view", START, traits={"role": "buyer"})], model)
    assert next_change_at(lead, model, START, raw_watch(model)) == START + 201
    stays = a_model(a_rule("view", 40_000))
    lead = replace(
        lead_of([did("view", START)], stays), adjustments=(Adjustment(START, "a", -20_000, "ann", "x", START + 9),)
    )
    assert next_change_at(lead, stays, START, raw_watch(stays)) == START + 9


def test_what_would_take_too_long_to_tell_is_to_be_looked_at_again():
    """Gains and losses that cancel to the milli-point, while the total stands exactly on a threshold."""
    rules = (
        a_rule("view", 20_000, half_life=30 * DAY),
        a_rule("leave", -20_000, half_life=30 * DAY),
        a_rule("fit", 25_000),
    )
    model = a_model(*rules)
    lead = lead_of([did(rule.rule, START) for rule in rules], model)
    found = next_change_at(lead, model, START, raw_watch(model))
    assert found is not None
    assert START < found <= START + DAY


def test_a_change_at_this_very_second_is_no_later_change():
    model = a_model(a_rule("view", 20_000, half_life=100))
    lead = lead_of([did("view", START)], model)
    lead = replace(lead, adjustments=(Adjustment(START, "a", 20_000, "ann", "fair", START + 50),))
    assert next_change_at(lead, model, START + 49, raw_watch(model)) == START + 50
    assert next_change_at(lead, model, START + 50, raw_watch(model)) is None
    assert next_change_at(lead, model, START + 50, raw_watch(model), until=START + 50) is None
    held = replace(lead, adjustments=(lead.adjustments[0]._replace(until=0),))
    assert next_change_at(held, model, START + 201, raw_watch(model), until=START + 201) is None


def test_what_anybody_may_ask_about_is_every_threshold_and_every_rule_listened_to():
    raw = raw_watch(_LISTENING)
    assert (raw.thresholds, raw.rules, raw.causes) == ((25_000, 40_000, 60_000, 90_000), {"a", "b", "c"}, frozenset())
    assert next_change_at(Lead("l"), _LISTENING, START) is None


@pytest.mark.parametrize(
    ("band", "qualified", "watched_for"),
    [
        (None, False, (25_000, 40_000, 60_000)),
        ("early", False, (25_000, 40_000, 60_000)),
        ("engaged", False, (20_000, 40_000, 60_000)),
        ("engaged", True, (20_000, 35_000, 60_000)),
        ("sales_ready", True, (35_000, 55_000)),
    ],
)
def test_settling_watches_what_moves_a_lead_that_stands_there_and_nothing_else(band, qualified, watched_for):
    watch = settling_watch(_LISTENING, Settled(band=band, qualified=qualified))
    assert watch.thresholds == watched_for
    assert (watch.rules, watch.causes) == ({"a", "c"}, {"d"})


def test_settling_watches_raw_bands_where_mql_asks_for_one_and_what_brings_back_whom_sales_sent_back():
    named = replace(_LISTENING, mql={"all": [{"rule": "a"}, {"band": ["engaged"]}]})
    assert settling_watch(named, Settled(band="sales_ready", qualified=True)).thresholds == (25_000, 55_000, 60_000)
    wanted = replace(_LISTENING, comes_back={"budget": {"all": [{"score_at_least": 70_000}, {"rule": "b"}]}})
    assert settling_watch(wanted, Settled(band="early"), "won").thresholds == (25_000, 40_000, 60_000)
    back = settling_watch(wanted, Settled(band="early"), "rejected")
    assert (back.thresholds, back.rules) == ((25_000, 40_000, 60_000, 70_000), {"a", "b", "c"})


def test_gains_and_losses_that_cancel_on_a_threshold_do_not_take_for_ever(monkeypatch):
    looked = []
    monkeypatch.setattr(horizon, "sums", lambda *of: looked.append(1) or sums(*of))
    gain = a_rule("gain", 25_000, half_life=90 * DAY, most=10)
    loss = replace(gain, rule="loss", filing="loss.x", points=-25_000)
    model = a_model(gain, loss, fit=(FitRule("fit", "Fits", {}, 25_000),), hysteresis=0)
    facts = tuple(Fact(START + number * 3600, f"e{number}") for number in range(10))
    lead = Lead("l", facts={"gain.x": facts, "loss.x": facts})
    now = START + DAY
    found = next_change_at(lead, model, now, raw_watch(model))
    assert found is None or found > now
    assert len(looked) < 3 * horizon.LOOKS


def test_what_would_change_after_the_year_9999_is_not_waited_for():
    slow = a_rule("slow", 100_000_000, "once", most=1, percent=1, period=3650 * DAY)
    bands = (("sales_ready", 2000), ("engaged", 1000), ("early", 0))
    model = a_model(slow, bands=bands, hysteresis=0, mql={"score_at_least": 2000}, priority={"score_at_least": 2000})
    lead = Lead("l", facts={"slow.x": (Fact(START, "e"),)})
    assert next_change_at(lead, model, START + DAY, raw_watch(model)) > LATEST
    assert settle(lead, model, START + DAY, fresh=True, own=True).lead.due_at is None
