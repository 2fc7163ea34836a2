"""A lead that another system says is won, lost or disqualified takes its open handoff along, and nothing is said twice."""

import json
from typing import Any

import pytest

from functions.handoff.handler import handler as hand_off
from functions.sales.moves import make_move
from functions.score.handler import handler as score
from functions.score.messages import read_message
from shared.aws import addresses
from shared.aws.leads import get_lead
from shared.bundle import playbook_document
from shared.instants import HOUR, MINUTE, instant_text
from shared.lead import LeadEvent, queue_message
from shared.rules.handoff import Move
from shared.rules.routing import handoff_policy
from tests.conftest import Aws, Context
from tests.handoff_world import ADDRESS, LEAD_ID, QUALIFIED_AT, changes, current, envelope, handed_off

AT = QUALIFIED_AT + 2 * HOUR


def said(context: Context, name: str, *, at: int = AT, received_at: int = AT, event_id: str = "outcome-1") -> None:
    """Have `score` apply an outcome as POST /v1/outcomes queues it."""
    event = LeadEvent(event_id, name, at, received_at, "system", lead_id=LEAD_ID)
    queued(context, queue_message("system", received_at, [event]))


def queued(context: Context, body: Any) -> None:
    record = {"messageId": "m1", "body": json.dumps(body)}
    assert score({"Records": [record]}, context) == {"batchItemFailures": []}


def move(action: Any, after: int = 5 * MINUTE, **more: Any) -> None:
    decision = make_move(
        LEAD_ID, 1, Move(action, "maria", QUALIFIED_AT + after, **more), handoff_policy(playbook_document())
    )
    assert decision is not None
    assert decision.verdict == "moved"


@pytest.mark.parametrize("accepted", [False, True])
@pytest.mark.parametrize(
    ("name", "outcome", "paused"),
    [
        ("Became Customer", "won", True),
        ("Lead Won", "won", True),
        ("Lead Lost", "lost", False),
        ("Lead Disqualified", "disqualified", False),
    ],
)
def test_what_the_crm_says_closes_the_handoff(
    name: str, outcome: str, paused: bool, accepted: bool, aws: Aws, context: Context
):
    handed_off(context)
    if accepted:
        move("accept")
        queued(context, envelope(aws, "HandoffAccepted"))
    said(context, name)
    for _ in range(2):
        hand_off(envelope(aws, "StageChanged"), context)
    after = current()
    assert (after.state, after.outcome, after.ended_by) == ("closed", outcome, "ripen")
    (change,) = changes(aws, "HandoffClosed")
    assert (change["outcome"], change["by"]) == (outcome, "ripen")
    held = addresses.get_address(ADDRESS).paused_by
    assert held == ({after.reference} if accepted and paused else set())


def test_its_own_echo_is_no_outcome_of_its_own(aws: Aws, context: Context):
    """Counted again, at the time it was noticed, it would outweigh a later correction."""
    handed_off(context)
    said(context, "Lead Won", at=QUALIFIED_AT + MINUTE)
    hand_off(envelope(aws, "StageChanged"), context)
    record = {"messageId": "m2", "body": json.dumps(envelope(aws, "HandoffClosed"))}
    assert read_message(record).events == ()
    said(context, "Lead Lost", at=QUALIFIED_AT + 2 * MINUTE, received_at=AT + HOUR, event_id="outcome-2")
    found = get_lead(LEAD_ID)
    assert found is not None
    assert found.settled.stage == "lost"


def test_what_sales_closed_itself_is_not_closed_again(aws: Aws, context: Context):
    handed_off(context)
    move("accept")
    queued(context, envelope(aws, "HandoffAccepted"))
    move("won", 10 * MINUTE)
    queued(context, envelope(aws, "HandoffClosed"))
    before = current()
    hand_off(envelope(aws, "StageChanged"), context)
    assert current() == before
    assert before.ended_by == "maria"


def test_a_stage_that_is_past_closes_nothing(aws: Aws, context: Context):
    """The message says lost; meanwhile the lead is somewhere else."""
    handed_off(context)
    move("accept")
    queued(context, envelope(aws, "HandoffAccepted"))
    late = envelope(aws, "StageChanged")
    detail = {**late["detail"], "to_stage": "lost", "occurred_at": instant_text(AT)}
    hand_off({**late, "detail": detail}, context)
    assert current().state == "accepted"
