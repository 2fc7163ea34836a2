"""
Address items: consent, suppression, pause and what was sent, by address and not by lead.

What must hold at once is written here before anybody answers: a stop, a bounce, a rep who takes the lead. Every write
counts the version up, and a claim is made only on the version that was decided from, so whatever was written in
between makes the claim fail. Keys are keyed hashes; no address stands in this table's keys.
"""

from collections.abc import Mapping
from typing import Any, Literal

from botocore.exceptions import ClientError

from shared import settings, table
from shared.aws import clients
from shared.aws.items import from_item, to_item
from shared.errors import ConflictError
from shared.instants import instant_text, parse_instant
from shared.mailing import Address, PastSend, TopicConsent

Suppression = Literal["bounced", "soft_bounced", "complained", "manual"]

LIFTABLE = ("bounced", "soft_bounced", "manual")
"""Suppressions that a colleague may take back. A complaint and an erasure are the person's own word."""

SOFT_BOUNCES_KEPT = 40
"""Newest bounces that may pass which an address item holds: more than the mails anybody gets in a month."""

_TRIES = 5


def get_address(name: str) -> Address:
    """Return what is known of the address (consistent read); an address never seen is one that nothing is known of."""
    answer = clients.dynamodb().get_item(TableName=settings.table_name(), Key=_key(name), ConsistentRead=True)
    item = from_item(answer.get("Item", {}))
    return Address(
        name=name,
        proven_at=_instant(item.get("proven_at")),
        opted_in_at=_instant(item.get("opted_in_at")),
        stopped_at=_instant(item.get("stopped_at")),
        topics={topic: _topic(said) for topic, said in item.get("topics", {}).items()},
        suppressed=item.get("suppressed"),
        suppressed_at=_instant(item.get("suppressed_at")),
        soft_bounces={report: parse_instant(at) for report, at in item.get("soft_bounces", {}).items()},
        paused_by=frozenset(item.get("paused_by", ())),
        sent={content: parse_instant(at) for content, at in item.get("sent", {}).items()},
        recent=_past(item.get("recent", [])),
        confirmations=_past(item.get("confirmations", [])),
        version=item.get(table.VERSION, 0),
    )


def record_consent(
    name: str,
    *,
    proven_at: int | None = None,
    opted_in_at: int | None = None,
    stopped_at: int | None = None,
    topics: Mapping[str, TopicConsent] | None = None,
) -> bool:
    """
    Join what a source that proves said about the address with what is known. Order and repeats do not matter.

    The latest opt-in and the latest stop are kept; of proofs the earliest, since only whether there is one matters
    and a later one is no news. Nothing is written when nothing is news.

    Args:
        name: The address hash.
        proven_at: Receive time of a proof that the address is the person's.
        opted_in_at: Receive time of a proved opt-in.
        stopped_at: Receive time of a stop.
        topics: The same of single topics.
    Returns: Whether anything was written.

    Raises:
        ConflictError: Others kept changing the item; nothing was written. Do it again.
    """
    for _ in range(_TRIES):
        known = get_address(name)
        news: dict[str, Any] = {}
        if proven_at is not None and (known.proven_at is None or proven_at < known.proven_at):
            news["proven_at"] = instant_text(proven_at)
        for field, was, at in (
            ("opted_in_at", known.opted_in_at, opted_in_at),
            ("stopped_at", known.stopped_at, stopped_at),
        ):
            if at is not None and at != was and at == _latest(was, at):
                news[field] = instant_text(at)
        joined = {**known.topics, **{topic: _joined(known, topic, said) for topic, said in (topics or {}).items()}}
        if joined != known.topics:
            news["topics"] = {topic: _topic_item(said) for topic, said in joined.items()}
        if not news:
            return False
        if _written(known, news):
            return True
    raise ConflictError("the address item kept changing")


def note_soft_bounce(name: str, report: str, at: int, *, within: int) -> Mapping[str, int]:
    """
    Keep a bounce that may pass, under the id of its report; a report that comes twice is one.

    Args:
        name: The address hash.
        report: Names the report.
        at: When it bounced.
        within: Seconds before the newest one after which an older one is forgotten.
    Returns: Those that are kept now.

    Raises:
        ConflictError: Others kept changing the item; nothing was written. Do it again.
    """
    for _ in range(_TRIES):
        known = get_address(name)
        every = {**known.soft_bounces, report: at}
        newest = max(every.values())
        recent = sorted((when, each) for each, when in every.items() if when > newest - within)[-SOFT_BOUNCES_KEPT:]
        kept = {each: when for when, each in recent}
        if kept == known.soft_bounces or _written(known, {"soft_bounces": _soft_items(kept)}):
            return kept
    raise ConflictError("the address item kept changing")


def forget_soft_bounces(name: str, delivered_at: int) -> None:
    """
    Forget the bounces before a delivery: the mailbox takes mail again.

    Raises:
        ConflictError: Others kept changing the item; nothing was written. Do it again.
    """
    for _ in range(_TRIES):
        known = get_address(name)
        left = {report: at for report, at in known.soft_bounces.items() if at > delivered_at}
        if left == known.soft_bounces or _written(known, {"soft_bounces": _soft_items(left)}):
            return
    raise ConflictError("the address item kept changing")


def suppress(name: str, why: Suppression, at: int) -> bool:
    """
    Never mail the address again. A complaint outweighs the other reasons, and a colleague's word a bounce: whoever finds
    that the mailbox is back must not lift that with it. Otherwise the first reason stays.

    Returns: Whether this was news.
    """
    try:
        clients.dynamodb().update_item(
            TableName=settings.table_name(),
            Key=_key(name),
            UpdateExpression="SET #why = :why, #at = :at, #schema = :schema ADD #version :one",
            ConditionExpression=(
                "attribute_not_exists(#why) OR (:why = :complained AND #why <> :complained)"
                " OR (:why = :manual AND #why IN (:bounced, :soft_bounced))"
            ),
            ExpressionAttributeNames={
                "#why": "suppressed", "#at": "suppressed_at", "#schema": "schema", "#version": table.VERSION,
            },
            ExpressionAttributeValues=to_item(
                {":why": why, ":complained": "complained", ":at": instant_text(at), ":schema": table.SCHEMA, ":one": 1}
                | {f":{liftable}": liftable for liftable in LIFTABLE}
            ),
        )  # fmt: skip
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return False
        raise
    return True


def lift(name: str) -> bool:
    """
    Let the address be mailed again as far as its consent allows. What the person said themselves is not lifted.

    Returns: Whether there was a suppression that may be lifted.
    """
    try:
        clients.dynamodb().update_item(
            TableName=settings.table_name(),
            Key=_key(name),
            UpdateExpression="SET #schema = :schema REMOVE #why, #at, #soft ADD #version :one",
            ConditionExpression="#why IN (:bounced, :soft_bounced, :manual)",
            ExpressionAttributeNames={
                "#why": "suppressed", "#at": "suppressed_at", "#soft": "soft_bounces", "#schema": "schema",
                "#version": table.VERSION,
            },
            ExpressionAttributeValues=to_item(
                {":schema": table.SCHEMA, ":one": 1} | {f":{liftable}": liftable for liftable in LIFTABLE}
            ),
        )  # fmt: skip
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return False
        raise
    return True


def pause_entry(name: str, by: str) -> dict[str, Any]:
    """Return the transaction entry that holds all marketing mail to the address while `by` (a handoff) has it."""
    return _pause_entry(name, by, "ADD #version :one, #paused :by")


def resume_entry(name: str, by: str) -> dict[str, Any]:
    """Return the transaction entry that ends the hold of `by`; what others hold stays held."""
    return _pause_entry(name, by, "ADD #version :one DELETE #paused :by")


def claim_entry(address: Address, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the transaction entry that changes the item only while it is as it was when the decision was made."""
    return {"Update": _update_at(address, changes)}


def unchanged_entry(address: Address) -> dict[str, Any]:
    """Return the transaction entry that holds only while the item is as it was when the decision was made."""
    condition, seen_name, seen_value = _as_seen(address)
    check = {
        "TableName": settings.table_name(),
        "Key": _key(address.name),
        "ConditionExpression": condition,
        "ExpressionAttributeNames": seen_name,
    }
    return {"ConditionCheck": check | ({"ExpressionAttributeValues": to_item(seen_value)} if seen_value else {})}


def past_items(past: tuple[PastSend, ...]) -> list[dict[str, str]]:
    """Return claims as they stand on the item."""
    return [{"at": instant_text(each.at), "send": each.send_id} for each in past]


def _written(known: Address, news: Mapping[str, Any]) -> bool:
    """Tell whether the item was still as it was read, and now says what is news."""
    try:
        clients.dynamodb().update_item(**_update_at(known, news))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return False
    return True


def _joined(known: Address, topic: str, said: TopicConsent) -> TopicConsent:
    was = known.topics.get(topic, TopicConsent())
    return TopicConsent(_latest(was.opted_in_at, said.opted_in_at), _latest(was.stopped_at, said.stopped_at))


def _latest(one: int | None, other: int | None) -> int | None:
    return max((at for at in (one, other) if at is not None), default=None)


def _topic(item: Mapping[str, str]) -> TopicConsent:
    return TopicConsent(_instant(item.get("opted_in_at")), _instant(item.get("stopped_at")))


def _topic_item(said: TopicConsent) -> dict[str, str]:
    times = (("opted_in_at", said.opted_in_at), ("stopped_at", said.stopped_at))
    return {field: instant_text(at) for field, at in times if at is not None}


def _soft_items(bounces: Mapping[str, int]) -> dict[str, str]:
    return {report: instant_text(at) for report, at in bounces.items()}


def _past(items: list[dict[str, str]]) -> tuple[PastSend, ...]:
    return tuple(PastSend(parse_instant(each["at"]), each["send"]) for each in items)


def _as_seen(address: Address) -> tuple[str, dict[str, str], dict[str, int]]:
    """Return condition, names and values that hold while the item is at the version read (0: there is none)."""
    if address.version == 0:
        return "attribute_not_exists(#seen)", {"#seen": table.PK}, {}
    return "#seen = :seen", {"#seen": table.VERSION}, {":seen": address.version}


def _update_at(address: Address, changes: Mapping[str, Any]) -> dict[str, Any]:
    condition, seen_name, seen_value = _as_seen(address)
    values = {**changes, "schema": table.SCHEMA}
    return {
        "TableName": settings.table_name(),
        "Key": _key(address.name),
        "UpdateExpression": "SET " + ", ".join(f"#{field} = :{field}" for field in values) + " ADD #version :one",
        "ConditionExpression": condition,
        "ExpressionAttributeNames": {f"#{field}": field for field in values} | {"#version": table.VERSION} | seen_name,
        "ExpressionAttributeValues": to_item(
            {f":{field}": value for field, value in values.items()} | {":one": 1} | seen_value
        ),
    }


def _pause_entry(name: str, by: str, expression: str) -> dict[str, Any]:
    return {
        "Update": {
            "TableName": settings.table_name(),
            "Key": _key(name),
            "UpdateExpression": f"SET #schema = :schema {expression}",
            "ExpressionAttributeNames": {"#schema": "schema", "#version": table.VERSION, "#paused": "paused_by"},
            "ExpressionAttributeValues": to_item({":schema": table.SCHEMA, ":one": 1, ":by": {by}}),
        }
    }


def _key(name: str) -> dict[str, Any]:
    return to_item({table.PK: table.address_pk(name), table.SK: table.ADDRESS_SK})


def _instant(text: str | None) -> int | None:
    return None if text is None else parse_instant(text)
