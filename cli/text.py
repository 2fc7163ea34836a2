"""Numbers as the command line prints them."""

from decimal import Decimal


def points(number: Decimal) -> str:
    """Return points exactly, without trailing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def signed(number: Decimal) -> str:
    return f"+{points(number)}" if number > 0 else points(number)
