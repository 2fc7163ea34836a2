"""The event bus: changes go out in tens, each stamped once the bus has it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from shared import settings, table
from shared.aws import clients
from shared.aws.batch_get import get_items
from shared.errors import DeliveryError

SOURCE = "ripen"

BATCH = 10
"""Most entries PutEvents takes in one call."""


def publish(changes: Sequence[tuple[str, str, str, Mapping[str, Any]]]) -> None:
    """
    Put changes on the bus and stamp them.

    Args:
        changes: (partition key, sort key, detail-type, detail) of each.

    Raises:
        DeliveryError: The bus refused some; the others are out and stamped. Publish again: copies carry the same id.
    """
    refused = 0
    for start in range(0, len(changes), BATCH):
        chunk = changes[start : start + BATCH]
        answer = clients.events().put_events(
            Entries=[
                {
                    "EventBusName": settings.required("BUS_NAME"),
                    "Source": SOURCE,
                    "DetailType": detail_type,
                    "Detail": json.dumps(detail, separators=(",", ":"), ensure_ascii=False),
                }
                for _, _, detail_type, detail in chunk
            ]
        )
        for (pk, sk, _, detail), entry in zip(chunk, answer["Entries"], strict=True):
            if "ErrorCode" in entry:
                refused += 1
            else:
                _stamp(pk, sk, str(detail["occurred_at"]))
    if refused:
        raise DeliveryError(f"the bus refused {refused} of {len(changes)} changes")


def _stamp(pk: str, sk: str, at: str) -> None:
    """
    Mark the change as published, at its own instant: no clock is read, and a repeat writes the same.

    A change that is gone stays gone: its lead was erased meanwhile.
    """
    try:
        clients.dynamodb().update_item(
            TableName=settings.table_name(),
            Key={table.PK: {"S": pk}, table.SK: {"S": sk}},
            UpdateExpression="SET #published = :at REMOVE #key, #due",
            ConditionExpression="attribute_exists(#pk)",
            ExpressionAttributeNames={
                "#published": "published_at", "#key": table.DUE_KEY, "#due": table.DUE_AT, "#pk": table.PK,
            },
            ExpressionAttributeValues={":at": {"S": at}},
        )  # fmt: skip
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise


def changes_at(keys: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """Return the change items at these keys that still wait to be published."""
    return [item for item in get_items(keys) if table.DUE_AT in item]
