"""
A handoff that goes to somebody else: by hand, or by itself because its owner let a clock run out or left the playbook.

What ran out starts anew for who is given it; it stays with who let it run out. Only what nobody accepted is passed on
because of a clock: whoever accepted a lead keeps it until somebody says otherwise.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from shared.handoff import SYSTEM, Clock, Handoff, Handover
from shared.rules.routing import HandoffPolicy
from shared.rules.sla import Tick, start_clock

Cause = Literal["clock", "left"]


def moved_detail(handoff: Handoff) -> dict[str, str]:
    """Return what HandoffReassigned says of a handoff that just went to somebody else."""
    last = handoff.handovers[-1]
    return {"by": last.by, "owner": handoff.owner, "from_owner": last.owner}


def must_pass_on(handoff: Handoff, ticks: Sequence[Tick], policy: HandoffPolicy) -> Cause | None:
    """Return why the handoff must go to somebody else after what the sweep found; None when it stays."""
    leading = {each.id for each in (policy.manager, *policy.leaders)}
    if not handoff.running or handoff.owner in leading:
        return None
    if not policy.knows(handoff.owner):
        return "left"
    broken = {each.clock for each in ticks if each.kind == "breached"}
    passing = {
        promise.clock for promise in policy.promises if promise.reassigns and promise.priority == handoff.priority
    }
    return "clock" if handoff.state == "open" and not broken.isdisjoint(passing) else None


def goes_to_manager(handoff: Handoff, policy: HandoffPolicy) -> bool:
    """Tell whether the next one is the manager: it was passed on often enough, or somebody who left had accepted it."""
    return handoff.state != "open" or sum(each.by == SYSTEM for each in handoff.handovers) >= policy.passes


def not_again(handoff: Handoff) -> frozenset[str]:
    """Return who must not be given it: who has it, and everybody it was taken from because they did not act."""
    return frozenset({handoff.owner, *(each.owner for each in handoff.handovers if each.by == SYSTEM)})


def pass_on(handoff: Handoff, to: str, *, by: str, at: int, policy: HandoffPolicy, why: str) -> Handoff:
    """
    Return the handoff as the other's, at the next version; `by` is who passed it on, a person or SYSTEM.

    Clocks that ran out start anew for them, and stay with who let them run out; one that runs is not moved.
    """
    clocks = tuple(_anew(clock, handoff, to, policy, at) for clock in handoff.clocks)
    lost = tuple(was for was, now in zip(handoff.clocks, clocks, strict=True) if was is not now)
    return replace(
        handoff,
        version=handoff.version + 1,
        owner=to,
        routed=why,
        clocks=clocks,
        handovers=(*handoff.handovers, Handover(handoff.owner, at, by, lost)),
    )


def _anew(clock: Clock, handoff: Handoff, to: str, policy: HandoffPolicy, at: int) -> Clock:
    if clock.breached_at is None or clock.met_at is not None:
        return clock
    return _started(clock, handoff, to, policy, at) or clock


def _started(clock: Clock, handoff: Handoff, to: str, policy: HandoffPolicy, at: int) -> Clock | None:
    """Return the clock as it would start now for the person; None where the playbook has no such promise any more."""
    for promise in policy.promises:
        if (promise.clock, promise.priority) == (clock.name, handoff.priority):
            return start_clock(promise, policy.calendars_for(to), at)
    return None
