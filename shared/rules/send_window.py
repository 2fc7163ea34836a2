"""
When a mail may arrive: the recipient's quiet hours, weekdays and holidays, and how many mails a period may bring.

Hours are read from the wall clock of the recipient's zone, so the window moves with the clock changes; quiet hours may
cross midnight. A mail that is held waits for the exact second the window opens.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from shared.instants import DAY, HOUR, MINUTE
from shared.lead import Lead
from shared.rules.calendars import EPOCH_WEEKDAY, day_number
from shared.rules.country_zones import zone_of_country

CAP_WINDOWS = {"day": DAY, "week": 7 * DAY, "month": 30 * DAY}
"""Length in seconds of the rolling periods a frequency cap counts in."""

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

LONGEST_CLOSED = 60 * DAY
"""No playbook may close the window for longer: a mail for nobody's next two months is a mail for nobody."""

_LOOKED_AHEAD = LONGEST_CLOSED + 8 * DAY
"""Beside it, a zone may skip a calendar day when it moves across the date line, and that may be the allowed weekday."""


@dataclass(frozen=True, slots=True)
class Window:
    """
    When mails may arrive, by the wall clock.

    Quiet hours are `[quiet_from, quiet_to)` in seconds after local midnight (equal: none). `holidays` are local dates as
    days since 1970-01-01. With `at`, a second of the day, only the hour that begins then is left of each day.
    """

    quiet_from: int
    quiet_to: int
    days: frozenset[int]
    holidays: frozenset[int] = frozenset()
    at: int | None = None

    def open_after(self, wall: int) -> int:
        """
        Return the first second at or after `wall` that is open, on a wall clock that never changes.

        Args:
            wall: Seconds since 1970-01-01 00:00 on the wall clock.
        Raises: ValueError: Nothing is open for longer than any playbook allows.
        """
        last = wall + _LOOKED_AHEAD
        while wall <= last:
            day, second = divmod(wall, DAY)
            if (day + EPOCH_WEEKDAY) % 7 not in self.days or day in self.holidays:
                wall = (day + 1) * DAY
            elif (reopens := self._closed_until(second)) is not None:
                wall = day * DAY + reopens
            else:
                return wall
        raise ValueError("the window never opens")

    def only_at(self, at: int | None) -> "Window":
        """Return the window with only the hour from `at` left of it; where that hour is quiet, the window as it is."""
        if at is None or any(_within(second, self.quiet_from, self.quiet_to) for second in (at, (at + HOUR - 1) % DAY)):
            return self
        return replace(self, at=at)

    def _closed_until(self, second: int) -> int | None:
        """Return the second of the day at which what closes this one ends, `DAY` at the latest; None when it is open."""
        spans = [(self.quiet_from, self.quiet_to)]
        if self.at is not None:
            spans.append(((self.at + HOUR) % DAY, self.at))
        ends = [_end(second, *span) for span in spans if _within(second, *span)]
        return max(ends, default=None)


def _within(second: int, since: int, until: int) -> bool:
    """Tell whether the span of the day, which may cross midnight, holds the second; equal ends are no span."""
    return since <= second < until if since < until else since > until and (second >= since or second < until)


def _end(second: int, since: int, until: int) -> int:
    return DAY if since > until and second >= since else until


def window_of(mail: Mapping[str, Any]) -> Window:
    """Read the playbook's `mail` part. Raises ValueError when no weekday is allowed: no mail would ever go."""
    quiet = mail.get("quiet") or {"from": "00:00", "to": "00:00"}
    days = frozenset(WEEKDAYS.index(day) for day in mail["days"])
    if not days:
        raise ValueError("mail.days allows no weekday")
    holidays = frozenset(map(day_number, mail.get("holidays", ())))
    return Window(second_of_day(quiet["from"]), second_of_day(quiet["to"]), days, holidays)


def longest_closed(window: Window, first: int, last: int) -> int:
    """Return the most days in a row, of those from `first` up to `last`, on which the window does not open."""
    closed = longest = 0
    for day in range(first, last + 1):
        is_closed = (day + EPOCH_WEEKDAY) % 7 not in window.days or day in window.holidays
        closed = closed + 1 if is_closed else 0
        longest = max(longest, closed)
    return longest


def zone_of(said: object, fallback: str) -> ZoneInfo:
    """Return the zone that is named, or the fallback when none that exists is."""
    return _zone(said) or ZoneInfo(fallback)


def zone_of_lead(lead: Lead, fallback: str) -> ZoneInfo:
    """
    Return the zone whose clock a person goes by.

    What the newest events said, then the profile, then the company: its zone, or its country's where that has one.
    """
    said = (
        lead.value("timezone_seen"),
        lead.value("timezone"),
        lead.value("company_timezone"),
        zone_of_country(lead.value("country")),
    )
    return next((zone for each in said if (zone := _zone(each)) is not None), None) or ZoneInfo(fallback)


def _zone(said: object) -> ZoneInfo | None:
    """Return the zone of that name; a name without a place in it, such as UTC, is a machine's and says nothing."""
    if not isinstance(said, str) or "/" not in said or said.startswith("Etc/"):
        return None
    try:
        return ZoneInfo(said)
    except (KeyError, ValueError, OSError):
        return None


def next_open(at: int, *, window: Window, zone: ZoneInfo) -> int:
    """
    Return the first instant at or after `at` at which the recipient's wall clock shows an open second.

    Args:
        at: Whole epoch seconds.
        window: At least one weekday.
        zone: The recipient's.
    Raises: ValueError: It does not open for longer than any playbook allows.
    """
    last = at + _LOOKED_AHEAD
    while at <= last:
        offset = _offset(at, zone)
        opens = window.open_after(at + offset) - offset
        change = _first_change(at, opens, zone)
        if change is None:
            return opens
        at = change
    raise ValueError("the window never opens")


def local_day(at: int, zone: ZoneInfo) -> str:
    """Return the date the recipient's calendar shows at the instant, as `2026-12-24`."""
    return (date(1970, 1, 1) + timedelta(seconds=at + _offset(at, zone))).isoformat()


def caps_free_at(at: int, *, recent: Sequence[int], caps: Mapping[str, int]) -> int:
    """
    Return the first instant at or after `at` at which no cap is full.

    A cap of n a period is full while n claims lie in `(now - period, now]`.

    Args:
        at: Whole epoch seconds.
        recent: Claim times, oldest first.
        caps: `day`, `week` or `month` to the most mails in that period, 1 at least.
    """
    free = at
    for period, most in caps.items():
        if len(recent) >= most:
            free = max(free, recent[-most] + CAP_WINDOWS[period])
    return free


def second_of_day(text: str) -> int:
    """Read a time of day, `09:30`, as seconds after midnight."""
    hours, minutes = text.split(":")
    return int(hours) * HOUR + int(minutes) * MINUTE


def _offset(at: int, zone: ZoneInfo) -> int:
    moment = datetime.fromtimestamp(at, UTC).astimezone(zone)
    offset = moment.utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


def _first_change(after: int, until: int, zone: ZoneInfo) -> int | None:
    """Return the first second in `(after, until]` at which the zone's clocks are changed, or None."""
    before = _offset(after, zone)
    low = after
    while low < until:
        high = min(low + HOUR, until)
        if _offset(high, zone) != before:
            while high - low > 1:
                middle = (low + high) // 2
                if _offset(middle, zone) == before:
                    low = middle
                else:
                    high = middle
            return high
        low = high
    return None
