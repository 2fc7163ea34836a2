"""The notify function under moto with a Slack beside it: everybody is told once, whatever dies in between."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient

from functions.notify import slack_channel
from functions.notify.handler import hear
from functions.sales.moves import make_move
from functions.sla_sweep.handler import sweep
from shared.aws import deliveries, handoffs, secret_values, slack
from shared.aws.slack import UnsureDeliveryError
from shared.bundle import playbook_document
from shared.errors import DeliveryError
from shared.instants import HOUR, MINUTE
from shared.rules.handoff import Move
from shared.rules.routing import handoff_policy
from tests.conftest import SLACK_SECRET, Aws, Context, sample
from tests.handoff_world import (
    LEAD_ID,
    QUALIFIED_AT,
    SlackStand,
    changes,
    current,
    envelope,
    handed_off,
    keep_events,
    slack_stand,
    viewed,
)


@pytest.fixture
def slack_api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackStand]:
    with slack_stand(tmp_path) as stand:
        monkeypatch.setenv("SLACK_API_URL", stand.url)
        monkeypatch.setattr(slack, "TIMEOUT", 1)
        yield stand


@pytest.fixture
def created(aws: Aws, context: Context) -> dict[str, Any]:
    """A handoff, and the change that announces it as the bus delivers it."""
    handed_off(context)
    return envelope(aws, "HandoffCreated")


def handler(event: dict[str, Any], context: Context) -> None:
    """Deliver one change; the same context is the same message of the queue."""
    hear(event, attempt=context.aws_request_id)


def use_secret(monkeypatch: pytest.MonkeyPatch, **said: str) -> None:
    secret = secret_values.SlackSecret(**(SLACK_SECRET | said))
    monkeypatch.setattr(secret_values, "slack_secret", lambda: secret)


def move(action: Any, by: str = "maria", after: int = 5 * MINUTE, **said: Any) -> None:
    policy = handoff_policy(playbook_document())
    decision = make_move(LEAD_ID, 1, Move(action, by, QUALIFIED_AT + after, **said), policy)
    assert decision is not None
    assert decision.verdict == "moved"


def blocks_text(message: dict[str, Any]) -> str:
    return json.dumps(message["blocks"], ensure_ascii=False)


def another(context: Context) -> Context:
    """The context of another delivery of the same event."""
    return replace(context, aws_request_id="11111111-1111-4111-8111-111111111111")


# What is told


def test_a_new_handoff_is_told_in_slack_and_by_sns(
    aws: Aws, context: Context, created: dict[str, Any], slack_api: SlackStand
):
    keep_events(viewed("Page Viewed", 5, name="Pricing"))
    handler(created, context)
    (message,) = slack_api.posts
    for part in ("Anna Svensson, Nordwind Logistics", "Viewed Pricing", "10:30 CET", "Unproven", '"accept"'):
        assert part in blocks_text(message)
    (alert,) = aws.messages(aws.alerts_queue_url)
    assert alert["Subject"] == "Call now: Anna Svensson, Nordwind Logistics"
    assert "Contact by Mon 5 Jan 2026 10:30 CET" in alert["Message"]
    attributes = {name: each["Value"] for name, each in alert["MessageAttributes"].items()}
    assert attributes["change_id"] == created["detail"]["change_id"]
    assert (attributes["priority"], attributes["detail_type"]) == ("high", "HandoffCreated")
    facts = json.loads(attributes["facts"])
    assert (facts["name"], facts["change_id"]) == ("Anna Svensson", attributes["change_id"])
    assert facts["clocks"][0] == {"clock": "contact", "due_at": "2026-01-05T09:30:00Z", "status": "running"}


def test_the_same_change_twice_is_told_once(aws: Aws, context: Context, created: dict[str, Any], slack_api: SlackStand):
    for _ in range(2):
        handler(created, context)
    handler(created, another(context))
    assert len(slack_api.messages) == 1
    assert len(aws.messages(aws.alerts_queue_url)) == 1


@pytest.mark.parametrize(
    ("moves", "detail_type", "said"),
    [
        ([("accept", {})], "HandoffAccepted", "Accepted by Maria Lindqvist on Mon 5 Jan 2026 09:35 CET"),
        ([("reject", {"reason_code": "not_ready"})], "HandoffRejected", "Rejected by Maria Lindqvist"),
        ([("contact", {})], "HandoffContacted", "Contacted by Maria Lindqvist"),
        ([("accept", {}), ("won", {})], "HandoffClosed", "Closed as won by Maria Lindqvist"),
    ],
)
def test_a_move_updates_the_message_in_place(
    moves: list[tuple[str, dict[str, Any]]],
    detail_type: str,
    said: str,
    aws: Aws,
    context: Context,
    created: dict[str, Any],
    slack_api: SlackStand,
):
    handler(created, context)
    for action, more in moves:
        move(action, **more)
    for _ in range(2):
        handler(envelope(aws, detail_type), context)
    (message,) = slack_api.messages
    assert said in blocks_text(message)
    assert len(aws.messages(aws.alerts_queue_url)) == 1  # the alert of the creation and no other


def test_a_warning_reminds_the_owner_under_the_message(
    aws: Aws, context: Context, created: dict[str, Any], slack_api: SlackStand
):
    handler(created, context)
    sweep(QUALIFIED_AT + 45 * MINUTE)
    for _ in range(2):
        handler(envelope(aws, "SlaWarned"), context)
    (message,), (reply,) = slack_api.posts, slack_api.replies
    assert "(nearly due)" in blocks_text(message)
    assert reply["thread_ts"] == message["ts"]
    owner = handoff_policy(playbook_document()).person(current().owner)
    assert f"<@{owner.slack}>" in reply["text"]
    assert aws.messages(aws.escalations_queue_url) == []


def test_a_breach_escalates_to_the_manager_everywhere_once(
    aws: Aws, context: Context, created: dict[str, Any], slack_api: SlackStand
):
    handler(created, context)
    sweep(QUALIFIED_AT + HOUR)
    for _ in range(2):
        handler(envelope(aws, "SlaBreached"), context)
    (message,), (reply,) = slack_api.posts, slack_api.replies
    assert "(overdue)" in blocks_text(message)
    assert "<@U0HELENA>" in reply["text"]
    (escalation,) = aws.messages(aws.escalations_queue_url)
    assert escalation["Subject"] == "Overdue (contact): Anna Svensson, Nordwind Logistics"
    assert escalation["Message"].startswith("Helena Novak: Contact was due by Mon 5 Jan 2026 10:30 CET")
    assert escalation["MessageAttributes"]["escalated_to"]["Value"] == "helena"
    assert escalation["MessageAttributes"]["clock"]["Value"] == "contact"


def test_each_clock_that_breaches_is_escalated(
    aws: Aws, context: Context, created: dict[str, Any], slack_api: SlackStand
):
    handler(created, context)
    sweep(QUALIFIED_AT + 48 * HOUR)
    newest = envelope(aws, "SlaBreached")
    for detail in changes(aws, "SlaBreached"):
        del detail["detail_type"]
        handler({**newest, "detail": detail}, context)
    assert len(slack_api.replies) == 2
    assert len(aws.messages(aws.escalations_queue_url)) == 2


def test_a_breach_does_not_wait_for_a_message_that_never_came(
    aws: Aws, context: Context, created: dict[str, Any], slack_api: SlackStand
):
    sweep(QUALIFIED_AT + HOUR)
    handler(envelope(aws, "SlaBreached"), context)
    (message,) = slack_api.posts
    assert "<@U0HELENA>" in message["text"]


def test_changes_out_of_order_end_with_the_newest_state(
    aws: Aws, context: Context, created: dict[str, Any], slack_api: SlackStand
):
    move("accept")
    accepted = envelope(aws, "HandoffAccepted")
    handler(accepted, context)
    assert slack_api.messages == []  # nothing to update yet
    handler(created, context)
    (message,) = slack_api.messages
    assert "Accepted by" in blocks_text(message)
    assert '"accept"' not in blocks_text(message)


def test_a_move_while_the_message_is_posted_shows_in_it(
    aws: Aws, context: Context, created: dict[str, Any], slack_api: SlackStand, monkeypatch: pytest.MonkeyPatch
):
    post = slack.post

    def post_and_accept(*args: Any, **said: Any):
        posted = post(*args, **said)
        move("accept")
        handler(envelope(aws, "HandoffAccepted"), another(context))  # finds no record of the message yet
        return posted

    with monkeypatch.context() as racing:
        racing.setattr(slack, "post", post_and_accept)
        handler(created, context)
    (message,) = slack_api.messages
    assert "Accepted by" in blocks_text(message)


def test_the_slower_of_two_updates_does_not_leave_an_older_state(
    aws: Aws, context: Context, created: dict[str, Any], slack_api: SlackStand, monkeypatch: pytest.MonkeyPatch
):
    handler(created, context)
    move("accept")
    accepted = envelope(aws, "HandoffAccepted")
    update, raced = slack.update, []

    def slow_update(*args: Any, **said: Any) -> bool:
        if not raced:
            raced.append(True)
            move("contact", after=9 * MINUTE)
            handler(envelope(aws, "HandoffContacted"), another(context))
        return update(*args, **said)

    with monkeypatch.context() as racing:
        racing.setattr(slack, "update", slow_update)
        handler(accepted, context)
    (message,) = slack_api.messages
    assert "(done)" in blocks_text(message).split("Accept or reject")[0]


def test_a_handoff_that_never_rests_is_delivered_again(
    aws: Aws, context: Context, created: dict[str, Any], slack_api: SlackStand, monkeypatch: pytest.MonkeyPatch
):
    handler(created, context)
    move("accept")
    read, version = slack_channel.get_handoff, iter(range(10, 99))
    monkeypatch.setattr(slack_channel, "get_handoff", lambda *key: replace(read(*key), version=next(version)))
    with pytest.raises(DeliveryError):
        handler(envelope(aws, "HandoffAccepted"), context)


def test_a_message_a_person_deleted_is_let_go(
    aws: Aws, context: Context, created: dict[str, Any], slack_api: SlackStand
):
    handler(created, context)
    channel, ts = next(iter(slack_api.workspace._messages))
    slack_api.workspace.delete(channel, ts)
    move("accept")
    handler(envelope(aws, "HandoffAccepted"), context)
    assert slack_api.messages == []


def test_a_handoff_that_is_gone_is_told_to_nobody(aws: Aws, context: Context, slack_api: SlackStand):
    handler(sample("handoff_created"), context)
    assert slack_api.messages == []
    assert aws.messages(aws.alerts_queue_url) == []


# Channels that are off, down, slow


def test_without_slack_sns_is_told(
    aws: Aws, context: Context, created: dict[str, Any], slack_api: SlackStand, monkeypatch: pytest.MonkeyPatch
):
    use_secret(monkeypatch, bot_token="")
    handler(created, context)
    assert slack_api.messages == []
    assert len(aws.messages(aws.alerts_queue_url)) == 1


def test_a_webhook_posts_once_and_does_not_update(
    aws: Aws, context: Context, created: dict[str, Any], slack_api: SlackStand, monkeypatch: pytest.MonkeyPatch
):
    use_secret(monkeypatch, bot_token="", webhook_url=f"{slack_api.url}services/T0/B0/x")
    for _ in range(2):
        handler(created, context)
    move("accept")
    handler(envelope(aws, "HandoffAccepted"), context)
    (message,) = slack_api.messages
    assert '"accept"' in blocks_text(message)


@pytest.mark.parametrize("failure", [{"status": 429}, {"status": 200, "error": "invalid_auth"}])
def test_a_message_that_slack_refused_is_posted_by_the_retry(
    failure: dict[str, Any], aws: Aws, context: Context, created: dict[str, Any], slack_api: SlackStand
):
    slack_api.fail(**failure)
    with pytest.raises(DeliveryError):
        handler(created, context)
    assert deliveries.get_deliveries(LEAD_ID, 1).keys() == {"alert"}  # nothing is left claimed
    handler(created, context)
    assert len(slack_api.messages) == 1
    assert "conversations.history" not in slack_api.api.calls
    assert len(aws.messages(aws.alerts_queue_url)) == 1


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("failure", [{"status": 500}, {"status": "timeout", "seconds": 1.5}, {"status": 200}])
def test_a_message_slack_may_have_taken_is_looked_for_and_adopted(
    failure: dict[str, Any],
    accepted: bool,
    aws: Aws,
    context: Context,
    created: dict[str, Any],
    slack_api: SlackStand,
):
    slack_api.fail(**failure, accept=accepted, method="chat.postMessage")
    with pytest.raises(UnsureDeliveryError):
        handler(created, context)
    assert len(slack_api.messages) == int(accepted)
    handler(created, context)
    (message,) = slack_api.messages
    recorded = deliveries.get_deliveries(LEAD_ID, 1)["slack"]
    assert (recorded.done, recorded.ts) == (True, message["ts"])
    assert len(aws.messages(aws.alerts_queue_url)) == 1


def test_while_slack_does_not_say_nothing_is_posted(
    aws: Aws, context: Context, created: dict[str, Any], slack_api: SlackStand
):
    slack_api.fail(500, accept=True, method="chat.postMessage")
    slack_api.fail(500, method="conversations.history")
    for _ in range(2):
        with pytest.raises(UnsureDeliveryError):
            handler(created, context)
    assert len(slack_api.messages) == 1


def test_another_copy_waits_one_retry_before_it_takes_over(
    aws: Aws, context: Context, created: dict[str, Any], slack_api: SlackStand
):
    slack_api.fail(500, accept=True, method="chat.postMessage")
    with pytest.raises(UnsureDeliveryError):
        handler(created, context)
    with pytest.raises(DeliveryError, match="another delivery"):
        handler(created, another(context))
    handler(created, another(context))
    assert len(slack_api.messages) == 1


def test_nobody_listening_is_no_message(
    aws: Aws, context: Context, created: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SLACK_API_URL", "http://127.0.0.1:9/")
    with pytest.raises(DeliveryError, match="not reached"):
        handler(created, context)
    assert len(aws.messages(aws.alerts_queue_url)) == 1


def test_sns_that_is_down_does_not_keep_slack_from_being_told(
    aws: Aws, context: Context, created: dict[str, Any], slack_api: SlackStand, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as down:
        down.setenv("ALERTS_TOPIC_ARN", "arn:aws:sns:eu-north-1:123456789012:gone")
        with pytest.raises(Exception, match="NotFound"):
            handler(created, context)
    assert len(slack_api.messages) == 1
    handler(created, context)
    assert len(slack_api.messages) == 1
    assert len(aws.messages(aws.alerts_queue_url)) == 1


# Dying anywhere


class DiedError(Exception):
    """The process ended."""


def calls_and_deaths(monkeypatch: pytest.MonkeyPatch, *, die_at: int, after: bool) -> list[str]:
    """Let the process end before, or after, its n-th call of AWS or Slack; nothing it does later has an effect."""
    made: list[str] = []
    aws_call, slack_call = BaseClient._make_api_call, slack.WebClient.api_call

    def counted(name: str, call: Any) -> Any:
        if len(made) > die_at:
            raise DiedError
        made.append(name)
        if len(made) - 1 == die_at and not after:
            made.append("dead")
            raise DiedError
        answer = call()
        if len(made) - 1 == die_at:
            made.append("dead")
            raise DiedError
        return answer

    monkeypatch.setattr(
        BaseClient, "_make_api_call", lambda self, name, said: counted(name, lambda: aws_call(self, name, said))
    )
    monkeypatch.setattr(
        slack.WebClient, "api_call", lambda self, name, **said: counted(name, lambda: slack_call(self, name, **said))
    )
    return made


@pytest.mark.parametrize("detail_type", ["HandoffCreated", "SlaBreached"])
def test_dying_at_any_call_posts_once_to_slack_and_at_least_once_to_sns(
    detail_type: str,
    aws: Aws,
    context: Context,
    created: dict[str, Any],
    slack_api: SlackStand,
    monkeypatch: pytest.MonkeyPatch,
):
    queue = aws.alerts_queue_url
    if detail_type == "SlaBreached":
        handler(created, context)
        sweep(QUALIFIED_AT + HOUR)
        queue = aws.escalations_queue_url
    event = envelope(aws, detail_type)
    messages, items = slack_api.messages, aws.items()
    (handoff,) = [item for item in items if item["SK"].startswith("HANDOFF")]

    number, after = 0, False
    while True:
        with monkeypatch.context() as dying:
            made = calls_and_deaths(dying, die_at=number, after=after)
            with suppress(DiedError):
                handler(event, context)
        if "dead" not in made:
            break
        handler(event, context)
        assert len(slack_api.messages) == len(messages) + 1, (number, after)
        published = aws.messages(queue)
        assert 1 <= len(published) <= 2, (number, after)
        said = {each["MessageAttributes"]["change_id"]["Value"] for each in published}
        assert said == {event["detail"]["change_id"]}
        again_from(handoff)
        forget_posts(slack_api, messages)
        number, after = (number + 1, False) if after else (number, True)
    assert number >= 8


def again_from(handoff: dict[str, Any]) -> None:
    """Put the handoff back as it was before anybody was told."""
    handoffs.clients.dynamodb().put_item(TableName="ripen-test", Item=handoffs.to_item(handoff))


def forget_posts(slack_api: SlackStand, kept: list[dict[str, Any]]) -> None:
    known = {message["ts"] for message in kept}
    for channel, ts in list(slack_api.workspace._messages):
        if ts not in known:
            slack_api.workspace.delete(channel, ts)
