"""The scoring part of a playbook: rules, lists, exclusions, bands, and what makes a lead MQL."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from shared.mail_domains import known_list
from shared.playbook_conditions import Qualification
from shared.playbook_counting import EngagementRule
from shared.playbook_fields import LISTED, OURS, TOUCHES, list_problems, people_problems
from shared.playbook_types import (
    Days,
    Gain,
    Milli,
    MisplacedError,
    Name,
    Pattern,
    Section,
    Text,
    Texts,
    each_once,
    nearest,
    top_level,
)
from shared.rules.bots import VISIT_JUDGED
from shared.rules.facts import SCORE_ADJUSTED
from shared.rules.model import BANDS
from shared.rules.patterns import Place

FACTS_MOST = 1000
"""Most facts that all rules together may remember of a lead: about a hundred kilobytes of the 400 an item can have."""

LINES = frozenset({"inactivity", "floor", "adjustment"})
"""Ids that lines of an explanation bear without any rule."""


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

    days: Annotated[Days, Field(ge=1, le=390)]
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
    triggers: Annotated[list[Name], Field(max_length=10), AfterValidator(each_once)] = []
    bands: Bands
    grades: Grades
    levels: Annotated[list[Milli], Field(min_length=3, max_length=3)]
    quadrant: Quadrant = Quadrant()
    refused: list[Literal["unsure", "machine"]] = ["machine"]
    qualification: Qualification

    @model_validator(mode="after")
    def consistent(self) -> Self:
        problems = [
            *(list(self._ids()) or self._references()),  # an id that stands twice hides another
            *self._events(),
            *self._fields(),
            *self._order(),
            *self._memory(),
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
        for place, wanted in self.qualification.rules():
            if wanted not in every:
                yield ("qualification", *place), f"no rule is named {wanted!r}; {nearest(wanted, every)}"

    def _fields(self) -> Iterator[tuple[Place, str]]:
        for name in self.profile:
            if name in OURS:
                yield ("profile", name), "is a field the application fills itself; leave it out, or write another name"
        for name, said in self.lists.items():
            if said.field not in LISTED and said.field not in self.profile:
                known = {*self.profile, *LISTED}
                yield ("lists", name, "field"), f"no field is named {said.field!r}; {nearest(said.field, known)}"
            yield from list_problems(("lists", name), said.field, said.values, said.known)
        for place, where in self._profile_patterns():
            yield from people_problems(where, place, self.profile, self.lists)

    def _events(self) -> Iterator[tuple[Place, str]]:
        """Yield where points given by hand are taken for something a lead did."""
        named: list[tuple[Place, list[str]]] = [(("activity",), self.activity)]
        for number, rule in enumerate(self.engagement):
            named.append((("engagement", number, "on"), rule.on))
            if rule.counts.missing is not None:
                named.append((("engagement", number, "counts", "missing", "on"), rule.counts.missing.on))
        for place, names in named:
            if SCORE_ADJUSTED in names:
                text = f"{SCORE_ADJUSTED} is nothing a lead does: its points count by themselves; leave it out"
                yield (*place, names.index(SCORE_ADJUSTED)), text
            if VISIT_JUDGED in names:
                text = f"{VISIT_JUDGED} is nothing a lead does: it tells who was at work; leave it out"
                yield (*place, names.index(VISIT_JUDGED)), text

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

    def _memory(self) -> Iterator[tuple[Place, str]]:
        kept = {rule.id: rule.memory for rule in self.engagement}
        if sum(kept.values()) > FACTS_MOST:
            largest = ", ".join(f"{rule} {kept[rule]}" for rule in sorted(kept, key=lambda rule: -kept[rule])[:3])
            text = (
                f"the rules remember {sum(kept.values())} facts of a lead, which is one small item: at most {FACTS_MOST} "
                f"fit; lower every, most or n (the largest: {largest})"
            )
            yield ("engagement",), text

    def compiled(self) -> dict[str, Any]:
        rules = [rule.compiled() for rule in self.engagement]
        kept = {
            "filings": sorted(rule["filing"] for rule in rules),
            "profile": self.profile,
            "activity": sorted(self.activity),
            "touches": self.touches,
        }
        return {
            "filed": short_hash(kept),
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
            "qualification": self.qualification.compiled(),
        }


def short_hash(said: Any) -> str:
    """Return eight characters that differ when what is said differs."""
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:8]
