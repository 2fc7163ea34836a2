"""
What was done with a mail, kept on its send item: a set by id, the newest 30.

They are one text of JSON, as small as it gets: every further kilobyte of the item is a write unit with each touch. Beside
them stand the texts that several have in common: user agents, and where the mail's links lead. A send that is not there, or
no longer, keeps nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from shared import settings, table
from shared.aws import clients
from shared.aws.items import from_item, to_item
from shared.engagement import Touch
from shared.mailing import SendRef

TOUCHES = "touches"
TOUCHES_VERSION = "touches_version"

AGENTS_KEPT = 8
"""User agents kept of a mail: a person has two or three, and a scanner that has more is known by then."""


@dataclass(frozen=True, slots=True)
class Touched:
    """
    A send as judging needs it.

    `agents` and `links` hold texts by the keys that touches carry. `version` counts the writes of touches.
    """

    ref: SendRef
    content: str
    playbook: str
    stopped: bool
    touches: tuple[Touch, ...] = ()
    agents: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    version: int = 0


def get_touched(ref: SendRef) -> Touched | None:
    """Return the send with its touches (consistent read); None when there is no such send."""
    answer = clients.dynamodb().get_item(TableName=settings.table_name(), Key=_key(ref), ConsistentRead=True)
    if "Item" not in answer:
        return None
    item = from_item(answer["Item"])
    return Touched(
        ref,
        content=item["content"],
        playbook=item["playbook"],
        stopped="unsubscribed_at" in item,
        touches=touches_of(item),
        agents=_held(item).get("agents", {}),
        links=_held(item).get("links", {}),
        version=item.get(TOUCHES_VERSION, 0),
    )


def touches_of(item: Mapping[str, Any]) -> tuple[Touch, ...]:
    """Return the touches that a plain send item holds, oldest first."""
    return tuple(Touch(**said) for said in _held(item).get("touches", ()))


def _held(item: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(item.get(TOUCHES, "{}"))
    return found


def save(touched: Touched) -> bool:
    """
    Write the touches of the send.

    Args:
        touched: As it becomes, carrying the version it was read at.
    Returns: False when others wrote touches of it since, or the send was erased: read and decide again.
    """
    held = {
        "touches": [_packed(touch) for touch in touched.touches],
        "agents": dict(list(touched.agents.items())[:AGENTS_KEPT]),
        "links": dict(touched.links),
    }
    try:
        clients.dynamodb().update_item(
            TableName=settings.table_name(),
            Key=_key(touched.ref),
            UpdateExpression="SET #touches = :touches, #version = :next",
            ConditionExpression="attribute_exists(#pk) AND "
            + ("#version = :seen" if touched.version else "attribute_not_exists(#version)"),
            ExpressionAttributeNames={"#pk": table.PK, "#touches": TOUCHES, "#version": TOUCHES_VERSION},
            ExpressionAttributeValues=to_item({
                ":touches": json.dumps(held, separators=(",", ":"), ensure_ascii=False),
                ":next": touched.version + 1,
                ":seen": touched.version or None,
            }),
        )  # fmt: skip
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return False
        raise
    return True


def _packed(touch: Touch) -> dict[str, Any]:
    said = {
        "id": touch.id, "kind": touch.kind, "at": touch.at, "link": touch.link, "by": touch.by,
        "sign": touch.sign, "said": touch.said, "agent": touch.agent, "told": touch.told,
    }  # fmt: skip
    usual = {"link": "", "by": "links", "sign": "human", "said": "", "agent": "", "told": ""}
    return {name: value for name, value in said.items() if usual.get(name) != value}


def _key(ref: SendRef) -> dict[str, Any]:
    return to_item({table.PK: table.lead_pk(ref.lead_id), table.SK: table.send_sk(ref.track, ref.rotation, ref.step)})
