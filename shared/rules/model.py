"""The scoring part of a compiled playbook as plain values, indexed by event name so an event meets only its rules."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from shared.lead import Verdict
from shared.rules.patterns import Test, compiled

Counts = Literal["once", "every", "per_asset", "per_day", "count", "missing"]
Distinct = Literal["event", "asset", "day"]
Effect = Literal["zero", "block"]
BANDS = ("early", "engaged", "sales_ready")
"""From cold to hot."""

GRADES = ("A", "B", "C", "D")

STAGES = ("lead", "mql", "sql", "recycled", "customer", "lost", "disqualified")
"""What a lead can be to sales."""

DERIVED = frozenset({"seniority", "department", "mail_domain", "mailbox", "lists"})
"""What `profile.profile_values` can derive."""


class Line(NamedTuple):
    """One line of the explanation: milli-points, from how many facts, and what they were worth when new."""

    rule: str
    label: str
    kind: str
    points: int
    facts: int = 0
    decayed_from: int | None = None


@dataclass(frozen=True, slots=True)
class EngagementRule:
    """
    One engagement rule. `points`, `cap` and `day_cap` are milli-points; `most` bounds the keys (events, assets or days)
    that are remembered, and for `per_day` `a_day` bounds the facts of one day; `half_life`, `expires` and `period` are
    seconds or None; of every `period` a fact loses `percent` of what is left.

    `count` holds while `most` distinct keys lie within the last `within` seconds, and is worth its points once.
    `missing` is worth its points for each asset with a fact `within` seconds ago or more and no `answer` since.
    `silence` is the days without activity that must lie before an occurrence, or None.
    """

    rule: str
    label: str
    filing: str
    where: Mapping[str, Any]
    points: int
    counts: Counts
    most: int
    a_day: int
    asset: tuple[str, ...]
    half_life: int | None
    expires: int | None
    cap: int | None
    group: str | None
    on: frozenset[str] = frozenset()
    distinct: Distinct = "event"
    within: int = 0
    silence: int | None = None
    percent: int = 0
    period: int | None = None
    day_cap: int | None = None
    answer: tuple[frozenset[str], Mapping[str, Any]] | None = None
    matches: Test = field(init=False, repr=False, compare=False)
    answered_by: Test = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "matches", compiled(self.where))
        object.__setattr__(self, "answered_by", compiled(self.answer[1] if self.answer else {}))

    @property
    def answers(self) -> str:
        """Filing name of the answers that a `missing` rule looks for."""
        return f"{self.filing}!"


@dataclass(frozen=True, slots=True)
class Exclusion:
    """
    Who is not handed over, and why in words: whose profile matches `where`, or of whom the rule `by_rule` holds.

    `zero` makes the score 0; `block` leaves it and only keeps the lead from qualifying.
    """

    rule: str
    label: str
    where: Mapping[str, Any]
    by_rule: str | None = None
    effect: Effect = "zero"
    matches: Test = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "matches", compiled(self.where))


@dataclass(frozen=True, slots=True)
class KnownList:
    """A list of the playbook: a lead whose `field` is among the values (lower case) is in it."""

    name: str
    field: str
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class FitRule:
    """One fit rule: milli-points for a profile that matches. Fit never decays, so its line is always the same."""

    rule: str
    label: str
    where: Mapping[str, Any]
    points: int
    matches: Test = field(init=False, repr=False, compare=False)
    line: Line = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "matches", compiled(self.where))
        object.__setattr__(self, "line", Line(self.rule, self.label, "fit", self.points))


@dataclass(frozen=True, slots=True, eq=False)
class Bots:
    """
    By what machines are told from people; as it stands here, by nothing.

    `names` and `shapes` are what an agent that is a machine's holds: texts, in the case they are written in, and regular
    expressions. `also` and `never` are the playbook's own texts, in small letters, compared without case. More than
    `pages` page views `within` seconds are a machine's; 0 pages is no watch. `score`: they are told, and count all the same.
    """

    names: tuple[str, ...] = ()
    shapes: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    headless: bool = False
    """Whether a browser counts as a machine that says it is driven by a program."""
    pages: int = 0
    within: int = 0
    score: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class ScoringModel:
    """
    Everything a score depends on besides the lead and the instant. Points are milli-points, times seconds.

    Models are told apart by identity, so that what follows from one can be remembered beside it.
    """

    name: str
    bundle: str
    filed: str
    by_event: Mapping[str, tuple[EngagementRule, ...]]
    engagement: tuple[EngagementRule, ...]
    fit: tuple[FitRule, ...]
    groups: Mapping[str, tuple[str, int]]
    inactivity: tuple[tuple[int, int], ...]
    """(days, milli-points) steps, fewest days first; a later step replaces the earlier."""
    activity: frozenset[str]
    profile: Mapping[str, tuple[tuple[str, ...], ...]]
    bands: tuple[tuple[str, int], ...]
    """(band, entering threshold), hottest first."""
    hysteresis: int
    grades: tuple[tuple[str, int], ...]
    levels: tuple[tuple[int, int], ...]
    refused: frozenset[Verdict]
    mql: Mapping[str, Any]
    priority: Mapping[str, Any]
    cool_downs: Mapping[str, int] = field(default_factory=dict)
    """Reject reason to seconds in which the lead does not qualify again."""
    comes_back: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Reject reason to the condition that must hold, once the lead has cooled down, for it to qualify again."""
    never: frozenset[str] = frozenset()
    """Reject reasons after which a lead never qualifies again."""
    exclusions: tuple[Exclusion, ...] = ()
    lists: tuple[KnownList, ...] = ()
    """In the order of their names."""
    touches: bool = False
    """Whether the registers `first_touch` and `last_touch` (source, medium, campaign) are kept."""
    triggers: frozenset[str] = frozenset()
    """Rules whose new causes are recorded and published."""
    bots: Bots = Bots()
    high_grades: frozenset[str] = frozenset("AB")
    high_levels: frozenset[int] = frozenset({1, 2})
    """Which grades and levels are the high half of a quadrant."""

    after_silence: tuple[EngagementRule, ...] = field(init=False)
    """The rules that look at the silence before an occurrence."""

    derived: frozenset[str] = field(init=False)
    """What the patterns of fit rules and exclusions ask for beyond the profile's fields."""

    def __post_init__(self) -> None:
        silent = tuple(rule for rule in self.engagement if rule.silence is not None)
        object.__setattr__(self, "after_silence", silent)
        wheres = [*(rule.where for rule in self.fit), *(each.where for each in self.exclusions)]
        derived = frozenset(name for where in wheres for name in _names(where)) & DERIVED
        if "lists" in derived:
            derived |= DERIVED & {known.field for known in self.lists}
        object.__setattr__(self, "derived", derived)

    def labels(self) -> dict[str, str]:
        """Return the label of every rule by its id."""
        return {rule.rule: rule.label for rule in self.engagement} | {rule.rule: rule.label for rule in self.fit}


def _names(where: Mapping[str, Any]) -> Iterator[str]:
    """Yield the fields a pattern looks at, those of its alternatives too."""
    for name, wanted in where.items():
        if name == "$or":
            for branch in wanted:
                yield from _names(branch)
        else:
            yield name


def scoring_model(document: Mapping[str, Any]) -> ScoringModel:
    """Read the compiled playbook. Its values were checked when it was compiled."""
    scoring = document["scoring"]
    engagement = tuple(_engagement_rule(rule) for rule in scoring["engagement"])
    by_event: dict[str, list[EngagementRule]] = {}
    for rule, said in zip(engagement, scoring["engagement"], strict=True):
        for name in {*said["on"], *(rule.answer[0] if rule.answer else ())}:
            by_event.setdefault(name, []).append(rule)
    return ScoringModel(
        name=document["name"],
        bundle=document["bundle"],
        filed=scoring["filed"],
        by_event={name: tuple(rules) for name, rules in by_event.items()},
        engagement=engagement,
        fit=tuple(FitRule(rule["id"], rule["label"], rule["where"], rule["points"]) for rule in scoring["fit"]),
        groups={name: (group["label"], group["cap"]) for name, group in scoring["groups"].items()},
        inactivity=tuple((step["days"], step["points"]) for step in scoring["inactivity"]),
        activity=frozenset(scoring["activity"]),
        profile={name: tuple(tuple(path.split(".")) for path in paths) for name, paths in scoring["profile"].items()},
        bands=tuple((name, scoring["bands"][name]) for name in reversed(BANDS)),
        hysteresis=scoring["hysteresis"],
        grades=tuple((grade, scoring["grades"].get(grade, 0)) for grade in GRADES),
        levels=tuple(enumerate(scoring["levels"], start=1)),
        refused=frozenset(scoring["refused"]),
        mql=scoring["qualification"]["mql"],
        priority=scoring["qualification"]["high_priority"],
        cool_downs=scoring["cool_downs"],
        comes_back=scoring.get("comes_back", {}),
        never=frozenset(scoring.get("never", ())),
        exclusions=tuple(
            Exclusion(each["id"], each["label"], each["where"], each["rule"], each["effect"])
            for each in scoring["exclusions"]
        ),
        lists=tuple(
            KnownList(name, said["field"], frozenset(said["values"])) for name, said in sorted(scoring["lists"].items())
        ),
        touches=scoring["touches"],
        triggers=frozenset(scoring["triggers"]),
        bots=bots_of(document),
        high_grades=frozenset(scoring["quadrant"]["grades"]),
        high_levels=frozenset(scoring["quadrant"]["levels"]),
    )


def bots_of(document: Mapping[str, Any]) -> Bots:
    """Read how machines are told; playbooks that were compiled before there was such a section tell none."""
    said = document.get("bots")
    if said is None:
        return Bots()
    return Bots(
        names=tuple(said["names"]),
        shapes=tuple(said["shapes"]),
        also=tuple(said["also"]),
        never=tuple(said["never"]),
        headless=said["headless"],
        pages=said["pages"],
        within=said["within_seconds"],
        score=said["score"],
    )


def _engagement_rule(said: Mapping[str, Any]) -> EngagementRule:
    counts = said["counts"]
    decay = said.get("decay") or {}
    answer = counts.get("answer")
    return EngagementRule(
        rule=said["id"],
        label=said["label"],
        filing=said["filing"],
        where=said["where"],
        points=said["points"],
        counts=counts["form"],
        most=counts["most"],
        a_day=counts.get("a_day", 1),
        asset=tuple(counts["asset"].split(".")) if counts.get("asset") else (),
        half_life=decay.get("half_life_seconds"),
        expires=decay.get("expires_seconds"),
        cap=said.get("cap"),
        group=said.get("group"),
        distinct=counts.get("distinct", "event"),
        within=counts.get("within", 0),
        silence=said.get("after_silence"),
        percent=decay.get("percent") or 0,
        period=decay.get("period_seconds"),
        day_cap=said.get("day_cap"),
        on=frozenset(said["on"]),
        answer=None if answer is None else (frozenset(answer["on"]), answer["where"]),
    )
