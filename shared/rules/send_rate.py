"""
How many mails may go now, which of those that are due, and when mailing stops by itself.

The mail service allows so many a second and so many in any 24 hours; a new sender begins with few and grows. What there
is room for goes in due order, a mail of each track in turn, so that no track's thousands keep another's ten waiting.
"""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, TypeVar

from shared.instants import DAY, utc_day
from shared.mailing import Account, Counted
from shared.rules.calendars import day_number

WATCHED = 7 * DAY
"""How far back bounces and complaints are counted."""

LONGEST_WARM_UP = 366
"""Days after which no warm-up limits anything any more."""

T = TypeVar("T")


def warm_up_limit(mail: Mapping[str, Any], now: int) -> int | None:
    """Return the most mails of the 24 hours up to `now` by the playbook's warm-up; None when there is none, or it is over."""
    said = mail.get("warm_up")
    if said is None:
        return None
    day = utc_day(now) - day_number(said["starts"])
    if day > LONGEST_WARM_UP:
        return None
    return int(said["first_day"] * said["grows"] ** max(0, day))


def room(account: Account, warm_up: int | None, *, queued: int, seconds: int) -> int:
    """
    Return how many mails may be queued now.

    Args:
        account: What the mail service allows.
        warm_up: Most mails of 24 hours, or None.
        queued: Mails on the queue already, which nobody has sent yet.
        seconds: For how long what is queued now must do.
    """
    limits = [int(account.rate * seconds)]
    limits += [most - account.sent for most in (account.daily, warm_up) if most is not None]
    return max(0, min(limits) - queued)


def in_turn(due: Mapping[str, Sequence[T]], most: int) -> list[T]:
    """Return at most so many, one of each track in turn; each track's are in due order, and so are the tracks."""
    turns = (each for turn in zip_longest(*due.values()) for each in turn if each is not None)
    return [each for each, _ in zip(turns, range(most), strict=False)]


def stop_reason(counted: Counted, mail: Mapping[str, Any]) -> str | None:
    """Return why mailing must stop, by the playbook's `mail.stop_when`, or None when it need not."""
    limits = mail.get("stop_when")
    if limits is None or counted.sent < limits["least"]:
        return None
    for number, limit, what in (
        (counted.complained, limits["complaints"], "were complained about"),
        (counted.bounced, limits["bounces"], "bounced"),
    ):
        if number * 100 > limit * counted.sent:
            return f"{number} of {counted.sent} mails {what} in {WATCHED // DAY} days, which is over {limit:g} %"
    return None
