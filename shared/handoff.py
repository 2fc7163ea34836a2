"""
A handoff: one qualified lead given to one owner, with the clocks that run until somebody acts.

A plain frozen value; the rules decide about it, the table keeps it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from shared.instants import instant_text, parse_instant

State = Literal["open", "accepted", "rejected", "closed"]
Priority = Literal["high", "standard"]
Means = Literal["call", "mail", "meeting"]
Outcome = Literal["won", "lost", "unqualified"]

CONTACT = "contact"
"""The clock that a logged call, mail or meeting meets."""

DECIDE = "decide"
"""The clock that Accept or Reject meets."""

RUNNING: frozenset[State] = frozenset({"open", "accepted"})
"""States in which clocks run and sales has the lead."""


@dataclass(frozen=True, slots=True)
class Clock:
    """One promise: by when, when to warn, and when it was warned about, broken or kept. Whole epoch seconds."""

    name: str
    due_at: int
    warn_at: int | None = None
    warned_at: int | None = None
    breached_at: int | None = None
    met_at: int | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            field.name: value if field.name == "name" else instant_text(value)
            for field in fields(self)
            if (value := getattr(self, field.name)) is not None
        }

    @classmethod
    def from_json(cls, said: Mapping[str, str]) -> "Clock":
        return cls(said["name"], **{name: parse_instant(text) for name, text in said.items() if name != "name"})


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """One line of the score as it stood when the handoff was made; milli-points."""

    rule: str
    label: str
    points: int


@dataclass(frozen=True, slots=True)
class ScoreThen:
    """The score that made the handoff: what sales was shown, and what a later review of rejections looks at."""

    total: int
    grade: str
    level: int
    lines: tuple[ScoreLine, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "total": self.total,
            "grade": self.grade,
            "level": self.level,
            "lines": [{"rule": line.rule, "label": line.label, "points": line.points} for line in self.lines],
        }

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> "ScoreThen":
        return cls(said["total"], said["grade"], said["level"], tuple(ScoreLine(**line) for line in said["lines"]))


@dataclass(frozen=True, slots=True)
class Handoff:
    """
    `number` is the qualification it answers; `version` counts its writes, first 1.

    `decided_*` is who accepted or rejected, `contacted_*` the last contact, `ended_*` who closed it. `paused` holds the
    address hashes whose marketing mail waits for this handoff.
    """

    lead_id: str
    number: int
    version: int
    state: State
    priority: Priority
    owner: str
    reason: str
    created_at: int
    clocks: tuple[Clock, ...]
    score: ScoreThen
    decided_by: str | None = None
    decided_at: int | None = None
    contacted_by: str | None = None
    contacted_at: int | None = None
    means: Means | None = None
    reason_code: str | None = None
    note: str | None = None
    outcome: Outcome | None = None
    ended_by: str | None = None
    ended_at: int | None = None
    paused: tuple[str, ...] = ()

    @property
    def reference(self) -> str:
        """What names the handoff outside the table: in buttons, and on the address items it pauses."""
        return f"{self.lead_id}#{self.number}"

    @property
    def running(self) -> bool:
        """Tell whether sales still has the lead."""
        return self.state in RUNNING

    def holding(self, addresses: tuple[str, ...]) -> "Handoff":
        """Return the handoff with the addresses whose mail it holds."""
        return replace(self, paused=addresses)

    def to_json(self) -> dict[str, Any]:
        """Return every set field but the lead's id, instants as text: the item's attributes and what an API shows."""
        said: dict[str, Any] = {
            "number": self.number,
            "version": self.version,
            "state": self.state,
            "priority": self.priority,
            "owner": self.owner,
            "reason": self.reason,
            "created_at": instant_text(self.created_at),
            "clocks": [clock.to_json() for clock in self.clocks],
            "score": self.score.to_json(),
        }
        for name in TEXTS:
            if (value := getattr(self, name)) is not None:
                said[name] = value
        for name in TIMES:
            if (value := getattr(self, name)) is not None:
                said[name] = instant_text(value)
        if self.paused:
            said["paused"] = list(self.paused)
        return said

    @classmethod
    def from_json(cls, lead_id: str, said: Mapping[str, Any]) -> "Handoff":
        """Read what `to_json` wrote; other attributes of the item are passed over."""
        optional: dict[str, Any] = {name: said[name] for name in TEXTS if name in said}
        optional |= {name: parse_instant(said[name]) for name in TIMES if name in said}
        return cls(
            lead_id=lead_id,
            number=said["number"],
            version=said["version"],
            state=said["state"],
            priority=said["priority"],
            owner=said["owner"],
            reason=said["reason"],
            created_at=parse_instant(said["created_at"]),
            clocks=tuple(Clock.from_json(clock) for clock in said["clocks"]),
            score=ScoreThen.from_json(said["score"]),
            paused=tuple(said.get("paused", ())),
            **optional,
        )


TEXTS = ("decided_by", "contacted_by", "means", "reason_code", "note", "outcome", "ended_by")
TIMES = ("decided_at", "contacted_at", "ended_at")
OPTIONAL = (*TEXTS, *TIMES, "paused")
"""Attributes that are absent until something happens, and are removed when it is undone."""
