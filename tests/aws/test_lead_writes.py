"""Many leads in few calls: each over the version that was read, on moto's translation and on the emulator alike."""

import os
from dataclasses import fields, replace

import pytest
from botocore.exceptions import ClientError

from infra.local.emulator import start_emulator
from infra.local.processes import stop
from infra.local.state import State
from shared import table
from shared.aws import clients, leads
from shared.aws.items import from_item, to_item
from shared.aws.leads import Writes, save_many
from shared.errors import UnwritableError
from shared.lead import Alias, Lead, Register, Settled
from tests.conftest import Aws, create_table
from tests.crashes import calls_counted
from tests.infra.companion_stand import free_port

on_the_emulator = pytest.mark.parametrize(
    "stage", [pytest.param("emulator", marks=pytest.mark.embedded)], indirect=True
)


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    """The address of an emulator, or of the DynamoDB that RIPEN_TEST_DYNAMODB names."""
    if named := os.environ.get("RIPEN_TEST_DYNAMODB"):
        yield named
        return
    state = State(emulator_port=free_port(), smtp_port=free_port())
    started = start_emulator(tmp_path_factory.mktemp("emulator"), state)
    try:
        yield state.endpoint
    finally:
        stop(started)


@pytest.fixture(params=["moto", pytest.param("emulator", marks=pytest.mark.embedded)])
def stage(request, monkeypatch):
    """A table to write to; what stands in it is what the tests look at."""
    if request.param == "moto":
        yield request.getfixturevalue("aws")
        return
    request.getfixturevalue("credentials")
    monkeypatch.setenv("AWS_ENDPOINT_URL", request.getfixturevalue("emulator"))
    monkeypatch.setenv("TABLE_NAME", "ripen-writes")
    clients.forget()
    create_table("ripen-writes")
    yield Aws("ripen-writes", *[""] * (len(fields(Aws)) - 1))
    clients.dynamodb().delete_table(TableName="ripen-writes")
    clients.forget()


def standing(stage):
    """Every item as plain values, in key order, asked for as the emulator can be asked too."""
    pages = clients.dynamodb().get_paginator("scan").paginate(TableName=stage.table_name)
    found = [from_item(item) for page in pages for item in page["Items"]]
    return sorted(found, key=lambda item: (item[table.PK], item[table.SK]))


def lead(number, version=1, **more):
    return Lead(f"{number:04d}", version=version, filed="f", **more)


def alone(entry, seen=0):
    home = entry.home if isinstance(entry, Alias) else entry.lead_id
    return Writes([entry], {home: seen}, bounds={home: 5000})


def put(entry):
    """What a put of the entry would leave."""
    return {name: value for name, value in leads._values(entry, alone(entry)).items() if value is not None}


def test_a_new_entry_is_written_once(stage):
    assert save_many([alone(lead(1)), alone(Alias("a", "0001", version=1))]) == [False, False]
    assert save_many([alone(lead(1)), alone(lead(2))]) == [True, False]
    assert leads.get_lead("a") == lead(1)


def test_a_known_entry_is_written_only_over_the_version_that_was_read(stage):
    save_many([alone(lead(1))])
    assert save_many([alone(lead(1, 2), seen=1)]) == [False]
    assert save_many([alone(lead(1, 2), seen=1)]) == [True]
    assert save_many([alone(lead(2, 2), seen=1)]) == [True]
    assert leads.get_lead("0001").version == 2
    assert leads.get_lead("0002") is None


ENTRIES = (
    Alias("0001", "l"),
    Alias("0001", "l", ((5, "b"), (6, "c"))),
    Lead("0001"),
    Lead("0001", due_at=1_800_000_000, first_seen=3, settled=Settled(1, "engaged", playbook="p")),
)


@pytest.mark.parametrize("before", ENTRIES)
@pytest.mark.parametrize("after", ENTRIES)
def test_an_update_leaves_what_a_put_would_leave(aws: Aws, before, after):
    check_an_update(aws, before, after)


@on_the_emulator
def test_updates_of_every_kind_leave_what_a_put_would_leave(stage):
    for before in ENTRIES:
        for after in ENTRIES:
            check_an_update(stage, before, after)


def check_an_update(stage, before, after):
    leased = to_item(put(replace(before, version=1)) | {table.DUE_ATTEMPTS: 3})
    clients.dynamodb().put_item(TableName=stage.table_name, Item=leased)
    assert save_many([alone(replace(after, version=2), seen=1)]) == [False]
    assert standing(stage) == [put(replace(after, version=2))]


def test_each_of_many_stands_for_itself_and_25_go_together(stage):
    save_many([alone(lead(number)) for number in range(0, 75, 2)])
    groups = [alone(lead(number, 2), seen=1) if number % 3 else alone(lead(number)) for number in range(75)]
    with calls_counted() as made:
        lost = save_many(groups)
    assert made == ["BatchExecuteStatement"] * 3
    known = [number % 2 == 0 for number in range(75)]
    assert lost == [not known[number] if number % 3 else known[number] for number in range(75)]
    versions = {item[table.PK]: item[table.VERSION] for item in standing(stage)}
    assert versions == {
        table.lead_pk(f"{number:04d}"): 2 if known[number] and number % 3 else 1
        for number in range(75)
        if known[number] or not number % 3
    }


def test_what_belongs_together_is_written_all_or_not_at_all(stage):
    save_many([alone(lead(1))])
    pair = Writes([lead(1, 2), Alias("a", "0001", version=1)], {"0001": 1})
    change = {table.PK: "LEAD#0002", table.SK: "CHANGE#x", "schema": 1}
    told = Writes([lead(2)], {}, [change])
    assert save_many([pair, alone(lead(3)), told]) == [False, False, False]
    with calls_counted() as made:
        assert save_many([pair, alone(lead(4)), told]) == [True, False, True]
    assert sorted(made) == ["BatchExecuteStatement", "TransactWriteItems"]
    assert [item[table.SK] for item in standing(stage)] == ["LEAD", "CHANGE#x", "LEAD", "LEAD", "LEAD", "LEAD"]


def test_groups_share_a_transaction_and_one_that_is_lost_takes_no_other_along(stage):
    save_many([alone(lead(1))])
    stale = Writes([lead(1), Alias("a", "0001", version=1)], {})
    news = [
        Writes([lead(number)], {}, [{table.PK: f"LEAD#{number:04d}", table.SK: "CHANGE#x", "schema": 1}])
        for number in range(2, 62)
    ]
    with calls_counted() as made:
        assert save_many([stale, *news]) == [True, *[False] * 60]
    assert made == ["TransactWriteItems"] * 3  # 100 items, again without the lost one, and the rest
    assert sum(item[table.SK] == "CHANGE#x" for item in standing(stage)) == 60
    assert leads.load(["a"]) == {"a": None}


def test_what_is_too_large_is_refused_and_the_others_of_its_call_are_written(stage):
    save_many([alone(lead(1))])
    long = {str(n): Register(os.urandom(200_000).hex(), 1, "k", proven=True) for n in range(3)}
    for group in (alone(lead(1, 2, profile=long), seen=1), alone(lead(9, profile=long))):
        with pytest.raises(UnwritableError):
            save_many([group, alone(lead(2)) if leads.get_lead("0002") is None else alone(lead(3))])
    assert [leads.get_lead(f"{number:04d}") is None for number in (1, 2, 3, 9)] == [False, False, False, True]


@on_the_emulator
def test_a_transaction_with_something_too_large_is_refused_whole(stage):
    save_many([alone(lead(1))])
    long = {str(n): Register(os.urandom(200_000).hex(), 1, "k", proven=True) for n in range(3)}
    with pytest.raises(UnwritableError):
        save_many([Writes([lead(1, 2, profile=long), lead(5)], {"0001": 1})])
    assert leads.get_lead("0001").version == 1
    assert leads.get_lead("0005") is None


@pytest.mark.parametrize("code", ["ThrottlingError", "ProvisionedThroughputExceeded", "InternalServerError"])
def test_a_busy_table_raises_as_a_call_that_failed(aws: Aws, monkeypatch, code):
    answer = {"Responses": [{}, {"Error": {"Code": code, "Message": "m"}}]}
    monkeypatch.setattr(clients.dynamodb(), "batch_execute_statement", lambda **_: answer)
    with pytest.raises(ClientError, match=code):
        save_many([alone(lead(1)), alone(lead(2))])


def test_a_transaction_that_was_only_throttled_is_no_conflict(aws: Aws, monkeypatch):
    def throttled(**_):
        said = {"Error": {"Code": "TransactionCanceledException", "Message": "m"}}
        raise ClientError(said | {"CancellationReasons": [{"Code": "None"}, {"Code": "ThrottlingError"}]}, "T")

    monkeypatch.setattr(clients.dynamodb(), "transact_write_items", throttled)
    with pytest.raises(ClientError, match="Canceled"):
        save_many([Writes([lead(1), lead(2)], {})])


def test_an_item_somebody_is_writing_is_a_conflict(aws: Aws, monkeypatch):
    answer = {"Responses": [{"Error": {"Code": "TransactionConflict", "Message": "m"}}, {}]}
    monkeypatch.setattr(clients.dynamodb(), "batch_execute_statement", lambda **_: answer)
    assert save_many([alone(lead(1)), alone(lead(2))]) == [True, False]


def test_the_translation_runs_no_statement_but_ours(aws: Aws):
    for statement in ('DELETE FROM "ripen-test" WHERE "PK"=? AND "SK"=?', 'SELECT * FROM "ripen-test"'):
        with pytest.raises(AssertionError, match="not a statement of ours"):
            clients.dynamodb().batch_execute_statement(
                Statements=[{"Statement": statement, "Parameters": [{"S": "a"}, {"S": "b"}]}]
            )
