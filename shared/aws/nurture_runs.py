"""
Runs and sends of a track: what its report and its tests read.

The index finds them, a moment late; each is then read consistently. A run that is due stands under `nurture` among the
others, one with nothing due under its track; a send stands under its track from when it is settled, until then under
`claim`. What was claimed or dropped by a version without these keys is in no report.
"""

from collections.abc import Iterator
from typing import Any

from shared import settings, table
from shared.aws import clients, sends, touches
from shared.aws.batch_get import BATCH, get_items
from shared.aws.due import due_entries
from shared.aws.enrollments import enrollment_of
from shared.aws.items import from_item
from shared.engagement import SendMade
from shared.errors import TooManyError
from shared.instants import instant_text, parse_instant
from shared.mailing import Enrollment, SendRef

Key = tuple[str, str]

FAR = 7_258_118_400
"""2200-01-01T00:00:00Z: later than anything is due."""


def sends_of(track: str, since: int, until: int, *, most: int) -> Iterator[SendMade]:
    """
    Yield every message of the track that was claimed or dropped at or after `since` and before `until`, in no order.

    Raises:
        TooManyError: There are more than `most`; nothing was yielded yet.
    """
    keys: list[Key] = []
    for number in range(table.DUE_SHARDS):
        keys += _keys(table.track_key(table.SENT, track, number), since, until)
        _bounded(keys, most, "messages were planned")
    unsettled = (entry for entry in due_entries(table.CLAIM, FAR) if sends.ref_of(entry).track == track)
    keys += [(entry.pk, entry.sk) for entry in unsettled]
    _bounded(keys, most, "messages were planned")
    for item in _items(keys):
        made = made_of(item)
        if since <= made.claimed_at < until:
            yield made


def runs_of(track: str, *, most: int, since: int = 0) -> Iterator[Enrollment]:
    """
    Yield the newest run of every lead through the track, with those before it in `past`, in no order.

    Args:
        track: Its name.
        most: How many leads there may be.
        since: Leave out whose newest run began before this instant.

    Raises:
        TooManyError: There are more than `most`; nothing was yielded yet.
    """
    keys: list[Key] = []
    for number in range(table.DUE_SHARDS):
        keys += _keys(table.track_key(table.RUN, track, number), since, FAR)
        _bounded(keys, most, "leads went through the track")
    keys += [(entry.pk, entry.sk) for entry in due_entries(table.NURTURE, FAR) if entry.sk == table.track_sk(track)]
    _bounded(keys, most, "leads went through the track")
    for item in _items(keys):
        run = enrollment_of(item)
        if run.entered_at >= since:
            yield run


def _bounded(keys: list[Key], most: int, what: str) -> None:
    if len(keys) > most:
        raise TooManyError(f"more than {most} {what}")


def _items(keys: list[Key]) -> Iterator[dict[str, Any]]:
    every = list(dict.fromkeys(keys))  # one that moved between the two partitions meanwhile
    for start in range(0, len(every), BATCH):
        yield from get_items(every[start : start + BATCH])


def made_of(item: dict[str, Any]) -> SendMade:
    """Read a plain send item."""
    track, rotation, step = item[table.SK].removeprefix(table.SEND_PREFIX).rsplit("#", 2)
    unsubscribed_at = item.get("unsubscribed_at")
    return SendMade(
        ref=SendRef(table.lead_id_of(item[table.PK]), track, int(rotation), int(step)),
        state=item["state"],
        content=item["content"],
        channel=item.get("channel", "mail"),
        arm=item.get("arm", ""),
        address=item["address"],
        playbook=item["playbook"],
        claimed_at=parse_instant(item["claimed_at"]),
        reason=item.get("reason", ""),
        unsubscribed_at=None if unsubscribed_at is None else parse_instant(unsubscribed_at),
        touches=touches.touches_of(item),
        trial=item.get("trial", ""),
    )


def _keys(key: str, since: int, until: int) -> list[Key]:
    pages = (
        clients.dynamodb()
        .get_paginator("query")
        .paginate(
            TableName=settings.table_name(),
            IndexName=table.DUE_INDEX,
            KeyConditionExpression="#key = :key AND #at BETWEEN :since AND :last",
            ExpressionAttributeNames={"#key": table.DUE_KEY, "#at": table.DUE_AT},
            ExpressionAttributeValues={
                ":key": {"S": key},
                ":since": {"S": instant_text(since)},
                ":last": {"S": instant_text(until - 1)},
            },
        )
    )
    found = [from_item(item) for page in pages for item in page["Items"]]
    return [(item[table.PK], item[table.SK]) for item in found]
