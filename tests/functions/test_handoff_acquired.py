"""What a handoff keeps for the reports: where its lead came from, and what it was sent back for before."""

from dataclasses import replace
from typing import Any

import pytest

from functions.handoff import acquired as module
from functions.handoff import handler as hand_off
from functions.handoff.acquired import acquired
from shared.aws import handoffs, playbooks
from shared.lead import LeadEvent, Register
from shared.rules.model import scoring_model
from tests.aws.test_handoffs import HANDOFF
from tests.conftest import Aws, Context
from tests.crashes import calls_counted
from tests.handoff_world import (
    EMAIL_ADDRESS,
    LEAD_ID,
    QUALIFIED_AT,
    current,
    handed_off,
    keep,
    keep_events,
    lead,
    qualified,
)

TOUCH = {"source": "partner", "medium": "referral", "campaign": "spring"}


def touched(**said: Any) -> Any:
    person = lead()
    register = Register({**TOUCH, **said}, QUALIFIED_AT - 9, "k1", proven=True)
    return replace(person, profile={**person.profile, "first_touch": register})


def test_a_handoff_keeps_where_its_lead_came_from(aws: Aws, context: Context) -> None:
    keep(touched())
    hand_off.handler(qualified(), context)
    assert current().source == "partner / referral"
    hand_off.handler(qualified(), context)
    assert handoffs.get_handoffs(LEAD_ID) == [current()]


def test_a_lead_of_unknown_origin_has_no_source(aws: Aws, context: Context) -> None:
    assert handed_off(context).source is None


def test_a_playbook_without_touches_finds_the_source_in_the_timeline(aws: Aws, playbook: dict[str, Any]) -> None:
    keep(lead())
    campaign = {"campaign": {"source": "News", "medium": "email"}}
    at = QUALIFIED_AT
    visits = [
        LeadEvent("e1", "Page Viewed", at - 90, at, "server", email=EMAIL_ADDRESS, context=campaign, verdict="machine"),
        LeadEvent("e2", "Page Viewed", at - 60, at, "server", email=EMAIL_ADDRESS, context=campaign),
        LeadEvent("e3", "Page Viewed", at - 30, at, "server", email=EMAIL_ADDRESS, context={"campaign": TOUCH}),
    ]
    visits[0] = replace(visits[0], context={"campaign": {"source": "bot"}})
    keep_events(*visits)
    model = replace(scoring_model(playbooks.current()), touches=False)
    known = module.leads.get_lead(LEAD_ID)
    assert known is not None
    handoff = base(known.lead_id)
    assert acquired(handoff, known, model, []).source == "news / email"
    with calls_counted() as calls:
        assert acquired(handoff, known, replace(model, touches=True), []).source is None
    assert calls == []


def base(lead_id: str) -> Any:
    return replace(HANDOFF, lead_id=lead_id)


@pytest.mark.parametrize("state", ["rejected", "closed"])
def test_a_handoff_knows_whether_sales_sent_its_lead_back_before(state: str, aws: Aws, context: Context) -> None:
    first = handed_off(context)
    said: dict[str, Any] = {"state": state, "decided_by": "maria", "decided_at": QUALIFIED_AT + 60}
    said |= {"reason_code": "not_ready"} if state == "rejected" else {"outcome": "lost", "ended_at": QUALIFIED_AT + 60}
    handoffs.write([handoffs.update_entry(replace(first, version=2, **said), None)])
    keep(lead(settled=lead().settled._replace(qualification=2)))
    hand_off.handler(qualified(qualification=2), context)
    assert current(2).returned_from == ("not_ready" if state == "rejected" else None)
    assert current(1).source == first.source
