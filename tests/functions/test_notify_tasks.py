"""Tasks told by notify under moto with a Slack beside it: to the right person, once, wherever it dies, and as plain words."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from functions.notify.handler import hear
from infra.local.companion.block_kit import faults
from shared import table
from shared.aws import handoffs, playbooks, secret_values, slack, tasks
from shared.aws.addresses import get_address
from shared.aws.leads import get_lead
from shared.aws.sends import Said
from shared.bundle import playbook_document
from shared.errors import DeliveryError
from shared.handoff import Handoff, ScoreThen
from shared.instants import DAY, instant_text
from shared.lead import Naming, Settled
from shared.mailing import SendRef
from shared.rules.routing import handoff_policy
from tests.conftest import Aws, Context, sample
from tests.crashes import Killed, calls_counted, killed_at
from tests.handoff_world import SlackStand, slack_stand
from tests.nurture_world import ADDRESS, LEAD_ID, NOW, a_lead, a_run, keep

REF = SendRef(LEAD_ID, "decision", 1, 3)
HOSTILE = "<!channel> <@U0MARIA> *bold*\r\nSubject: x\u202e & <https://evil.example|press>"


@pytest.fixture
def slack_api(aws: Aws, tmp_path, monkeypatch) -> Iterator[SlackStand]:
    with slack_stand(tmp_path) as stand:
        monkeypatch.setenv("SLACK_API_URL", stand.url)
        monkeypatch.setattr(slack, "TIMEOUT", 1)
        secret_values.slack_secret()
        yield stand


def given(
    *,
    lead_id: str = LEAD_ID,
    first_name: str = "Ada",
    title: str = "Call Ada",
    text: str = "Ask\n\nand listen.",
    **lead: Any,
) -> None:
    """A task as nurture_send leaves it."""
    keep(a_lead(lead_id, proven={"first_name": first_name, "company": "Nordwind", "phone": "+46701234567"}, **lead))
    run = a_run("decision", step=4, due_at=NOW + DAY, lead_id=lead_id)
    said = Said("call-task", playbook_document()["bundle"], "task")
    address = get_address(ADDRESS)
    assert (
        tasks.give(
            replace(REF, lead_id=lead_id), said=said, task=tasks.Task(title, text), at=NOW, address=address, run=run
        )
        == "claimed"
    )


def due(lead_id: str) -> dict[str, Any]:
    """The change as the bus delivers it."""
    event = sample("task_due")
    detail = {**event["detail"], "lead_id": lead_id, "occurred_at": instant_text(NOW), "version": 1}
    detail["change_id"] = f"{lead_id}:1"
    return {**event, "detail": detail}


def told(context: Context, lead_id: str = LEAD_ID) -> None:
    hear(due(lead_id), attempt=context.aws_request_id)


def another(context: Context) -> Context:
    return replace(context, aws_request_id="11111111-1111-4111-8111-111111111111")


def handed_to(owner: str, lead_id: str = LEAD_ID) -> None:
    score = ScoreThen(0, "A", 1, ())
    handoff = Handoff(
        lead_id,
        1,
        version=1,
        state="open",
        owner=owner,
        priority="high",
        reason="r",
        created_at=NOW - DAY,
        clocks=(),
        score=score,
    )
    handoffs.write([handoffs.create_entry(handoff, None)])


def blocks(message: dict[str, Any]) -> str:
    return json.dumps(message["blocks"], ensure_ascii=False)


def test_a_task_of_nobodys_lead_is_told_to_the_manager_in_slack_and_by_sns(
    aws: Aws, context: Context, slack_api: SlackStand
):
    given()
    told(context)
    manager = handoff_policy(playbook_document()).manager
    (message,) = slack_api.messages
    for part in (f"<@{manager.slack}>", "Call Ada", "and listen.", "Ada, Nordwind", "+46701234567", "Step 4"):
        assert part in blocks(message)
    (alert,) = aws.messages(aws.alerts_queue_url)
    assert alert["Subject"] == "Task: Call Ada"
    assert alert["Message"].startswith(f"Task for {manager.name}: Call Ada\n\nAda, Nordwind\n")
    attributes = {name: each["Value"] for name, each in alert["MessageAttributes"].items()}
    assert (attributes["detail_type"], attributes["owner"], attributes["track"]) == ("TaskDue", manager.id, "decision")
    facts = json.loads(attributes["facts"])
    assert (facts["send_id"], facts["title"], facts["text"]) == (REF.send_id, "Call Ada", "Ask\n\nand listen.")
    assert facts["details"]["Phone"] == "+46701234567"


@pytest.mark.parametrize(("owner", "teller"), [("maria", "maria"), ("somebody-who-left", "helena")])
def test_a_task_is_its_owners_while_the_owner_is_there(aws: Aws, context: Context, slack_api, owner, teller):
    given(settled=Settled(band="engaged", stage="mql", qualified=True, qualification=1))
    handed_to(owner)
    told(context)
    (alert,) = aws.messages(aws.alerts_queue_url)
    assert alert["MessageAttributes"]["owner"]["Value"] == teller


def test_a_task_is_its_owners_whose_handoff_stands_where_another_lead_was_before_a_merge(
    aws: Aws, context: Context, slack_api
):
    other = "b" * 16
    settled = Settled(band="engaged", stage="mql", qualified=True, qualification=1)
    given(settled=settled, identities={"user#u1": Naming(other, NOW, NOW)})
    handed_to("maria", other)
    told(context)
    (alert,) = aws.messages(aws.alerts_queue_url)
    assert alert["MessageAttributes"]["owner"]["Value"] == "maria"


def test_a_task_told_twice_is_one(aws: Aws, context: Context, slack_api: SlackStand):
    given()
    for each in (context, context, another(context)):
        told(each)
    assert len(slack_api.messages) == len(aws.messages(aws.alerts_queue_url)) == 1


def test_whoever_dies_anywhere_tells_it_in_slack_once(aws: Aws, context: Context, slack_api: SlackStand, monkeypatch):
    monkeypatch.setattr(playbooks, "LOOK_EVERY", 10**9)
    given()
    told(context)
    given(lead_id=f"{'a' * 15}2")
    with calls_counted() as made:
        told(context, f"{'a' * 15}2")
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    points = [(call, after) for call in range(len(made)) for after in (False, True)]
    for number, (call, after) in enumerate(points):
        lead_id = f"{'b' * 15}{letters[number]}"
        given(lead_id=lead_id)
        attempt = replace(context, aws_request_id=f"00000000-0000-4000-8000-{number:012d}")
        with killed_at(call, after=after), pytest.raises(Killed):
            told(attempt, lead_id)
        told(attempt, lead_id)
        told(attempt, lead_id)
        posted = [message for message in slack_api.messages if lead_id in blocks(message)]
        assert len(posted) == 1, (made[call], after)
        alerts = aws.messages(aws.alerts_queue_url)
        ours = [each for each in alerts if each["MessageAttributes"]["lead_id"]["Value"] == lead_id]
        assert 1 <= len(ours) <= 2, (made[call], after)
        assert len({each["MessageAttributes"]["change_id"]["Value"] for each in ours}) == 1


def test_slack_being_down_does_not_keep_sns_from_being_told_and_it_comes_again(
    aws: Aws, context: Context, slack_api: SlackStand
):
    given()
    slack_api.fail(429)
    with pytest.raises(DeliveryError):
        told(context)
    told(context)
    assert len(slack_api.messages) == len(aws.messages(aws.alerts_queue_url)) == 1


def test_there_is_nothing_to_tell_of_who_was_erased(aws: Aws, context: Context, slack_api: SlackStand):
    given()
    for item in aws.items(table.lead_pk(LEAD_ID)):
        if item[table.SK] == table.LEAD_SK:
            aws.clear(but="PLAYBOOK")
    assert get_lead(LEAD_ID) is None
    told(context)
    assert slack_api.messages == aws.messages(aws.alerts_queue_url) == []


def test_hostile_words_are_no_mention_link_or_header(aws: Aws, context: Context, slack_api: SlackStand):
    given(first_name=HOSTILE, title=f"Call {HOSTILE}", text=f"Say {HOSTILE}\r\nBcc: all")
    told(context)
    (message,) = slack_api.messages
    assert faults(message["blocks"]) == []
    said = blocks(message)
    assert "<!channel>" not in said
    assert "<https://evil" not in said
    assert "\u202e" not in said
    for block in message["blocks"]:
        text = block.get("text", {})
        assert text.get("type") != "mrkdwn" or "evil" not in text["text"]
    (alert,) = aws.messages(aws.alerts_queue_url)
    assert alert["Subject"].isascii()
    assert alert["Subject"].isprintable()


def test_no_slack_is_no_failure(aws: Aws, context: Context, monkeypatch):
    nothing = secret_values.SlackSecret("", "", "")
    monkeypatch.setattr(secret_values, "slack_secret", lambda: nothing)
    given()
    told(context)
    assert len(aws.messages(aws.alerts_queue_url)) == 1
