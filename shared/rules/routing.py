"""
Who gets the lead: the handoff part of the playbook as plain values, and the owner it names for a lead.

In this order: the owner of the lead's account; who had the lead before; the first route whose pattern the lead matches;
everybody. Within a team leads go round by capacity. Nobody is given more than their daily quota while a colleague has
room, and nobody who is away is given any.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from shared.handoff import Handoff
from shared.lead import Lead
from shared.owners import LEAD, Load
from shared.rules.calendars import Calendar, Span, calendar, days_off
from shared.rules.patterns import Test, compiled
from shared.rules.sla import Promise, promises


@dataclass(frozen=True, slots=True)
class Person:
    """
    A rep or somebody who leads them.

    `slack` is the member id for mentions; empty when they are not in Slack. `calendar` is when they work, the time off
    that the playbook names taken out; None is when everybody works. `capacity` is their weight among colleagues,
    `daily_quota` the most leads of one of their days, None for any number.
    """

    id: str
    name: str
    email: str = ""
    slack: str = ""
    calendar: Calendar | None = None
    teams: tuple[str, ...] = ()
    capacity: int = 1
    daily_quota: int | None = None


@dataclass(frozen=True, slots=True)
class RejectReason:
    """Why sales sends a lead back; the playbook also says to which track, and how long it cools down."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Account:
    """Whose lead everybody is who is of one of the companies, has one of the mail domains or is in one of the lists."""

    owner: str
    companies: frozenset[str]
    domains: frozenset[str]
    lists: frozenset[str]


@dataclass(frozen=True, slots=True)
class Route:
    """Who gets a lead that matches: a team, or one person."""

    name: str
    where: Mapping[str, Any]
    to: str
    matches: Test = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "matches", compiled(self.where))


@dataclass(frozen=True, slots=True)
class HandoffPolicy:
    """What the playbook says about handoffs."""

    channel: str
    owners: tuple[Person, ...]
    manager: Person
    calendar: Calendar
    """When people work who have no calendar of their own; what concerns everybody is shown in its zone."""
    promises: tuple[Promise, ...]
    reject_reasons: tuple[RejectReason, ...]
    suggested_step: str
    leaders: tuple[Person, ...] = ()
    """Who else than the manager hears when nobody acts."""
    mql: str = ""
    """What MQL means, in the words marketing and sales agreed on."""
    accounts: tuple[Account, ...] = ()
    routes: tuple[Route, ...] = ()
    sticky: bool = True
    """Whether a lead that comes back is given to who had it before."""
    passes: int = 2
    """How often a handoff goes to the next one by itself, before it is the manager's."""
    tells: Literal["channel", "owner", "both"] = "channel"
    """Where a handoff is told in Slack."""
    channels: Mapping[str, str] = field(default_factory=dict)
    """The Slack channels of the teams that have one of their own."""

    @property
    def people(self) -> tuple[Person, ...]:
        return (*self.owners, self.manager, *self.leaders)

    def calendar_of(self, person_id: str) -> Calendar:
        """Return when the person works; somebody who left the playbook works when everybody does."""
        return self.person(person_id).calendar or self.calendar

    def calendars_for(self, owner: str) -> tuple[Calendar, ...]:
        """Return by whose working time the owner's clocks run: theirs, else the manager's, else everybody's."""
        return (self.calendar_of(owner), self.calendar_of(self.manager.id), self.calendar)

    def person(self, person_id: str) -> Person:
        """Return who bears the id; somebody who left the playbook is known by the id alone."""
        for person in self.people:
            if person.id == person_id:
                return person
        return Person(person_id, person_id)

    def channel_for(self, person_id: str) -> str:
        """Return the Slack channel of the person's leads: that of their first team that has one, else everybody's."""
        return next(
            (self.channels[team] for team in self.person(person_id).teams if team in self.channels), self.channel
        )

    def knows(self, person_id: str) -> bool:
        """Tell whether the person is in the playbook: who left is not."""
        return any(person.id == person_id for person in self.people)

    def reachable(self, person_id: str, at: int) -> Person:
        """Return who is told in place of somebody who is away: the manager, then the leaders; themselves if all are."""
        wanted = self.person(person_id)
        for person in (wanted, self.manager, *self.leaders):
            if not self.calendar_of(person.id).is_away(at):
                return person
        return wanted

    def person_in_slack(self, member_id: str) -> str:
        """Return the person id of a Slack member: ours when the playbook names them, else `slack:<member id>`."""
        for person in self.people:
            if person.slack and person.slack == member_id:
                return person.id
        return f"slack:{member_id}"

    def reject_reason(self, code: str) -> RejectReason | None:
        return next((reason for reason in self.reject_reasons if reason.code == code), None)

    def without(self, time_off: Mapping[str, Sequence[Span]]) -> "HandoffPolicy":
        """Return the policy with time off, by person, taken out of the calendars besides what the playbook names."""

        def absent(person: Person) -> Person:
            spans = time_off.get(person.id)
            return replace(person, calendar=(person.calendar or self.calendar).without(spans)) if spans else person

        return replace(
            self,
            owners=tuple(map(absent, self.owners)),
            manager=absent(self.manager),
            leaders=tuple(map(absent, self.leaders)),
        )


def handoff_policy(document: Mapping[str, Any]) -> HandoffPolicy:
    """
    Read the compiled playbook's `handoff` part, and what it says MQL means. It was checked when it was compiled.

    One that was compiled before there were teams and routes has none: leads go round among all owners.
    """
    said = document["handoff"]
    everybody = calendar(said["calendar"])
    calendars = {name: calendar(each) for name, each in said["calendars"].items()}

    def person(each: Mapping[str, Any]) -> Person:
        works = calendars[each["calendar"]] if each["calendar"] else everybody
        own = works.without(days_off(works.zone, each["off"])) if each["calendar"] or each["off"] else None
        return Person(
            each["id"],
            each["name"],
            each["email"] or "",
            each["slack"] or "",
            own,
            tuple(each.get("teams", ())),
            each.get("capacity", 1),
            each.get("daily_quota"),
        )

    return HandoffPolicy(
        channel=said["channel"],
        owners=tuple(map(person, said["owners"])),
        manager=person(said["manager"]),
        leaders=tuple(map(person, said["leaders"])),
        calendar=everybody,
        promises=promises(said["clocks"]),
        reject_reasons=tuple(RejectReason(reason["code"], reason["text"]) for reason in said["reject_reasons"]),
        suggested_step=said["suggested_step"],
        mql=document["agreement"]["mql"],
        accounts=tuple(
            Account(each["owner"], *(frozenset(each[part]) for part in ("companies", "domains", "lists")))
            for each in said.get("accounts", ())
        ),
        routes=tuple(Route(each["name"], each["where"], each["to"]) for each in said.get("routing", ())),
        sticky=said.get("sticky", True),
        passes=said.get("reassign_at_most", 2),
        tells=said.get("tells", "channel"),
        channels={name: team["channel"] for name, team in said.get("teams", {}).items()},
    )


@dataclass(frozen=True, slots=True)
class Candidate:
    """
    What of a lead its way to an owner depends on.

    `profile` is what `profile_values` says, `account_owner` the owner a customer's server names, by id or mail address,
    "" for none; `before` are the earlier owners, the latest first; `not_to` is who must not be given it.
    """

    profile: Mapping[str, Any]
    account_owner: str = ""
    before: tuple[str, ...] = ()
    not_to: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Routed:
    """Who gets the lead, as whose (a team, or "" for a person), why in words, and what they were given then, it included."""

    owner: str
    team: str
    why: str
    load: Load
    over: bool = False
    """It is more than their daily quota: nobody of the team had room, or it is theirs whatever they have."""


def candidate(lead: Lead, profile: Mapping[str, Any], handoffs: Iterable[Handoff]) -> Candidate:
    """
    Return what of a lead its way to an owner depends on.

    Args:
        lead: Only a customer's server can name the owner of its account (`account_owner`): a browser proves nothing.
        profile: What `profile_values` says of it.
        handoffs: All of the lead's.
    """
    owner = lead.value("account_owner") if lead.proven("account_owner") else ""
    latest = sorted(handoffs, key=lambda each: (each.created_at, each.number), reverse=True)
    return Candidate(profile, str(owner or ""), tuple(each.owner for each in latest))


def route(lead: Candidate, policy: HandoffPolicy, loads: Mapping[str, Load], now: int) -> Routed:
    """Return who gets the lead; the same question has the same answer."""
    for target in _targets(lead, policy):
        there = [
            person
            for person in target.people
            if person.id not in lead.not_to and not policy.calendar_of(person.id).is_away(now)
        ]
        if there:
            return _among(target, there, policy, loads, now)
    leads = policy.reachable(policy.manager.id, now)
    taken = _given(leads, loads.get(leads.id, Load()).turns, policy, loads, now)
    instead = "as the manager" if leads.id == policy.manager.id else f"in place of {policy.manager.name}, who is away"
    return Routed(leads.id, "", f"no owner is there: {leads.name} has it {instead}", taken)


@dataclass(frozen=True, slots=True)
class _Target:
    people: Sequence[Person]
    why: str
    team: str = ""


def _targets(lead: Candidate, policy: HandoffPolicy) -> Iterator[_Target]:
    owners = {person.id: person for person in policy.owners}
    said = lead.account_owner.lower()
    proven = [person.id for person in policy.owners if said and said in (person.id, person.email.lower())]
    named = [*proven, *(each.owner for each in policy.accounts if _is_of(lead.profile, each))]
    yield from (_Target([owners[owner]], "account owner") for owner in named if owner in owners)
    if policy.sticky:
        known = next((owner for owner in lead.before if owner in owners), None)
        if known is not None:
            yield _Target([owners[known]], "had this lead before")
    for each in policy.routes:
        if not each.matches(lead.profile):
            continue
        if each.to in owners:
            yield _Target([owners[each.to]], each.name)
        else:
            yield _Target([person for person in policy.owners if each.to in person.teams], each.name, each.to)
    yield _Target(policy.owners, "")


def _is_of(profile: Mapping[str, Any], account: Account) -> bool:
    company, domain = profile.get("company"), profile.get("mail_domain")
    return (
        (isinstance(company, str) and " ".join(company.casefold().split()) in account.companies)
        or (isinstance(domain, str) and domain in account.domains)
        or not account.lists.isdisjoint(profile.get("lists", ()))
    )


def _among(
    target: _Target, there: Sequence[Person], policy: HandoffPolicy, loads: Mapping[str, Load], now: int
) -> Routed:
    counts = {person.id: loads.get(person.id, Load()).on(today(person, policy, now)) for person in there}
    room = [person for person in there if person.daily_quota is None or counts[person.id] < person.daily_quota]
    if room:
        turns = _caught_up(room, loads)
        chosen = _next_in_turn(room, turns)
    else:
        chosen = min(there, key=lambda person: counts[person.id] - (person.daily_quota or 0))
        turns = {chosen.id: loads.get(chosen.id, Load()).turns}
    taken = _given(chosen, turns[chosen.id], policy, loads, now)
    return Routed(chosen.id, target.team, _why(target, chosen, taken.count, full=not room), taken, over=not room)


def _caught_up(people: Sequence[Person], loads: Mapping[str, Load]) -> dict[str, int]:
    """
    Return where each stands in the round; who was away, or is new, is at most one lead behind their share.

    Nobody who was there all the time is ahead of their share by a lead, so the share of the one furthest ahead, less
    that lead, is the least that everybody should have.
    """
    turns = {person.id: loads.get(person.id, Load()).turns for person in people}
    ahead, weight = max(
        ((turns[person.id] - LEAD, person.capacity) for person in people), key=lambda each: each[0] / each[1]
    )
    return {person.id: max(turns[person.id], ahead * person.capacity // weight - LEAD) for person in people}


def _next_in_turn(people: Sequence[Person], turns: Mapping[str, int]) -> Person:
    """
    Return whose turn it is: of those who are not ahead of their share, the one whose next lead is due first.

    This is the quota method of Balinski and Young (1975): after any number of leads nobody is a whole lead away from
    their share.
    """
    total = sum(person.capacity for person in people)
    coming = sum(turns.values()) + LEAD
    behind = [person for person in people if turns[person.id] * total < coming * person.capacity]
    return min(behind, key=lambda person: (turns[person.id] + LEAD) / person.capacity)


def today(person: Person, policy: HandoffPolicy, now: int) -> int:
    """Return the person's day at the instant, in their own zone, as days since 1970-01-01."""
    zone = (person.calendar or policy.calendar).zone
    return datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(zone)).toordinal() - EPOCH


EPOCH = datetime(1970, 1, 1, tzinfo=UTC).toordinal()


def _given(person: Person, turns: int, policy: HandoffPolicy, loads: Mapping[str, Load], now: int) -> Load:
    load = loads.get(person.id, Load())
    day = max(today(person, policy, now), load.day)
    return Load(day, load.on(day) + 1, turns + LEAD)


def given(person_id: str, policy: HandoffPolicy, load: Load, now: int) -> Load:
    """Return what the person was given when a lead is given to them by hand: it counts like any other."""
    return _given(policy.person(person_id), load.turns, policy, {person_id: load}, now)


def _why(target: _Target, person: Person, count: int, *, full: bool) -> str:
    """Return in words why the person has the lead: `territory DACH, round robin: Jonas Weber has 2 of 8 today`."""
    quota = f"{count} of {person.daily_quota}" if person.daily_quota is not None else str(count)
    if len(target.people) == 1:
        return f"{target.why or 'only owner'}{', over quota' if full else ''}: {person.name} has {quota} today"
    way = "everybody has their quota" if full else "round robin"
    return f"{f'{target.why}, ' if target.why else ''}{way}: {person.name} has {quota} today"
