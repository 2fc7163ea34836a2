"""What a playbook may say: pydantic models whose errors are written for the person who edits the YAML."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from shared.playbook_scoring import Scoring
from shared.playbook_types import (
    Address,
    Clock,
    Content,
    Day,
    Member,
    MisplacedError,
    Name,
    Prose,
    Seconds,
    Section,
    Slug,
    Span,
    Text,
    Url,
    Weekday,
    Whole,
    Zone,
    each_once,
    nearest,
)
from shared.rules.patterns import Place


class SignOff(Section):
    """Who signed for one side, and when."""

    name: Text
    on: Day


Weekdays = Annotated[list[Weekday], Field(min_length=1), AfterValidator(each_once)]


class Agreement(Section):
    """Who signed, what MQL and SQL mean in words, and when it must be looked at again."""

    marketing: SignOff | None = None
    sales: SignOff | None = None
    review_by: Day
    mql: Prose
    sql: Prose


class Rep(Section):
    """Somebody of sales. Without a Slack member id they are named, not mentioned."""

    id: Name
    name: Text
    email: Address
    slack: Member | None = None


class Calendar(Section):
    """Working hours, in which business clocks run."""

    zone: Zone
    days: Weekdays
    opens: Clock
    closes: Clock

    @model_validator(mode="after")
    def opens_first(self) -> Self:
        if not self.opens < self.closes:
            raise MisplacedError(
                (("opens",), "opens must be before closes: a calendar without working hours stops every clock for ever")
            )
        return self


class SlaClock(Section):
    """How soon something must happen, in working time or by the calendar."""

    within: Span
    time: Literal["business", "calendar"]
    warn_before: Seconds

    @model_validator(mode="after")
    def warns_in_time(self) -> Self:
        if not self.warn_before < self.within:
            raise MisplacedError(
                (("warn_before",), "must be shorter than within, or the warning would come with the lead")
            )
        return self

    def compiled(self) -> dict[str, Any]:
        return {"within_seconds": self.within, "time": self.time, "warn_before_seconds": self.warn_before}


class ClockPair(Section):
    """One clock for leads of high priority, one for the others."""

    high: SlaClock
    standard: SlaClock


class Clocks(Section):
    """By when somebody of sales must have acted: first contact, and accepting or rejecting."""

    contact: ClockPair
    decide: ClockPair

    def compiled(self) -> dict[str, Any]:
        return {
            name: {"high": pair.high.compiled(), "standard": pair.standard.compiled()}
            for name, pair in (("contact", self.contact), ("decide", self.decide))
        }


class RejectReason(Section):
    """Why sales sends a lead back, to which track, and how long it does not qualify again."""

    code: Name
    text: Text
    returns_to: Name | None = None
    cool_down: Seconds


class Handoff(Section):
    """Who gets a qualified lead, by when they must act, and why they may send it back."""

    channel: Text
    owners: Annotated[list[Rep], Field(min_length=1)]
    manager: Rep
    calendar: Calendar
    clocks: Clocks
    reject_reasons: Annotated[list[RejectReason], Field(min_length=1)]
    suggested_step: Prose

    def compiled(self) -> dict[str, Any]:
        return {
            "channel": self.channel,
            "owners": [rep.model_dump() for rep in self.owners],
            "manager": self.manager.model_dump(),
            "calendar": self.calendar.model_dump(),
            "clocks": self.clocks.compiled(),
            "reject_reasons": [
                {
                    "code": each.code,
                    "text": each.text,
                    "returns_to": each.returns_to,
                    "cool_down_seconds": each.cool_down,
                }
                for each in self.reject_reasons
            ],
            "suggested_step": self.suggested_step,
        }


class Step(Section):
    """One mail of a track, and how long after the one before."""

    content: Content
    delay: Seconds


class Track(Section):
    """A series of mails for leads in certain bands."""

    label: Text
    bands: Annotated[list[Literal["early", "engaged", "sales_ready"]], Field(min_length=1), AfterValidator(each_once)]
    cool_down: Seconds
    steps: Annotated[list[Step], Field(min_length=1, max_length=50)]

    def compiled(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "bands": list(self.bands),
            "cool_down_seconds": self.cool_down,
            "steps": [{"content": step.content, "delay_seconds": step.delay} for step in self.steps],
        }


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
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


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


class Mail(Section):
    """Who mails, when, how often, on what consent, and the pages that mails link to by name."""

    from_name: Text
    reply_to: Address
    postal_address: Prose
    zone: Zone
    quiet: Quiet
    days: Weekdays
    caps: Caps
    consent: Literal["opt_in", "implied"]
    links: dict[Name, Url] = {}


class Playbook(Section):
    """The whole agreement."""

    name: Slug
    agreement: Agreement
    scoring: Scoring
    handoff: Handoff
    tracks: dict[Name, Track] = {}
    mail: Mail

    @model_validator(mode="after")
    def names_exist(self) -> Self:
        problems = list(self._unknown_names())
        if problems:
            raise MisplacedError(*problems)
        return self

    def _unknown_names(self) -> Iterator[tuple[Place, str]]:
        codes: set[str] = set()
        for number, reason in enumerate(self.handoff.reject_reasons):
            place: Place = ("handoff", "reject_reasons", number)
            if reason.returns_to is not None and reason.returns_to not in self.tracks:
                yield (
                    (*place, "returns_to"),
                    f"no track is named {reason.returns_to!r}; {nearest(reason.returns_to, self.tracks)}",
                )
            if reason.code in codes:
                yield (*place, "code"), f"codes must differ; used twice: {reason.code}"
            codes.add(reason.code)
        by_band: dict[str, str] = {}
        for name, track in self.tracks.items():
            for number, band in enumerate(track.bands):
                if (other := by_band.setdefault(band, name)) != name:
                    yield (
                        ("tracks", name, "bands", number),
                        f"{band} is a band of the track {other} already, and a lead is in one track; leave one out",
                    )
        people = [rep.id for rep in self.handoff.owners]
        for number, person in enumerate(people):
            if person in people[:number]:
                yield ("handoff", "owners", number, "id"), f"ids of owners must differ; used twice: {person}"

    @property
    def contents(self) -> set[str]:
        """Names of the mails its tracks send."""
        return {step.content for track in self.tracks.values() for step in track.steps}

    def compiled(self) -> dict[str, Any]:
        """Return the playbook as plain JSON values: points in milli-points, durations in seconds."""
        scoring = self.scoring.compiled()
        scoring["cool_downs"] = {reason.code: reason.cool_down for reason in self.handoff.reject_reasons}
        return {
            "agreement": self.agreement.model_dump(mode="json"),
            "scoring": scoring,
            "handoff": self.handoff.compiled(),
            "tracks": {name: track.compiled() for name, track in self.tracks.items()},
            "mail": self.mail.model_dump(by_alias=True),
        }
