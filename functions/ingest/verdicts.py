"""
What a person says of who was at work, read into the event that tells the lead so.

Whether there is such a lead, and what it did at the time, is for `score` to see: nothing is read here.
"""

from collections.abc import Mapping
from typing import Any

from functions.ingest.by_hand import check_fields, event_by_hand, why_and_who
from shared.errors import InvalidInputError
from shared.instants import EARLIEST, instant_text
from shared.intake.fields import moment
from shared.intake.segment import VISIT_JUDGED
from shared.lead import LeadEvent

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
    check_fields(said, _FIELDS, "a verdict")
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
        **why_and_who(said),
    }
    given = said.get("messageId")
    return event_by_hand("verdict", VISIT_JUDGED, lead_id, content, message_id=given, received_at=received_at)


def _instant(said: Mapping[str, Any], field: str) -> int:
    instant = moment(said.get(field), field)
    if instant is None:
        raise InvalidInputError(field, "is missing: write a time with a zone, as in 2026-01-05T09:00:00Z")
    if instant < EARLIEST:
        raise InvalidInputError(field, "lies before 1990: write when it happened")
    return instant
