"""The mail_feedback function under moto: what Amazon SES reports, in both dialects, and what follows from it."""

import json
from typing import Any

import pytest

from functions.mail_feedback import following
from functions.mail_feedback import handler as module
from functions.mail_feedback.handler import handler
from functions.mail_feedback.opened import machine_sign
from functions.mail_feedback.report import read_report
from shared import table
from shared.aws import addresses, enrollments, mail_control, sends
from shared.engagement import Seen
from shared.instants import DAY, instant_text, parse_instant
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
    said = sends.Said("a-1", "p")
    assert sends.claim(REF, said=said, at=NOW, address=address, recent=recent, run=run_of()) == "claimed"
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
        assert not item[table.DUE_KEY].startswith(f"{table.CLAIM}#"), "nobody waits for its answer any more"
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
    ("ses_event_bounce", {"bounce__bounceSubType": "UnsubscribedRecipient"}),
    ("ses_event_complaint", {"complaint__complaintSubType": "OnAccountSuppressionList"}),
    ("ses_event_complaint", {"complaint__complaintFeedbackType": "not-spam"}),
)


def test_what_says_nothing_new_about_the_mailbox_suppresses_nothing(sent: Aws, context: Context):
    for name, changed in OLD_NEWS:
        handler(report(name, **changed), context)
        assert "suppressed" not in address_item(sent)
    assert told(sent) == []


def soft(day: float, *, number: int | None = None, sub_type: str = "MailboxFull") -> dict[str, Any]:
    """A bounce that may pass, so many days after the first."""
    return report(
        "ses_event_bounce",
        bounce__bounceType="Transient",
        bounce__bounceSubType=sub_type,
        bounce__timestamp=instant_text(NOW + int(day * DAY)),
        bounce__feedbackId=f"f{day if number is None else number}",
    )


def test_one_soft_bounce_is_counted_and_stops_nothing(sent: Aws, context: Context):
    for _ in range(2):
        handler(soft(0), context)
    handler(report("ses_event_bounce", bounce__bounceType="Undetermined"), context)
    assert addresses.get_address(ADDRESS).soft_bounces == {"soft:f0": NOW}
    assert "suppressed" not in address_item(sent)
    assert state(sent) == "sent"
    assert told(sent) == []


def test_soft_bounces_over_days_suppress_the_address_and_tell_the_score_once(sent: Aws, context: Context):
    for day in (0, 1, 2, 2.5):
        handler(soft(day), context)
        handler(soft(day), context)
        assert addresses.get_address(ADDRESS).suppressed is None
    for _ in range(2):
        handler(soft(4), context)
    assert (address_item(sent)["suppressed"], state(sent)) == ("soft_bounced", "sent")
    assert {(event["name"], event["event_id"]) for event in told(sent)} == {("Email Bounced", "soft_bounced:f4")}


@pytest.mark.parametrize(
    "days",
    [(0, 0.5, 1, 1.5, 2.9), (0, 4, 8, 12), (0, 8, 16, 24, 31), (0, 0, 0, 0, 0)],
    ids=["too soon", "too few", "too far apart", "one report five times"],
)
def test_soft_bounces_that_are_no_verdict_suppress_nobody(sent: Aws, context: Context, days):
    for day in days:
        handler(soft(day), context)
    assert addresses.get_address(ADDRESS).suppressed is None


def test_a_delivery_in_between_ends_the_count(sent: Aws, context: Context):
    for day in (0, 1, 2, 3):
        handler(soft(day), context)
    for _ in range(2):
        handler(report("ses_event_delivery", delivery__timestamp=instant_text(NOW + 3 * DAY)), context)
    handler(soft(4), context)
    known = addresses.get_address(ADDRESS)
    assert (known.soft_bounces, known.suppressed) == ({"soft:f4": NOW + 4 * DAY}, None)


def test_a_delivery_before_a_bounce_says_nothing_of_it(sent: Aws, context: Context):
    """Reports come in any order, and an answering machine bounces what was delivered."""
    handler(soft(1), context)
    handler(report("ses_event_delivery", delivery__timestamp=instant_text(NOW)), context)
    assert addresses.get_address(ADDRESS).soft_bounces == {"soft:f1": NOW + DAY}


def test_the_sentence_by_which_ses_greets_a_topic_is_no_error(aws: Aws, context: Context):
    """Amazon SES publishes it, and not as JSON, when a configuration set gets a topic: on the first day of a stage."""
    greeting = sample("ses_event_send")
    greeting["Records"][0]["Sns"]["Message"] = "Successfully validated SNS topic for Amazon SES event publishing."
    handler(greeting, context)
    assert aws.items() == []
    broken = sample("ses_event_send")
    broken["Records"][0]["Sns"]["Message"] = broken["Records"][0]["Sns"]["Message"][:-40]
    with pytest.raises(json.JSONDecodeError):
        handler(broken, context)


def test_a_bounce_that_is_about_the_mail_counts_for_nothing(sent: Aws, context: Context):
    for number, sub_type in enumerate(("MessageTooLarge", "ContentRejected", "AttachmentRejected")):
        for day in (0, 1, 2, 3, 4):
            handler(soft(day, number=10 * number + day, sub_type=sub_type), context)
    assert addresses.get_address(ADDRESS).soft_bounces == {}


def test_a_mail_without_soft_bounces_before_it_is_delivered_without_a_write_to_its_address(sent: Aws, context: Context):
    before = address_item(sent)
    handler(sample("ses_event_delivery"), context)
    assert address_item(sent) == before


def test_bounces_and_complaints_are_counted_once_for_the_rates_that_pause_mailing(sent: Aws, context: Context):
    for _ in range(2):
        handler(sample("ses_event_bounce"), context)
    for _ in range(2):
        handler(sample("ses_event_complaint"), context)
    counted = mail_control.counted(NOW - DAY, NOW + DAY)
    assert (counted.bounced, counted.complained) == (1, 1)


def test_what_ses_saw_opened_and_clicked_is_told_to_who_judges_it(sent: Aws, context: Context):
    agent = {"userAgent": "Mozilla/5.0", "ipAddress": "192.0.2.1", "timestamp": instant_text(NOW + 60)}
    before = sent.items()
    for _ in range(2):
        handler(report("ses_event_send", eventType="Open", open=agent), context)
        handler(
            report("ses_event_send", eventType="Click", click=agent | {"link": "https://www.example.com/g"}), context
        )
    touches = [Seen.from_message(message["touch"]) for message in sent.messages(sent.engagement_queue_url)]
    opened, clicked, *copies = touches
    assert copies == [opened, clicked]
    assert (opened.kind, opened.send_id, opened.at, opened.by, opened.said) == (
        "open",
        REF.send_id,
        NOW + 60,
        "ses",
        "",
    )
    assert (clicked.kind, clicked.url, clicked.agent) == ("click", "https://www.example.com/g", "Mozilla/5.0")
    assert "192.0.2.1" not in repr(touches), "a network address is kept nowhere"
    assert sent.items() == before
    assert told(sent) == []


@pytest.mark.parametrize(
    "flag",
    [
        {"automated": True}, {"isBot": "true"}, {"interaction": {"type": "MACHINE"}}, {"engagementType": "automated"},
        {"bot": {"detected": 1}}, {"tags": ["prefetch"]}, {"nonHuman": "yes"},
    ],
)  # fmt: skip
def test_a_flag_of_ses_is_found_wherever_it_sits(flag):
    assert machine_sign({"userAgent": "x", "timestamp": "2026", **flag}).startswith("Amazon SES says")


@pytest.mark.parametrize(
    "detail",
    [
        {"automated": False}, {"isBot": "false"}, {"machine": None}, {"interactionType": "human"}, {"automated": "NOT_AUTOMATED"},
        {"link": "https://www.example.com/robots-and-automation"}, {"userAgent": "Googlebot/2.1"}, {"linkTags": {"x": ["bot"]}},
        {"bottom": "x"}, {"robotics": "yes"},
    ],
)  # fmt: skip
def test_what_is_no_flag_is_none(detail):
    assert machine_sign(detail) == ""


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
    for kind in ("Rendering Failure", "DeliveryDelay", "Subscription", "Whatever"):
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

    monkeypatch.setattr(following.sends, "settle", fail)
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
