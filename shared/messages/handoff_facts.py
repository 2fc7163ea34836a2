"""
The facts a message about a handoff is made of, for Slack, for a mail and for machines alike.

Texts are as they were said, only bounded and freed of control characters: each channel escapes in its own way.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared.handoff import CONTACT, DECIDE, FOLLOW_UP, Clock, Handoff, ScoreLine
from shared.instants import instant_text
from shared.lead import Lead, LeadEvent
from shared.rules.handoff import holder, standing
from shared.rules.routing import HandoffPolicy, Person

LINES = 5
"""Score lines shown; the others are counted."""

ACTIONS = 4
"""Last actions shown."""

RECEIVED = 5
"""Mails and downloads shown, the newest."""

HANDOVERS = 3
"""Earlier owners shown, the last."""

DOWNLOADED = "Downloaded"
"""What the name of an event says by which a lead got something of ours."""

NO_MAILS: Mapping[str, int] = {}

EVENTS_READ = 25
"""Newest events to read so that `ACTIONS` of them are worth showing."""

SHORT, LONG = 80, 300
"""Most characters of a name or title, and of a sentence."""

DETAILS = (("title", "Title"), ("email", "Email"), ("phone", "Phone"), ("country", "Country"))

CLOCK_LABELS = {CONTACT: "Contact", DECIDE: "Accept or reject", FOLLOW_UP: "Follow up"}

NO_ACTION = frozenset(
    {"Identified", "Company Identified", "Aliased", "Email Bounced", "Email Marked as Spam", "Visit Judged"}
)
"""Events that say who somebody is or how a mail fared, not what they did."""


@dataclass(frozen=True, slots=True)
class ClockFacts:
    """One clock in words: `Contact`, `by Mon 5 Jan 2026 10:00 CET`, and how it stands."""

    name: str
    label: str
    due: str
    due_at: str
    status: str


@dataclass(frozen=True, slots=True)
class Run:
    """
    One run of a clock, and whose it was.

    `again` counts the runs of the clock before it: it starts anew for each owner it passes the lead on to.
    """

    clock: ClockFacts
    owner: Person
    again: int = 0


@dataclass(frozen=True, slots=True)
class HandoffFacts:
    """Everything a message may show. `clocks` are in words of the owner's zone."""

    lead_id: str
    number: int
    version: int
    created_at: int
    state: str
    priority: str
    standing: str
    name: str
    company: str
    details: tuple[tuple[str, str], ...]
    unproven: tuple[str, ...]
    why: str
    grade: str
    total: int
    lines: tuple[ScoreLine, ...]
    more_lines: int
    actions: tuple[str, ...]
    received: tuple[str, ...]
    """Mails of ours that they got and what they downloaded, newest first."""
    so_far: tuple[str, ...]
    """What sales did with it besides the last decision: who had it before, until when it waits, what was noted."""
    routed: str
    next_step: str
    clocks: tuple[ClockFacts, ...]
    owner: Person
    manager: Person
    reject_reasons: tuple[tuple[str, str], ...]
    mql: str
    """What MQL means in the playbook's words."""
    holder: Person
    """Who has the lead: who accepted it, if that was not its owner."""
    lost: tuple["Run", ...] = ()
    """Clocks that ran out before the lead was passed on because of it, oldest first."""

    def to_json(self) -> dict[str, Any]:
        """Return the facts for machines. Points are milli-points."""
        return {
            "lead_id": self.lead_id,
            "handoff": self.number,
            "state": self.state,
            "priority": self.priority,
            "name": self.name,
            "company": self.company,
            "details": dict(self.details),
            "unproven": list(self.unproven),
            "why": self.why,
            "mql_means": self.mql,
            "grade": self.grade,
            "total": self.total,
            "lines": [{"rule": line.rule, "label": line.label, "points": line.points} for line in self.lines],
            "last_actions": list(self.actions),
            "received": list(self.received),
            "so_far": list(self.so_far),
            "routed": self.routed,
            "next_step": self.next_step,
            "clocks": [{"clock": clock.name, "due_at": clock.due_at, "status": clock.status} for clock in self.clocks],
            "owner": self.owner.id,
        }


def handoff_facts(
    handoff: Handoff,
    lead: Lead | None,
    events: Sequence[LeadEvent],
    policy: HandoffPolicy,
    mails: Mapping[str, int] = NO_MAILS,
) -> HandoffFacts:
    """
    Collect the facts.

    Args:
        handoff: As it is now.
        lead: As it is now; None when the person was erased since.
        events: The lead's, newest first.
        policy: The playbook's handoff part.
        mails: When each mail of a track was sent to the lead's address, by `<track>#<content>`.
    """
    top = sorted(handoff.score.lines, key=lambda line: -abs(line.points))
    return HandoffFacts(
        lead_id=handoff.lead_id,
        number=handoff.number,
        version=handoff.version,
        created_at=handoff.created_at,
        state=handoff.state,
        priority=handoff.priority,
        standing=standing(handoff, policy),
        name=_name(lead),
        company=_value(lead, "company"),
        details=tuple((label, text) for field, label in DETAILS if (text := _value(lead, field))),
        unproven=_unproven(lead),
        why=clean(handoff.reason, LONG),
        grade=handoff.score.grade,
        total=handoff.score.total,
        lines=tuple(top[:LINES]),
        more_lines=max(0, len(top) - LINES),
        actions=_actions(events, policy),
        received=_received(events, mails, policy),
        so_far=_so_far(handoff, policy),
        routed=clean(handoff.routed or "", LONG),
        next_step=clean(policy.suggested_step, LONG),
        clocks=tuple(_clock(clock, handoff, policy) for clock in handoff.clocks),
        owner=policy.person(handoff.owner),
        manager=policy.manager,
        reject_reasons=tuple((reason.code, reason.text) for reason in policy.reject_reasons),
        mql=clean(policy.mql, LONG),
        holder=policy.person(holder(handoff)),
        lost=_lost(handoff, policy),
    )


def run_of(facts: HandoffFacts, clock: str, due_at: str = "") -> Run:
    """Return the run of the clock that was due then, or was put off since; without an instant the one of now."""
    earlier = [each for each in facts.lost if each.clock.name == clock]
    now = Run(next(each for each in facts.clocks if each.name == clock), facts.holder, len(earlier))
    return next((each for each in earlier if due_at and due_at <= each.clock.due_at), now)


def clean(text: Any, most: int) -> str:
    """
    Return one line of at most `most` characters, without control or invisible formatting characters.

    The latter reverse or hide text (a name can carry U+202E); anything that is no text or number is nothing.
    """
    if not isinstance(text, str | int | float) or isinstance(text, bool):
        return ""
    kept = "".join(
        " " if unicodedata.category(character) in {"Cc", "Zl", "Zp"} else character
        for character in str(text)
        if unicodedata.category(character) not in {"Cf", "Cs", "Co", "Cn"}
    )
    line = " ".join(kept.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def points_text(milli_points: int) -> str:
    """Return milli-points as points, with one decimal where there is a part: `86`, `12.5`."""
    tenths = (abs(milli_points) + 50) // 100
    whole, part = divmod(tenths, 10)
    sign = "-" if milli_points < 0 and tenths else ""
    return f"{sign}{whole}.{part}" if part else f"{sign}{whole}"


def _value(lead: Lead | None, field: str) -> str:
    return "" if lead is None else clean(lead.value(field), SHORT)


def _name(lead: Lead | None) -> str:
    if lead is None:
        return "A person who was erased"
    parts = (_value(lead, "first_name"), _value(lead, "last_name"))
    return clean(" ".join(part for part in parts if part), SHORT) or _value(lead, "email") or "Name unknown"


def name_and_company(lead: Lead | None) -> str:
    """Return who it is, in one line."""
    company = _value(lead, "company")
    return f"{_name(lead)}, {company}" if company else _name(lead)


def _unproven(lead: Lead | None) -> tuple[str, ...]:
    if lead is None:
        return ()
    shown = ("first_name", "last_name", "company", *(field for field, _ in DETAILS))
    return tuple(field.replace("_", " ") for field in shown if _value(lead, field) and not lead.proven(field))


def _actions(events: Iterable[LeadEvent], policy: HandoffPolicy) -> tuple[str, ...]:
    shown: list[str] = []
    for event in events:
        ours = event.source == "system" and event.name.startswith("Lead ")
        if ours or event.name in NO_ACTION or event.verdict == "machine":
            continue
        shown.append(f"{policy.calendar.text(event.occurred_at)}: {_action(event)}")
        if len(shown) == ACTIONS:
            break
    return tuple(shown)


def _received(events: Sequence[LeadEvent], mails: Mapping[str, int], policy: HandoffPolicy) -> tuple[str, ...]:
    """Return what the person has of ours already, so that nobody sends it again."""
    got = [(at, f"Mail {key.partition('#')[2]}") for key, at in mails.items()]
    got += [
        (event.occurred_at, _action(event))
        for event in events
        if DOWNLOADED in event.name and event.verdict != "machine"
    ]
    newest: dict[str, int] = {}
    for at, what in sorted(got, reverse=True):
        newest.setdefault(clean(what, SHORT), at)
    return tuple(f"{policy.calendar.text(at)}: {what}" for what, at in newest.items())[:RECEIVED]


def _so_far(handoff: Handoff, policy: HandoffPolicy) -> tuple[str, ...]:
    said = []
    if handoff.returned_from:
        reason = policy.reject_reason(handoff.returned_from)
        said.append(f"Sales sent this lead back before: {reason.text if reason else handoff.returned_from}")
    said += [
        f"{policy.person(each.owner).name} had it until {policy.calendar.text(each.until)}"
        for each in handoff.handovers[-HANDOVERS:]
    ]
    if handoff.snoozed_until is not None and handoff.snoozed_by is not None and handoff.running:
        until = policy.calendar_of(handoff.owner).text(handoff.snoozed_until)
        said.append(f"Put off until {until} by {policy.person(handoff.snoozed_by).name}")
    if handoff.contacted_at is not None and handoff.contacted_by is not None and handoff.state != "open":
        when = policy.calendar.text(handoff.contacted_at)
        said.append(f"Last contact: {handoff.means} by {policy.person(handoff.contacted_by).name} on {when}")
    if handoff.opportunity is not None and handoff.converted_by is not None:
        said.append(f"Opportunity {handoff.opportunity} by {policy.person(handoff.converted_by).name}")
    if handoff.note:
        said.append(f"Note: {handoff.note}")
    return tuple(clean(each, LONG) for each in said)


def _action(event: LeadEvent) -> str:
    properties = event.properties
    said: Sequence[Any]
    if event.name in {"Page Viewed", "Screen Viewed"}:
        said = [properties.get(name) for name in ("name", "title", "path", "url")]
        return clean(f"Viewed {_first(said) or 'a page'}", SHORT)
    if event.name == "Form Submitted":
        return clean(f"Submitted the form {_first([properties.get('form')])}", SHORT)
    about = _first([properties.get(name) for name in ("name", "title", "asset", "topic")])
    return clean(f"{event.name}: {about}" if about else event.name, SHORT)


def _first(said: Sequence[Any]) -> str:
    return next((text for each in said if (text := clean(each, SHORT))), "")


def _clock(clock: Clock, handoff: Handoff, policy: HandoffPolicy) -> ClockFacts:
    label = CLOCK_LABELS.get(clock.name, clock.name)
    return ClockFacts(
        clock.name,
        label,
        policy.calendar_of(handoff.owner).text(clock.due_at),
        instant_text(clock.due_at),
        _status(clock, handoff),
    )


def _lost(handoff: Handoff, policy: HandoffPolicy) -> tuple[Run, ...]:
    runs: list[Run] = []
    for before in handoff.handovers:
        then = replace(handoff, owner=before.owner)
        for clock in before.clocks:
            again = sum(each.clock.name == clock.name for each in runs)
            runs.append(Run(_clock(clock, then, policy), policy.person(before.owner), again))
    return tuple(runs)


def _status(clock: Clock, handoff: Handoff) -> str:
    if clock.met_at is not None:
        return "done" if clock.met_at < clock.due_at else "done late"
    if clock.breached_at is not None:
        return "overdue"
    if not handoff.running:
        return "ended"
    return "nearly due" if clock.warned_at is not None else "running"
