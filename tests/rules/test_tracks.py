"""Entering a track, leaving it, pausing for sales and coming back."""

from dataclasses import replace

import pytest

from shared.instants import DAY, parse_instant
from shared.lead import Lead, Register, Settled
from shared.mailing import Enrollment
from shared.rules.tracks import (
    Cause,
    SentBack,
    Step,
    Track,
    follow_band,
    one_per_track,
    pause_for_sales,
    return_from_sales,
    sent_back,
    superseded,
    tracks_of,
)

NOW = parse_instant("2026-11-18T10:00:00Z")
ME = "aaaaaaaaaaaaaaaa"
OTHER = "bbbbbbbbbbbbbbbb"
TRACKS = {
    "awareness": Track("awareness", frozenset({"early"}), 180 * DAY, (Step("a-1", 0), Step("a-2", 7 * DAY))),
    "decision": Track("decision", frozenset({"engaged", "sales_ready"}), 90 * DAY, (Step("d-1", 3600),)),
}


def lead(band="early", stage="lead", version=5, email="ada@example.com", lead_id=ME) -> Lead:
    profile = {"email": Register(email, 1, "k", proven=True)} if email else {}
    return Lead(lead_id, version=version, profile=profile, settled=Settled(band=band, stage=stage))


def run(track="awareness", **said) -> Enrollment:
    return replace(Enrollment(ME, track, 1, "active", 1, "p0", "c0", ME, 3, NOW - DAY, due_at=NOW, version=4), **said)


def cause(change_id="c5", at=NOW, version=5, lead_id=ME) -> Cause:
    return Cause(change_id, lead_id, at, version)


def follow(who, *runs, why=None):
    return follow_band(who, {each.track: each for each in runs}, TRACKS, why or cause(), "p1")


def test_a_lead_enters_the_tracks_of_its_band():
    (entered,) = follow(lead())
    assert (entered.track, entered.rotation, entered.status, entered.step) == ("awareness", 1, "active", 0)
    assert (entered.due_at, entered.entered_at, entered.cause, entered.cause_version) == (NOW, NOW, "c5", 5)
    assert entered.version == 0
    (entered,) = follow(lead("sales_ready"))
    assert (entered.track, entered.due_at) == ("decision", NOW + 3600)


@pytest.mark.parametrize("who", [lead(email=None), lead(stage="sql"), lead(stage="customer")])
def test_nobody_without_address_and_nobody_sales_has_enters(who):
    assert follow(who) == []


def test_a_lead_that_moves_up_leaves_one_track_and_enters_the_other():
    left, entered = follow(lead("engaged"), run())
    assert (left.track, left.status, left.reason, left.due_at, left.ended_at) == (
        "awareness",
        "exited",
        "band engaged",
        None,
        NOW,
    )
    assert left.version == 4
    assert entered.track == "decision"


def test_a_run_whose_band_still_holds_goes_on_undisturbed():
    assert follow(lead(), run()) == []


def test_a_paused_run_leaves_too_when_the_band_no_longer_holds():
    left, _entered = follow(lead("engaged"), run(status="paused"))
    assert left.status == "exited"


def test_a_track_the_playbook_dropped_is_left():
    (left, _entered) = follow(lead(), run("reengagement"))
    assert (left.track, left.status) == ("reengagement", "exited")


def test_a_run_comes_again_only_after_its_cool_down_and_as_the_next_rotation():
    ended = run(status="done", ended_at=NOW - 180 * DAY, due_at=None)
    (entered,) = follow(lead(), ended)
    assert (entered.rotation, entered.step, entered.version) == (2, 0, 4)
    assert follow(lead(), replace(ended, ended_at=NOW - 180 * DAY + 1)) == []


def test_one_cause_begins_one_run():
    ended = run(status="done", ended_at=NOW - 400 * DAY, due_at=None, cause="c5")
    assert follow(lead(), ended) == []


@pytest.mark.parametrize("version", [2, 3])
def test_an_older_or_repeated_change_of_the_lead_is_ignored(version):
    assert [each.track for each in follow(lead("engaged"), run(), why=cause(version=version))] == ["decision"]
    ended = run(status="done", ended_at=NOW - 400 * DAY, due_at=None)
    assert follow(lead(), ended, why=cause(version=version)) == []


def test_versions_of_a_lead_that_was_merged_away_say_nothing():
    """The run was decided from version 90 of the lead that is now an alias; the survivor is at version 2."""
    inherited = run(lead_id=OTHER, cause_lead=OTHER, cause_version=90)
    left, _entered = follow(lead("engaged", version=2), inherited, why=cause(version=2))
    assert (left.lead_id, left.status, left.cause_lead, left.cause_version) == (OTHER, "exited", ME, 2)


def test_a_new_run_takes_the_item_a_merge_left_elsewhere():
    inherited = run(lead_id=OTHER, status="done", ended_at=NOW - 400 * DAY, due_at=None)
    (entered,) = follow(lead(), inherited)
    assert (entered.lead_id, entered.rotation, entered.version) == (OTHER, 2, 4)


def test_of_two_runs_after_a_merge_the_older_goes_on():
    older, younger = run(entered_at=NOW - 5 * DAY), run(lead_id=OTHER, entered_at=NOW - DAY)
    assert one_per_track([younger, older]) == ({"awareness": older}, [younger])
    assert superseded(younger, NOW).status == "exited"


def test_an_active_run_counts_before_a_paused_one_and_both_before_one_that_ended():
    active, paused = run(lead_id=OTHER), run(status="paused", entered_at=NOW - 9 * DAY)
    ended = run(lead_id="c" * 16, status="done", ended_at=NOW, due_at=None)
    assert one_per_track([ended, paused, active]) == ({"awareness": active}, [paused])
    assert one_per_track([ended, paused]) == ({"awareness": paused}, [])
    sooner = replace(ended, lead_id="d" * 16, ended_at=NOW - 1)
    assert one_per_track([sooner, ended]) == ({"awareness": ended}, [])


def test_an_accepted_lead_is_left_to_the_rep():
    (paused,) = pause_for_sales([run(), run("decision", status="done")], handoff=1, version=2, at=NOW)
    assert (paused.status, paused.due_at, paused.handoff, paused.ended_at) == ("paused", None, (1, 2), NOW)


def test_a_late_copy_of_an_acceptance_does_not_pause_what_came_after_it():
    assert pause_for_sales([run(handoff=(1, 3))], handoff=1, version=2, at=NOW) == []


def back_to(track, *runs, band="sales_ready", version=3, handoff=1, who=None):
    return return_from_sales(
        who or lead(band, stage="recycled"), {each.track: each for each in runs}, TRACKS,
        SentBack("not_ready", track, 30 * DAY), cause(version=version, change_id="r1"), handoff=handoff, playbook="p1",
    )  # fmt: skip


def test_a_rejected_lead_returns_to_the_track_of_the_reason_after_its_cool_down():
    paused = run("decision", status="paused", handoff=(1, 2), ended_at=NOW - DAY, due_at=None)
    left, entered = back_to("awareness", paused)
    assert (left.track, left.status, left.reason) == ("decision", "exited", "rejected: not_ready")
    assert (entered.track, entered.by, entered.due_at, entered.handoff) == (
        "awareness",
        "sales",
        NOW + 30 * DAY,
        (1, 3),
    )


def test_a_rejected_lead_may_return_to_the_track_it_was_paused_in():
    paused = run("awareness", status="paused", handoff=(1, 2), due_at=None)
    (entered,) = back_to("awareness", paused)
    assert (entered.status, entered.rotation, entered.version, entered.by) == ("active", 2, 4, "sales")


def test_a_reason_without_a_track_only_ends_what_was_paused():
    paused = run("decision", status="paused", handoff=(1, 2), due_at=None)
    (left,) = back_to(None, paused)
    assert left.status == "exited"
    assert back_to(None) == []


def test_a_late_or_second_copy_of_a_rejection_changes_nothing():
    again = run("awareness", handoff=(1, 3), by="sales", cause="r1")
    assert back_to("awareness", again) == []
    taken_again = run("decision", status="paused", handoff=(2, 2), due_at=None)
    assert [each.track for each in back_to("awareness", taken_again, replace(again, status="done"))] == []


def test_an_active_run_of_the_track_goes_on_when_a_rejection_names_it():
    assert back_to("awareness", run()) == []


def test_a_rejected_lead_without_address_is_not_enrolled():
    assert back_to("awareness", who=lead(email=None)) == []


def test_tracks_and_reasons_are_read_from_the_compiled_playbook(playbook):
    tracks = tracks_of(playbook)
    assert tracks["awareness"].bands == {"early"}
    assert tracks["awareness"].steps[1].delay == 7 * DAY
    assert sent_back(playbook, "not_ready") == SentBack("not_ready", "awareness", 30 * DAY)
    assert sent_back(playbook, "gone") == SentBack("gone", None, 0)
