"""
Plain Python values to DynamoDB attribute values and back, integers staying integers.

Written out for the few types we store: boto3's serializers do the same at several times the cost.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any


def to_item(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attribute values of an item; a value of None is left out."""
    return {name: _attribute(value) for name, value in values.items() if value is not None}


def _attribute(value: Any) -> dict[str, Any]:  # noqa: PLR0911 - one line a type
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int):
        return {"N": str(value)}
    if isinstance(value, bytes):
        return {"B": value}
    if value is None:
        return {"NULL": True}
    if isinstance(value, Mapping):
        return {"M": {name: _attribute(each) for name, each in value.items()}}
    if isinstance(value, list | tuple):
        return {"L": [_attribute(each) for each in value]}
    if isinstance(value, set | frozenset) and value and all(isinstance(each, str) for each in value):
        return {"SS": sorted(value)}
    raise TypeError(f"DynamoDB items hold no {type(value).__name__} of ours")


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plain values of an item. Numbers come back as int: nothing we store has a fraction."""
    return {name: _plain(value) for name, value in item.items()}


def _plain(attribute: Mapping[str, Any]) -> Any:
    ((kind, value),) = attribute.items()
    if kind in ("S", "B", "BOOL"):
        return value
    if kind == "N":
        return _number(value)
    if kind == "M":
        return {name: _plain(each) for name, each in value.items()}
    if kind == "L":
        return [_plain(each) for each in value]
    if kind == "SS":
        return set(value)
    if kind == "NULL":
        return None
    raise TypeError(f"DynamoDB items hold no {kind} of ours")


def _number(text: str) -> int:
    """DynamoDB may answer 1000 as 1E+3."""
    try:
        return int(text)
    except ValueError:
        return int(Decimal(text))
