"""
The clocks of a handoff: when each is due, when to warn and to escalate, and what a sweep at an instant must say.

A promise counts calendar time, or working time in the calendar of whoever has the lead.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from shared.handoff import Clock, Escalation, Handoff, Priority
from shared.rules.calendars import Calendar, NoWorkingTimeError, after_working, end_of_day

Time = Literal["business", "calendar", "end_of_day"]
"""How a promise counts: working time, all time, or until the end of the working day that leaves at least `within`."""

Starts = Literal["qualified", "accepted"]


@dataclass(frozen=True, slots=True)
class Promise:
    """
    What the playbook promises for one clock and priority. Seconds; `warn_before` of 0 is no warning.

    `escalate` says who hears of it how long after it ran out: pairs of seconds of all time, and a person's id.
    """

    clock: str
    priority: Priority
    time: Time
    within: int
    warn_before: int
    starts: Starts = "qualified"
    escalate: tuple[tuple[int, str], ...] = ()
    reassigns: bool = False
    """Whether an open handoff goes to the next one when the clock runs out."""


@dataclass(frozen=True, slots=True)
class Tick:
    """One thing a sweep found: a clock to warn about, one that ran out, or whom to tell that it did, and why."""

    kind: Literal["warned", "breached", "escalated"]
    clock: str
    due_at: int
    reason: str
    level: int = 0
    to: str = ""


def promises(said: Mapping[str, Mapping[Priority, Mapping[str, Any]]]) -> tuple[Promise, ...]:
    """Read `handoff.clocks` of a compiled playbook."""
    return tuple(
        Promise(
            clock,
            priority,
            each["time"],
            each["within_seconds"],
            each["warn_before_seconds"],
            each["starts"],
            tuple((step["after_seconds"], step["to"]) for step in each["escalate"]),
            each.get("on_breach") == "reassign",
        )
        for clock, by_priority in said.items()
        for priority, each in by_priority.items()
    )


def start_clock(promise: Promise, calendars: Sequence[Calendar], start: int) -> Clock:
    """
    Return the clock the promise starts at the instant.

    Args:
        promise: What is promised.
        calendars: By whose working time it runs: the owner's, and whose counts if the owner works at no second of more
            than a year. When none of them does it runs by the calendar: a promise nobody keeps must still run out.
        start: Since when.
    """
    due = _after(promise, calendars, start, promise.within)
    warn_at = None
    if promise.time == "end_of_day":
        warn_at = due - promise.warn_before if 0 < promise.warn_before < due - start else None
    elif 0 < promise.warn_before < promise.within:
        warn_at = _after(promise, calendars, start, promise.within - promise.warn_before)
    return Clock(
        promise.clock, due, warn_at, escalations=tuple(Escalation(due + after, to) for after, to in promise.escalate)
    )


def _after(promise: Promise, calendars: Sequence[Calendar], start: int, seconds: int) -> int:
    if promise.time == "calendar":
        return start + seconds
    for calendar in calendars:
        try:
            if promise.time == "business":
                return after_working(calendar, start, seconds)
            return end_of_day(calendar, start, seconds)
        except NoWorkingTimeError:
            continue
    return start + seconds


def next_due(handoff: Handoff) -> int | None:
    """Return the instant at which a sweep must look at the handoff again, or None when nothing is pending."""
    if not handoff.running:
        return None
    return min((instant for clock in handoff.clocks for instant in _pending(clock)), default=None)


def _pending(clock: Clock) -> Iterator[int]:
    if clock.met_at is not None:
        return
    if clock.breached_at is None:
        yield clock.due_at
        if clock.warn_at is not None and clock.warned_at is None:
            yield clock.warn_at
    yield from (step.due_at for step in clock.escalations if step.told_at is None)


def tick(handoff: Handoff, now: int) -> tuple[Handoff, tuple[Tick, ...]]:
    """
    Return the handoff with every warning, breach and escalation of `now` stamped on it, and what to say about them.

    A clock runs out at `due_at` itself. One that is found run out is not warned about any more. What was stamped is
    never found again, so each is said once however often the sweep comes by.
    """
    if not handoff.running:
        return handoff, ()
    found: list[Tick] = []
    clocks: list[Clock] = []
    for clock in handoff.clocks:
        after, ticks = _ticked(clock, now)
        clocks.append(after)
        found += ticks
    if not found:
        return handoff, ()
    return replace(handoff, version=handoff.version + 1, clocks=tuple(clocks)), tuple(found)


def _ticked(clock: Clock, now: int) -> tuple[Clock, list[Tick]]:
    if clock.met_at is not None:
        return clock, []
    found: list[Tick] = []
    if clock.breached_at is None and now >= clock.due_at:
        found.append(Tick("breached", clock.name, clock.due_at, f"{clock.name} clock ran out"))
        clock = replace(clock, breached_at=now)
    elif clock.breached_at is None and clock.warned_at is None and clock.warn_at is not None and now >= clock.warn_at:
        found.append(Tick("warned", clock.name, clock.due_at, f"{clock.name} clock is about to run out"))
        clock = replace(clock, warned_at=now)
    steps = list(clock.escalations)
    for level, step in enumerate(steps):
        if step.told_at is None and now >= step.due_at:
            reason = f"nobody acted since the {clock.name} clock ran out"
            found.append(Tick("escalated", clock.name, clock.due_at, reason, level=level + 2, to=step.to))
            steps[level] = replace(step, told_at=now)
    return (replace(clock, escalations=tuple(steps)) if found else clock), found


def met(clocks: tuple[Clock, ...], name: str, at: int) -> tuple[Clock, ...]:
    """Return the clocks with the named one kept at the instant; the first time counts."""
    return tuple(
        replace(clock, met_at=at) if clock.name == name and clock.met_at is None else clock for clock in clocks
    )


def put_off(clocks: Iterable[Clock], by: int) -> tuple[Clock, ...]:
    """Return the clocks with everything that is still to come put off by that many seconds; what ran out stays so."""
    return tuple(clock if clock.met_at is not None else _put_off(clock, by) for clock in clocks)


def _put_off(clock: Clock, by: int) -> Clock:
    steps = tuple(
        step if step.told_at is not None else replace(step, due_at=step.due_at + by) for step in clock.escalations
    )
    if clock.breached_at is not None:
        return replace(clock, escalations=steps)
    warn_at = clock.warn_at if clock.warn_at is None or clock.warned_at is not None else clock.warn_at + by
    return replace(clock, due_at=clock.due_at + by, warn_at=warn_at, escalations=steps)
