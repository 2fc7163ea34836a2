"""
Instants as whole epoch seconds, and their one text form.

Every rule counts time in whole seconds since 1970 (UTC); every message, API answer and item that a person reads
carries the same instant as `2026-01-05T09:00:00Z`. Nothing here reads a clock.
"""

from datetime import UTC, datetime
from functools import lru_cache

from shared.errors import NaiveTimeError

SECOND = 1
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

WRITABLE = range(-30_610_224_000, 253_402_300_800)
"""The years 1000 to 9999 in UTC: what is written in four digits and can be read again."""

EARLIEST = 631_152_000
"""1990-01-01T00:00:00Z. A client time before it is a broken clock (many devices boot in 1970 or 1980)."""


def parse_instant(text: str) -> int:
    """
    Read an ISO 8601 time with a zone as whole epoch seconds; fractions are dropped.

    Raises:
        NaiveTimeError: The text carries no zone. The sender must add one; do not guess.
        ValueError: The text is no ISO 8601 time.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise NaiveTimeError(text)
    return int(moment.timestamp() // 1)


@lru_cache(maxsize=1024)
def instant_text(instant: int) -> str:
    """Return the instant as `YYYY-MM-DDTHH:MM:SSZ`, which sorts as it runs."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_week(instant: int) -> str:
    """Return the ISO week of the instant's UTC day, as `2026-W02`."""
    year, week, _ = datetime.fromtimestamp(instant, UTC).isocalendar()
    return f"{year}-W{week:02d}"


def utc_day(instant: int) -> int:
    """Return the number of the UTC day the instant lies in, counted from 1970-01-01."""
    return instant // DAY
