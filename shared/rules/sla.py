"""
The clocks of a handoff: when each is due, when to warn, and what a sweep at an instant must say.

A promise counts calendar time, or business time: the seconds whose wall-clock time in the calendar's zone lies on a
working day between opening and closing. Clock changes shorten or lengthen nothing but what they really do: an hour
that does not exist is not worked, one that happens twice is worked twice.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from shared.handoff import Clock, Handoff, Priority
from shared.instants import DAY, HOUR, MINUTE

Time = Literal["business", "calendar"]

DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EPOCH_WEEKDAY = 3
"""1970-01-01 was a Thursday, the fourth of `DAY_NAMES`."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Working time: an IANA zone, weekdays (0 is Monday), opening and closing in seconds after local midnight."""

    zone: str
    days: frozenset[int]
    opens: int
    closes: int

    def __post_init__(self) -> None:
        if not self.days or not 0 <= self.opens < self.closes <= DAY:
            raise ValueError(f"calendar in {self.zone} has no working hours")

    def offset(self, instant: int) -> int:
        """Return the zone's distance from UTC at the instant, in seconds."""
        offset = datetime.fromtimestamp(instant, UTC).astimezone(ZoneInfo(self.zone)).utcoffset()
        assert offset is not None
        return int(offset.total_seconds())

    def text(self, instant: int) -> str:
        """Return the instant as a person who lives in the zone reads it: `Mon 5 Jan 2026 10:00 CET`."""
        local = datetime.fromtimestamp(instant, UTC).astimezone(ZoneInfo(self.zone))
        return f"{local:%a} {local.day} {local:%b} {local.year} {local:%H:%M} {local.tzname()}"


@dataclass(frozen=True, slots=True)
class Promise:
    """What the playbook promises for one clock and priority; `warn_before` of 0 is no warning. Seconds."""

    clock: str
    priority: Priority
    time: Time
    within: int
    warn_before: int


@dataclass(frozen=True, slots=True)
class Tick:
    """One thing a sweep found: a clock to warn about or one that ran out, and why."""

    kind: Literal["warned", "breached"]
    clock: str
    due_at: int
    reason: str


def calendar(said: Mapping[str, Any]) -> Calendar:
    """Read `handoff.calendar` of a compiled playbook. Raises ValueError when nobody would ever work."""
    return Calendar(
        zone=said["zone"],
        days=frozenset(DAY_NAMES.index(day) for day in said["days"]),
        opens=_seconds(said["opens"]),
        closes=_seconds(said["closes"]),
    )


def _seconds(wall_time: str) -> int:
    hours, minutes = wall_time.split(":")
    return int(hours) * HOUR + int(minutes) * MINUTE


def promises(said: Mapping[str, Mapping[Priority, Mapping[str, Any]]]) -> tuple[Promise, ...]:
    """Read `handoff.clocks` of a compiled playbook."""
    return tuple(
        Promise(clock, priority, each["time"], each["within_seconds"], each["warn_before_seconds"])
        for clock, by_priority in said.items()
        for priority, each in by_priority.items()
    )


def working_spans(calendar: Calendar, start: int) -> Iterator[tuple[int, int]]:
    """
    Yield the working time from `start` on as spans `[from, to)` of instants, in order, without end.

    Goes by pieces of at most a day in which the zone's offset does not change, so wall-clock time runs evenly in each.
    """
    while True:
        end = start + DAY
        offset = calendar.offset(start)
        if calendar.offset(end) != offset:
            end = _change(calendar, start, end)
        for day in range((start + offset) // DAY, (end - 1 + offset) // DAY + 1):
            if (day + EPOCH_WEEKDAY) % 7 in calendar.days:
                midnight = day * DAY - offset
                opens, closes = max(start, midnight + calendar.opens), min(end, midnight + calendar.closes)
                if opens < closes:
                    yield opens, closes
        start = end


def _change(calendar: Calendar, before: int, after: int) -> int:
    """Return the first instant with another offset than `before` has; `after` is known to have one."""
    offset = calendar.offset(before)
    while after - before > 1:
        middle = (before + after) // 2
        if calendar.offset(middle) == offset:
            before = middle
        else:
            after = middle
    return after


def after_working(calendar: Calendar, start: int, seconds: int) -> int:
    """
    Return the first instant by which that much working time has passed since `start`.

    A promise that is used up exactly at closing time is due at closing time, not at the next opening.
    """
    if seconds <= 0:
        return start
    for opens, closes in working_spans(calendar, start):
        if seconds <= closes - opens:
            return opens + seconds
        seconds -= closes - opens
    raise AssertionError("a calendar's working time has no end")


def start_clock(promise: Promise, calendar: Calendar, start: int) -> Clock:
    """Return the clock the promise starts at the instant."""

    def after(seconds: int) -> int:
        return start + seconds if promise.time == "calendar" else after_working(calendar, start, seconds)

    warn = 0 < promise.warn_before < promise.within
    return Clock(promise.clock, after(promise.within), after(promise.within - promise.warn_before) if warn else None)


def next_due(handoff: Handoff) -> int | None:
    """Return the instant at which a sweep must look at the handoff again, or None when nothing is pending."""
    if not handoff.running:
        return None
    return min((instant for clock in handoff.clocks for instant in _pending(clock)), default=None)


def _pending(clock: Clock) -> Iterator[int]:
    if clock.met_at is not None or clock.breached_at is not None:
        return
    yield clock.due_at
    if clock.warn_at is not None and clock.warned_at is None:
        yield clock.warn_at


def tick(handoff: Handoff, now: int) -> tuple[Handoff, tuple[Tick, ...]]:
    """
    Return the handoff with every warning and breach of `now` stamped on it, and what to say about them.

    A clock runs out at `due_at` itself. One that is found run out is not warned about any more. What was stamped is
    never found again, so each is said once however often the sweep comes by.
    """
    if not handoff.running:
        return handoff, ()
    found: list[Tick] = []
    clocks: list[Clock] = []
    for clock in handoff.clocks:
        kind = _found(clock, now)
        if kind == "breached":
            found.append(Tick(kind, clock.name, clock.due_at, f"{clock.name} clock ran out"))
            clocks.append(replace(clock, breached_at=now))
        elif kind == "warned":
            found.append(Tick(kind, clock.name, clock.due_at, f"{clock.name} clock is about to run out"))
            clocks.append(replace(clock, warned_at=now))
        else:
            clocks.append(clock)
    if not found:
        return handoff, ()
    return replace(handoff, version=handoff.version + 1, clocks=tuple(clocks)), tuple(found)


def _found(clock: Clock, now: int) -> Literal["warned", "breached"] | None:
    if clock.met_at is not None or clock.breached_at is not None:
        return None
    if now >= clock.due_at:
        return "breached"
    if clock.warned_at is None and clock.warn_at is not None and now >= clock.warn_at:
        return "warned"
    return None


def met(clocks: tuple[Clock, ...], name: str, at: int) -> tuple[Clock, ...]:
    """Return the clocks with the named one kept at the instant; the first time counts."""
    return tuple(
        replace(clock, met_at=at) if clock.name == name and clock.met_at is None else clock for clock in clocks
    )
