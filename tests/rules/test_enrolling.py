"""Entering a track, waiting for another, leaving, pausing for sales and coming back."""

from dataclasses import replace

import pytest

from shared.instants import DAY, parse_instant
from shared.lead import Fact, Lead, Register, Settled
from shared.mailing import Enrollment, PastRun
from shared.rules.enrolling import (
    Book,
    Cause,
    SentBack,
    follow,
    pause_for_sales,
    return_from_sales,
    sent_back,
)
from shared.rules.model import scoring_model
from shared.rules.tracks import HOLDOUT, Audience, Step, Track, is_held_out

NOW = parse_instant("2026-11-18T10:00:00Z")
ME = "aaaaaaaaaaaaaaaa"
OTHER = "bbbbbbbbbbbbbbbb"
TRACKS = {
    "awareness": Track("awareness", frozenset({"early"}), 180 * DAY, (Step(0), Step(7 * DAY))),
    "decision": Track("decision", frozenset({"engaged", "sales_ready"}), 90 * DAY, (Step(3600),)),
}
SPREE = Track("deep_dive", frozenset(), 90 * DAY, (Step(0), Step(DAY)), priority=30, starts_with=frozenset({"spree"}))


@pytest.fixture
def model(playbook):
    return scoring_model(playbook)


@pytest.fixture
def book(model):
    def made(*extra: Track, pinned=None, **changed) -> Book:
        tracks = {each.name: each for each in (*TRACKS.values(), *extra)}
        tracks |= {name: replace(tracks[name], **said) for name, said in changed.items()}
        return Book("p1", tracks, model, pinned or {})

    return made


def lead(band="early", stage="lead", version=5, email="ada@example.com", lead_id=ME, **said) -> Lead:
    profile = {"email": Register(email, 1, "k", proven=True)} if email else {}
    profile |= {name: Register(value, 1, "k", proven=True) for name, value in said.pop("profile", {}).items()}
    settled = Settled(band=band, stage=stage, qualified=stage == "mql", at=said.pop("settled_at", 0))
    return Lead(lead_id, version=version, profile=profile, settled=settled, **said)


def run(track="awareness", **said) -> Enrollment:
    return replace(Enrollment(ME, track, 1, "active", 1, "p0", "c0", ME, 3, NOW - DAY, due_at=NOW, version=4), **said)


def over(track="awareness", **said) -> Enrollment:
    return run(track, **{"status": "done", "ended_at": NOW - 400 * DAY, "due_at": None, **said})


def cause(tells="band", change_id="c5", at=NOW, version=5, lead_id=ME, **said) -> Cause:
    return Cause(change_id, lead_id, at, version, tells, **said)


SPREE_TOLD = cause("rule", rule="spree")


def by_track(*runs):
    return {each.track: each for each in runs}


def states(runs):
    return {each.track: each.status for each in runs}


def test_a_lead_enters_the_track_of_its_band(book):
    (entered,) = follow(lead(), {}, book(), cause())
    assert (entered.track, entered.rotation, entered.status, entered.step) == ("awareness", 1, "active", 0)
    assert (entered.due_at, entered.entered_at, entered.cause, entered.cause_version) == (NOW, NOW, "c5", 5)
    assert (entered.by, entered.playbook, entered.version, entered.past) == ("band", "p1", 0, ())
    (entered,) = follow(lead("sales_ready"), {}, book(), cause())
    assert (entered.track, entered.due_at) == ("decision", NOW + 3600)


@pytest.mark.parametrize(
    "who", [lead(email=None), lead(stage="sql"), lead(stage="customer"), lead(stage="disqualified")]
)
@pytest.mark.parametrize("why", [cause(), SPREE_TOLD])
def test_nobody_without_address_and_nobody_sales_has_enters(book, who, why):
    assert follow(who, {}, book(SPREE), why) == []


def test_only_a_change_of_the_band_enters_the_tracks_of_a_band(book):
    for why in (cause("stage"), cause("rule", rule="other"), cause("end", ended=("decision", 1)), cause("sales")):
        assert follow(lead(), {}, book(SPREE), why) == []


def test_a_lead_that_moves_up_leaves_one_track_and_enters_the_other(book):
    left, entered = follow(lead("engaged"), by_track(run()), book(), cause())
    assert (left.track, left.status, left.reason, left.due_at, left.ended_at, left.version) == (
        "awareness", "exited", "band engaged", None, NOW, 4,
    )  # fmt: skip
    assert (entered.track, entered.status) == ("decision", "active")


def test_a_run_whose_band_still_holds_goes_on_undisturbed(book):
    assert follow(lead(), by_track(run()), book(), cause()) == []


@pytest.mark.parametrize("status", ["paused", "held"])
def test_a_run_that_is_not_at_it_leaves_too_when_the_band_no_longer_holds(book, status):
    left, _entered = follow(lead("engaged"), by_track(run(status=status)), book(), cause())
    assert left.status == "exited"


def test_a_track_the_playbook_dropped_is_left(book):
    left, _entered = follow(lead(), by_track(run("gone")), book(), cause())
    assert (left.track, left.status, left.reason) == ("gone", "exited", "the track is no longer in the playbook")


def test_a_run_comes_again_only_after_its_cool_down_and_remembers_the_one_before(book):
    ended = over(ended_at=NOW - 180 * DAY, entered_at=NOW - 200 * DAY, reason="all sent", goal_at=7, arm="x")
    (entered,) = follow(lead(), by_track(ended), book(), cause())
    assert (entered.rotation, entered.step, entered.version, entered.goal_at, entered.arm) == (2, 0, 4, None, "")
    assert entered.past == (PastRun(1, NOW - 200 * DAY, NOW - 180 * DAY, "done", "all sent", 7, "x"),)
    assert follow(lead(), by_track(replace(ended, ended_at=NOW - 180 * DAY + 1)), book(), cause()) == []


def test_a_run_that_ended_before_its_first_message_has_nothing_to_cool_down_from(book):
    never = over(status="exited", step=0, ended_at=NOW - DAY, reason="no opt-in for 30 days")
    (entered,) = follow(lead(), by_track(never), book(), cause("mail"))
    assert (entered.rotation, entered.status, entered.due_at) == (2, "active", NOW)
    for other in (
        replace(never, step=1),
        replace(never, arm=HOLDOUT),
        replace(never, status="paused"),
        replace(never, cause="c5"),
    ):
        assert follow(lead(), by_track(other), book(), cause("mail")) == []
    assert follow(lead(), by_track(never), book(awareness={"reenter": False}), cause("mail")) == []


def test_who_can_be_mailed_now_enters_the_track_of_its_band(book):
    (entered,) = follow(lead(), {}, book(), cause("mail"))
    assert (entered.track, entered.by, entered.due_at) == ("awareness", "band", NOW)


def test_the_newest_ten_runs_are_remembered(book):
    past = tuple(PastRun(number, 1, 2, "done") for number in range(1, 11))
    (entered,) = follow(lead(), by_track(over(rotation=11, past=past)), book(), cause())
    assert [each.rotation for each in entered.past] == list(range(2, 12))


def test_a_track_that_must_not_come_again_does_not(book):
    assert follow(lead(), by_track(over()), book(awareness={"reenter": False}), cause()) == []


def test_one_cause_begins_one_run(book):
    assert follow(lead(), by_track(over(cause="c5")), book(), cause()) == []


@pytest.mark.parametrize("version", [2, 3])
def test_an_older_or_repeated_change_of_the_lead_is_ignored(book, version):
    changed = follow(lead("engaged"), by_track(run()), book(decision={"priority": -1}), cause(version=version))
    assert states(changed) == {"decision": "held"}
    assert follow(lead(), by_track(over()), book(), cause(version=version)) == []


def test_versions_of_a_lead_that_was_merged_away_say_nothing(book):
    """The run was decided from version 90 of the lead that is now an alias; the survivor is at version 2."""
    inherited = run(lead_id=OTHER, cause_lead=OTHER, cause_version=90)
    left, _entered = follow(lead("engaged", version=2), by_track(inherited), book(), cause(version=2))
    assert (left.lead_id, left.status, left.cause_lead, left.cause_version) == (OTHER, "exited", ME, 2)


BEFORE_IT_BEGAN = {"status": "exited", "step": 0, "entered_at": NOW - 9}
"""A run that has nothing to cool down from."""


def test_a_change_from_before_the_last_run_ended_begins_none_whosever_it_was(book):
    over_since = by_track(over(cause_lead=OTHER, ended_at=NOW, **BEFORE_IT_BEGAN))
    assert follow(lead(), over_since, book(), cause(at=NOW)) == []
    assert states(follow(lead(), over_since, book(), cause(at=NOW + 1))) == {"awareness": "active"}


def test_a_copy_of_an_end_begins_no_run_anew_that_has_ended_since(book):
    ended = over(ended_at=NOW)
    for ended_at, begun in ((NOW, {}), (NOW - 1, {"later": "active"})):
        runs = by_track(ended, over("later", cause="c9", ended_at=ended_at, **BEFORE_IT_BEGAN))
        changed = follow(lead(), runs, book(LATER, **NEXT), cause("end", ended=("awareness", 1), version=9))
        assert states(changed) == begun


def test_a_new_run_takes_the_item_a_merge_left_elsewhere(book):
    (entered,) = follow(lead(), by_track(over(lead_id=OTHER)), book(), cause())
    assert (entered.lead_id, entered.rotation, entered.version) == (OTHER, 2, 4)


def test_a_rule_brings_a_lead_into_its_track_and_a_band_does_not(book):
    (entered,) = follow(lead(), {}, book(SPREE), SPREE_TOLD)
    assert (entered.track, entered.by) == ("deep_dive", "rule")
    banded = replace(SPREE, bands=frozenset({"early"}))
    assert states(follow(lead(), {}, book(banded), cause())) == {"awareness": "active"}


def test_a_rule_brings_nobody_into_a_track_for_other_bands(book):
    banded = replace(SPREE, bands=frozenset({"engaged"}))
    assert follow(lead(), {}, book(banded), SPREE_TOLD) == []
    (entered,) = follow(lead("engaged"), {}, book(banded), SPREE_TOLD)
    left, *_ = follow(lead(), by_track(replace(entered, cause_version=1)), book(banded), cause())
    assert (left.status, left.reason) == ("exited", "band early")


@pytest.mark.parametrize(
    ("audience", "fits"),
    [
        (Audience(grades=frozenset("BC")), True),
        (Audience(grades=frozenset("A")), False),
        (Audience(levels=frozenset({4})), True),
        (Audience(levels=frozenset({1, 2, 3})), False),
        (Audience(quadrants=frozenset({"C4"})), True),
        (Audience(quadrants=frozenset({"C3", "D4"})), False),
        (Audience(where={"industry": ["retail"]}), True),
        (Audience(where={"industry": ["mining"]}), False),
        (Audience(where={"department": ["finance"]}), True),
        (Audience(grades=frozenset("C"), levels=frozenset({4}), where={"stage": ["mql"]}), False),
    ],
)
def test_a_track_is_for_its_audience(book, audience, fits):
    """The lead's industry makes it a C; it has done nothing, which is level 4."""
    accountant = lead(profile={"industry": "retail", "title": "Accountant"})
    assert bool(follow(accountant, {}, book(awareness={"audience": audience}), cause())) is fits


GOAL = {"any": [{"qualified": True}, {"stage": ["sql", "customer"]}]}


def test_who_has_reached_the_goal_is_not_enrolled(book):
    assert follow(lead(stage="mql"), {}, book(awareness={"goal": GOAL}), cause()) == []
    assert follow(lead(), {}, book(awareness={"exits": {"band": ["early"]}}), cause()) == []


def test_a_goal_that_is_reached_ends_the_run_and_says_when(book):
    (ended,) = follow(lead(stage="mql"), by_track(run()), book(awareness={"goal": GOAL}), cause())
    assert (ended.status, ended.reason, ended.goal_at, ended.ended_at) == ("exited", "goal met", NOW, NOW)


def test_an_exit_ends_the_run_and_its_reason_says_which(book):
    (ended,) = follow(
        lead(stage="lost"), by_track(run()), book(awareness={"exits": {"stage": ["lost"]}}), cause("stage")
    )
    assert (ended.status, ended.reason, ended.goal_at) == ("exited", "exit: stage lost", None)


def test_a_rule_that_holds_reaches_a_goal_and_so_does_one_that_is_told(book, model):
    (rule,) = [rule for rule in model.engagement if rule.rule == "trial_start"]
    trying = lead(facts={rule.filing: (Fact(NOW - 5, "e1"),)})
    by = book(awareness={"goal": {"rule": "trial_start"}})
    assert follow(trying, {}, by, cause()) == []
    assert [each.reason for each in follow(trying, by_track(run()), by, cause("stage"))] == ["goal met"]
    told = cause("rule", rule="trial_start")
    assert [each.reason for each in follow(lead(), by_track(run()), by, told)] == ["goal met"]


@pytest.mark.parametrize(("stage", "reason"), [("customer", "the lead is a customer"), ("disqualified", "the lead is disqualified")])  # fmt: skip
def test_every_track_ends_for_customers_and_who_never_will_be(book, stage, reason):
    runs = by_track(run(), run("decision", status="paused"), run("deep_dive", status="held"))
    ended = follow(lead(stage=stage), runs, book(SPREE), cause("stage"))
    assert {(each.status, each.reason) for each in ended} == {("exited", reason)}
    assert len(ended) == 3


def test_a_run_goes_by_the_goal_exits_and_bands_of_the_playbook_it_entered_under(book):
    before = {"awareness": replace(TRACKS["awareness"], goal={"stage": ["mql"]}, bands=frozenset({"early", "engaged"}))}
    pinned = book(pinned={"p0": before}, awareness={"goal": None})
    (ended,) = follow(lead(stage="mql"), by_track(run()), pinned, cause())
    assert ended.reason == "goal met"
    assert states(follow(lead("engaged"), by_track(run()), pinned, cause())) == {"decision": "held"}
    after = book(pinned={"p0": TRACKS}, awareness={"goal": {"stage": ["mql"]}})
    assert follow(lead(stage="mql"), by_track(run()), after, cause()) == []
    assert follow(lead(stage="mql"), {}, after, cause()) == []


def test_a_higher_track_goes_first_and_the_lower_waits_with_what_it_planned(book):
    holds, enters = follow(lead(), by_track(run(due_at=NOW + 3 * DAY)), book(SPREE), SPREE_TOLD)
    assert (holds.track, holds.status, holds.reason) == ("awareness", "held", "track deep_dive goes first")
    assert (holds.due_at, holds.planned_at) == (None, NOW + 3 * DAY)
    assert (enters.track, enters.status) == ("deep_dive", "active")


@pytest.mark.parametrize("priority", [-10, 0])
def test_who_enters_beside_one_that_goes_first_waits(book, priority):
    (waits,) = follow(lead(), by_track(run()), book(replace(SPREE, priority=priority)), SPREE_TOLD)
    assert (waits.track, waits.status, waits.reason) == ("deep_dive", "held", "track awareness goes first")
    assert (waits.due_at, waits.planned_at) == (None, NOW)


def test_when_a_run_has_ended_the_highest_of_those_that_wait_goes_on(book):
    runs = by_track(
        over("deep_dive", ended_at=NOW),
        run("decision", status="held", due_at=None, planned_at=NOW - DAY, entered_at=NOW - DAY),
        run("other", status="held", due_at=None, planned_at=NOW + DAY, entered_at=NOW - 9 * DAY),
    )
    other = Track("other", frozenset(), DAY, (Step(0),), priority=5)
    why = cause("end", ended=("deep_dive", 1), version=77)
    (goes_on,) = follow(lead("engaged"), runs, book(SPREE, other), why)
    assert (goes_on.track, goes_on.status, goes_on.due_at, goes_on.planned_at) == ("other", "active", NOW + DAY, None)
    (goes_on,) = follow(lead("engaged"), runs | {"other": over("other")}, book(SPREE, other), why)
    assert (goes_on.track, goes_on.status, goes_on.due_at) == ("decision", "active", NOW)


def test_what_waits_leaves_instead_when_it_no_longer_may_be(book):
    waits = run("decision", status="held", due_at=None, entered_at=NOW - DAY)
    (left,) = follow(lead(), by_track(waits), book(), cause("end", ended=("deep_dive", 1)))
    assert (left.status, left.reason) == ("exited", "band early")


def test_nothing_that_waits_begins_while_sales_has_the_lead(book):
    waits = run(status="held", due_at=None, entered_at=NOW - DAY)
    assert follow(lead(stage="sql"), by_track(waits), book(), cause("stage")) == []
    (goes_on,) = follow(lead(stage="lost"), by_track(waits), book(), cause("stage"))
    assert goes_on.status == "active"


def test_a_merge_that_brought_two_tracks_together_leaves_one_at_it(book):
    runs = by_track(run(), run("deep_dive", lead_id=OTHER))
    (holds,) = follow(lead(), runs, book(SPREE), cause("stage"))
    assert (holds.track, holds.status) == ("awareness", "held")


NEXT = {"awareness": {"next": "later"}}
LATER = Track("later", frozenset(), 90 * DAY, (Step(30 * DAY),))


def test_a_track_that_is_exhausted_is_followed_by_the_next(book):
    ended = over(ended_at=NOW)
    (entered,) = follow(lead(), by_track(ended), book(LATER, **NEXT), cause("end", ended=("awareness", 1), version=9))
    assert (entered.track, entered.by, entered.due_at) == ("later", "track", NOW + 30 * DAY)
    again = by_track(ended, entered)
    assert follow(lead(), again, book(LATER, **NEXT), cause("end", ended=("awareness", 1), version=9)) == []


@pytest.mark.parametrize(
    ("ended", "rotation"), [(over(status="exited", ended_at=NOW), 1), (over(ended_at=NOW), 2), (run(), 1)]
)
def test_a_run_that_left_or_began_again_is_followed_by_nothing(book, ended, rotation):
    why = cause("end", ended=("awareness", rotation))
    assert follow(lead(), by_track(ended), book(LATER, **NEXT), why) == []


def test_a_next_track_begins_only_for_those_it_is_for(book):
    why = cause("end", ended=("awareness", 1))
    runs = by_track(over(ended_at=NOW))
    warm = replace(LATER, bands=frozenset({"engaged"}))
    assert follow(lead(), runs, book(warm, **NEXT), why) == []
    assert follow(lead(), runs | by_track(over("later", ended_at=NOW - DAY)), book(LATER, **NEXT), why) == []
    assert follow(lead(stage="customer"), runs, book(LATER, **NEXT), why) == []


ADDRESSES = [f"v1-{number}" for number in range(100)]
OUT = next(key for key in ADDRESSES if is_held_out(replace(SPREE, holdout=50), key))
IN = next(key for key in ADDRESSES if not is_held_out(replace(SPREE, holdout=50), key))


@pytest.mark.parametrize(("address", "arm", "due_in"), [(OUT, HOLDOUT, DAY), (IN, "", 0)])
def test_who_is_held_out_gets_nothing_and_is_done_when_the_others_are(book, address, arm, due_in):
    who = lead(profile={"address": address})
    (entered,) = follow(who, {}, book(replace(SPREE, holdout=50)), SPREE_TOLD)
    assert (entered.arm, entered.due_at) == (arm, NOW + due_in)


def test_a_held_out_run_neither_waits_nor_makes_others_wait(book):
    who = lead(profile={"address": OUT})
    (entered,) = follow(who, by_track(run()), book(replace(SPREE, holdout=50)), SPREE_TOLD)
    assert (entered.arm, entered.status) == (HOLDOUT, "active")
    below = replace(SPREE, holdout=50, priority=-9)
    (entered,) = follow(who, by_track(run()), book(below), SPREE_TOLD)
    assert entered.status == "active"


def paused_for_sales(book, *runs, version=2, **said):
    return pause_for_sales(lead("engaged"), by_track(*runs), book, handoff=1, version=version, at=NOW, **said)


def test_an_accepted_lead_is_left_to_the_rep(book):
    paused = paused_for_sales(
        book(SPREE), run(), run("decision", status="held", due_at=None, planned_at=9), over("deep_dive")
    )
    assert states(paused) == {"awareness": "paused", "decision": "paused"}
    assert {(each.due_at, each.handoff, each.ended_at) for each in paused} == {(None, (1, 2), NOW)}
    assert {each.track: each.planned_at for each in paused} == {"awareness": NOW, "decision": 9}


def test_a_track_may_end_when_sales_accepts(book):
    (left,) = paused_for_sales(book(awareness={"on_accept": "exit"}), run())
    assert (left.status, left.reason, left.ended_at) == ("exited", "handoff 1 accepted", NOW)


def test_it_ends_also_when_its_mail_came_due_before_that_was_heard(book):
    """The sender met the held address first, and paused the run."""
    met_it = run(status="paused", reason="sales has the lead", due_at=None, planned_at=NOW - 5, ended_at=NOW - 5)
    (left,) = paused_for_sales(book(awareness={"on_accept": "exit"}), met_it)
    assert (left.status, left.reason, left.planned_at) == ("exited", "handoff 1 accepted", None)
    (waits,) = paused_for_sales(book(), met_it)
    assert (waits.status, waits.handoff, waits.planned_at) == ("paused", (1, 2), NOW - 5)
    assert paused_for_sales(book(awareness={"on_accept": "exit"}), replace(met_it, handoff=(1, 2))) == []


def test_a_late_copy_of_an_acceptance_does_not_pause_what_came_after_it(book):
    assert paused_for_sales(book(), run(handoff=(1, 3))) == []


def back_to(book, track, *runs, band="sales_ready", version=3, handoff=1, who=None, at=NOW):
    return return_from_sales(
        who or lead(band, stage="sql"), by_track(*runs), book, SentBack("not_ready", track, 30 * DAY),
        cause("sales", version=version, change_id="r1", at=at), handoff=handoff,
    )  # fmt: skip


def waiting_for_sales(track="decision", **said) -> Enrollment:
    return run(track, **{"status": "paused", "handoff": (1, 2), "ended_at": NOW - DAY, "due_at": None, **said})


def test_a_rejected_lead_returns_to_the_track_of_the_reason_after_its_cool_down(book):
    left, entered = back_to(book(), "awareness", waiting_for_sales())
    assert (left.track, left.status, left.reason) == ("decision", "exited", "rejected: not_ready")
    assert (entered.track, entered.status, entered.by, entered.due_at, entered.handoff) == (
        "awareness", "active", "sales", NOW + 30 * DAY, (1, 3),
    )  # fmt: skip


def test_a_rejected_lead_may_return_to_the_track_it_was_paused_in(book):
    ended, entered = back_to(book(), "awareness", waiting_for_sales("awareness"), band="early")
    assert (ended.status, ended.version, ended.rotation) == ("exited", 4, 1)
    assert (entered.status, entered.rotation, entered.version, entered.by) == ("active", 2, 5, "sales")
    assert [past.status for past in entered.past] == ["exited"]


def test_who_died_between_the_end_and_the_new_run_begins_it_when_asked_again(book):
    ended, entered = back_to(book(), "awareness", waiting_for_sales("awareness"), band="early")
    written = replace(ended, version=5)
    assert back_to(book(), "awareness", written, band="early") == [entered]
    assert back_to(book(), "awareness", replace(entered, version=6), band="early") == []


def test_a_reason_without_a_track_only_ends_what_was_paused(book):
    (left,) = back_to(book(), None, waiting_for_sales())
    assert left.status == "exited"
    assert back_to(book(), None) == []


def test_a_track_may_go_on_when_the_lead_comes_back(book):
    by = book(decision={"on_return": "resume"})
    (resumed,) = back_to(by, None, waiting_for_sales(planned_at=NOW - 5 * DAY))
    assert (resumed.status, resumed.due_at, resumed.planned_at, resumed.ended_at, resumed.handoff) == (
        "active", NOW + 30 * DAY, None, None, (1, 3),
    )  # fmt: skip
    (resumed,) = back_to(by, None, waiting_for_sales(planned_at=NOW + 60 * DAY))
    assert resumed.due_at == NOW + 60 * DAY
    (left,) = back_to(by, None, waiting_for_sales(), band="early")
    assert (left.status, left.reason) == ("exited", "band early")


def test_the_track_of_the_reason_waits_behind_one_that_goes_on(book):
    waits, resumed = back_to(book(decision={"on_return": "resume", "priority": 9}), "awareness", waiting_for_sales())
    assert states([waits, resumed]) == {"awareness": "held", "decision": "active"}
    assert waits.planned_at == NOW + 30 * DAY


@pytest.mark.parametrize(("on_return", "status"), [("exit", "exited"), ("resume", "active")])
def test_a_lead_that_was_lost_is_back_from_sales_too(book, on_return, status):
    runs = by_track(waiting_for_sales(cause_version=1))
    (changed,) = follow(lead("engaged", stage="lost"), runs, book(decision={"on_return": on_return}), cause("stage"))
    assert (changed.status, changed.reason) == (status, "sales closed it: lost")
    assert follow(lead("engaged", stage="sql"), runs, book(), cause("stage")) == []


@pytest.mark.parametrize("on_return", ["exit", "resume"])
def test_that_a_lead_was_lost_is_heard_when_it_is_in_another_stage_by_now_but_not_when_sales_has_it(book, on_return):
    """It came back to life before the word of its loss was heard: the run would stay paused for ever."""
    by, lost = book(decision={"on_return": on_return}), cause("stage", stage="lost", version=4)
    runs = by_track(waiting_for_sales(cause_version=1))
    (changed,) = follow(lead("engaged", stage="mql"), runs, by, lost)
    assert (changed.status, changed.cause_version) == ("active" if on_return == "resume" else "exited", 5)
    assert follow(lead("engaged", stage="sql"), runs, by, lost) == []
    assert follow(lead("engaged", stage="mql"), runs, by, cause("stage", stage="sql")) == []
    taken = by_track(replace(changed, status="paused", due_at=None, ended_at=NOW))
    assert follow(lead("engaged", stage="mql"), taken, by, lost) == []


def test_a_late_or_second_copy_of_a_rejection_changes_nothing(book):
    again = run("awareness", handoff=(1, 3), by="sales", cause="r1", entered_at=NOW)
    assert back_to(book(), "awareness", again) == []
    taken_again = waiting_for_sales(handoff=(2, 2), ended_at=NOW + DAY)
    assert back_to(book(), "awareness", taken_again, replace(again, status="done", ended_at=NOW + DAY)) == []
    later = over("awareness", cause="c9", entered_at=NOW + DAY, ended_at=NOW + 9 * DAY, handoff=(1, 3))
    assert back_to(book(), "awareness", later) == []
    rejected_again = over("awareness", cause="c9", entered_at=NOW - DAY, ended_at=NOW + 9 * DAY, handoff=(2, 3))
    assert back_to(book(), "awareness", rejected_again) == []


@pytest.mark.parametrize("status", ["active", "held"])
def test_a_run_of_the_track_that_goes_on_is_left_alone_when_a_rejection_names_it(book, status):
    changed = back_to(book(), "awareness", run(status=status), band="early")
    assert states(changed) == ({} if status == "active" else {"awareness": "active"})


@pytest.mark.parametrize(
    ("who", "said"),
    [
        (lead(email=None), {}),
        (lead(stage="customer"), {}),
        (lead(), {"goal": {"stage": ["recycled"]}}),
        (lead(), {"audience": Audience(grades=frozenset("A"))}),
    ],
)
def test_a_rejected_lead_is_not_enrolled_where_it_may_not_be(book, who, said):
    assert back_to(book(awareness=said), "awareness", who=who) == []


def test_the_handoff_of_a_lead_that_was_merged_in_is_counted_from_one_too(book):
    """Handoff 1 of this lead was sent back before; the rep of the other one's sends that back now."""
    held = waiting_for_sales(handoff=(1, 3), ended_at=NOW - DAY, reason="sales has the lead")
    (left,) = back_to(book(), None, held, version=3)
    assert (left.status, left.reason) == ("exited", "rejected: not_ready")
    assert back_to(book(), None, replace(held, ended_at=NOW + 1), version=3) == []


def test_what_sales_undid_is_no_goal_met_even_before_the_lead_knows(book):
    """The rejection reaches enroll before it reaches the lead, which still says MQL."""
    by = book(awareness={"goal": GOAL, "exits": {"stage": ["mql", "sql"]}})
    stale = lead("sales_ready", stage="mql", settled_at=NOW - DAY)
    (entered,) = back_to(by, "awareness", who=stale)
    assert entered.by == "sales"
    kept = replace(entered, version=1, cause_version=4)
    assert follow(stale, by_track(kept), by, cause("stage", at=NOW + 1)) == []
    again = replace(stale, settled=stale.settled._replace(at=NOW + DAY))
    assert [each.reason for each in follow(again, by_track(kept), by, cause("stage", at=NOW + DAY))] == ["goal met"]


def test_whom_sales_sends_back_enters_whatever_bands_the_goal_and_the_exits_name(book):
    """A lead that sales had is up there: the goal of the track it goes back to is a band that it never left."""
    by = book(
        awareness={"goal": {"any": [{"qualified": True}, {"band": ["sales_ready"]}]}, "exits": {"band": ["engaged"]}}
    )
    for band in ("engaged", "sales_ready"):
        (entered,) = back_to(by, "awareness", band=band)
        kept = replace(entered, version=1)
        for why in ("stage", "mail", "rule", "end"):
            changed = follow(lead(band, "recycled", version=6), by_track(kept), by, cause(why, version=6))
            assert "awareness" not in states(changed)
        up = follow(lead("sales_ready", "recycled", version=6), by_track(kept), by, cause(version=6))
        assert (up[0].track, up[0].reason) == ("awareness", "goal met")
        again = follow(lead(band, "mql", version=6, settled_at=NOW), by_track(kept), by, cause("stage", version=6))
        assert [each.reason for each in again] == ["goal met"]


def test_whom_sales_sent_stays_until_its_band_changes(book):
    sent = run(by="sales", entered_at=NOW - DAY)
    assert follow(lead("sales_ready"), by_track(sent), book(), cause("stage")) == []
    left, _entered = follow(lead("sales_ready"), by_track(sent), book(), cause())
    assert (left.track, left.reason) == ("awareness", "band sales_ready")


def test_reasons_are_read_from_the_compiled_playbook(playbook):
    assert sent_back(playbook, "not_ready") == SentBack("not_ready", "awareness", 30 * DAY)
    assert sent_back(playbook, "gone") == SentBack("gone", None, 0)


def sent_back_by_sales(at, code="not_ready", **said) -> Lead:
    known = lead(**said)
    rejected = Register({"outcome": "rejected", "reason": code}, at, "k", proven=True)
    return replace(known, profile={**known.profile, "sales": rejected})


def test_who_cools_down_after_a_rejection_hears_nothing_of_the_track_of_a_new_band_before_its_end(book, model):
    cool_down = model.cool_downs["not_ready"]
    assert cool_down > 2 * DAY
    (entered,) = follow(sent_back_by_sales(NOW - DAY), {}, book(), cause())
    assert (entered.track, entered.due_at) == ("awareness", NOW - DAY + cool_down)
    assert (entered.entered_at, entered.reason) == (NOW, "rejected: not_ready")
    (entered,) = follow(sent_back_by_sales(NOW - cool_down), {}, book(), cause())
    assert (entered.due_at, entered.reason) == (NOW, "")


def test_what_a_rejected_lead_does_itself_begins_a_track_at_once(book):
    (entered,) = follow(sent_back_by_sales(NOW - DAY), {}, book(SPREE), SPREE_TOLD)
    assert (entered.track, entered.due_at) == ("deep_dive", NOW)
