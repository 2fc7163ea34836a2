"""What the read API asks of the table: leads by their bound, and the items beside a lead."""

import heapq
import json
from collections.abc import Iterator
from typing import Any

from shared import settings, table
from shared.aws import clients, leads
from shared.aws.items import from_item
from shared.instants import instant_text
from shared.lead import Lead

PAGE = 100


def rank_page(band: str, shard: int) -> Iterator[tuple[int, str]]:
    """Yield (upper bound of the total in milli-points, lead id) of one shard of a band, highest bound first."""
    pages = (
        clients.dynamodb()
        .get_paginator("query")
        .paginate(
            TableName=settings.table_name(),
            IndexName=table.RANK_INDEX,
            KeyConditionExpression="#key = :key",
            ExpressionAttributeNames={"#key": table.RANK_KEY},
            ExpressionAttributeValues={":key": {"S": table.rank_key(band, shard)}},
            ScanIndexForward=False,
            PaginationConfig={"PageSize": PAGE},
        )
    )
    for page in pages:
        for found in page["Items"]:
            item = from_item(found)
            yield item[table.RANK_BOUND], table.lead_id_of(item[table.PK])


def by_bound(bands: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Yield (bound, lead id) of all shards of the bands, highest bound first."""
    return heapq.merge(
        *(rank_page(band, shard) for band in bands for shard in range(table.DUE_SHARDS)),
        key=lambda entry: -entry[0],
    )


def companions(lead: Lead) -> dict[str, list[dict[str, Any]]]:
    """Return the handoffs, enrollments and sends of the lead as plain items, of every home it has."""
    homes = leads.homes_of(lead)
    return {
        name: [item for home in homes for item in _partition(home, prefix)]
        for name, prefix in (
            ("handoffs", table.HANDOFF_PREFIX),
            ("enrollments", table.TRACK_PREFIX),
            ("sends", table.SEND_PREFIX),
        )
    }


def changes(lead: Lead) -> list[dict[str, Any]]:
    """Return every recorded change of the lead, oldest first, with what it said and whether anybody was told."""
    items = [item for home in leads.homes_of(lead) for item in _partition(home, table.CHANGE_PREFIX)]
    return [
        {
            **json.loads(item["detail"]),
            "type": item["detail_type"],
            "silent": item.get("silent", False),
            "published_at": item.get("published_at"),
        }
        for item in sorted(items, key=lambda item: item[table.SK])
    ]


def newest_change_before(lead: Lead, at: int) -> dict[str, Any] | None:
    """Return the newest recorded change at or before the instant, or None."""
    earlier = [change for change in changes(lead) if change["occurred_at"] <= instant_text(at)]
    return earlier[-1] if earlier else None


def _partition(home: str, prefix: str) -> list[dict[str, Any]]:
    pages = (
        clients.dynamodb()
        .get_paginator("query")
        .paginate(
            TableName=settings.table_name(),
            KeyConditionExpression="#pk = :pk AND begins_with(#sk, :prefix)",
            ExpressionAttributeNames={"#pk": table.PK, "#sk": table.SK},
            ExpressionAttributeValues={":pk": {"S": table.lead_pk(home)}, ":prefix": {"S": prefix}},
            ConsistentRead=True,
        )
    )
    return [from_item(item) for page in pages for item in page["Items"]]
