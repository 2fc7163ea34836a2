"""
A handoff: one qualified lead given to one owner, with the clocks that run until somebody acts.

A plain frozen value; the rules decide about it, the table keeps it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from shared.instants import instant_text, parse_instant

State = Literal["open", "accepted", "rejected", "closed"]
Priority = Literal["high", "standard"]
Means = Literal["call", "mail", "meeting"]
Outcome = Literal["won", "lost", "disqualified", "unqualified"]

CONTACT = "contact"
"""The clock that a logged call, mail or meeting meets."""

DECIDE = "decide"
"""The clock that Accept or Reject meets."""

FOLLOW_UP = "follow_up"
"""The clock that a contact after Accept meets, on the same day."""

SYSTEM = "ripen"
"""Who closes a handoff whose lead stopped qualifying, or of which another system says what became. No person's id."""

RUNNING: frozenset[State] = frozenset({"open", "accepted"})
"""States in which clocks run and sales has the lead."""


@dataclass(frozen=True, slots=True)
class Escalation:
    """Whom to tell, and when, that a clock ran out and still nobody acted; `told_at` once they were."""

    due_at: int
    to: str
    told_at: int | None = None

    def to_json(self) -> dict[str, str]:
        told = {} if self.told_at is None else {"told_at": instant_text(self.told_at)}
        return {"due_at": instant_text(self.due_at), "to": self.to, **told}

    @classmethod
    def from_json(cls, said: Mapping[str, str]) -> "Escalation":
        return cls(
            parse_instant(said["due_at"]), said["to"], parse_instant(said["told_at"]) if "told_at" in said else None
        )


@dataclass(frozen=True, slots=True)
class Clock:
    """One promise: by when, when to warn, and when it was warned about, broken or kept. Whole epoch seconds."""

    name: str
    due_at: int
    warn_at: int | None = None
    warned_at: int | None = None
    breached_at: int | None = None
    met_at: int | None = None
    escalations: tuple[Escalation, ...] = ()
    """What follows the breach, in order; the breach itself is told to the manager."""

    def to_json(self) -> dict[str, Any]:
        said: dict[str, Any] = {"name": self.name}
        said |= {name: instant_text(value) for name in CLOCK_TIMES if (value := getattr(self, name)) is not None}
        if self.escalations:
            said["escalations"] = [step.to_json() for step in self.escalations]
        return said

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> "Clock":
        times = {name: parse_instant(said[name]) for name in CLOCK_TIMES if name in said}
        return cls(said["name"], **times, escalations=tuple(map(Escalation.from_json, said.get("escalations", ()))))


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
class Handover:
    """Who had the lead until when, who passed it on, and the clocks that ran out meanwhile and were started anew."""

    owner: str
    until: int
    by: str
    clocks: tuple[Clock, ...] = ()

    def to_json(self) -> dict[str, Any]:
        clocks = {"clocks": [clock.to_json() for clock in self.clocks]} if self.clocks else {}
        return {"owner": self.owner, "until": instant_text(self.until), "by": self.by, **clocks}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> "Handover":
        clocks = tuple(map(Clock.from_json, said.get("clocks", ())))
        return cls(said["owner"], parse_instant(said["until"]), said["by"], clocks)


@dataclass(frozen=True, slots=True)
class Handoff:
    """
    `number` is the qualification it answers; `version` counts its writes, first 1.

    `decided_*` is who accepted or rejected, `contacted_*` the last contact, `converted_*` who made it an opportunity of
    the CRM, `ended_*` who closed it. `snoozed_for` is by how many seconds it was put off in all. `handovers` are those
    who had it before `owner`, oldest first. `paused` holds the address hashes whose marketing mail waits for this
    handoff.
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
    snoozed_by: str | None = None
    snoozed_until: int | None = None
    snoozed_for: int | None = None
    opportunity: str | None = None
    converted_by: str | None = None
    converted_at: int | None = None
    handovers: tuple[Handover, ...] = ()
    routed: str | None = None
    """Why it is this owner's, in words."""
    source: str | None = None
    """Where the lead first came from, as its first touch says: `partner / referral`; None when nothing is known."""
    returned_from: str | None = None
    """The reason sales last sent this lead back for; None when it never did before."""
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
        if self.snoozed_for is not None:
            said["snoozed_for"] = self.snoozed_for
        if self.handovers:
            said["handovers"] = [each.to_json() for each in self.handovers]
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
            snoozed_for=said.get("snoozed_for"),
            handovers=tuple(map(Handover.from_json, said.get("handovers", ()))),
            paused=tuple(said.get("paused", ())),
            **optional,
        )


CLOCK_TIMES = ("due_at", "warn_at", "warned_at", "breached_at", "met_at")

TEXTS = (
    "decided_by", "contacted_by", "means", "reason_code", "note", "outcome", "ended_by", "snoozed_by", "opportunity",
    "converted_by", "routed", "source", "returned_from",
)  # fmt: skip
TIMES = ("decided_at", "contacted_at", "ended_at", "snoozed_until", "converted_at")
OPTIONAL = (*TEXTS, *TIMES, "snoozed_for", "handovers", "paused")
"""Attributes that are absent until something happens, and are removed when it is undone."""
