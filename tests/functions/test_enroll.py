"""The enroll function under moto: what changes of leads and handoffs do to enrollments, once and again."""

import json
from dataclasses import replace
from typing import Any

import pytest

from functions.enroll import handler as module
from functions.enroll.handler import handler
from shared import table
from shared.aws import enrollments, playbooks
from shared.errors import ConflictError
from shared.handoff import Handoff, ScoreThen
from shared.instants import DAY, HOUR, instant_text
from shared.lead import Alias, Naming, Settled
from tests.conftest import Aws, Context, sample
from tests.lead_items import save
from tests.nurture_world import LEAD_ID, NOW, TRACKS, a_lead, a_run, forget, keep, run_of, use_playbook

OTHER = "bbbbbbbbbbbbbbbb"


EXTRA = {
    "deep_dive": {
        "label": "Deep dive", "bands": [], "priority": 30, "starts_with": ["pricing_spree"], "cool_down_seconds": 90 * DAY,
        "steps": [{"delay_seconds": HOUR, "channel": "mail", "choices": [{"content": "deep-dive-1"}]}],
    },
    "later": {
        "label": "Later", "bands": [], "cool_down_seconds": 90 * DAY,
        "steps": [{"delay_seconds": 30 * DAY, "channel": "mail", "choices": [{"content": "long-term-1"}]}],
    },
}  # fmt: skip


@pytest.fixture(autouse=True)
def in_force(playbook, tmp_path, monkeypatch):
    yield use_playbook(tmp_path, monkeypatch, tracks={**TRACKS, **EXTRA})
    forget()


def with_track(in_force: dict[str, Any], tmp_path, monkeypatch, track: str, **said: Any) -> None:
    """Put a playbook in force whose track says something else."""
    tracks = {**in_force["tracks"], track: {**in_force["tracks"][track], **said}}
    use_playbook(tmp_path, monkeypatch, tracks=tracks)


def told(aws: Aws, lead_id: str = LEAD_ID) -> list[dict[str, Any]]:
    """What the outbox tells of the lead's runs that ended, as the bus would carry it."""
    return [
        {**sample("track_ended"), "detail": json.loads(item["detail"])}
        for item in aws.items(table.lead_pk(lead_id))
        if item[table.SK].startswith(table.CHANGE_PREFIX) and item["detail_type"] == "TrackEnded"
    ]


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
    [
        changed(),
        changed("lead_qualified"),
        changed("confirmation_requested"),
    ],
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


@pytest.mark.parametrize("event", [sample("lead_mailable"), changed("lead_mailable")], ids=["sample", "ours"])
def test_a_lead_that_can_be_mailed_now_enters_the_track_of_its_band(aws: Aws, context: Context, event):
    lead_id = event["detail"]["lead_id"]
    keep(a_lead(lead_id))
    for _ in range(2):
        handler(event, context)
        assert tracks(aws, lead_id) == {"awareness": "active"}


def test_whom_sales_sent_stays_where_it_is_when_it_asks_for_mail(aws: Aws, context: Context):
    keep(a_lead(band="engaged"))
    enrollments.save(a_run(by="sales", cause_version=0))
    for name in ("lead_mailable", "confirmation_requested"):
        handler(changed(name, version=2), context)
        assert run_of().status == "active"


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


def pricing_spree(at: int = NOW, **said: Any) -> dict[str, Any]:
    return changed("rule_triggered", at=at, rule="pricing_spree", **said)


def test_a_rule_that_triggered_brings_a_lead_into_its_track_and_what_ran_waits(aws: Aws, context: Context):
    keep(a_lead())
    handler(changed(), context)
    for _ in range(2):
        handler(pricing_spree(version=2), context)
        assert tracks(aws) == {"awareness": "held", "deep_dive": "active"}
    held, run = run_of(), run_of("deep_dive")
    assert (held.due_at, held.planned_at, held.reason) == (None, NOW, "track deep_dive goes first")
    assert (run.by, run.due_at) == ("rule", NOW + HOUR)


def test_a_rule_that_starts_no_track_changes_nothing(aws: Aws, context: Context):
    keep(a_lead())
    handler(changed("rule_triggered", rule="return_visit"), context)
    assert tracks(aws) == {}


def done(track: str, at: int) -> None:
    """The last mail of the run has gone out."""
    enrollments.save(replace(run_of(track), status="done", due_at=None, ended_at=at, reason="every mail was planned"))


def test_when_a_track_has_ended_what_waited_goes_on(aws: Aws, context: Context):
    keep(a_lead())
    handler(changed(), context)
    handler(pricing_spree(version=2), context)
    done("deep_dive", NOW + DAY)
    (ended,) = told(aws)
    for _ in range(2):
        handler(ended, context)
        assert tracks(aws) == {"awareness": "active", "deep_dive": "done"}
        assert run_of().due_at == NOW + DAY
    assert told(aws) == [ended]


def test_a_track_that_is_exhausted_is_followed_by_the_next(aws: Aws, context: Context, in_force, tmp_path, monkeypatch):
    with_track(in_force, tmp_path, monkeypatch, "awareness", next="later")
    keep(a_lead())
    handler(changed(), context)
    done("awareness", NOW + 40 * DAY)
    for _ in range(2):
        handler(told(aws)[0], context)
        assert tracks(aws) == {"awareness": "done", "later": "active"}
    assert (run_of("later").by, run_of("later").due_at) == ("track", NOW + 70 * DAY)


def test_the_sample_of_an_end_is_heard(aws: Aws, context: Context):
    event = sample("track_ended")
    keep(a_lead(event["detail"]["lead_id"]))
    handler(event, context)
    assert tracks(aws, event["detail"]["lead_id"]) == {}


def test_a_customer_leaves_every_track_and_each_end_is_told_once(aws: Aws, context: Context):
    keep(a_lead())
    handler(changed(), context)
    handler(pricing_spree(version=2), context)
    keep(a_lead(stage="customer"))
    for _ in range(2):
        handler(changed("stage_changed", at=NOW + HOUR, version=3), context)
        assert tracks(aws) == {"awareness": "exited", "deep_dive": "exited"}
        ends = {each["detail"]["track"]: each["detail"]["reason"] for each in told(aws)}
        assert ends == {"awareness": "the lead is a customer", "deep_dive": "the lead is a customer"}
        assert len(told(aws)) == 2


def test_a_goal_that_is_met_is_told_with_the_end(aws: Aws, context: Context, in_force, tmp_path, monkeypatch):
    with_track(in_force, tmp_path, monkeypatch, "awareness", goal={"qualified": True})
    keep(a_lead())
    handler(changed(), context)
    mql = a_lead(settled=Settled(band="early", stage="mql", qualified=True))
    keep(mql)
    handler(changed("lead_qualified", at=NOW + HOUR, version=2), context)
    assert (run_of().status, run_of().reason, run_of().goal_at) == ("exited", "goal met", NOW + HOUR)
    (ended,) = told(aws)
    assert (ended["detail"]["goal"], ended["detail"]["exhausted"]) == (True, False)
    keep(replace(mql, lead_id=OTHER))
    handler(changed(lead_id=OTHER), context)
    assert tracks(aws, OTHER) == {}


def test_who_is_in_a_track_that_is_edited_goes_on_by_the_playbook_they_entered_under(
    aws: Aws, context: Context, in_force, tmp_path, monkeypatch
):
    """The edit takes the goal away and gives the track to another band: it is for those who enter from then on."""
    before = {**in_force["tracks"], "awareness": {**in_force["tracks"]["awareness"], "goal": {"stage": ["mql"]}}}
    playbooks.put({**in_force, "bundle": "before-1", "tracks": before}, by="test")
    with_track(in_force, tmp_path, monkeypatch, "awareness", bands=["engaged"], priority=5)
    enrollments.save(a_run(playbook="before-1"))
    keep(a_lead())
    handler(changed(version=2), context)
    assert tracks(aws) == {"awareness": "active"}
    keep(a_lead(stage="mql"))
    handler(changed("stage_changed", at=NOW + HOUR, version=3), context)
    assert (run_of().status, run_of().reason) == ("exited", "goal met")
    keep(a_lead(OTHER))
    handler(changed(lead_id=OTHER), context)
    assert tracks(aws, OTHER) == {}


def test_who_is_in_a_track_that_is_taken_out_leaves_it(aws: Aws, context: Context, in_force, tmp_path, monkeypatch):
    playbooks.put({**in_force, "bundle": "before-1"}, by="test")
    enrollments.save(a_run("deep_dive", playbook="before-1"))
    keep(a_lead(band="sales_ready"))
    use_playbook(tmp_path, monkeypatch, tracks={name: in_force["tracks"][name] for name in TRACKS})
    handler(changed("stage_changed", version=2), context)
    assert (run_of("deep_dive").status, run_of("deep_dive").reason) == (
        "exited",
        "the track is no longer in the playbook",
    )


def test_of_two_tracks_that_a_merge_brought_together_one_goes_on(aws: Aws, context: Context):
    enrollments.save(a_run(lead_id=OTHER))
    enrollments.save(a_run("deep_dive"))
    keep(a_lead(identities={"email#x": Naming(LEAD_ID, NOW, NOW), "user#u1": Naming(OTHER, NOW, NOW)}))
    save([Alias(OTHER, LEAD_ID, (), 1)])
    handler(changed("stage_changed", version=2), context)
    assert (tracks(aws), tracks(aws, OTHER)) == ({"deep_dive": "active"}, {"awareness": "held"})


def test_of_two_tracks_that_begin_at_the_same_moment_one_goes_on(aws: Aws, context: Context, monkeypatch):
    """The other process reads before we write and writes after us, and we before it: neither sees the other's run."""
    keep(a_lead())
    put = enrollments.save
    meanwhile = [pricing_spree(version=2)]

    def save_late(run):
        if meanwhile:
            handler(meanwhile.pop(), context)
        put(run)

    monkeypatch.setattr(enrollments, "save", save_late)
    handler(changed(), context)
    assert tracks(aws) == {"awareness": "held", "deep_dive": "active"}


def test_what_begins_to_wait_while_that_which_it_waits_for_ends_goes_on(aws: Aws, context: Context, monkeypatch):
    """The end is told, and decided from, before the run that waits for it is written: nobody would wake it any more."""
    keep(a_lead())
    handler(pricing_spree(), context)
    put = enrollments.save

    def save_late(run):
        if run.status == "held" and run_of("deep_dive").status == "active":
            put(
                replace(
                    run_of("deep_dive"), status="done", due_at=None, ended_at=NOW + DAY, reason="every mail was planned"
                )
            )
            with monkeypatch.context() as meanwhile:
                meanwhile.setattr(enrollments, "save", put)
                handler(told(aws)[0], context)
        put(run)

    monkeypatch.setattr(enrollments, "save", save_late)
    handler(changed(version=2, at=NOW + DAY), context)
    assert tracks(aws) == {"awareness": "active", "deep_dive": "done"}


@pytest.mark.parametrize("writes", [1, 2])
def test_who_dies_between_two_writes_leaves_at_most_one_at_it_and_the_next_delivery_finishes(
    aws: Aws, context: Context, monkeypatch, writes
):
    keep(a_lead())
    handler(changed(), context)
    put, left = enrollments.save, [writes]

    def save_or_die(run):
        left[0] -= 1
        if not left[0]:
            raise ConnectionError
        put(run)

    with monkeypatch.context() as dying:
        dying.setattr(enrollments, "save", save_or_die)
        with pytest.raises(ConnectionError):
            handler(pricing_spree(version=2), context)
    assert list(tracks(aws).values()).count("active") <= 1
    handler(pricing_spree(version=2), context)
    assert tracks(aws) == {"awareness": "held", "deep_dive": "active"}


def test_a_lead_that_was_lost_and_qualified_again_before_we_heard_is_paused_no_longer(aws: Aws, context: Context):
    keep(a_lead(stage="mql"))
    enrollments.save(a_run(status="paused", due_at=None, ended_at=NOW, cause_version=0))
    handler(changed("stage_changed", version=2, to_stage="lost"), context)
    assert (run_of().status, run_of().reason) == ("exited", "sales closed it: lost")


def test_a_lead_that_was_lost_is_enrolled_again_only_by_its_band(aws: Aws, context: Context):
    keep(a_lead(stage="lost"))
    enrollments.save(a_run(status="paused", due_at=None, ended_at=NOW, cause_version=0))
    handler(changed("stage_changed", version=2), context)
    assert (run_of().status, run_of().reason) == ("exited", "sales closed it: lost")
