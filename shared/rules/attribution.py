"""
Putting events onto leads: finding whose each one is, joining leads that prove to be one person, claiming devices.

Works on what was loaded, so it is pure: the caller writes what became of it, and loads and calls again when somebody else
was faster.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from shared.identity import ANONYMOUS, event_key
from shared.lead import IDENTITIES_KEPT, Alias, Entry, Lead, LeadEvent, Naming, Settled
from shared.rules.facts import apply_event, joined_identities, united
from shared.rules.model import ScoringModel
from shared.rules.people import (
    claimed_by,
    first_claimants,
    joined_claims,
    named,
    survivor,
    turns,
)
from shared.rules.workspace import Addressed, Name, Workspace, acting, first_home, must_look, people_at


def attribute(addressed: Addressed, workspace: Workspace, model: ScoringModel) -> str | None:
    """
    Apply one event, already through `spared`, to whom it is about.

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
    if isinstance(entry, Alias) and workspace.is_home_of_somebody(entry):
        place = claimed_by(entry.claims, event.occurred_at) if entry.claims else entry.alias_of
        return None if place is None else workspace.lead_at(place)
    lead = entry if isinstance(entry, Lead) else _newcomer(name.home, workspace)
    return _naming(lead, [name], event, workspace)


def _person(addressed: Addressed, workspace: Workspace, model: ScoringModel) -> Lead:
    event = addressed.event
    known = acting(addressed, workspace)
    found = people_at(known, workspace)
    lead = found[0] if found else _newcomer(first_home(known), workspace)
    for other in found[1:]:
        current = workspace.now[other.lead_id]
        if other.lead_id != lead.lead_id and isinstance(current, Lead):
            lead = _merge(lead, current, workspace, model)
    has_more_homes = len({each.lead_id for each in found}) > 1 or any(
        name.identity not in lead.identities for name in known
    )
    workspace.now[lead.lead_id] = lead
    for name in known:
        entry = workspace.now.get(name.home)
        is_new = workspace.lead_at(name.home) is None and not any(name.identity in each.identities for each in found)
        if is_new or (
            isinstance(entry, Alias) and entry.alias_of != lead.lead_id
        ):  # a chain costs a read for each link
            workspace.now[name.home] = Alias(name.home, lead.lead_id, version=workspace.version_at(name.home))
            workspace.link(name.home, lead.lead_id)
    devices = [name for name in addressed.names if name.anonymous]
    for name in devices:
        if must_look(name, found):  # by what was loaded: the list of who they are together may have no room for it
            lead = _claim(name, lead, (event.occurred_at, first_home(known)), workspace, model)
    if has_more_homes:  # what was read before does not tell what was said at these; the next claim reads again
        workspace.told.pop(lead.lead_id, None)
    return _naming(lead, [*known, *devices], event, workspace)


def _newcomer(home: str, workspace: Workspace) -> Lead:
    """Return a new lead; of whoever lived at its home before (erased, and the marker over) only the version goes on."""
    return Lead(home, workspace.version_at(home))


def _merge(one: Lead, other: Lead, workspace: Workspace, model: ScoringModel) -> Lead:
    stays, goes = survivor(one, other)
    lead = replace(united(stays, goes, model), settled=_settled(stays.settled, goes.settled, model))
    workspace.now[lead.lead_id] = lead
    workspace.now[goes.lead_id] = Alias(goes.lead_id, lead.lead_id, version=goes.version)
    workspace.link(lead.lead_id, goes.lead_id)
    if goes.lead_id in workspace.rebuild:
        workspace.rebuild.add(lead.lead_id)
    further = workspace.further.pop(goes.lead_id, {})
    if further or len(goes.identities) >= IDENTITIES_KEPT:
        further[goes.lead_id] = True
    _keep_further({**dict.fromkeys((*stays.homes, *goes.homes), False), **further}, lead, workspace)
    return lead


def _keep_further(homes: Mapping[str, bool], lead: Lead, workspace: Workspace) -> None:
    """Note those of the homes that the lead does not list, or that know of more."""
    listed = set(lead.homes)
    for home, more in homes.items():
        if more or home not in listed:
            known = workspace.further.setdefault(lead.lead_id, {})
            known[home] = more or known.get(home, False)


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
    kept = goes if stays.band is None else stays
    return kept._replace(
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


def _claim(name: Name, lead: Lead, claim: tuple[int, str], workspace: Workspace, model: ScoringModel) -> Lead:
    """
    Let the lead claim the device; what its visitor did before the first claim becomes the lead's.

    A claim is (event time, home of the name that claims): it follows from the event alone, whoever that home leads to
    by then.
    """
    entry = workspace.now.get(name.home)
    if isinstance(entry, Lead):
        # A visit names nobody: only who said so, and when, may count as a claim.
        lead = replace(
            united(lead, replace(entry, identities={}), model), settled=_settled(lead.settled, entry.settled, model)
        )
        workspace.now[name.home] = Alias(name.home, claim[1], (claim,), entry.version)
    elif isinstance(entry, Alias):
        lead = _claim_again(entry, name, lead, claim, workspace)
    else:
        workspace.now[name.home] = Alias(name.home, claim[1], (claim,), workspace.version_at(name.home))
    workspace.now[lead.lead_id] = lead
    workspace.link(name.home, lead.lead_id)
    return lead


def _claim_again(entry: Alias, name: Name, lead: Lead, claim: tuple[int, str], workspace: Workspace) -> Lead:
    """
    Let the lead claim a device that was claimed before.

    When that was somebody else, each keeps what its visitor did in their own time, rebuilt from the timeline.
    """
    whose = {workspace.whose(place) for _, place in entry.claims} - {lead.lead_id}
    naming = lead.identities.get(name.identity)
    if not whose and (naming is None or not naming.shared):  # of a shared device, nobody reads past logins again
        return lead
    others = [person for lead_id in sorted(whose) if (person := workspace.lead_at(lead_id)) is not None]
    claims = {claim}
    for person in (lead, *others):
        claims |= _namings(person, name, workspace)
    joined = joined_claims(entry.claims, claims)
    workspace.now[name.home] = replace(entry, claims=joined, alias_of=joined[0][1])
    is_moved = _turns(joined, workspace) != _turns(entry.claims, workspace)
    version = entry.version + 1
    for other in others:
        sharing = _sharing(other, name, version, is_moved=is_moved)
        if is_moved or sharing != other:
            workspace.now[other.lead_id] = sharing
            workspace.link(name.home, other.lead_id)
        if is_moved:
            workspace.rebuild.add(other.lead_id)
    if is_moved:
        workspace.rebuild.add(lead.lead_id)
    lead = _listing(lead, {name.identity: Naming(name.home, claim[0], claim[0])}, workspace)
    return _sharing(lead, name, version, is_moved=is_moved)


def _turns(claims: Iterable[tuple[int, str]], workspace: Workspace) -> object:
    return turns((at, workspace.whose(place)) for at, place in sorted(claims)), first_claimants(claims)


def _namings(person: Lead, name: Name, workspace: Workspace) -> set[tuple[int, str]]:
    """Return when the person named the device before it was known to be shared, as claims."""
    claims = {
        (each.event.occurred_at, _claimant(each, person, workspace))
        for lead_id, past in workspace.told.items()
        if workspace.whose(lead_id) == person.lead_id
        for each in past
        if each.event.lead_id is None and not each.names[0].anonymous and name in each.names
    }
    naming = person.identities.get(name.identity)
    if naming is None or naming.shared:
        return claims
    known = {at for at, _ in claims}
    return claims | {(at, person.lead_id) for at in (naming.first, naming.last) if at not in known}


def _claimant(each: Addressed, person: Lead, workspace: Workspace) -> str:
    """
    Return the home that claims in an event from the person's own timeline.

    The homes that the person lists need not be loaded. A user id that is not theirs did not join: then the event, and
    the claim, are the strongest name's alone.
    """
    place = first_home([name for name in each.names if not name.anonymous])
    return place if place in person.homes or workspace.whose(place) == person.lead_id else each.home


def _sharing(lead: Lead, name: Name, version: int, *, is_moved: bool) -> Lead:
    naming = lead.identities.get(name.identity)
    if naming is None or (naming.shared and not is_moved):
        return lead
    return replace(lead, identities={**lead.identities, name.identity: naming._replace(shared=version)})


def _naming(lead: Lead, names: Sequence[Name], event: LeadEvent, workspace: Workspace) -> Lead:
    said = {name.identity: Naming(name.home, event.occurred_at, event.occurred_at) for name in names}
    return _listing(lead, said, workspace)


def _listing(lead: Lead, said: Mapping[str, Naming], workspace: Workspace) -> Lead:
    """Return the lead with these identities too; homes that its list has no room for are kept beside it."""
    listing = replace(lead, identities=joined_identities(lead.identities, said))
    if len(listing.identities) >= IDENTITIES_KEPT:
        new = (at.home for at in said.values() if workspace.now.get(at.home) != workspace.stored.get(at.home))
        _keep_further(dict.fromkeys((*lead.homes, *new), False), listing, workspace)
    return listing


def share(
    lead: Lead, timelines: Mapping[str, Sequence[LeadEvent]], entries: Mapping[str, Entry | None]
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
    own = {*lead.homes, *timelines}
    for place, events in timelines.items():
        entry = entries.get(place)
        claims = entry.claims if isinstance(entry, Alias) else ()
        for event in events:
            if not claims or _is_mine(event, claims, own):
                mine.append(event)
            else:
                others.add(event_key(event.event_id))
    return mine, frozenset(others)


def _is_mine(event: LeadEvent, claims: Sequence[tuple[int, str]], own: Collection[str]) -> bool:
    """Tell whether an event at a claimed device is the lead's: our own are whoever's the visitor became."""
    if event.lead_id is not None:
        return min(claims)[1] in own
    if any(kind != ANONYMOUS for kind, _ in named(event)):
        return True
    return claimed_by(claims, event.occurred_at) in own
