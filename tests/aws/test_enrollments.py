"""Enrollment items under moto: whole runs, written only on the version that was read."""

from dataclasses import replace

import pytest

from shared import table
from shared.aws import due, enrollments
from shared.errors import ConflictError
from shared.instants import DAY
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


def test_only_a_run_that_is_due_stands_in_the_index(aws: Aws):
    enrollments.save(a_run())
    (item,) = aws.items()
    assert item[table.DUE_KEY] == table.due_key(table.NURTURE, table.shard(LEAD_ID))
    enrollments.save(replace(run_of(), status="exited", due_at=None))
    (item,) = aws.items()
    assert not {table.DUE_KEY, table.DUE_AT} & set(item)


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
