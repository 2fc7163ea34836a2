"""The nurture sweep under moto: it queues what is due once, and tells of claims nobody settled."""

from dataclasses import replace

import pytest

from functions.nurture_sweep import handler as module
from functions.nurture_sweep import releasing
from functions.nurture_sweep.handler import NurtureSweepError, handler
from shared import table
from shared.aws import addresses, clients, enrollments, queue, sends
from shared.aws.due import due_entries
from shared.aws.sends import Said
from shared.instants import DAY, HOUR, MINUTE, instant_text
from shared.mailing import PastSend, SendRef
from tests.conftest import Aws, Context, sample
from tests.nurture_world import ADDRESS, LEAD_ID, NOW, a_run, consenting, order, run_of, send_items

LEADS = [letter * 16 for letter in "abcdefghijklmnopqrstuvw"]


def tick(at: int = NOW) -> dict:
    return {**sample("schedule_nurture_sweep"), "time": instant_text(at)}


def claimed(lead_id: str = LEAD_ID, at: int = NOW) -> SendRef:
    """Claim the first mail of a lead's run and leave it there."""
    ref = SendRef(lead_id, "awareness", 1, 0)
    enrollments.save(a_run(lead_id=lead_id))
    run = run_of(lead_id=lead_id)
    address = addresses.get_address(ADDRESS)
    assert sends.claim(
        ref, said=Said("a-1", "p"), at=at, address=address, recent=(PastSend(at, ref.send_id),), run=run
    ) == "claimed"  # fmt: skip
    return ref


def test_what_is_due_is_queued_and_leased(aws: Aws, context: Context):
    enrollments.save(a_run())
    enrollments.save(a_run("decision", due_at=NOW + 1))
    handler(sample("schedule_nurture_sweep"), context)
    assert aws.messages(aws.sends_queue_url) == [order()]
    assert run_of().due_at == NOW
    handler(tick(NOW + 15 * MINUTE - 1), context)
    assert [message["track"] for message in aws.messages(aws.sends_queue_url)] == ["decision"]


def test_the_same_tick_twice_queues_once(aws: Aws, context: Context):
    enrollments.save(a_run())
    handler(tick(), context)
    handler(tick(), context)
    assert len(aws.messages(aws.sends_queue_url)) == 1


def test_two_sweeps_that_saw_the_same_entry_queue_it_once(aws: Aws, context: Context, monkeypatch):
    enrollments.save(a_run())
    seen = list(due_entries(table.NURTURE, NOW))
    monkeypatch.setattr(releasing, "due_between", lambda kind, shard, *_: iter(seen if shard == 0 else []))
    handler(tick(), context)
    handler(tick(), context)
    assert len(aws.messages(aws.sends_queue_url)) == 1


def test_what_was_queued_and_not_done_comes_back_later_and_later(aws: Aws, context: Context):
    enrollments.save(a_run())
    for minutes in range(0, 240, 5):
        handler(tick(NOW + minutes * MINUTE), context)
    queued = [message["as_of"] for message in aws.messages(aws.sends_queue_url)]
    assert queued == [instant_text(NOW + minutes * MINUTE) for minutes in (0, 15, 45, 105, 225)]
    enrollments.save(replace(run_of(), due_at=NOW + DAY))  # somebody decided about it: it starts anew
    for minutes in (0, 15):
        handler(tick(NOW + DAY + minutes * MINUTE), context)
    assert len(aws.messages(aws.sends_queue_url)) == 2


def test_more_than_ten_go_out_in_tens(aws: Aws, context: Context):
    for lead_id in LEADS:
        enrollments.save(a_run(lead_id=lead_id))
    handler(tick(), context)
    assert sorted(message["lead_id"] for message in aws.messages(aws.sends_queue_url)) == LEADS


def test_one_entry_that_fails_does_not_keep_the_others(aws: Aws, context: Context, monkeypatch):
    for lead_id in LEADS[:5]:
        enrollments.save(a_run(lead_id=lead_id))
    lease = enrollments.lease

    def failing(lead_id, track, now):
        if lead_id == LEADS[2]:
            raise RuntimeError("broken item")
        return lease(lead_id, track, now)

    monkeypatch.setattr(releasing.enrollments, "lease", failing)
    with pytest.raises(NurtureSweepError, match="1 mails not queued"):
        handler(tick(), context)
    queued = {message["lead_id"] for message in aws.messages(aws.sends_queue_url)}
    assert queued == set(LEADS[:5]) - {LEADS[2]}


def test_ten_that_cannot_be_queued_do_not_keep_the_next_ten(aws: Aws, context: Context, monkeypatch):
    for lead_id in LEADS:
        enrollments.save(a_run(lead_id=lead_id))
    send_all, calls = queue.send_all, []

    def failing(url, messages, **said):
        calls.append(len(messages))
        if len(calls) == 1:
            raise RuntimeError("queue is away")
        send_all(url, messages, **said)

    monkeypatch.setattr(queue, "send_all", failing)
    with pytest.raises(NurtureSweepError, match="10 mails not queued"):
        handler(tick(), context)
    assert calls == [10, 10, 3]
    assert len(aws.messages(aws.sends_queue_url)) == 13


def test_a_claim_nobody_settled_is_parked_and_told_once(aws: Aws, context: Context):
    consenting()
    refs = [claimed(lead_id) for lead_id in LEADS[:3]]
    sends.settle(refs[1], "unknown", reason="ReadTimeoutError")
    sends.settle(refs[2], "sent", message_id="m")
    handler(tick(NOW + 15 * MINUTE - 1), context)
    assert aws.messages(aws.operations_queue_url) == []
    handler(tick(NOW + 15 * MINUTE), context)
    handler(tick(NOW + 20 * MINUTE), context)
    (notice,) = aws.messages(aws.operations_queue_url)
    assert notice["Subject"] == "2 messages with an unknown outcome"
    told = {line for line in notice["Message"].splitlines() if line.count("-") == 3}
    assert told == {ref.send_id for ref in refs[:2]}
    assert "@" not in notice["Message"]
    states = [send_items(aws, lead_id)[0]["state"] for lead_id in LEADS[:3]]
    assert states == ["parked", "parked", "sent"]
    assert not any(item.get(table.DUE_KEY, "").startswith(table.CLAIM) for item in aws.items())


def test_a_send_event_that_comes_after_all_settles_a_parked_mail(aws: Aws, context: Context):
    consenting()
    ref = claimed()
    handler(tick(NOW + HOUR), context)
    assert sends.settle(ref, "sent", message_id="m")
    assert send_items(aws)[0]["state"] == "sent"


def test_a_notice_that_cannot_be_told_parks_nothing(aws: Aws, context: Context, monkeypatch):
    """Told first, parked second: nobody must find a parked mail that no person heard of."""
    consenting()
    claimed()
    publish = module.topics.publish

    def failing(*_args, **_said):
        raise RuntimeError("topic is away")

    monkeypatch.setattr(module.topics, "publish", failing)
    with pytest.raises(RuntimeError):
        handler(tick(NOW + HOUR), context)
    assert send_items(aws)[0]["state"] == "claimed"
    monkeypatch.setattr(module.topics, "publish", publish)
    handler(tick(NOW + HOUR), context)
    assert send_items(aws)[0]["state"] == "parked"
    assert len(aws.messages(aws.operations_queue_url)) == 1


def test_one_claim_that_cannot_be_parked_does_not_keep_the_others(aws: Aws, context: Context, monkeypatch):
    consenting()
    refs = [claimed(lead_id) for lead_id in LEADS[:3]]
    settle = sends.settle

    def failing(ref, state):
        if ref == refs[0]:
            raise RuntimeError("broken item")
        return settle(ref, state)

    monkeypatch.setattr(module.sends, "settle", failing)
    with pytest.raises(NurtureSweepError, match="1 claims not parked"):
        handler(tick(NOW + HOUR), context)
    assert [send_items(aws, ref.lead_id)[0]["state"] for ref in refs] == ["claimed", "parked", "parked"]


def test_a_run_that_ended_since_it_was_indexed_is_not_queued(aws: Aws, context: Context, monkeypatch):
    enrollments.save(a_run())
    seen = list(due_entries(table.NURTURE, NOW))
    monkeypatch.setattr(releasing, "due_between", lambda kind, shard, *_: iter(seen if shard == 0 else []))
    enrollments.save(replace(run_of(), status="exited", due_at=None, ended_at=NOW))
    handler(tick(), context)
    assert aws.messages(aws.sends_queue_url) == []


def test_a_run_that_changed_while_it_was_leased_is_not_queued(aws: Aws, context: Context, monkeypatch):
    enrollments.save(a_run())
    update = clients.dynamodb().update_item

    def late(**said):
        enrollments.save(replace(run_of(), reason="somebody was faster"))
        return update(**said)

    monkeypatch.setattr(clients.dynamodb(), "update_item", late)
    handler(tick(), context)
    assert aws.messages(aws.sends_queue_url) == []
