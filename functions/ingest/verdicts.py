"""
What a person says of who was at work, read into the event that tells the lead so.

Whether there is such a lead, and what it did at the time, is for `score` to see: nothing is read here.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from shared.errors import InvalidInputError
from shared.instants import EARLIEST, instant_text
from shared.intake.fields import MAX_MESSAGE_ID, label, moment
from shared.intake.segment import VISIT_JUDGED
from shared.lead import LeadEvent

MAX_REASON = 120
MAX_BY = 60

VERDICTS = ("machine", "human")
_FIELDS = ("verdict", "from", "until", "reason", "by", "messageId")


def judgement_event(lead_id: str, said: Mapping[str, Any], *, received_at: int) -> LeadEvent:
    """
    Return the event of one judgement.

    Its id follows from what is said alone, or from `messageId` when there is one. The same said again is the same
    judgement, given later: it then stands over those in between.

    Raises:
        InvalidInputError: Naming the field that is wrong, and what to write.
    """
    for name in said:
        if name not in _FIELDS:
            raise InvalidInputError(name[:60], f"is no field of a verdict: send {', '.join(_FIELDS)}")
    verdict = said.get("verdict")
    if verdict not in VERDICTS:
        raise InvalidInputError("verdict", f"must be one of {', '.join(VERDICTS)}")
    since, until = _instant(said, "from"), _instant(said, "until")
    if until > received_at:
        raise InvalidInputError("until", "lies in the future: judge what has happened")
    if since > until:
        raise InvalidInputError("from", "lies after until: write the earlier time first")
    content = {
        "verdict": verdict,
        "from": instant_text(since),
        "until": instant_text(until),
        "reason": label(said.get("reason"), "reason", MAX_REASON),
        "by": label(said.get("by"), "by", MAX_BY),
    }
    given = said.get("messageId")
    named = content if given is None else {"messageId": label(given, "messageId", MAX_MESSAGE_ID)}
    return LeadEvent(
        event_id=_event_id({"lead_id": lead_id, **named}),
        name=VISIT_JUDGED,
        occurred_at=received_at,
        received_at=received_at,
        source="system",
        lead_id=lead_id,
        properties=content,
    )


def _instant(said: Mapping[str, Any], field: str) -> int:
    instant = moment(said.get(field), field)
    if instant is None:
        raise InvalidInputError(field, "is missing: write a time with a zone, as in 2026-01-05T09:00:00Z")
    if instant < EARLIEST:
        raise InvalidInputError(field, "lies before 1990: write when it happened")
    return instant


def _event_id(content: Mapping[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return "verdict-" + hashlib.blake2b(canonical.encode(), digest_size=16).hexdigest()
