"""
What may happen to a handoff, and what follows: every move is legal, a repeat, or refused with the reason.

    open ──accept──► accepted ──won, lost──► closed
      │                  └──reject (by who has it)──► rejected
      ├──reject──► rejected
      └──the lead stops qualifying──► closed

While the handoff runs, before a decision too, a contact may be logged, which meets the contact clock and decides
nothing; the lead may be passed on to somebody else, for whom what ran out starts anew; and it may be put off, with
every clock that still runs. An accepted lead may become an opportunity of the CRM. Another system that says what became
of the lead closes its handoff, whatever state it is in.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from shared.handoff import (
    CONTACT,
    DECIDE,
    FOLLOW_UP,
    SYSTEM,
    Clock,
    Handoff,
    Means,
    Outcome,
    Priority,
    ScoreThen,
)
from shared.instants import DAY, HOUR, MINUTE, instant_text
from shared.lead import Lead
from shared.rules.calendars import working_spans
from shared.rules.reassigning import moved_detail, pass_on
from shared.rules.routing import HandoffPolicy
from shared.rules.sla import Starts, met, put_off, start_clock

Action = Literal["accept", "reject", "contact", "reassign", "snooze", "convert", "won", "lost"]
ACTIONS: tuple[Action, ...] = ("accept", "reject", "contact", "reassign", "snooze", "convert", "won", "lost")
MEANS: tuple[Means, ...] = ("call", "mail", "meeting")

SAME_CONTACT = 1 * MINUTE
"""A contact by the same person and means within this time is the same contact, pressed or sent twice."""

LEAST_SNOOZE = 15 * MINUTE
MOST_SNOOZED = 7 * DAY
"""By how much a handoff may be put off: at a time, and in all."""

SNOOZES = 5
"""Instants that somebody who puts a lead off may choose from."""

MOST_HANDOVERS = 20
"""How often a lead may be passed on."""

OUTCOME_OF_STAGE: Mapping[str, Outcome] = {"customer": "won", "lost": "lost", "disqualified": "disqualified"}
"""How the handoff of a lead ends that is in one of these stages."""


@dataclass(frozen=True, slots=True)
class Move:
    """What somebody wants to do with a handoff, when, and as whom."""

    action: Action
    by: str
    at: int
    reason_code: str | None = None
    means: Means = "call"
    note: str | None = None
    to: str | None = None
    """Whose lead it becomes, if it is passed on."""
    until: int | None = None
    """Until when it is put off."""
    opportunity: str | None = None
    """What the CRM calls what the lead became."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """The change to publish: its detail-type, and what its detail says besides ids, instant and version."""

    detail_type: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """
    What follows from a move. `moved` has the handoff as it becomes and what to announce; `repeat` was done before;
    `refused`, `unknown_reason` and `unusable` change nothing. Of the last, `field` is what the move said wrongly.

    `mail` says what happens to the lead's marketing mail at the same time.
    """

    verdict: Literal["moved", "repeat", "refused", "unknown_reason", "unusable"]
    handoff: Handoff
    reason: str
    announce: Announcement | None = None
    mail: Literal["pause", "resume", "leave"] = "leave"
    field: str = ""


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
    lead_id: str,
    *,
    number: int,
    priority: Priority,
    reason: str,
    at: int,
    score: ScoreThen,
    owner: str,
    routed: str | None = None,
    policy: HandoffPolicy,
) -> Handoff:
    """Return the handoff of a qualification; its clocks start at the instant the lead qualified."""
    return Handoff(
        lead_id=lead_id,
        number=number,
        version=1,
        state="open",
        priority=priority,
        owner=owner,
        reason=reason,
        created_at=at,
        clocks=started(policy, priority, owner, "qualified", at),
        score=score,
        routed=routed,
    )


def started(policy: HandoffPolicy, priority: Priority, owner: str, by: Starts, at: int) -> tuple[Clock, ...]:
    """Return the clocks that this starts, in the owner's working time, else in the manager's, else in everybody's."""
    return tuple(
        start_clock(promise, policy.calendars_for(owner), at)
        for promise in policy.promises
        if promise.priority == priority and promise.starts == by
    )


def decide_unqualified(lead: Lead | None, handoff: Handoff, at: int) -> Decision:
    """
    Decide what a lead that stopped qualifying means for its handoff.

    A lead that qualifies again by now keeps an open handoff: sales is already asked to call this person, and the
    message of the newer qualification was, or will be, refused because this one runs.
    """
    if handoff.state != "open":
        return Decision("refused", handoff, f"sales has it or had it: {handoff.state}")
    if lead is not None and lead.settled.qualified:
        return Decision("refused", handoff, "the lead qualifies again")
    return _closed(handoff, outcome="unqualified", by=SYSTEM, at=at)


def decide_closed_elsewhere(lead: Lead, handoff: Handoff, at: int) -> Decision:
    """
    Decide what a closing stage of the lead means for a handoff of it that runs.

    The rep who has it may not know yet what the CRM says; who announced it, a person or a machine, is not told apart.
    """
    outcome = OUTCOME_OF_STAGE.get(lead.settled.stage)
    if not handoff.running:
        return Decision("refused", handoff, f"the handoff is {handoff.state}")
    if outcome is None:
        return Decision("refused", handoff, f"the lead is in stage {lead.settled.stage}")
    closed = _closed(handoff, outcome=outcome, by=SYSTEM, at=at)
    return replace(closed, mail="leave" if outcome == "won" else "resume")


def decide_move(  # noqa: PLR0911 - one line an action
    handoff: Handoff, move: Move, policy: HandoffPolicy
) -> Decision:
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
        case "reassign":
            return _reassigned(handoff, move, policy)
        case "snooze":
            return _snoozed(handoff, move, policy)
        case "convert":
            return _converted(handoff, move, policy)
        case "won" | "lost" as outcome:
            return _won_or_lost(handoff, move, outcome)


def refusal(handoff: Handoff, action: Action, by: str, policy: HandoffPolicy, at: int) -> str | None:
    """Return why the action would come to nothing whatever else is said with it; None when it might not."""
    other = next((person.id for person in policy.people if person.id != handoff.owner), None)
    reason = policy.reject_reasons[0].code if policy.reject_reasons else None
    later = max(at, handoff.snoozed_until or at) + LEAST_SNOOZE
    trial = Move(action, by, at, reason_code=reason, to=other, until=later, opportunity="-")
    decision = decide_move(handoff, trial, policy)
    return decision.reason if decision.verdict in ("refused", "repeat") else None


def snoozes(handoff: Handoff, policy: HandoffPolicy, at: int) -> tuple[tuple[int, str], ...]:
    """
    Return until when the handoff may be put off, with words: two hours, and when the owner's next days of work begin.

    Of one that is put off already they count from the end of that.
    """
    calendar = policy.calendar_of(handoff.owner)
    since = max(at, handoff.snoozed_until or at)
    last = since + MOST_SNOOZED - (handoff.snoozed_for or 0)
    day = (since + calendar.offset(since)) // DAY
    found = [since + 2 * HOUR]
    for opens, _ in working_spans(calendar, since):
        if opens > last or len(found) == SNOOZES:
            break
        if (opens + calendar.offset(opens)) // DAY > day and opens >= since + LEAST_SNOOZE:
            day = (opens + calendar.offset(opens)) // DAY
            found.append(opens)
    return tuple((until, calendar.text(until)) for until in found if until <= last)


def _is_repeat(handoff: Handoff, move: Move) -> bool:  # noqa: PLR0911 - one an action
    match move.action:
        case "accept":
            return handoff.state == "accepted" and handoff.decided_by == move.by
        case "reject":
            decided = handoff.decided_by == move.by and handoff.reason_code == move.reason_code
            return handoff.state == "rejected" and decided
        case "contact":
            if handoff.contacted_at is None:
                return False
            same = handoff.contacted_by == move.by and handoff.means == move.means
            return same and abs(move.at - handoff.contacted_at) < SAME_CONTACT
        case "reassign":
            last = handoff.handovers[-1] if handoff.running and handoff.handovers else None
            return last is not None and last.by == move.by and handoff.owner == move.to
        case "snooze":
            return handoff.running and move.until is not None and handoff.snoozed_until == move.until
        case "convert":
            return handoff.running and handoff.opportunity is not None and handoff.opportunity == move.opportunity
        case _:
            return handoff.outcome == move.action and handoff.ended_by == move.by


def holder(handoff: Handoff) -> str:
    """Return who has the lead: who accepted it, unless it was passed on since; before that its owner."""
    passed_on = (
        handoff.handovers and handoff.decided_at is not None and handoff.handovers[-1].until >= handoff.decided_at
    )
    return handoff.owner if passed_on or handoff.decided_by is None else handoff.decided_by


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
        snoozed_by=None,
        snoozed_until=None,
        clocks=(
            *met(handoff.clocks, DECIDE, move.at),
            *started(policy, handoff.priority, handoff.owner, "accepted", move.at),
        ),
    )
    return Decision("moved", after, "accepted", Announcement("HandoffAccepted", {"by": move.by}), mail="pause")


def _rejected(handoff: Handoff, move: Move, policy: HandoffPolicy) -> Decision:
    if move.reason_code is None or policy.reject_reason(move.reason_code) is None:
        return Decision("unknown_reason", handoff, "the playbook has no such reject reason")
    if handoff.state == "accepted" and holder(handoff) != move.by:
        return Decision("refused", handoff, f"this handoff was {standing(handoff, policy)}")
    after = replace(
        handoff,
        version=handoff.version + 1,
        state="rejected",
        decided_by=move.by,
        decided_at=move.at,
        reason_code=move.reason_code,
        note=move.note or handoff.note,
        snoozed_by=None,
        snoozed_until=None,
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
        snoozed_by=None,
        snoozed_until=None,
        clocks=met(met(handoff.clocks, CONTACT, move.at), FOLLOW_UP, move.at),
    )
    said = {"by": move.by, "means": move.means}
    return Decision("moved", after, f"contacted: {move.means}", Announcement("HandoffContacted", said))


def _reassigned(handoff: Handoff, move: Move, policy: HandoffPolicy) -> Decision:
    if move.to is None or not policy.knows(move.to):
        known = ", ".join(dict.fromkeys(person.id for person in policy.people))
        return Decision("unusable", handoff, f"name somebody of the playbook: {known}", field="to")
    if move.to == handoff.owner:
        return Decision("refused", handoff, f"{policy.person(move.to).name} has it already")
    if policy.calendar_of(move.to).is_away(move.at):
        return Decision("unusable", handoff, f"{policy.person(move.to).name} is away: name somebody else", field="to")
    if len(handoff.handovers) >= MOST_HANDOVERS:
        return Decision("refused", handoff, f"it was passed on {MOST_HANDOVERS} times: call the lead")
    why = f"given by {policy.person(move.by).name}"
    after = pass_on(handoff, move.to, by=move.by, at=move.at, policy=policy, why=why)
    after = replace(after, note=move.note or handoff.note)
    return Decision("moved", after, f"passed on to {move.to}", Announcement("HandoffReassigned", moved_detail(after)))


def _snoozed(handoff: Handoff, move: Move, policy: HandoffPolicy) -> Decision:
    if move.until is None or move.until < move.at + LEAST_SNOOZE:
        return Decision("unusable", handoff, "must be at least 15 minutes from now", field="until")
    since = max(move.at, handoff.snoozed_until or move.at)
    if move.until <= since:
        return Decision("refused", handoff, f"it is put off until {policy.calendar_of(handoff.owner).text(since)}")
    put_off_by = (handoff.snoozed_for or 0) + move.until - since
    if put_off_by > MOST_SNOOZED:
        return Decision("unusable", handoff, "a lead may be put off by seven days in all", field="until")
    after = replace(
        handoff,
        version=handoff.version + 1,
        snoozed_by=move.by,
        snoozed_until=move.until,
        snoozed_for=put_off_by,
        note=move.note or handoff.note,
        clocks=put_off(handoff.clocks, move.until - since),
    )
    said = {"by": move.by, "until": instant_text(move.until)}
    return Decision("moved", after, "put off", Announcement("HandoffSnoozed", said))


def _converted(handoff: Handoff, move: Move, policy: HandoffPolicy) -> Decision:
    if handoff.state == "open":
        return Decision("refused", handoff, "nobody accepted this lead yet: accept it first")
    if not move.opportunity:
        return Decision("unusable", handoff, "say what your CRM calls it, as in 006-1234", field="opportunity")
    if handoff.opportunity is not None and handoff.converted_by is not None:
        return Decision(
            "refused", handoff, f"{policy.person(handoff.converted_by).name} made it opportunity {handoff.opportunity}"
        )
    after = replace(
        handoff,
        version=handoff.version + 1,
        opportunity=move.opportunity,
        converted_by=move.by,
        converted_at=move.at,
        note=move.note or handoff.note,
        clocks=met(met(handoff.clocks, CONTACT, move.at), FOLLOW_UP, move.at),
    )
    said = {"by": move.by, "opportunity": move.opportunity}
    return Decision("moved", after, f"converted: {move.opportunity}", Announcement("HandoffConverted", said))


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
