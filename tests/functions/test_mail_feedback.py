"""The mail_feedback function under moto: what Amazon SES reports, in both dialects, and what follows from it."""

import json
from typing import Any

import pytest

from functions.mail_feedback import handler as module
from functions.mail_feedback.handler import handler
from functions.mail_feedback.report import read_report
from shared import table
from shared.aws import addresses, enrollments, sends
from shared.instants import instant_text, parse_instant
from shared.mailing import Address, PastSend, SendRef, confirmation_ref
from tests.conftest import Aws, Context, sample
from tests.nurture_world import ADDRESS, LEAD_ID, NOW, a_run, address_item, consenting, run_of, send_items

REF = SendRef(LEAD_ID, "awareness", 1, 0)
RECEIVED = NOW + 5


@pytest.fixture(autouse=True)
def _clock(monkeypatch):
    monkeypatch.setattr(module.time, "time", lambda: RECEIVED + 0.7)


@pytest.fixture
def claimed(aws: Aws) -> Aws:
    """A mail that was claimed, and of which nothing else is known."""
    consenting()
    enrollments.save(a_run())
    recent = (PastSend(NOW, REF.send_id),)
    address = addresses.get_address(ADDRESS)
    assert (
        sends.claim(REF, content="a-1", at=NOW, address=address, recent=recent, run=run_of(), playbook="p") == "claimed"
    )
    return aws


@pytest.fixture
def sent(claimed: Aws) -> Aws:
    """The same mail, whose message id SES told us."""
    sends.settle(REF, "sent", message_id=message_id(sample("ses_event_send")))
    return claimed


def message_id(event: dict[str, Any]) -> str:
    return str(json.loads(event["Records"][0]["Sns"]["Message"])["mail"]["messageId"])


def report(name: str, **changed: Any) -> dict[str, Any]:
    """A sample whose report says something else in places, as `bounce__bounceType="Transient"`."""
    event = sample(name)
    said = json.loads(event["Records"][0]["Sns"]["Message"])
    for path, value in changed.items():
        *into, last = path.split("__")
        place = said
        for step in into:
            place = place[step]
        place[last] = value
    event["Records"][0]["Sns"]["Message"] = json.dumps(said)
    return event


def state(aws: Aws) -> str:
    (item,) = send_items(aws)
    return str(item["state"])


def told(aws: Aws) -> list[dict[str, Any]]:
    return [event for message in aws.messages(aws.events_queue_url) for event in message["events"]]


def test_a_send_event_settles_a_claim_whose_answer_was_lost(claimed: Aws, context: Context):
    for _ in range(2):
        handler(sample("ses_event_send"), context)
        (item,) = send_items(claimed)
        assert (item["state"], item["ses_message_id"]) == ("sent", message_id(sample("ses_event_send")))
        assert table.DUE_KEY not in item
    assert told(claimed) == []


def test_a_delivery_is_noted_on_the_send_and_nowhere_else(sent: Aws, context: Context):
    before = address_item(sent)
    for _ in range(2):
        handler(sample("ses_event_delivery"), context)
        assert state(sent) == "delivered"
    handler(sample("ses_event_send"), context)
    assert state(sent) == "delivered"
    assert address_item(sent) == before
    assert told(sent) == []


@pytest.mark.parametrize("name", ["ses_event_bounce", "ses_notification_bounce"])
def test_a_hard_bounce_suppresses_the_address_and_tells_the_score_once(sent: Aws, context: Context, name):
    handler(sample(name), context)
    before = sent.items()
    handler(sample(name), context)
    assert sent.items() == before
    assert state(sent) == "bounced"
    item = address_item(sent)
    assert (item["suppressed"], item["suppressed_at"]) == ("bounced", instant_text(RECEIVED))
    one, again = sent.messages(sent.events_queue_url)
    assert one == again
    assert (one["source"], one["received_at"]) == ("system", instant_text(RECEIVED))
    (event,) = one["events"]
    assert event == {
        "event_id": "bounced:010b0199a1b2d4e5-61b59c11-9236-11e6-8f96-7be8aexample-000000",
        "name": "Email Bounced",
        "occurred_at": "2026-11-18T10:00:02Z",
        "lead_id": LEAD_ID,
        "properties": {"send_id": REF.send_id, "track": "awareness"},
    }


@pytest.mark.parametrize("name", ["ses_event_complaint", "ses_notification_complaint"])
def test_a_complaint_suppresses_the_address_whatever_was_known(sent: Aws, context: Context, name):
    addresses.suppress(ADDRESS, "bounced", NOW)
    for _ in range(2):
        handler(sample(name), context)
    assert address_item(sent)["suppressed"] == "complained"
    assert state(sent) == "complained"
    assert {(event["name"], event["event_id"].split(":")[0]) for event in told(sent)} == {
        ("Email Marked as Spam", "complained")
    }


OLD_NEWS = (
    ("ses_event_bounce", {"bounce__bounceSubType": "Suppressed"}),
    ("ses_event_bounce", {"bounce__bounceSubType": "OnAccountSuppressionList"}),
    ("ses_event_complaint", {"complaint__complaintSubType": "OnAccountSuppressionList"}),
    ("ses_event_complaint", {"complaint__complaintFeedbackType": "not-spam"}),
)


def test_what_says_nothing_new_about_the_mailbox_suppresses_nothing(sent: Aws, context: Context):
    for name, changed in OLD_NEWS:
        handler(report(name, **changed), context)
        assert "suppressed" not in address_item(sent)
    assert told(sent) == []


def test_a_soft_bounce_is_counted_only(sent: Aws, context: Context):
    for kind in ("Transient", "Undetermined"):
        handler(report("ses_event_bounce", bounce__bounceType=kind), context)
    assert "suppressed" not in address_item(sent)
    assert state(sent) == "sent"
    assert told(sent) == []


def test_a_notification_without_tags_finds_the_mail_by_its_message_id(sent: Aws, context: Context):
    handler(sample("ses_notification_delivery"), context)
    assert state(sent) == "delivered"


def test_a_confirmation_mail_is_found_too(aws: Aws, context: Context):
    ref = confirmation_ref(LEAD_ID, ADDRESS, 1)
    sends.claim_confirmation(ref, at=NOW, addresses=(Address(ADDRESS),), playbook="p")
    sends.settle(ref, "sent", message_id=message_id(sample("ses_event_send")))
    handler(sample("ses_notification_bounce"), context)
    assert state(aws) == "bounced"
    assert addresses.get_address(ADDRESS).suppressed == "bounced"
    assert [event["lead_id"] for event in told(aws)] == [LEAD_ID]


def test_a_bounce_of_a_mail_we_do_not_know_still_suppresses_the_address(aws: Aws, context: Context):
    handler(sample("ses_notification_bounce"), context)
    assert address_item(aws)["suppressed"] == "bounced"
    assert told(aws) == []


def test_a_tag_that_is_not_ours_settles_nothing(sent: Aws, context: Context):
    handler(report("ses_event_delivery", mail__tags={"send_id": ["somebody-elses"]}), context)
    assert state(sent) == "sent"


def test_a_mail_ses_took_and_then_rejected_is_refused(sent: Aws, context: Context):
    handler(report("ses_event_send", eventType="Reject"), context)
    assert state(sent) == "refused"


def test_reports_we_do_not_need_change_nothing(sent: Aws, context: Context):
    before = sent.items()
    for kind in ("Open", "Click", "Rendering Failure", "DeliveryDelay", "Subscription", "Whatever"):
        handler(report("ses_event_send", eventType=kind), context)
    assert sent.items() == before
    assert told(sent) == []


def test_a_test_message_of_ses_is_passed_over(aws: Aws, context: Context):
    event = sample("ses_event_send")
    event["Records"][0]["Sns"]["Message"] = '{"notificationType": "AmazonSnsSubscriptionSucceeded", "message": "hello"}'
    handler(event, context)
    assert aws.items() == []


def test_the_address_is_suppressed_before_anything_else_can_fail(sent: Aws, context: Context, monkeypatch):
    def fail(*_args, **_said):
        raise RuntimeError("table is away")

    monkeypatch.setattr(module.sends, "settle", fail)
    with pytest.raises(RuntimeError):
        handler(sample("ses_event_bounce"), context)
    assert address_item(sent)["suppressed"] == "bounced"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("bounce", "Bounce"),
        ("complaint", "Complaint"),
        ("delivery", "Delivery"),
        ("send", "Send"),
        ("open", "Open"),
        ("click", "Click"),
    ],
)
def test_what_amazon_publishes_is_read(name, kind):
    """Shapes of the SES developer guide: sub-types that are null, extra fields, times with milliseconds."""
    detail = {
        "Bounce": {"bounceType": "Permanent", "bounceSubType": "General", "timestamp": "2017-08-05T00:41:02.669Z",
                   "bouncedRecipients": [{"emailAddress": "recipient@example.com", "action": "failed"}], "feedbackId": "f"},
        "Complaint": {"complainedRecipients": [{"emailAddress": "Recipient Name <recipient@example.com>"}],
                      "complaintSubType": None, "timestamp": "2017-08-05T00:41:02.669Z", "feedbackId": "f"},
        "Delivery": {"timestamp": "2017-08-05T00:41:02.669Z", "recipients": ["recipient@example.com"]},
        "Send": {},
        "Open": {"timestamp": "2017-08-05T00:41:02.669Z", "ipAddress": "192.0.2.1"},
        "Click": {"timestamp": "2017-08-05T00:41:02.669Z", "link": "http://example.com"},
    }[kind]  # fmt: skip
    mail = {"timestamp": "2017-08-05T00:41:02.012Z", "messageId": "m", "destination": ["recipient@example.com"]}
    for dialect in ("eventType", "notificationType"):
        read = read_report(json.dumps({dialect: kind, "mail": mail, name: detail}))
        assert read is not None
        assert (read.kind, read.at, read.recipients) == (
            kind,
            parse_instant("2017-08-05T00:41:02Z"),
            ("recipient@example.com",),
        )
        assert read.send_id is None
        assert read.news
