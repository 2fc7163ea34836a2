"""The nurture_send function under moto: mails that ask an unproven address to confirm."""

import pytest

from functions.nurture_send.handler import handler
from shared import links
from shared.aws import addresses, sends
from shared.instants import DAY, HOUR
from shared.mailing import SendRef
from tests.conftest import SIGNING_SECRET, Aws, Context
from tests.nurture_world import (
    ADDRESS,
    EMAIL_ADDRESS,
    LEAD_ID,
    NOW,
    a_lead,
    batch,
    confirm_order,
    consenting,
    deliver,
    fail_ses,
    forget,
    keep,
    mails,
    parts,
    send_items,
    tokens,
    use_playbook,
)

OTHER = "bbbbbbbbbbbbbbbb"


@pytest.fixture(autouse=True)
def _playbook(playbook, tmp_path, monkeypatch):
    use_playbook(tmp_path, monkeypatch)
    yield
    forget()


def unproven_lead() -> None:
    keep(a_lead(email_proven=False, proven={}, unproven={"first_name": "Eve Mallory", "company": "Evil Ltd"}))


def test_an_unproven_address_is_asked_once_with_nothing_anybody_said(aws: Aws, context: Context):
    unproven_lead()
    deliver(context, confirm_order(), confirm_order())
    (mail,) = mails()
    assert mail["subject"] == "Please confirm that you want mail from Ripen"
    (token,) = tokens(mail, "y")
    link = links.read("confirm", token, SIGNING_SECRET)
    assert link is not None
    assert link.target == ADDRESS
    ref = SendRef.parse(link.send_id)
    assert ref is not None
    assert ref.lead_id == LEAD_ID
    assert tokens(mail, "u")
    assert not tokens(mail, "o") | tokens(mail, "c"), "who did not say yes is not watched"
    assert mail["x-ses-message-tags"].endswith("track=confirm, stage=test")
    words = "".join(parts(mail)) + mail.as_string()
    assert not any(word in words for word in ("Eve", "Mallory", "Evil"))
    assert [item["state"] for item in send_items(aws)] == ["sent"]


def test_an_address_is_asked_once_a_day_and_three_times_ever_whoever_asks(aws: Aws, context: Context):
    unproven_lead()
    keep(a_lead(OTHER, email_proven=False, proven={}))
    for day in range(6):
        deliver(
            context,
            confirm_order(NOW + day * DAY),
            confirm_order(NOW + day * DAY, OTHER),
            confirm_order(NOW + day * DAY + HOUR),
        )
    assert len(mails()) == 3


def test_who_said_no_is_not_asked(aws: Aws, context: Context):
    unproven_lead()
    addresses.record_consent(ADDRESS, stopped_at=NOW - 1)
    deliver(context, confirm_order())
    addresses.suppress(ADDRESS, "bounced", NOW)
    deliver(context, confirm_order())
    assert mails() == []


def test_nobody_is_asked_who_is_proven_gone_or_without_address(aws: Aws, context: Context):
    deliver(context, confirm_order())
    keep(a_lead(email=None))
    deliver(context, confirm_order())
    keep(a_lead())
    consenting()
    deliver(context, confirm_order())
    assert mails() == []


def test_a_lead_that_changes_its_address_is_asked_at_the_new_one(aws: Aws, context: Context):
    unproven_lead()
    deliver(context, confirm_order())
    keep(a_lead(email="new@example.com", email_proven=False, proven={}))
    deliver(context, confirm_order())
    assert [mail["to"] for mail in mails()] == [EMAIL_ADDRESS, "new@example.com"]


def test_a_confirmation_ses_would_not_take_now_is_asked_again(aws: Aws, context: Context, monkeypatch):
    unproven_lead()
    with monkeypatch.context() as patch:
        fail_ses(patch, "Throttling")
        assert handler(batch(confirm_order()), context) == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    deliver(context, confirm_order())
    assert len(mails()) == 1
    assert len(addresses.get_address(ADDRESS).confirmations) == 1


NAMES = ("ada+1@example.com", "ada+2@example.com", "Ada+3@example.com", "ada@example.com", "ada+@example.com")


def test_a_mailbox_with_many_names_is_asked_once_a_day_and_three_times_ever(aws: Aws, context: Context):
    leads = [f"{letter * 16}" for letter in "bcdef"]
    for lead_id, email in zip(leads, NAMES, strict=True):
        keep(a_lead(lead_id, email=email, email_proven=False, proven={}))
    for day in range(6):
        deliver(context, *(confirm_order(NOW + day * DAY + number, each) for number, each in enumerate(leads)))
        assert len(mails()) == min(day + 1, 3)


def test_a_claim_ses_gave_back_is_given_back_on_the_mailbox_too(aws: Aws, context: Context, monkeypatch):
    keep(a_lead(email="ada+1@example.com", email_proven=False, proven={}))
    with monkeypatch.context() as patch:
        fail_ses(patch, "Throttling")
        handler(batch(confirm_order()), context)
    assert addresses.get_address(ADDRESS).confirmations == ()
    deliver(context, confirm_order(), confirm_order())
    assert len(mails()) == len(addresses.get_address(ADDRESS).confirmations) == 1


def test_two_names_of_a_mailbox_at_once_get_one_mail(aws: Aws, context: Context, monkeypatch):
    keep(a_lead(email="ada+1@example.com", email_proven=False, proven={}))
    keep(a_lead(OTHER, email="ada+2@example.com", email_proven=False, proven={}))
    claim, raced = sends.claim_confirmation, []

    def late(*args, **said):
        if not raced:
            raced.append(True)
            deliver(context, confirm_order(NOW, OTHER))
        return claim(*args, **said)

    monkeypatch.setattr(sends, "claim_confirmation", late)
    deliver(context, confirm_order())
    assert [mail["to"] for mail in mails()] == ["ada+2@example.com"]


def test_an_order_that_comes_back_days_later_asks_no_more_than_it_would_have(aws: Aws, context: Context):
    unproven_lead()
    deliver(context, confirm_order(NOW + 5 * DAY), confirm_order(NOW), confirm_order(NOW + 5 * DAY + HOUR))
    assert len(mails()) == 1
