"""
What of a handoff or task was delivered where: the record that keeps a repeated change from being said twice.

A delivery is *claimed* before the message goes out and *recorded* after, both in `deliveries` on the item it is about.
The claim bears the id of the attempt (Lambda's request id, the same in every retry of one event), so whoever finds a
claim without a record knows whether it is its own earlier attempt that died, or somebody who may still be at it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from botocore.exceptions import ClientError

from shared import settings, table
from shared.aws import clients
from shared.aws.handoffs import DELIVERIES
from shared.aws.items import from_item, to_item
from shared.mailing import SendRef

Of = int | SendRef
"""What a delivery is about: the nth handoff of a lead, or a send that is a task."""

Claim = Literal["first", "again", "elsewhere", "done"]
"""
`first`: nobody tried. `again`: an earlier attempt of this same delivery died; the message may be out there.
`elsewhere`: another delivery tried and has not recorded; it was given one more retry's time, the claim is ours next
time. `done`: recorded.
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery: who claimed it, whether it is done, and where the message stands if the channel says so."""

    by: str
    done: bool = False
    channel: str = ""
    ts: str = ""


def get_deliveries(lead_id: str, of: Of) -> dict[str, Delivery]:
    """Return what was delivered, by name (consistent read)."""
    answer = clients.dynamodb().get_item(
        TableName=settings.table_name(),
        Key=_key(lead_id, of),
        ConsistentRead=True,
        ProjectionExpression="#deliveries",
        ExpressionAttributeNames={"#deliveries": DELIVERIES},
    )
    held: Mapping[str, Mapping[str, Any]] = from_item(answer.get("Item", {})).get(DELIVERIES, {})
    return {name: Delivery(**delivery) for name, delivery in held.items()}


def claim(lead_id: str, of: Of, name: str, *, by: str) -> Claim:
    """
    Claim a delivery before making it.

    Args:
        lead_id: Whose handoff.
        of: Which handoff of the lead, or which send.
        name: Which delivery of it.
        by: The attempt, the same in its retries.
    """
    free = "attribute_exists(#deliveries) AND attribute_not_exists(#deliveries.#name)"
    if _set(lead_id, of, name, Delivery(by), condition=free, seen=None):
        return "first"
    held = get_deliveries(lead_id, of).get(name)
    if held is not None and held.done:
        return "done"
    if held is not None and held.by == by:
        return "again"
    if held is not None:
        _set(lead_id, of, name, Delivery(by), condition="#deliveries.#name = :seen", seen=held)
    return "elsewhere"


def record(lead_id: str, of: Of, name: str, *, by: str, channel: str = "", ts: str = "") -> None:
    """Record that the delivery was made; whoever claimed it meanwhile, it is done."""
    _set(lead_id, of, name, Delivery(by, True, channel, ts), condition="attribute_exists(#deliveries)", seen=None)


def release(lead_id: str, of: Of, name: str, *, by: str) -> None:
    """Give a claim back: the channel certainly did not take the message."""
    try:
        clients.dynamodb().update_item(
            TableName=settings.table_name(),
            Key=_key(lead_id, of),
            UpdateExpression="REMOVE #deliveries.#name",
            ConditionExpression="#deliveries.#name = :mine",
            ExpressionAttributeNames={"#deliveries": DELIVERIES, "#name": name},
            ExpressionAttributeValues=to_item({":mine": _values(Delivery(by))}),
        )
    except ClientError as error:
        _only_condition(error)


def _set(lead_id: str, of: Of, name: str, delivery: Delivery, *, condition: str, seen: Delivery | None) -> bool:
    values = {":delivery": _values(delivery)} | ({} if seen is None else {":seen": _values(seen)})
    try:
        clients.dynamodb().update_item(
            TableName=settings.table_name(),
            Key=_key(lead_id, of),
            UpdateExpression="SET #deliveries.#name = :delivery",
            ConditionExpression=condition,
            ExpressionAttributeNames={"#deliveries": DELIVERIES, "#name": name},
            ExpressionAttributeValues=to_item(values),
        )
    except ClientError as error:
        _only_condition(error)
        return False
    return True


def _only_condition(error: ClientError) -> None:
    if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
        raise error


def _values(delivery: Delivery) -> dict[str, Any]:
    return {"by": delivery.by, "done": delivery.done, "channel": delivery.channel, "ts": delivery.ts}


def _key(lead_id: str, of: Of) -> dict[str, Any]:
    if isinstance(of, SendRef):
        return to_item({table.PK: table.lead_pk(lead_id), table.SK: table.send_sk(of.track, of.rotation, of.step)})
    return to_item({table.PK: table.lead_pk(lead_id), table.SK: table.handoff_sk(of)})
