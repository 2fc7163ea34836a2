"""Enrollment items under moto: whole runs, written only on the version that was read."""

import json
from dataclasses import replace
from typing import Any

import pytest

from shared import table
from shared.aws import due, enrollments
from shared.contracts import TrackEnded
from shared.errors import ConflictError
from shared.instants import DAY, instant_text
from shared.mailing import PastRun
from tests.conftest import Aws
from tests.nurture_world import LEAD_ID, NOW, a_run, run_of

OTHER = "bbbbbbbbbbbbbbbb"


def test_a_run_comes_back_as_it_was_saved(aws: Aws):
    run = a_run(step=2, by="sales", handoff=(3, 4), reason="because", ended_at=NOW - 5)
    enrollments.save(run)
    assert run_of() == replace(run, version=1)
    over = replace(run, version=1, status="done", due_at=None, reason="")
    enrollments.save(over)
    assert run_of() == replace(over, version=2)


def test_everything_a_run_remembers_comes_back(aws: Aws):
    past = (
        PastRun(1, NOW - 9, NOW - 5, "exited", "goal met", NOW - 5, "holdout"),
        PastRun(2, NOW - 4, NOW - 3, "done"),
    )
    run = a_run(due_at=None, status="held", rotation=3, arm="holdout", planned_at=NOW + 7, goal_at=NOW, past=past)
    enrollments.save(run)
    assert run_of() == replace(run, version=1)


def test_a_run_with_nothing_due_stands_under_its_track_where_no_sweep_looks(aws: Aws):
    def indexed():
        (item,) = (each for each in aws.items() if each[table.SK].startswith(table.TRACK_PREFIX))
        return item[table.DUE_KEY], item[table.DUE_AT]

    number = table.shard(LEAD_ID)
    enrollments.save(a_run(due_at=NOW + DAY))
    assert indexed() == (table.due_key(table.NURTURE, number), instant_text(NOW + DAY))
    for status in ("held", "paused", "exited"):
        enrollments.save(replace(run_of(), status=status, due_at=None, ended_at=NOW))
        assert indexed() == (f"run#awareness#{number}", instant_text(NOW))
    assert list(due.due_entries(table.NURTURE, NOW + 9 * DAY)) == []


def test_a_sweep_that_read_a_run_before_it_ended_does_not_move_it(aws: Aws):
    """The run was due when it began, which is also where it stands once it is over."""
    enrollments.save(a_run())
    (entry,) = due.due_entries(table.NURTURE, NOW)
    enrollments.save(replace(run_of(), status="exited", due_at=None, ended_at=NOW))
    assert not due.lease(entry, NOW)
    (item,) = (each for each in aws.items() if each[table.SK].startswith(table.TRACK_PREFIX))
    assert item[table.DUE_AT] == instant_text(NOW)


def told(aws: Aws) -> list[dict[str, Any]]:
    items = [item for item in aws.items() if item[table.SK].startswith(table.CHANGE_PREFIX)]
    return [json.loads(item["detail"]) for item in items]


@pytest.mark.parametrize(
    ("status", "goal_at", "exhausted", "goal"),
    [("done", None, True, False), ("exited", NOW, False, True), ("exited", None, False, False)],
)
def test_the_end_of_a_run_is_told_with_it(aws: Aws, status, goal_at, exhausted, goal):
    enrollments.save(a_run())
    assert told(aws) == []
    enrollments.save(replace(run_of(), status=status, due_at=None, ended_at=NOW + 5, reason="because", goal_at=goal_at))
    (detail,) = told(aws)
    change = TrackEnded.model_validate(detail)
    assert detail["change_id"] == f"{LEAD_ID}:{instant_text(NOW + 5)}:TrackEnded#awareness#1"
    assert (change.lead_id, change.at, change.version, change.track, change.rotation) == (
        LEAD_ID, NOW + 5, 2, "awareness", 1,
    )  # fmt: skip
    assert (change.status, change.reason, change.exhausted, change.goal) == (status, "because", exhausted, goal)


@pytest.mark.parametrize("status", ["held", "paused"])
def test_a_run_that_only_rests_is_told_to_nobody(aws: Aws, status):
    enrollments.save(a_run(status=status, due_at=None))
    assert told(aws) == []


def test_an_end_that_came_too_late_is_not_told(aws: Aws):
    enrollments.save(a_run())
    seen = run_of()
    enrollments.save(replace(seen, step=1))
    with pytest.raises(ConflictError):
        enrollments.save(replace(seen, status="done", due_at=None, ended_at=NOW))
    assert told(aws) == []
    assert run_of().status == "active"


def test_a_run_is_written_only_on_the_version_that_was_read(aws: Aws):
    enrollments.save(a_run())
    with pytest.raises(ConflictError):
        enrollments.save(a_run())
    seen = run_of()
    enrollments.save(replace(seen, step=1))
    with pytest.raises(ConflictError):
        enrollments.save(replace(seen, step=2))
    assert run_of().step == 1


def test_a_lease_does_not_stand_in_the_way_of_a_decision(aws: Aws):
    enrollments.save(a_run())
    seen = run_of()
    (entry,) = due.due_entries(table.NURTURE, NOW)
    assert due.lease(entry, NOW)
    enrollments.save(replace(seen, due_at=NOW + DAY))
    (item,) = aws.items()
    assert table.DUE_ATTEMPTS not in item
    assert run_of().due_at == NOW + DAY


def test_the_runs_of_every_home_are_found(aws: Aws):
    enrollments.save(a_run())
    enrollments.save(a_run("decision"))
    enrollments.save(a_run(lead_id=OTHER))
    assert {run.track for run in enrollments.get_enrollments(LEAD_ID)} == {"awareness", "decision"}
    assert {run.lead_id for run in enrollments.get_runs([LEAD_ID, OTHER, "c" * 16], "awareness")} == {LEAD_ID, OTHER}
    assert enrollments.get_enrollment("c" * 16, "awareness") is None
    everywhere = enrollments.get_all([LEAD_ID, OTHER, "c" * 16])
    assert sorted((run.lead_id, run.track) for run in everywhere) == sorted(
        [(LEAD_ID, "awareness"), (LEAD_ID, "decision"), (OTHER, "awareness")]
    )
