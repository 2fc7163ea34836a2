"""Consistent reads by key, a hundred a call, until DynamoDB has answered for every one."""

from collections.abc import Sequence
from typing import Any

from shared import settings, table
from shared.aws import clients
from shared.aws.items import from_item

BATCH = 100
"""Most keys BatchGetItem takes."""


def get_items(keys: Sequence[tuple[str, str]], only: Sequence[str] = ()) -> list[dict[str, Any]]:
    """
    Return the items that exist at these (partition key, sort key) pairs, as plain values, in no order.

    With `only`, no more than these attributes of each: botocore takes an attribute apart for longer than it travels.
    """
    part: dict[str, Any] = {}
    if only:
        names = {f"#{number}": name for number, name in enumerate(only)}
        part = {"ProjectionExpression": ",".join(names), "ExpressionAttributeNames": names}
    found: list[dict[str, Any]] = []
    for start in range(0, len(keys), BATCH):
        wanted: dict[str, Any] = {
            settings.table_name(): {
                "Keys": [{table.PK: {"S": pk}, table.SK: {"S": sk}} for pk, sk in keys[start : start + BATCH]],
                "ConsistentRead": True,
                **part,
            }
        }
        while wanted:
            answer = clients.dynamodb().batch_get_item(RequestItems=wanted)
            found.extend(from_item(item) for item in answer["Responses"].get(settings.table_name(), []))
            wanted = dict(answer.get("UnprocessedKeys", {}))
    return found
