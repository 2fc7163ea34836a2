"""What a batch and a sweep ask of AWS, counted: calls and items, never times. The benchmarks' own stub answers."""

import json

import pytest

from functions.score.handler import handler
from shared.aws import playbooks
from shared.rules.scoring import evaluate
from tests.audience_events import NOW
from tests.benchmarks import cost, reference
from tests.benchmarks.cost import BATCHES, COMPARABLE, KINDS, TOGETHER, Kind, spent
from tests.benchmarks.counting import counted
from tests.benchmarks.emulated import emulated
from tests.benchmarks.population import MESSAGES, Traffic, life
from tests.benchmarks.rules import eight_rules, lead_with_all
from tests.benchmarks.score import deliver, filled, live, stored
from tests.benchmarks.stub import meddle
from tests.benchmarks.sweep import DUE, clocks_swept, swept

PEOPLE = MESSAGES
READS = 100
"""Keys that one call reads."""

WRITES = 25
"""Statements, or put requests, that one call takes."""


LEADS_TOGETHER = 12
"""Leads that one transaction has room for, each with all the changes it can bring."""


@pytest.fixture(scope="module")
def known():
    """The address of the stub, where everybody of the benchmarks is known already."""
    with filled(PEOPLE) as address:
        yield address


def _known_event(person):
    return next(event for event in life(person) if event.user_id)


def delivered(batch):
    playbooks.refresh()
    with counted() as counts:
        deliver(handler, [batch])
    return counts


@pytest.mark.parametrize("people", [range(PEOPLE), range(30)], ids=["uniform", "hot"])
def test_a_batch_reads_each_home_once_and_writes_each_lead_once(known, people):
    batch = Traffic(people.stop).batch(people)
    before = stored(people)
    assert len(before) == len(people)
    counts = delivered(batch)
    after = stored(people)
    written = [lead.version - before[lead_id].version for lead_id, lead in after.items()]
    moved = sum(lead.settled != before[lead_id].settled for lead_id, lead in after.items())
    together = counts.calls["dynamodb.TransactWriteItems"]
    assert max(counts.keys_read.values()) == 1
    assert counts.calls["dynamodb.BatchGetItem"] <= -(-len(counts.keys_read) // READS) + 1
    assert counts.calls["dynamodb.BatchWriteItem"] == MESSAGES / WRITES
    assert set(written) <= {0, 1}
    assert sum(written) > 0.9 * len(people)
    assert together <= -(-moved // LEADS_TOGETHER)
    statements = counts.calls["dynamodb.BatchExecuteStatement"]
    assert -(-(sum(written) - moved) // WRITES) <= statements <= -(-sum(written) // WRITES)
    assert not any(counts.calls[f"dynamodb.{name}"] for name in ("PutItem", "UpdateItem", "DeleteItem", "Query"))


def test_a_batch_delivered_again_writes_no_lead(known):
    batch = Traffic(3).batch(range(PEOPLE))
    delivered(batch)
    before = stored(range(PEOPLE))
    counts = delivered(batch)
    assert stored(range(PEOPLE)) == before
    assert counts.written == MESSAGES
    assert counts.calls["dynamodb.BatchWriteItem"] == MESSAGES / WRITES
    assert counts.calls["dynamodb.BatchExecuteStatement"] == counts.calls["dynamodb.TransactWriteItems"] == 0


@pytest.mark.parametrize(
    ("kind", "together", "units"),
    [(KINDS[0], 1, 2.33), (KINDS[1], 1, 1.67), (KINDS[1], TOGETHER, 1.10), (KINDS[2], 1, 1.53)],
    ids=["uniform", "3 of a lead", "3 of a lead in one message", "hot"],
)
def test_an_event_of_a_known_lead_costs_the_write_units_that_are_published(kind, together, units):
    """Within 2%: what is over a timeline item and a lead is bands, due instants and bounds that moved, and changes."""
    with filled(cost.PEOPLE), counted() as counts:
        deliver(handler, kind.batches(together))
    assert counts.write_units / (BATCHES * MESSAGES) == pytest.approx(units, rel=0.02)


def test_the_reference_handler_makes_four_calls_an_event_and_keeps_the_total(known):
    event = _known_event(0)
    batch = Traffic(5).batch(range(10), messages=40)
    reference.forget()
    meddle(known, "Tally")
    deliver(reference.handler, [batch])
    assert meddle(known, "Tally") == {
        "calls": {"DynamoDB.PutItem": 40, "DynamoDB.GetItem": 40, "DynamoDB.UpdateItem": 80},
        "read_units": 40,
        "write_units": 120,
    }
    said = [json.loads(message["body"])["events"][0] for message in batch]
    points = sum(reference.POINTS.get(each["name"], 0) for each in said if each["user_id"] == event.user_id)
    held = reference._leads().get_item(Key={"id": event.user_id})["Item"]
    assert held["total"] == points


def test_the_calls_of_a_sweep_follow_what_is_due_and_not_how_many_leads_there_are():
    few, many, idle = swept(2 * DUE), swept(20 * DUE), swept(2 * DUE, due=0)
    assert few.queued == many.queued == DUE
    assert few.first.calls == many.first.calls
    assert few.first.read_units == many.first.read_units
    assert few.first.write_units == many.first.write_units
    assert few.next.calls == many.next.calls
    assert idle.queued == 0
    assert idle.first.all_calls < few.first.all_calls


def test_the_calls_for_clocks_follow_what_runs_out_and_not_how_many_handoffs_run():
    few, many = clocks_swept(400, due=40), clocks_swept(4_000, due=40)
    assert few.calls == many.calls
    assert few.calls["dynamodb.TransactWriteItems"] == 40


@pytest.mark.embedded
def test_the_emulator_answers_with_the_same_write_units_for_puts_and_transactions():
    kind = Kind("few", range(20))
    with filled(20):
        ours = spent(kind)
    with emulated():
        live(kind.people)
        theirs = spent(kind)
    assert {what: ours[what] for what in COMPARABLE} == {what: theirs[what] for what in COMPARABLE}
    assert ours["write units of puts"] > 1


@pytest.mark.parametrize("fit", [7, 4])
def test_each_of_the_eight_rules_that_are_measured_holds_for_every_lead(fit):
    model = eight_rules(fit, points=10)
    assert all(len(evaluate(lead_with_all(number, model), model, NOW).lines) == 8 for number in range(40))
