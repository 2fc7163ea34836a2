"""A lead's facts are a union: order, copies, batches and merges cannot change what they are worth."""

import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.instants import DAY
from shared.lead import Fact, Lead, LeadEvent, Naming
from shared.rules.facts import ANSWERS_KEPT, DAYS_KEPT, apply_event, joined_identities, selected, united
from shared.rules.model import EngagementRule, scoring_model
from shared.rules.scoring import evaluate
from tests.rules.models import START, consistent, lead_of, lives, models

SPAN = 100 * DAY


@settings(max_examples=400, deadline=None)
@given(models(), lives(), st.randoms(use_true_random=False))
def test_order_and_copies_do_not_change_what_is_kept(model, events, chance: random.Random):
    events = consistent(events)
    shuffled = [*events, *chance.sample(events, chance.randint(0, len(events)))]
    chance.shuffle(shuffled)
    one, other = lead_of(events, model), lead_of(shuffled, model)
    assert (one.facts, one.days, one.first_seen) == (other.facts, other.days, other.first_seen)


@settings(max_examples=400, deadline=None)
@given(models(), lives(), st.integers(0, 25), st.integers(0, 60 * DAY))
def test_a_lead_split_in_two_and_united_is_the_same_lead(model, events, cut, later):
    events = consistent(events)
    whole = lead_of(events, model)
    parts = lead_of(events[:cut], model), lead_of(events[cut:], model)
    for joined in (united(*parts, model), united(*reversed(parts), model)):
        now = START + SPAN + later
        assert evaluate(joined, model, now).lines == evaluate(whole, model, now).lines


@settings(max_examples=400, deadline=None)
@given(models(), lives(), st.integers(0, 200 * DAY))
def test_what_was_dropped_could_not_have_counted(model, events, later):
    """The value of the kept facts equals the value when nothing is ever dropped but by the rule's own reading."""
    events = consistent(events)
    kept = lead_of(events, model)
    unbounded = {rule.filing: replace(rule, most=10_000, a_day=10_000) for rule in model.engagement}
    wide = replace(
        model,
        engagement=tuple(unbounded.values()),
        by_event={name: tuple(unbounded[rule.filing] for rule in rules) for name, rules in model.by_event.items()},
    )
    everything = lead_of(events, wide)
    narrow = replace(
        everything,
        facts={
            filing: selected(kept_by, everything.facts.get(filing, ()))
            for rule in model.engagement
            for filing, kept_by in ((rule.filing, rule), (rule.answers, replace(rule, most=ANSWERS_KEPT)))
        },
    )
    now = START + SPAN + later
    assert evaluate(kept, model, now).lines == evaluate(narrow, model, now).lines


@settings(max_examples=300, deadline=None)
@given(models(), lives(), st.integers(0, 400 * DAY))
def test_lines_add_up_to_the_total_and_the_bound_is_never_passed(model, events, later):
    lead = lead_of(events, model)
    now = START + SPAN
    evaluation = evaluate(lead, model, now)
    assert sum(line.points for line in evaluation.lines) == evaluation.total
    assert evaluate(lead, model, now + later).total <= evaluation.bound


@settings(max_examples=300, deadline=None)
@given(models(inactivity=False), lives(), st.integers(0, 100 * DAY), st.integers(0, 100 * DAY))
def test_without_penalties_engagement_never_rises_with_time_alone(model, events, first, then):
    # What fails to happen in time is worth points later, by intent.
    forms = {"missing": "every"}
    gains = tuple(
        replace(rule, points=abs(rule.points), counts=forms.get(rule.counts, rule.counts), answer=None)
        for rule in model.engagement
    )
    by_filing = {rule.filing: rule for rule in gains}
    model = replace(
        model,
        engagement=gains,
        by_event={name: tuple(by_filing[rule.filing] for rule in rules) for name, rules in model.by_event.items()},
    )
    lead = lead_of(events, model)
    now = START + SPAN + first
    assert evaluate(lead, model, now + then).engagement <= evaluate(lead, model, now).engagement


def test_per_day_keeps_the_newest_of_each_day_and_counts_a_moved_copy_once(playbook):
    del playbook
    rule = replace(_rule(), counts="per_day", most=3, a_day=1)
    facts = [Fact(START + day * DAY, f"e{day}") for day in range(5)] + [Fact(START + DAY + 5, "e0")]
    kept = selected(rule, facts)
    assert [fact.event for fact in kept] == ["e2", "e3", "e4"]


def test_facts_of_ten_thousand_assets_are_bounded():
    rule = replace(_rule(), counts="per_asset", most=3)
    kept = ()
    for number in range(10_000):
        kept = selected(rule, (*kept, Fact(START + number, f"e{number}", f"asset{number}")))
    assert [fact.event for fact in kept] == ["e9997", "e9998", "e9999"]


def test_active_days_are_bounded(playbook):
    model = scoring_model(playbook)
    lead = Lead("l")
    for day in range(500):
        event = LeadEvent(f"e{day}", "Page Viewed", START + day * DAY, START + 600 * DAY, "server", user_id="u")
        lead = apply_event(lead, event, model)
    assert len(lead.days) == DAYS_KEPT
    assert max(lead.days) == (START + 499 * DAY) // DAY


def test_identities_are_bounded_and_known_ones_stay():
    crowd = {f"anon#{number}": Naming("h", number, number) for number in range(50)}
    kept = joined_identities({"user#u": Naming("h", 0, 0)}, crowd)
    assert len(kept) == 20
    assert "user#u" in kept


def _rule():
    return EngagementRule("r", "r", "r.x", {}, 1000, "every", 5, 1, ("properties", "asset"), None, None, None, None)
