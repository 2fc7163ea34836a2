"""A lead's facts are a union: order, copies, batches and merges cannot change what they are worth."""

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from shared.instants import DAY
from shared.lead import Fact, Lead, LeadEvent, Naming
from shared.rules.facts import ANSWERS_KEPT, DAYS_KEPT, _after_silence, joined_identities, refiled, selected, united
from shared.rules.model import EngagementRule, scoring_model
from shared.rules.scoring import evaluate
from tests.rules.models import (
    START,
    applied,
    by_event_of,
    cases,
    consistent,
    later,
    lead_of,
    lives,
    models,
    newest_of,
)

chances = st.integers(0, 2**32).map(random.Random)


def looks(events, quiet):
    return [newest_of(events) + seconds for seconds in (0, *quiet)]


def said(lead):
    """What a lead holds of what its events said."""
    return lead.facts, lead.days, lead.first_seen, lead.profile, lead.adjustments


@cases
@given(models(), lives(), chances, later)
def test_order_and_copies_change_nothing(model, events, chance, quiet):
    events = consistent(events)
    shuffled = [*events, *chance.sample(events, chance.randint(0, len(events)))]
    chance.shuffle(shuffled)
    one, other = lead_of(events, model), lead_of(shuffled, model)
    assert said(one) == said(other)
    assert all(evaluate(one, model, at) == evaluate(other, model, at) for at in looks(events, quiet))


@cases
@given(models(), lives(), chances, later)
def test_batches_and_the_order_of_merges_change_nothing(model, events, chance, quiet):
    """Any tree of unions over any split of the events, some in two parts at once, is the lead they make one by one."""
    events = consistent(events)
    whole = lead_of(events, model)
    parts = [[] for _ in range(chance.randint(1, 5))]
    for event in events:
        for part in chance.sample(parts, chance.choice((1, 1, min(2, len(parts))))):
            part.append(event)
    leads = [lead_of(chance.sample(part, len(part)), model) for part in parts]
    while len(leads) > 1:
        one, other = leads.pop(chance.randrange(len(leads))), leads.pop(chance.randrange(len(leads)))
        leads.append(united(one, other, model))
    assert said(leads[0]) == said(whole)
    assert all(evaluate(leads[0], model, at) == evaluate(whole, model, at) for at in looks(events, quiet))


@cases
@given(models(), lives(), later)
def test_what_was_dropped_could_not_have_counted(model, events, quiet):
    """Facts dropped one by one are worth what they are when nothing is dropped but by the rule's own reading."""
    events = consistent(events)
    kept = lead_of(events, model)
    unbounded = tuple(replace(rule, most=10_000, a_day=10_000, silence=None) for rule in model.engagement)
    everything = lead_of(events, replace(model, engagement=unbounded, by_event=by_event_of(unbounded)))
    narrow = replace(
        everything,
        facts=_after_silence(
            {
                filing: selected(kept_by, everything.facts[filing])
                for rule in model.engagement
                for filing, kept_by in ((rule.filing, rule), (rule.answers, replace(rule, most=ANSWERS_KEPT)))
                if filing in everything.facts
            },
            everything.days,
            model,
        ),
    )
    for at in looks(events, quiet):
        assert evaluate(kept, model, at) == evaluate(narrow, model, at)


@cases
@given(models(), models(), lives(), later, st.integers(0, 3))
def test_filing_again_from_all_the_events_is_applying_them(model, other, events, quiet, shared):
    """Under the same playbook, or moved from another one some of whose rules are the same."""
    events = consistent(events)
    unlike = (replace(rule, rule=f"{rule.rule}o", filing=f"{rule.rule}.o") for rule in other.engagement)
    rules = (*model.engagement[:shared], *unlike)
    old = replace(other, filed="other", engagement=rules, by_event=by_event_of(rules), refused=model.refused)
    for before in (replace(lead_of(events, old), filed="other"), replace(lead_of(events, model), filed=model.filed)):
        again = refiled(before, events, frozenset(), model)
        straight = lead_of(events, model)
        assert said(again) == said(straight)
        assert all(evaluate(again, model, at) == evaluate(straight, model, at) for at in looks(events, quiet))


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
        lead = applied(lead, event, model)
    assert len(lead.days) == DAYS_KEPT
    assert max(lead.days) == (START + 499 * DAY) // DAY


def test_identities_are_bounded_and_known_ones_stay():
    crowd = {f"anon#{number}": Naming("h", number, number) for number in range(50)}
    kept = joined_identities({"user#u": Naming("h", 0, 0)}, crowd)
    assert len(kept) == 20
    assert "user#u" in kept


def _rule():
    return EngagementRule("r", "r", "r.x", {}, 1000, "every", 5, 1, ("properties", "asset"), None, None, None, None)
