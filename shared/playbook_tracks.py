"""The part of a playbook that says which series of messages there are, for whom, and what ends them."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from shared.instants import DAY
from shared.mailing import CONFIRM
from shared.playbook_conditions import ToldCondition, rules_in
from shared.playbook_fields import people_problems, word_problems
from shared.playbook_types import (
    CONTENT,
    Clock,
    Content,
    MisplacedError,
    Name,
    Pattern,
    Seconds,
    Section,
    Text,
    Whole,
    YesNo,
    each_once,
    nearest,
    top_level,
)
from shared.rules.model import BANDS, GRADES, STAGES
from shared.rules.patterns import Place

LEVELS = ("1", "2", "3", "4")
QUADRANTS = tuple(f"{grade}{level}" for grade in GRADES for level in LEVELS)

OF_A_STEP: Mapping[str, tuple[str, ...]] = {"band": BANDS, "stage": STAGES, "grade": GRADES}
"""What a step's `where` sees besides the profile, and what each can be."""

LEAST_ROUND = 30 * DAY
"""Least time after which tracks that follow each other may begin again with the first: the same mails come again then."""

MOST_TRIGGERS = 30
"""Most rules whose new causes are told, those that tracks listen to included: a lead remembers the last cause of each."""


class Choice(Section):
    """One content of a step, for whom `where` matches; the last one has none and is for everybody else."""

    where: Pattern | None = None
    use: Content


def _choices(said: Any) -> Any:
    return [{"use": said}] if isinstance(said, str) else said


Choices = Annotated[
    list[Choice],
    Field(min_length=1, max_length=20),
    BeforeValidator(_choices),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": CONTENT},
                {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 20,
                    "items": {
                        "type": "object",
                        "properties": {
                            "where": {"type": "object", "title": "pattern"},
                            "use": {"type": "string", "pattern": CONTENT},
                        },
                        "required": ["use"],
                        "additionalProperties": False,
                    },
                },
            ]
        }
    ),
]
"""What a step sends: a content, or a list of which the first that fits is sent."""


class Arm(Section):
    """One way to do a step, drawn for its share of the addresses."""

    name: Name
    content: Content
    weight: Annotated[Whole, Field(ge=1, le=1000)] = 1
    at: Clock | None = None


class Test(Section):
    """Arms that are tried against each other, and what decides between them."""

    name: Name
    measure: Literal["clicks", "opens", "goal"] = "clicks"
    arms: Annotated[list[Arm], Field(min_length=2, max_length=6)]
    least: Annotated[Whole, Field(ge=20, le=1_000_000)] = 200
    confidence: Annotated[Whole, Field(ge=80, le=99)] = 95
    guard: Annotated[float, Field(gt=0, le=100)] = 1
    winner: Name | None = None
    drop: YesNo = False

    @model_validator(mode="after")
    def tells_arms_apart(self) -> Self:
        names = [arm.name for arm in self.arms]
        for number, arm in enumerate(self.arms):
            if arm.name in names[:number]:
                raise MisplacedError((("arms", number, "name"), f"{arm.name!r} stands twice; name each arm otherwise"))
            if any((arm.content, arm.at) == (other.content, other.at) for other in self.arms[:number]):
                raise MisplacedError(
                    (("arms", number, "content"), "is the same as another arm; write another content, or another at")
                )
        if self.winner is not None and self.winner not in names:
            raise MisplacedError((("winner",), f"no arm is named {self.winner!r}; {nearest(self.winner, names)}"))
        return self

    def compiled(self) -> dict[str, Any]:
        said = self.model_dump(exclude_none=True)
        return {**said, "arms": [arm.model_dump(exclude_none=True) for arm in self.arms]}


class Step(Section):
    """One message of a track, and how long after the one before it is due."""

    delay: Seconds
    channel: Literal["mail", "sms", "task", "webhook"] = "mail"
    content: Choices | None = None
    test: Test | None = None
    to: Name | None = None
    at: Clock | None = None

    @model_validator(mode="after")
    def says_one_thing(self) -> Self:
        if (self.content is None) == (self.test is None):
            raise MisplacedError(
                (("content",), "write either content (what is sent) or test (arms that are tried against each other)")
            )
        if self.channel == "webhook" and self.to is None:
            raise MisplacedError((("to",), "is missing; write the name of the webhook, as in to: chat"))
        if self.channel != "webhook" and self.to is not None:
            raise MisplacedError((("to",), "names a webhook; write channel: webhook, or leave it out"))
        for number, choice in enumerate(self.content or ()):
            last = number == len(self.content or ()) - 1
            if choice.where is None and not last:
                text = "is for everybody, so what follows it is never sent; write where, or move it to the end"
                raise MisplacedError((("content", number), text))
            if choice.where is not None and last:
                text = "is the last, and whom it does not fit gets nothing; add one without where, as in {use: awareness-1}"
                raise MisplacedError((("content", number), text))
        return self

    @property
    def contents(self) -> Iterator[tuple[Place, str]]:
        """Every content it can send, with its place in the step."""
        if self.content is not None:
            for number, choice in enumerate(self.content):
                yield (("content",) if len(self.content) == 1 else ("content", number, "use")), choice.use
        if self.test is not None:
            for number, arm in enumerate(self.test.arms):
                yield ("test", "arms", number, "content"), arm.content

    @property
    def clocks(self) -> Iterator[tuple[Place, str]]:
        """Every time of day it names, with its place in the step."""
        if self.at is not None:
            yield ("at",), self.at
        for number, arm in enumerate(() if self.test is None else self.test.arms):
            if arm.at is not None:
                yield ("test", "arms", number, "at"), arm.at

    def compiled(self) -> dict[str, Any]:
        choices = [
            {**({} if each.where is None else {"where": each.where}), "content": each.use}
            for each in self.content or ()
        ]
        said: dict[str, Any] = {"delay_seconds": self.delay, "channel": self.channel, "choices": choices}
        if self.test is not None:
            said["test"] = self.test.compiled()
        return said | {name: value for name in ("to", "at") if (value := getattr(self, name)) is not None}


class Audience(Section):
    """For whom a track is, at entry: each that is written must hold. Quadrants are a grade with a level, as in A1."""

    grades: Annotated[list[Literal["A", "B", "C", "D"]], Field(min_length=1), AfterValidator(each_once)] | None = None
    levels: Annotated[list[Literal[1, 2, 3, 4]], Field(min_length=1)] | None = None
    quadrants: Annotated[list[Text], Field(min_length=1), AfterValidator(each_once)] | None = None
    where: Pattern | None = None

    @model_validator(mode="after")
    def asks_something(self) -> Self:
        if not any(getattr(self, name) for name in Audience.model_fields):
            raise ValueError("asks for nothing; write grades, levels, quadrants or where, or leave it out")
        for number, each in enumerate(self.quadrants or ()):
            if each not in QUADRANTS:
                raise MisplacedError(
                    (("quadrants", number), f"{each!r} is no quadrant; write a grade with a level, as in A1")
                )
        return self


class Track(Section):
    """A series of messages for leads in certain bands, or that a rule brings here."""

    label: Text
    topic: Name | None = None
    priority: Annotated[Whole, Field(ge=-1000, le=1000)] = 0
    bands: (
        Annotated[list[Literal["early", "engaged", "sales_ready"]], Field(min_length=1), AfterValidator(each_once)]
        | None
    ) = None
    starts_with: Annotated[list[Name], Field(min_length=1, max_length=10), AfterValidator(each_once)] | None = None
    audience: Audience | None = None
    goal: ToldCondition | None = None
    exits: ToldCondition | None = None
    on_accept: Literal["pause", "exit"] = "pause"
    on_return: Literal["resume", "exit"] = "exit"
    holdout: Annotated[Whole, Field(ge=0, le=50)] = 0
    cool_down: Seconds
    reenter: YesNo = True
    next: Name | None = None
    steps: Annotated[list[Step], Field(min_length=1, max_length=50)]

    @property
    def contents(self) -> Iterator[tuple[Place, str]]:
        """Every content it can send, with its place in the track."""
        for number, step in enumerate(self.steps):
            for place, content in step.contents:
                yield ("steps", number, *place), content

    @property
    def heard(self) -> Iterator[tuple[Place, str]]:
        """Every rule whose new causes it listens to, with its place in the track."""
        for number, rule in enumerate(self.starts_with or ()):
            yield ("starts_with", number), rule
        for name in ("goal", "exits"):
            if (condition := getattr(self, name)) is not None:
                yield from rules_in(condition, (name,))

    def compiled(self) -> dict[str, Any]:
        said: dict[str, Any] = {
            "label": self.label,
            "priority": self.priority,
            "bands": list(self.bands or ()),
            "starts_with": list(self.starts_with or ()),
            "audience": {} if self.audience is None else self.audience.model_dump(exclude_none=True),
            "on_accept": self.on_accept,
            "on_return": self.on_return,
            "holdout": self.holdout,
            "cool_down_seconds": self.cool_down,
            "reenter": self.reenter,
            "steps": [step.compiled() for step in self.steps],
        }
        rest = ("topic", "goal", "exits", "next")
        return said | {name: value for name in rest if (value := getattr(self, name)) is not None}


Tracks = dict[Name, Track]


def contents_in(tracks: Mapping[str, Track]) -> Iterator[tuple[Place, str]]:
    """Yield every content the tracks can send, with its place."""
    for name, track in tracks.items():
        for place, content in track.contents:
            yield (name, *place), content


def triggers(tracks: Mapping[str, Track], said: list[str]) -> list[str]:
    """Return the rules whose new causes are told: those the playbook names, then those its tracks listen to."""
    return list(dict.fromkeys([*said, *(rule for track in tracks.values() for _, rule in track.heard)]))


def track_problems(
    tracks: Mapping[str, Track],
    *,
    rules: Collection[str],
    told: list[str],
    topics: Collection[str],
    returned_to: Collection[str],
    profile: Collection[str],
    lists: Collection[str],
    at_problem: Callable[[str], str | None],
) -> Iterator[tuple[Place, str]]:
    """
    Yield what is wrong with tracks beside the rest of the playbook.

    Args:
        tracks: By name.
        rules: Ids of the engagement rules.
        told: The playbook's own triggers.
        topics: Names of `mail.topics`.
        returned_to: Tracks that reject reasons name.
        profile: Fields of `scoring.profile`.
        lists: Names of `scoring.lists`.
        at_problem: Says why no mail can go at a time of day, if so.
    """
    reached = {track.next for track in tracks.values()} | set(returned_to)
    for name, track in tracks.items():
        if track.bands is None and track.starts_with is None and name not in reached:
            text = (
                "is reached by nobody; write bands or starts_with, or name it in next of another track or in returns_to"
            )
            yield (name,), text
        for place, rule in track.heard:
            if rule not in rules:
                yield (name, *place), f"no engagement rule is named {rule!r}; {nearest(rule, rules)}"
        if track.topic is not None and track.topic not in topics:
            yield (name, "topic"), f"no topic of mail.topics is named {track.topic!r}; {nearest(track.topic, topics)}"
        if track.next is not None and (track.next not in tracks or track.next == name):
            others = [other for other in tracks if other != name]
            yield (name, "next"), f"no other track is named {track.next!r}; {nearest(track.next, others)}"
        yield from (((name, *place), text) for place, text in _pattern_problems(track, profile, lists))
        yield from (((name, *place), text) for place, text in _step_problems(track, at_problem))
        yield from (((name, *place), text) for place, text in _entry_problems(track))
    yield from _round_problems(tracks)
    yield from _priority_problems(tracks)
    if len(triggers(tracks, told)) > MOST_TRIGGERS:
        text = f"listen to more than {MOST_TRIGGERS} rules together with scoring.triggers; let fewer rules start or end them"
        yield (), text


def _step_problems(track: Track, at_problem: Callable[[str], str | None]) -> Iterator[tuple[Place, str]]:
    """Yield what would never be sent, or not as it is written."""
    tests: set[str] = set()
    sent: dict[str, tuple[int, int]] = {}
    since = 0
    for number, step in enumerate(track.steps):
        since += step.delay
        for place, clock in step.clocks:
            if (why := at_problem(clock)) is not None:
                yield ("steps", number, *place), f"{why}; write another time of day"
        for place, content in step.contents:
            if content == CONFIRM:
                text = f"{content} is the mail that asks whether an address is the person's; name another content"
                yield ("steps", number, *place), text
        if step.test is not None and step.test.name in tests:
            text = f"{step.test.name!r} is the test of a step before; name each test of a track otherwise"
            yield ("steps", number, "test", "name"), text
        if step.test is not None and step.test.measure == "goal" and track.goal is None:
            text = "counts who reaches the goal, and the track has none; add goal to the track, or measure clicks"
            yield ("steps", number, "test", "measure"), text
        tests |= {step.test.name} if step.test is not None else set()
        place, content = next(step.contents)
        if all(other == content for _, other in step.contents):
            before, sent_at = sent.setdefault(content, (number, since))
            if before != number and since - sent_at < track.cool_down:
                text = f"{content} is what step {before + 1} sends, and nothing comes twice within the cool_down; name another"
                yield ("steps", number, *place), text


def _entry_problems(track: Track) -> Iterator[tuple[Place, str]]:
    """Yield why nobody would ever enter: what the track is for, or what ends it, holds for everybody who might."""
    for name in ("goal", "exits"):
        condition = getattr(track, name)
        if condition is not None and _always(condition, track):
            text = "holds for everybody who could enter, so nobody does; name what is yet to come"
            yield (name,), text


def _always(condition: Mapping[str, Any], track: Track) -> bool:
    """Tell whether a condition holds whenever somebody would enter the track, by its bands or by the one rule it starts with."""
    ((form, wanted),) = condition.items()
    if form in ("any", "all"):
        answers = (_always(each, track) for each in wanted)
        return any(answers) if form == "any" else all(answers)
    if form == "band":
        return set(wanted) >= set(track.bands or BANDS)
    return form == "rule" and [wanted] == track.starts_with


def _round_problems(tracks: Mapping[str, Track]) -> Iterator[tuple[Place, str]]:
    """Yield which tracks follow each other in a ring that is over too soon: one person would get its mails for ever."""
    for name in tracks:
        ring = [name]
        while (following := tracks[ring[-1]].next) is not None and following in tracks and following not in ring:
            ring.append(following)
        if following != name or name != min(ring):
            continue
        length = sum(step.delay for each in ring for step in tracks[each].steps)
        if max(length, *(tracks[each].cool_down for each in ring)) < LEAST_ROUND:
            text = (
                f"leads back to {name} in less than {LEAST_ROUND // DAY} days, again and again; write a longer cool_down, "
                "as in 90 days, or leave next out"
            )
            yield (ring[-1], "next"), text


def _pattern_problems(track: Track, profile: Collection[str], lists: Collection[str]) -> Iterator[tuple[Place, str]]:
    if track.audience is not None and track.audience.where is not None:
        yield from people_problems(track.audience.where, ("audience", "where"), profile, lists)
    for number, step in enumerate(track.steps):
        for choice_number, choice in enumerate(step.content or ()):
            if choice.where is not None:
                place = ("steps", number, "content", choice_number, "where")
                yield from _where_problems(choice.where, place, profile, lists)


def _where_problems(
    where: dict[str, Any], place: Place, profile: Collection[str], lists: Collection[str]
) -> Iterator[tuple[Place, str]]:
    """Yield what is wrong with the pattern of a step, which sees band, stage and grade beside the profile."""
    for inside, wanted in top_level(where):
        if (words := OF_A_STEP.get(str(inside[-1]))) and isinstance(wanted, list):
            yield from word_problems((*place, *inside), wanted, words, str(inside[-1]))
    yield from people_problems(where, place, {*profile, *OF_A_STEP}, lists)


def _priority_problems(tracks: Mapping[str, Track]) -> Iterator[tuple[Place, str]]:
    """Yield which tracks want the same leads at the same moment without saying who goes first."""
    by_band: dict[tuple[str, int], str] = {}
    for name, track in tracks.items():
        if track.starts_with is not None:
            continue
        for number, band in enumerate(track.bands or ()):
            if (other := by_band.setdefault((band, track.priority), name)) != name:
                text = (
                    f"{band} is a band of the track {other} too, and a lead gets the mails of one at a time; leave one "
                    f"out, or write which goes first, as in priority: {track.priority + 10}"
                )
                yield (name, "bands", number), text
