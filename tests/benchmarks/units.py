"""
What a read or a write of DynamoDB costs, in request units, by AWS's published rules.

A read unit is 4 KB read consistently, or 8 KB otherwise; a write unit is 1 KB of the larger of the item before and
after, twice in a transaction. An index entry is written when it appears, goes or changes; when its key changes, that is
a deletion and a put. Index writes follow the table's and are not doubled by a transaction.
"""

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any

from shared import table

Item = Mapping[str, Mapping[str, Any]]
"""An item as it travels: attribute name to {type: value}, bytes in base 64."""

INDEXES: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    table.DUE_INDEX: (table.DUE_KEY, table.DUE_AT, (table.DUE_ATTEMPTS,)),
    table.RANK_INDEX: (table.RANK_KEY, table.RANK_BOUND, ()),
}
"""Index to its two keys and what else it holds."""

_KEYS = (table.PK, table.SK)


def item_bytes(item: Item) -> int:
    """Return the size that DynamoDB counts: names and values, without any overhead of storage."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Mapping[str, Any]) -> int:
    ((kind, held),) = value.items()
    match kind:
        case "S":
            return len(held.encode())
        case "N":
            return _number_bytes(held)
        case "B":
            return len(held) if isinstance(held, bytes) else len(base64.b64decode(held))
        case "SS" | "NS" | "BS":
            return sum(_value_bytes({kind[0]: each}) for each in held)
        case "L":
            return 3 + sum(1 + _value_bytes(each) for each in held)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_bytes(each) for name, each in held.items())
        case _:
            return 1


def _number_bytes(text: str) -> int:
    """Two digits are a byte, zeros at either end are free, and there is one byte for the exponent."""
    digits = text.lstrip("-").replace(".", "").strip("0")
    return 1 + math.ceil(len(digits) / 2) + text.startswith("-")


def read_units(sizes: Sequence[int], *, consistent: bool) -> float:
    """
    Return the units of one read of these many bytes: of a query, all of its page; of a batch, call it per item.

    An item that is not there costs as much as the smallest.
    """
    steps = max(1, math.ceil(sum(sizes) / 4096))
    return steps if consistent else steps / 2


def write_units(before: Item | None, after: Item | None, *, transactional: bool = False) -> float:
    """Return the units of the table and of its indexes, from the item before and after; None where there is none."""
    size = max(item_bytes(each) if each else 0 for each in (before, after))
    own = max(1, math.ceil(size / 1024)) * (2 if transactional else 1)
    return own + sum(_index_units(before, after, *index) for index in INDEXES.values())


def _index_units(before: Item | None, after: Item | None, key: str, sort: str, others: Sequence[str]) -> int:
    old, new = (_entry(item, key, sort, others) for item in (before, after))
    if old == new:
        return 0
    same_place = old and new and all(old[name] == new[name] for name in (key, sort))
    if same_place:
        return _steps(old, new)
    return sum(_steps(entry) for entry in (old, new) if entry)


def _entry(item: Item | None, key: str, sort: str, others: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    if not item or key not in item or sort not in item:
        return {}
    return {name: item[name] for name in (*_KEYS, key, sort, *others) if name in item}


def _steps(*entries: Item) -> int:
    return max(1, math.ceil(max(map(item_bytes, entries)) / 1024))
