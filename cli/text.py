"""Numbers as the command line prints them."""

from decimal import Decimal

from shared.instants import DAY, HOUR, MINUTE


def of_milli(milli_points: int) -> Decimal:
    """Return milli-points as points."""
    return Decimal(milli_points) / 1000


def points(number: Decimal) -> str:
    """Return points exactly, without trailing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def signed(number: Decimal) -> str:
    return f"+{points(number)}" if number > 0 else points(number)


def duration(seconds: int) -> str:
    """Return a length of time in the largest unit it is a whole number of."""
    size, word = next(
        unit for unit in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (1, "second")) if seconds % unit[0] == 0
    )
    return f"{seconds // size} {word}{'' if seconds == size else 's'}"
