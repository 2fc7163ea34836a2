"""The nurture_send function under moto: who gets what, what the mail looks like, and that it goes out once."""

import io
import re
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from functions.nurture_send.handler import handler
from shared import links, table
from shared.aws import addresses, clients, enrollments
from shared.aws.leads import save
from shared.handoff import Handoff, ScoreThen
from shared.instants import DAY, HOUR, MINUTE, instant_text, parse_instant
from shared.lead import Alias, Naming, Settled
from shared.mailing import PastSend, SendRef
from shared.telemetry import logger
from tests.conftest import SIGNING_SECRET, Aws, Context, sample
from tests.nurture_world import (
    ADDRESS,
    EMAIL_ADDRESS,
    LEAD_ID,
    LINKS,
    NOW,
    a_lead,
    a_run,
    address_item,
    batch,
    confirm_order,
    consenting,
    deliver,
    enrolled,
    forget,
    keep,
    mails,
    order,
    run_of,
    send_items,
    use_playbook,
)

OTHER = "bbbbbbbbbbbbbbbb"


@pytest.fixture(autouse=True)
def document(playbook, tmp_path, monkeypatch):
    yield use_playbook(tmp_path, monkeypatch)
    forget()


def parts(mail: Any) -> tuple[str, str]:
    text, html = (part.get_content().replace("\r\n", "\n") for part in mail.iter_parts())
    return text, html


def tokens(mail: Any, path: str) -> set[str]:
    return set(re.findall(rf"https://ripen\.example/{path}/([A-Za-z0-9_-]+)", "".join(parts(mail))))


def hand_over_to(owner: str, state: str = "open") -> None:
    from shared.aws import handoffs  # noqa: PLC0415 - only this helper writes handoffs

    handoff = Handoff(LEAD_ID, 1, 1, state, "high", owner, "r", NOW, (), ScoreThen(80_000, "A", 1))
    entry = handoffs.create_entry(handoff, None)["Put"]
    clients.dynamodb().put_item(TableName=entry["TableName"], Item=entry["Item"])


def test_the_sample_sends_the_first_mail_of_the_track(aws: Aws, context: Context, document):
    enrolled()
    assert handler(sample("sqs_sends"), context) == {"batchItemFailures": []}
    (mail,) = mails()
    assert mail["to"] == EMAIL_ADDRESS
    assert str(mail["from"]) == "Ripen <hello@ripen.example>"
    assert mail["subject"] == "What does the current way really cost?"
    (item,) = send_items(aws)
    assert (item["state"], item["content"], item["playbook"]) == ("sent", "awareness-1", document["bundle"])
    assert item["ses_message_id"]
    assert table.DUE_KEY not in item
    run = run_of()
    assert (run.step, run.status, run.due_at) == (1, "active", NOW + 7 * DAY)
    known = addresses.get_address(ADDRESS)
    assert known.sent == {"awareness#awareness-1": NOW}
    assert known.recent == (PastSend(NOW, f"{LEAD_ID}-1-0-awareness"),)


def test_the_same_message_twice_sends_once(aws: Aws, context: Context):
    enrolled()
    deliver(context, order(), order())
    before = aws.items()
    deliver(context, order())
    assert len(mails()) == 1
    assert aws.items() == before


def test_a_mail_carries_what_inboxes_and_feedback_need(aws: Aws, context: Context):
    enrolled()
    deliver(context, order())
    (mail,) = mails()
    (unsubscribe,) = tokens(mail, "u")
    send_id = f"{LEAD_ID}-1-0-awareness"
    assert mail["list-unsubscribe"] == f"<https://ripen.example/u/{unsubscribe}>"
    assert mail["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    assert links.read("unsubscribe", unsubscribe, SIGNING_SECRET) == links.Link("unsubscribe", send_id, ADDRESS)
    assert mail["x-ses-configuration-set"] == "mail"
    assert mail["x-ses-message-tags"] == f"send_id={send_id}, track=awareness, stage=test"
    assert mail["reply-to"] == "hello@ripen.example"
    clicks = {links.read("click", token, SIGNING_SECRET) for token in tokens(mail, "c")}
    assert clicks == {links.Link("click", send_id, LINKS["worksheet"])}
    (opened,) = tokens(mail, "o")
    assert links.read("open", opened, SIGNING_SECRET) == links.Link("open", send_id)
    text, html = parts(mail)
    for part in (text, html):
        assert "Ada" in part
        assert "Nordwind Logistics" in part
        assert "Sveavägen 1" in part
        assert "You get this because" in part
    everything = mail.as_bytes().decode("ascii")
    assert everything.lower().count(EMAIL_ADDRESS) == 1, "the address stands in the To header and nowhere else"


def test_what_an_unproven_source_said_is_not_printed(aws: Aws, context: Context):
    enrolled(lead=a_lead(proven={}, unproven={"first_name": "Eve", "company": "Evil Ltd"}))
    deliver(context, order())
    text, html = parts(mails()[0])
    assert not {"Eve", "Evil Ltd"} & {word for part in (text, html) for word in ("Eve", "Evil Ltd") if word in part}
    assert "Hi there," in text
    assert "your company" in text


def test_a_hostile_field_of_a_proven_source_stays_text(aws: Aws, context: Context):
    enrolled(lead=a_lead(proven={"first_name": "{{ 7 | times: 7 }}<b>", "company": "x\r\nBcc: eve"}))
    deliver(context, order())
    mail = mails()[0]
    text, html = parts(mail)
    assert "Hi {{ 7 | times: 7 }}<b>," in text
    assert "Hi {{ 7 | times: 7 }}&lt;b&gt;," in html
    assert mail["bcc"] is None


def test_a_rep_who_has_the_lead_signs_and_gets_the_answers(aws: Aws, context: Context):
    qualified = a_lead(settled=Settled(band="early", stage="mql", qualified=True, qualification=1))
    enrolled(lead=qualified)
    hand_over_to("maria")
    deliver(context, order())
    (mail,) = mails()
    assert mail["reply-to"] == "maria@ripen.example"
    assert all("Maria Lindqvist" in part for part in parts(mail))


@pytest.mark.parametrize(("owner", "state"), [("left", "open"), ("maria", "closed")])
def test_without_a_rep_the_company_signs(aws: Aws, context: Context, owner, state):
    enrolled(lead=a_lead(settled=Settled(band="early", stage="mql", qualified=True, qualification=1)))
    hand_over_to(owner, state)
    deliver(context, order())
    (mail,) = mails()
    assert mail["reply-to"] == "hello@ripen.example"
    assert "Maria" not in "".join(parts(mail))


STOPS = {
    "unsubscribed": lambda: addresses.record_consent(ADDRESS, stopped_at=NOW),
    "suppressed: bounced": lambda: addresses.suppress(ADDRESS, "bounced", NOW),
    "suppressed: complained": lambda: addresses.suppress(ADDRESS, "complained", NOW),
    "band engaged": lambda: keep(a_lead(band="engaged")),
    "the lead is a customer": lambda: keep(a_lead(stage="customer")),
    "no address that can be mailed": lambda: keep(a_lead(email=None)),
}


@pytest.mark.parametrize("why", STOPS)
def test_who_must_not_be_mailed_is_not_and_the_run_ends(aws: Aws, context: Context, why):
    enrolled()
    STOPS[why]()
    deliver(context, order(), order())
    assert mails() == []
    assert send_items(aws) == []
    run = run_of()
    assert (run.status, run.reason, run.due_at, run.ended_at) == ("exited", why, None, NOW)


def test_while_sales_has_the_lead_the_run_is_paused(aws: Aws, context: Context):
    enrolled()
    clients.dynamodb().transact_write_items(TransactItems=[addresses.pause_entry(ADDRESS, f"{LEAD_ID}#1")])
    deliver(context, order(), order())
    assert mails() == []
    assert (run_of().status, run_of().reason) == ("paused", "sales has the lead")


def test_an_address_nobody_proved_waits(aws: Aws, context: Context):
    enrolled(consent=False)
    deliver(context, order())
    assert mails() == []
    assert (run_of().status, run_of().due_at, run_of().reason) == ("active", NOW + DAY, "unproven")
    consenting()
    deliver(context, order(at=NOW + DAY))
    assert len(mails()) == 1


def test_consent_is_that_of_the_address_that_would_be_used(aws: Aws, context: Context):
    """The lead changed its address; what the old one allowed says nothing of the new one."""
    enrolled(lead=a_lead(email="new@example.com"))
    deliver(context, order())
    assert mails() == []
    assert run_of().reason == "unproven"


def test_a_mail_waits_for_the_window_and_the_cap_and_is_not_asked_about_before(aws: Aws, context: Context):
    evening = parse_instant("2026-11-18T20:30:00Z")
    enrolled()
    deliver(context, order(at=evening))
    assert mails() == []
    opens = parse_instant("2026-11-19T07:00:00Z")
    assert (run_of().due_at, run_of().reason) == (opens, "quiet hours or weekday")
    deliver(context, order(at=opens))
    assert len(mails()) == 1
    enrollments.save(a_run("decision", due_at=opens))
    keep(a_lead(band="engaged"))
    deliver(context, order(track="decision", at=opens + HOUR))
    assert len(mails()) == 1
    assert (run_of("decision").due_at, run_of("decision").reason) == (opens + DAY, "frequency cap")


def test_the_cap_counts_all_leads_that_share_an_address(aws: Aws, context: Context):
    enrolled()
    keep(a_lead(OTHER))
    enrollments.save(a_run("decision", lead_id=OTHER))
    keep(a_lead(OTHER, band="engaged"))
    deliver(context, order(), order(track="decision", lead_id=OTHER))
    assert len(mails()) == 1
    assert run_of("decision", OTHER).reason == "frequency cap"


def test_what_the_address_received_before_is_skipped_with_a_reason(aws: Aws, context: Context):
    """The same person under another id, merged or not: the address remembers."""
    enrolled()
    deliver(context, order())
    keep(a_lead(OTHER))
    enrollments.save(a_run(lead_id=OTHER))
    deliver(context, order(lead_id=OTHER, at=NOW + 2 * DAY), order(lead_id=OTHER, at=NOW + 2 * DAY))
    assert len(mails()) == 1
    (item,) = send_items(aws, OTHER)
    assert (item["state"], item["reason"]) == ("skipped", "the address received it in an earlier run")
    assert (run_of(lead_id=OTHER).step, run_of(lead_id=OTHER).due_at) == (1, NOW + 7 * DAY)


def test_after_a_merge_the_older_run_goes_on_and_the_other_ends(aws: Aws, context: Context):
    consenting()
    enrollments.save(a_run(lead_id=OTHER, entered_at=NOW - 9 * DAY))
    enrollments.save(a_run())
    keep(a_lead(identities={"email#x": Naming(LEAD_ID, NOW, NOW), "user#u1": Naming(OTHER, NOW, NOW)}))
    save([Alias(OTHER, LEAD_ID, (), 1)], {}, [], {})
    deliver(context, order(), order(lead_id=OTHER), order(), order(lead_id=OTHER))
    assert len(mails()) == 1
    assert (run_of().status, run_of().reason) == ("exited", "an older run of this track goes on")
    assert (run_of(lead_id=OTHER).status, run_of(lead_id=OTHER).step) == ("active", 1)


def test_a_whole_track_goes_out_in_order_and_ends(aws: Aws, context: Context):
    enrolled()
    at = NOW
    for step in range(3):
        deliver(context, order(step=step, at=at), order(step=step, at=at))
        at = run_of().due_at or at
    assert [mail["subject"] for mail in mails()] == [
        "What does the current way really cost?",
        "Five questions to settle before you compare anything",
        "What others wish they had known in the first month",
    ]
    assert (run_of().status, run_of().due_at) == ("done", None)
    assert len(send_items(aws)) == 3


@pytest.mark.parametrize(
    "stale", [order(step=1), order(rotation=2), order(track="decision"), order(lead_id=OTHER)], ids=["step", "rotation", "track", "lead"]
)
def test_a_message_about_another_place_in_the_track_does_nothing(aws: Aws, context: Context, stale):
    enrolled()
    before = aws.items()
    deliver(context, stale)
    assert mails() == []
    assert aws.items() == before


def test_a_run_whose_lead_is_gone_ends(aws: Aws, context: Context):
    enrollments.save(a_run())
    deliver(context, order())
    assert (run_of().status, run_of().reason) == ("exited", "the lead is gone")


def fail_ses(monkeypatch, code: str | None = None) -> list[int]:
    """Let SES refuse with the code, or not answer at all. Returns a list that grows with every attempt."""
    asked: list[int] = []

    def fail(**_said):
        asked.append(1)
        if code is None:
            raise ReadTimeoutError(endpoint_url="https://email.example")
        raise clients.ses().exceptions.ClientError({"Error": {"Code": code, "Message": ""}}, "SendRawEmail")

    monkeypatch.setattr(clients.ses(), "send_raw_email", fail)
    return asked


def test_a_definite_refusal_is_recorded_and_not_tried_again(aws: Aws, context: Context, monkeypatch):
    enrolled()
    asked = fail_ses(monkeypatch, "MessageRejected")
    deliver(context, order(), order())
    (item,) = send_items(aws)
    assert (item["state"], item["reason"], len(asked)) == ("refused", "MessageRejected", 1)
    assert table.DUE_KEY not in item


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
        TransactItems=[addresses.pause_entry(ADDRESS, "h")]
    ),
    "leaves the track": lambda: enrollments.save(replace(run_of(), status="exited", due_at=None)),
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


def test_a_pause_that_ended_meanwhile_leaves_no_paused_run_behind(aws: Aws, context: Context, monkeypatch):
    """Sales rejects the lead between our read of the held address and our write of the paused run."""
    enrolled()
    transact, raced = clients.dynamodb().transact_write_items, []
    transact(TransactItems=[addresses.pause_entry(ADDRESS, "h")])

    def late(**said):
        if not raced:
            raced.append(1)
            transact(TransactItems=[addresses.resume_entry(ADDRESS, "h")])
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


def test_nothing_personal_is_logged(aws: Aws, context: Context, monkeypatch):
    said = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", said)
    enrolled()
    deliver(context, order())
    handler(batch({"schema": 1}), context)
    assert LEAD_ID in said.getvalue()
    assert "not carried out" in said.getvalue()
    for word in (EMAIL_ADDRESS, "Ada", "Nordwind"):
        assert word not in said.getvalue()


def unproven_lead() -> None:
    keep(a_lead(proven={}, unproven={"first_name": "Eve Mallory", "company": "Evil Ltd"}))


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
    keep(a_lead(OTHER, proven={}))
    for day in range(6):
        deliver(context, confirm_order(NOW + day * DAY), confirm_order(NOW + day * DAY, OTHER), confirm_order(NOW + day * DAY + HOUR))
    assert len(mails()) == 3


@pytest.mark.parametrize("why", ["unsubscribed", "suppressed: bounced"])
def test_who_said_no_is_not_asked(aws: Aws, context: Context, why):
    unproven_lead()
    STOPS[why]()
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
    keep(a_lead(email="new@example.com", proven={}))
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
