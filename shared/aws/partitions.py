"""One partition of the table, whatever it holds, and whose it is: for whoever must see every item about a person."""

from collections.abc import Collection
from typing import Any

from shared import settings, table
from shared.aws import clients, leads
from shared.aws.items import from_item
from shared.identity import home_of_address
from shared.lead import Alias, Lead


def page(pk: str, *, after: str, limit: int) -> tuple[list[dict[str, Any]], str]:
    """
    Return the next items of the partition in the order of their sort keys (consistent read), and where to go on.

    Args:
        pk: The partition.
        after: Sort key behind which to begin; empty for the beginning.
        limit: Most items; fewer come when they are large.
    Returns: The items, and the sort key to go on after; empty at the end.
    """
    begin: Any = {"ExclusiveStartKey": {table.PK: {"S": pk}, table.SK: {"S": after}}} if after else {}
    answer = clients.dynamodb().query(
        TableName=settings.table_name(),
        KeyConditionExpression="#pk = :pk",
        ExpressionAttributeNames={"#pk": table.PK},
        ExpressionAttributeValues={":pk": {"S": pk}},
        ConsistentRead=True,
        Limit=limit,
        **begin,
    )
    last = answer.get("LastEvaluatedKey")
    return [from_item(item) for item in answer["Items"]], "" if last is None else str(last[table.SK]["S"])


def is_foreign(address: str, homes: Collection[str]) -> bool:
    """
    Tell whether the mailbox is known to be somebody else's: whoever lives at these homes merely said it was theirs.

    Args:
        address: The address hash.
        homes: Every home of the person.
    """
    place = home_of_address(address)
    while place not in homes and isinstance(entry := leads.load([place])[place], Alias):
        place = entry.alias_of
    return place not in homes and isinstance(leads.load([place])[place], Lead)
