"""
Handoffs by when they were made: what a report reads, week by week.

The index finds them, a moment late; each is then read consistently. Handoffs made by a version without this key are in
no week.
"""

from collections.abc import Iterator

from shared import settings, table
from shared.aws import clients
from shared.aws.batch_get import BATCH, get_items
from shared.aws.items import from_item
from shared.errors import TooManyError
from shared.handoff import Handoff
from shared.instants import DAY, iso_week

DAYS = 7


def made_between(since: int, until: int, *, most: int) -> Iterator[Handoff]:
    """
    Yield every handoff made at or after `since` and before `until`, in no order.

    Raises:
        TooManyError: There are more than `most`; nothing was yielded yet.
    """
    keys: list[tuple[str, str]] = []
    for week in weeks(since, until):
        for key in table.handoff_week_keys(week):
            keys += _keys(key, since, until)
            if len(keys) > most:
                raise TooManyError(f"more than {most} handoffs were made in that time")
    for start in range(0, len(keys), BATCH):
        for item in get_items(keys[start : start + BATCH]):
            yield Handoff.from_json(table.lead_id_of(item[table.PK]), item)


def weeks(since: int, until: int) -> list[str]:
    """Return the ISO weeks that have a second in the time from `since` to before `until`."""
    day = since // DAY
    monday = day - (day + 3) % DAYS  # 1970-01-01 was a Thursday
    return [iso_week(start * DAY) for start in range(monday, -(-until // DAY), DAYS)]


def _keys(key: str, since: int, until: int) -> list[tuple[str, str]]:
    pages = (
        clients.dynamodb()
        .get_paginator("query")
        .paginate(
            TableName=settings.table_name(),
            IndexName=table.RANK_INDEX,
            KeyConditionExpression="#key = :key AND #bound BETWEEN :since AND :last",
            ExpressionAttributeNames={"#key": table.RANK_KEY, "#bound": table.RANK_BOUND},
            ExpressionAttributeValues={
                ":key": {"S": key},
                ":since": {"N": str(since)},
                ":last": {"N": str(until - 1)},
            },
        )
    )
    found = [from_item(item) for page in pages for item in page["Items"]]
    return [(item[table.PK], item[table.SK]) for item in found]
