"""The nurture_send function under moto: by which playbook a run goes, what is dropped, and what a pause of mailing does."""

import json

import pytest

from functions.nurture_send.handler import handler
from shared import table
from shared.aws import mail_control, playbooks
from shared.bundle import playbook_document
from shared.instants import DAY, HOUR, MINUTE, parse_instant
from shared.mailing import Counted
from tests.conftest import Aws, Context
from tests.nurture_world import (
    NOW,
    TRACKS,
    a_run,
    batch,
    confirm_order,
    deliver,
    enrolled,
    fail_ses,
    forget,
    mails,
    order,
    run_of,
    send_items,
    use_playbook,
)


@pytest.fixture(autouse=True)
def _playbook(playbook, tmp_path, monkeypatch):
    use_playbook(tmp_path, monkeypatch)
    yield
    forget()


def test_a_run_ends_only_once_its_last_mail_was_answered(aws: Aws, context: Context, monkeypatch):
    """A mail that SES would not take now is planned again; nobody may have heard by then that the track was over."""
    enrolled(run=a_run(step=3))
    with monkeypatch.context() as patch:
        fail_ses(patch, "Throttling")
        deliver(context, order(step=3))
    assert (run_of().status, run_of().step, run_of().due_at) == ("active", 3, NOW + 15 * MINUTE)
    assert not any(item[table.SK].startswith(table.CHANGE_PREFIX) for item in aws.items())
    deliver(context, order(step=3, at=NOW + 15 * MINUTE))
    assert (run_of().status, run_of().reason) == ("done", "every mail of the track was planned")
    assert sum(item[table.SK].startswith(table.CHANGE_PREFIX) for item in aws.items()) == 1
    assert len(mails()) == 1


def test_a_run_goes_by_the_track_it_entered_and_by_the_hours_in_force(
    aws: Aws, context: Context, tmp_path, monkeypatch
):
    """The track was edited since: who is inside goes on as it was; when, and with which words, is said by today's."""
    enrolled(run=a_run(playbook="before"))
    before = json.loads(json.dumps(playbook_document()))
    before["bundle"] = "before"
    before["tracks"]["awareness"]["steps"] = [_one("old-words", 0), _one("awareness-3", 3 * DAY)]
    before["templates"]["old-words"] = {**before["templates"]["awareness-1"], "subject": "Words of then"}
    before["templates"]["awareness-3"] = {**before["templates"]["awareness-3"], "subject": "Not these"}
    playbooks.put(before, by="test")
    document = use_playbook(tmp_path, monkeypatch, quiet={"from": "08:00", "to": "15:00"})
    deliver(context, order())
    opens = parse_instant("2026-11-18T14:00:00Z")
    assert (mails(), run_of().due_at) == ([], opens)
    deliver(context, order(at=opens))
    assert run_of().due_at == opens + 3 * DAY
    monday = parse_instant("2026-11-23T14:00:00Z")
    deliver(context, order(step=1, at=monday))
    assert [mail["subject"] for mail in mails()] == ["Words of then", document["templates"]["awareness-3"]["subject"]]
    assert run_of().status == "done"


def test_a_track_that_is_gone_ends_its_runs(aws: Aws, context: Context, tmp_path, monkeypatch):
    enrolled()
    use_playbook(tmp_path, monkeypatch, tracks={})
    deliver(context, order())
    assert (run_of().status, run_of().reason) == ("exited", "the track is no longer in the playbook")


def _one(content: str, delay: int, **said) -> dict:
    return {"delay_seconds": delay, "channel": "mail", "choices": [{"content": content}], **said}


def test_an_arm_is_kept_on_the_send(aws: Aws, context: Context, tmp_path, monkeypatch):
    arms = [{"name": "only", "content": "awareness-2", "weight": 1}]
    test = {"name": "t", "measure": "clicks", "arms": arms, "least": 100, "confidence": 95, "guard": 1.0}
    step = {"delay_seconds": 0, "channel": "mail", "choices": [], "test": test}
    use_playbook(tmp_path, monkeypatch, tracks={"awareness": {**TRACKS["awareness"], "steps": [step]}})
    enrolled()
    deliver(context, order())
    (item,) = send_items(aws)
    assert (item["state"], item["content"], item["arm"]) == ("sent", "awareness-2", "only")


def test_a_stale_mail_is_dropped_and_the_next_one_goes(aws: Aws, context: Context):
    """Mailing was paused for a fortnight: what was due then is not news any more."""
    enrolled()
    late = NOW + 14 * DAY
    deliver(context, order(at=late), order(step=1, at=late))
    first, second = send_items(aws)
    assert (first["state"], first["reason"]) == ("skipped", "stale: first due 14 days ago")
    assert (second["state"], second["content"]) == ("sent", "awareness-2")


def test_while_mailing_is_paused_nothing_goes_and_nothing_is_lost(aws: Aws, context: Context):
    enrolled()
    mail_control.pause(NOW, by="helena", reason="bought list")
    before = aws.items()
    deliver(context, order())
    assert handler(batch(confirm_order()), context) == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert (mails(), aws.items()) == ([], before)
    mail_control.resume(NOW + HOUR, by="helena")
    deliver(context, order(at=NOW + HOUR))
    assert len(mails()) == 1


def test_mails_that_went_out_are_counted_by_the_hour(aws: Aws, context: Context, monkeypatch):
    enrolled()
    deliver(context, order(), order())
    assert mail_control.counted(NOW - DAY, NOW) == Counted(1, 0, 0)
    with monkeypatch.context() as patch:
        fail_ses(patch, "MessageRejected")
        deliver(context, order(step=1, at=NOW + 7 * DAY))
    assert mail_control.counted(NOW - DAY, NOW + 7 * DAY) == Counted(1, 0, 0)


@pytest.mark.parametrize("planned", [NOW + 30 * DAY, NOW + 1])
def test_an_order_that_comes_late_sends_nothing_that_was_put_off_meanwhile(aws: Aws, context: Context, planned):
    """Sales took the lead and sent it back with a cool-down while the order lay on the queue."""
    enrolled(run=a_run(due_at=planned))
    deliver(context, order())
    assert (mails(), run_of().step, run_of().due_at) == ([], 0, planned)
    deliver(context, order(at=planned))
    assert run_of().step == 1
