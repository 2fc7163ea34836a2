"""Request units by AWS's published rules: sizes, steps, transactions, index keys."""

import pytest

from shared import table
from tests.benchmarks.memory_table import Tables, UnknownShapeError
from tests.benchmarks.stub import TABLE
from tests.benchmarks.units import item_bytes, read_units, write_units

KEY = {table.PK: {"S": "LEAD#a"}, table.SK: {"S": "LEAD"}}


def lead(due="2026-11-18", band="early", size=0, **more):
    return {
        **KEY,
        table.DUE_KEY: {"S": "settle#0"},
        table.DUE_AT: {"S": due},
        table.RANK_KEY: {"S": band},
        table.RANK_BOUND: {"N": "20000"},
        "state": {"S": "x" * size},
        **more,
    }


@pytest.mark.parametrize(
    ("item", "size"),
    [
        ({"a": {"S": "xyz"}}, 4),
        ({"a": {"S": "å"}}, 3),
        ({"a": {"B": "AAAA"}}, 4),
        ({"a": {"B": b"xyz"}}, 4),
        ({"a": {"N": "123"}}, 4),
        ({"a": {"N": "-123"}}, 5),
        ({"a": {"N": "20000"}}, 3),
        ({"a": {"BOOL": True}}, 2),
        ({"a": {"L": [{"S": "x"}, {"S": "y"}]}}, 8),
        ({"a": {"M": {"k": {"S": "x"}}}}, 7),
        ({"a": {"SS": ["x", "yz"]}}, 4),
    ],
)
def test_an_item_is_as_large_as_its_names_and_values(item, size):
    assert item_bytes(item) == size


def test_a_read_costs_by_four_kilobytes_and_half_of_it_when_it_may_be_old():
    assert read_units([4096], consistent=True) == 1
    assert read_units([4097], consistent=True) == 2
    assert read_units([4096], consistent=False) == 0.5
    assert read_units([], consistent=True) == 1


def test_a_query_rounds_once_for_its_page():
    assert read_units([1000] * 4, consistent=True) == 1
    assert read_units([1000] * 5, consistent=True) == 2


def test_a_write_costs_by_the_larger_of_before_and_after():
    bare = {**KEY, "state": {"S": "x" * 900}}
    assert write_units(None, bare) == 1
    assert write_units(bare, {**KEY, "state": {"S": "x" * 1100}}) == 2
    assert write_units({**KEY, "state": {"S": "x" * 1100}}, bare) == 2


def test_a_transaction_costs_twice_in_the_table_and_once_in_an_index():
    assert write_units(None, {**KEY}, transactional=True) == 2
    assert write_units(None, lead(), transactional=True) == 4


def test_an_index_costs_only_what_changes_in_it():
    assert write_units(None, lead()) == 3
    assert write_units(lead(), lead(size=50)) == 1
    assert write_units(lead(), lead(due="2026-11-19")) == 3
    assert write_units(lead(), lead(due="2026-11-19", band="engaged")) == 5
    assert write_units(lead(), lead(due_attempts={"N": "1"})) == 2
    assert write_units(lead(), {**KEY}) == 3


def test_a_statement_leaves_the_item_that_a_put_would():
    by_put, by_statement = Tables(TABLE), Tables(TABLE)
    before, after = lead(version={"N": "1"}), {**KEY, "version": {"N": "2"}, "state": {"S": "y"}}
    for item in (before, after):
        by_put.answer("PutItem", {"TableName": TABLE, "Item": item})
    columns = ", ".join(f"'{name}': ?" for name in before)
    insert = {"Statement": f'INSERT INTO "{TABLE}" VALUE {{{columns}}}', "Parameters": list(before.values())}
    text = (
        f'UPDATE "{TABLE}" SET "version"=? SET "state"=? REMOVE "due_key" REMOVE due_at REMOVE "rank_key", "rank_bound" '
        'WHERE "PK"=? AND "SK"=? AND "version"=?'
    )
    values = [after["version"], after["state"], *KEY.values(), before["version"]]
    for statement in (insert, {"Statement": text, "Parameters": values}):
        by_statement.answer("BatchExecuteStatement", {"Statements": [statement]})
    assert by_statement.items == by_put.items
    assert by_statement.spent == by_put.spent


def test_the_due_index_follows_every_write_and_reads_only_its_range():
    tables = Tables(TABLE)
    tables.fill(100, 10, "2026-11-18", "2026-11-20", table.SETTLE, table.LEAD_SK, {})
    asked = {
        "TableName": TABLE,
        "IndexName": table.DUE_INDEX,
        "KeyConditionExpression": "#key = :key AND #at BETWEEN :from AND :until",
        "ExpressionAttributeValues": {":from": {"S": "2026-11-18"}, ":until": {"S": "2026-11-19"}},
    }

    def found():
        keys = ({":key": {"S": table.due_key(table.SETTLE, number)}} for number in range(table.DUE_SHARDS))
        values = asked["ExpressionAttributeValues"]
        queries = [asked | {"ExpressionAttributeValues": values | key} for key in keys]
        return [item for query in queries for item in tables.answer("Query", query)["Items"]]

    first, *others = found()
    assert len(others) == 9
    key = {name: first[name] for name in (table.PK, table.SK)}
    moved = {
        "TableName": TABLE,
        "Key": key,
        "UpdateExpression": "SET #at = :later ADD attempts :one",
        "ExpressionAttributeNames": {"#at": table.DUE_AT},
        "ExpressionAttributeValues": {":later": {"S": "2026-11-20"}, ":one": {"N": "1"}},
    }
    tables.answer("UpdateItem", moved)
    assert found() == others
    assert tables.at(TABLE, key)["attempts"] == {"N": "1"}


def test_a_request_of_an_unknown_shape_is_refused():
    tables = Tables(TABLE)
    shapes = [
        ("BatchExecuteStatement", {"Statements": [{"Statement": f'DELETE FROM "{TABLE}"', "Parameters": []}]}),
        ("UpdateItem", {"TableName": TABLE, "Key": KEY, "UpdateExpression": "SET a = b + :one"}),
        ("Query", {"TableName": TABLE, "KeyConditionExpression": "contains(a, :b)"}),
    ]
    for operation, asked in shapes:
        with pytest.raises(UnknownShapeError):
            tables.answer(operation, asked)
