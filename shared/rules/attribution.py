"""
Putting events onto leads: finding whose each one is, joining leads that prove to be one person, claiming devices.

Works on what was loaded and says what more must be loaded, so it is pure: the caller reads, writes, and calls again
when somebody else was faster.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from shared.identity import ANONYMOUS, USER, event_key
from shared.lead import Alias, Lead, LeadEvent, Naming, Settled
from shared.rules.facts import apply_event, joined_identities, united
from shared.rules.model import ScoringModel
from shared.rules.people import claimed_by, joined_claims, named, survivor, turns


@dataclass(frozen=True, slots=True)
class Name:
    """One identity of an event: as a lead lists it, and its home."""

    identity: str
    home: str

    @property
    def anonymous(self) -> bool:
        return self.identity.startswith("anon#")


@dataclass(frozen=True, slots=True)
class Addressed:
    """An event with its identities, the strongest first, and the hash of its mail address."""

    event: LeadEvent
    names: tuple[Name, ...]
    address: str | None

    @property
    def home(self) -> str:
        """The partition of the event's timeline item: it depends on the event alone, never on merges."""
        return self.event.lead_id or self.names[0].home


@dataclass(slots=True)
class Workspace:
    """
    What is known of the homes touched by a batch, and what the batch made of them.

    `stored` is what was read (None: nothing is there); `now` is what it becomes; `together` are the homes that must be
    written in one transaction; `rebuild` are the leads whose share of a device's events changed.
    """

    stored: dict[str, Lead | Alias | None] = field(default_factory=dict)
    now: dict[str, Lead | Alias | None] = field(default_factory=dict)
    together: list[set[str]] = field(default_factory=list)
    rebuild: set[str] = field(default_factory=set)

    def add(self, loaded: dict[str, Lead | Alias | None]) -> None:
        self.stored.update(loaded)
        self.now.update(loaded)

    def lead_at(self, home: str) -> Lead | None:
        """Return the lead the home leads to, or None when nobody lives there yet."""
        while isinstance(entry := self.now.get(home), Alias):
            home = entry.alias_of
        return entry

    def link(self, *homes: str) -> None:
        """Note that these homes change together."""
        joined = set(homes)
        apart = []
        for group in self.together:
            if group & joined:
                joined |= group
            else:
                apart.append(group)
        self.together = [*apart, joined]


def wanted(addressed: Iterable[Addressed], workspace: Workspace) -> set[str]:
    """Return the homes that must be loaded before the events can be applied; empty when all is known."""
    missing: set[str] = set()
    for each in addressed:
        if each.event.lead_id is not None:
            missing |= _unknown(each.event.lead_id, workspace)
            continue
        first, *rest = each.names
        unknown = _unknown(first.home, workspace)
        if unknown:  # the lead, once known, mostly lists the other names already
            missing |= unknown
            continue
        lead = workspace.lead_at(first.home)
        listed = lead.identities if lead is not None else {}
        for name in rest:
            if name.identity not in listed or listed[name.identity].shared:
                missing |= _unknown(name.home, workspace)
    return missing


def _unknown(home: str, workspace: Workspace) -> set[str]:
    if home not in workspace.now:
        return {home}
    entry = workspace.now[home]
    if not isinstance(entry, Alias):
        return set()
    people = {entry.alias_of, *(person for _, person in entry.claims)}
    return {missing for person in people for missing in _unknown(person, workspace)}


def attribute(addressed: Addressed, workspace: Workspace, model: ScoringModel) -> str | None:
    """
    Apply one event to whom it is about.

    Returns: The id of the lead, or None when our own event names a lead that is gone.
    """
    event = addressed.event
    if event.lead_id is not None:
        lead = workspace.lead_at(event.lead_id)
    elif addressed.names[0].anonymous:
        lead = _visitor(addressed.names[0], event, workspace)
    else:
        lead = _person(addressed, workspace, model)
    if lead is None:
        return None
    workspace.now[lead.lead_id] = apply_event(lead, event, model, address=addressed.address)
    workspace.link(lead.lead_id)
    return lead.lead_id


def _visitor(name: Name, event: LeadEvent, workspace: Workspace) -> Lead | None:
    entry = workspace.now.get(name.home)
    if isinstance(entry, Alias):
        return workspace.lead_at(claimed_by(entry.claims, event.occurred_at) or entry.alias_of)
    lead = entry or Lead(lead_id=name.home)
    return _naming(lead, [name], event)


def _person(addressed: Addressed, workspace: Workspace, model: ScoringModel) -> Lead:
    event = addressed.event
    known = [name for name in addressed.names if not name.anonymous]
    found = [lead for name in known if (lead := workspace.lead_at(name.home)) is not None]
    lead = found[0] if found else Lead(lead_id=_first_home(known))
    for other in found[1:]:
        current = workspace.now[other.lead_id]
        if other.lead_id != lead.lead_id and isinstance(current, Lead):
            lead = _merge(lead, current, workspace, model)
    workspace.now[lead.lead_id] = lead
    for name in known:
        if workspace.now.get(name.home) is None and name.identity not in lead.identities:
            workspace.now[name.home] = Alias(name.home, lead.lead_id)
            workspace.link(name.home, lead.lead_id)
    for name in addressed.names:
        naming = lead.identities.get(name.identity)
        if name.anonymous and (naming is None or naming.shared):
            lead = _claim(name, lead, event, workspace, model)
    return _naming(lead, addressed.names, event)


def _first_home(known: Sequence[Name]) -> str:
    """Return where a new lead lives: at its user id if it has one, for that is what most of its events will name."""
    return next((name.home for name in known if name.identity.startswith(f"{USER}#")), known[0].home)


def _merge(one: Lead, other: Lead, workspace: Workspace, model: ScoringModel) -> Lead:
    stays, goes = survivor(one, other)
    lead = replace(united(stays, goes, model), settled=_settled(stays.settled, goes.settled, model))
    workspace.now[lead.lead_id] = lead
    workspace.now[goes.lead_id] = Alias(goes.lead_id, lead.lead_id, version=goes.version)
    workspace.link(lead.lead_id, goes.lead_id)
    if goes.lead_id in workspace.rebuild:
        workspace.rebuild.add(lead.lead_id)
    return lead


def _settled(stays: Settled, goes: Settled, model: ScoringModel) -> Settled:
    """
    Return what is settled of two leads that are one person.

    A qualification that was announced of either is not announced again; one that was announced of neither gets a number
    of its own, so that it will be. What another playbook settled of either is still to be settled by this one.
    """
    running = [each for each in (stays, goes) if each.qualified]
    told = any(each.announced_qualification == each.qualification for each in running)
    number = max(stays.qualification, goes.qualification)
    announced = max(stays.announced_qualification, goes.announced_qualification)
    if running and not told and announced == number:
        number += 1
    return replace(
        goes if stays.band is None else stays,
        at=max(stays.at, goes.at),
        qualified=bool(running),
        qualification=number,
        announced_qualification=number if told else announced,
        lapse_unsaid=(stays.lapse_unsaid or goes.lapse_unsaid) and not running,
        triggers={
            rule: max(each.triggers[rule] for each in (stays, goes) if rule in each.triggers)
            for rule in {**stays.triggers, **goes.triggers}
        },
        stage=goes.stage if stays.stage == "lead" else stays.stage,
        playbook=next((by for by in (stays.playbook, goes.playbook) if by not in ("", model.bundle)), stays.playbook),
    )


def _claim(name: Name, lead: Lead, event: LeadEvent, workspace: Workspace, model: ScoringModel) -> Lead:
    """Let the lead claim the device; what its visitor did before the first claim becomes the lead's."""
    entry = workspace.now.get(name.home)
    claim = ((event.occurred_at, lead.lead_id),)
    if isinstance(entry, Lead):
        # A visit names nobody: only who said so, and when, may count as a claim.
        lead = replace(
            united(lead, replace(entry, identities={}), model), settled=_settled(lead.settled, entry.settled, model)
        )
        workspace.now[name.home] = Alias(name.home, lead.lead_id, claim, entry.version)
    elif entry is None:
        workspace.now[name.home] = Alias(name.home, lead.lead_id, claim)
    else:
        lead = _claim_again(entry, name, lead, event, workspace)
    workspace.now[lead.lead_id] = lead
    workspace.link(name.home, lead.lead_id)
    return lead


def _claim_again(entry: Alias, name: Name, lead: Lead, event: LeadEvent, workspace: Workspace) -> Lead:
    """
    Let the lead claim a device that was claimed before.

    When that was somebody else, each keeps what its visitor did in their own time, rebuilt from the timeline. Until a
    device is known to be shared only the first and last naming by each person is remembered, so both stand as claims.
    """
    claims = {(event.occurred_at, lead.lead_id)}
    people = {found.lead_id: found for _, person in entry.claims if (found := workspace.lead_at(person)) is not None}
    others = [person for lead_id, person in sorted(people.items()) if lead_id != lead.lead_id]
    for other in others:
        naming = other.identities.get(name.identity)
        if naming is not None:
            claims |= {(naming.first, other.lead_id), (naming.last, other.lead_id)}
    mine = lead.identities.get(name.identity)
    if mine is not None:
        claims |= {(mine.first, lead.lead_id), (mine.last, lead.lead_id)}
    joined = joined_claims(entry.claims, claims)
    if joined == entry.claims or not others:
        return lead
    workspace.now[name.home] = replace(entry, claims=joined, alias_of=joined[-1][1])
    if turns(joined) == turns(entry.claims):
        return lead
    for other in others:
        workspace.now[other.lead_id] = _sharing(other, name, event)
        workspace.rebuild.add(other.lead_id)
        workspace.link(name.home, other.lead_id)
    workspace.rebuild.add(lead.lead_id)
    return _sharing(lead, name, event)


def _sharing(lead: Lead, name: Name, event: LeadEvent) -> Lead:
    known = lead.identities.get(name.identity)
    first, last = (event.occurred_at, event.occurred_at) if known is None else (known.first, known.last)
    said = {name.identity: Naming(name.home, first, last, shared=True)}
    return replace(lead, identities=joined_identities(lead.identities, said))


def _naming(lead: Lead, names: Sequence[Name], event: LeadEvent) -> Lead:
    said = {name.identity: Naming(name.home, event.occurred_at, event.occurred_at) for name in names}
    return replace(lead, identities=joined_identities(lead.identities, said))


def share(
    lead: Lead, timelines: Mapping[str, Sequence[LeadEvent]], entries: Mapping[str, Lead | Alias | None]
) -> tuple[list[LeadEvent], frozenset[str]]:
    """
    Return the events of the lead, and the keys of those in its timelines that are somebody else's.

    Args:
        lead: Whose share.
        timelines: The events of each home of the lead.
        entries: What lives at each home: a claimed device is an alias with claims, which decide by event time.
    """
    mine: list[LeadEvent] = []
    others: set[str] = set()
    own = set(lead.homes)
    for place, events in timelines.items():
        entry = entries.get(place)
        claims = entry.claims if isinstance(entry, Alias) else ()
        for event in events:
            nameless = event.lead_id is None and all(kind == ANONYMOUS for kind, _ in named(event))
            person = claimed_by(claims, event.occurred_at) if nameless else None
            if person is None or person in own:
                mine.append(event)
            else:
                others.add(event_key(event.event_id))
    return mine, frozenset(others)
