"""The part of a playbook that says who gets a qualified lead, when they work, and by when they must act."""

from collections.abc import Collection, Iterable, Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from shared.playbook_conditions import Condition
from shared.playbook_fields import people_problems
from shared.playbook_types import (
    CLOSING,
    PLACE,
    Address,
    Clock,
    Day,
    Member,
    MisplacedError,
    Name,
    Pattern,
    Prose,
    Seconds,
    Section,
    Span,
    Text,
    Weekday,
    Whole,
    YesNo,
    Zone,
    each_once,
    nearest,
)
from shared.public_holidays import UnknownPlaceError, public_holidays
from shared.rules.calendars import DAY_NAMES
from shared.rules.patterns import Place

Weekdays = Annotated[list[Weekday], Field(min_length=1), AfterValidator(each_once)]

YEARS_BEFORE, YEARS_AFTER = 1, 3
"""Years around the one of `agreement.review_by` whose public holidays a compiled playbook holds."""

MOST_TIME_OFF = 366
"""Days of one absence. Who is away for longer has left: take them out of the owners."""


class Absence(Section):
    """The first and the last day of a time off, in the person's own zone."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    start: Day = Field(alias="from")
    end: Day = Field(alias="to")

    @model_validator(mode="after")
    def ends_later(self) -> Self:
        if self.end < self.start:
            raise MisplacedError((("to",), "must not be before from: it is the last day of the time off"))
        if (self.end - self.start).days >= MOST_TIME_OFF:
            raise MisplacedError(
                (("to",), f"is {MOST_TIME_OFF} days or more after from: take who left out of the owners")
            )
        return self

    def compiled(self) -> list[str]:
        return [self.start.isoformat(), self.end.isoformat()]


class Rep(Section):
    """Somebody of sales. Without a Slack member id they are named, not mentioned; without a calendar `calendar` is theirs."""

    id: Name
    name: Text
    email: Address
    slack: Member | None = None
    calendar: Name | None = None
    off: Annotated[list[Absence], Field(max_length=50)] = []

    def compiled(self) -> dict[str, Any]:
        said = self.model_dump(exclude={"off"})
        return {**said, "off": [each.compiled() for each in self.off]}

    def who(self) -> dict[str, Any]:
        """Return what is the same of somebody who is named in two places."""
        return {name: getattr(self, name) for name in Rep.model_fields}


class Owner(Rep):
    """
    A rep who is given leads: as one of which teams, how many beside their colleagues, and how many a day at most.

    Somebody with capacity 2 gets twice as many as somebody with 1. The day is theirs, midnight to midnight.
    """

    teams: Annotated[list[Name], Field(max_length=20), AfterValidator(each_once)] = []
    capacity: Annotated[Whole, Field(ge=1, le=100)] = 1
    daily_quota: Annotated[Whole, Field(ge=1, le=1000)] | None = None


class Account(Section):
    """Whose customers these are: by company name or mail domain, without case, or by a list they are in."""

    owner: Name
    companies: Annotated[list[Text], Field(max_length=1000)] = []
    domains: Annotated[list[Text], Field(max_length=1000)] = []
    lists: Annotated[list[Name], Field(max_length=20)] = []

    @model_validator(mode="after")
    def names_some(self) -> Self:
        if not (self.companies or self.domains or self.lists):
            raise MisplacedError(((), "names no account; write companies, domains or lists"))
        wrong = [number for number, domain in enumerate(self.domains) if "@" in domain or "." not in domain]
        if wrong:
            raise MisplacedError(
                *((("domains", number), "write what stands after the @, as in nordwind.example") for number in wrong)
            )
        return self

    def compiled(self) -> dict[str, Any]:
        return {
            "owner": self.owner,
            "companies": sorted({" ".join(each.casefold().split()) for each in self.companies}),
            "domains": sorted({each.lower().rstrip(".") for each in self.domains}),
            "lists": sorted(self.lists),
        }


class Route(Section):
    """Which leads go to a team or to one person; the name is shown as the reason. Without `where` it is for everybody."""

    name: Text
    where: Pattern = {}
    to: Name


def _place(said: str) -> str:
    try:
        public_holidays(said, (2026,))
    except UnknownPlaceError as error:
        raise ValueError(str(error)) from error
    return said


def _hours(said: Any) -> Any:
    """Read `09:00-12:00` as its opening and closing."""
    if not isinstance(said, str) or said.count("-") != 1:
        raise ValueError(f'{said!r} are no hours; write them in quotes, as in "09:00-17:00"')
    opens, closes = said.split("-")
    return {"opens": opens.strip(), "closes": closes.strip()}


class Hours(Section):
    """From opening to closing, on one day; `24:00` is its end."""

    opens: Clock
    closes: Annotated[str, Field(pattern=CLOSING)]


WrittenHours = Annotated[
    Hours,
    BeforeValidator(_hours),
    WithJsonSchema(
        {"type": "string", "pattern": "^[0-9]{2}:[0-9]{2} ?- ?[0-9]{2}:[0-9]{2}$", "examples": ["09:00-17:00"]}
    ),
]
Public = Annotated[str, Field(pattern=PLACE), AfterValidator(_place)]


class Calendar(Section):
    """
    When people work: the same hours on some `days`, or `hours` by day; never on holidays.

    `holidays` is a country or one of its regions, `closed_on` are further days without work, `open_on` public holidays
    that are worked.
    """

    zone: Zone
    days: Weekdays | None = None
    opens: Clock | None = None
    closes: Clock | None = None
    hours: (
        Annotated[dict[Weekday, Annotated[list[WrittenHours], Field(min_length=1, max_length=6)]], Field(min_length=1)]
        | None
    ) = None
    holidays: Public | None = None
    closed_on: Annotated[list[Day], Field(max_length=400)] = []
    open_on: Annotated[list[Day], Field(max_length=400)] = []

    @model_validator(mode="after")
    def one_way(self) -> Self:
        plain = (self.days, self.opens, self.closes)
        if self.hours is not None:
            if any(each is not None for each in plain):
                raise MisplacedError((("hours",), "stands beside days, opens or closes; write the one or the other"))
            for day, spans in self.hours.items():
                edges = [edge for span in spans for edge in (span.opens, span.closes)]
                if edges != sorted(set(edges)):
                    raise MisplacedError(
                        (("hours", day), "write hours in order and apart, each opening before it closes")
                    )
        elif self.days is None or self.opens is None or self.closes is None:
            raise MisplacedError(((), "write days, opens and closes, or hours by day"))
        elif not self.opens < self.closes:
            raise MisplacedError(
                (("opens",), "opens must be before closes: a calendar without working hours stops every clock for ever")
            )
        return self

    def compiled(self, years: Iterable[int]) -> dict[str, Any]:
        return {"zone": self.zone, "hours": self._by_day(), "holidays": self._holidays(tuple(years))}

    def _by_day(self) -> list[list[list[str | None]]]:
        if self.hours is not None:
            by_day: dict[str, list[Hours]] = dict(self.hours.items())
            return [[[span.opens, span.closes] for span in by_day.get(day, [])] for day in DAY_NAMES]
        worked = self.days or []
        return [[[self.opens, self.closes]] if day in worked else [] for day in DAY_NAMES]

    def _holidays(self, years: tuple[int, ...]) -> list[str]:
        public = public_holidays(self.holidays, years) if self.holidays else frozenset()
        closed = public | {day.isoformat() for day in self.closed_on}
        return sorted(closed - {day.isoformat() for day in self.open_on})


class EscalationStep(Section):
    """Who else hears that nobody acted, and how long after the clock ran out."""

    after: Span
    to: Name


Escalations = Annotated[list[EscalationStep], Field(max_length=3)]


class SlaClock(Section):
    """How soon something must happen, in working time or by the calendar."""

    within: Span
    time: Literal["business", "calendar"]
    warn_before: Seconds
    escalate: Escalations = []
    on_breach: Literal["tell", "reassign"] = "tell"

    @model_validator(mode="after")
    def warns_in_time(self) -> Self:
        if not self.warn_before < self.within:
            raise MisplacedError(
                (("warn_before",), "must be shorter than within, or the warning would come with the lead")
            )
        return self

    def compiled(self) -> dict[str, Any]:
        said = _compiled_clock(self.within, self.time, self.warn_before, self.escalate, starts="qualified")
        return said if self.on_breach == "tell" else {**said, "on_breach": self.on_breach}


class FollowUp(Section):
    """
    A contact on the day the lead was accepted, by the end of the owner's working day.

    When less than `least` of it is left, by the end of the next.
    """

    least: Span
    warn_before: Seconds
    escalate: Escalations = []

    def compiled(self) -> dict[str, Any]:
        return _compiled_clock(self.least, "end_of_day", self.warn_before, self.escalate, starts="accepted")


def _compiled_clock(
    within: int, time: str, warn_before: int, escalate: Iterable[EscalationStep], *, starts: str
) -> dict[str, Any]:
    return {
        "within_seconds": within,
        "time": time,
        "warn_before_seconds": warn_before,
        "starts": starts,
        "escalate": [{"after_seconds": step.after, "to": step.to} for step in escalate],
    }


class ClockPair(Section):
    """One clock for leads of high priority, one for the others."""

    high: SlaClock
    standard: SlaClock


class FollowUpPair(Section):
    """The same-day follow-up of leads of high priority, and that of the others; one that is left out is not asked for."""

    high: FollowUp | None = None
    standard: FollowUp | None = None


class Clocks(Section):
    """By when somebody of sales must have acted: first contact, accepting or rejecting, and following up."""

    contact: ClockPair
    decide: ClockPair
    follow_up: FollowUpPair = FollowUpPair()

    def each(self) -> Iterator[tuple[str, str, SlaClock | FollowUp]]:
        for name in ("contact", "decide", "follow_up"):
            pair = getattr(self, name)
            for priority in ("high", "standard"):
                if (clock := getattr(pair, priority)) is not None:
                    yield name, priority, clock

    def compiled(self) -> dict[str, Any]:
        said: dict[str, Any] = {}
        for name, priority, clock in self.each():
            said.setdefault(name, {})[priority] = clock.compiled()
        return said


class RejectReason(Section):
    """
    Why sales sends a lead back, to which track, and how long it does not qualify again; with `never`, it never does.

    After `cool_down` the lead comes back by something it does; with `comes_back` this must hold then as well, and a rule
    in it counts by what the lead did since.
    """

    code: Name
    text: Text
    returns_to: Name | None = None
    cool_down: Seconds | None = None
    comes_back: Condition | None = None
    never: YesNo = False

    @model_validator(mode="after")
    def one_way(self) -> Self:
        if self.never and (self.cool_down is not None or self.comes_back is not None):
            raise MisplacedError((("never",), "stands beside cool_down or comes_back; write the one or the other"))
        if not self.never and self.cool_down is None:
            raise MisplacedError(
                (("cool_down",), "is missing; write how long the lead does not qualify, or never: true")
            )
        return self

    def compiled(self) -> dict[str, Any]:
        return {
            "code": self.code, "text": self.text, "returns_to": self.returns_to,
            "cool_down_seconds": self.cool_down or 0, "never": self.never,
        }  # fmt: skip


class Team(Section):
    """What a team of owners has to itself."""

    channel: Text


class Handoff(Section):
    """Who gets a qualified lead, by when they must act, and why they may send it back."""

    channel: Text
    tells: Literal["channel", "owner", "both"] = "channel"
    teams: Annotated[dict[Name, Team], Field(max_length=100)] = {}
    owners: Annotated[list[Owner], Field(min_length=1, max_length=300)]
    manager: Rep
    leaders: Annotated[list[Rep], Field(max_length=10)] = []
    calendar: Calendar
    calendars: Annotated[dict[Name, Calendar], Field(max_length=100)] = {}
    clocks: Clocks
    accounts: Annotated[list[Account], Field(max_length=300)] = []
    routing: Annotated[list[Route], Field(max_length=100)] = []
    sticky: YesNo = True
    reassign_at_most: Annotated[Whole, Field(ge=1, le=20)] = 2
    reject_reasons: Annotated[list[RejectReason], Field(min_length=1)]
    suggested_step: Prose

    def _people(self) -> Iterator[tuple[Place, Rep]]:
        yield from ((("owners", number), rep) for number, rep in enumerate(self.owners))
        yield ("manager",), self.manager
        yield from ((("leaders", number), rep) for number, rep in enumerate(self.leaders))

    def unknown_names(self) -> Iterator[tuple[Place, str]]:
        """Yield each place within the section that names what is not there, and what to write instead."""
        people: dict[str, tuple[str | int, Rep]] = {}
        for place, rep in self._people():
            group, known = people.setdefault(rep.id, (place[0], rep))
            same = known.who() == rep.who()  # the manager may also be an owner
            if known is not rep and (group == place[0] or not same):
                yield (*place, "id"), f"ids of people must differ; used twice: {rep.id}"
            if rep.calendar is not None and rep.calendar not in self.calendars:
                yield (
                    (*place, "calendar"),
                    f"no calendar is named {rep.calendar!r}; {nearest(rep.calendar, self.calendars)}",
                )
        for name, priority, clock in self.clocks.each():
            for number, step in enumerate(clock.escalate):
                if step.to not in people:
                    yield (
                        ("clocks", name, priority, "escalate", number, "to"),
                        f"nobody has the id {step.to!r}; {nearest(step.to, people)}",
                    )

    def routing_problems(self, profile: Collection[str], lists: Collection[str]) -> Iterator[tuple[Place, str]]:
        """Yield each place within the section where a route or an account could never name anybody, and what to write."""
        owners = {rep.id for rep in self.owners}
        teams = {team for rep in self.owners for team in rep.teams}
        yield from self._account_problems(owners, lists)
        for name in self.teams:
            if name not in teams:
                yield ("teams", name), f"no owner is in the team {name!r}; {nearest(name, teams)}"
        for number, rep in enumerate(self.owners):
            for place, team in enumerate(rep.teams):
                if team in owners:
                    here: Place = ("owners", number, "teams", place)
                    yield here, f"{team} is the id of an owner; give the team another name"
        for number, route in enumerate(self.routing):
            here = ("routing", number)
            if route.to not in owners | teams:
                yield (
                    (*here, "to"),
                    f"no owner and no owner's team is named {route.to!r}; {nearest(route.to, owners | teams)}",
                )
            if not route.where and number < len(self.routing) - 1:
                yield (
                    (*here, "where"),
                    "is missing, so no route after this one is ever taken; write a pattern, or make it the last",
                )
            yield from people_problems(route.where, (*here, "where"), profile, lists)

    def _account_problems(self, owners: Collection[str], lists: Collection[str]) -> Iterator[tuple[Place, str]]:
        for number, account in enumerate(self.accounts):
            here: Place = ("accounts", number)
            if account.owner not in owners:
                yield (*here, "owner"), f"no owner has the id {account.owner!r}; {nearest(account.owner, owners)}"
            for place, name in enumerate(account.lists):
                if name not in lists:
                    yield (*here, "lists", place), f"no list is named {name!r}; {nearest(name, lists)}"

    def comes_back_conditions(self) -> Iterator[tuple[Place, dict[str, Any]]]:
        for number, reason in enumerate(self.reject_reasons):
            if reason.comes_back is not None:
                yield ("reject_reasons", number, "comes_back"), reason.comes_back

    def compiled(self, review_year: int) -> dict[str, Any]:
        """Return the section as plain JSON values; public holidays are those of the years around the review."""
        years = range(review_year - YEARS_BEFORE, review_year + YEARS_AFTER + 1)
        return {
            "channel": self.channel,
            "tells": self.tells,
            "teams": {name: team.model_dump() for name, team in self.teams.items()},
            "owners": [rep.compiled() for rep in self.owners],
            "manager": self.manager.compiled(),
            "leaders": [rep.compiled() for rep in self.leaders],
            "calendar": self.calendar.compiled(years),
            "calendars": {name: each.compiled(years) for name, each in self.calendars.items()},
            "clocks": self.clocks.compiled(),
            "accounts": [each.compiled() for each in self.accounts],
            "routing": [each.model_dump() for each in self.routing],
            "sticky": self.sticky,
            "reassign_at_most": self.reassign_at_most,
            "reject_reasons": [reason.compiled() for reason in self.reject_reasons],
            "suggested_step": self.suggested_step,
        }
