"""
When a mail may arrive: the recipient's quiet hours and weekdays, and how many mails a period may bring.

Hours are read from the wall clock of the recipient's zone, so the window moves with the clock changes; quiet hours may
cross midnight. A mail that is held waits for the exact second the window opens.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from shared.instants import DAY, HOUR, MINUTE

CAP_WINDOWS = {"day": DAY, "week": 7 * DAY, "month": 30 * DAY}
"""Length in seconds of the rolling periods a frequency cap counts in."""

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_LONGEST_CLOSED = 15 * DAY
"""A week without an open minute, doubled for a zone that skips a calendar day when it moves across the date line."""


@dataclass(frozen=True, slots=True)
class Window:
    """Quiet hours `[quiet_from, quiet_to)` in seconds after local midnight (equal: none) and the allowed weekdays."""

    quiet_from: int
    quiet_to: int
    days: frozenset[int]

    def open_after(self, wall: int) -> int:
        """
        Return the first second at or after `wall` that is open, on a wall clock that never changes.

        Args:
            wall: Seconds since 1970-01-01 00:00 on the wall clock.
        """
        while True:
            day, second = divmod(wall, DAY)
            if (day + 3) % 7 not in self.days:
                wall = (day + 1) * DAY
            elif (reopens := self._quiet_until(second)) is not None:
                wall = day * DAY + reopens
            else:
                return wall

    def _quiet_until(self, second: int) -> int | None:
        """Return the second of the day at which the quiet hours that cover this one end; None when it is not quiet."""
        if self.quiet_from < self.quiet_to:
            return self.quiet_to if self.quiet_from <= second < self.quiet_to else None
        if self.quiet_from > self.quiet_to:
            if second >= self.quiet_from:
                return DAY
            return self.quiet_to if second < self.quiet_to else None
        return None


def window_of(mail: Mapping[str, Any]) -> Window:
    """Read the playbook's `mail` part. Raises ValueError when no weekday is allowed: no mail would ever go."""
    quiet = mail.get("quiet") or {"from": "00:00", "to": "00:00"}
    days = frozenset(WEEKDAYS.index(day) for day in mail["days"])
    if not days:
        raise ValueError("mail.days allows no weekday")
    return Window(_second_of_day(quiet["from"]), _second_of_day(quiet["to"]), days)


def zone_of(said: object, fallback: str) -> ZoneInfo:
    """Return the zone a profile names, or the fallback when it names none that exists."""
    if isinstance(said, str) and "/" in said:
        try:
            return ZoneInfo(said)
        except (KeyError, ValueError, OSError):
            return ZoneInfo(fallback)
    return ZoneInfo(fallback)


def next_open(at: int, *, window: Window, zone: ZoneInfo) -> int:
    """
    Return the first instant at or after `at` at which the recipient's wall clock shows an open second.

    Args:
        at: Whole epoch seconds.
        window: At least one weekday, so that it opens within a week.
        zone: The recipient's.
    """
    last = at + _LONGEST_CLOSED
    while at <= last:
        offset = _offset(at, zone)
        opens = window.open_after(at + offset) - offset
        change = _first_change(at, opens, zone)
        if change is None:
            return opens
        at = change
    raise ValueError("the window never opens")


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


def _second_of_day(text: str) -> int:
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
