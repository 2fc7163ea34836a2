"""
Working time: when somebody works, and when a number of working hours will have passed.

Working time is the seconds whose wall-clock time in the calendar's zone lies in working hours, on no holiday, while the
person is not away. Clock changes shorten or lengthen nothing but what they really do: an hour that does not exist is
not worked, one that happens twice is worked twice.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from shared.instants import DAY, HOUR, MINUTE

DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EPOCH_WEEKDAY = 3
"""1970-01-01 was a Thursday, the fourth of `DAY_NAMES`."""

HORIZON = 400 * DAY
"""How far ahead working time is looked for: who works at no second of more than a year does not work."""

Span = tuple[int, int]
"""From, until; the second is not part of it."""


class NoWorkingTimeError(ValueError):
    """Nobody works by this calendar for more than a year. Use another one."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """
    When somebody works.

    `zone` is an IANA name. `hours` are seven weekdays from Monday, each with its spans in seconds after local midnight,
    in order and apart. `holidays` are local dates as days since 1970-01-01, `away` spans of instants.
    """

    zone: str
    hours: tuple[tuple[Span, ...], ...]
    holidays: frozenset[int] = frozenset()
    away: tuple[Span, ...] = ()

    def __post_init__(self) -> None:
        if len(self.hours) != len(DAY_NAMES) or not any(self.hours):
            raise ValueError(f"calendar in {self.zone} has no working hours")
        for spans in self.hours:
            edges = [edge for span in spans for edge in span]
            if edges != sorted(set(edges)) or (edges and not 0 <= edges[0] < edges[-1] <= DAY):
                raise ValueError(f"calendar in {self.zone} has hours that overlap or are no hours of a day")

    def offset(self, instant: int) -> int:
        """Return the zone's distance from UTC at the instant, in seconds."""
        offset = datetime.fromtimestamp(instant, UTC).astimezone(ZoneInfo(self.zone)).utcoffset()
        assert offset is not None
        return int(offset.total_seconds())

    def text(self, instant: int) -> str:
        """Return the instant as a person who lives in the zone reads it: `Mon 5 Jan 2026 10:00 CET`."""
        local = datetime.fromtimestamp(instant, UTC).astimezone(ZoneInfo(self.zone))
        return f"{local:%a} {local.day} {local:%b} {local.year} {local:%H:%M} {local.tzname()}"

    def without(self, away: Iterable[Span]) -> "Calendar":
        """Return the calendar with further time off taken out of it."""
        return replace(self, away=tuple(sorted({*self.away, *away})))

    def is_away(self, instant: int) -> bool:
        return any(since <= instant < until for since, until in self.away)


def calendar(said: Mapping[str, Any]) -> Calendar:
    """Read a calendar of a compiled playbook. Raises ValueError when nobody would ever work."""
    return Calendar(
        zone=said["zone"],
        hours=tuple(tuple((_seconds(opens), _seconds(closes)) for opens, closes in spans) for spans in said["hours"]),
        holidays=frozenset(map(day_number, said["holidays"])),
    )


def weekly(zone: str, days: Iterable[int], opens: int, closes: int) -> Calendar:
    """Return a calendar with the same hours on each of the weekdays (0 is Monday), in seconds after local midnight."""
    worked = frozenset(days)
    return Calendar(zone, tuple(((opens, closes),) if day in worked else () for day in range(len(DAY_NAMES))))


def _seconds(wall_time: str) -> int:
    hours, minutes = wall_time.split(":")
    return int(hours) * HOUR + int(minutes) * MINUTE


def day_number(text: str) -> int:
    """Return the date `2026-12-24` as days since 1970-01-01."""
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


def days_off(zone: str, said: Sequence[Sequence[str]]) -> tuple[Span, ...]:
    """Return the spans of instants that whole local days take, each pair the first and the last day."""
    return tuple((_midnight(zone, day_number(first)), _midnight(zone, day_number(last) + 1)) for first, last in said)


def _midnight(zone: str, day: int) -> int:
    """Return the instant at which the local day begins."""
    first = date(1970, 1, 1) + timedelta(days=day)
    return int(datetime(first.year, first.month, first.day, tzinfo=ZoneInfo(zone)).timestamp())


def working_spans(calendar: Calendar, start: int) -> Iterator[Span]:
    """
    Yield the working time from `start` on as spans of instants, in order; it ends after `HORIZON`.

    Goes by pieces of at most a day in which the zone's offset does not change, so wall-clock time runs evenly in each.
    """
    last = start + HORIZON
    while start < last:
        end = start + DAY
        offset = calendar.offset(start)
        if calendar.offset(end) != offset:
            end = _change(calendar, start, end)
        for day in range((start + offset) // DAY, (end - 1 + offset) // DAY + 1):
            if day in calendar.holidays:
                continue
            midnight = day * DAY - offset
            for opens, closes in calendar.hours[(day + EPOCH_WEEKDAY) % 7]:
                since, until = max(start, midnight + opens), min(end, midnight + closes)
                if since < until:
                    yield from _present(calendar.away, since, until)
        start = end


def _present(away: Sequence[Span], since: int, until: int) -> Iterator[Span]:
    """Yield what is left of the span when the time away, sorted by its beginning, is taken out."""
    for left, back in away:
        if back <= since:
            continue
        if left >= until:
            break
        if since < left:
            yield since, left
        since = back
        if since >= until:
            return
    yield since, until


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

    Raises:
        NoWorkingTimeError: There is not that much working time within `HORIZON`.
    """
    if seconds <= 0:
        return start
    for opens, closes in working_spans(calendar, start):
        if seconds <= closes - opens:
            return opens + seconds
        seconds -= closes - opens
    raise NoWorkingTimeError(f"there is no such working time in {calendar.zone} within {HORIZON // DAY} days")


def end_of_day(calendar: Calendar, start: int, least: int) -> int:
    """
    Return when the working day ends that leaves at least that many seconds of work from `start` on.

    A lead taken at ten to five is followed up tomorrow.

    Raises:
        NoWorkingTimeError: No day within `HORIZON` leaves so much.
    """
    today: int | None = None
    left, ends = 0, start
    for opens, closes in working_spans(calendar, start):
        day = (opens + calendar.offset(opens)) // DAY
        if day != today:
            if left >= least and today is not None:
                return ends
            today, left = day, 0
        left += closes - opens
        ends = closes
    if left >= least and today is not None:
        return ends
    raise NoWorkingTimeError(f"no working day in {calendar.zone} within {HORIZON // DAY} days is that long")
