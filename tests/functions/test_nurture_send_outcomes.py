"""The nurture_send function under moto: what SES answers, and who changes what while a mail is being decided."""

from dataclasses import replace

import pytest

from functions.nurture_send.handler import handler
from shared import table
from shared.aws import addresses, clients, enrollments
from shared.instants import MINUTE, instant_text
from tests.conftest import Aws, Context
from tests.nurture_world import (
    ADDRESS,
    LEAD_ID,
    NOW,
    address_item,
    batch,
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


def test_a_definite_refusal_is_recorded_and_not_tried_again(aws: Aws, context: Context, monkeypatch):
    enrolled()
    asked = fail_ses(monkeypatch, "MessageRejected")
    deliver(context, order(), order())
    (item,) = send_items(aws)
    assert (item["state"], item["reason"], len(asked)) == ("refused", "MessageRejected", 1)
    assert item[table.DUE_KEY].startswith(f"{table.SENT}#awareness#")


def test_no_answer_leaves_the_mail_unknown_and_it_is_never_sent_again(aws: Aws, context: Context, monkeypatch):
    enrolled()
    asked = fail_ses(monkeypatch)
    deliver(context, order(), order())
    (item,) = send_items(aws)
    assert (item["state"], item["reason"], len(asked)) == ("unknown", "ReadTimeoutError", 1)
    assert item[table.DUE_AT] == instant_text(NOW + 15 * MINUTE)


def test_a_mail_ses_would_not_take_now_goes_out_later(aws: Aws, context: Context, monkeypatch):
    enrolled()
    with monkeypatch.context() as patch:
        asked = fail_ses(patch, "Throttling")
        deliver(context, order())
    assert (run_of().step, run_of().due_at, run_of().reason) == (0, NOW + 15 * MINUTE, "the channel said Throttling")
    assert len(asked) == 1
    assert address_item(aws)["recent"] == []
    deliver(context, order(at=NOW + 15 * MINUTE))
    assert len(mails()) == 1
    assert [item["state"] for item in send_items(aws)] == ["sent"]


def test_a_mail_ses_would_not_take_now_is_refused_for_good_when_the_address_changed_meanwhile(
    aws: Aws, context: Context, monkeypatch
):
    enrolled()
    asked = fail_ses(monkeypatch, "Throttling")
    fail = clients.ses().send_raw_email

    def stop_and_fail(**said):
        addresses.record_consent(ADDRESS, stopped_at=NOW)
        fail(**said)

    monkeypatch.setattr(clients.ses(), "send_raw_email", stop_and_fail)
    deliver(context, order(), order())
    assert [item["state"] for item in send_items(aws)] == ["refused"]
    assert len(asked) == 1


RACES = {
    "unsubscribes": lambda: addresses.record_consent(ADDRESS, stopped_at=NOW),
    "bounces": lambda: addresses.suppress(ADDRESS, "bounced", NOW),
    "is taken by sales": lambda: clients.dynamodb().transact_write_items(
        TransactItems=[addresses.pause_entry(ADDRESS, f"{LEAD_ID}#1")]
    ),
    "leaves the track": lambda: enrollments.save(replace(run_of(), status="exited", due_at=None, ended_at=NOW)),
}


@pytest.mark.parametrize("race", RACES)
def test_whoever_changes_between_decision_and_claim_is_not_mailed(aws: Aws, context: Context, race, monkeypatch):
    enrolled()
    transact, raced = clients.dynamodb().transact_write_items, []

    def late(**said):
        if not raced:
            raced.append(1)
            monkeypatch.setattr(clients.dynamodb(), "transact_write_items", transact)
            RACES[race]()
        return transact(**said)

    monkeypatch.setattr(clients.dynamodb(), "transact_write_items", late)
    deliver(context, order())
    assert raced
    assert mails() == []
    assert run_of().status in ("exited", "paused")


def test_two_copies_of_a_message_at_the_same_moment_send_one_mail(aws: Aws, context: Context, monkeypatch):
    """Both have read and decided when the first one claims."""
    enrolled()
    transact, raced = clients.dynamodb().transact_write_items, []

    def late(**said):
        if not raced:
            raced.append(1)
            deliver(context, order())
        return transact(**said)

    monkeypatch.setattr(clients.dynamodb(), "transact_write_items", late)
    deliver(context, order())
    assert raced
    assert len(mails()) == 1
    assert run_of().step == 1


def test_a_pause_that_ended_meanwhile_leaves_no_paused_run_behind(aws: Aws, context: Context, monkeypatch):
    """Sales rejects the lead between our read of the held address and our write of the paused run."""
    enrolled()
    transact, raced = clients.dynamodb().transact_write_items, []
    transact(TransactItems=[addresses.pause_entry(ADDRESS, f"{LEAD_ID}#1")])

    def late(**said):
        if not raced:
            raced.append(1)
            transact(TransactItems=[addresses.resume_entry(ADDRESS, f"{LEAD_ID}#1")])
        return transact(**said)

    monkeypatch.setattr(clients.dynamodb(), "transact_write_items", late)
    deliver(context, order())
    assert len(mails()) == 1
    assert run_of().status == "active"


def test_an_address_that_keeps_changing_sends_the_message_back(aws: Aws, context: Context, monkeypatch):
    enrolled()
    transact = clients.dynamodb().transact_write_items
    times = iter(range(100))

    def late(**said):
        addresses.record_consent(ADDRESS, opted_in_at=NOW + next(times))
        return transact(**said)

    monkeypatch.setattr(clients.dynamodb(), "transact_write_items", late)
    assert handler(batch(order()), context) == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert mails() == []
    assert send_items(aws) == []


def test_one_message_that_fails_goes_back_alone(aws: Aws, context: Context):
    enrolled()
    answer = handler(batch({"schema": 1}, order(), {**order(), "as_of": "yesterday"}), context)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}, {"itemIdentifier": "m2"}]}
    assert len(mails()) == 1


def test_a_mail_that_cannot_be_written_claims_nothing(aws: Aws, context: Context, tmp_path, monkeypatch):
    document = use_playbook(tmp_path, monkeypatch, links={})
    assert document["mail"]["links"] == {}
    enrolled()
    assert handler(batch(order()), context) == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert mails() == []
    assert send_items(aws) == []
    assert run_of().step == 0
