"""Where a lead first came from, in one short text that reports are split by."""

from collections.abc import Iterable, Mapping
from typing import Any

from shared.handoff import Handoff
from shared.lead import LeadEvent
from shared.rules.registers import touch_of

LONGEST = 60
"""Characters of a source."""


def first_touch(events: Iterable[LeadEvent]) -> dict[str, str] | None:
    """Return the earliest touch among the events, as the register of that name would hold it."""
    touched = [(event.occurred_at, event.event_id, touch) for event in events if (touch := touch_of(event)) is not None]
    return min(touched, key=lambda each: each[:2])[2] if touched else None


def source_text(touch: Mapping[str, Any] | None) -> str | None:
    """
    Return the touch as `source / medium`, the one alone when there is no other, or None.

    A tag of a link is whatever its writer put there: what looks like an address is left out, for reports name nobody.
    """
    said = [str((touch or {}).get(name) or "") for name in ("source", "medium")]
    kept = [" ".join("".join(c if c.isprintable() else " " for c in text).split()) for text in said if "@" not in text]
    return " / ".join(text for text in kept if text)[:LONGEST] or None


def returned_from(handoffs: Iterable[Handoff]) -> str | None:
    """Return the reason for which sales last rejected the lead, of all its handoffs so far; None when it never did."""
    rejected = [each for each in handoffs if each.state == "rejected" and each.reason_code is not None]
    return max(rejected, key=lambda each: (each.decided_at or 0, each.number)).reason_code if rejected else None
