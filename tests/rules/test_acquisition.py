"""Where a lead came from, as reports are split by it, and whether it had been sent back before."""

from dataclasses import replace
from typing import Any

import pytest

from shared.handoff import Handoff, ScoreThen
from shared.lead import LeadEvent
from shared.rules.acquisition import LONGEST, first_touch, returned_from, source_text

AT = 1_767_603_600
HANDOFF = Handoff("l1", 1, 1, "open", "high", "maria", "75 points", AT, (), ScoreThen(75_000, "A", 4))


def visit(at: int, **campaign: Any) -> LeadEvent:
    context = {"campaign": campaign} if campaign else {}
    return LeadEvent(f"e{at}", "Page Viewed", AT + at, AT + at, "public", anonymous_id="a", context=context)


def test_the_first_touch_is_the_earliest_event_that_came_from_somewhere() -> None:
    events = [visit(3, source="Google", medium="cpc"), visit(1), visit(2, source="partner"), visit(9, source="late")]
    assert first_touch(events) == {"source": "partner"}
    assert first_touch(reversed(events)) == {"source": "partner"}
    assert first_touch([visit(1)]) is None


@pytest.mark.parametrize(
    ("touch", "expected"),
    [
        (None, None),
        ({}, None),
        ({"source": "google", "medium": "cpc", "campaign": "spring"}, "google / cpc"),
        ({"source": "partner"}, "partner"),
        ({"medium": "email"}, "email"),
        ({"source": "ada@example.com", "medium": "email"}, "email"),  # reports name nobody
        ({"source": "a\nb\x00 c\u202e", "medium": None}, "a b c"),
        ({"source": "s" * 99, "medium": "m"}, "s" * LONGEST),
    ],
)
def test_a_source_is_one_short_line_without_addresses(touch: dict[str, Any] | None, expected: str | None) -> None:
    assert source_text(touch) == expected


def test_a_lead_returns_from_what_it_was_last_rejected_for() -> None:
    first = replace(HANDOFF, state="rejected", reason_code="no_budget", decided_at=AT)
    second = replace(HANDOFF, number=2, state="rejected", reason_code="not_ready", decided_at=AT + 9)
    taken_back = replace(HANDOFF, number=3, state="closed", outcome="unqualified")
    assert returned_from([]) is None
    assert returned_from([taken_back]) is None
    assert returned_from([second, taken_back, first]) == "not_ready"
