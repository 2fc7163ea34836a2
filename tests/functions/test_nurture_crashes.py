"""
Dying anywhere on a mail's way: whoever enrolls, sweeps, follows reports and links, or judges touches is stopped before and
after every AWS call it makes, and is called again as its trigger would.

What is left is what an undisturbed call leaves, and nobody gets a mail twice. `nurture_send` has a file of its own.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from functions.engagement.handler import handler as engagement
from functions.enroll.handler import handler as enroll
from functions.links import handler as links_module
from functions.links.handler import handler as links
from functions.mail_feedback import handler as feedback_module
from functions.mail_feedback.handler import handler as mail_feedback
from functions.nurture_send.handler import handler as nurture_send
from functions.nurture_sweep.handler import handler as nurture_sweep
from shared import settings, table
from shared.aws import addresses, clients, enrollments, mail_control, playbooks, secret_values, sends
from shared.aws.items import from_item
from shared.instants import HOUR, MINUTE, instant_text
from shared.links import PATHS, Link, Purpose, mint
from shared.mailing import PastSend
from tests.conftest import SIGNING_SECRET, Aws, Context, sample
from tests.crashes import Killed, calls_counted, killed_at
from tests.nurture_world import (
    NOW,
    Person,
    a_lead,
    a_run,
    batch,
    consenting,
    forget,
    keep,
    mails,
    order,
    run_of,
    use_playbook,
)

Invoke = Callable[[Person, Context], Any]


@pytest.fixture(autouse=True)
def _world(aws, tmp_path, monkeypatch):
    use_playbook(tmp_path, monkeypatch)
    secret_values.identity_secret()
    secret_values.signing_secret()  # read once per process, so no part of the calls a message takes,
    monkeypatch.setattr(playbooks, "LOOK_EVERY", 10**9)  # nor is the look at which playbook is in force
    playbooks.refresh()
    for module in (links_module, feedback_module):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: NOW + 60))
    monkeypatch.setenv("RELEASE_SECONDS", "300")
    monkeypatch.setattr(table, "DUE_SHARDS", 2)  # one sweeps like eight
    yield
    forget()


def known(who: Person) -> None:
    keep(a_lead(who.lead_id, email=who.email))
    consenting(who.address)


def in_a_track(who: Person) -> None:
    known(who)
    enrollments.save(a_run(lead_id=who.lead_id, cause_lead=who.lead_id))


def claimed(who: Person) -> None:
    """The mail is claimed, and nobody knows what SES said."""
    in_a_track(who)
    address = addresses.get_address(who.address)
    recent = (PastSend(NOW, who.first.send_id),)
    run = run_of(lead_id=who.lead_id)
    said = sends.Said("awareness-1", playbooks.current()["bundle"])
    assert sends.claim(who.first, said=said, at=NOW, address=address, recent=recent, run=run) == "claimed"


def mailed(who: Person) -> None:
    claimed(who)
    sends.settle(who.first, "sent", message_id=f"ses-{who.number}")


def asked(who: Person) -> None:
    keep(a_lead(who.lead_id, email=who.email, email_proven=False, proven={}))
    in_mailbox = addresses.get_address(who.address)
    assert sends.claim_confirmation(who.first, at=NOW, addresses=(in_mailbox,), playbook="p") == "claimed"


def change(name: str) -> Invoke:
    def invoke(who: Person, context: Context) -> None:
        event = sample(name)
        said = {**event["detail"], "lead_id": who.lead_id, "occurred_at": instant_text(NOW)}
        said["change_id"] = f"{who.lead_id}:{said['occurred_at']}:{event['detail-type']}"
        enroll({**event, "detail": said}, context)

    return invoke


def report(name: str) -> Invoke:
    def invoke(who: Person, context: Context) -> None:
        event = sample(name)
        text = event["Records"][0]["Sns"]["Message"].replace("ada@example.com", who.email)
        said = json.loads(text.replace("-000000", f"-{who.number:06d}"))
        said["mail"]["tags"]["send_id"] = [who.first.send_id]
        event["Records"][0]["Sns"]["Message"] = json.dumps(said)
        mail_feedback(event, context)

    return invoke


def followed(purpose: Purpose, method: str) -> Invoke:
    def invoke(who: Person, context: Context) -> None:
        target = {"click": "https://www.example.com/guide", "open": ""}.get(purpose, who.address)
        token = mint(Link(purpose, who.first.send_id, target), SIGNING_SECRET)
        event = sample("http_unsubscribe_one_click")
        path = f"/{PATHS[purpose]}/{token}"
        http = {**event["requestContext"]["http"], "method": method, "path": path}
        around = {**event["requestContext"], "http": http}
        links({**event, "rawPath": path, "pathParameters": {"token": token}, "requestContext": around}, context)

    return invoke


def touched(who: Person, context: Context) -> None:
    """What a click puts on the queue is worked off."""
    touch = {
        "schema": 1,
        "touch": {
            "send_id": who.first.send_id, "id": "t1", "kind": "click", "at": instant_text(NOW + 60),
            "link": "guide", "by": "links", "said": "Mozilla/5.0",
        },
    }  # fmt: skip
    record = {"messageId": "m", "body": json.dumps(touch), "eventSource": "aws:sqs"}
    assert engagement({"Records": [record]}, context) == {"batchItemFailures": []}


@dataclass(frozen=True)
class Scenario:
    """What stands there, and the call that is stopped and made again."""

    prepare: Callable[[Person], None]
    invoke: Invoke


SCENARIOS = {
    "enroll: a band": Scenario(known, change("band_changed")),
    "enroll: a confirmation": Scenario(known, change("confirmation_requested")),
    "enroll: sales has it": Scenario(in_a_track, change("stage_changed")),
    "mail_feedback: sent": Scenario(claimed, report("ses_event_send")),
    "mail_feedback: delivered": Scenario(mailed, report("ses_event_delivery")),
    "mail_feedback: bounced": Scenario(mailed, report("ses_event_bounce")),
    "mail_feedback: complained": Scenario(mailed, report("ses_event_complaint")),
    "links: a click": Scenario(mailed, followed("click", "GET")),
    "links: an open": Scenario(mailed, followed("open", "GET")),
    "links: unsubscribed": Scenario(mailed, followed("unsubscribe", "POST")),
    "links: confirmed": Scenario(asked, followed("confirm", "POST")),
    "engagement: a touch": Scenario(mailed, touched),
}


def partition(pk: str) -> list[dict[str, Any]]:
    """The items of one partition, without a look at those of all the people who died before."""
    found = clients.dynamodb().query(
        TableName=settings.table_name(),
        KeyConditionExpression="#pk = :pk",
        ExpressionAttributeNames={"#pk": table.PK},
        ExpressionAttributeValues={":pk": {"S": pk}},
    )
    return [from_item(item) for item in found["Items"]]


def states(*people: str) -> list[str]:
    items = [item for lead_id in people for item in partition(table.lead_pk(lead_id))]
    return [item["state"] for item in items if item[table.SK].startswith(table.SEND_PREFIX)]


def left_behind(aws: Aws, who: Person, heard: list[str]) -> tuple[Any, ...]:
    """The items of the person and what was queued about it, without what differs from person to person or try to try."""

    def plain(text: str) -> str:
        for private, word in ((who.address, "ADDRESS"), (who.email, "EMAIL"), (who.lead_id, "LEAD")):
            text = text.replace(private, word)
        text = re.sub(
            r"(click|open|unsubscribe|confirm):[\w-]{22}", r"\1:TOKEN", text
        )  # made of the token, and so of the person
        text = re.sub(r'(CONSENT#[^#"]*)#[\w-]+', r"\1#KEY", text)
        return text.replace(f"ses-{who.number}", "ses").replace(f"-{who.number:06d}", "-n")

    items = [
        {name: value for name, value in item.items() if name not in (table.VERSION, table.DUE_ATTEMPTS, table.DUE_KEY)}
        for key in (table.lead_pk(who.lead_id), table.address_pk(who.address))
        for item in partition(key)
        if item[table.SK] != table.LEAD_SK  # nobody here writes it
    ]
    for url in (aws.events_queue_url, aws.sends_queue_url, aws.engagement_queue_url):
        heard += [json.dumps(message, sort_keys=True) for message in aws.messages(url)]
    mine = {plain(text) for text in heard if who.lead_id in text}
    return [plain(json.dumps(item, sort_keys=True, default=sorted)) for item in items], mine


@pytest.mark.parametrize("name", SCENARIOS)
def test_whoever_dies_anywhere_leaves_what_an_undisturbed_call_leaves(aws: Aws, context: Context, name):
    scenario = SCENARIOS[name]
    heard: list[str] = []
    whole = Person(0)
    scenario.prepare(whole)
    with calls_counted() as made:
        scenario.invoke(whole, context)
    undisturbed = left_behind(aws, whole, heard)
    assert made
    for number, (call, after) in enumerate(((call, after) for call in range(len(made)) for after in (False, True)), 1):
        who = Person(number)
        scenario.prepare(who)
        with killed_at(call, after=after), pytest.raises(Killed):
            scenario.invoke(who, context)
        for _ in range(2):
            scenario.invoke(who, context)
        assert left_behind(aws, who, heard) == undisturbed, (made[call], after)
    assert mails() == []
    print(f"{name}: {2 * len(made)} points")


def tick(context: Context, at: int) -> None:
    nurture_sweep({**sample("schedule_nurture_sweep"), "time": instant_text(at)}, context)


def drain(aws: Aws, context: Context) -> None:
    """Work off the queue of planned mails, each message twice."""
    for message in aws.messages(aws.sends_queue_url):
        assert nurture_send(batch(message, message), context) == {"batchItemFailures": []}


def test_a_sweep_that_dies_anywhere_sends_no_mail_twice_and_loses_none(aws: Aws, context: Context):
    in_a_track(Person(0))
    with calls_counted() as made:
        tick(context, NOW)
    drain(aws, context)
    assert {"GetSendQuota", "GetQueueAttributes", "SendMessageBatch"} <= set(made)
    points = [(call, after) for call in range(len(made)) for after in (False, True)]
    for number, (call, after) in enumerate(points, 1):
        in_a_track(Person(number))
        with killed_at(call, after=after), pytest.raises(Killed):
            tick(context, NOW)
        for later in (5 * MINUTE, 20 * MINUTE):  # the next turn, and when its lease is over
            tick(context, NOW + later)
            drain(aws, context)
    people = [Person(number) for number in range(len(points) + 1)]
    assert [who.mails for who in people] == [1] * len(people)
    assert {state for who in people for state in states(who.lead_id)} == {"sent"}
    assert {run_of(lead_id=who.lead_id).step for who in people} == {1}
    print(f"nurture_sweep: {len(points)} points")


def test_a_sweep_that_dies_anywhere_parks_every_claim_and_hides_none(aws: Aws, context: Context):
    claimed(Person(0))
    with calls_counted() as made:
        tick(context, NOW + HOUR)
    aws.messages(aws.operations_queue_url)
    points = [(call, after) for call in range(len(made)) for after in (False, True)]
    for number, (call, after) in enumerate(points, 1):
        who = Person(number)
        claimed(who)
        with killed_at(call, after=after), pytest.raises(Killed):
            tick(context, NOW + HOUR)
        tick(context, NOW + 2 * HOUR)
        assert states(who.lead_id) == ["parked"]
        notices = [each["Message"] for each in aws.messages(aws.operations_queue_url)]
        assert sum(who.first.send_id in text for text in notices) in (1, 2)
    print(f"nurture_sweep, parking: {len(points)} points")


def test_a_sweep_that_dies_anywhere_pauses_mailing_and_tells_of_it(aws: Aws, context: Context):
    def too_much_came_back() -> None:
        for item in partition(table.MAIL_PK):
            key = {name: {"S": item[name]} for name in (table.PK, table.SK)}
            clients.dynamodb().delete_item(TableName=aws.table_name, Key=key)
        mail_control.count_sent(NOW, 200)
        mail_control.count_complaint(NOW)

    too_much_came_back()
    with calls_counted() as made:
        tick(context, NOW)
    aws.messages(aws.operations_queue_url)
    points = [(call, after) for call in range(len(made)) for after in (False, True)]
    for call, after in points:
        too_much_came_back()
        with killed_at(call, after=after), pytest.raises(Killed):
            tick(context, NOW)
        for minutes in (5, 10):
            tick(context, NOW + minutes * MINUTE)
        assert mail_control.control().paused
        assert mail_control.control().told
        assert len(aws.messages(aws.operations_queue_url)) in (1, 2), (made[call], after)
    print(f"nurture_sweep, pausing: {len(points)} points")


def test_a_merge_in_the_middle_of_a_dying_send_brings_no_mail_twice(aws: Aws, context: Context):
    """One person was two leads with a run each; the message of either comes again after the death of the other."""
    in_a_track(Person(99))
    with calls_counted() as made:
        nurture_send(batch(order(lead_id=Person(99).lead_id)), context)
    for number in range(2 * len(made)):
        who = Person(number)
        twin = f"b{number:015d}".translate(str.maketrans("0123456789", "abcdefghij"))
        in_a_track(who)
        keep(a_lead(twin, email=who.email))
        enrollments.save(a_run(lead_id=twin, cause_lead=twin))
        with killed_at(number // 2, after=bool(number % 2)), pytest.raises(Killed):
            nurture_send(batch(order(lead_id=who.lead_id)), context)
        later = NOW + 24 * HOUR
        messages = [order(lead_id=each, at=later) for each in (twin, who.lead_id, twin)]
        assert nurture_send(batch(*messages), context) == {"batchItemFailures": []}
        ends = states(who.lead_id, twin)
        assert who.mails <= 1
        assert len(ends) == 2, ends  # each planned mail has its end, or its claim, which is parked
        assert set(ends) <= {"sent", "claimed", "skipped"}
        assert ends.count("skipped") == 1
    print(f"merged: {2 * len(made)} points")
