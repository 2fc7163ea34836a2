"""
Tables in memory that answer DynamoDB's requests at once, for the stub endpoint: the few shapes our code sends, no more.

Conditions are not checked: a benchmark has one client, which read what it writes, so its conditions hold. A request of
a shape unknown here is refused, loudly, and never answered half.
"""

import re
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from shared import table
from tests.benchmarks.units import item_bytes, read_units, write_units

Stored = dict[str, Any]
Key = tuple[str, ...]

LAST = "\U0010ffff"
"""Sorts after every text we store."""

PAGE_BYTES = 1_000_000


class UnknownShapeError(ValueError):
    """The request is none that this table understands."""


class Tables:
    """Every table of one endpoint. The one named `single` has our keys and indexes; others have the one key `id`."""

    def __init__(self, single: str) -> None:
        self.single = single
        self.items: dict[str, dict[str, dict[str, Stored]]] = {}
        self.due: dict[str, list[tuple[str, str, str]]] = {}
        self.bare: dict[tuple[str, str], str] = {}
        """Keys of items of which nothing matters but the instant they are due at."""
        self.like: dict[str, tuple[str, Stored]] = {}
        """By sort key: what such items are due for, and what else stands on each."""
        self.spent: defaultdict[str, float] = defaultdict(float)

    def fill(self, count: int, due: int, due_at: str, later: str, kind: str, sk: str, like: Stored) -> None:
        """Make the due index hold `count` items like one: `due` of them at one instant, the others at the later one."""
        self.like[sk] = kind, like
        for number in range(count):
            lead = f"{number:016d}"
            key = table.due_key(kind, table.shard(lead))
            at = due_at if number < due else later
            self.due.setdefault(key, []).append((at, table.lead_pk(lead), sk))
            self.bare[table.lead_pk(lead), sk] = at
        for entries in self.due.values():
            entries.sort()

    def answer(self, operation: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return what DynamoDB would answer. Raises UnknownShapeError, or KeyError, when the shape is unknown here."""
        answer, units = _OPERATIONS[operation](self, asked)
        self.spent["read" if operation in _READS else "write"] += sum(units.values())
        if asked.get("ReturnConsumedCapacity", "NONE") == "NONE":
            return answer
        if operation in ("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query"):
            ((name, spent),) = units.items()
            return answer | {"ConsumedCapacity": {"TableName": name, "CapacityUnits": spent}}
        said = [{"TableName": name, "CapacityUnits": spent} for name, spent in units.items()]
        return answer | {"ConsumedCapacity": said}

    def at(self, name: str, key: Mapping[str, Any]) -> Stored | None:
        pk, sk = self._place(name, key)
        stored = self.items.get(name, {}).get(pk, {}).get(sk)
        return stored or self._bare(pk, sk)

    def _bare(self, pk: str, sk: str) -> Stored | None:
        if (pk, sk) not in self.bare:
            return None
        kind, like = self.like[sk]
        key = table.due_key(kind, table.shard(table.lead_id_of(pk)))
        item = {table.PK: pk, table.SK: sk, table.DUE_KEY: key, table.DUE_AT: self.bare[pk, sk]}
        return {**like, **{name: {"S": value} for name, value in item.items()}}

    def write(self, name: str, key: Mapping[str, Any], after: Stored | None, *, transactional: bool = False) -> float:
        """Put the item in its place, and in the due index; return the units it cost."""
        pk, sk = self._place(name, key)
        partition = self.items.setdefault(name, {}).setdefault(pk, {})
        before = partition.pop(sk, None) or self._bare(pk, sk)
        self.bare.pop((pk, sk), None)
        if after is not None:
            partition[sk] = after
        self._file_due(pk, sk, before, after)
        return write_units(before, after, transactional=transactional)

    def _place(self, name: str, key: Mapping[str, Any]) -> tuple[str, str]:
        if name == self.single:
            return key[table.PK]["S"], key[table.SK]["S"]
        return key["id"]["S"], ""

    def _file_due(self, pk: str, sk: str, before: Stored | None, after: Stored | None) -> None:
        old, new = (_due(item) for item in (before, after))
        if old == new:
            return
        if old is not None:
            entries = self.due[old[0]]
            place = bisect_left(entries, (old[1], pk, sk))
            if place < len(entries) and entries[place] == (old[1], pk, sk):
                del entries[place]
        if new is not None:
            insort(self.due.setdefault(new[0], []), (new[1], pk, sk))


def _due(item: Stored | None) -> tuple[str, str] | None:
    if item is None or table.DUE_KEY not in item or table.DUE_AT not in item:
        return None
    return item[table.DUE_KEY]["S"], item[table.DUE_AT]["S"]


Answer = tuple[dict[str, Any], dict[str, float]]


def _get(tables: Tables, asked: Mapping[str, Any]) -> Answer:
    name = asked["TableName"]
    item = tables.at(name, asked["Key"])
    sizes = [item_bytes(item)] if item else []
    units = read_units(sizes, consistent=asked.get("ConsistentRead", False))
    return ({"Item": item} if item else {}), {name: units}


def _batch_get(tables: Tables, asked: Mapping[str, Any]) -> Answer:
    found: dict[str, list[Stored]] = {}
    units: dict[str, float] = {}
    for name, wanted in asked["RequestItems"].items():
        each = [tables.at(name, key) for key in wanted["Keys"]]
        only = {
            wanted["ExpressionAttributeNames"][part]
            for part in wanted.get("ProjectionExpression", "").split(",")
            if part
        }
        found[name] = [{n: value for n, value in item.items() if not only or n in only} for item in each if item]
        consistent = wanted.get("ConsistentRead", False)
        units[name] = sum(read_units([item_bytes(item)] if item else [], consistent=consistent) for item in each)
    return {"Responses": found, "UnprocessedKeys": {}}, units


def _put(tables: Tables, asked: Mapping[str, Any]) -> Answer:
    return {}, {asked["TableName"]: tables.write(asked["TableName"], asked["Item"], asked["Item"])}


def _delete(tables: Tables, asked: Mapping[str, Any]) -> Answer:
    return {}, {asked["TableName"]: tables.write(asked["TableName"], asked["Key"], None)}


def _update(tables: Tables, asked: Mapping[str, Any]) -> Answer:
    after = _updated(tables.at(asked["TableName"], asked["Key"]), asked)
    answer = {"Attributes": after} if asked.get("ReturnValues", "NONE") != "NONE" else {}
    return answer, {asked["TableName"]: tables.write(asked["TableName"], asked["Key"], after)}


def _batch_write(tables: Tables, asked: Mapping[str, Any]) -> Answer:
    units: dict[str, float] = {}
    for name, requests in asked["RequestItems"].items():
        for request in requests:
            ((kind, said),) = request.items()
            after = said["Item"] if kind == "PutRequest" else None
            key = said["Item"] if kind == "PutRequest" else said["Key"]
            units[name] = units.get(name, 0) + tables.write(name, key, after)
    return {"UnprocessedItems": {}}, units


def _transact_write(tables: Tables, asked: Mapping[str, Any]) -> Answer:
    units: dict[str, float] = {}
    for entry in asked["TransactItems"]:
        ((kind, said),) = entry.items()
        name = said["TableName"]
        if kind == "ConditionCheck":
            units[name] = units.get(name, 0) + 2
            continue
        key = said["Item"] if kind == "Put" else said["Key"]
        after = said["Item"] if kind == "Put" else None
        if kind == "Update":
            after = _updated(tables.at(name, key), said)
        units[name] = units.get(name, 0) + tables.write(name, key, after, transactional=True)
    return {}, units


def _batch_statements(tables: Tables, asked: Mapping[str, Any]) -> Answer:
    units: dict[str, float] = {}
    answers = []
    for each in asked["Statements"]:
        name, spent = _run_statement(tables, each["Statement"], each.get("Parameters", []))
        units[name] = units.get(name, 0) + spent
        answers.append({"TableName": name})
    return {"Responses": answers}, units


_INSERT = re.compile(r"\s*INSERT\s+INTO\s+\"?([\w.-]+)\"?\s+VALUE\s+\{(.*)\}\s*", re.DOTALL)
_COLUMN = re.compile(r"['\"](\w+)['\"]\s*:\s*\?")
_CHANGE = re.compile(r"\s*UPDATE\s+\"?([\w.-]+)\"?\s+(.*?)\s+WHERE\s+(.*)", re.DOTALL)
_ASSIGNED = re.compile(r"\"?(\w+)\"?\s*=\s*\?")
_REMOVED = re.compile(r"REMOVE\s+((?:\"?\w+\"?\s*,\s*)*\"?\w+\"?)")


def _run_statement(tables: Tables, statement: str, parameters: list[Any]) -> tuple[str, float]:
    """Run an INSERT whose values are all parameters, or an UPDATE by key; the order of both is that of the text."""
    if said := _INSERT.fullmatch(statement):
        name, columns = said[1], _COLUMN.findall(said[2])
        if len(columns) != len(parameters):
            raise UnknownShapeError(statement)
        after = dict(zip(columns, parameters, strict=True))
        return name, tables.write(name, after, after)
    if said := _CHANGE.fullmatch(statement):
        name, columns, conditions = said[1], _ASSIGNED.findall(said[2]), _ASSIGNED.findall(said[3])
        if len(columns) + len(conditions) != len(parameters):
            raise UnknownShapeError(statement)
        key = dict(zip(conditions, parameters[len(columns) :], strict=True))
        removed = {each for said_names in _REMOVED.findall(said[2]) for each in re.findall(r"\w+", said_names)}
        before = tables.at(name, key) or {each: key[each] for each in (table.PK, table.SK)}
        after = {each: value for each, value in before.items() if each not in removed}
        return name, tables.write(name, key, after | dict(zip(columns, parameters, strict=False)))
    raise UnknownShapeError(statement)


_ABSENT = re.compile(r"(\S+)\s*=\s*if_not_exists\(\s*\1\s*,\s*(\S+)\s*\)")
"""What is set only where nothing is."""

_CLAUSE = re.compile(r"\b(SET|ADD|REMOVE|DELETE)\b")


def _updated(before: Stored | None, asked: Mapping[str, Any]) -> Stored:
    """Return the item after an update expression of plain assignments, sums, removals and changes of sets."""
    names = asked.get("ExpressionAttributeNames", {})
    values = asked.get("ExpressionAttributeValues", {})
    after = dict(before or asked["Key"])
    _, *clauses = _CLAUSE.split(asked["UpdateExpression"])
    for clause, said in zip(clauses[::2], clauses[1::2], strict=True):
        for part in re.split(r",(?![^(]*\))", said):
            words = _ABSENT.sub(r"\1 = \2", part).replace("=", " = ").split()
            name = names.get(words[0], words[0])
            if clause == "REMOVE" and len(words) == 1:
                after.pop(name, None)
            elif clause == "SET" and words[1:2] == ["="] and len(words) == 3:
                if not (_ABSENT.search(part) and name in after):
                    after[name] = values[words[2]] if words[2] in values else after[names[words[2]]]
            elif clause in ("ADD", "DELETE") and len(words) == 2:
                after[name] = _joined(after.get(name), values[words[1]], adding=clause == "ADD")
            else:
                raise UnknownShapeError(asked["UpdateExpression"])
    return after


def _joined(held: Mapping[str, Any] | None, said: Mapping[str, Any], *, adding: bool) -> Mapping[str, Any]:
    ((kind, value),) = said.items()
    if kind == "N":
        return {"N": str(int((held or {"N": "0"})["N"]) + int(value))}
    known = set((held or {kind: []})[kind])
    return {kind: sorted(known | set(value) if adding else known - set(value))}


_RANGE = re.compile(
    r"\s*(\S+)\s*=\s*(\S+)\s*(?:AND\s+(?:"
    r"(?P<compared>\S+)\s*(?P<sign><=|>=|<|>|=)\s*(?P<than>\S+)"
    r"|(?P<within>\S+)\s+BETWEEN\s+(?P<low>\S+)\s+AND\s+(?P<high>\S+)"
    r"|begins_with\(\s*(?P<beginning>\S+?)\s*,\s*(?P<prefix>\S+?)\s*\)"
    r"))?\s*"
)


def _query(tables: Tables, asked: Mapping[str, Any]) -> Answer:
    said = _RANGE.fullmatch(asked["KeyConditionExpression"])
    if said is None or asked["TableName"] != tables.single or "FilterExpression" in asked:
        raise UnknownShapeError(asked["KeyConditionExpression"])
    values = {name: next(iter(value.values())) for name, value in asked["ExpressionAttributeValues"].items()}
    low, high = _bounds(said, values)
    if asked.get("IndexName") == table.DUE_INDEX:
        return _query_due(tables, asked, values[said[2]], low, high)
    if "IndexName" in asked:
        raise UnknownShapeError(asked["IndexName"])
    held = tables.items.get(tables.single, {}).get(values[said[2]], {})
    found = [held[sk] for sk in sorted(held) if low <= sk <= high]
    if not asked.get("ScanIndexForward", True):
        found.reverse()
    found = found[: asked.get("Limit", len(found))]
    units = read_units([item_bytes(item) for item in found], consistent=asked.get("ConsistentRead", False))
    return {"Items": found, "Count": len(found)}, {tables.single: units}


def _bounds(said: re.Match[str], values: Mapping[str, str]) -> tuple[str, str]:
    """Return the first and the last text that the range of the query holds."""
    if said["prefix"]:
        return values[said["prefix"]], values[said["prefix"]] + LAST
    if said["low"]:
        return values[said["low"]], values[said["high"]]
    if not said["sign"]:
        return "", LAST
    than = values[said["than"]]
    return {
        "<=": ("", than),
        "<": ("", _just_before(than)),
        ">=": (than, LAST),
        ">": (than + "\0", LAST),
        "=": (than, than),
    }[said["sign"]]


def _just_before(text: str) -> str:
    return text[:-1] + chr(ord(text[-1]) - 1) + LAST if text else ""


def _query_due(tables: Tables, asked: Mapping[str, Any], key: str, low: str, high: str) -> Answer:
    """Answer from the sorted entries; what lies outside of the range is not looked at."""
    entries = tables.due.get(key, [])
    start, end = bisect_left(entries, (low, "", "")), bisect_right(entries, (high, LAST, LAST))
    if after := asked.get("ExclusiveStartKey"):
        start = bisect_right(entries, (after[table.DUE_AT]["S"], after[table.PK]["S"], after[table.SK]["S"]))
    found: list[Stored] = []
    read = 0
    for at, pk, sk in entries[start:end]:
        if read >= PAGE_BYTES or len(found) == asked.get("Limit", 0) > 0:
            break
        item = {table.PK: {"S": pk}, table.SK: {"S": sk}, table.DUE_KEY: {"S": key}, table.DUE_AT: {"S": at}}
        stored = tables.items.get(tables.single, {}).get(pk, {}).get(sk, {})
        if table.DUE_ATTEMPTS in stored:
            item[table.DUE_ATTEMPTS] = stored[table.DUE_ATTEMPTS]
        read += item_bytes(item)
        found.append(item)
    answer: dict[str, Any] = {"Items": found, "Count": len(found)}
    if found and start + len(found) < end:
        answer["LastEvaluatedKey"] = {
            name: found[-1][name] for name in (table.PK, table.SK, table.DUE_KEY, table.DUE_AT)
        }
    return answer, {tables.single: read_units([read], consistent=False)}


_READS = ("GetItem", "BatchGetItem", "Query")

_OPERATIONS: Mapping[str, Callable[[Tables, Mapping[str, Any]], Answer]] = {
    "GetItem": _get,
    "BatchGetItem": _batch_get,
    "PutItem": _put,
    "DeleteItem": _delete,
    "UpdateItem": _update,
    "BatchWriteItem": _batch_write,
    "TransactWriteItems": _transact_write,
    "BatchExecuteStatement": _batch_statements,
    "Query": _query,
}
