"""What a playbook may say: pydantic models whose errors are written for the person who edits the YAML."""

import hashlib
import json
import re
from datetime import date
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from shared.rules.model import BANDS
from shared.rules.patterns import check_pattern

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}


def _seconds(said: Any) -> int:
    """Read `30 days`, `1 hour`, `0 minutes` as whole seconds."""
    shape = re.fullmatch(r"(\d{1,6}) (second|minute|hour|day|week)s?", said) if isinstance(said, str) else None
    if shape is None:
        raise ValueError(f"{said!r} is no duration; write it as in `30 days`, `1 hour` or `15 minutes`")
    return int(shape[1]) * _UNITS[shape[2]]


def _milli(said: Any) -> int:
    """Read points with at most three decimals as whole milli-points."""
    if isinstance(said, bool) or not isinstance(said, int | float) or abs(said) > 100_000:
        raise ValueError(f"{said!r} is no number of points between -100000 and 100000")
    milli = round(said * 1000)
    if abs(milli - said * 1000) > 1e-6:
        raise ValueError(f"{said!r} has more than three decimals")
    return milli


def _pattern(said: dict[str, Any]) -> dict[str, Any]:
    if said:
        check_pattern(said)
    return said


def _zone(said: str) -> str:
    try:
        ZoneInfo(said)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{said!r} is no time zone; write it as in Europe/Stockholm") from error
    return said


Seconds = Annotated[int, BeforeValidator(_seconds)]
Milli = Annotated[int, BeforeValidator(_milli)]
Pattern = Annotated[dict[str, Any], AfterValidator(_pattern)]
Zone = Annotated[str, AfterValidator(_zone)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Content = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,59}$")]
Text = Annotated[str, Field(min_length=1, max_length=400)]
Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Address = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254)]
Url = Annotated[str, Field(pattern=r"^https?://[^\s<>\"']+$", max_length=500)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Section(BaseModel):
    """A part of the playbook; a key nobody knows is an error, not a silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SignOff(Section):
    name: Text
    on: date


class Agreement(Section):
    """Who signed, what MQL and SQL mean in words, and when it must be looked at again."""

    marketing: SignOff | None = None
    sales: SignOff | None = None
    review_by: date
    mql: Text
    sql: Text


class Counts(Section):
    """How occurrences count; exactly one form, each with a finite memory."""

    once: Literal[True] | None = None
    every: Annotated[int, Field(ge=1, le=50)] | None = None
    per_asset: str | None = None
    per_day: Annotated[int, Field(ge=1, le=20)] | None = None
    most: Annotated[int, Field(ge=1, le=50)] = 10

    @model_validator(mode="after")
    def one_form(self) -> Self:
        if sum(form is not None for form in (self.once, self.every, self.per_asset, self.per_day)) != 1:
            raise ValueError("write exactly one of once, every, per_asset, per_day; `every` needs a number")
        return self

    def compiled(self) -> dict[str, Any]:
        if self.once:
            return {"form": "once", "most": 1}
        if self.every is not None:
            return {"form": "every", "most": self.every}
        if self.per_asset is not None:
            return {"form": "per_asset", "asset": self.per_asset, "most": self.most}
        return {"form": "per_day", "a_day": self.per_day, "most": self.most}


class Decay(Section):
    """How a fact's points fade; leave the whole section out for points that stay."""

    half_life: Seconds | None = None
    expires: Seconds | None = None

    @model_validator(mode="after")
    def positive(self) -> Self:
        if not (self.half_life or self.expires):
            raise ValueError("write half_life, expires or both, longer than 0; leave decay out for points that stay")
        return self


class FitRule(Section):
    id: Name
    label: Text
    where: Pattern
    points: Milli


class EngagementRule(Section):
    id: Name
    label: Text
    on: Annotated[list[Text], Field(min_length=1)] | Text
    where: Pattern = {}
    points: Milli
    counts: Counts
    decay: Decay | None = None
    cap: Milli | None = None
    group: Name | None = None

    @model_validator(mode="after")
    def worth_something(self) -> Self:
        if self.points == 0:
            raise ValueError("points must not be 0")
        if self.cap is not None and self.cap <= 0:
            raise ValueError("cap is a positive number of points, also for penalties")
        return self

    def compiled(self) -> dict[str, Any]:
        on = [self.on] if isinstance(self.on, str) else list(self.on)
        matching = {"on": on, "where": self.where, "counts": self.counts.compiled()}
        digest = hashlib.sha256(json.dumps(matching, sort_keys=True).encode()).hexdigest()[:6]
        return {
            "id": self.id,
            "label": self.label,
            "filing": f"{self.id}.{digest}",
            "points": self.points,
            "cap": self.cap,
            "group": self.group,
            "decay": None
            if self.decay is None
            else {"half_life_seconds": self.decay.half_life, "expires_seconds": self.decay.expires},
            **matching,
        }


class Group(Section):
    label: Text
    cap: Milli


class InactivityStep(Section):
    days: Annotated[int, Field(ge=1, le=390)]
    points: Milli


class Bands(Section):
    engaged: Milli
    sales_ready: Milli
    hysteresis: Milli = 0

    @model_validator(mode="after")
    def rising(self) -> Self:
        if not 0 < self.engaged < self.sales_ready:
            raise ValueError("thresholds rise: 0 < engaged < sales_ready")
        if not 0 <= self.hysteresis < self.engaged:
            raise ValueError("hysteresis lies between 0 and the engaged threshold")
        return self


class Qualification(Section):
    """MQL as a condition, and what makes it urgent."""

    mql: dict[str, Any]
    high_priority: dict[str, Any]


class Scoring(Section):
    activity: Annotated[list[Text], Field(min_length=1)]
    profile: dict[Name, list[str]]
    fit: list[FitRule] = []
    engagement: Annotated[list[EngagementRule], Field(min_length=1, max_length=200)]
    groups: dict[Name, Group] = {}
    inactivity: list[InactivityStep] = []
    bands: Bands
    grades: dict[Literal["A", "B", "C"], Milli]
    levels: Annotated[list[Milli], Field(min_length=3, max_length=3)]
    refused: list[Literal["unsure", "machine"]] = ["machine"]
    qualification: Qualification

    @model_validator(mode="after")
    def consistent(self) -> Self:
        ids = [rule.id for rule in self.fit] + [rule.id for rule in self.engagement]
        twice = sorted({each for each in ids if ids.count(each) > 1})
        if twice:
            raise ValueError(f"rule ids must differ; used twice: {', '.join(twice)}")
        for rule in self.engagement:
            if rule.group is not None and rule.group not in self.groups:
                raise ValueError(f"rule {rule.id}: group {rule.group} is not among groups")
        for name in ("mql", "high_priority"):
            _check_condition(getattr(self.qualification, name), set(ids), f"qualification.{name}")
        days = [step.days for step in self.inactivity]
        if days != sorted(set(days)):
            raise ValueError("inactivity steps rise in days")
        return self

    def compiled(self) -> dict[str, Any]:
        rules = [rule.compiled() for rule in self.engagement]
        filings = json.dumps(sorted(rule["filing"] for rule in rules))
        return {
            "filed": hashlib.sha256(filings.encode()).hexdigest()[:8],
            "activity": self.activity,
            "profile": self.profile,
            "fit": [rule.model_dump() for rule in self.fit],
            "engagement": rules,
            "groups": {name: group.model_dump() for name, group in self.groups.items()},
            "inactivity": [step.model_dump() for step in self.inactivity],
            "bands": {BANDS[0]: 0, "engaged": self.bands.engaged, "sales_ready": self.bands.sales_ready},
            "hysteresis": self.bands.hysteresis,
            "grades": self.grades,
            "levels": self.levels,
            "refused": self.refused,
            "qualification": {
                name: _compiled_condition(getattr(self.qualification, name)) for name in ("mql", "high_priority")
            },
        }


def _check_condition(said: Any, rules: set[str], path: str) -> None:
    forms = ("any", "all", "score_at_least", "rule", "band", "grade")
    if not isinstance(said, dict) or len(said) != 1 or next(iter(said)) not in forms:
        raise ValueError(f"{path}: a condition is exactly one of {', '.join(forms)}")
    ((form, wanted),) = said.items()
    if form in ("any", "all"):
        if not isinstance(wanted, list) or not wanted:
            raise ValueError(f"{path}.{form}: must be a list of conditions that is not empty")
        for number, each in enumerate(wanted):
            _check_condition(each, rules, f"{path}.{form}[{number}]")
    elif form == "score_at_least":
        _milli(wanted)
    elif form == "rule" and wanted not in rules:
        raise ValueError(f"{path}.rule: no rule is named {wanted!r}")
    elif form in ("band", "grade"):
        allowed = set(BANDS) if form == "band" else set("ABCD")
        if not isinstance(wanted, list) or not wanted or not set(wanted) <= allowed:
            raise ValueError(f"{path}.{form}: must be a list of {', '.join(sorted(allowed))}")


def _compiled_condition(said: dict[str, Any]) -> dict[str, Any]:
    ((form, wanted),) = said.items()
    if form in ("any", "all"):
        return {form: [_compiled_condition(each) for each in wanted]}
    return {form: _milli(wanted) if form == "score_at_least" else wanted}


class Rep(Section):
    id: Name
    name: Text
    email: Address
    slack: Annotated[str, Field(pattern=r"^[UW][A-Z0-9]{2,20}$")] | None = None


class Calendar(Section):
    zone: Zone
    days: Annotated[list[Weekday], Field(min_length=1)]
    opens: Clock
    closes: Clock

    @model_validator(mode="after")
    def opens_first(self) -> Self:
        if not self.opens < self.closes:
            raise ValueError("opens must be before closes: a calendar without working hours stops every clock for ever")
        return self


class SlaClock(Section):
    within: Seconds
    time: Literal["business", "calendar"]
    warn_before: Seconds

    @model_validator(mode="after")
    def warns_in_time(self) -> Self:
        if not self.warn_before < self.within:
            raise ValueError("warn_before must be shorter than within, or the warning would come with the lead")
        return self

    def compiled(self) -> dict[str, Any]:
        return {"within_seconds": self.within, "time": self.time, "warn_before_seconds": self.warn_before}


class ClockPair(Section):
    high: SlaClock
    standard: SlaClock


class RejectReason(Section):
    code: Name
    text: Text
    returns_to: Name | None = None
    cool_down: Seconds


class Handoff(Section):
    channel: Text
    owners: Annotated[list[Rep], Field(min_length=1)]
    manager: Rep
    calendar: Calendar
    clocks: dict[Literal["contact", "decide"], ClockPair]
    reject_reasons: Annotated[list[RejectReason], Field(min_length=1)]
    suggested_step: Text

    def compiled(self) -> dict[str, Any]:
        return {
            "channel": self.channel,
            "owners": [rep.model_dump() for rep in self.owners],
            "manager": self.manager.model_dump(),
            "calendar": self.calendar.model_dump(),
            "clocks": {
                name: {"high": pair.high.compiled(), "standard": pair.standard.compiled()}
                for name, pair in self.clocks.items()
            },
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
    content: Content
    delay: Seconds


class Track(Section):
    label: Text
    bands: Annotated[list[Literal["early", "engaged", "sales_ready"]], Field(min_length=1)]
    cool_down: Seconds
    steps: Annotated[list[Step], Field(min_length=1, max_length=50)]

    def compiled(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "bands": list(self.bands),
            "cool_down_seconds": self.cool_down,
            "steps": [{"content": step.content, "delay_seconds": step.delay} for step in self.steps],
        }


class Quiet(Section):
    """Quiet hours in the recipient's zone; `from` after `to` crosses midnight."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    start: Clock = Field(alias="from")
    end: Clock = Field(alias="to")


class Caps(Section):
    day: Annotated[int, Field(ge=1)]
    week: Annotated[int, Field(ge=1)]
    month: Annotated[int, Field(ge=1, le=40)]


class Mail(Section):
    """Who mails, when, how often, on what consent, and the pages that mails link to by name."""

    from_name: Text
    reply_to: Address
    postal_address: Text
    zone: Zone
    quiet: Quiet
    days: Annotated[list[Weekday], Field(min_length=1)]
    caps: Caps
    consent: Literal["opt_in", "implied"]
    links: dict[Name, Url] = {}


class Playbook(Section):
    """The whole agreement."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
    agreement: Agreement
    scoring: Scoring
    handoff: Handoff
    tracks: dict[Name, Track] = {}
    mail: Mail

    @model_validator(mode="after")
    def names_exist(self) -> Self:
        for reason in self.handoff.reject_reasons:
            if reason.returns_to is not None and reason.returns_to not in self.tracks:
                raise ValueError(f"reject reason {reason.code}: no track is named {reason.returns_to!r}")
        return self

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
