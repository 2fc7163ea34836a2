"""
Who is in which track: entering, waiting, leaving, pausing for sales and coming back.

A lead enters by its settled band, by a rule, after another track, or because sales sent it back. At most one of its runs
mails it at a time; others wait until that one has ended. A cool-down lies between runs, and no cause begins two. Every
decision returns the enrollments as they become; an empty answer means nothing changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from shared.lead import Lead
from shared.mailing import PAST_KEPT, Enrollment, PastRun
from shared.rules.entering import why_not_for
from shared.rules.model import ScoringModel
from shared.rules.scoring import Evaluation, evaluate
from shared.rules.settling import outcome_of
from shared.rules.tracks import (
    GOING,
    HOLDOUT,
    NOT_NURTURED,
    Track,
    first_of,
    held_back,
    is_held_out,
    met,
    why_met,
)

GOAL_MET = "goal met"
FOR_GOOD = frozenset({"customer", "disqualified"})
"""Stages in which every track ends."""

RETURNED = "recycled"
"""Stage of a lead that sales sent back; until that reaches the lead itself, it is decided as if it had."""


@dataclass(frozen=True, slots=True)
class Cause:
    """
    The change that asks for a decision: its id, whose it is, its instant, and the version of what changed.

    `tells` says of what: the lead's band (or that it qualified), that it can be mailed or asked for mail, its stage, a new
    cause of `rule`, the end of a run (track, rotation), or what sales did.
    """

    change_id: str
    lead_id: str
    at: int
    version: int
    tells: Literal["band", "mail", "stage", "rule", "end", "sales"] = "band"
    rule: str = ""
    ended: tuple[str, int] = ("", 0)
    stage: str = ""
    """The stage the lead came into, where the change tells of one; it may be in another by now."""


@dataclass(frozen=True, slots=True)
class Book:
    """What is decided by: the playbook in force, and the tracks of those that runs entered under, by bundle."""

    playbook: str
    tracks: Mapping[str, Track]
    model: ScoringModel
    pinned: Mapping[str, Mapping[str, Track]] = field(default_factory=dict)

    def goes_by(self, run: Enrollment) -> Track | None:
        """Return the track as it was when the run began; as it is, where nobody kept that playbook."""
        return self.pinned.get(run.playbook, self.tracks).get(run.track) or self.tracks.get(run.track)


@dataclass(frozen=True, slots=True)
class SentBack:
    """What a reject reason says about nurturing: the track to return to, if any, and how long to leave the lead be."""

    code: str
    returns_to: str | None
    cool_down: int


def sent_back(document: Mapping[str, Any], code: str) -> SentBack:
    """Read a reject reason; one that the playbook no longer has sends the lead nowhere."""
    for said in document["handoff"]["reject_reasons"]:
        if said["code"] == code:
            return SentBack(code, said.get("returns_to"), said["cool_down_seconds"])
    return SentBack(code, None, 0)


def follow(lead: Lead, runs: Mapping[str, Enrollment], book: Book, cause: Cause) -> list[Enrollment]:
    """
    Bring a lead's runs in line with what changed.

    Args:
        lead: As it is now; the cause only says that something changed.
        runs: The run that counts of each track; a new one takes its item, wherever a merge left it.
        book: What is decided by.
        cause: A change of the lead, or the end of one of its runs.
    Returns: The enrollments that change: what ends or waits first, then what begins or goes on.
    """
    evaluation = _evaluation(lead, book, cause.at)
    rules = evaluation.rules | ({cause.rule} if cause.rule else frozenset())
    changed: dict[str, Enrollment] = {}
    for run in runs.values():
        if run.status not in GOING or not _is_news(run, cause):
            continue
        if ends := _ended(lead, run, book, cause, rules):
            changed[run.track] = ends
        elif run.status == "paused" and _is_lost(lead, cause):
            back = _back(run, book, at=cause.at, due_at=cause.at, reason="sales closed it: lost")
            changed[run.track] = replace(back, cause_lead=lead.lead_id, cause_version=lead.version)
    for track, by in _wanted(lead, runs, book, cause):
        before = runs.get(track.name)
        may_come = track.name not in changed and _may_come(before, track, cause)
        if may_come and _fits(lead, track, book, evaluation, rules):
            entry = _entry(lead, track, before, cause, book.playbook, by=by)
            changed[track.name] = _cooled(entry, lead, book) if by == "band" else entry
    return one_at_a_time(lead, runs, changed, book, cause.at)


def pause_for_sales(
    lead: Lead, runs: Mapping[str, Enrollment], book: Book, *, handoff: int, version: int, at: int
) -> list[Enrollment]:
    """
    Return the runs as paused, or ended where the track says so: a rep accepted the lead, and writes to it now.

    A run that the sender found held before this was heard is paused already, and may have to end.
    """
    news = (handoff, version)
    changed = {
        run.track: _left(run, book, reason=f"handoff {handoff} accepted", handoff=news, at=at)
        for run in runs.values()
        if run.status in GOING and news > run.handoff
    }
    return one_at_a_time(lead, runs, changed, book, at)


def return_from_sales(
    lead: Lead, runs: Mapping[str, Enrollment], book: Book, back: SentBack, cause: Cause, *, handoff: int
) -> list[Enrollment]:
    """
    Return the runs after a rep sent the lead back.

    Paused runs end, or go on after the reason's cool-down where the track says so. The track the reason names begins
    after that cool-down too, whatever the lead's band and its own cool-down; a run of it that goes on is left alone. What
    the address already received is skipped when it is due. Of what leads did that became one, the numbers of their handoffs
    say nothing of each other: there the time does.
    """
    news = (handoff, cause.version)
    returned = _as_returned(lead)
    evaluation = _evaluation(returned, book, cause.at)
    resumes_at = cause.at + back.cool_down
    reason = f"rejected: {back.code}"
    changed: dict[str, Enrollment] = {}
    for run in runs.values():
        if run.status == "paused" and (news > run.handoff or (run.ended_at or 0) <= cause.at):
            ended = _ended(returned, run, book, cause, evaluation.rules)
            resumed = _back(run, book, at=cause.at, due_at=resumes_at, reason=reason)
            changed[run.track] = replace(ended or resumed, handoff=news)
    entry = _sent_to(returned, {**runs, **changed}, book, back, cause=cause, news=news, evaluation=evaluation)
    left = []
    if entry is not None and (ended := changed.pop(entry.track, None)) is not None:
        left, entry = [ended], replace(entry, version=ended.version + 1)
    if entry is not None:
        changed[entry.track] = entry
    return [*left, *one_at_a_time(returned, runs, changed, book, cause.at)]


def _sent_to(
    lead: Lead, runs: Mapping[str, Enrollment], book: Book, back: SentBack, *,
    cause: Cause, news: tuple[int, int], evaluation: Evaluation,
) -> Enrollment | None:  # fmt: skip
    """Return the run through the track that the reason names, if it names one and the lead may enter it."""
    track = book.tracks.get(back.returns_to or "")
    if track is None or not _fits(lead, track, book, evaluation, evaluation.rules, sales=True):
        return None
    run = runs.get(track.name)
    if run is not None and not _may_return(run, track, cause, news):
        return None
    entry = _entry(lead, track, run, cause, book.playbook, by="sales", after=back.cool_down)
    return replace(entry, handoff=news, reason=f"rejected: {back.code}")


def one_at_a_time(
    lead: Lead, runs: Mapping[str, Enrollment], changed: Mapping[str, Enrollment], book: Book, at: int
) -> list[Enrollment]:
    """
    Return what changes, so that at most one run mails the lead: what goes first goes on, the others wait.

    Nothing that waits begins while sales has the lead.
    """
    after = {**runs, **changed}
    first = first_of(after.values(), book.tracks)
    settled = dict(changed)
    for run in after.values():
        if first is None or run.arm == HOLDOUT:
            continue
        if run.status == "active" and run is not first:
            settled[run.track] = held_back(run, first)
        elif run.status == "held" and run is first and lead.settled.stage not in NOT_NURTURED:
            settled[run.track] = _resumed(run, at)
    return sorted(settled.values(), key=lambda run: run.status == "active")


def _wanted(
    lead: Lead, runs: Mapping[str, Enrollment], book: Book, cause: Cause
) -> list[tuple[Track, Literal["band", "rule", "track"]]]:
    """Return the tracks that the change leads to, and how; whether the lead may enter is another question."""
    if cause.tells in ("band", "mail"):
        listening = [track for track in book.tracks.values() if not track.starts_with]
        return [(track, "band") for track in listening if lead.settled.band in track.bands]
    if cause.tells == "rule":
        return [(track, "rule") for track in book.tracks.values() if cause.rule in track.starts_with]
    if cause.tells == "end":
        name, rotation = cause.ended
        run, track = runs.get(name), book.tracks.get(name)
        following = None if track is None else book.tracks.get(track.next or "")
        if following is not None and run is not None and (run.status, run.rotation) == ("done", rotation):
            return [(following, "track")]
    return []


def _may_come(run: Enrollment | None, track: Track, cause: Cause) -> bool:
    """
    Tell whether a run may begin after the one before: cooled down, and by a cause that has not begun it.

    One that ended before its first message has nothing to cool down from: whoever says yes later waits for no second time.
    Where no version tells whether the change came after the run ended, time does: a copy of what began an earlier run, or
    of what ended this one, begins no other.
    """
    if run is None:
        return True
    if run.status in ("active", "held") or run.ended_at is None or not _is_news(run, cause):
        return False
    if cause.at <= run.ended_at and (cause.tells == "end" or run.cause_lead != cause.lead_id):
        return False
    is_cool = run.ended_at + track.cool_down <= cause.at
    nothing_sent = run.status == "exited" and run.step == 0 and run.arm != HOLDOUT
    return track.reenter and run.cause != cause.change_id and (is_cool or nothing_sent)


def _may_return(run: Enrollment, track: Track, cause: Cause, news: tuple[int, int]) -> bool:
    """
    Tell whether sales may begin the run anew: it has ended, and not by a later word of sales.

    An end by this very change is followed by the entry; whoever died between the two finishes it when asked again.
    """
    if run.status in GOING or not track.reenter or run.cause == cause.change_id:
        return False
    return news >= run.handoff and cause.at > run.entered_at


def _fits(
    lead: Lead, track: Track, book: Book, evaluation: Evaluation, rules: frozenset[str], *, sales: bool = False
) -> bool:
    """Tell whether the track is for the lead as it is now, and has not reached yet what it is for."""
    return why_not_for(track, lead, book.model, evaluation, rules, sales=sales) is None


def _ended(lead: Lead, run: Enrollment, book: Book, cause: Cause, rules: frozenset[str]) -> Enrollment | None:
    """Return the run as it ends for what the lead is now, or None when it may go on."""
    seen = _as_returned(lead) if run.by == "sales" and lead.settled.at < run.entered_at else lead
    track, goes_by = book.tracks.get(run.track), book.goes_by(run)
    ends = replace(run, status="exited", due_at=None, planned_at=None, ended_at=cause.at,
                   cause_lead=lead.lead_id, cause_version=lead.version)  # fmt: skip
    by_band = run.by != "sales" or cause.tells == "band"
    if goes_by is not None and met(goes_by.goal, seen, rules, by_band=by_band):
        return replace(ends, reason=GOAL_MET, goal_at=cause.at)
    if goes_by is not None and goes_by.exits is not None and met(goes_by.exits, seen, rules, by_band=by_band):
        why = why_met(goes_by.exits, seen, rules, book.model.labels(), by_band=by_band)
        return replace(ends, reason=f"exit: {why}")
    if seen.settled.stage in FOR_GOOD:
        what = "a customer" if seen.settled.stage == "customer" else "disqualified"
        return replace(ends, reason=f"the lead is {what}")
    if track is None:
        return replace(ends, reason="the track is no longer in the playbook")
    bands = (goes_by or track).bands
    outside = bool(bands) and lead.settled.band not in bands
    if outside and by_band:
        return replace(ends, reason=f"band {lead.settled.band}")
    return None


def _is_lost(lead: Lead, cause: Cause) -> bool:
    """Tell whether sales has lost the lead, and has not got it back since."""
    return (
        cause.tells == "stage"
        and "lost" in (cause.stage, lead.settled.stage)
        and lead.settled.stage not in NOT_NURTURED
    )


def _left(run: Enrollment, book: Book, *, reason: str, handoff: tuple[int, int], at: int) -> Enrollment:
    track = book.tracks.get(run.track)
    left = replace(run, reason=reason, handoff=handoff, due_at=None, ended_at=at)
    if track is not None and track.on_accept == "exit":
        return replace(left, status="exited", planned_at=None)
    return replace(left, status="paused", planned_at=run.planned_at if run.due_at is None else run.due_at)


def _back(run: Enrollment, book: Book, *, at: int, due_at: int, reason: str) -> Enrollment:
    """Return a paused run as sales is done with the lead: going on where the track says so, else ended."""
    track = book.tracks.get(run.track)
    if track is not None and track.on_return == "resume":
        return replace(_resumed(run, due_at), reason=reason)
    return replace(run, status="exited", reason=reason, due_at=None, planned_at=None, ended_at=at)


def _resumed(run: Enrollment, at: int) -> Enrollment:
    due_at = at if run.planned_at is None else max(at, run.planned_at)
    return replace(run, status="active", reason="", due_at=due_at, planned_at=None, ended_at=None)


def _as_returned(lead: Lead) -> Lead:
    if lead.settled.stage in FOR_GOOD:
        return lead
    return replace(lead, settled=lead.settled._replace(stage=RETURNED, qualified=False))


def _evaluation(lead: Lead, book: Book, at: int) -> Evaluation:
    return evaluate(lead, book.model, max(at, lead.newest_fact_at))


def _is_news(run: Enrollment, cause: Cause) -> bool:
    """
    Tell whether the change is newer than what the run was last decided from; older ones arrive late or twice.

    Versions of different leads, before and after a merge, say nothing of each other; nor do those of a lead and of an
    enrollment.
    """
    return cause.tells == "end" or run.cause_lead != cause.lead_id or cause.version > run.cause_version


def _entry(
    lead: Lead, track: Track, before: Enrollment | None, cause: Cause, playbook: str, *,
    by: Literal["band", "rule", "track", "sales"], after: int = 0,
) -> Enrollment:  # fmt: skip
    held_out = is_held_out(track, lead.address_hash or lead.lead_id)
    return Enrollment(
        lead_id=lead.lead_id if before is None else before.lead_id,
        track=track.name,
        rotation=1 if before is None else before.rotation + 1,
        status="active",
        step=0,
        playbook=playbook,
        cause=cause.change_id,
        cause_lead=lead.lead_id,
        cause_version=lead.version,
        entered_at=cause.at,
        by=by,
        due_at=cause.at + after + (track.span if held_out else track.steps[0].delay),
        handoff=(0, 0) if before is None else before.handoff,
        version=0 if before is None else before.version,
        arm=HOLDOUT if held_out else "",
        past=() if before is None else (*before.past, _past(before, cause.at))[-PAST_KEPT:],
    )


def _cooled(entry: Enrollment, lead: Lead, book: Book) -> Enrollment:
    """Return the run of a band as it begins after the cool-down of a rejection, if the lead is in one."""
    outcome = outcome_of(lead)
    if outcome is None or outcome.value["outcome"] != "rejected" or entry.due_at is None:
        return entry
    code = str(outcome.value.get("reason"))
    left = outcome.at + book.model.cool_downs.get(code, 0) - entry.entered_at
    return entry if left <= 0 else replace(entry, due_at=entry.due_at + left, reason=f"rejected: {code}")


def _past(run: Enrollment, at: int) -> PastRun:
    ended_at = at if run.ended_at is None else run.ended_at
    return PastRun(run.rotation, run.entered_at, ended_at, run.status, run.reason, run.goal_at, run.arm)
