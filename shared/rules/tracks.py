"""
What a track is: its steps, whom it is for, when it ends, and which of several runs goes first.

A run goes by the steps, arms, goal and exits of the playbook it entered under; whether somebody may enter, and whether
the track still exists, is said by the playbook in force. Who enters and leaves is decided in `enrolling.py`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import accumulate
from typing import Any, Literal

from shared.lead import Lead
from shared.mailing import Enrollment, Status
from shared.rules.model import DERIVED, ScoringModel
from shared.rules.patterns import compiled
from shared.rules.profile import profile_values
from shared.rules.qualification import grade_of
from shared.rules.scoring import fitting

NOT_NURTURED = frozenset({"sql", "customer", "disqualified"})
"""Stages in which sales has the lead, it bought, or it never will: no track begins, whatever the band."""

GOING: frozenset[Status] = frozenset({"active", "held", "paused"})
"""A run that has not ended."""

HOLDOUT = "holdout"
"""Arm of a run that gets nothing, so that what the track does can be told from what would have happened anyway."""

Channel = Literal["mail", "sms", "task", "webhook"]
Pattern = Mapping[str, Any]
Condition = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Choice:
    """One content of a step, for whom `where` matches; without one it is for everybody else."""

    where: Pattern | None
    content: str


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to do a step: its content, its share of the addresses by weight, its own time of day (`09:00`) if any."""

    name: str
    content: str
    weight: int = 1
    at: str | None = None


@dataclass(frozen=True, slots=True)
class Test:
    """
    Arms that are tried against each other.

    `least` sends per arm before anything is concluded, with `confidence` percent; an arm with `guard` percent points
    more unsubscribes than another cannot win. `winner` is an arm chosen by hand; `drop` takes what loses out of the draw.
    `out` are the arms that it took out so far: no playbook says so, the trial does.
    """

    name: str
    measure: Literal["clicks", "opens", "goal"]
    arms: tuple[Arm, ...]
    least: int
    confidence: int
    guard: float
    winner: str | None = None
    drop: bool = False
    out: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Step:
    """
    One message of a track, `delay` seconds after the one before (the first: after entry), at a time of day if `at` says one.

    With a `test` there are no choices: the arm says the content. `to` names the webhook.
    """

    delay: int
    channel: Channel = "mail"
    choices: tuple[Choice, ...] = ()
    test: Test | None = None
    to: str | None = None
    at: str | None = None


@dataclass(frozen=True, slots=True)
class Audience:
    """For whom a track is at entry; what is empty asks nothing. `quadrants` are grades with levels, as in `A1`."""

    grades: frozenset[str] = frozenset()
    levels: frozenset[int] = frozenset()
    quadrants: frozenset[str] = frozenset()
    where: Pattern = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Track:
    """
    One series of messages.

    `bands` are the settled bands it is for, empty for any; `cool_down` is the least time between the end of a run and the
    next. It is entered by a change of the band or, with `starts_with`, by a new cause of one of those rules; one without
    either is only reached by `next` of another, or by a reject reason. `goal` and `exits` are conditions, None for none.
    """

    name: str
    bands: frozenset[str]
    cool_down: int
    steps: tuple[Step, ...]
    topic: str | None = None
    priority: int = 0
    starts_with: frozenset[str] = frozenset()
    audience: Audience = Audience()
    goal: Condition | None = None
    exits: Condition | None = None
    on_accept: Literal["pause", "exit"] = "pause"
    on_return: Literal["resume", "exit"] = "exit"
    holdout: int = 0
    reenter: bool = True
    next: str | None = None

    @property
    def span(self) -> int:
        """Seconds from entry to the last message, if nothing puts one off."""
        return sum(step.delay for step in self.steps)


def tracks_of(document: Mapping[str, Any]) -> dict[str, Track]:
    """Read the tracks of a compiled playbook, also of one that was compiled when steps were one mail each."""
    return {name: _track(name, said) for name, said in document["tracks"].items()}


def _track(name: str, said: Mapping[str, Any]) -> Track:
    audience = said.get("audience") or {}
    return Track(
        name=name,
        bands=frozenset(said["bands"]),
        cool_down=said["cool_down_seconds"],
        steps=tuple(_step(step) for step in said["steps"]),
        topic=said.get("topic"),
        priority=said.get("priority", 0),
        starts_with=frozenset(said.get("starts_with", ())),
        audience=Audience(
            grades=frozenset(audience.get("grades", ())),
            levels=frozenset(audience.get("levels", ())),
            quadrants=frozenset(audience.get("quadrants", ())),
            where=audience.get("where", {}),
        ),
        goal=said.get("goal"),
        exits=said.get("exits"),
        on_accept=said.get("on_accept", "pause"),
        on_return=said.get("on_return", "exit"),
        holdout=said.get("holdout", 0),
        reenter=said.get("reenter", True),
        next=said.get("next"),
    )


def _step(said: Mapping[str, Any]) -> Step:
    if "content" in said:
        return Step(said["delay_seconds"], choices=(Choice(None, said["content"]),))
    test = said.get("test")
    return Step(
        delay=said["delay_seconds"],
        channel=said["channel"],
        choices=tuple(Choice(each.get("where"), each["content"]) for each in said["choices"]),
        test=None if test is None else Test(**{**test, "arms": tuple(Arm(**arm) for arm in test["arms"])}),
        to=said.get("to"),
        at=said.get("at"),
    )


def contents_of(step: Step) -> tuple[str, ...]:
    """Return every content the step can send."""
    arms = () if step.test is None else step.test.arms
    return tuple(dict.fromkeys([*(each.content for each in step.choices), *(arm.content for arm in arms)]))


def content_for(step: Step, lead: Lead, model: ScoringModel) -> str:
    """Return the content of a step without a test: that of the first choice that fits, the last of which always does."""
    if all(each.where is None for each in step.choices):
        return step.choices[0].content
    asked = frozenset(name for each in step.choices for name in names_in(each.where or {}))
    values = values_of(lead, model, asked)
    return next(each.content for each in step.choices if each.where is None or compiled(each.where)(values))


def values_of(lead: Lead, model: ScoringModel, asked: frozenset[str]) -> dict[str, Any]:
    """Return what a pattern of a track sees of a lead, where it names the `asked` fields: the profile, band, stage, grade."""
    derived = asked & DERIVED
    if "lists" in derived:
        derived |= DERIVED & {known.field for known in model.lists}
    values = {**profile_values(lead, model, derived), "band": lead.settled.band, "stage": lead.settled.stage}
    if "grade" in asked:
        values["grade"] = grade_of(sum(rule.points for rule in fitting(lead, model)), model)
    return values


def names_in(where: Pattern) -> Iterator[str]:
    """Yield the top-level fields of a pattern, those of its alternatives too."""
    for name, wanted in where.items():
        if name == "$or":
            for branch in wanted:
                yield from names_in(branch)
        else:
            yield name


def sticky(name: str, key: str, weights: Mapping[str, int]) -> str:
    """
    Draw one of the names by its weight: for the same draw and key always the same one, as long as the weights stay.

    Args:
        name: Of the draw; different draws are independent of each other.
        key: Who is drawn for: the name of an address, which merges keep.
        weights: Whole numbers, one of them above 0, in the order in which they are laid out.
    """
    hashed = blake2b(key.encode(), key=blake2b(name.encode(), digest_size=32).digest(), digest_size=8)
    place = int.from_bytes(hashed.digest(), "big") % sum(weights.values())
    ends = accumulate(weights.values())
    return next(drawn for drawn, end in zip(weights, ends, strict=True) if place < end)


def is_held_out(track: Track, key: str) -> bool:
    """Tell whether the address is among those that get nothing of the track; the same in every run."""
    weights = {HOLDOUT: track.holdout, "": 100 - track.holdout}
    return track.holdout > 0 and sticky(f"holdout {track.name}", key, weights) == HOLDOUT


def met(condition: Condition | None, lead: Lead, rules: frozenset[str], *, by_band: bool = True) -> bool:
    """
    Tell whether a goal or exit holds for the lead as it is settled, of which these rules hold; None never does.

    Without `by_band` the lead is in no band that a condition names: sales sent it there, whatever its band.
    """
    if condition is None:
        return False
    ((form, wanted),) = condition.items()
    if form in ("any", "all"):
        answers = (met(each, lead, rules, by_band=by_band) for each in wanted)
        return any(answers) if form == "any" else all(answers)
    if form == "band":
        return by_band and lead.settled.band in wanted
    if form == "stage":
        return lead.settled.stage in wanted
    if form == "qualified":
        return lead.settled.qualified is wanted
    return wanted in rules


def why_met(
    condition: Condition, lead: Lead, rules: frozenset[str], labels: Mapping[str, str], *, by_band: bool = True
) -> str:
    """Return in words which part of a condition holds."""
    ((form, wanted),) = condition.items()
    if form in ("any", "all"):
        holding = [
            why_met(each, lead, rules, labels, by_band=by_band)
            for each in wanted
            if met(each, lead, rules, by_band=by_band)
        ]
        return holding[0] if form == "any" else " and ".join(holding)
    if form == "qualified":
        return "MQL" if wanted else "not MQL"
    if form == "rule":
        label: str = labels.get(wanted, wanted)
        return label[0].lower() + label[1:]
    return f"{form} {lead.settled.band if form == 'band' else lead.settled.stage}"


def has_left(lead: Lead, run: Enrollment, track: Track) -> bool:
    """Tell whether the lead is in none of the track's bands any more; whom sales sent here stays whatever its band."""
    return run.by != "sales" and bool(track.bands) and lead.settled.band not in track.bands


def first_of(runs: Iterable[Enrollment], tracks: Mapping[str, Track]) -> Enrollment | None:
    """
    Return which of a lead's active and held runs mails it, or None when none does: one at a time.

    The higher priority goes first, then the one that is at it already, then the older. A held-out run mails nobody, so
    it neither waits nor makes others wait.
    """
    mailing = [run for run in runs if run.status in ("active", "held") and run.arm != HOLDOUT]

    def standing(run: Enrollment) -> tuple[int, bool, int, str]:
        track = tracks.get(run.track)
        return -(track.priority if track else 0), run.status != "active", run.entered_at, run.track

    return min(mailing, key=standing, default=None)


def one_per_track(runs: Iterable[Enrollment]) -> tuple[dict[str, Enrollment], list[Enrollment]]:
    """
    Return the run that counts of each track, and the runs that must end because an older one goes on.

    A lead that was merged brings runs from several homes: the oldest of those still going survives; when none goes on,
    the one that ended last says what happened.
    """
    kept: dict[str, Enrollment] = {}
    ends: list[Enrollment] = []
    for run in sorted(runs, key=_standing):
        if run.track not in kept:
            kept[run.track] = run
        elif run.status in GOING:
            ends.append(run)
    return kept, ends


def superseded(run: Enrollment, at: int) -> Enrollment:
    """Return a run as it ends because an older run of the same person through the same track goes on."""
    return replace(run, status="exited", reason="an older run of this track goes on", due_at=None, ended_at=at)


def held_back(run: Enrollment, first: Enrollment) -> Enrollment:
    """Return a run as it waits for another one to end; what it planned stays planned."""
    return replace(run, status="held", reason=f"track {first.track} goes first", due_at=None,
                   planned_at=run.planned_at if run.due_at is None else run.due_at)  # fmt: skip


def _standing(run: Enrollment) -> tuple[int, int, int, str]:
    """Of two that ended in one second, the one that ended by the later version of the lead ended last."""
    order = {"active": 0, "held": 1, "paused": 2}.get(run.status, 3)
    since = run.entered_at if order < 3 else -(run.ended_at or 0)
    return order, since, -run.cause_version if order == 3 else 0, run.lead_id
