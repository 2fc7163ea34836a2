"""
The two PartiQL statements we send, for moto, which can run neither.

Each is translated into the put or update of moto's own backend, with its real conditions; any other statement is an
error of ours. `tests/aws/test_lead_writes.py` holds the translation against the emulator, which runs PartiQL itself.
"""

import re
from typing import Any

from moto.dynamodb.exceptions import ConditionalCheckFailed, MockValidationException
from moto.dynamodb.models import DynamoDBBackend

INSERT = re.compile(r"""INSERT INTO "([\w.-]+)" VALUE \{('\w+':\?(?:,'\w+':\?)*)\}""")
UPDATE = re.compile(
    r"""UPDATE "([\w.-]+)" (SET "\w+"=\?(?: SET "\w+"=\?)*)((?: REMOVE "\w+")*) WHERE ("\w+"=\?(?: AND "\w+"=\?)*)"""
)
MOST = 25


def batch_execute_statement(backend: DynamoDBBackend, statements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Run the statements one by one; what one of them meets is its own."""
    if not 1 <= len(statements) <= MOST:
        raise MockValidationException("BatchWriteItem cannot write more than 25 items")
    entries = [_read(backend, each["Statement"], each["Parameters"]) for each in statements]
    keys = [(name, str(key)) for name, key, _, _, _ in entries]
    if len(set(keys)) < len(keys):
        raise MockValidationException("Provided list of item keys contains duplicates")
    return [_run(backend, *entry) for entry in entries]


def _read(backend: DynamoDBBackend, statement: str, parameters: list[dict[str, Any]]) -> tuple[Any, ...]:
    """Return table, key, values to set, names to remove and the condition; no condition means: insert."""
    given = iter(parameters)
    if found := INSERT.fullmatch(statement):
        name, listed = found.groups()
        values = {each: next(given) for each in re.findall(r"'(\w+)'", listed)}
        removed, condition = [], None
    elif found := UPDATE.fullmatch(statement):
        name, sets, removes, where = found.groups()
        values = {each: next(given) for each in re.findall(r'"(\w+)"', sets)}
        removed = re.findall(r'"(\w+)"', removes)
        condition = {each: next(given) for each in re.findall(r'"(\w+)"', where)}
    else:
        raise AssertionError(f"not a statement of ours: {statement}")
    assert not list(given), f"more parameters than marks: {statement}"
    table = backend.get_table(name)
    keys = [each for each in (table.hash_key_attr, table.range_key_attr) if each]
    if condition is None:
        return name, {key: values[key] for key in keys}, values, removed, None
    return name, {key: condition.pop(key) for key in keys}, values, removed, condition


def _run(
    backend: DynamoDBBackend, name: str, key: Any, values: Any, removed: list[str], condition: Any
) -> dict[str, Any]:
    attributes = list(values) + removed
    assert len(set(attributes)) == len(attributes), "an attribute is written twice"
    names = {f"#{each}": each for each in [*attributes, *key, *(condition or {})]}
    try:
        if condition is None:
            backend.put_item(
                name,
                values,
                condition_expression=" AND ".join(f"attribute_not_exists(#{each})" for each in key),
                expression_attribute_names={f"#{each}": each for each in key},
                expression_attribute_values={},
            )
        else:
            sets = ", ".join(f"#{each} = :{each}" for each in values)
            removes = f" REMOVE {', '.join(f'#{each}' for each in removed)}" if removed else ""
            holds = [f"attribute_exists(#{each})" for each in key]
            holds += [f"#{each} = :was_{each}" for each in condition]
            given = {f":{each}": value for each, value in values.items()}
            given |= {f":was_{each}": value for each, value in condition.items()}
            backend.update_item(
                name, key, f"SET {sets}{removes}", names, given, condition_expression=" AND ".join(holds)
            )
    except ConditionalCheckFailed:
        code = "DuplicateItem" if condition is None else "ConditionalCheckFailed"
        return {"TableName": name, "Error": {"Code": code, "Message": "The conditional request failed"}}
    except MockValidationException as error:
        return {"Error": {"Code": "ValidationError", "Message": str(error)}}
    return {"TableName": name}
