"""Counting what a handler asks of AWS: calls by operation, items, and the units that the answers say were spent."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from shared import table
from shared.aws import clients

READS = ("GetItem", "BatchGetItem", "Query")


@dataclass
class Counts:
    """Calls by service and operation, items of DynamoDB read and written, and request units."""

    calls: Counter[str] = field(default_factory=Counter)
    read: int = 0
    written: int = 0
    keys_read: Counter[str] = field(default_factory=Counter)
    """Partition keys that batches of reads asked for."""
    read_units: float = 0.0
    write_units: float = 0.0
    statement_units: float = 0.0
    """Write units of PartiQL statements, which are among `write_units`."""

    @property
    def all_calls(self) -> int:
        return sum(self.calls.values())


@contextmanager
def counted() -> Iterator[Counts]:
    """Count what the shared clients do inside the block; every request to DynamoDB asks what it costs."""
    counts = Counts()

    def asks(params: dict[str, Any], **_: Any) -> None:
        params["ReturnConsumedCapacity"] = "TOTAL"

    def answers(parsed: Mapping[str, Any], model: Any, **_: Any) -> None:
        counts.calls[f"{model.service_model.service_name}.{model.name}"] += 1
        if model.service_model.service_name != "dynamodb":
            return
        spent = parsed.get("ConsumedCapacity", [])
        units = sum(each["CapacityUnits"] for each in ([spent] if isinstance(spent, Mapping) else spent))
        if model.name in READS:
            counts.read += _items_read(parsed)
            counts.read_units += units
        else:
            counts.write_units += units
            counts.statement_units += units if model.name == "BatchExecuteStatement" else 0

    def sends(params: dict[str, Any], model: Any, **_: Any) -> None:
        counts.written += _items_written(model.name, params)
        if model.name == "BatchGetItem":
            counts.keys_read.update(
                key[table.PK]["S"] for each in params["RequestItems"].values() for key in each["Keys"]
            )

    watched = (clients.dynamodb(), clients.sqs())
    hooks = (
        ("provide-client-params.dynamodb", asks),
        ("before-parameter-build.dynamodb", sends),
        ("after-call", answers),
    )
    for client in watched:
        for name, hook in hooks:
            client.meta.events.register(name, hook)
    try:
        yield counts
    finally:
        for client in watched:
            for name, hook in hooks:
                client.meta.events.unregister(name, hook)


def _items_read(parsed: Mapping[str, Any]) -> int:
    if "Responses" in parsed:
        return sum(len(items) for items in parsed["Responses"].values())
    return len(parsed.get("Items", [parsed["Item"]] if "Item" in parsed else []))


def _items_written(operation: str, params: Mapping[str, Any]) -> int:
    match operation:
        case "BatchWriteItem":
            return sum(len(requests) for requests in params["RequestItems"].values())
        case "TransactWriteItems":
            return sum("ConditionCheck" not in entry for entry in params["TransactItems"])
        case "BatchExecuteStatement":
            return len(params["Statements"])
        case "PutItem" | "UpdateItem" | "DeleteItem":
            return 1
        case _:
            return 0
