"""
What the rest of the code speaks about: what a lead did, the facts that follow, and the lead itself.

Plain frozen values; no rule, no clock, no AWS.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from shared.instants import instant_text, parse_instant

Source = Literal["public", "server", "system"]
"""Who said it: a browser or form (proves nothing), a customer's server (proves), or one of our own functions."""

Verdict = Literal["human", "unsure", "machine"]


@dataclass(frozen=True, slots=True)
class LeadEvent:
    """
    Something one lead did, as it travels on the queue and rests in the timeline.

    `occurred_at` and `received_at` are whole epoch seconds. Either `lead_id` (our own events address the lead) or at
    least one of the three identifiers is set.
    """

    event_id: str
    name: str
    occurred_at: int
    received_at: int
    source: Source
    anonymous_id: str | None = None
    user_id: str | None = None
    email: str | None = None
    lead_id: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    traits: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    verdict: Verdict = "human"

    def to_json(self) -> dict[str, Any]:
        """Return the event as it stands inside a message, which itself says source and receive time."""
        said: dict[str, Any] = {
            "event_id": self.event_id,
            "name": self.name,
            "occurred_at": instant_text(self.occurred_at),
        }
        for name in ("anonymous_id", "user_id", "email", "lead_id"):
            if (value := getattr(self, name)) is not None:
                said[name] = value
        for name in ("properties", "traits", "context"):
            if value := getattr(self, name):
                said[name] = dict(value)
        if self.verdict != "human":
            said["verdict"] = self.verdict
        return said

    @classmethod
    def from_json(cls, said: Mapping[str, Any], *, source: Source, received_at: int) -> "LeadEvent":
        """Read an event of a message. Raises KeyError, TypeError or ValueError when it is not one of ours."""
        return cls(
            event_id=str(said["event_id"]),
            name=str(said["name"]),
            occurred_at=parse_instant(said["occurred_at"]),
            received_at=received_at,
            source=source,
            anonymous_id=said.get("anonymous_id"),
            user_id=said.get("user_id"),
            email=said.get("email"),
            lead_id=said.get("lead_id"),
            properties=said.get("properties", {}),
            traits=said.get("traits", {}),
            context=said.get("context", {}),
            verdict=said.get("verdict", "human"),
        )


def queue_message(source: Source, received_at: int, events: list[LeadEvent]) -> dict[str, Any]:
    """Return the message that carries the events on the `events` queue."""
    return {
        "schema": 1,
        "received_at": instant_text(received_at),
        "source": source,
        "events": [event.to_json() for event in events],
    }
