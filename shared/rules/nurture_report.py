"""
What a track did: who went through it, what became of them, and how each of its messages fared.

Every figure follows from the runs and the messages alone, as they are read; `docs/reports.md` defines each. Who opened and
clicked is what the score was told: a touch counts once it was judged, and by its newest verdict.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from shared.engagement import SendMade
from shared.lead import Verdict
from shared.mailing import Enrollment, SendState, Status
from shared.rules.proportions import Share, newcombe
from shared.rules.tracks import GOING, HOLDOUT

WENT_OUT: frozenset[SendState] = frozenset({"sent", "delivered", "bounced", "complained"})
"""The channel took it. Of one that is `unknown` or `parked` nobody knows."""

ARRIVED: frozenset[SendState] = frozenset({"delivered", "complained"})

MOST_REASONS = 50
"""Reasons listed one by one, the most frequent first; the rest is one line."""

OTHERS = "(others)"

_PLAIN = (
    (re.compile(r"^handoff \d+ accepted$"), "sales accepted the lead"),
    (re.compile(r"^stale: .*"), "stale"),
    (re.compile(r"^its last day is over: .*"), "its last day is over"),
    (re.compile(r"^excluded: .*"), "excluded"),
)
"""Reasons that differ from person to person, as they are counted."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run, present or past; `lead_id` and `rotation` name it among those of a track."""

    lead_id: str
    rotation: int
    entered_at: int
    status: Status
    reason: str
    goal_at: int | None
    held_out: bool


def nurture_report(runs: Iterable[Enrollment], made: Iterable[SendMade], *, since: int, until: int) -> dict[str, Any]:
    """
    Return the report of one track.

    Args:
        runs: Through the track, each lead's newest with those before it: of whoever entered in the time, and of whoever
            a message was planned for.
        made: The track's messages, each once.
        since: Runs that began, and messages that were claimed or dropped, at or after this instant,
        until: and before this one.
    """
    every = [one for run in runs for one in _runs(run)]
    entered = [run for run in every if since <= run.entered_at < until]
    goals = {(run.lead_id, run.rotation): run.goal_at for run in every}
    messages = [each for each in made if since <= each.claimed_at < until]
    return {"runs": _people(entered), "messages": _steps(messages, goals)}


def _runs(run: Enrollment) -> list[Run]:
    newest = Run(
        run.lead_id, run.rotation, run.entered_at, run.status, run.reason, run.goal_at, held_out=run.arm == HOLDOUT
    )
    before = [
        Run(run.lead_id, past.rotation, past.entered_at, past.status, past.reason, past.goal_at,
            held_out=past.arm == HOLDOUT)
        for past in run.past
    ]  # fmt: skip
    return [*before, newest]


def _people(entered: Sequence[Run]) -> dict[str, Any]:
    """Return what became of the runs; all but `held_out` and the goal's comparison leave out those that get nothing."""
    mailed = [run for run in entered if not run.held_out]
    held_out = [run for run in entered if run.held_out]
    states = Counter(run.status for run in mailed)
    goal, without = _reached(mailed), _reached(held_out)
    return {
        "entered": len(entered),
        "held_out": len(held_out),
        "active": states["active"],
        "held": states["held"],
        "paused": states["paused"],
        "exhausted": states["done"],
        "exited": states["exited"],
        "exited_by_reason": _by_reason(run.reason for run in mailed if run.status == "exited"),
        "goal": goal.to_json(),
        "goal_held_out": without.to_json(),
        "held_out_going": sum(run.status in GOING for run in held_out),
        "lift": _lift(goal, without),
    }


def _reached(runs: Sequence[Run]) -> Share:
    return Share(sum(run.goal_at is not None for run in runs), len(runs))


def _lift(mailed: Share, held_out: Share) -> dict[str, Any] | None:
    """Return by how many percent points of 100 more reach the goal with the track; None without anybody to compare with."""
    if not mailed.whole or not held_out.whole:
        return None
    low, high = newcombe(mailed, held_out)
    return {
        "difference": round(mailed.value - held_out.value, 4),
        "interval": [round(low, 4), round(high, 4)],
        "significant": low > 0 or high < 0,
    }


def _steps(messages: Sequence[SendMade], goals: Mapping[tuple[str, int], int | None]) -> list[dict[str, Any]]:
    """Return the figures of each step, content and arm: what a step says to different people is told apart."""
    parts: dict[tuple[int, str, str, str], list[SendMade]] = {}
    for each in messages:
        parts.setdefault((each.ref.step, each.arm, each.content, each.channel), []).append(each)
    return [
        {"step": step + 1, "arm": arm or None, "content": content, "channel": channel, **_figures(parts[key], goals)}
        for key in sorted(parts)
        for step, arm, content, channel in [key]
    ]


def _figures(part: Sequence[SendMade], goals: Mapping[tuple[str, int], int | None]) -> dict[str, Any]:
    states = Counter(each.state for each in part)
    out = [each for each in part if each.state in WENT_OUT]
    arrived = sum(each.state in ARRIVED for each in part)
    clicks, opens = _touched(out, "click"), _touched(out, "open")
    unsubscribed = sum(each.unsubscribed_at is not None for each in out)
    after = sum(_led_on(each, goals.get((each.ref.lead_id, each.ref.rotation))) for each in out)
    return {
        "planned": len(part),
        "waiting": states["claimed"] + states["unknown"] + states["released"],
        "sent": len(out),
        "delivered": arrived,
        "bounced": states["bounced"],
        "complained": states["complained"],
        "refused": states["refused"],
        "parked": states["parked"],
        "skipped": states["skipped"],
        "skipped_by_reason": _by_reason(each.reason for each in part if each.state == "skipped"),
        "unsubscribed": Share(unsubscribed, len(out)).to_json(),
        "opened": opens,
        "clicked": clicks,
        "click_rate": Share(clicks["human"], len(out)).to_json(),
        "goal_after": Share(after, len(out)).to_json(),
    }


def _touched(part: Sequence[SendMade], kind: str) -> dict[Verdict, int]:
    """Return how many of the messages a person, somebody unsure, and a machine touched; one may be in several."""
    told = [{touch.told for touch in each.touches if touch.kind == kind} for each in part]
    verdicts: tuple[Verdict, ...] = get_args(Verdict)
    return {verdict: sum(verdict in each for each in told) for verdict in verdicts}


def _led_on(made: SendMade, goal_at: int | None) -> bool:
    return goal_at is not None and goal_at >= made.claimed_at


def _by_reason(reasons: Iterable[str]) -> dict[str, int]:
    counts = Counter(map(_plain, reasons))
    order = sorted(counts, key=lambda reason: (-counts[reason], reason))
    listed = {reason: counts[reason] for reason in order[:MOST_REASONS]}
    rest = sum(counts[reason] for reason in order[MOST_REASONS:])
    return listed | ({OTHERS: rest} if rest else {})


def _plain(reason: str) -> str:
    return next((plain for pattern, plain in _PLAIN if pattern.match(reason)), reason) or "(none said)"
