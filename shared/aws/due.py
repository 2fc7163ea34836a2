"""
The due index: what waits for an instant, found without looking at anything else.

A sweep pages through everything due up to its time, and *leases* each entry before it queues the work: the entry moves
forward, so the next sweep does not queue it again while it is still waiting, and one that keeps failing comes back
with growing delay.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from botocore.exceptions import ClientError

from shared import settings, table
from shared.aws import clients
from shared.aws.items import from_item
from shared.instants import DAY, MINUTE, instant_text

LEASE = 15 * MINUTE
"""How long queued work may wait before a sweep queues it again; doubled with each attempt, one day at most."""


@dataclass(frozen=True, slots=True)
class Due:
    """One entry of the due index: the item's key, the instant it waits for, and how often it was leased."""

    pk: str
    sk: str
    due_at: str
    attempts: int


def due_entries(kind: str, until: int) -> Iterator[Due]:
    """Yield every entry of the kind due at or before the instant, shard by shard, oldest first."""
    for number in range(table.DUE_SHARDS):
        pages = (
            clients.dynamodb()
            .get_paginator("query")
            .paginate(
                TableName=settings.table_name(),
                IndexName=table.DUE_INDEX,
                KeyConditionExpression="#key = :key AND #at <= :until",
                ExpressionAttributeNames={"#key": table.DUE_KEY, "#at": table.DUE_AT},
                ExpressionAttributeValues={
                    ":key": {"S": table.due_key(kind, number)},
                    ":until": {"S": instant_text(until)},
                },
            )
        )
        for page in pages:
            for found in page["Items"]:
                item = from_item(found)
                yield Due(item[table.PK], item[table.SK], item[table.DUE_AT], item.get(table.DUE_ATTEMPTS, 0))


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
            ConditionExpression="#at = :seen",
            ExpressionAttributeNames={"#at": table.DUE_AT, "#attempts": table.DUE_ATTEMPTS},
            ExpressionAttributeValues={
                ":later": {"S": instant_text(later)},
                ":seen": {"S": entry.due_at},
                ":one": {"N": "1"},
            },
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return False
        raise
    return True
