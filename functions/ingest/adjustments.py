"""
Points a person gives or takes by hand, read into the event that tells the lead so.

The score shows them as a line with who and why. Whether there is such a lead is for `score` to say: nothing is read here.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from shared.errors import InvalidInputError
from shared.instants import instant_text
from shared.intake.fields import MAX_MESSAGE_ID, label, moment
from shared.intake.segment import SCORE_ADJUSTED
from shared.lead import LeadEvent

MOST_POINTS = 1000
MAX_REASON = 120
MAX_BY = 60
LATEST = 7_258_118_400
"""2200-01-01T00:00:00Z."""

_LEAD_ID = re.compile("[a-z2-7]{16}")
_FIELDS = ("points", "reason", "by", "until", "messageId")


def is_lead_id(text: str) -> bool:
    return _LEAD_ID.fullmatch(text) is not None


def adjustment_event(lead_id: str, said: Mapping[str, Any], *, received_at: int) -> LeadEvent:
    """
    Return the event of one adjustment.

    Its id follows from what is said alone, or from `messageId` when there is one: a request sent again, at any time,
    counts once.

    Raises:
        InvalidInputError: Naming the field that is wrong, and what to write.
    """
    for name in said:
        if name not in _FIELDS:
            raise InvalidInputError(name[:60], f"is no field of an adjustment: send {', '.join(_FIELDS)}")
    points = _points(said.get("points"))
    until = moment(said.get("until"), "until")
    if until is not None and not received_at < until <= LATEST:
        raise InvalidInputError("until", "must lie in the future and before 2200: leave it out for good")
    content: dict[str, Any] = {
        "points": points,
        "reason": label(said.get("reason"), "reason", MAX_REASON),
        "by": label(said.get("by"), "by", MAX_BY),
    }
    if until is not None:
        content["until"] = instant_text(until)
    given = said.get("messageId")
    named = content if given is None else {"messageId": label(given, "messageId", MAX_MESSAGE_ID)}
    return LeadEvent(
        event_id=_event_id({"lead_id": lead_id, **named}),
        name=SCORE_ADJUSTED,
        occurred_at=received_at,
        received_at=received_at,
        source="system",
        lead_id=lead_id,
        properties=content,
    )


def _points(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInputError("points", "must be a number, as in 10 or -2.5")
    if value == 0 or not abs(value) <= MOST_POINTS:
        raise InvalidInputError("points", f"must lie between -{MOST_POINTS} and {MOST_POINTS} and not be 0")
    if Decimal(repr(value)) % Decimal("0.001"):
        raise InvalidInputError("points", "has more than three decimals: write fewer")
    return int(value) if value == int(value) else value


def _event_id(content: Mapping[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return "adjustment-" + hashlib.blake2b(canonical.encode(), digest_size=16).hexdigest()
