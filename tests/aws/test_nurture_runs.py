"""What a track's report reads: every run and every message of it, each once, wherever the index has them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared import table
from shared.aws import due, enrollments, nurture_runs, sends, unsubscribes
from shared.aws.addresses import get_address
from shared.aws.sends import Said
from shared.errors import TooManyError
from shared.instants import DAY
from shared.mailing import Enrollment, PastSend, SendRef
from tests.conftest import Aws, Context
from tests.nurture_world import ADDRESS, NOW, a_run, confirm_order, deliver, enrolled, use_playbook

OTHERS = [f"{letter * 15}{end}" for letter in "bc" for end in "abcdefgh"]
"""Leads of every shard."""

FAR = NOW + 1000 * DAY


def kept(lead_id: str, **said: Any) -> Enrollment:
    run = a_run(cause_lead=lead_id, **said)
    run = replace(run, lead_id=lead_id)
    enrollments.save(run)
    return replace(run, version=1)


def claimed(lead_id: str, at: int = NOW, *, track: str = "awareness", arm: str = "", trial: str = "") -> SendRef:
    ref = SendRef(lead_id, track, 1, 0)
    run = enrollments.get_enrollment(lead_id, track) or kept(lead_id, track=track)
    address = get_address(ADDRESS)
    said = Said(f"{track}-1", run.playbook, arm=arm, trial=trial)
    recent = (PastSend(at, ref.send_id),)
    assert sends.claim(ref, said=said, at=at, address=address, recent=recent, run=run) == "claimed"
    return ref


def test_every_run_of_the_track_is_read_once_whatever_it_waits_for(aws: Aws) -> None:
    runs = [kept(lead_id, due_at=NOW + DAY) for lead_id in OTHERS[:8]]
    runs += [kept(lead_id, due_at=None, status="exited", ended_at=NOW) for lead_id in OTHERS[8:]]
    kept(OTHERS[0], track="decision")
    kept(OTHERS[1], track="decision", due_at=None, status="held")
    found = list(nurture_runs.runs_of("awareness", most=16))
    assert sorted(found, key=lambda run: run.lead_id) == sorted(runs, key=lambda run: run.lead_id)
    assert len({item[table.DUE_KEY] for item in aws.items()}) > 8


def test_runs_that_began_before_the_time_are_left_out(aws: Aws) -> None:
    for number, due_at in enumerate((NOW + DAY, None)):
        kept(OTHERS[number], entered_at=NOW - 1, due_at=due_at)
        kept(OTHERS[number + 4], entered_at=NOW, due_at=due_at)
    assert {run.lead_id for run in nurture_runs.runs_of("awareness", since=NOW, most=9)} == {OTHERS[4], OTHERS[5]}


def test_messages_of_the_time_are_read_once_settled_or_not(aws: Aws) -> None:
    early, first, second, third, late = (
        claimed(lead_id, at) for lead_id, at in zip(OTHERS, (NOW - 1, NOW, NOW + 5, NOW + 9, NOW + 10), strict=False)
    )
    claimed(OTHERS[0], track="decision")
    for ref in (early, first, late):
        sends.settle(ref, "sent")
    sends.settle(third, "unknown")
    found = {made.ref: made.state for made in nurture_runs.sends_of("awareness", NOW, NOW + 10, most=9)}
    assert found == {first: "sent", second: "claimed", third: "unknown"}


def test_a_message_says_what_its_item_says(aws: Aws) -> None:
    ref = claimed(OTHERS[0], arm="short")
    sends.settle(ref, "refused", reason="MessageRejected")
    unsubscribes.note(ref, NOW + 7)
    (made,) = nurture_runs.sends_of("awareness", NOW, NOW + 1, most=1)
    assert (made.ref, made.state, made.content, made.channel, made.arm, made.address, made.claimed_at) == (
        ref, "refused", "awareness-1", "mail", "short", ADDRESS, NOW,
    )  # fmt: skip
    assert (made.reason, made.unsubscribed_at, made.touches) == ("MessageRejected", NOW + 7, ())


def test_a_confirmation_belongs_to_no_track(
    aws: Aws, context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_playbook(tmp_path, monkeypatch)
    enrolled(consent=False)
    deliver(context, confirm_order())
    tracks = ("awareness", "confirm", f"confirm-{ADDRESS[-12:]}")
    assert [list(nurture_runs.sends_of(track, 0, FAR, most=9)) for track in tracks] == [[], [], []]


@pytest.mark.parametrize("most", [0, 1, 2])
def test_more_than_may_be_read_is_refused_before_anything_is(aws: Aws, most: int) -> None:
    for lead_id in OTHERS[:3]:
        claimed(lead_id)
    sends.settle(SendRef(OTHERS[0], "awareness", 1, 0), "sent")
    with pytest.raises(TooManyError, match=f"more than {most} messages were planned"):
        next(nurture_runs.sends_of("awareness", NOW, NOW + 1, most=most))
    with pytest.raises(TooManyError, match=f"more than {most} leads went through the track"):
        next(nurture_runs.runs_of("awareness", most=most))
    assert len(list(nurture_runs.sends_of("awareness", NOW, NOW + 1, most=3))) == 3


def test_what_reports_read_is_nothing_that_sweeps_meet(aws: Aws) -> None:
    sends.settle(claimed(OTHERS[0]), "sent")
    assert list(due.due_entries(table.CLAIM, FAR)) == []
