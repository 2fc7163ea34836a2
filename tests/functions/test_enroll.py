"""The enroll function under moto: what changes of leads and handoffs do to enrollments, once and again."""

from dataclasses import replace
from typing import Any

import pytest

from functions.enroll import handler as module
from functions.enroll.handler import handler
from shared import table
from shared.aws import enrollments
from shared.errors import ConflictError
from shared.handoff import Handoff, ScoreThen
from shared.instants import DAY, HOUR, instant_text
from shared.lead import Alias, Naming, Settled
from tests.conftest import Aws, Context, sample
from tests.lead_items import save
from tests.nurture_world import LEAD_ID, NOW, a_lead, a_run, forget, keep, run_of

OTHER = "bbbbbbbbbbbbbbbb"


@pytest.fixture(autouse=True)
def _playbook(playbook):
    forget()
    yield
    forget()


def changed(name: str = "band_changed", at: int = NOW, lead_id: str = LEAD_ID, **detail: Any) -> dict[str, Any]:
    """A sample of the bus about our lead; its change id follows from its detail."""
    event = sample(name)
    said = {**event["detail"], "lead_id": lead_id, "occurred_at": instant_text(at), **detail}
    unique = f"{said.get('handoff', 0)}#{said['version']}"
    return {
        **event,
        "detail": {**said, "change_id": f"{lead_id}:{said['occurred_at']}:{event['detail-type']}#{unique}"},
    }


def handed_off(state: str, version: int = 2, **said: Any) -> None:
    """Keep handoff 1 of the lead in a state."""
    from shared.aws import clients, handoffs  # noqa: PLC0415 - only this helper writes handoffs

    handoff = Handoff(
        lead_id=LEAD_ID, number=1, version=version, state=state, priority="high", owner="maria", reason="r",
        created_at=NOW, clocks=(), score=ScoreThen(80_000, "A", 1), **said,
    )  # fmt: skip
    entry = handoffs.create_entry(handoff, None)["Put"]
    clients.dynamodb().put_item(TableName=entry["TableName"], Item=entry["Item"])


def tracks(aws: Aws, lead_id: str = LEAD_ID) -> dict[str, str]:
    items = aws.items(table.lead_pk(lead_id))
    return {
        item[table.SK].removeprefix("TRACK#"): item["status"] for item in items if item[table.SK].startswith("TRACK#")
    }


def test_the_sample_enters_the_track_of_its_band(aws: Aws, context: Context, playbook):
    keep(a_lead())
    handler(sample("band_changed"), context)
    run = run_of()
    assert (run.status, run.step, run.rotation, run.due_at, run.playbook) == ("active", 0, 1, NOW, playbook["bundle"])


@pytest.mark.parametrize(
    "event",
    [changed(), changed("lead_qualified"), changed("confirmation_requested")],
    ids=lambda event: event["detail-type"],
)
def test_the_same_message_twice_changes_no_item(aws: Aws, context: Context, event):
    keep(a_lead())
    handler(event, context)
    before = aws.items()
    handler(event, context)
    assert aws.items() == before
    assert tracks(aws) == {"awareness": "active"}


def test_a_lead_that_moved_up_changes_tracks_whichever_message_comes_first(aws: Aws, context: Context):
    """Both messages are decided from the lead as it is now, so their order does not matter."""
    ends = []
    for number, order_of in enumerate(([1, 2], [2, 1], [2, 1, 2, 1])):
        lead_id = f"{'abc'[number]}" * 16
        keep(a_lead(lead_id))
        handler(changed(lead_id=lead_id, version=1), context)
        keep(a_lead(lead_id, band="engaged"))
        for version in order_of:
            handler(changed(lead_id=lead_id, at=NOW + HOUR, version=version), context)
        ends.append(tracks(aws, lead_id))
    assert ends == [{"awareness": "exited", "decision": "active"}] * 3


def test_nobody_without_an_address_is_enrolled(aws: Aws, context: Context):
    keep(a_lead(email=None))
    handler(changed(), context)
    assert tracks(aws) == {}


def test_a_lead_that_is_gone_is_passed_over(aws: Aws, context: Context):
    handler(changed(), context)
    assert aws.items() == []


def test_an_unproven_source_that_asks_is_enrolled_and_its_address_asked_to_confirm(aws: Aws, context: Context):
    keep(a_lead(proven={}, unproven={"first_name": "Eve"}))
    handler(changed("confirmation_requested"), context)
    assert tracks(aws) == {"awareness": "active"}
    (message,) = aws.messages(aws.sends_queue_url)
    assert message == {"schema": 1, "lead_id": LEAD_ID, "confirm": True, "as_of": instant_text(NOW)}


def test_only_a_request_to_confirm_queues_anything(aws: Aws, context: Context):
    keep(a_lead())
    handler(changed(), context)
    assert aws.messages(aws.sends_queue_url) == []


def test_an_accepted_lead_is_paused_and_a_rejected_one_returns_after_the_cool_down(aws: Aws, context: Context):
    keep(a_lead(band="sales_ready"))
    enrollments.save(a_run("decision"))
    accepted = changed("handoff_accepted", handoff=1, version=2)
    rejected = changed("handoff_rejected", at=NOW + HOUR, handoff=1, version=3, reason_code="not_ready")
    handed_off("accepted")
    handler(accepted, context)
    assert tracks(aws) == {"decision": "paused"}
    handed_off("rejected", 3)
    for event in (rejected, rejected, accepted):
        handler(event, context)
        assert tracks(aws) == {"awareness": "active", "decision": "exited"}
    run = run_of("awareness")
    assert (run.by, run.due_at, run.handoff) == ("sales", NOW + HOUR + 30 * DAY, (1, 3))


def test_a_late_acceptance_of_a_rejected_handoff_pauses_nothing(aws: Aws, context: Context):
    keep(a_lead())
    enrollments.save(a_run())
    handed_off("rejected", 3)
    handler(changed("handoff_accepted", handoff=1, version=2), context)
    assert tracks(aws) == {"awareness": "active"}


def test_a_message_about_a_handoff_that_is_gone_changes_nothing(aws: Aws, context: Context):
    keep(a_lead())
    enrollments.save(a_run())
    handler(changed("handoff_accepted", handoff=7, version=2), context)
    assert tracks(aws) == {"awareness": "active"}


def test_a_track_comes_again_after_its_cool_down(aws: Aws, context: Context):
    keep(a_lead())
    enrollments.save(a_run(status="done", due_at=None, ended_at=NOW - 180 * DAY, cause_version=0, step=3))
    handler(changed(at=NOW - 1), context)
    assert tracks(aws) == {"awareness": "done"}
    handler(changed(version=2), context)
    run = run_of()
    assert (run.status, run.rotation, run.step) == ("active", 2, 0)


def test_of_two_runs_that_a_merge_brought_together_the_older_goes_on(aws: Aws, context: Context):
    enrollments.save(a_run(lead_id=OTHER, entered_at=NOW - 9 * DAY))
    enrollments.save(a_run())
    merged = a_lead(identities={"email#x": Naming(LEAD_ID, NOW, NOW), "user#u1": Naming(OTHER, NOW, NOW)})
    keep(merged)
    save([Alias(OTHER, LEAD_ID, (), 1)])
    handler(changed(version=2), context)
    assert tracks(aws) == {"awareness": "exited"}
    assert tracks(aws, OTHER) == {"awareness": "active"}


def test_a_change_of_a_lead_that_was_merged_away_is_about_the_survivor(aws: Aws, context: Context):
    keep(a_lead(identities={"user#u1": Naming(OTHER, NOW, NOW)}))
    save([Alias(OTHER, LEAD_ID, (), 1)])
    handler(changed(lead_id=OTHER), context)
    assert tracks(aws) == {"awareness": "active"}
    assert tracks(aws, OTHER) == {}


def test_who_loses_a_race_decides_again(aws: Aws, context: Context, monkeypatch):
    """Between our read and our write the run moves on; the second round sees it."""
    keep(a_lead(band="engaged"))
    enrollments.save(a_run())
    decide = module._decide
    raced = []

    def decide_late(lead, change):
        runs = decide(lead, change)
        if not raced:
            raced.append(1)
            enrollments.save(replace(run_of(), step=1))
        return runs

    monkeypatch.setattr(module, "_decide", decide_late)
    handler(changed(version=2), context)
    assert tracks(aws) == {"awareness": "exited", "decision": "active"}
    assert run_of().step == 1


def test_a_race_that_never_ends_is_an_error(aws: Aws, context: Context, monkeypatch):
    keep(a_lead(band="engaged"))
    monkeypatch.setattr(module, "_decide", lambda lead, change: [a_run(version=9)])
    with pytest.raises(ConflictError):
        handler(changed(version=2), context)


def test_a_customer_enters_no_track(aws: Aws, context: Context):
    keep(a_lead(settled=Settled(band="early", stage="customer")))
    handler(changed(), context)
    assert tracks(aws) == {}
