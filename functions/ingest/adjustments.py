"""
Points a person gives or takes by hand, read into the event that tells the lead so.

The score shows them as a line with who and why. Whether there is such a lead is for `score` to say: nothing is read here.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from functions.ingest.by_hand import check_fields, event_by_hand, why_and_who
from shared.errors import InvalidInputError
from shared.instants import instant_text
from shared.intake.fields import moment
from shared.intake.segment import SCORE_ADJUSTED
from shared.lead import LeadEvent

MOST_POINTS = 1000
LATEST = 7_258_118_400
"""2200-01-01T00:00:00Z."""

_FIELDS = ("points", "reason", "by", "until", "messageId")


def adjustment_event(lead_id: str, said: Mapping[str, Any], *, received_at: int) -> LeadEvent:
    """
    Return the event of one adjustment.

    Its id follows from what is said alone, or from `messageId` when there is one: a request sent again, at any time,
    counts once.

    Raises:
        InvalidInputError: Naming the field that is wrong, and what to write.
    """
    check_fields(said, _FIELDS, "an adjustment")
    points = _points(said.get("points"))
    until = moment(said.get("until"), "until")
    if until is not None and not received_at < until <= LATEST:
        raise InvalidInputError("until", "must lie in the future and before 2200: leave it out for good")
    content: dict[str, Any] = {"points": points, **why_and_who(said)}
    if until is not None:
        content["until"] = instant_text(until)
    given = said.get("messageId")
    return event_by_hand("adjustment", SCORE_ADJUSTED, lead_id, content, message_id=given, received_at=received_at)


def _points(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInputError("points", "must be a number, as in 10 or -2.5")
    if value == 0 or not abs(value) <= MOST_POINTS:
        raise InvalidInputError("points", f"must lie between -{MOST_POINTS} and {MOST_POINTS} and not be 0")
    if Decimal(repr(value)) % Decimal("0.001"):
        raise InvalidInputError("points", "has more than three decimals: write fewer")
    return int(value) if value == int(value) else value
