"""What a person says of a lead by hand, read into the event that tells the lead so: the parts that points and verdicts share."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from shared.errors import InvalidInputError
from shared.intake.fields import MAX_MESSAGE_ID, label
from shared.lead import LeadEvent

MAX_REASON = 120
MAX_BY = 60

_LEAD_ID = re.compile("[a-z2-7]{16}")


def is_lead_id(text: str) -> bool:
    return _LEAD_ID.fullmatch(text) is not None


def check_fields(said: Mapping[str, Any], known: tuple[str, ...], what: str) -> None:
    """Raises InvalidInputError naming a field that `what` does not have."""
    for name in said:
        if name not in known:
            raise InvalidInputError(name[:60], f"is no field of {what}: send {', '.join(known)}")


def why_and_who(said: Mapping[str, Any]) -> dict[str, str]:
    return {
        "reason": label(said.get("reason"), "reason", MAX_REASON),
        "by": label(said.get("by"), "by", MAX_BY),
    }


def event_by_hand(
    kind: str, name: str, lead_id: str, content: Mapping[str, Any], *, message_id: Any, received_at: int
) -> LeadEvent:
    """Return the event. Its id follows from the lead and the content, or from the lead and `message_id` if there is one."""
    named = content if message_id is None else {"messageId": label(message_id, "messageId", MAX_MESSAGE_ID)}
    canonical = json.dumps({"lead_id": lead_id, **named}, sort_keys=True, separators=(",", ":"))
    return LeadEvent(
        event_id=f"{kind}-{hashlib.blake2b(canonical.encode(), digest_size=16).hexdigest()}",
        name=name,
        occurred_at=received_at,
        received_at=received_at,
        source="system",
        lead_id=lead_id,
        properties=content,
    )
