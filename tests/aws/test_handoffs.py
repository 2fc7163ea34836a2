"""Handoff items under moto: made once, changed by who saw the newest version, and what was delivered remembered."""

from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from shared import table
from shared.aws import deliveries, handoffs, topics
from shared.aws.deliveries import Delivery
from shared.aws.due import due_entries
from shared.aws.handoffs import change_entry, create_entry, get_handoff, get_handoffs, update_entry, write
from shared.errors import ConflictError
from shared.handoff import Clock, Handoff, ScoreLine, ScoreThen
from shared.instants import HOUR
from tests.conftest import Aws

AT = 1_767_603_600
HANDOFF = Handoff(
    lead_id="l1",
    number=1,
    version=1,
    state="open",
    priority="standard",
    owner="maria",
    reason="75 points",
    created_at=AT,
    clocks=(Clock("contact", AT + HOUR, AT + 900), Clock("decide", AT + 2 * HOUR)),
    score=ScoreThen(86_000, "A", 4, (ScoreLine("demo", "Demo requested", 30_000),)),
)
ACCEPTED = replace(HANDOFF, version=2, state="accepted", decided_by="maria", decided_at=AT + 9, paused=("1.a", "1.b"))


def announced(handoff: Handoff, about: str = "") -> dict[str, object]:
    return change_entry(handoff, at=AT, detail_type="HandoffAccepted", detail={"by": "maria"}, about=about)


def test_what_was_written_is_read(aws: Aws):
    write([create_entry(HANDOFF, AT + 900)])
    assert get_handoff("l1", 1) == HANDOFF
    write([update_entry(ACCEPTED, AT + HOUR)])
    assert get_handoff("l1", 1) == ACCEPTED
    assert get_handoffs("l1") == [ACCEPTED]


def test_what_does_not_exist_is_none(aws: Aws):
    assert get_handoff("l1", 1) is None
    assert get_handoffs("l1") == []
    assert deliveries.get_deliveries("l1", 1) == {}


def test_handoffs_come_oldest_first(aws: Aws):
    for number in (10, 2, 1):
        write([create_entry(replace(HANDOFF, number=number), None)])
    assert [handoff.number for handoff in get_handoffs("l1")] == [1, 2, 10]


def test_a_handoff_is_made_once_and_a_loser_writes_nothing(aws: Aws):
    write([create_entry(HANDOFF, None), announced(HANDOFF)])
    before = aws.items()
    with pytest.raises(ConflictError):
        write([create_entry(replace(HANDOFF, owner="jonas"), None), announced(HANDOFF, "late")])
    assert aws.items() == before


def test_only_who_saw_the_newest_version_changes_it(aws: Aws):
    write([create_entry(HANDOFF, None)])
    write([update_entry(ACCEPTED, None), announced(ACCEPTED)])
    before = aws.items()
    with pytest.raises(ConflictError):
        write([update_entry(replace(ACCEPTED, decided_by="jonas"), None), announced(ACCEPTED, "late")])
    assert aws.items() == before


def test_another_failure_is_not_a_conflict(aws: Aws):
    with pytest.raises(ClientError):
        write([create_entry(HANDOFF, None), create_entry(HANDOFF, None)])  # one item twice in one transaction


def test_the_due_index_follows_the_handoff(aws: Aws):
    write([create_entry(HANDOFF, AT + 900)])
    (entry,) = due_entries(table.SLA, AT + 900)
    assert (table.lead_id_of(entry.pk), handoffs.number_of(entry.sk)) == ("l1", 1)
    assert list(due_entries(table.SLA, AT + 899)) == []
    write([update_entry(ACCEPTED, None)])
    assert list(due_entries(table.SLA, AT + 10 * HOUR)) == []


def test_what_is_undone_leaves_the_item(aws: Aws):
    write([create_entry(HANDOFF, None)])
    write([update_entry(ACCEPTED, None)])
    write([update_entry(replace(ACCEPTED, version=3, paused=()), None)])
    assert "paused" not in aws.items()[0]


def test_a_lead_that_moved_on_stops_the_write(aws: Aws):
    handoffs.clients.dynamodb().put_item(
        TableName=aws.table_name,
        Item={table.PK: {"S": "LEAD#l1"}, table.SK: {"S": table.LEAD_SK}, table.VERSION: {"N": "4"}},
    )
    write([handoffs.lead_unchanged_entry("l1", 4), create_entry(HANDOFF, None)])
    with pytest.raises(ConflictError):
        write([handoffs.lead_unchanged_entry("l1", 3), update_entry(ACCEPTED, None)])


# Deliveries


@pytest.fixture
def made(aws: Aws) -> Aws:
    write([create_entry(HANDOFF, None)])
    return aws


def claim(by: str) -> str:
    return deliveries.claim("l1", 1, "slack", by=by)


def test_a_claim_is_first_then_again_then_done(made: Aws):
    assert [claim("a"), claim("a")] == ["first", "again"]
    deliveries.record("l1", 1, "slack", by="a", channel="C1", ts="1.2")
    assert [claim("a"), claim("b")] == ["done", "done"]
    assert deliveries.get_deliveries("l1", 1) == {"slack": Delivery("a", True, "C1", "1.2")}


def test_a_claim_of_another_is_ours_at_the_next_try(made: Aws):
    assert [claim("a"), claim("b"), claim("b")] == ["first", "elsewhere", "again"]


def test_a_record_wins_over_whoever_took_the_claim_over(made: Aws):
    claim("a")
    claim("b")
    deliveries.record("l1", 1, "slack", by="a", channel="C1", ts="1.2")
    assert claim("b") == "done"


def test_a_claim_that_was_given_back_is_free(made: Aws):
    claim("a")
    deliveries.release("l1", 1, "slack", by="a")
    assert claim("b") == "first"


def test_neither_a_record_nor_anothers_claim_is_given_back(made: Aws):
    claim("a")
    deliveries.release("l1", 1, "slack", by="b")
    assert claim("a") == "again"
    deliveries.record("l1", 1, "slack", by="a")
    deliveries.release("l1", 1, "slack", by="a")
    assert claim("a") == "done"


def test_deliveries_are_apart_from_each_other_and_from_the_handoff(made: Aws):
    claim("a")
    assert deliveries.claim("l1", 1, "alert", by="a") == "first"
    write([update_entry(ACCEPTED, None)])
    assert deliveries.get_deliveries("l1", 1).keys() == {"slack", "alert"}
    assert get_handoff("l1", 1) == ACCEPTED


def test_nothing_is_remembered_of_a_handoff_that_is_gone(aws: Aws):
    assert deliveries.claim("l1", 1, "slack", by="a") == "elsewhere"
    deliveries.record("l1", 1, "slack", by="a")
    assert aws.items() == []


# Topics


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("Call: Åsa Öberg", "Call: Asa Oberg"),
        ("a\nb\r\tc", "a b c"),
        ("陳大文", "Ripen"),
        ("x" * 200, "x" * 99),
        ("", "Ripen"),
    ],
)
def test_a_subject_is_one_short_line_of_ascii(text: str, subject: str):
    assert topics.plain_subject(text) == subject
