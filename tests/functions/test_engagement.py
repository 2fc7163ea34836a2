"""The engagement function under moto: what its messages do to the send and to the queues, once and again, and when it dies."""

import json
from dataclasses import replace
from typing import Any

import pytest

from functions.engagement.handler import handler
from functions.mail_feedback.handler import handler as mail_feedback
from shared import links
from shared.aws import clients, queue, touches
from shared.engagement import JudgeAgain, Seen
from shared.lead import queue_message
from shared.links import Link
from tests.conftest import SIGNING_SECRET, Aws, Context, sample
from tests.crashes import Killed, calls_counted, killed_at
from tests.engagement_world import CHROME, SEND
from tests.nurture_world import LEAD_ID, LINKS, NOW, batch, deliver, enrolled, forget, order, use_playbook

AT = NOW + 100
CLICK = Seen(SEND.send_id, "click:a:1", "click", AT, url=LINKS["worksheet"], agent=CHROME)
OPEN = Seen(SEND.send_id, "open:a:1", "open", AT - 10, agent=CHROME)
DECOY = Seen(SEND.send_id, "decoy:a:1", "decoy", AT + 30, agent=CHROME)
WAITED = JudgeAgain(SEND.send_id, AT, AT + 60)


@pytest.fixture(autouse=True)
def sent(aws: Aws, context: Context, tmp_path, monkeypatch):
    """A mail that went out."""
    use_playbook(tmp_path, monkeypatch)
    enrolled()
    deliver(context, order())
    yield
    forget()


def take(context: Context, *said: Seen | JudgeAgain) -> dict[str, Any]:
    return handler(batch(*(each.to_message() for each in said)), context)


def told(aws: Aws) -> list[dict[str, Any]]:
    return [event for message in aws.messages(aws.events_queue_url) for event in message["events"]]


def delayed(aws: Aws) -> int:
    said = clients.sqs().get_queue_attributes(QueueUrl=aws.engagement_queue_url, AttributeNames=["All"])["Attributes"]
    assert said["ApproximateNumberOfMessages"] == "0"
    return int(said["ApproximateNumberOfMessagesDelayed"])


FINE = {"batchItemFailures": []}


def test_a_touch_is_kept_and_asked_about_again_when_it_has_waited(aws: Aws, context: Context):
    assert take(context, CLICK, OPEN) == FINE
    assert told(aws) == []
    assert delayed(aws) == 1, "one request for all that came at once"
    found = touches.get_touched(SEND)
    assert found is not None
    assert [(touch.kind, touch.link, touch.told) for touch in found.touches] == [
        ("open", "", ""), ("click", "worksheet", ""),
    ]  # fmt: skip


def test_what_has_waited_is_told_once_however_often_it_is_asked(aws: Aws, context: Context):
    take(context, OPEN, CLICK)
    for _ in range(2):
        assert take(context, WAITED) == FINE
    opened, clicked = told(aws)
    assert (opened["name"], opened["event_id"]) == ("Email Opened", OPEN.id)
    assert (clicked["name"], clicked["event_id"]) == ("Email Link Clicked", CLICK.id)
    assert clicked["properties"]["url"] == LINKS["worksheet"]
    assert clicked["lead_id"] == LEAD_ID
    take(context, OPEN, CLICK)
    take(context, WAITED)
    assert told(aws) == [], "nor when its touches come again"


def test_a_touch_that_comes_late_is_asked_about_until_it_is_told(aws: Aws, context: Context, monkeypatch):
    """A queue or SES kept it back, and one that followed twenty seconds after it was told meanwhile."""
    take(context, replace(CLICK, id="click:b:2", at=AT + 20))
    take(context, JudgeAgain(SEND.send_id, AT + 20, AT + 80))
    assert [event["event_id"] for event in told(aws)] == ["click:b:2"]
    asked: list[Any] = []
    with monkeypatch.context() as kept_back:
        kept_back.setattr(queue, "send_all", lambda _url, messages, **_said: asked.extend(messages))
        take(context, CLICK)
    take(context, *(JudgeAgain.from_message(each["judge"]) for each in asked))
    assert [event["event_id"] for event in told(aws)] == [CLICK.id]


def test_a_sample_batch_is_carried_out(aws: Aws, context: Context):
    assert handler(sample("sqs_engagement"), context) == FINE
    (clicked,) = told(aws)
    assert clicked["properties"]["send_id"] == SEND.send_id


def test_later_evidence_tells_the_same_event_again_with_the_stricter_verdict(aws: Aws, context: Context):
    take(context, CLICK)
    take(context, WAITED)
    (human,) = told(aws)
    for _ in range(2):
        take(context, DECOY)
    (machine,) = told(aws)
    assert {name: machine[name] for name in ("event_id", "name", "occurred_at", "lead_id", "context")} == {
        name: human[name] for name in ("event_id", "name", "occurred_at", "lead_id", "context")
    }
    assert "verdict" not in human
    assert machine["verdict"] == "machine"
    assert machine["verdict_reason"] == "a link that no person sees was followed within 60 seconds"
    assert machine["properties"] == {**human["properties"], "judged_again": True}


def test_a_touch_of_a_mail_that_is_not_there_is_dropped_with_a_metric(aws: Aws, context: Context, capsys):
    nobody = replace(SEND, step=9).send_id
    before = aws.items()
    assert take(context, replace(CLICK, send_id=nobody), replace(WAITED, send_id=nobody)) == FINE
    assert '"TouchesOfNobody":[2.0]' in capsys.readouterr().out
    assert aws.items() == before
    assert (told(aws), delayed(aws)) == ([], 0)


@pytest.mark.parametrize(
    "said",
    [
        {}, {"schema": 1}, {"touch": None}, {"touch": {}}, {"judge": {"send_id": "x"}},
        {"touch": {**CLICK.to_message()["touch"], "kind": "wink"}},
        {"touch": {**CLICK.to_message()["touch"], "by": "gossip"}},
        {"touch": {**CLICK.to_message()["touch"], "at": "yesterday"}},
        {"touch": {**CLICK.to_message()["touch"], "agent": 7}},
        {"touch": {**CLICK.to_message()["touch"], "send_id": "somebody"}},
    ],
)  # fmt: skip
def test_a_message_that_is_not_ours_fails_alone(aws: Aws, context: Context, said):
    answer = handler(batch(said, CLICK.to_message()), context)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    found = touches.get_touched(SEND)
    assert found is not None
    assert len(found.touches) == 1


def test_a_mail_that_cannot_be_judged_fails_alone_with_all_its_messages(aws: Aws, context: Context, monkeypatch):
    """Others keep writing the touches of the one mail."""
    deliver(context, order(step=1, at=NOW + 8 * 86400))
    other = replace(SEND, step=1).send_id
    assert touches.get_touched(replace(SEND, step=1)) is not None
    save = touches.save
    monkeypatch.setattr(touches, "save", lambda touched: touched.ref.step == 1 and save(touched))
    said = (CLICK, replace(CLICK, send_id=other), OPEN)
    assert take(context, *said) == {"batchItemFailures": [{"itemIdentifier": "m0"}, {"itemIdentifier": "m2"}]}
    assert delayed(aws) == 1


def test_who_writes_meanwhile_loses_nothing(aws: Aws, context: Context, monkeypatch):
    save, met = touches.save, []

    def beaten(touched):
        if not met:
            met.append(1)
            take(context, OPEN)
        return save(touched)

    monkeypatch.setattr(touches, "save", beaten)
    assert take(context, CLICK) == FINE
    found = touches.get_touched(SEND)
    assert found is not None
    assert {touch.kind for touch in found.touches} == {"open", "click"}


def test_whenever_it_dies_the_next_delivery_tells_what_an_undisturbed_one_tells(aws: Aws, context: Context):
    """Killed before and after each AWS call, then delivered again: the same events, by the same ids."""
    rounds = ((CLICK, OPEN), (WAITED,), (DECOY,))
    with calls_counted() as made:
        for said in rounds:
            take(context, *said)
    expected = {json.dumps(event, sort_keys=True) for event in told(aws)}
    assert len(made) > 6
    for call in range(len(made)):
        for after in (False, True):
            clients.dynamodb().update_item(
                TableName=aws.table_name, Key=touches._key(SEND), UpdateExpression="REMOVE touches, touches_version"
            )
            with killed_at(call, after=after) as done:
                for said in rounds:
                    try:
                        take(context, *said)
                    except Killed:
                        take(context, *said)
            assert len(done) > call
            found = {json.dumps(event, sort_keys=True) for event in told(aws)}
            assert found == expected, (call, after)


def test_the_bundle_a_mail_was_made_by_names_its_links_and_a_gone_one_those_in_force(aws: Aws, context: Context):
    clients.dynamodb().update_item(
        TableName=aws.table_name,
        Key=touches._key(SEND),
        UpdateExpression="SET playbook = :gone",
        ExpressionAttributeValues={":gone": {"S": "gone-000000000000"}},
    )
    take(context, CLICK, replace(CLICK, id="click:b:1", url="https://elsewhere.example"))
    found = touches.get_touched(SEND)
    assert found is not None
    names = {touch.link for touch in found.touches}
    assert "worksheet" in names
    assert len(names) == 2, "an address no playbook names has a name of its own"


# what SES saw


def ses(kind: str, at: str = "2026-11-18T10:01:37.512Z", **said: Any) -> dict[str, Any]:
    report = {
        "eventType": kind,
        "mail": {"timestamp": "2026-11-18T10:00:05.000Z", "messageId": "m-1", "tags": {"send_id": [SEND.send_id]}},
        kind.lower(): {"ipAddress": "203.0.113.7", "timestamp": at, "userAgent": CHROME, **said},
    }
    topic = "arn:aws:sns:eu-north-1:123456789012:mail-events"
    return {"Records": [{"Sns": {"TopicArn": topic, "Message": json.dumps(report)}}]}


def by_ses(aws: Aws, context: Context, *reports: dict[str, Any]) -> list[Seen]:
    for report in reports:
        mail_feedback(report, context)
    messages = aws.messages(aws.engagement_queue_url)
    assert "203.0.113.7" not in str(messages)
    return [Seen.from_message(message["touch"]) for message in messages]


def our_link(target: str) -> str:
    return links.link_url("https://ripen.example", Link("click", SEND.send_id, target), SIGNING_SECRET)


def test_a_click_and_an_open_that_ses_saw_too_count_once(aws: Aws, context: Context):
    seen = by_ses(
        aws, context, ses("Click", link=our_link(LINKS["worksheet"])), ses("Open", "2026-11-18T10:01:31.000Z")
    )
    take(context, CLICK, OPEN, *seen)
    take(context, WAITED)
    assert [event["event_id"] for event in told(aws)] == [OPEN.id, CLICK.id]


def test_what_only_ses_saw_counts_too(aws: Aws, context: Context):
    take(context, *by_ses(aws, context, ses("Open")))
    take(context, WAITED)
    (opened,) = told(aws)
    assert opened["name"] == "Email Opened"
    assert opened["occurred_at"] == "2026-11-18T10:01:37Z"


def test_the_decoy_and_the_footer_are_what_they_are_when_ses_tells_of_them(aws: Aws, context: Context):
    decoy = links.link_url("https://ripen.example", Link("decoy", SEND.send_id), SIGNING_SECRET)
    footer = links.link_url("https://ripen.example", Link("unsubscribe", SEND.send_id, "1.abc"), SIGNING_SECRET)
    take(context, *by_ses(aws, context, ses("Click", link=decoy), ses("Click", link=footer)))
    found = touches.get_touched(SEND)
    assert found is not None
    assert {touch.kind for touch in found.touches} == {"decoy", "page"}


@pytest.mark.parametrize(
    "marked",
    [
        {"isBot": True}, {"automatedInteraction": "true"}, {"interaction": {"machineGenerated": True}},
        {"interactionType": "AUTOMATED"}, {"botDetection": {"result": "BOT"}},
    ],
)  # fmt: skip
def test_ses_s_own_mark_is_found_wherever_it_sits_and_taken_over(aws: Aws, context: Context, marked):
    url = our_link(LINKS["worksheet"])
    beside = ses("Click", link=url)
    message = json.loads(beside["Records"][0]["Sns"]["Message"])
    at_the_top, in_the_mail = {**message, **marked}, {**message, "mail": {**message["mail"], **marked}}
    inside = {**message, "click": {**message["click"], **marked}}
    for said in (at_the_top, in_the_mail, inside):
        beside["Records"][0]["Sns"]["Message"] = json.dumps(said)
        (seen,) = by_ses(aws, context, beside)
        assert seen.said
    take(context, CLICK, seen)
    take(context, WAITED)
    (clicked,) = told(aws)
    assert (clicked["event_id"], clicked["verdict"]) == (CLICK.id, "machine")


def test_what_denies_that_it_was_a_machine_is_no_mark(aws: Aws, context: Context):
    for denied in ({"isBot": False}, {"automatedInteraction": "no"}, {"linkTags": {"bot": ["true"]}}, {"isBot": None}):
        (seen,) = by_ses(aws, context, ses("Click", link=our_link(LINKS["worksheet"]), **denied))
        assert seen.said == ""


def test_a_message_of_the_events_queue_is_none_of_this_one(aws: Aws, context: Context):
    assert handler(batch(queue_message("system", AT, [])), context)["batchItemFailures"]
