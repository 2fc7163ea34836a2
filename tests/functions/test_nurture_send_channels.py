"""The nurture_send function under moto: text messages, tasks and webhooks, each at most once, wherever it dies."""

import json
import re

import pytest

from functions.nurture_send import channels
from functions.nurture_send.handler import handler as nurture_send
from functions.nurture_sweep.handler import handler as nurture_sweep
from shared import table
from shared.aws import addresses, clients, enrollments, playbooks, secret_values
from shared.aws.mailer import Accepted, NotNow, Refused
from shared.identity import EMAIL, address_hash, home, number_hash
from shared.instants import DAY, HOUR, MINUTE, instant_text
from shared.keys import outgoing_webhook_secret
from shared.mailing import SendRef
from shared.short_links import ShortLink, read_short
from tests.channels_world import (
    NUMBER,
    NUMBER_HASH,
    a_person,
    on_decision,
    put_in_force,
    texting_allowed,
    texts,
)
from tests.conftest import IDENTITY_SECRET, SIGNING_SECRET, Aws, Context, sample
from tests.crashes import Killed, calls_counted, killed_at
from tests.nurture_world import (
    ADDRESS,
    LEAD_ID,
    NOW,
    address_item,
    batch,
    consenting,
    deliver,
    enrolled,
    forget,
    keep,
    mails,
    order,
    run_of,
    send_items,
)


@pytest.fixture(autouse=True)
def _clean(aws):
    yield
    forget()


def ask(context: Context, *, step: int = 0, at: int = NOW, twice: bool = True) -> None:
    message = order(track="decision", step=step, at=at)
    deliver(context, message, *([message] if twice else []))


def changes(aws: Aws, detail_type: str) -> list[dict]:
    found = [item for item in aws.items(table.lead_pk(LEAD_ID)) if item[table.SK].startswith(table.CHANGE_PREFIX)]
    return [json.loads(item["detail"]) for item in found if item["detail_type"] == detail_type]


# text messages


def test_a_text_goes_out_once_in_one_line_with_a_link_of_ours(aws: Aws, context: Context, tmp_path, monkeypatch):
    put_in_force(tmp_path, monkeypatch, "sms", "mail")
    enrolled(lead=a_person(), run=on_decision())
    texting_allowed()
    ask(context)
    ((number, text),) = texts()
    assert number == NUMBER
    assert text.startswith("Ripen: half an hour with one of us")
    assert "\n" not in text
    token = re.search(r"https://ripen\.example/c/([A-Za-z0-9_-]{32})$", text)
    ref = SendRef(LEAD_ID, "decision", 1, 0)
    assert token is not None
    assert read_short(token[1], SIGNING_SECRET, tracks=["decision"], pages=["demo"]) == ShortLink(ref, "demo")
    (item,) = send_items(aws)
    assert (item["state"], item["channel"], item["address"]) == ("sent", "sms", NUMBER_HASH)
    assert "+46" not in json.dumps(aws.items(), default=str).replace("+46 70-123 45 67", "")
    assert run_of("decision").step == 1


def test_a_text_counts_on_its_number_and_not_on_the_mail_address(aws: Aws, context: Context, tmp_path, monkeypatch):
    put_in_force(tmp_path, monkeypatch, "sms")
    enrolled(lead=a_person(), run=on_decision())
    texting_allowed()
    ask(context)
    assert len(address_item(aws, NUMBER_HASH)["recent"]) == 1
    assert "recent" not in address_item(aws)
    assert run_of("decision").status == "done"


def test_without_an_opt_in_of_the_number_the_text_is_dropped_and_the_mail_after_it_goes(
    aws: Aws, context: Context, tmp_path, monkeypatch
):
    put_in_force(tmp_path, monkeypatch, "sms", "mail")
    enrolled(lead=a_person(), run=on_decision())
    ask(context)
    assert texts() == []
    assert [(item["state"], item["reason"]) for item in send_items(aws)] == [("skipped", "text message: unproven")]
    ask(context, step=1, at=NOW + DAY)
    assert len(mails()) == 1


@pytest.mark.parametrize("phone", [None, "070-123 45 67", "call me", "+46\r\n701234567x", "+0123456789"])
def test_a_phone_that_cannot_be_called_from_anywhere_is_no_number(
    aws: Aws, context: Context, tmp_path, monkeypatch, phone
):
    put_in_force(tmp_path, monkeypatch, "sms", "mail")
    enrolled(lead=a_person(phone=phone), run=on_decision())
    texting_allowed()
    ask(context)
    assert texts() == []
    assert [item["reason"] for item in send_items(aws)] == ["no phone number that can be texted"]


@pytest.mark.parametrize("race", ["stops on the number", "stops by mail", "is taken by sales"])
def test_whoever_says_no_between_decision_and_claim_gets_no_text(
    aws: Aws, context: Context, tmp_path, monkeypatch, race
):
    put_in_force(tmp_path, monkeypatch, "sms", "mail")
    enrolled(lead=a_person(), run=on_decision())
    texting_allowed()
    transact, raced = clients.dynamodb().transact_write_items, []

    def late(**said):
        if not raced:
            raced.append(1)
            if race == "is taken by sales":
                transact(TransactItems=[addresses.pause_entry(ADDRESS, f"{LEAD_ID}#1")])
            else:
                addresses.record_consent(NUMBER_HASH if "number" in race else ADDRESS, stopped_at=NOW)
        return transact(**said)

    monkeypatch.setattr(clients.dynamodb(), "transact_write_items", late)
    ask(context)
    assert raced
    assert texts() == []


def test_a_number_that_answered_stop_is_refused_by_aws_and_not_asked_again(
    aws: Aws, context: Context, tmp_path, monkeypatch
):
    put_in_force(tmp_path, monkeypatch, "sms", "mail")
    enrolled(lead=a_person(), run=on_decision())
    texting_allowed()
    asked = []

    def refuse(**said):
        asked.append(said)
        raise clients.sns_once().exceptions.ClientError({"Error": {"Code": "OptedOut", "Message": ""}}, "Publish")

    monkeypatch.setattr(clients.sns_once(), "publish", refuse)
    ask(context)
    assert [(item["state"], item["reason"]) for item in send_items(aws)] == [("refused", "OptedOut")]
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("Ada\r\nSTOP <!channel> \u202e{{ 7 | times: 7 }}", "Hello Ada STOP <!channel> {{ 7 | times: 7 }}"),
        ("Łukasz", "Hello Lukasz"),
        ("Ада", "Hello there"),
        ("Ada\x00\x1b[31m", "Hello Ada [31m"),
        ("see evil.example", "Hello there"),
        ("A" * 61, "Hello there"),
    ],
)
def test_hostile_words_of_a_lead_stay_inside_one_plain_line(
    aws: Aws, context: Context, tmp_path, monkeypatch, said, read
):
    words = {"decision-3-sms": {"text": 'Hello {{ first_name | default: "there" }}'}}
    put_in_force(tmp_path, monkeypatch, "sms", templates=words)
    enrolled(lead=a_person(first_name=said), run=on_decision())
    texting_allowed()
    ask(context)
    assert [text for _, text in texts()] == [read]


# tasks


def test_a_task_is_given_once_together_with_the_change_that_tells_of_it(
    aws: Aws, context: Context, tmp_path, monkeypatch
):
    put_in_force(tmp_path, monkeypatch, "task", "mail")
    enrolled(lead=a_person(), run=on_decision(), consent=False)
    ask(context)
    (item,) = send_items(aws)
    assert (item["state"], item["channel"], item["title"]) == ("sent", "task", "Call Ada at Nordwind Logistics")
    assert item["text"].startswith("Two minutes before you call:")
    assert item["deliveries"] == {}
    (told,) = changes(aws, "TaskDue")
    assert {name: told[name] for name in ("lead_id", "track", "rotation", "step", "content")} == {
        "lead_id": LEAD_ID, "track": "decision", "rotation": 1, "step": 0, "content": "call-task",
    }  # fmt: skip
    assert "Ada" not in json.dumps(told)
    assert mails() == texts() == []
    assert (run_of("decision").status, run_of("decision").step) == ("active", 1)


def test_a_task_that_was_the_last_step_ends_the_run(aws: Aws, context: Context, tmp_path, monkeypatch):
    put_in_force(tmp_path, monkeypatch, "task")
    enrolled(lead=a_person(), run=on_decision(), consent=False)
    ask(context)
    assert run_of("decision").status == "done"
    assert len(changes(aws, "TrackEnded")) == len(changes(aws, "TaskDue")) == 1


def test_a_task_uses_up_no_mail(aws: Aws, context: Context, tmp_path, monkeypatch):
    put_in_force(tmp_path, monkeypatch, "task", "mail")
    enrolled(lead=a_person(), run=on_decision())
    ask(context)
    assert "recent" not in address_item(aws)


def test_a_lead_known_by_its_number_alone_can_be_a_task(aws: Aws, context: Context, tmp_path, monkeypatch):
    put_in_force(tmp_path, monkeypatch, "task")
    enrolled(lead=a_person(email=None), run=on_decision(), consent=False)
    ask(context)
    assert [item["address"] for item in send_items(aws)] == [NUMBER_HASH]


def test_sales_having_the_lead_holds_its_tasks(aws: Aws, context: Context, tmp_path, monkeypatch):
    put_in_force(tmp_path, monkeypatch, "task")
    enrolled(lead=a_person(), run=on_decision())
    clients.dynamodb().transact_write_items(TransactItems=[addresses.pause_entry(ADDRESS, f"{LEAD_ID}#1")])
    ask(context)
    assert run_of("decision").status == "paused"
    assert send_items(aws) == changes(aws, "TaskDue") == []


# webhooks


@pytest.fixture
def receiver(monkeypatch):
    """Whoever is posted to: keeps what comes, and answers what stands in `answers`, in the end always yes."""
    got, answers = [], []

    def post(url, payload, *, webhook_id, secrets, through=""):
        got.append({"url": url, "payload": payload, "id": webhook_id, "secrets": secrets, "through": through})
        return answers.pop(0) if answers else Accepted(webhook_id)

    monkeypatch.setattr(channels.webhooks, "post", post)
    return got, answers


def test_a_webhook_says_the_step_and_the_listed_fields_and_never_more(
    aws: Aws, context: Context, tmp_path, monkeypatch, receiver
):
    put_in_force(tmp_path, monkeypatch, "webhook", "mail")
    enrolled(lead=a_person(), run=on_decision())
    ask(context)
    ((got),) = receiver[0]
    send_id = f"{LEAD_ID}-1-0-decision"
    text = got["payload"]["data"].pop("text")
    assert got == {
        "url": "https://hooks.example.com/ripen",
        "id": send_id,
        "through": "",
        "secrets": [outgoing_webhook_secret("ads", number, SIGNING_SECRET) for number in (2, 1)],
        "payload": {
            "type": "nurture.step",
            "timestamp": instant_text(NOW),
            "data": {
                "send_id": send_id,
                "lead_id": LEAD_ID,
                "track": "decision",
                "step": 0,
                "content": "decision-3-sms",
                "fields": {"email": "ada@example.com", "company": "Nordwind Logistics"},
            },
        },
    }
    assert "/c/" in text
    assert "Ada" not in json.dumps(got)
    assert [(item["state"], item["channel"]) for item in send_items(aws)] == [("sent", "webhook")]


def test_the_text_of_a_webhook_prints_the_listed_fields_alone(
    aws: Aws, context: Context, tmp_path, monkeypatch, receiver
):
    words = {"text": 'Hello {{ first_name | default: "there" }} of {{ company | default: "nowhere" }}'}
    put_in_force(tmp_path, monkeypatch, "webhook", templates={"decision-3-sms": words})
    enrolled(lead=a_person(), run=on_decision())
    ask(context)
    assert receiver[0][0]["payload"]["data"]["text"] == "Hello there of Nordwind Logistics"


def test_an_unproven_field_is_not_sent(aws: Aws, context: Context, tmp_path, monkeypatch, receiver):
    put_in_force(tmp_path, monkeypatch, "webhook")
    lead = a_person(unproven={"company": "Somebody said so"})
    enrolled(lead=lead, run=on_decision())
    ask(context)
    assert receiver[0][0]["payload"]["data"]["fields"] == {"email": "ada@example.com"}


def test_who_refuses_a_webhook_is_not_asked_again(aws: Aws, context: Context, tmp_path, monkeypatch, receiver):
    put_in_force(tmp_path, monkeypatch, "webhook", "mail")
    enrolled(lead=a_person(), run=on_decision())
    receiver[1].append(Refused("HTTP 410"))
    ask(context)
    assert [(item["state"], item["reason"]) for item in send_items(aws)] == [("refused", "HTTP 410")]
    assert len(receiver[0]) == 1


def test_a_webhook_that_is_not_taken_comes_again_under_its_id_and_later_each_time(
    aws: Aws, context: Context, tmp_path, monkeypatch, receiver
):
    put_in_force(tmp_path, monkeypatch, "webhook", "mail")
    enrolled(lead=a_person(), run=on_decision())
    receiver[1].extend([NotNow("HTTP 503"), NotNow("TimeoutError")])
    ask(context, twice=False)
    assert (run_of("decision").due_at, run_of("decision").tries) == (NOW + 15 * MINUTE, 1)
    ask(context, at=NOW + 15 * MINUTE, twice=False)
    assert (run_of("decision").due_at, run_of("decision").tries) == (NOW + 45 * MINUTE, 2)
    ask(context, at=NOW + 45 * MINUTE)
    assert [item["state"] for item in send_items(aws)] == ["sent"]
    assert len({each["id"] for each in receiver[0]}) == 1
    assert len(receiver[0]) == 3
    assert (run_of("decision").step, run_of("decision").tries) == (1, 0)


def test_a_webhook_nobody_takes_is_parked_and_shown(aws: Aws, context: Context, tmp_path, monkeypatch, receiver):
    put_in_force(tmp_path, monkeypatch, "webhook", "mail", quiet={"from": "00:00", "to": "00:00"}, days=ALL_WEEK)
    enrolled(lead=a_person(), run=on_decision())
    receiver[1].extend([NotNow("HTTP 503")] * channels.WEBHOOK_TRIES)
    at = NOW
    for _ in range(channels.WEBHOOK_TRIES):
        ask(context, at=at, twice=False)
        last, at = at, run_of("decision").due_at
    assert last - NOW < 32 * HOUR
    (item,) = send_items(aws)
    assert (item["state"], item["reason"]) == ("unknown", "HTTP 503")
    nurture_sweep({**sample("schedule_nurture_sweep"), "time": instant_text(last + HOUR)}, context)
    assert [each["state"] for each in send_items(aws)] == ["parked"]
    assert "unknown outcome" in json.dumps(aws.messages(aws.operations_queue_url))
    assert len(receiver[0]) == channels.WEBHOOK_TRIES


ALL_WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def test_who_stops_while_a_webhook_waits_is_not_posted_again(
    aws: Aws, context: Context, tmp_path, monkeypatch, receiver
):
    put_in_force(tmp_path, monkeypatch, "webhook", "mail")
    enrolled(lead=a_person(), run=on_decision())
    receiver[1].append(NotNow("HTTP 503"))
    ask(context, twice=False)
    addresses.record_consent(ADDRESS, stopped_at=NOW + 1)
    ask(context, at=NOW + HOUR)
    assert len(receiver[0]) == 1
    assert run_of("decision").reason == "unsubscribed"


def test_no_webhook_is_begun_that_there_is_no_time_for(aws: Aws, tmp_path, monkeypatch, receiver):
    put_in_force(tmp_path, monkeypatch, "webhook", "mail")
    enrolled(lead=a_person(), run=on_decision())
    ask(Context(remaining_ms=5_000))
    assert receiver[0] == send_items(aws) == []
    assert run_of("decision").due_at == NOW
    ask(Context(remaining_ms=30_000))
    assert len(receiver[0]) == 1


def test_a_webhook_the_playbook_no_longer_names_is_dropped(aws: Aws, context: Context, tmp_path, monkeypatch, receiver):
    put_in_force(tmp_path, monkeypatch, "webhook", "mail")
    enrolled(lead=a_person(), run=on_decision())
    monkeypatch.setattr("functions.nurture_send.sending._words", lambda current, _: {**current, "mail": {"links": {}}})
    ask(context)
    assert [(item["state"], item["reason"]) for item in send_items(aws)] == [("skipped", "no webhook ads")]


def test_on_a_stage_for_trying_out_webhooks_go_elsewhere(aws: Aws, context: Context, tmp_path, monkeypatch, receiver):
    put_in_force(tmp_path, monkeypatch, "webhook")
    monkeypatch.setenv("WEBHOOKS_URL", "http://127.0.0.1:9/webhooks")
    enrolled(lead=a_person(), run=on_decision())
    ask(context)
    assert receiver[0][0]["through"] == "http://127.0.0.1:9/webhooks/ads"


# dying anywhere


def person(number: int) -> tuple[str, str, str, str]:
    """One of their own for each way to die: address, lead id, address hash, phone."""
    email = f"p{number}@example.com"
    return email, home(EMAIL, email, IDENTITY_SECRET), address_hash(email, IDENTITY_SECRET), f"+4670{number:07d}"


def prepared(number: int) -> str:
    email, lead_id, address, phone = person(number)
    keep(a_person(lead_id, email=email, phone=phone))
    enrollments.save(on_decision(lead_id=lead_id, cause_lead=lead_id))
    consenting(address)
    texting_allowed(number_hash(phone, IDENTITY_SECRET))
    return lead_id


@pytest.mark.parametrize("channel", ["sms", "task", "webhook"])
def test_whoever_dies_anywhere_delivers_nothing_twice_and_loses_nothing(
    aws: Aws, context: Context, tmp_path, monkeypatch, receiver, channel
):
    put_in_force(tmp_path, monkeypatch, channel, "mail")
    secret_values.identity_secret()
    secret_values.signing_secret()
    monkeypatch.setattr(playbooks, "LOOK_EVERY", 10**9)
    playbooks.refresh()
    whole = prepared(0)
    with calls_counted() as made:
        nurture_send(batch(order(track="decision", lead_id=whole)), context)
    points = [(call, after) for call in range(len(made)) for after in (False, True)]
    claim = made.index("TransactWriteItems")
    states = []
    for number, (call, after) in enumerate(points, start=1):
        lead_id = prepared(number)
        message = order(track="decision", lead_id=lead_id)
        with killed_at(call, after=after), pytest.raises(Killed):
            nurture_send(batch(message), context)
        assert nurture_send(batch(message, message), context) == {"batchItemFailures": []}
        nurture_sweep({**sample("schedule_nurture_sweep"), "time": instant_text(NOW + HOUR)}, context)
        (item,) = send_items(aws, lead_id)
        states.append(item["state"])
        delivered = {
            "sms": [text for phone, text in texts() if phone == person(number)[3]],
            "task": [each for each in aws.items(table.lead_pk(lead_id)) if each.get("detail_type") == "TaskDue"],
            "webhook": [each for each in receiver[0] if each["id"].startswith(lead_id)],
        }[channel]
        assert len(delivered) <= 1, (made[call], after)
        if item["state"] == "sent":
            assert len(delivered) == 1, (made[call], after)
        else:  # between the claim and the note of the answer
            assert item["state"] == "parked", (made[call], after)
            assert (call, after) >= (claim, True)
    parked = {"sms": 4, "webhook": 2, "task": 0}[channel]
    assert states.count("parked") == parked
    assert len(points) == 2 * len(made)
