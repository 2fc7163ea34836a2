"""What a playbook may say: pydantic models whose errors are written for the person who edits the YAML."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from shared.forms import FORM_NAME
from shared.playbook_bots import BotRules
from shared.playbook_conditions import compiled_condition, rules_in
from shared.playbook_forms import Form
from shared.playbook_handoff import Handoff, Weekdays
from shared.playbook_scoring import Scoring, short_hash
from shared.playbook_types import (
    Address,
    Clock,
    Content,
    Day,
    MisplacedError,
    Name,
    Prose,
    Seconds,
    Section,
    Slug,
    Text,
    Url,
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


class Agreement(Section):
    """Who signed, what MQL and SQL mean in words, and when it must be looked at again."""

    marketing: SignOff | None = None
    sales: SignOff | None = None
    review_by: Day
    mql: Prose
    sql: Prose


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
    bots: BotRules = Field(default_factory=BotRules)
    forms: Annotated[dict[Annotated[str, Field(pattern=FORM_NAME)], Form], Field(max_length=100)] = {}

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
        yield from ((("handoff", *place), text) for place, text in self.handoff.unknown_names())
        routing = self.handoff.routing_problems(self.scoring.profile, self.scoring.lists)
        yield from ((("handoff", *place), text) for place, text in routing)
        rules = {rule.id for rule in self.scoring.engagement} | {rule.id for rule in self.scoring.fit}
        for at, condition in self.handoff.comes_back_conditions():
            for inside, wanted in rules_in(condition, ()):
                if wanted not in rules:
                    yield ("handoff", *at, *inside), f"no rule is named {wanted!r}; {nearest(wanted, rules)}"
        yield from self._unknown_fields()

    def _unknown_fields(self) -> Iterator[tuple[Place, str]]:
        for name, form in self.forms.items():
            for inside, text in form.unknown_targets(self.scoring.profile):
                yield ("forms", name, *inside), text

    @property
    def contents(self) -> set[str]:
        """Names of the mails its tracks send."""
        return {step.content for track in self.tracks.values() for step in track.steps}

    def compiled(self) -> dict[str, Any]:
        """Return the playbook as plain JSON values: points in milli-points, durations in seconds."""
        scoring = self.scoring.compiled()
        scoring["filed"] = short_hash([scoring["filed"], self.bots.filing])
        reasons = self.handoff.reject_reasons
        scoring["cool_downs"] = {reason.code: reason.cool_down or 0 for reason in reasons}
        if never := [reason.code for reason in reasons if reason.never]:
            scoring["never"] = never
        if comes_back := {each.code: compiled_condition(each.comes_back) for each in reasons if each.comes_back}:
            scoring["comes_back"] = comes_back
        return {
            "agreement": self.agreement.model_dump(mode="json"),
            "scoring": scoring,
            "handoff": self.handoff.compiled(self.agreement.review_by.year),
            "tracks": {name: track.compiled() for name, track in self.tracks.items()},
            "mail": self.mail.model_dump(by_alias=True),
            "bots": self.bots.compiled(),
            **({"forms": self._compiled_forms()} if self.forms else {}),
        }

    def _compiled_forms(self) -> dict[str, Any]:
        return {name: form.compiled(self.scoring.profile) for name, form in self.forms.items()}
