"""Where a handoff is told in Slack: a channel, the owner, both; and that whoever gets it next is told too."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient

from functions.handoff.handler import handler as opened
from functions.notify import gathering, slack_channel
from functions.notify import handler as module
from functions.notify.handler import handler, hear
from functions.sales.moves import make_move
from functions.sla_sweep.handler import sweep
from infra.local.companion.workspace import channel_id
from shared.aws import slack
from shared.aws.slack import UnsureDeliveryError
from shared.bundle import playbook_document
from shared.errors import DeliveryError
from shared.instants import DAY, HOUR, MINUTE
from shared.rules.handoff import Move
from shared.rules.routing import HandoffPolicy, handoff_policy
from tests.conftest import Aws, Context
from tests.handoff_world import (
    LEAD_ID,
    QUALIFIED_AT,
    SlackStand,
    changes,
    current,
    envelope,
    handed_off,
    keep,
    lead,
    qualified,
    slack_stand,
)


@pytest.fixture
def slack_api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackStand]:
    with slack_stand(tmp_path) as stand:
        monkeypatch.setenv("SLACK_API_URL", stand.url)
        monkeypatch.setattr(slack, "TIMEOUT", 1)
        yield stand


@pytest.fixture
def owner(aws: Aws, context: Context) -> str:
    return handed_off(context).owner


def policy(**said: Any) -> HandoffPolicy:
    return replace(handoff_policy(playbook_document()), **said)


def tells(monkeypatch: pytest.MonkeyPatch, said: HandoffPolicy) -> HandoffPolicy:
    monkeypatch.setattr(module, "handoff_policy", lambda _: said)
    return said


def move(action: Any, said: HandoffPolicy, by: str = "helena", after: int = 5 * MINUTE, **more: Any) -> None:
    decision = make_move(LEAD_ID, 1, Move(action, by, QUALIFIED_AT + after, **more), said)
    assert decision is not None
    assert decision.verdict == "moved", decision.reason


def told(aws: Aws, detail_type: str, times: int = 2) -> None:
    for _ in range(times):
        hear(envelope(aws, detail_type), attempt="m1")


def by_channel(stand: SlackStand) -> dict[str, list[dict[str, Any]]]:
    return {
        name: messages
        for identifier, name in stand.workspace.channels().items()
        if (messages := stand.workspace.messages(identifier))
    }


def direct(said: HandoffPolicy, person: str) -> str:
    return f"@{said.person(person).name}"


@pytest.mark.parametrize("to", ["channel", "owner", "both"])
def test_a_handoff_is_told_where_the_playbook_says(to: Any, owner: str, aws: Aws, slack_api: SlackStand, monkeypatch):
    said = tells(monkeypatch, policy(tells=to))
    told(aws, "HandoffCreated")
    expected = {
        "channel": {"sales-alerts"},
        "owner": {direct(said, owner)},
        "both": {"sales-alerts", direct(said, owner)},
    }
    found = by_channel(slack_api)
    assert set(found) == expected[to]
    assert all(len(messages) == 1 for messages in found.values())
    move("accept", said, owner)
    told(aws, "HandoffAccepted")
    for (message,) in by_channel(slack_api).values():
        assert "Accepted by" in json.dumps(message["blocks"])


def test_an_owner_without_slack_is_told_in_the_channel(owner: str, aws: Aws, slack_api: SlackStand, monkeypatch):
    said = policy(tells="owner")
    tells(monkeypatch, replace(said, owners=tuple(replace(person, slack="") for person in said.owners)))
    told(aws, "HandoffCreated")
    assert set(by_channel(slack_api)) == {"sales-alerts"}


def test_a_team_has_a_channel_of_its_own(owner: str, aws: Aws, slack_api: SlackStand, monkeypatch):
    said = policy(channels={"dach": "#dach"})
    said = tells(
        monkeypatch,
        replace(said, owners=tuple(replace(each, teams=("dach",) if each.id == owner else ()) for each in said.owners)),
    )
    told(aws, "HandoffCreated")
    assert set(by_channel(slack_api)) == {"dach"}
    other = next(each.id for each in said.owners if each.id != owner)
    move("reassign", said, to=other)
    told(aws, "HandoffReassigned")
    found = by_channel(slack_api)
    assert set(found) == {"dach", "sales-alerts"}
    name = said.person(other).slack
    assert f"for <@{name}>" in json.dumps(found["sales-alerts"][0]["blocks"])
    assert f"for <@{name}>" in json.dumps(found["dach"][0]["blocks"])  # the old message says whose it is now


@pytest.mark.parametrize("to", ["channel", "owner", "both"])
def test_who_gets_a_lead_passed_on_is_told_once_everywhere(
    to: Any, owner: str, aws: Aws, slack_api: SlackStand, monkeypatch
):
    said = tells(monkeypatch, policy(tells=to))
    told(aws, "HandoffCreated")
    aws.messages(aws.alerts_queue_url)
    other = next(each for each in said.owners if each.id != owner)
    move("reassign", said, to=other.id)
    told(aws, "HandoffReassigned")
    if to == "channel":
        (reply,) = slack_api.replies
        assert f"<@{other.slack}>: this lead is yours now" in reply["text"]
    else:
        assert len(by_channel(slack_api)[direct(said, other.id)]) == 1
        assert slack_api.replies == []
    (alert,) = aws.messages(aws.alerts_queue_url)
    assert alert["Subject"] == "Yours now: Anna Svensson, Nordwind Logistics"
    assert f"answers as {other.name}" in alert["Message"]
    assert f"{said.person(owner).name} had it until" in alert["Message"]


@pytest.mark.parametrize("to", ["channel", "owner", "both"])
def test_who_gets_a_lead_back_is_told_again_where_they_saw_it(
    to: Any, owner: str, aws: Aws, slack_api: SlackStand, monkeypatch
):
    """Their message stands there already, and an update of it makes no noise."""
    said = tells(monkeypatch, policy(tells=to))
    told(aws, "HandoffCreated")
    other = next(each for each in said.owners if each.id != owner)
    move("reassign", said, to=other.id)
    told(aws, "HandoffReassigned")
    before = len(slack_api.replies)
    move("reassign", said, after=HOUR, to=owner)
    told(aws, "HandoffReassigned")
    (reply,) = slack_api.replies[before:]
    assert f"<@{said.person(owner).slack}>: this lead is yours now" in reply["text"]
    where = "sales-alerts" if to == "channel" else direct(said, owner)
    assert reply["ts"] in [each["ts"] for each in by_channel(slack_api)[where]]


@pytest.mark.parametrize(
    ("to", "place"), [("channel", "sales-alerts"), ("both", "sales-alerts"), ("owner", "@Helena Novak")]
)
def test_a_breach_is_told_where_the_manager_sees_it(
    to: Any, place: str, owner: str, aws: Aws, slack_api: SlackStand, monkeypatch
):
    said = tells(monkeypatch, policy(tells=to))
    told(aws, "HandoffCreated")
    sweep(QUALIFIED_AT + 45 * MINUTE)
    told(aws, "SlaWarned")
    sweep(QUALIFIED_AT + HOUR)
    told(aws, "SlaBreached")
    found = by_channel(slack_api)
    assert [each["text"].count("<@U0HELENA>") for each in found[place]][-1] == 1
    warned = [each for messages in found.values() for each in messages if "is due by" in each.get("text", "")]
    assert [f"<@{said.person(owner).slack}>" in each["text"] for each in warned] == [True]
    shown = found[direct(said, owner)] if to == "owner" else found["sales-alerts"]
    assert "(overdue)" in json.dumps(shown[0]["blocks"])


@pytest.mark.parametrize(
    ("action", "more", "detail_type", "words"),
    [
        ("snooze", {"until": QUALIFIED_AT + DAY}, "HandoffSnoozed", "Put off until Tue 6 Jan 2026"),
        ("convert", {"opportunity": "006-1"}, "HandoffConverted", "Opportunity 006-1 by Helena Novak"),
    ],
)
def test_the_message_shows_what_else_was_done(
    action: str,
    more: dict[str, Any],
    detail_type: str,
    words: str,
    owner: str,
    aws: Aws,
    slack_api: SlackStand,
    monkeypatch,
):
    said = tells(monkeypatch, policy())
    told(aws, "HandoffCreated")
    if action == "convert":
        move("accept", said)
    move(action, said, after=6 * MINUTE, **more)
    told(aws, detail_type)
    (message,) = slack_api.messages
    assert words in json.dumps(message["blocks"])


def test_the_message_says_which_of_our_mails_they_got(owner: str, aws: Aws, slack_api: SlackStand, monkeypatch):
    known = gathering.get_address
    mails = {"awareness#awareness-2": QUALIFIED_AT - DAY}
    monkeypatch.setattr(gathering, "get_address", lambda name: replace(known(name), sent=mails))
    told(aws, "HandoffCreated")
    assert "Mail awareness-2" in json.dumps(slack_api.messages[0]["blocks"])


# Whatever dies in between


@pytest.mark.parametrize("where", ["open_direct", "post", "record", "find"])
def test_a_direct_message_is_posted_once_whatever_dies(
    where: str, owner: str, aws: Aws, slack_api: SlackStand, monkeypatch
):
    said = tells(monkeypatch, policy(tells="both"))
    created = envelope(aws, "HandoffCreated")
    place = slack_channel.deliveries if where == "record" else slack
    real = getattr(place, where)
    died = []

    def dying(*args: Any, **more: Any) -> Any:
        """The process dies after the call took effect, once."""
        result = real(*args, **more) if where != "record" else None
        if not died and (where != "post" or "D0" in args[1]):
            died.append(True)
            raise UnsureDeliveryError("died")
        return real(*args, **more) if where == "record" else result

    monkeypatch.setattr(place, where, dying)
    for _ in range(5):
        with suppress(UnsureDeliveryError, DeliveryError):
            hear(created, attempt="m1")
    found = by_channel(slack_api)
    assert {name: len(messages) for name, messages in found.items()} == {"sales-alerts": 1, direct(said, owner): 1}


# The queue


def record(event: dict[str, Any], message_id: str = "m1") -> dict[str, Any]:
    return {"messageId": message_id, "body": json.dumps(event)}


def test_a_message_that_failed_comes_again_alone(owner: str, aws: Aws, context: Context, slack_api: SlackStand):
    created = envelope(aws, "HandoffCreated")
    slack_api.fail(429, method="chat.postMessage")
    answer = handler({"Records": [record(created), record({"detail-type": "Nothing"}, "m2")]}, context)
    assert [each["itemIdentifier"] for each in answer["batchItemFailures"]] == ["m1", "m2"]
    assert handler({"Records": [record(created)]}, context) == {"batchItemFailures": []}
    assert len(slack_api.messages) == 1
    assert len(aws.messages(aws.alerts_queue_url)) == 1


def test_a_busy_slack_is_not_waited_for(owner: str, aws: Aws, context: Context, slack_api: SlackStand):
    """The queue gives the message back later than any Retry-After of Slack's; nobody is paid for sleeping."""
    slack_api.fail(429, method="chat.postMessage", seconds=30)
    handler({"Records": [record(envelope(aws, "HandoffCreated"))]}, context)
    assert slack_api.api.calls["chat.postMessage"] == 1


def test_an_hour_without_slack_and_sns_loses_nothing(
    owner: str, aws: Aws, context: Context, slack_api: SlackStand, monkeypatch: pytest.MonkeyPatch
):
    real = BaseClient._make_api_call

    def away(self: Any, operation: str, kwargs: Any) -> Any:
        if operation == "Publish":
            raise OSError("SNS is away")
        return real(self, operation, kwargs)

    message = {"Records": [record(envelope(aws, "HandoffCreated"))]}
    with monkeypatch.context() as outage:
        outage.setattr(BaseClient, "_make_api_call", away)
        slack_api.fail(500, times=18 * 3)
        for _ in range(18):  # an hour, by the visibility of the queue
            assert handler(message, context)["batchItemFailures"]
    slack_api.api.forget_failures(None)  # type: ignore[arg-type]
    assert handler(message, context)["batchItemFailures"] == []
    assert len(aws.messages(aws.alerts_queue_url)) == 1
    assert len(slack_api.posts) == 1
    assert channel_id("#sales-alerts") in slack_api.workspace.channels()
    assert current().state == "open"


# A clock that starts anew for the next owner


def hand_standard(context: Context) -> str:
    """Hand a standard lead over: the playbook passes it on when nobody calls within 24 hours."""
    keep(lead())
    opened(qualified(priority="standard"), context)
    return current().owner


def told_of_contact(aws: Aws, detail_type: str) -> None:
    """Tell the newest such change of the contact clock, twice, and the older ones once more."""
    detail = [each for each in changes(aws, detail_type) if each["clock"] == "contact"]
    sent = envelope(aws, detail_type)
    for each in (*detail, detail[-1]):
        hear({**sent, "detail": {name: value for name, value in each.items() if name != "detail_type"}}, attempt="m1")


def test_each_owner_is_warned_and_each_breach_is_escalated_though_the_clock_has_one_name(
    aws: Aws, context: Context, slack_api: SlackStand
):
    owners = [hand_standard(context)]
    told(aws, "HandoffCreated")
    for day in (1, 2, 3):
        sweep(QUALIFIED_AT + day * DAY - HOUR)
        told_of_contact(aws, "SlaWarned")
        sweep(QUALIFIED_AT + day * DAY)
        told(aws, "HandoffReassigned")
        told_of_contact(aws, "SlaBreached")
        owners.append(current().owner)
    said = handoff_policy(playbook_document())
    escalations = [each["Message"] for each in aws.messages(aws.escalations_queue_url)]
    due = ["Tue 6 Jan 2026 09:30 CET", "Wed 7 Jan 2026 09:30 CET", "Thu 8 Jan 2026 08:30 GMT"]
    names = [said.person(each).name for each in owners]
    assert sorted(each.partition(" has it now")[0] for each in escalations) == sorted(
        f"Helena Novak: Contact was due by {when} and nobody did.\nOwner: {late}. {now}"
        for when, late, now in zip(due, names[:3], names[1:], strict=True)
    )
    warned = [each["text"] for each in slack_api.replies if "is due by" in each["text"]]
    assert [said.person(each).slack in text for each, text in zip(owners[:3], warned, strict=True)] == [True] * 3
    breaches = [each["text"] for each in slack_api.replies if "was due by" in each["text"]]
    blamed = [f"owner <@{said.person(each).slack}>" for each in owners[:3]]
    assert [who in text for who, text in zip(blamed, breaches, strict=True)] == [True] * 3
    assert len({each["blocks"][0]["block_id"] for each in slack_api.replies}) == len(slack_api.replies)


def test_of_a_lead_passed_on_twice_only_the_last_owner_hears_and_once(aws: Aws, owner: str, slack_api: SlackStand):
    said = policy()
    first, last = (each.id for each in said.owners if each.id != owner)
    move("reassign", said, to=first)
    to_first = envelope(aws, "HandoffReassigned")
    move("reassign", said, after=6 * MINUTE, to=last)
    for event in (to_first, envelope(aws, "HandoffReassigned")):
        hear(event, attempt="m1")
    alerts = aws.messages(aws.alerts_queue_url)
    assert [each["MessageAttributes"]["owner"]["Value"] for each in alerts] == [last]


def test_a_handoff_whose_making_is_told_after_it_was_passed_on_is_told_once(
    aws: Aws, owner: str, slack_api: SlackStand, monkeypatch
):
    said = policy(channels={"dach": "#dach"})
    other = next(each.id for each in said.owners if each.id != owner)
    teams = tuple(replace(each, teams=("dach",) if each.id == other else ()) for each in said.owners)
    said = tells(monkeypatch, replace(said, owners=teams))
    move("reassign", said, to=other)
    for detail_type in ("HandoffReassigned", "HandoffCreated"):
        told(aws, detail_type)
    (posted,) = by_channel(slack_api).values()
    assert len([each for each in posted if "thread_ts" not in each]) == 1
    assert len(aws.messages(aws.alerts_queue_url)) == 1


def test_nobody_is_told_that_a_lead_is_theirs_that_was_decided_meanwhile(aws: Aws, owner: str, slack_api: SlackStand):
    said = policy()
    move("reassign", said, to=next(each.id for each in said.owners if each.id != owner))
    passed_on = envelope(aws, "HandoffReassigned")
    move("reject", said, reason_code="not_ready")
    hear(passed_on, attempt="m1")
    assert aws.messages(aws.alerts_queue_url) == []


def test_who_accepted_a_lead_of_a_colleague_is_reminded_of_it(aws: Aws, owner: str, slack_api: SlackStand):
    said = policy()
    other = next(each for each in said.owners if each.id != owner)
    move("accept", said, by=other.id)
    sweep(QUALIFIED_AT + DAY)
    sent = envelope(aws, "SlaBreached")
    (late,) = (each for each in changes(aws, "SlaBreached") if each["clock"] == "follow_up")
    hear({**sent, "detail": {name: value for name, value in late.items() if name != "detail_type"}}, attempt="m1")
    (message,) = slack_api.messages
    assert f"owner <@{other.slack}>" in message["text"]
    (escalation,) = aws.messages(aws.escalations_queue_url)
    assert f"\nOwner: {other.name}. The handoff is accepted by {other.name}" in escalation["Message"]
