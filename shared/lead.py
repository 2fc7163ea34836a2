"""
What the rest of the code speaks about: what a lead did, the facts that follow, and the lead itself.

Plain frozen values; no rule, no clock, no AWS. What a lead holds by the dozen is a named tuple: it is made in a third of
the time of a frozen dataclass and compared in a quarter, and a lead is read and written with every event.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from shared.instants import DAY, instant_text, parse_instant

Source = Literal["public", "server", "system"]
"""Who said it: a browser or form (proves nothing), a customer's server (proves), or one of our own functions."""

Verdict = Literal["human", "unsure", "machine"]

STRICTNESS: Mapping[Verdict, int] = {"human": 0, "unsure": 1, "machine": 2}
"""Of two verdicts on one event the stricter holds."""


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
    verdict_reason: str = ""
    """Why the source that gave the verdict gave it."""
    history: bool = False
    """Imported: it scores as what happened then, and tells nobody, however short ago that was."""

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
        if self.verdict_reason:
            said["verdict_reason"] = self.verdict_reason
        if self.history:
            said["history"] = True
        return said

    @classmethod
    def from_json(cls, said: Mapping[str, Any], *, source: Source, received_at: int) -> "LeadEvent":
        """Read an event of a message. Raises KeyError, TypeError or ValueError when it is not one of ours."""
        for name in ("anonymous_id", "user_id", "email", "lead_id"):
            if not isinstance(said.get(name), str | None):
                raise TypeError(name)
        for name in ("properties", "traits", "context"):
            if not isinstance(said.get(name, {}), Mapping):
                raise TypeError(name)
        if said.get("verdict", "human") not in STRICTNESS:
            raise ValueError("verdict")
        if not isinstance(said.get("verdict_reason", ""), str):
            raise TypeError("verdict_reason")
        if not isinstance(said.get("history", False), bool):
            raise TypeError("history")
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
            verdict_reason=said.get("verdict_reason", ""),
            history=said.get("history", False),
        )


def queue_message(source: Source, received_at: int, events: list[LeadEvent]) -> dict[str, Any]:
    """Return the message that carries the events on the `events` queue."""
    return {
        "schema": 1,
        "received_at": instant_text(received_at),
        "source": source,
        "events": [event.to_json() for event in events],
    }


class Register(NamedTuple):
    """
    The value of one profile field, and what decides which of two values stays.

    `at` is the event time of a proven value (the later wins) and the receive time of an unproven one (the earlier
    wins, and any proven value beats it): what a browser says fills an empty field and changes none.
    """

    value: Any
    at: int
    key: str
    proven: bool


class Fact(NamedTuple):
    """That an event matched a rule at an instant. Facts of a rule sort by (time, event)."""

    at: int
    event: str
    asset: str = ""
    verdict: Verdict = "human"
    late: bool = False
    """Received more than a day after it happened: it scores, and fires no trigger."""


class Adjustment(NamedTuple):
    """
    Points a person gave or took by hand: milli-points, by whom and why in words.

    It counts until the instant `until`; 0 is for good.
    """

    at: int
    event: str
    points: int
    by: str
    reason: str
    until: int = 0


class Judgement(NamedTuple):
    """
    Who was at work from `since` to `until`, both inclusive: a later verdict on events that were taken before it.

    With `by` a person said so, of everything the lead did then; without, our own watch did, of what that one visitor's
    browser sent.
    """

    at: int
    event: str
    since: int
    until: int
    verdict: Verdict
    reason: str
    by: str = ""
    visitor: str = ""
    """Key of the anonymous id; empty where the browser sent none."""


class View(NamedTuple):
    """When a visitor viewed a page: as many as tell whether a person can have viewed them."""

    at: int
    event: str
    visitor: str


IDENTITIES_KEPT = 20
"""Identities a lead lists. Those of further devices lead to it all the same; their homes are items beside the lead."""


class Naming(NamedTuple):
    """
    One identity of a lead: its home, and the first and last event time that named it.

    `shared` marks a device that several people claimed: each of their events must then look at the claims. It is the
    version of the device's entry that last moved an event from one of them to another.
    """

    home: str
    first: int
    last: int
    shared: int = 0


class Settled(NamedTuple):
    """
    What we last decided, and what we last said, about a lead. History, not an input of any score.

    `band` and `qualification` are what holds; `announced_band` and `announced_qualification` are what the bus was told.
    They differ after history was imported or a playbook published: the lead's next own event announces. `playbook` is
    the bundle it was decided by. `triggers` holds the cause (time, event) that each trigger rule saw last.
    """

    at: int = 0
    band: str | None = None
    announced_band: str | None = None
    stage: str = "lead"
    qualified: bool = False
    qualification: int = 0
    announced_qualification: int = 0
    lapse_unsaid: bool = False
    """The lead stopped being MQL in silence: its next own event says so."""
    playbook: str = ""
    triggers: Mapping[str, tuple[int, str]] = MappingProxyType({})


NOTHING_SETTLED = Settled()


@dataclass(frozen=True, slots=True)
class Lead:
    """
    One person: a set of facts and registers, and what was settled from them.

    Everything but `settled`, `version` and the due instant is a join of what the events said: applying events, in any
    order and number, is a union.
    """

    lead_id: str
    version: int = 0
    identities: Mapping[str, Naming] = field(default_factory=dict)
    """By `user#u1`, `anon#a1` or `email#<address hash>`."""
    profile: Mapping[str, Register] = field(default_factory=dict)
    facts: Mapping[str, tuple[Fact, ...]] = field(default_factory=dict)
    """By filing name of the rule (its id and the hash of its pattern and counting)."""
    adjustments: tuple[Adjustment, ...] = ()
    """What people added by hand, oldest first, newest 10."""
    judgements: tuple[Judgement, ...] = ()
    """Later verdicts, oldest first: the newest 10 of people, the newest 10 of our own watch."""
    views: tuple[View, ...] = ()
    """The newest page views, oldest first, no more than the watch for machines needs."""
    days: frozenset[int] = frozenset()
    """UTC days with activity of the lead's own, newest 400."""
    first_seen: int = 0
    filed: str = ""
    """Hash of the filing names in force when the facts were filed; another one means: rebuild from the timeline."""
    complete_since: int = 0
    """Instant before which the timeline could no longer say what a changed rule would have matched; 0 is never."""
    settled: Settled = NOTHING_SETTLED
    due_at: int | None = None
    asked_at: int = 0
    """Newest receive time at which an unproven source asked for mail to this lead's address."""

    def value(self, name: str) -> Any:
        """Return the profile field's value, or None."""
        register = self.profile.get(name)
        return None if register is None else register.value

    def proven(self, name: str) -> bool:
        """Tell whether a source that proves said the field's value."""
        register = self.profile.get(name)
        return register is not None and register.proven

    @property
    def address_hash(self) -> str | None:
        """The name of the address item of the lead's current mail address, or None without one."""
        address = self.value("address")
        return None if address is None else str(address)

    @property
    def homes(self) -> tuple[str, ...]:
        """The partitions that hold items of this lead: its own, and the homes of the identities it lists."""
        return tuple(dict.fromkeys([self.lead_id, *(naming.home for naming in self.identities.values())]))

    @property
    def shared_homes(self) -> tuple[str, ...]:
        """The homes of devices that others claimed too: of what rests there, only what its turns hold is the lead's."""
        return tuple(naming.home for naming in self.identities.values() if naming.shared)

    @property
    def newest_at(self) -> int:
        """Newest event time anything of the score rests on: before it, the past must be read from the timeline."""
        said = max((register.at for register in self.profile.values()), default=0)
        return max(said, self.newest_fact_at, max(self.days, default=0) * DAY)

    @property
    def newest_fact_at(self) -> int:
        """Event time of the newest fact or adjustment; 0 without any."""
        newest = self.adjustments[-1].at if self.adjustments else 0
        return max([newest, *(facts[-1].at for facts in self.facts.values() if facts)])


@dataclass(frozen=True, slots=True)
class Alias:
    """
    An identity's home that is not a lead itself: it names the lead.

    An anonymous id can name several people over time; `claims` are (event time, lead id) of who said they were behind
    it, newest 8, and decide by event time.
    """

    home: str
    alias_of: str
    claims: tuple[tuple[int, str], ...] = ()
    version: int = 0


@dataclass(frozen=True, slots=True)
class Erased:
    """
    What stands at the homes of a person who was erased: until the instant `until`, what arrives for them is dropped.

    DynamoDB may take days to remove it after that, so who reads it compares.
    """

    home: str
    until: int
    version: int = 0


Entry = Lead | Alias | Erased
"""What can live at a home."""
