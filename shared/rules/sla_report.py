"""
How sales did with the handoffs made in some time: how fast, how reliably, and what came of it.

Every figure follows from the handoffs alone, as they are read, and the instant of the report; `docs/reports.md` defines
each. Lengths of time are seconds of all time, nights and weekends included; a share of nothing is None.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from shared.handoff import CONTACT, Clock, Handoff
from shared.instants import instant_text, iso_week
from shared.rules.rejections import Rejections, rejections

By = Literal["class", "owner", "source", "week"]
BY: tuple[By, ...] = get_args(By)

Kept = Literal["met", "late", "missed", "running", "void"]
"""How a clock fared: met in time, met after it ran out, never met, not due yet, or ended with the handoff before."""

UNKNOWN = "unknown"
"""The source of a lead of which nobody knows where it came from."""

OTHERS = "(others)"
MOST_GROUPS = 200
"""Sources listed one by one, those with most handoffs first; the rest is one group."""

MOST_OPEN = 200
"""Open handoffs listed, the most urgent first; all are counted."""


@dataclass(frozen=True, slots=True)
class Waits:
    """How long the first contact took."""

    contacted: int
    median: int | None
    p90: int | None


@dataclass(frozen=True, slots=True)
class Figures:
    """What there is to say of some handoffs."""

    handoffs: int
    open: int
    accepted: int
    rejected: int
    withdrawn: int
    """Closed before anybody of sales decided: the lead stopped qualifying, or another system closed it."""
    won: int
    lost: int
    disqualified: int
    recycled: int
    returned: int
    waiting: int
    """Running, and nobody made contact yet."""
    first_contact: Waits
    clocks: Mapping[str, Mapping[Kept, int]]

    def to_json(self) -> dict[str, Any]:
        return {
            "handoffs": self.handoffs,
            "open": self.open,
            "accepted": self.accepted,
            "rejected": self.rejected,
            "withdrawn": self.withdrawn,
            "accepted_rate": share(self.accepted, self.accepted + self.rejected),
            "won": self.won,
            "lost": self.lost,
            "disqualified": self.disqualified,
            "win_rate": share(self.won, self.won + self.lost + self.disqualified),
            "recycled": self.recycled,
            "returned": self.returned,
            "first_contact": {
                "contacted": self.first_contact.contacted,
                "waiting": self.waiting,
                "median_seconds": self.first_contact.median,
                "p90_seconds": self.first_contact.p90,
            },
            "clocks": {name: _clock_json(counts) for name, counts in sorted(self.clocks.items())},
        }


@dataclass(frozen=True, slots=True)
class Open:
    """A handoff that sales has, with the clock that runs out next; without one nothing is asked for any more."""

    handoff: Handoff
    clock: Clock | None

    def to_json(self, now: int) -> dict[str, Any]:
        handoff, clock = self.handoff, self.clock
        due = {} if clock is None else {
            "clock": clock.name, "due_at": instant_text(clock.due_at), "seconds_left": clock.due_at - now,
        }  # fmt: skip
        return {
            "lead_id": handoff.lead_id,
            "number": handoff.number,
            "owner": handoff.owner,
            "class": handoff.priority,
            "state": handoff.state,
            "created_at": instant_text(handoff.created_at),
            **due,
        }


@dataclass(frozen=True, slots=True)
class SlaReport:
    """The figures of all, split in each way that was asked for, the open ones, and why leads were rejected."""

    now: int
    total: Figures
    split: Mapping[By, Mapping[str, Figures]]
    open: tuple[Open, ...]
    rejections: Rejections

    def to_json(self) -> dict[str, Any]:
        return {
            "as_of": instant_text(self.now),
            "total": self.total.to_json(),
            "by": {
                by: [{by: key, **figures.to_json()} for key, figures in groups.items()]
                for by, groups in self.split.items()
            },
            "open": {
                "count": len(self.open),
                "listed": [each.to_json(self.now) for each in self.open[:MOST_OPEN]],
            },
            "rejections": self.rejections.to_json(),
        }


def sla_report(
    handoffs: Iterable[Handoff], now: int, *, recycling: frozenset[str], split: Sequence[By] = BY
) -> SlaReport:
    """
    Return the report of the handoffs.

    Args:
        handoffs: As they are, each once.
        now: The instant of the report, not before anything that happened to them.
        recycling: The reject reasons that return a lead to a track.
        split: By what the figures are split.
    """
    found = list(handoffs)
    return SlaReport(
        now,
        _figures(_Part(found, found, found), now, recycling, owner=None),
        {by: _groups(found, by, now, recycling) for by in split},
        tuple(sorted(map(_open, (each for each in found if each.running)), key=_urgency)),
        rejections(found),
    )


def first_contact(handoff: Handoff) -> int | None:
    """Return when sales first made contact: when the clock of that name was met, else the contact that is noted."""
    met = [clock.met_at for clock in handoff.clocks if clock.name == CONTACT and clock.met_at is not None]
    return min(met) if met else handoff.contacted_at


def ended_at(handoff: Handoff) -> int | None:
    """Return when sales was done with the handoff; None while it runs."""
    if handoff.running:
        return None
    return handoff.ended_at if handoff.state == "closed" else handoff.decided_at


def started(handoff: Handoff) -> tuple[Clock, ...]:
    """Return every clock that ever ran: also those that a former owner let run out before it was passed on."""
    return (*(clock for before in handoff.handovers for clock in before.clocks), *handoff.clocks)


def kept(clock: Clock, handoff: Handoff, now: int) -> tuple[Kept, int]:
    """
    Return how the clock fared, and when that was decided.

    It ran out at its due instant, whenever a sweep found it so; a breach that was found stays one.
    """
    breached = clock.breached_at is not None
    if clock.met_at is not None:
        late = breached or clock.met_at >= clock.due_at
        return ("late", min(clock.due_at, clock.met_at)) if late else ("met", clock.met_at)
    over = ended_at(handoff)
    stop = now if over is None else over
    if breached or stop >= clock.due_at:
        return "missed", min(clock.due_at, stop)
    return ("running", now) if over is None else ("void", over)


def owner_at(handoff: Handoff, instant: int) -> str:
    """Return who had the handoff then."""
    return next((each.owner for each in handoff.handovers if instant < each.until), handoff.owner)


def percentile(values: Sequence[int], percent: int) -> int | None:
    """Return the smallest of the values that at least so many percent of them do not exceed (nearest rank)."""
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1] if values else None


def share(part: int, whole: int) -> float | None:
    """Return the part as a share of the whole, to four decimals."""
    return round(part / whole, 4) if whole else None


@dataclass(slots=True)
class _Part:
    """The handoffs of a group, and those whose clocks and whose first contact may be the group's."""

    handoffs: list[Handoff] = field(default_factory=list)
    clocks: list[Handoff] = field(default_factory=list)
    contacts: list[Handoff] = field(default_factory=list)


def _figures(part: _Part, now: int, recycling: frozenset[str], *, owner: str | None) -> Figures:
    """Return the figures; with an owner, of the clocks and contacts those that were the owner's when they happened."""
    found = part.handoffs
    states = [_result(each) for each in found]
    outcomes = [each.outcome for each in found]
    counts: dict[str, dict[Kept, int]] = {}
    for each in part.clocks:
        for clock in started(each):
            fared, at = kept(clock, each, now)
            if owner is None or owner_at(each, at) == owner:
                by_name = counts.setdefault(clock.name, dict.fromkeys(get_args(Kept), 0))
                by_name[fared] += 1
    waits = [
        max(0, made - each.created_at)
        for each in part.contacts
        if (made := first_contact(each)) is not None and (owner is None or owner_at(each, made) == owner)
    ]
    return Figures(
        handoffs=len(found),
        open=states.count("open"),
        accepted=states.count("accepted"),
        rejected=states.count("rejected"),
        withdrawn=states.count("withdrawn"),
        won=outcomes.count("won"),
        lost=outcomes.count("lost"),
        disqualified=outcomes.count("disqualified"),
        recycled=sum(each.state == "rejected" and each.reason_code in recycling for each in found),
        returned=sum(each.returned_from is not None for each in found),
        waiting=sum(each.running and first_contact(each) is None for each in found),
        first_contact=Waits(len(waits), percentile(waits, 50), percentile(waits, 90)),
        clocks=counts,
    )


def _result(handoff: Handoff) -> Literal["open", "accepted", "rejected", "withdrawn"]:
    if handoff.state == "open":
        return "open"
    if handoff.state == "rejected":
        return "rejected"
    return "withdrawn" if handoff.decided_at is None else "accepted"


def _groups(found: Sequence[Handoff], by: By, now: int, recycling: frozenset[str]) -> dict[str, Figures]:
    if by == "owner":
        return _by_owner(found, now, recycling)
    key: Callable[[Handoff], str] = {
        "class": lambda each: each.priority,
        "source": lambda each: each.source or UNKNOWN,
        "week": lambda each: iso_week(each.created_at),
    }[by]
    parts: dict[str, list[Handoff]] = {}
    for each in found:
        parts.setdefault(key(each), []).append(each)
    order = sorted(parts)
    if by == "source":
        order.sort(key=lambda name: -len(parts[name]))
        if len(order) > MOST_GROUPS:
            rest = order[MOST_GROUPS:]
            parts[OTHERS] = [each for name in rest for each in parts[name]]
            order = [*order[:MOST_GROUPS], OTHERS]
    return {name: _figures(_Part(*[parts[name]] * 3), now, recycling, owner=None) for name in order}


def _by_owner(found: Sequence[Handoff], now: int, recycling: frozenset[str]) -> dict[str, Figures]:
    """Split by owner: a handoff is of who had it last, a clock and a contact of who had it at that instant."""
    parts: dict[str, _Part] = {}
    for each in found:
        parts.setdefault(each.owner, _Part()).handoffs.append(each)
        for name in dict.fromkeys([each.owner, *(before.owner for before in each.handovers)]):
            part = parts.setdefault(name, _Part())
            part.clocks.append(each)
            part.contacts.append(each)
    order = sorted(parts, key=lambda name: (-len(parts[name].handoffs), name))
    return {name: _figures(parts[name], now, recycling, owner=name) for name in order}


def _open(handoff: Handoff) -> Open:
    unmet = [clock for clock in handoff.clocks if clock.met_at is None]
    return Open(handoff, min(unmet, key=lambda clock: (clock.due_at, clock.name)) if unmet else None)


def _urgency(each: Open) -> tuple[bool, int, str, int]:
    due = each.clock
    return due is None, 0 if due is None else due.due_at, each.handoff.lead_id, each.handoff.number


def _clock_json(counts: Mapping[Kept, int]) -> dict[str, Any]:
    breached = counts["late"] + counts["missed"]
    return {
        **{name: counts[name] for name in counts},
        "breached": breached,
        "met_rate": share(counts["met"], counts["met"] + breached),
    }
