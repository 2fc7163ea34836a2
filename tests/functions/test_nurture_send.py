"""The nurture_send function under moto: who gets what, what the mail looks like, and that it goes out once."""

import io

import pytest

from functions.nurture_send.handler import handler
from shared import links, table
from shared.aws import addresses, clients, enrollments
from shared.handoff import Handoff, ScoreThen
from shared.instants import DAY, HOUR, instant_text, parse_instant
from shared.lead import Alias, Naming, Settled
from shared.mailing import PastSend
from shared.telemetry import logger
from tests.conftest import SIGNING_SECRET, Aws, Context, sample
from tests.lead_items import save
from tests.nurture_world import (
    ADDRESS,
    EMAIL_ADDRESS,
    LEAD_ID,
    LINKS,
    NOW,
    a_lead,
    a_run,
    batch,
    consenting,
    deliver,
    enrolled,
    forget,
    keep,
    mails,
    order,
    parts,
    run_of,
    send_items,
    tokens,
    use_playbook,
)

OTHER = "bbbbbbbbbbbbbbbb"


@pytest.fixture(autouse=True)
def document(playbook, tmp_path, monkeypatch):
    yield use_playbook(tmp_path, monkeypatch)
    forget()


def hand_over_to(owner: str, state: str = "open", lead_id: str = LEAD_ID) -> None:
    from shared.aws import handoffs  # noqa: PLC0415 - only this helper writes handoffs

    handoff = Handoff(lead_id, 1, 1, state, "high", owner, "r", NOW, (), ScoreThen(80_000, "A", 1))
    entry = handoffs.create_entry(handoff, None)["Put"]
    clients.dynamodb().put_item(TableName=entry["TableName"], Item=entry["Item"])


def test_the_sample_sends_the_first_mail_of_the_track(aws: Aws, context: Context, document):
    enrolled()
    assert handler(sample("sqs_sends"), context) == {"batchItemFailures": []}
    (mail,) = mails()
    assert mail["to"] == EMAIL_ADDRESS
    assert str(mail["from"]) == "Ripen <hello@ripen.example>"
    assert mail["subject"] == document["templates"]["awareness-1"]["subject"]
    (item,) = send_items(aws)
    assert (item["state"], item["content"], item["playbook"]) == ("sent", "awareness-1", document["bundle"])
    assert (item["channel"], item.get("arm")) == ("mail", None)
    assert item["ses_message_id"]
    assert item[table.DUE_KEY] == table.track_key(table.SENT, "awareness", table.shard(LEAD_ID))
    assert item[table.DUE_AT] == instant_text(NOW)
    run = run_of()
    assert (run.step, run.status, run.due_at) == (1, "active", NOW + 7 * DAY)
    known = addresses.get_address(ADDRESS)
    assert known.sent == {"awareness-1": NOW}
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
    assert clicks
    assert clicks <= {links.Link("click", send_id, url) for url in LINKS.values()}
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


def test_a_rep_signs_whose_handoff_stands_where_another_lead_was_before_a_merge(aws: Aws, context: Context):
    """The other had been sent back twice; merged, the person is at their qualification 2, and Maria has the first of this."""
    qualified = Settled(band="early", stage="mql", qualified=True, qualification=2)
    enrolled(lead=a_lead(settled=qualified, identities={"user#u1": Naming(OTHER, NOW, NOW)}))
    save([Alias(OTHER, LEAD_ID, (), 1)])
    hand_over_to("jonas", "rejected")
    hand_over_to("maria", lead_id=OTHER)
    deliver(context, order())
    (mail,) = mails()
    assert mail["reply-to"] == "maria@ripen.example"


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


def test_while_sales_writes_to_the_same_address_as_another_lead_the_run_waits_and_goes_on(aws: Aws, context: Context):
    """What becomes of the other lead's handoff is told of that lead: a paused run would wait for it for good."""
    enrolled()
    transact = clients.dynamodb().transact_write_items
    transact(TransactItems=[addresses.pause_entry(ADDRESS, f"{OTHER}#1")])
    deliver(context, order())
    assert (mails(), run_of().status, run_of().reason) == ([], "active", "sales has the lead")
    transact(TransactItems=[addresses.resume_entry(ADDRESS, f"{OTHER}#1")])
    deliver(context, order(at=NOW + DAY))
    assert len(mails()) == 1


def test_an_address_nobody_proved_waits(aws: Aws, context: Context):
    enrolled(consent=False)
    deliver(context, order())
    assert mails() == []
    assert (run_of().status, run_of().due_at, run_of().reason) == ("active", NOW + DAY, "unproven")
    consenting()
    deliver(context, order(at=NOW + DAY))
    assert len(mails()) == 1


def test_nobody_plans_mails_for_an_address_that_is_not_proved_to_be_theirs(aws: Aws, context: Context):
    """A browser may say any address; that its owner consented is no leave for this lead's track."""
    enrolled(lead=a_lead(email_proven=False))
    deliver(context, order())
    assert mails() == []
    assert run_of().reason == "unproven"


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
    assert (item["state"], item["reason"]) == ("skipped", "the address has received it already")
    assert (run_of(lead_id=OTHER).step, run_of(lead_id=OTHER).due_at) == (1, NOW + 7 * DAY)


def test_after_a_merge_the_older_run_goes_on_and_the_other_ends(aws: Aws, context: Context):
    consenting()
    enrollments.save(a_run(lead_id=OTHER, entered_at=NOW - 9 * DAY))
    enrollments.save(a_run())
    keep(a_lead(identities={"email#x": Naming(LEAD_ID, NOW, NOW), "user#u1": Naming(OTHER, NOW, NOW)}))
    save([Alias(OTHER, LEAD_ID, (), 1)])
    deliver(context, order(), order(lead_id=OTHER), order(), order(lead_id=OTHER))
    assert len(mails()) == 1
    assert (run_of().status, run_of().reason) == ("exited", "an older run of this track goes on")
    assert (run_of(lead_id=OTHER).status, run_of(lead_id=OTHER).step) == ("active", 1)


def test_a_whole_track_goes_out_in_order_and_ends(aws: Aws, context: Context, document):
    enrolled()
    steps = document["tracks"]["awareness"]["steps"]
    at = NOW
    for step in range(len(steps)):
        deliver(context, order(step=step, at=at), order(step=step, at=at))
        at = run_of().due_at or at
    assert [mail["subject"] for mail in mails()] == [
        document["templates"][step["choices"][0]["content"]]["subject"] for step in steps
    ]
    assert (run_of().status, run_of().due_at) == ("done", None)
    assert len(send_items(aws)) == len(steps)


def test_a_message_about_another_place_in_the_track_does_nothing(aws: Aws, context: Context):
    enrolled()
    before = aws.items()
    deliver(context, order(step=1), order(rotation=2), order(track="decision"), order(lead_id=OTHER))
    assert mails() == []
    assert aws.items() == before


def test_a_run_whose_lead_is_gone_ends(aws: Aws, context: Context):
    enrollments.save(a_run())
    deliver(context, order())
    assert (run_of().status, run_of().reason) == ("exited", "the lead is gone")


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
