"""
Who is in which track: entering, leaving, pausing and coming back.

A lead runs through a track while its settled band is one of the track's; sales takes it out by accepting it and may
send it back with a reason. One run per track at a time, a cool-down between runs, never two runs for one cause.
Every decision returns the enrollments as they become; an empty answer means nothing changes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from shared.lead import Lead
from shared.mailing import Enrollment, Status

NOT_NURTURED = frozenset({"sql", "customer", "disqualified"})
"""Stages in which sales has the lead, it bought, or it never will: no track begins, whatever the band."""


GOING: frozenset[Status] = frozenset({"active", "paused"})
"""A run that has not ended."""


@dataclass(frozen=True, slots=True)
class Step:
    """One mail of a track, and how long after the one before it goes (the first: after entry)."""

    content: str
    delay: int


@dataclass(frozen=True, slots=True)
class Track:
    """One series of mails, the settled bands it is for, and the least time between the end of a run and the next."""

    name: str
    bands: frozenset[str]
    cool_down: int
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Cause:
    """The change that asks for a decision: its id, whose it is, its instant, and the version of what changed."""

    change_id: str
    lead_id: str
    at: int
    version: int


@dataclass(frozen=True, slots=True)
class SentBack:
    """What a reject reason says about nurturing: the track to return to, if any, and how long to leave the lead be."""

    code: str
    returns_to: str | None
    cool_down: int


def tracks_of(document: Mapping[str, Any]) -> dict[str, Track]:
    """Read the tracks of a compiled playbook."""
    return {
        name: Track(
            name=name,
            bands=frozenset(said["bands"]),
            cool_down=said["cool_down_seconds"],
            steps=tuple(Step(step["content"], step["delay_seconds"]) for step in said["steps"]),
        )
        for name, said in document["tracks"].items()
    }


def sent_back(document: Mapping[str, Any], code: str) -> SentBack:
    """Read a reject reason; one that the playbook no longer has sends the lead nowhere."""
    for said in document["handoff"]["reject_reasons"]:
        if said["code"] == code:
            return SentBack(code, said.get("returns_to"), said["cool_down_seconds"])
    return SentBack(code, None, 0)


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


def follow_band(
    lead: Lead, runs: Mapping[str, Enrollment], tracks: Mapping[str, Track], cause: Cause, playbook: str
) -> list[Enrollment]:
    """
    Bring a lead's runs in line with its settled band.

    Args:
        lead: As it is now; the cause only says that something changed.
        runs: The run that counts of each track; a new one takes its item, wherever a merge left it.
        tracks: The playbook's.
        cause: A change of the lead.
        playbook: Name of the bundle a new run is pinned to.
    Returns: The enrollments that change: exits first, then entries.
    """
    ended = [
        replace(run, status="exited", reason=f"band {lead.settled.band}", due_at=None, ended_at=cause.at,
                cause_lead=lead.lead_id, cause_version=lead.version)
        for run in runs.values()
        if run.status in GOING
        and _is_news(run, cause)
        and (run.track not in tracks or lead.settled.band not in tracks[run.track].bands)
    ]  # fmt: skip
    entered = [
        _entry(lead, track, runs.get(track.name), cause, playbook, due_at=cause.at + track.steps[0].delay)
        for track in tracks.values()
        if lead.settled.band in track.bands and _may_enter(lead, track, runs.get(track.name), cause)
    ]
    return ended + entered


def pause_for_sales(runs: Iterable[Enrollment], *, handoff: int, version: int, at: int) -> list[Enrollment]:
    """Return the active runs as paused: a rep accepted the lead, and is the one who writes to it now."""
    return [
        replace(run, status="paused", reason=f"handoff {handoff} accepted", handoff=(handoff, version),
                due_at=None, ended_at=at)
        for run in runs
        if run.status == "active" and (handoff, version) > run.handoff
    ]  # fmt: skip


def return_from_sales(
    lead: Lead, runs: Mapping[str, Enrollment], tracks: Mapping[str, Track], back: SentBack, cause: Cause,
    *, handoff: int, playbook: str,
) -> list[Enrollment]:  # fmt: skip
    """
    Return the runs after a rep sent the lead back.

    Paused runs end. The track the reason names begins again after the reason's cool-down, whatever the lead's band; a
    run of it that is active goes on undisturbed. What the address already received is skipped when it is due.
    """
    news = (handoff, cause.version)
    changed = {
        run.track: replace(run, status="exited", reason=f"rejected: {back.code}", handoff=news, due_at=None,
                           ended_at=cause.at)
        for run in runs.values()
        if run.status == "paused" and news > run.handoff
    }  # fmt: skip
    track = tracks.get(back.returns_to or "")
    if track is not None and lead.value("email"):
        run = runs.get(track.name)
        if run is None or (run.status != "active" and news > run.handoff and run.cause != cause.change_id):
            entered = _entry(lead, track, run, cause, playbook, due_at=cause.at + back.cool_down)
            changed[track.name] = replace(entered, by="sales", handoff=news, reason=f"rejected: {back.code}")
    return list(changed.values())


def _standing(run: Enrollment) -> tuple[int, int, str]:
    order = {"active": 0, "paused": 1}.get(run.status, 2)
    return order, run.entered_at if order < 2 else -(run.ended_at or 0), run.lead_id


def _is_news(run: Enrollment, cause: Cause) -> bool:
    """
    Tell whether the change is newer than what the run was last decided from; older ones arrive late or twice.

    Versions of different leads, before and after a merge, say nothing of each other.
    """
    return run.cause_lead != cause.lead_id or cause.version > run.cause_version


def _may_enter(lead: Lead, track: Track, run: Enrollment | None, cause: Cause) -> bool:
    if lead.settled.stage in NOT_NURTURED or not lead.value("email"):
        return False
    if run is None:
        return True
    if run.status == "active" or run.ended_at is None or not _is_news(run, cause):
        return False
    return run.cause != cause.change_id and run.ended_at + track.cool_down <= cause.at


def _entry(
    lead: Lead, track: Track, before: Enrollment | None, cause: Cause, playbook: str, *, due_at: int
) -> Enrollment:
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
        due_at=due_at,
        handoff=(0, 0) if before is None else before.handoff,
        version=0 if before is None else before.version,
    )
