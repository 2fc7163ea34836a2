"""Runs that a merge brought together without any change that would tell of it: one of them mails the person."""

from dataclasses import replace

import pytest

from shared.aws import enrollments
from shared.instants import DAY
from shared.lead import Alias, Naming
from tests.conftest import Aws, Context
from tests.lead_items import save
from tests.nurture_world import (
    LEAD_ID,
    NOW,
    a_lead,
    a_run,
    consenting,
    deliver,
    forget,
    keep,
    mails,
    order,
    run_of,
    use_playbook,
)

OTHER = "bbbbbbbbbbbbbbbb"


@pytest.fixture(autouse=True)
def merged(aws: Aws, playbook, tmp_path, monkeypatch):
    bundle = use_playbook(tmp_path, monkeypatch)["bundle"]
    enrollments.save(a_run(playbook=bundle, entered_at=NOW - DAY))
    enrollments.save(a_run("decision", lead_id=OTHER, playbook=bundle, by="sales"))
    keep(a_lead(identities={"email#x": Naming(LEAD_ID, NOW, NOW), "user#u1": Naming(OTHER, NOW, NOW)}))
    save([Alias(OTHER, LEAD_ID, (), 1)])
    consenting()
    yield
    forget()


@pytest.mark.parametrize("turn", [0, 1])
def test_one_of_two_tracks_mails_and_the_other_waits(context: Context, turn):
    orders = [order(), order(track="decision", lead_id=OTHER)]
    for each in (orders[turn], orders[1 - turn], orders[turn]):
        deliver(context, each)
    assert len(mails()) == 1
    waits = run_of("decision", OTHER)
    assert (run_of().status, run_of().step) == ("active", 1)
    assert (waits.status, waits.step, waits.reason) == ("held", 0, "track awareness goes first")


def test_a_run_does_not_wait_for_one_that_ended_meanwhile(context: Context, monkeypatch):
    """What would have woken it has come and gone; it is decided again from what is there now."""
    hold = enrollments.hold

    def ended_meanwhile(run, first):
        monkeypatch.setattr(enrollments, "hold", hold)
        enrollments.save(replace(first, status="exited", due_at=None, ended_at=NOW))
        hold(run, first)

    monkeypatch.setattr(enrollments, "hold", ended_meanwhile)
    deliver(context, order(track="decision", lead_id=OTHER))
    assert run_of().status == "exited"
    assert (run_of("decision", OTHER).status, run_of("decision", OTHER).step) == ("active", 1)
    assert len(mails()) == 1
