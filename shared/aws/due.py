"""
The due index: what waits for an instant, found without looking at anything else.

A sweep pages through everything due up to its time. Before it queues work it *leases* the entry: the entry moves
forward, so the next sweep does not queue it again while it is still waiting, and one that keeps failing comes back
with growing delay. A lease is a write per entry; a sweep over very many remembers instead how far it has queued
(`Swept`), and leases only what it finds behind that.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from shared import settings, table
from shared.aws import clients
from shared.aws.items import from_item, to_item
from shared.instants import DAY, MINUTE, instant_text

LEASE = 15 * MINUTE
"""How long queued work may wait before a sweep queues it again; doubled with each attempt, one day at most."""

NOTHING = (-1,) * table.DUE_SHARDS


@dataclass(frozen=True, slots=True)
class Due:
    """One entry of the due index: the item's key, the instant it waits for, how often it was leased, and as what it waits."""

    pk: str
    sk: str
    due_at: str
    attempts: int
    key: str = ""


@dataclass(frozen=True, slots=True)
class Swept:
    """
    How far a sweep has come.

    `queued` is, by shard, the due instant up to which everything was queued; `waited` the same as it was before the
    runs since `at`. What is still due up to `waited` was queued and lost, keeps failing, or was written late.
    """

    version: int = 0
    at: int = 0
    queued: tuple[int, ...] = NOTHING
    waited: tuple[int, ...] = NOTHING

    def left_over(self, now: int) -> tuple[int, ...]:
        """Return, by shard, the due instant up to which whatever was queued had a lease's time to be worked on."""
        return self.waited if self._lately(now) else self.queued

    def moved(self, queued: tuple[int, ...], now: int) -> "Swept":
        """Return how far the sweep has come after its run at that time."""
        return Swept(self.version + 1, self.at if self._lately(now) else now, queued, self.left_over(now))

    def _lately(self, now: int) -> bool:
        """A run for an earlier time than the last (somebody swept the future by hand) must not wait for it."""
        return 0 <= now - self.at < LEASE


def due_entries(kind: str, until: int) -> Iterator[Due]:
    """Yield every entry of the kind due at or before the instant, shard by shard, oldest first."""
    for number in range(table.DUE_SHARDS):
        yield from due_between(kind, number, -1, until)


def due_between(kind: str, shard_number: int, after: int, until: int) -> Iterator[Due]:
    """Yield the entries of one shard due after the first instant and up to the second, oldest first."""
    if after >= until:
        return
    pages = (
        clients.dynamodb()
        .get_paginator("query")
        .paginate(
            TableName=settings.table_name(),
            IndexName=table.DUE_INDEX,
            KeyConditionExpression="#key = :key AND #at BETWEEN :from AND :until",
            ExpressionAttributeNames={"#key": table.DUE_KEY, "#at": table.DUE_AT},
            ExpressionAttributeValues={
                ":key": {"S": table.due_key(kind, shard_number)},
                ":from": {"S": instant_text(after + 1)},
                ":until": {"S": instant_text(until)},
            },
        )
    )
    for page in pages:
        for found in page["Items"]:
            item = from_item(found)
            yield Due(
                item[table.PK], item[table.SK], item[table.DUE_AT], item.get(table.DUE_ATTEMPTS, 0), item[table.DUE_KEY]
            )


def swept(kind: str) -> Swept:
    """Return how far the sweep of the kind has come, read consistently."""
    answer = clients.dynamodb().get_item(TableName=settings.table_name(), Key=_sweep_key(kind), ConsistentRead=True)
    if "Item" not in answer:
        return Swept()
    item = from_item(answer["Item"])
    return Swept(item[table.VERSION], item["at"], tuple(item["queued"]), tuple(item["waited"]))


def remember(kind: str, after: Swept) -> bool:
    """
    Keep how far the sweep has come, over the version it was derived from.

    Returns: False when another run of the sweep was faster. What this one queued beyond that is queued once more.
    """
    try:
        clients.dynamodb().update_item(
            TableName=settings.table_name(),
            Key=_sweep_key(kind),
            UpdateExpression="SET #schema = :schema, #version = :version, #at = :at, #queued = :queued, #waited = :waited",
            ConditionExpression="attribute_not_exists(#version) OR #version = :seen",
            ExpressionAttributeNames={
                "#schema": "schema",
                "#version": table.VERSION,
                "#at": "at",
                "#queued": "queued",
                "#waited": "waited",
            },
            ExpressionAttributeValues=to_item(
                {
                    ":schema": table.SCHEMA,
                    ":version": after.version,
                    ":seen": after.version - 1,
                    ":at": after.at,
                    ":queued": after.queued,
                    ":waited": after.waited,
                }
            ),
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return False
        raise
    return True


def _sweep_key(kind: str) -> dict[str, Any]:
    return to_item({table.PK: table.SWEEP_PK, table.SK: kind})


def lease(entry: Due, now: int) -> bool:
    """
    Move the entry forward, so that it is not queued twice.

    Returns: False when the entry changed since it was read: somebody else has it, or it is no longer due.
    """
    later = now + min(DAY, LEASE * 2 ** min(entry.attempts, 10))
    try:
        clients.dynamodb().update_item(
            TableName=settings.table_name(),
            Key={table.PK: {"S": entry.pk}, table.SK: {"S": entry.sk}},
            UpdateExpression="SET #at = :later ADD #attempts :one",
            ConditionExpression="#at = :seen AND #key = :key",
            ExpressionAttributeNames={"#at": table.DUE_AT, "#key": table.DUE_KEY, "#attempts": table.DUE_ATTEMPTS},
            ExpressionAttributeValues={
                ":later": {"S": instant_text(later)},
                ":seen": {"S": entry.due_at},
                ":key": {"S": entry.key},
                ":one": {"N": "1"},
            },
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return False
        raise
    return True
