"""The audience's calls as entries of Segment's batch call."""

from collections.abc import Sequence
from typing import Any

from infra.local.demo.audience import Call
from shared.instants import instant_text

_KEYS = {"identify": "traits", "group": "traits", "page": "properties", "track": "properties"}


def bodies(calls: Sequence[Call]) -> list[dict[str, Any]]:
    """Return one batch entry for each call."""
    return [
        {
            "type": call.kind,
            "messageId": call.message_id,
            "timestamp": instant_text(call.at),
            "userId": call.user_id,
            "anonymousId": call.anonymous_id,
            _KEYS[call.kind]: dict(call.said),
            **({"event": call.name} if call.kind == "track" else {}),
            **({"name": call.said["title"]} if call.kind == "page" else {}),
            **({"groupId": call.said["name"]} if call.kind == "group" else {}),
        }
        for call in calls
    ]
