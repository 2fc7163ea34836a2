"""The scoring part of a playbook: rules, how they count and fade, bands, and what makes a lead MQL."""

import hashlib
import json
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from shared.playbook_types import Milli, Name, Pattern, Seconds, Section, Text, Whole, milli
from shared.rules.model import BANDS


class Window(Section):
    """So many distinct occurrences within so long, as of now; worth the points once while it holds."""

    n: Annotated[Whole, Field(ge=2, le=50)]
    within: Seconds
    distinct: Literal["event", "asset", "day"] = "event"
    asset: str | None = None

    @model_validator(mode="after")
    def names_its_asset(self) -> Self:
        if (self.distinct == "asset") != (self.asset is not None):
            raise ValueError("write asset, as in properties.path, with `distinct: asset` and only then")
        if not self.within:
            raise ValueError("within must be longer than 0")
        return self


class Missing(Section):
    """What should follow within so long, for the same asset, and did not: registered, and did not attend."""

    on: Annotated[list[Text], Field(min_length=1)] | Text
    where: Pattern = {}
    within: Seconds
    asset: str


class Counts(Section):
    """How occurrences count; exactly one form, each with a finite memory."""

    once: Literal[True] | None = None
    every: Annotated[Whole, Field(ge=1, le=50)] | None = None
    per_asset: str | None = None
    per_day: Annotated[Whole, Field(ge=1, le=20)] | None = None
    count: Window | None = None
    missing: Missing | None = None
    most: Annotated[Whole, Field(ge=1, le=50)] = 10

    @model_validator(mode="after")
    def one_form(self) -> Self:
        forms = (self.once, self.every, self.per_asset, self.per_day, self.count, self.missing)
        if sum(form is not None for form in forms) != 1:
            raise ValueError(
                "write exactly one of once, every, per_asset, per_day, count, missing; `every` needs a number, because a "
                "lead remembers a finite number of occurrences"
            )
        return self

    def compiled(self) -> dict[str, Any]:
        if self.once:
            return {"form": "once", "most": 1}
        if self.every is not None:
            return {"form": "every", "most": self.every}
        if self.per_day is not None:
            return {"form": "per_day", "a_day": self.per_day, "most": self.most}
        if self.count is not None:
            said = {"distinct": self.count.distinct, "within": self.count.within, "asset": self.count.asset}
            return {"form": "count", "most": self.count.n, **said}
        if self.missing is not None:
            on = [self.missing.on] if isinstance(self.missing.on, str) else list(self.missing.on)
            said = {"within": self.missing.within, "asset": self.missing.asset}
            return {"form": "missing", "most": self.most, "answer": {"on": on, "where": self.missing.where}, **said}
        return {"form": "per_asset", "asset": self.per_asset, "most": self.most}


class Decay(Section):
    """How a fact's points fade; leave the whole section out for points that stay."""

    half_life: Seconds | None = None
    expires: Seconds | None = None
    percent: Annotated[Whole, Field(ge=1, le=100)] | None = None
    every: Seconds | None = None

    @model_validator(mode="after")
    def one_way(self) -> Self:
        if not (self.half_life or self.expires or self.percent):
            raise ValueError("write half_life, expires, or percent with every; leave decay out for points that stay")
        if (self.percent is None) != (not self.every):
            raise ValueError("percent and every go together, as in {percent: 25, every: 30 days}")
        if self.half_life and self.percent:
            raise ValueError("points fade by half_life or by percent, not by both")
        return self

    def compiled(self) -> dict[str, Any]:
        return {
            "half_life_seconds": self.half_life,
            "expires_seconds": self.expires,
            "percent": self.percent,
            "period_seconds": self.every,
        }


class Exclusion(Section):
    """Who is never scored or handed over: own staff, competitors; the label says why."""

    id: Name
    label: Text
    where: Pattern


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
    after_silence: Annotated[Whole, Field(ge=1, le=390)] | None = None
    cap: Milli | None = None
    day_cap: Milli | None = None
    group: Name | None = None

    @model_validator(mode="after")
    def worth_something(self) -> Self:
        if self.points == 0:
            raise ValueError("points must not be 0")
        if any(cap is not None and cap <= 0 for cap in (self.cap, self.day_cap)):
            raise ValueError("caps are positive numbers of points, also for penalties")
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
            "day_cap": self.day_cap,
            "after_silence": self.after_silence,
            "decay": None if self.decay is None else self.decay.compiled(),
            **matching,
        }


class Group(Section):
    label: Text
    cap: Milli


class InactivityStep(Section):
    days: Annotated[Whole, Field(ge=1, le=390)]
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
    exclusions: list[Exclusion] = []
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
        ids += [each.id for each in self.exclusions]
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
            "exclusions": [each.model_dump() for each in self.exclusions],
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
        milli(wanted)
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
    return {form: milli(wanted) if form == "score_at_least" else wanted}
