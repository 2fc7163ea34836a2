"""The part of a playbook that says who mails, when, how often, on what consent, and when mailing stops by itself."""

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from shared.instants import DAY
from shared.playbook_channels import Sms, Webhooks
from shared.playbook_handoff import YEARS_AFTER, YEARS_BEFORE, Public, Weekdays
from shared.playbook_types import (
    Address,
    Clock,
    Day,
    MisplacedError,
    Name,
    Prose,
    Section,
    Span,
    Text,
    Url,
    Whole,
    Zone,
    each_once,
)
from shared.public_holidays import public_holidays
from shared.rules.calendars import day_number
from shared.rules.patterns import Place
from shared.rules.send_window import LONGEST_CLOSED, Window, longest_closed, second_of_day, window_of

OPEN_LEAST = 60
"""Fewest minutes a day that quiet hours must leave: mails go out in turns, and each turn must find the window."""


class Quiet(Section):
    """Quiet hours in the recipient's zone; `from` after `to` crosses midnight, `from` equal to `to` is none."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    start: Clock = Field(alias="from")
    end: Clock = Field(alias="to")

    @model_validator(mode="after")
    def leaves_time(self) -> Self:
        left = (_minute(self.start) - _minute(self.end)) % (24 * 60)
        if 0 < left < OPEN_LEAST:
            raise MisplacedError(
                (("to",), f"leaves {left} minutes a day for mails; write hours that leave {OPEN_LEAST} or more")
            )
        return self


def _minute(clock: str) -> int:
    return second_of_day(clock) // 60


class Caps(Section):
    """Most mails one address gets in a day, in seven days, in thirty."""

    day: Annotated[Whole, Field(ge=1)]
    week: Annotated[Whole, Field(ge=1)]
    month: Annotated[Whole, Field(ge=1, le=40)]

    @model_validator(mode="after")
    def rising(self) -> Self:
        for shorter, longer in (("day", "week"), ("week", "month")):
            if getattr(self, shorter) > getattr(self, longer):
                text = f"is more than {longer} allows, so it would cap nothing; write at most {getattr(self, longer)}"
                raise MisplacedError(((shorter,), text))
        return self


class Topic(Section):
    """Something people may want mails about, and others not: what the preference page calls it, and what it brings."""

    label: Text
    about: Text


class WarmUp(Section):
    """
    How a new sender begins: so many mails on the first day, and each day so many times those of the day before.

    It is over when that is more than the account may send anyway.
    """

    starts: Day
    first_day: Annotated[Whole, Field(ge=1, le=1_000_000)] = 50
    grows: Annotated[float, Field(gt=1, le=10)] = 1.5


class StopWhen(Section):
    """When mailing pauses by itself: percent of the mails of seven days, once there were at least so many."""

    bounces: Annotated[float, Field(gt=0, le=100)] = 5
    complaints: Annotated[float, Field(gt=0, le=100)] = 0.1
    least: Annotated[Whole, Field(ge=1, le=1_000_000)] = 100


class Mail(Section):
    """Who mails, when, how often, on what consent, and the pages that mails link to by name."""

    from_name: Text
    reply_to: Address
    postal_address: Prose
    zone: Zone
    quiet: Quiet
    days: Weekdays
    holidays: Annotated[list[Public], Field(max_length=20), AfterValidator(each_once)] = []
    caps: Caps
    consent: Literal["opt_in", "implied"]
    topics: Annotated[dict[Name, Topic], Field(max_length=20)] = {}
    stale_after: Span = 7 * DAY
    warm_up: WarmUp | None = None
    stop_when: StopWhen = StopWhen()
    links: dict[Name, Url] = {}
    sms: Sms | None = None
    webhooks: Annotated[Webhooks, Field(max_length=20)] = {}

    def closed_problems(self, review_year: int) -> Iterator[tuple[Place, str]]:
        """Yield what is wrong when weekdays and holidays together leave no day for longer than anybody may wait."""
        first, last = (
            day_number(date(year, month, day).isoformat())
            for year, month, day in ((review_year - YEARS_BEFORE, 1, 1), (review_year + YEARS_AFTER, 12, 31))
        )
        closed = longest_closed(window_of(self.compiled(review_year)), first, last)
        if closed > LONGEST_CLOSED // DAY:
            yield (
                ("holidays",),
                f"leave {closed} days in a row without a mail day; allow further weekdays, or fewer countries",
            )

    def at_problem(self, clock: str) -> str | None:
        """Return why no mail can go within the hour that begins at that time of day, or None."""
        at = second_of_day(clock)
        if self._window().only_at(at).at == at:
            return None
        return f"{clock} and the hour after it touch the quiet hours, {self.quiet.start} to {self.quiet.end}"

    def _window(self) -> Window:
        return window_of(self.model_dump(by_alias=True, include={"quiet", "days"}))

    def compiled(self, review_year: int) -> dict[str, Any]:
        """Return the section as plain JSON values; public holidays are those of the years around the review."""
        years = tuple(range(review_year - YEARS_BEFORE, review_year + YEARS_AFTER + 1))
        said = self.model_dump(mode="json", by_alias=True, exclude={"stale_after"})
        holidays = sorted({day for place in self.holidays for day in public_holidays(place, years)})
        for name in ("sms", "webhooks"):
            if not said[name]:
                del said[name]
        return {**said, "holidays": holidays, "stale_after_seconds": self.stale_after}
