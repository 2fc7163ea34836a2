"""A trigger is a cause: told once, again only when its window is over, and never for history."""

from dataclasses import replace

import pytest

from shared.instants import DAY, HOUR
from shared.lead import Lead, LeadEvent
from shared.rules.facts import apply_event
from shared.rules.horizon import next_change_at, settling_watch
from shared.rules.model import Exclusion, scoring_model
from shared.rules.scoring import evaluate
from shared.rules.settling import settle

START = 20_000 * DAY


@pytest.fixture
def model(playbook):
    return scoring_model(playbook)


class Story:
    """One lead, settled after each event and whenever time is said to pass."""

    def __init__(self, model):
        self.model, self.lead, self.told, self.silent = model, Lead("l"), [], []

    def does(self, name, at, *, received_at=None, **properties):
        received_at = at if received_at is None else received_at
        number = len(self.told) + len(self.silent) + at
        event = LeadEvent(f"e{number}{name}", name, at, received_at, "server", user_id="u", properties=properties)
        self.lead = apply_event(self.lead, event, self.model)
        fresh = received_at - at <= DAY
        self.settles(received_at, fresh=fresh, own=True)

    def settles(self, at, **how):
        settlement = settle(self.lead, self.model, at, **{"fresh": False, "own": False, **how})
        self.lead = settlement.lead
        for said in settlement.announcements:
            if said.detail_type == "RuleTriggered":
                (self.silent if said.silent else self.told).append((said.detail["rule"], at - START))


def views(story, *days, **how):
    for day in days:
        story.does("Page Viewed", START + int(day * DAY), path="/pricing", **how)


def test_three_views_in_a_week_are_told_once_however_many_follow(model):
    story = Story(model)
    views(story, 1, 2, 3, 3.5, 4, 5)
    story.settles(START + 6 * DAY)
    assert story.told == [("pricing_spree", 3 * DAY)]


def test_a_spree_after_the_first_ones_window_is_another_cause(model):
    story = Story(model)
    views(story, 1, 2, 3, 20, 21, 22)
    assert story.told == [("pricing_spree", 3 * DAY), ("pricing_spree", 22 * DAY)]


def test_a_spree_that_only_history_makes_is_recorded_and_not_told(model):
    story = Story(model)
    views(story, 1, 2, 3, received_at=START + 10 * DAY)
    assert (story.told, story.silent) == ([], [])  # the window is over: it does not even hold
    story = Story(model)
    views(story, 1, 2, 3, received_at=START + 5 * DAY)
    assert (story.told, story.silent) == ([], [("pricing_spree", 5 * DAY)])
    story.does("Page Viewed", START + 5 * DAY + HOUR, path="/blog")
    assert story.told == []


def test_a_spree_that_history_begins_and_a_fresh_view_completes_is_told(model):
    story = Story(model)
    views(story, 3, 4, received_at=START + 6 * DAY)
    views(story, 6.5)
    assert [rule for rule, _ in story.told] == ["pricing_spree"]


def test_what_did_not_happen_is_told_by_the_sweep_at_its_second(model):
    story = Story(model)
    story.does("Webinar Registered", START + HOUR, webinar="w1")
    due = next_change_at(story.lead, model, START + HOUR, settling_watch(model, story.lead.settled))
    assert due == START + HOUR + 3 * DAY
    story.settles(due - 1)
    assert story.told == []
    story.settles(due)
    story.settles(due + 1)
    assert story.told == [("webinar_no_show", due - START)]


def test_who_attended_after_all_is_no_no_show(model):
    story = Story(model)
    story.does("Webinar Registered", START + HOUR, webinar="w1")
    story.does("Webinar Attended", START + DAY, webinar="w1")
    story.settles(START + 10 * DAY)
    assert story.told == []


def test_coming_back_after_silence_is_told_at_once_and_stays_worth_its_points_on_later_days(model):
    story = Story(model)
    story.does("Page Viewed", START, path="/blog/a")
    story.does("Page Viewed", START + 100 * DAY, path="/blog/b")
    assert [rule for rule, _ in story.told] == ["return_visit"]
    story.does("Page Viewed", START + 101 * DAY, path="/blog/c")
    assert "return_visit" in evaluate(story.lead, model, START + 102 * DAY).rules
    assert [rule for rule, _ in story.told] == ["return_visit"]


def test_a_playbook_published_meanwhile_tells_no_old_cause(model):
    story = Story(replace(model, triggers=frozenset()))
    views(story, 1, 2, 3)
    story.model = model
    story.settles(START + 3 * DAY + HOUR, silent=True)
    assert (story.told, [rule for rule, _ in story.silent]) == ([], ["pricing_spree"])
    views(story, 4)
    assert story.told == []


def test_who_is_excluded_triggers_nothing(playbook):
    model = scoring_model(playbook)
    story = Story(model)
    staff = LeadEvent("i", "Identified", START, START, "server", user_id="u", email="x@ripen.example")
    story.lead = apply_event(story.lead, staff, model, address="hash")
    views(story, 1, 2, 3)
    assert story.told == []


def trigger_by(model, rule_id, **said):
    """The model with this one rule changed, as its only trigger."""
    rules = {rule.rule: replace(rule, **said) if rule.rule == rule_id else rule for rule in model.engagement}
    by_event = {name: tuple(rules[rule.rule] for rule in named) for name, named in model.by_event.items()}
    return replace(model, engagement=tuple(rules.values()), by_event=by_event, triggers=frozenset({rule_id}))


@pytest.mark.parametrize(
    "rule", [{"rule_id": "demo_request"}, {"rule_id": "pricing_page", "most": 3}, {"rule_id": "product_page"}]
)
def test_a_trigger_without_a_window_is_told_once_for_good(model, rule):
    story = Story(trigger_by(model, **rule))
    for number in range(8):
        at = START + number * DAY
        story.does("Demo Requested", at)
        story.does("Page Viewed", at + 1, path="/pricing")
        story.does("Page Viewed", at + 2, path=f"/product/{number % 3}")
    assert [told for told, _ in story.told] == [rule["rule_id"]]


def test_a_cause_that_an_exclusion_hid_is_stale_when_the_exclusion_lapses(model):
    hidden = Exclusion("busy", "Busy", {}, by_rule="careers_page")
    story = Story(replace(model, exclusions=(hidden,)))
    story.does("Page Viewed", START + DAY, path="/careers")
    views(story, 1, 2, 3)
    story.settles(START + 200 * DAY, swept=True)  # the careers page expires after 180 days
    assert story.told == []


def test_under_a_new_playbook_only_what_just_happened_is_told_as_a_cause(model):
    story = Story(replace(model, triggers=frozenset()))
    views(story, 1, 2, 3)
    story.model = model
    story.settles(START + 3 * DAY + 60, fresh=True, own=True, news=frozenset())
    assert (story.told, [rule for rule, _ in story.silent]) == ([], ["pricing_spree"])
