"""`docs/access-patterns.md` lists every way the table is read and written, with what it costs and who does it."""

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from shared import table
from tests.source_tree import FUNCTIONS, ROOT, Place, dotted, module, reached, reached_by, tree_of, within

PAGE = (ROOT / "docs" / "access-patterns.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| [^|]+ \| `(\w+)\.(\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)
"""File and function of shared/aws, key, operations, and the functions that use it."""

OPERATIONS = {
    "batch_execute_statement": "BatchExecuteStatement",
    "batch_get_item": "BatchGetItem",
    "batch_write_item": "BatchWriteItem",
    "get_item": "GetItem",
    "put_item": "PutItem",
    "query": "Query",
    "transact_write_items": "TransactWriteItems",
    "update_item": "UpdateItem",
}
PARTS = ("Put", "Update", "ConditionCheck", "Delete")

rows = pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}.{row[1]}")


def operations(tree: ast.AST) -> Iterator[str]:
    """What the tree asks of DynamoDB, and the kinds of transaction entry it makes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            yield from (key.value for key in node.keys if isinstance(key, ast.Constant) and key.value in PARTS)
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if isinstance(node.func.value, ast.Call) and dotted(node.func.value.func) == "clients.dynamodb":
            name = node.func.attr
            if name == "get_paginator":
                (operation,) = node.args
                assert isinstance(operation, ast.Constant)
                name = operation.value
            yield OPERATIONS[name]


@cache
def asks(place: Place) -> frozenset[str]:
    """What the function asks of DynamoDB, in whatever it calls."""
    return frozenset(
        operation
        for each in reached(frozenset([place]))
        if each[0].startswith("shared.aws.")
        for operation in operations(tree_of(each))
    )


def words(cell: str) -> set[str]:
    return set(re.findall(r"\w+", cell))


def test_the_chart_is_read():
    assert len(ROWS) > 20


@rows
def test_a_pattern_names_code_that_exists(row: tuple[str, ...]):
    assert row[1] in module(f"shared.aws.{row[0]}").functions


@rows
def test_a_pattern_says_what_is_asked_of_dynamodb(row: tuple[str, ...]):
    assert words(row[3]) == asks((f"shared.aws.{row[0]}", row[1]))


@rows
def test_a_pattern_says_who_uses_it(row: tuple[str, ...]):
    place = (f"shared.aws.{row[0]}", row[1])
    assert words(row[4]) == {function for function in FUNCTIONS if place in reached_by(function)}


def test_no_access_is_missing_or_listed_twice():
    touching = {
        (found.path.stem, name)
        for found in within("shared.aws")
        for name in found.functions
        if not name.startswith("_") and asks((found.name, name))
    }
    listed = [(row[0], row[1]) for row in ROWS]
    assert set(listed) == touching
    assert len(listed) == len(touching)


def test_every_kind_of_item_is_in_the_chart():
    prefixes = [value for name, value in vars(table).items() if name.endswith(("_PREFIX", "_SK"))]
    assert all(f"`{prefix}" in PAGE for prefix in prefixes)
    assert all(f"`{kind}" in PAGE for kind in (table.SETTLE, table.SLA, table.NURTURE, table.CLAIM, table.OUTBOX))


def test_nothing_scans_the_table():
    assert "Scan" not in {operation for found in within("shared.aws") for operation in operations(found.tree)}
