"""The handoff function under moto: what a qualification makes, and what it leaves alone."""

import json
from dataclasses import replace

import pytest

from functions.handoff import handler as module
from functions.handoff.handler import handler
from functions.score.handler import handler as score
from shared import table
from shared.aws import clients, handoffs
from shared.errors import ConflictError
from shared.instants import HOUR, MINUTE, parse_instant
from shared.lead import Alias, LeadEvent, Naming, Settled, queue_message
from tests.conftest import Aws, Context, sample
from tests.handoff_world import (
    EMAIL_ADDRESS,
    LEAD_ID,
    QUALIFIED_AT,
    changes,
    current,
    envelope,
    handed_off,
    keep,
    lead,
    qualified,
)
from tests.lead_items import save

UNQUALIFIED = Settled(stage="mql", qualified=False, qualification=1)
OTHER = "aaaaaaaaaaaaaaaa"


def test_a_qualified_lead_becomes_a_handoff_with_clocks(aws: Aws, context: Context):
    handoff = handed_off(context)
    assert (handoff.state, handoff.version, handoff.priority) == ("open", 1, "high")
    assert handoff.created_at == QUALIFIED_AT
    contact, decide = handoff.clocks
    assert (contact.due_at, contact.warn_at) == (QUALIFIED_AT + HOUR, QUALIFIED_AT + 45 * MINUTE)
    assert decide.due_at == QUALIFIED_AT + 48 * HOUR
    item = next(item for item in aws.items(table.lead_pk(LEAD_ID)) if item[table.SK] == table.handoff_sk(1))
    assert item[table.DUE_KEY] == table.due_key(table.SLA, table.shard(LEAD_ID))
    assert item[table.DUE_AT] == "2026-01-05T09:15:00Z"
    assert item["deliveries"] == {}


def test_the_handoff_is_announced_in_the_same_write(aws: Aws, context: Context):
    handoff = handed_off(context)
    (change,) = changes(aws)
    assert change["detail_type"] == "HandoffCreated"
    assert (change["handoff"], change["version"], change["priority"]) == (1, 1, "high")
    assert change["owner"] == handoff.owner
    assert change["occurred_at"] == "2026-01-05T08:30:00Z"


def test_the_same_qualification_twice_makes_one_handoff(aws: Aws, context: Context):
    handed_off(context)
    before = aws.items()
    handler(qualified(), context)
    assert aws.items() == before


def test_two_copies_at_the_same_time_make_one_handoff(aws: Aws, context: Context, monkeypatch: pytest.MonkeyPatch):
    handed_off(context)
    before = aws.items()
    monkeypatch.setattr(handoffs, "get_handoffs", lambda _: [])  # both read before either wrote
    handler(qualified(), context)
    assert aws.items() == before


@pytest.mark.parametrize(
    "settled",
    [UNQUALIFIED, Settled(qualified=True, qualification=2), Settled(stage="customer", qualification=1)],
)
def test_a_stale_message_makes_nothing(settled: Settled, aws: Aws, context: Context):
    keep(lead(settled=settled))
    handler(qualified(), context)
    assert changes(aws) == []


def test_a_lead_that_is_gone_makes_nothing(aws: Aws, context: Context):
    handler(qualified(), context)
    assert aws.items() == []


@pytest.mark.parametrize("now", [Settled(stage="customer", qualification=1), None])
def test_a_lead_that_is_closed_or_erased_while_we_decide_has_no_handoff(
    now: Settled | None, aws: Aws, context: Context, monkeypatch: pytest.MonkeyPatch
):
    keep(lead())
    read = module.owners.get_owners
    raced = []

    def get_owners(people):
        if not raced:
            raced.append(True)
            if now is None:
                clients.dynamodb().delete_item(
                    TableName=aws.table_name,
                    Key={table.PK: {"S": table.lead_pk(LEAD_ID)}, table.SK: {"S": table.LEAD_SK}},
                )
            else:
                keep(lead(settled=now))
        return read(people)

    monkeypatch.setattr(module.owners, "get_owners", get_owners)
    handler(qualified(), context)
    assert raced
    assert handoffs.get_handoffs(LEAD_ID) == []


def test_an_older_handoff_that_runs_is_the_only_one(aws: Aws, context: Context):
    handed_off(context)
    keep(lead(settled=Settled(qualified=True, qualification=2)))
    handler(qualified(qualification=2), context)
    assert [change["handoff"] for change in changes(aws, "HandoffCreated")] == [1]


def test_after_the_older_one_ended_the_next_qualification_has_its_own(aws: Aws, context: Context):
    handed_off(context)
    keep(lead(settled=UNQUALIFIED))
    handler(sample("lead_unqualified"), context)
    keep(lead(settled=Settled(qualified=True, qualification=2)))
    handler(qualified(qualification=2), context)
    assert current(1).outcome == "unqualified"
    assert current(2).state == "open"


def test_a_running_handoff_of_a_merged_lead_counts(aws: Aws, context: Context):
    handed_off(context)
    merged = lead(lead_id=OTHER, identities={"email#x": Naming(LEAD_ID, 1, 2), "user#u": Naming(OTHER, 1, 2)})
    keep(merged)
    handler(qualified(lead_id=OTHER), context)
    assert handoffs.get_handoffs(OTHER) == []


def test_a_message_for_a_merged_lead_makes_the_survivors_handoff(aws: Aws, context: Context):
    keep(lead())
    save([Alias(OTHER, LEAD_ID, version=1)], {OTHER: 0})
    handler(qualified(lead_id=OTHER), context)
    assert current().lead_id == LEAD_ID
    assert handoffs.get_handoffs(OTHER) == []


def test_the_score_that_made_the_handoff_is_kept(aws: Aws, context: Context):
    event = LeadEvent("e1", "Demo Requested", QUALIFIED_AT, QUALIFIED_AT, "server", email=EMAIL_ADDRESS)
    body = queue_message("server", QUALIFIED_AT, [event])
    score({"Records": [{"messageId": "m1", "body": json.dumps(body)}]}, context)
    handler(envelope(aws, "LeadQualified"), context)
    handoff = current()
    assert handoff.score.total == sum(line.points for line in handoff.score.lines) > 0
    assert "demo" in " ".join(line.rule for line in handoff.score.lines)


def test_a_lead_that_stops_qualifying_loses_its_open_handoff_once(aws: Aws, context: Context):
    handed_off(context)
    keep(lead(settled=UNQUALIFIED))
    handler(sample("lead_unqualified"), context)
    after = aws.items()
    handler(sample("lead_unqualified"), context)
    assert aws.items() == after
    assert (current().state, current().outcome, current().version) == ("closed", "unqualified", 2)
    (closed,) = changes(aws, "HandoffClosed")
    assert (closed["outcome"], closed["by"]) == ("unqualified", "ripen")
    item = next(item for item in aws.items(table.lead_pk(LEAD_ID)) if item[table.SK] == table.handoff_sk(1))
    assert table.DUE_KEY not in item
    assert table.DUE_AT not in item


def test_a_merged_lead_that_stops_qualifying_loses_all_its_open_handoffs(aws: Aws, context: Context):
    first = handed_off(context)
    handoffs.write([handoffs.create_entry(replace(first, lead_id=OTHER, version=1), None)])
    both = {"email#x": Naming(LEAD_ID, 1, 2), "user#u": Naming(OTHER, 1, 2)}
    keep(lead(identities=both, settled=UNQUALIFIED))
    for _ in range(2):
        handler(sample("lead_unqualified"), context)
    assert [each.outcome for home in (LEAD_ID, OTHER) for each in handoffs.get_handoffs(home)] == ["unqualified"] * 2
    (elsewhere,) = (item for item in aws.items(table.lead_pk(OTHER)) if item[table.SK].startswith(table.CHANGE_PREFIX))
    assert elsewhere["detail_type"] == "HandoffClosed"


def test_a_lead_that_qualifies_again_meanwhile_keeps_it(aws: Aws, context: Context):
    handed_off(context)
    keep(lead(settled=Settled(qualified=True, qualification=2)))
    handler(sample("lead_unqualified"), context)
    assert current().state == "open"


def test_a_lead_that_qualifies_while_we_decide_keeps_it(aws: Aws, context: Context, monkeypatch: pytest.MonkeyPatch):
    handed_off(context)
    keep(lead(settled=UNQUALIFIED))
    read = module.get_lead
    raced = []

    def get_lead(lead_id: str):
        found = read(lead_id)
        if not raced:
            raced.append(True)
            keep(lead(settled=Settled(qualified=True, qualification=2)))
        return found

    monkeypatch.setattr(module, "get_lead", get_lead)
    handler(sample("lead_unqualified"), context)
    assert current().state == "open"


def test_a_lead_that_keeps_changing_goes_back_to_be_delivered_again(
    aws: Aws, context: Context, monkeypatch: pytest.MonkeyPatch
):
    handed_off(context)
    keep(lead(settled=UNQUALIFIED))
    read = module.get_lead

    def get_lead(lead_id: str):
        found = read(lead_id)
        assert found is not None
        return replace(found, version=found.version + 1)

    monkeypatch.setattr(module, "get_lead", get_lead)
    with pytest.raises(ConflictError):
        handler(sample("lead_unqualified"), context)
    assert current().state == "open"


def test_an_unknown_message_is_an_error(aws: Aws, context: Context):
    with pytest.raises(ValueError, match="validation error"):
        handler({"detail-type": "LeadQualified", "detail": {"lead_id": "x"}}, context)


def test_the_samples_are_of_one_lead():
    assert sample("lead_qualified")["detail"]["lead_id"] == LEAD_ID
    assert parse_instant(sample("lead_qualified")["detail"]["occurred_at"]) == QUALIFIED_AT
