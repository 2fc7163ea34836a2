"""The scoring part of a playbook: rules, lists, exclusions, bands, and what makes a lead MQL."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema, model_validator

from shared.mail_domains import known_list
from shared.playbook_counting import EngagementRule
from shared.playbook_types import (
    Gain,
    Milli,
    MisplacedError,
    Name,
    Pattern,
    Place,
    Section,
    Text,
    Texts,
    Whole,
    milli,
    nearest,
    top_level,
)
from shared.rules.model import BANDS, DERIVED, GRADES

TOUCHES = {"first_touch": ("source", "medium", "campaign"), "last_touch": ("source", "medium", "campaign")}
"""What a touch says; its texts are kept in small letters."""

LOWER = frozenset({"mail_domain", "mailbox"})
"""Derived fields whose texts are in small letters."""

OURS = frozenset({"address", "consent", "sales", "email", "mail_domain", "mailbox", "lists", *TOUCHES})
"""Fields the application fills itself; a playbook cannot give them other meanings."""

LISTED = ("mail_domain", "mailbox")
"""Fields besides the profile's that a list can look at."""

LINES = frozenset({"inactivity", "floor", "adjustment"})
"""Ids that lines of an explanation bear without any rule."""

FORMS = ("any", "all", "score_at_least", "rule", "band", "grade")


class FitRule(Section):
    """Points for who somebody is; they never fade."""

    id: Name
    label: Text
    where: Pattern
    points: Milli

    @model_validator(mode="after")
    def asks_something(self) -> Self:
        _asks_something(self.where)
        if self.points == 0:
            raise MisplacedError((("points",), "must not be 0; leave the rule out, or write the points it is worth"))
        return self


class Exclusion(Section):
    """
    Who is not handed over: own staff, competitors; the label says why.

    By profile (`where`) or because an engagement rule holds (`rule`). `zero` makes the score 0; `block` leaves it.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"oneOf": [{"required": ["where"]}, {"required": ["rule"]}]}
    )
    id: Name
    label: Text
    where: Pattern | None = None
    rule: Name | None = None
    effect: Literal["zero", "block"] = "zero"

    @model_validator(mode="after")
    def one_reason(self) -> Self:
        if (self.where is None) == (self.rule is None):
            raise ValueError("write either where (a pattern of the profile) or rule (an engagement rule that holds)")
        if self.where is not None:
            _asks_something(self.where)
        return self

    def compiled(self) -> dict[str, Any]:
        return {**self.model_dump(), "where": self.where or {}}


def _asks_something(where: dict[str, Any]) -> None:
    if not where:
        raise MisplacedError(
            (("where",), "must ask for something, or it holds for everybody; write a field and its values")
        )


class KnownList(Section):
    """Values that a field of the profile is compared with, without case: written out, or a list we know by name."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"oneOf": [{"required": ["values"]}, {"required": ["known"]}]}
    )
    field: Text
    values: Annotated[list[Text], Field(min_length=1)] | None = None
    known: Literal["free_mail", "disposable", "role_address"] | None = None

    @model_validator(mode="after")
    def one_origin(self) -> Self:
        if (self.values is None) == (self.known is None):
            raise ValueError("write either values (a list of texts) or known (free_mail, disposable or role_address)")
        return self

    def compiled(self) -> dict[str, Any]:
        values: Iterable[str] = self.values or ()
        if self.known is not None:
            values = known_list(self.known)
        return {"field": self.field, "values": sorted({value.lower() for value in values})}


class Group(Section):
    """Rules whose gains together are worth `cap` at most."""

    label: Text
    cap: Gain


class InactivityStep(Section):
    """Points lost once nothing was active for so many days; a later step replaces the earlier."""

    days: Annotated[Whole, Field(ge=1, le=390)]
    points: Milli

    @model_validator(mode="after")
    def costs(self) -> Self:
        if self.points >= 0:
            raise MisplacedError((("points",), "must be below 0: silence earns nothing; write a negative number"))
        return self


class Bands(Section):
    """Points at which a band is entered; it is left `hysteresis` points lower."""

    engaged: Milli
    sales_ready: Milli
    hysteresis: Milli = 0

    @model_validator(mode="after")
    def rising(self) -> Self:
        if not 0 < self.engaged < self.sales_ready:
            raise MisplacedError((("engaged",), "thresholds rise: write 0 < engaged < sales_ready"))
        if not 0 <= self.hysteresis < self.engaged:
            raise MisplacedError((("hysteresis",), "must lie between 0 and the engaged threshold"))
        return self


class Grades(Section):
    """Points of fit at which a grade begins; below C is D."""

    A: Milli
    B: Milli
    C: Milli

    @model_validator(mode="after")
    def falling(self) -> Self:
        for better, worse in (("A", "B"), ("B", "C")):
            if not getattr(self, better) > getattr(self, worse):
                raise MisplacedError(((worse,), f"grades fall: write {better} higher than {worse}"))
        return self


class Quadrant(Section):
    """Which grades count as high fit and which levels as high engagement."""

    grades: Annotated[list[Literal["A", "B", "C", "D"]], Field(min_length=1, max_length=3)] = ["A", "B"]
    levels: Annotated[list[Literal[1, 2, 3, 4]], Field(min_length=1, max_length=3)] = [1, 2]

    @model_validator(mode="after")
    def both_halves(self) -> Self:
        if "".join(sorted(self.grades)) not in ("A", "AB", "ABC"):
            raise MisplacedError((("grades",), "must be the best grades without a gap, as in [A, B]"))
        if sorted(self.levels) not in ([1], [1, 2], [1, 2, 3]):
            raise MisplacedError((("levels",), "must be the best levels without a gap, as in [1, 2]"))
        return self


def _condition(said: dict[str, Any]) -> dict[str, Any]:
    problems = list(_condition_problems(said, ()))
    if problems:
        raise MisplacedError(*problems)
    return said


def _condition_problems(said: Any, place: Place) -> Iterator[tuple[Place, str]]:
    if not isinstance(said, dict) or len(said) != 1:
        yield place, f"a condition is exactly one of {', '.join(FORMS)}, as in {{score_at_least: 75}}"
        return
    ((form, wanted),) = said.items()
    here = (*place, form)
    if form not in FORMS:
        yield here, f"is no condition; {nearest(str(form), FORMS)}"
    elif form in ("any", "all"):
        if not isinstance(wanted, list) or not wanted:
            yield here, f"must be a list of conditions that is not empty, as in {form}: [{{score_at_least: 75}}]"
            return
        for number, each in enumerate(wanted):
            yield from _condition_problems(each, (*here, number))
    elif form == "score_at_least":
        yield from _threshold_problems(wanted, here)
    elif form == "rule":
        if not isinstance(wanted, str):
            yield here, "must be the id of a rule"
    else:
        allowed = BANDS if form == "band" else GRADES
        if not isinstance(wanted, list) or not wanted or not all(each in allowed for each in wanted):
            yield here, f"must be a list of {', '.join(allowed)}"


def _threshold_problems(wanted: Any, place: Place) -> Iterator[tuple[Place, str]]:
    try:
        if milli(wanted) <= 0:
            yield place, "must be above 0, or everybody would qualify"
    except ValueError as error:
        yield place, str(error)


def _rules_in(said: dict[str, Any], place: Place) -> Iterator[tuple[Place, str]]:
    ((form, wanted),) = said.items()
    if form in ("any", "all"):
        for number, each in enumerate(wanted):
            yield from _rules_in(each, (*place, form, number))
    elif form == "rule":
        yield (*place, form), wanted


def _compiled_condition(said: dict[str, Any]) -> dict[str, Any]:
    ((form, wanted),) = said.items()
    if form in ("any", "all"):
        return {form: [_compiled_condition(each) for each in wanted]}
    return {form: milli(wanted) if form == "score_at_least" else wanted}


Condition = Annotated[
    dict[str, Any], AfterValidator(_condition), WithJsonSchema({"type": "object", "title": "condition"})
]


class Qualification(Section):
    """MQL as a condition, and what makes it urgent."""

    mql: Condition
    high_priority: Condition


class Scoring(Section):
    """Who earns how many points for what, and what follows from a score."""

    activity: Texts
    profile: dict[Name, Texts]
    lists: dict[Name, KnownList] = {}
    exclusions: list[Exclusion] = []
    fit: list[FitRule] = []
    engagement: Annotated[list[EngagementRule], Field(min_length=1, max_length=200)]
    groups: dict[Name, Group] = {}
    inactivity: list[InactivityStep] = []
    triggers: list[Name] = []
    bands: Bands
    grades: Grades
    levels: Annotated[list[Milli], Field(min_length=3, max_length=3)]
    quadrant: Quadrant = Quadrant()
    refused: list[Literal["unsure", "machine"]] = ["machine"]
    qualification: Qualification

    @model_validator(mode="after")
    def consistent(self) -> Self:
        problems = [
            *self._ids(),
            *self._references(),
            *self._fields(),
            *self._patterns(),
            *self._order(),
        ]
        if problems:
            raise MisplacedError(*problems)
        return self

    @property
    def touches(self) -> bool:
        """Whether a pattern looks at the first or the last touch: only then do leads keep them."""
        return any(place[-1] in TOUCHES for each in self._profile_patterns() for place, _ in top_level(each[1]))

    def _profile_patterns(self) -> Iterator[tuple[Place, dict[str, Any]]]:
        for number, rule in enumerate(self.fit):
            yield ("fit", number, "where"), rule.where
        for number, each in enumerate(self.exclusions):
            if each.where is not None:
                yield ("exclusions", number, "where"), each.where

    def _ids(self) -> Iterator[tuple[Place, str]]:
        seen: set[str] = set()
        for part in ("exclusions", "fit", "engagement"):
            for number, each in enumerate(getattr(self, part)):
                if each.id in seen:
                    yield (part, number, "id"), f"rule ids must differ; used twice: {each.id}"
                elif each.id in LINES or each.id in self.groups:
                    yield (part, number, "id"), f"{each.id} names another line of the explanation; write another id"
                seen.add(each.id)

    def _references(self) -> Iterator[tuple[Place, str]]:
        counting = {rule.id for rule in self.engagement}
        every = counting | {rule.id for rule in self.fit}
        for number, rule in enumerate(self.engagement):
            if rule.group is not None and rule.group not in self.groups:
                yield (
                    ("engagement", number, "group"),
                    f"group {rule.group} is not among groups; {nearest(rule.group, self.groups)}",
                )
        for number, each in enumerate(self.exclusions):
            if each.rule is not None and each.rule not in counting:
                yield (
                    ("exclusions", number, "rule"),
                    f"no engagement rule is named {each.rule!r}; {nearest(each.rule, counting)}",
                )
        for number, trigger in enumerate(self.triggers):
            if trigger not in counting:
                yield ("triggers", number), f"no engagement rule is named {trigger!r}; {nearest(trigger, counting)}"
        for name in ("mql", "high_priority"):
            for place, wanted in _rules_in(getattr(self.qualification, name), ("qualification", name)):
                if wanted not in every:
                    yield place, f"no rule is named {wanted!r}; {nearest(wanted, every)}"

    def _fields(self) -> Iterator[tuple[Place, str]]:
        for name in self.profile:
            if name in OURS:
                yield ("profile", name), "is a field the application fills itself; leave it out, or write another name"
        for name, said in self.lists.items():
            if said.field not in LISTED and said.field not in self.profile:
                known = {*self.profile, *LISTED}
                yield ("lists", name, "field"), f"no field is named {said.field!r}; {nearest(said.field, known)}"

    def _patterns(self) -> Iterator[tuple[Place, str]]:
        known = {*self.profile, "email", *DERIVED, *TOUCHES}
        for before, where in self._profile_patterns():
            for inside, wanted in top_level(where):
                place, name = (*before, *inside), str(inside[-1])
                if name not in known:
                    yield place, f"no field is named {name!r}; {nearest(name, known)}"
                elif name in TOUCHES:
                    yield from _touch_problems(place, wanted, TOUCHES[name])
                elif isinstance(wanted, dict):
                    yield place, f"{name} has no parts; values stand in a list, as in {{{name}: [...]}}"
                elif name == "lists":
                    yield from self._list_problems(place, wanted)
                elif name in LOWER:
                    yield from _case_problems(place, wanted)

    def _list_problems(self, place: Place, wanted: list[Any]) -> Iterator[tuple[Place, str]]:
        for number, said in enumerate(_texts(wanted)):
            if said not in self.lists:
                yield (*place, number), f"no list is named {said!r}; {nearest(said, self.lists)}"

    def _order(self) -> Iterator[tuple[Place, str]]:
        for number, (shorter, longer) in enumerate(pairwise(self.inactivity), start=1):
            if not shorter.days < longer.days:
                yield ("inactivity", number, "days"), "inactivity steps rise in days: write the shorter silence first"
        for number, (higher, lower) in enumerate(pairwise(self.levels), start=1):
            if not higher > lower:
                yield ("levels", number), "levels fall: write the threshold of level 1, the highest, first"
        for number, rule in enumerate(self.engagement):
            idle = sorted(set(rule.on) - set(self.activity))
            if rule.after_silence is not None and idle:
                text = (
                    f"{idle[0]} is no activity, so each would come after the same silence; add it to scoring.activity"
                )
                yield ("engagement", number, "on"), text

    def compiled(self) -> dict[str, Any]:
        rules = [rule.compiled() for rule in self.engagement]
        kept = {
            "filings": sorted(rule["filing"] for rule in rules),
            "profile": self.profile,
            "activity": sorted(self.activity),
            "touches": self.touches,
        }
        return {
            "filed": hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:8],
            "activity": self.activity,
            "profile": self.profile,
            "lists": {name: said.compiled() for name, said in self.lists.items()},
            "touches": self.touches,
            "exclusions": [each.compiled() for each in self.exclusions],
            "fit": [rule.model_dump() for rule in self.fit],
            "engagement": rules,
            "groups": {name: group.model_dump() for name, group in self.groups.items()},
            "inactivity": [step.model_dump() for step in self.inactivity],
            "triggers": self.triggers,
            "bands": {BANDS[0]: 0, "engaged": self.bands.engaged, "sales_ready": self.bands.sales_ready},
            "hysteresis": self.bands.hysteresis,
            "grades": self.grades.model_dump(),
            "levels": self.levels,
            "quadrant": {"grades": sorted(self.quadrant.grades), "levels": sorted(self.quadrant.levels)},
            "refused": self.refused,
            "qualification": {
                name: _compiled_condition(getattr(self.qualification, name)) for name in ("mql", "high_priority")
            },
        }


def _texts(wanted: list[Any]) -> Iterator[str]:
    """Return the texts that a field's conditions compare the whole value with."""
    for condition in wanted:
        if isinstance(condition, str):
            yield condition
        elif isinstance(condition, dict) and isinstance(refused := condition.get("anything-but"), str | list):
            yield from (each for each in ([refused] if isinstance(refused, str) else refused) if isinstance(each, str))


def _case_problems(place: Place, wanted: list[Any]) -> Iterator[tuple[Place, str]]:
    for said in _texts(wanted):
        if said != said.lower():
            yield place, f"{said!r} can never match: this field is kept in small letters; write {said.lower()}"


def _touch_problems(place: Place, wanted: Any, parts: tuple[str, ...]) -> Iterator[tuple[Place, str]]:
    if not isinstance(wanted, dict):
        yield place, f"a touch has parts; write one of {', '.join(parts)} under it, as in {{source: [google]}}"
        return
    for inside, said in top_level(wanted):
        if inside[-1] not in parts or isinstance(said, dict):
            yield (*place, *inside), f"a touch has no such part; {nearest(str(inside[-1]), parts)}"
        else:
            yield from _case_problems((*place, *inside), said)
