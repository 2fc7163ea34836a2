"""
What may happen to a handoff, and what follows: every move is legal, a repeat, or refused with the reason.

    open ──accept──► accepted ──won, lost──► closed
      │                  └──reject (by who accepted)──► rejected
      ├──reject──► rejected
      └──the lead stops qualifying──► closed

A contact may be logged while the handoff runs, before a decision too: it meets the contact clock and decides nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from shared.handoff import CONTACT, DECIDE, Clock, Handoff, Means, Outcome, Priority, ScoreThen
from shared.instants import MINUTE
from shared.lead import Lead
from shared.rules.routing import HandoffPolicy, owner_of
from shared.rules.sla import met, start_clock

Action = Literal["accept", "reject", "contact", "won", "lost"]
ACTIONS: tuple[Action, ...] = ("accept", "reject", "contact", "won", "lost")
MEANS: tuple[Means, ...] = ("call", "mail", "meeting")

SAME_CONTACT = 1 * MINUTE
"""A contact by the same person and means within this time is the same contact, pressed or sent twice."""

SYSTEM = "ripen"
"""Who closes a handoff whose lead stopped qualifying."""


@dataclass(frozen=True, slots=True)
class Move:
    """What somebody wants to do with a handoff, when, and as whom."""

    action: Action
    by: str
    at: int
    reason_code: str | None = None
    means: Means = "call"
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Announcement:
    """The change to publish: its detail-type, and what its detail says besides ids, instant and version."""

    detail_type: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """
    What follows from a move. `moved` has the handoff as it becomes and what to announce; `repeat` was done before;
    `refused` and `unknown_reason` change nothing.

    `mail` says what happens to the lead's marketing mail at the same time.
    """

    verdict: Literal["moved", "repeat", "refused", "unknown_reason"]
    handoff: Handoff
    reason: str
    announce: Announcement | None = None
    mail: Literal["pause", "resume", "leave"] = "leave"


@dataclass(frozen=True, slots=True)
class Opening:
    """Whether a qualification becomes a handoff, and why."""

    opens: bool
    reason: str


def decide_opening(lead: Lead | None, qualification: int, handoffs: Iterable[Handoff]) -> Opening:
    """
    Decide whether the qualification becomes a handoff.

    Args:
        lead: As it is now; None when there is none any more.
        qualification: The number the message speaks of.
        handoffs: All of the lead's, those of leads that were merged into it included.
    """
    if lead is None:
        return Opening(False, "the lead is gone")
    known = list(handoffs)
    if any(handoff.lead_id == lead.lead_id and handoff.number == qualification for handoff in known):
        return Opening(False, "this qualification has its handoff")
    if not lead.settled.qualified:
        return Opening(False, "the lead does not qualify any more")
    if lead.settled.qualification != qualification:
        return Opening(False, f"the lead is at qualification {lead.settled.qualification}")
    running = next((handoff for handoff in known if handoff.running), None)
    if running is not None:
        return Opening(False, f"handoff {running.number} is still {running.state}")
    return Opening(True, "first message of this qualification")


def open_handoff(
    lead_id: str, *, number: int, priority: Priority, reason: str, at: int, score: ScoreThen, policy: HandoffPolicy
) -> Handoff:
    """Return the handoff of a qualification; its clocks start at the instant the lead qualified."""
    clocks: list[Clock] = [
        start_clock(promise, policy.calendar, at) for promise in policy.promises if promise.priority == priority
    ]
    return Handoff(
        lead_id=lead_id,
        number=number,
        version=1,
        state="open",
        priority=priority,
        owner=owner_of(lead_id, policy.owners, policy.manager).id,
        reason=reason,
        created_at=at,
        clocks=tuple(clocks),
        score=score,
    )


def decide_unqualified(lead: Lead | None, handoff: Handoff | None, at: int) -> Decision | None:
    """
    Decide what a lead that stopped qualifying means for its handoff. None when there is nothing to close.

    A lead that qualifies again by now keeps an open handoff: sales is already asked to call this person, and the
    message of the newer qualification was, or will be, refused because this one runs.
    """
    if handoff is None:
        return None
    if handoff.state != "open":
        return Decision("refused", handoff, f"sales has it or had it: {handoff.state}")
    if lead is not None and lead.settled.qualified:
        return Decision("refused", handoff, "the lead qualifies again")
    return _closed(handoff, outcome="unqualified", by=SYSTEM, at=at)


def decide_move(handoff: Handoff, move: Move, policy: HandoffPolicy) -> Decision:
    """Decide a move of sales. The reason is a sentence for whoever made it."""
    if _is_repeat(handoff, move):
        return Decision("repeat", handoff, f"you did that already: {standing(handoff, policy)}")
    if not handoff.running:
        return Decision("refused", handoff, f"this handoff was {standing(handoff, policy)}")
    match move.action:
        case "accept":
            return _accepted(handoff, move, policy)
        case "reject":
            return _rejected(handoff, move, policy)
        case "contact":
            return _contacted(handoff, move)
        case "won" | "lost" as outcome:
            return _won_or_lost(handoff, move, outcome)


def _is_repeat(handoff: Handoff, move: Move) -> bool:
    if move.action == "accept":
        return handoff.state == "accepted" and handoff.decided_by == move.by
    if move.action == "reject":
        decided = handoff.decided_by == move.by and handoff.reason_code == move.reason_code
        return handoff.state == "rejected" and decided
    if move.action == "contact":
        if handoff.contacted_at is None:
            return False
        same = handoff.contacted_by == move.by and handoff.means == move.means
        return same and abs(move.at - handoff.contacted_at) < SAME_CONTACT
    return handoff.outcome == move.action and handoff.ended_by == move.by


def _accepted(handoff: Handoff, move: Move, policy: HandoffPolicy) -> Decision:
    if handoff.state == "accepted":
        return Decision("refused", handoff, f"this handoff was {standing(handoff, policy)}")
    after = replace(
        handoff,
        version=handoff.version + 1,
        state="accepted",
        decided_by=move.by,
        decided_at=move.at,
        note=move.note or handoff.note,
        clocks=met(handoff.clocks, DECIDE, move.at),
    )
    return Decision("moved", after, "accepted", Announcement("HandoffAccepted", {"by": move.by}), mail="pause")


def _rejected(handoff: Handoff, move: Move, policy: HandoffPolicy) -> Decision:
    if move.reason_code is None or policy.reject_reason(move.reason_code) is None:
        return Decision("unknown_reason", handoff, "the playbook has no such reject reason")
    if handoff.state == "accepted" and handoff.decided_by != move.by:
        return Decision("refused", handoff, f"this handoff was {standing(handoff, policy)}")
    after = replace(
        handoff,
        version=handoff.version + 1,
        state="rejected",
        decided_by=move.by,
        decided_at=move.at,
        reason_code=move.reason_code,
        note=move.note or handoff.note,
        clocks=met(handoff.clocks, DECIDE, move.at),
        paused=(),
    )
    said = {"by": move.by, "reason_code": move.reason_code}
    return Decision("moved", after, f"rejected: {move.reason_code}", Announcement("HandoffRejected", said), "resume")


def _won_or_lost(handoff: Handoff, move: Move, outcome: Literal["won", "lost"]) -> Decision:
    if handoff.state == "open":
        return Decision("refused", handoff, "nobody accepted this lead yet: accept it first")
    closed = _closed(handoff, outcome=outcome, by=move.by, at=move.at)
    return replace(closed, mail="resume" if outcome == "lost" else "leave")


def _contacted(handoff: Handoff, move: Move) -> Decision:
    after = replace(
        handoff,
        version=handoff.version + 1,
        contacted_by=move.by,
        contacted_at=move.at,
        means=move.means,
        note=move.note or handoff.note,
        clocks=met(handoff.clocks, CONTACT, move.at),
    )
    said = {"by": move.by, "means": move.means}
    return Decision("moved", after, f"contacted: {move.means}", Announcement("HandoffContacted", said))


def _closed(handoff: Handoff, *, outcome: Outcome, by: str, at: int) -> Decision:
    after = replace(
        handoff,
        version=handoff.version + 1,
        state="closed",
        outcome=outcome,
        ended_by=by,
        ended_at=at,
        paused=handoff.paused if outcome == "won" else (),
    )
    said = {"outcome": outcome, "by": by}
    return Decision("moved", after, f"closed: {outcome}", Announcement("HandoffClosed", said))


def standing(handoff: Handoff, policy: HandoffPolicy) -> str:
    """Return where the handoff stands, with who and when: `accepted by Maria Lindqvist on Mon 5 Jan 2026 10:00 CET`."""

    def said(what: str, who: str | None, when: int | None) -> str:
        if who is None or when is None:
            return what
        return f"{what} by {policy.person(who).name} on {policy.calendar.text(when)}"

    if handoff.state == "closed":
        return said(f"closed as {handoff.outcome}", handoff.ended_by, handoff.ended_at)
    if handoff.state == "open":
        return said("contacted", handoff.contacted_by, handoff.contacted_at) if handoff.contacted_at else "open"
    return said(handoff.state, handoff.decided_by, handoff.decided_at)
