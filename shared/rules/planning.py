"""
What a run plans next, once a mail of it was sent, dropped, held or given back.

Every function returns the run as it becomes; nothing is decided here.
"""

from dataclasses import replace

from shared.instants import MINUTE
from shared.mailing import Enrollment, PastSend
from shared.rules.nurture import Stop, Wait
from shared.rules.send_window import CAP_WINDOWS
from shared.rules.tracks import Track

POSTPONED = 15 * MINUTE
"""How long a mail waits that the channel would not take just now: its rate or quota is used up, or sending is paused."""

LAST_LOOK = 15 * MINUTE
"""When a run is looked at again whose last mail was claimed, and of which nobody recorded the end."""

RECENT_KEPT = 40
"""Newest claims kept on an address: as many as the largest cap a playbook may set."""

ALL_PLANNED = Stop("done", "every mail of the track was planned")


def advanced(run: Enrollment, track: Track, *, at: int, counted_from: int) -> Enrollment:
    """
    Return the run after its step was sent or dropped.

    Args:
        run: At the step that is over.
        track: The run's, as in the playbook it entered under.
        at: Now; the next mail is never planned earlier.
        counted_from: The instant the next step's delay counts from.
    """
    step = run.step + 1
    if step >= len(track.steps):
        return stopped(replace(run, step=step), ALL_PLANNED, at)
    due_at = max(at, counted_from + track.steps[step].delay)
    return replace(run, step=step, due_at=due_at, first_due=None, reason="", tries=0)


def claiming(run: Enrollment, track: Track, *, at: int) -> Enrollment:
    """
    Return the run as it becomes with the claim of its mail.

    After its last mail it goes on until the channel has answered: a mail that the channel would not take now is planned
    again, and nobody may have been told by then that the track was over.
    """
    after = advanced(run, track, at=at, counted_from=at)
    if after.status == "active":
        return after
    return replace(run, step=after.step, due_at=at + LAST_LOOK, first_due=None, reason="", tries=0)


def stopped(run: Enrollment, stop: Stop, at: int) -> Enrollment:
    """Return the run as it ends or pauses; a paused one remembers what was due."""
    return replace(
        run,
        status=stop.status,
        reason=stop.reason,
        due_at=None,
        ended_at=at,
        planned_at=(run.first_due or run.due_at) if stop.status == "paused" else None,
        goal_at=at if stop.goal else run.goal_at,
    )


def waiting(run: Enrollment, wait: Wait) -> Enrollment:
    """Return the run as it waits; the reason answers why this person was not mailed."""
    return replace(run, due_at=wait.until, reason=wait.reason, first_due=None if wait.anew else run.first_due)


def postponed(run: Enrollment, code: str, at: int, after: int = 0) -> Enrollment:
    """
    Return the run as it plans the same message again: the channel said that it did not take it, and would later.

    Args:
        run: At the step in question.
        code: What the channel said.
        at: Now.
        after: Seconds until then; 0 for the usual.
    """
    return replace(run, due_at=at + (after or POSTPONED), reason=f"the channel said {code}", tries=run.tries + 1)


def remembered(recent: tuple[PastSend, ...], claim: PastSend) -> tuple[PastSend, ...]:
    """Return the claims to keep on an address after one more: those a cap can still count, newest last."""
    oldest = claim.at - max(CAP_WINDOWS.values())
    kept = [past for past in recent if past.at > oldest]
    return tuple(sorted([*kept, claim], key=lambda past: past.at)[-RECENT_KEPT:])
