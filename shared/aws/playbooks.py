"""
The playbook in force: compiled playbooks are items of the table, and a pointer names one of them.

A compiled playbook is named by its hash, written once and never deleted: leads and enrollments name what they were
decided by. Where nothing points to one, the playbook packaged with the deployment is in force.
"""

import contextlib
import json
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from botocore.exceptions import ClientError

from shared import settings, table
from shared.aws import clients
from shared.aws.items import from_item, to_item
from shared.bundle import playbook_document
from shared.errors import ConflictError, RipenError, UnwritableError
from shared.instants import instant_text, parse_instant

LOOK_EVERY = 10
"""
Seconds for which a process goes by the pointer it has read, by the wall clock: the monotonic one stands still while
Lambda has the process frozen.
"""

KEPT = 4
"""Documents a process keeps: the one in force, the one before, and what old leads name."""

LARGEST = 350_000
"""Bytes of a compressed document. An item of DynamoDB may have 400 KB, its other attributes included."""

BY_DEPLOYMENT = "deployment"


class UnknownPlaybookError(RipenError):
    """No compiled playbook has that name, here or in the table."""


class PublishedMeanwhileError(ConflictError):
    """Somebody else moved the pointer. Look at what is in force now, and publish again if that is still wanted."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """Which compiled playbook is in force, which one was before, and who put it there when."""

    bundle: str
    by: str
    previous: str | None = None
    published_at: int | None = None
    """None when the deployment put it there: nobody said a time."""


@dataclass(slots=True)
class _Seen:
    """What this process has read: the pointer, when, and documents, the one used last at the end."""

    pointer: Pointer | None = None
    at: float = -inf
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)


_seen = _Seen()


def current() -> dict[str, Any]:
    """
    Return the compiled playbook in force. Ask once for each piece of work: another one can be in force the next time.

    Raises:
        UnknownPlaybookError: What the pointer names is nowhere; or there is no pointer, and none is packaged here.
    """
    if not 0 <= time.time() - _seen.at < LOOK_EVERY:
        refresh()
    if _seen.pointer is not None:
        return document(_seen.pointer.bundle)
    packaged = _packaged()
    if packaged is None:
        raise UnknownPlaybookError("no playbook is in force yet: the stage takes its first with the first event")
    return packaged


def refresh() -> None:
    """Read the pointer now, whenever that was done last."""
    read = pointer()
    _seen.pointer, _seen.at = read, time.time()


def document(bundle: str) -> dict[str, Any]:
    """
    Return the compiled playbook of that name.

    Raises:
        UnknownPlaybookError: There is none, neither here nor in the table.
    """
    packaged = _packaged()
    if packaged is not None and packaged["bundle"] == bundle:
        return packaged
    kept = _seen.documents
    found = kept.pop(bundle) if bundle in kept else _stored(bundle)
    if len(kept) >= KEPT:
        del kept[next(iter(kept))]
    kept[bundle] = found
    return found


def pointer() -> Pointer | None:
    """Return what is in force (consistent read); None where nothing was published or seeded yet."""
    answer = clients.dynamodb().get_item(
        TableName=settings.table_name(), Key=_key(table.PLAYBOOK_PK, table.CURRENT_SK), ConsistentRead=True
    )
    if "Item" not in answer:
        return None
    item = from_item(answer["Item"])
    at = item.get("published_at")
    return Pointer(item["bundle"], item["by"], item.get("previous"), None if at is None else parse_instant(at))


def seed() -> None:
    """Put the packaged playbook in force where none is. Once one is, a deployment never changes it."""
    packaged = current()
    if _seen.pointer is not None:
        return
    put(packaged, by=BY_DEPLOYMENT)
    with contextlib.suppress(PublishedMeanwhileError):  # somebody else's is as good
        move(packaged["bundle"], seen=None, by=BY_DEPLOYMENT)
    refresh()


def put(compiled: Mapping[str, Any], *, by: str, at: int | None = None) -> None:
    """
    Keep a compiled playbook. One that is kept already stays as it is: its name is the hash of what it says.

    Raises:
        UnwritableError: It is too large for an item.
    """
    text = json.dumps(compiled, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    packed = zlib.compress(text.encode(), 9)
    if len(packed) > LARGEST:
        raise UnwritableError(
            f"playbook {compiled['name']}: {len(packed):,} bytes compressed, {LARGEST:,} at most; shorten lists and mails"
        )
    _put_if(
        {
            table.PK: table.playbook_pk(compiled["bundle"]),
            table.SK: table.PLAYBOOK_SK,
            "schema": table.SCHEMA,
            "document": packed,
            "name": compiled["name"],
            "published_at": None if at is None else instant_text(at),
            "by": by,
        },
        seen=None,
    )


def move(bundle: str, *, seen: str | None, by: str, at: int | None = None) -> None:
    """
    Put a compiled playbook that is kept in force.

    Args:
        bundle: Its name.
        seen: What was in force when this was decided; None when nothing was.
        by: Who decided.
        at: When.

    Raises:
        PublishedMeanwhileError: Something else is in force by now; nothing was moved.
    """
    moved = _put_if(
        {
            table.PK: table.PLAYBOOK_PK,
            table.SK: table.CURRENT_SK,
            "schema": table.SCHEMA,
            "bundle": bundle,
            "previous": seen,
            "published_at": None if at is None else instant_text(at),
            "by": by,
        },
        seen=seen,
    )
    if not moved:
        raise PublishedMeanwhileError("somebody published another playbook meanwhile: look at it, then publish again")


def forget() -> None:
    """Drop what this process has read (tests, and whoever turns to another stage)."""
    _seen.pointer, _seen.at = None, -inf
    _seen.documents.clear()


def _packaged() -> dict[str, Any] | None:
    """Return the packaged playbook; the command line, which is no package, has none."""
    try:
        return playbook_document()
    except FileNotFoundError:
        return None


def _stored(bundle: str) -> dict[str, Any]:
    answer = clients.dynamodb().get_item(
        TableName=settings.table_name(), Key=_key(table.playbook_pk(bundle), table.PLAYBOOK_SK), ConsistentRead=True
    )
    if "Item" not in answer:
        raise UnknownPlaybookError(f"no playbook {bundle} was ever published to this stage")
    found: dict[str, Any] = json.loads(zlib.decompress(from_item(answer["Item"])["document"]))
    return found


def _put_if(item: dict[str, Any], *, seen: str | None) -> bool:
    """Put the item where none is, or where one of the bundle `seen` is. Returns whether it was put."""
    condition: dict[str, Any] = {
        "ConditionExpression": "attribute_not_exists(#pk)", "ExpressionAttributeNames": {"#pk": table.PK}
    }  # fmt: skip
    if seen is not None:
        condition = {
            "ConditionExpression": "#bundle = :seen",
            "ExpressionAttributeNames": {"#bundle": "bundle"},
            "ExpressionAttributeValues": {":seen": {"S": seen}},
        }
    try:
        clients.dynamodb().put_item(TableName=settings.table_name(), Item=to_item(item), **condition)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return False
        raise
    return True


def _key(pk: str, sk: str) -> dict[str, Any]:
    return {table.PK: {"S": pk}, table.SK: {"S": sk}}
