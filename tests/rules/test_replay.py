"""A stream of events replayed in memory: the leads a stage would have, settled when it would have settled them."""

from dataclasses import replace

import pytest

from shared.identity import USER, home
from shared.instants import DAY, HOUR, MINUTE, parse_instant
from shared.lead import Lead, LeadEvent
from shared.rules.model import ScoringModel, scoring_model
from shared.rules.replay import TICK, Replay, gathered, replayed
from tests.audience_events import calls_of, lead_event
from tests.rules.world import SECRET, World

NOON = parse_instant("2026-01-05T12:00:00Z")


@pytest.fixture(scope="module")
def model(mid_market) -> ScoringModel:
    """The preset without half-lives, with a penalty after which points come back, and one rule that halves."""
    document = {**mid_market, "scoring": {**mid_market["scoring"]}}
    halving = {"half_life_seconds": 30 * DAY, "expires_seconds": None, "percent": None, "period_seconds": None}
    document["scoring"]["engagement"] = [
        {**rule, "decay": halving} if "Trial Started" in rule["on"] else rule
        for rule in document["scoring"]["engagement"]
    ]
    document["scoring"]["bands"] = {"early": 0, "engaged": 20_000, "sales_ready": 26_000}
    return scoring_model(document)


def event(number: int, name: str, at: int, *, received_at: int | None = None, **said) -> LeadEvent:
    who = {"user_id": "u"} | said
    return LeadEvent(f"e{number}", name, at, at if received_at is None else received_at, "server", **who)


def lead_of(replay: Replay, user: str = "u") -> Lead:
    found = replay.homes[home(USER, user, SECRET)]
    assert isinstance(found, Lead)
    return found


def test_what_falls_due_is_settled_by_the_next_sweep(model: ScoringModel):
    trial = [event(1, "Trial Started", NOON)]
    fresh = lead_of(replayed(trial, model, SECRET, NOON))
    assert fresh.settled.band == "sales_ready"
    assert fresh.due_at is not None
    due = fresh.due_at
    sweep = -(-due // TICK) * TICK
    assert due < sweep  # or the next two lines would say the same
    assert lead_of(replayed(trial, model, SECRET, sweep - 1)).settled == fresh.settled
    cooled = lead_of(replayed(trial, model, SECRET, sweep))
    assert (cooled.settled.band, cooled.settled.at) == ("engaged", sweep)
    assert lead_of(replayed(trial, model, SECRET, sweep + 300 * DAY)).settled.band == "early"


def test_an_event_after_the_instant_is_not_there_yet(model: ScoringModel):
    told_late = event(2, "Page Viewed", NOON - DAY, received_at=NOON + HOUR, properties={"path": "/pricing"})
    before = replayed([told_late, event(1, "Trial Started", NOON)], model, SECRET, NOON + HOUR - 1)
    after = replayed([told_late, event(1, "Trial Started", NOON)], model, SECRET, NOON + HOUR)
    assert len(lead_of(before).facts) < len(lead_of(after).facts)


def test_the_order_of_the_file_does_not_matter_for_when_things_were_received(model: ScoringModel):
    events = [
        event(1, "Trial Started", NOON),
        event(2, "Demo Requested", NOON + 60 * DAY),
        event(1, "Trial Started", NOON),
    ]
    assert (
        replayed(events, model, SECRET, NOON + 90 * DAY).homes
        == replayed(reversed(events), model, SECRET, NOON + 90 * DAY).homes
    )


def test_an_event_received_twice_counts_once(model: ScoringModel):
    one = [event(1, "Trial Started", NOON)]
    again = [*one, replace(one[0], received_at=NOON + MINUTE)]
    assert (
        lead_of(replayed(again, model, SECRET, NOON + DAY)).facts
        == lead_of(replayed(one, model, SECRET, NOON + DAY)).facts
    )


def test_a_device_that_turns_out_to_be_shared_is_divided_from_the_timelines(model: ScoringModel):
    def visit(number: int, at: int) -> LeadEvent:
        return event(number, "Page Viewed", at, user_id=None, anonymous_id="kiosk", properties={"path": "/pricing"})

    events = [
        visit(1, NOON),
        event(2, "Identified", NOON + MINUTE, user_id="ada", anonymous_id="kiosk"),
        visit(3, NOON + DAY),
        event(4, "Identified", NOON + HOUR, user_id="bob", anonymous_id="kiosk", received_at=NOON + 2 * DAY),
    ]
    replay = replayed(events, model, SECRET, NOON + 3 * DAY)
    days = {
        user: {fact.at for facts in lead_of(replay, user).facts.values() for fact in facts} for user in ("ada", "bob")
    }
    assert days == {"ada": {NOON}, "bob": {NOON + DAY}}


def test_gathered_and_replayed_leads_are_those_of_the_score_functions_rounds(playbook):
    model = scoring_model(playbook)
    events = [lead_event(call) for call in calls_of(range(0, 300, 6))]
    events = [replace(each, received_at=each.occurred_at) for each in events]
    world = World(model)
    world.apply(events)
    for replay in (
        gathered(events, model, SECRET),
        replayed(events, model, SECRET, max(e.received_at for e in events)),
    ):
        others = World(model, {**replay.homes})
        assert others.leads() == world.leads()
    assert len(world.leads()) > 40


def test_a_replayed_lead_is_settled_and_a_gathered_one_is_not(model: ScoringModel):
    trial = [event(1, "Trial Started", NOON)]
    assert lead_of(gathered(trial, model, SECRET)).settled.band is None
    assert lead_of(replayed(trial, model, SECRET, NOON)).settled.playbook == model.bundle
