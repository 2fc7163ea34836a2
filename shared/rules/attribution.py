"""
Putting events onto leads: finding whose each one is, joining leads that prove to be one person, claiming devices.

Works on what was loaded and says what more must be loaded, so it is pure: the caller reads, writes, and calls again
when somebody else was faster.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from shared.identity import ANONYMOUS, EMAIL, USER, event_key
from shared.lead import IDENTITIES_KEPT, Alias, Entry, Erased, Lead, LeadEvent, Naming, Settled
from shared.rules.facts import apply_event, joined_identities, united
from shared.rules.model import ScoringModel
from shared.rules.people import (
    ALIASED,
    claimed_by,
    first_claimants,
    is_gone,
    joined_claims,
    named,
    survivor,
    turns,
    unnamed,
)


@dataclass(frozen=True, slots=True)
class Name:
    """One identity of an event: as a lead lists it, and its home."""

    identity: str
    home: str

    @property
    def anonymous(self) -> bool:
        return self.identity[:5] == "anon#"

    @property
    def value(self) -> str:
        return self.identity.partition("#")[2]


@dataclass(frozen=True, slots=True)
class Addressed:
    """
    An event with its identities, the strongest first, and the hash of its mail address.

    `mentioned` is the home of an address that is not one of the identities: a browser's, beside a user id.
    """

    event: LeadEvent
    names: tuple[Name, ...]
    address: str | None
    mentioned: str | None = None

    @property
    def home(self) -> str:
        """The partition of the event's timeline item: it depends on the event alone, never on merges."""
        return self.event.lead_id or self.names[0].home


@dataclass(slots=True)
class Workspace:
    """
    What is known of the homes touched by a batch, and what the batch made of them.

    `stored` is what was read (None: nothing is there); `now` is what it becomes; `linked` is by home the homes that must be
    written in one transaction with it; `rebuild` are the leads whose share of a device's events changed; `told` is what
    timelines say of leads whose devices turn out to be shared. `further` are homes that a lead does not list, for it has
    more than it lists; True where a lead that had such homes itself lived before it was merged.
    """

    stored: dict[str, Entry | None] = field(default_factory=dict)
    now: dict[str, Entry | None] = field(default_factory=dict)
    linked: dict[str, set[str]] = field(default_factory=dict)
    rebuild: set[str] = field(default_factory=set)
    told: dict[str, Sequence[Addressed]] = field(default_factory=dict)
    further: dict[str, dict[str, bool]] = field(default_factory=dict)
    torn: dict[str, int] = field(default_factory=dict)
    """Devices that were read again, with the version that seemed too old: read twice, it is what stands there."""

    def add(self, loaded: dict[str, Entry | None]) -> None:
        self.stored.update(loaded)
        self.now.update(loaded)

    def lead_at(self, home: str) -> Lead | None:
        """Return the lead the home leads to, or None when nobody lives there yet, or any more."""
        _, entry = self._end(home)
        return entry if isinstance(entry, Lead) else None

    def is_erased(self, home: str, at: int) -> bool:
        """
        Tell whether the home leads to a person whose marker stands when an event is received at `at`.

        On a device that others used too the turn of the erased is nobody's for good.
        """
        place, entry = self._end(home)
        return is_gone(place) or (isinstance(entry, Erased) and at < entry.until)

    def version_at(self, home: str) -> int:
        """Return the version of what stands at the home, for whatever takes its place; 0 where nothing is."""
        entry = self.now.get(home)
        return 0 if entry is None else entry.version

    def is_home_of_somebody(self, alias: Alias) -> bool:
        """Tell whether anybody the alias names still lives."""
        return any(self.lead_at(place) is not None for place in (alias.alias_of, *(who for _, who in alias.claims)))

    def made(self) -> dict[str, Entry]:
        """Return what every home becomes, for a table of dictionaries: aliases count their versions up."""
        return {
            place: replace(entry, version=entry.version + 1)
            if isinstance(entry, Alias) and entry is not self.stored.get(place)
            else entry
            for place, entry in self.now.items()
            if entry is not None
        }

    def whose(self, place: str) -> str:
        """Return the id of the lead the home leads to; the home itself where nobody lives."""
        lead = self.lead_at(place)
        return place if lead is None else lead.lead_id

    def _end(self, home: str) -> tuple[str, Entry | None]:
        while isinstance(entry := self.now.get(home), Alias):
            home = entry.alias_of
        return home, entry

    def link(self, *homes: str) -> None:
        """Note that these homes change together."""
        joined = self.linked.setdefault(homes[0], {homes[0]})
        for home in homes:
            if home not in joined:
                joined |= self.linked.get(home, {home})
                self.linked.update(dict.fromkeys(joined, joined))

    @property
    def together(self) -> list[set[str]]:
        """The groups of homes that change together."""
        return list({id(group): group for group in self.linked.values()}.values())


def wanted(addressed: Iterable[Addressed], workspace: Workspace) -> set[str]:
    """Return the homes that must be loaded before the events can be applied; empty when all is known."""
    missing: set[str] = set()
    for each in addressed:
        if each.event.lead_id is not None:
            missing |= _unknown(each.event.lead_id, workspace)
            continue
        first, *rest = each.names
        if first.anonymous:
            _forget_if_torn(first, workspace)
        unknown = _unknown(first.home, workspace)
        if unknown:  # the lead, once known, mostly lists the other names already
            missing |= unknown
            continue
        lead = workspace.lead_at(first.home)
        listed = lead.identities if lead is not None else {}
        people = _people(_acting(each, workspace), workspace) if rest else []
        for name in rest:
            if _must_look(name, people) if name.anonymous else name.identity not in listed:
                missing |= _unknown(name.home, workspace)
        if each.mentioned is not None and (lead is None or lead.address_hash != each.address):
            missing |= _unknown(each.mentioned, workspace)
    return missing


def _forget_if_torn(device: Name, workspace: Workspace) -> None:
    """
    Forget a device's entry that was read before a claim moved what the leads it names have been read after.

    An event that names nobody writes only the lead, on the lead's version; this makes sure that the claims it went by
    were not older.
    """
    entry = workspace.now.get(device.home)
    if not isinstance(entry, Alias) or entry is not workspace.stored.get(device.home):
        return
    people = [lead for _, place in entry.claims if (lead := workspace.lead_at(place)) is not None]
    namings = [lead.identities[device.identity] for lead in people if device.identity in lead.identities]
    is_torn = any(naming.shared > entry.version for naming in namings)
    if is_torn and workspace.torn.get(device.home) != entry.version:  # a marker that ended takes the count along
        workspace.torn[device.home] = entry.version
        del workspace.now[device.home]


def _must_look(device: Name, people: Iterable[Lead]) -> bool:
    """Tell whether the device's own entry must be looked at: the people it may belong to do not list it, or share it."""
    namings = [lead.identities[device.identity] for lead in people if device.identity in lead.identities]
    return not namings or any(naming.shared > 0 for naming in namings)


def untold(addressed: Addressed, workspace: Workspace) -> set[str]:
    """
    Return the leads whose timelines must be read before the event can claim a device that others claimed.

    Until a device is known to be shared, whoever named it before does not look at its claims: only their timelines know
    every time they did.
    """
    if addressed.event.lead_id is not None or addressed.names[0].anonymous:
        return set()
    me = {
        lead.lead_id: lead for name in addressed.names if not name.anonymous and (lead := workspace.lead_at(name.home))
    }
    unread: set[str] = set()
    for name in addressed.names:
        entry = workspace.now.get(name.home)
        if not name.anonymous or not isinstance(entry, Alias):
            continue
        claimants = {workspace.whose(place): workspace.lead_at(place) for _, place in entry.claims}
        if claimants.keys() <= me.keys():
            continue
        for lead_id, lead in {**claimants, **me}.items():
            naming = None if lead is None else lead.identities.get(name.identity)
            is_known = naming.shared > 0 if naming is not None else lead is None or lead_id not in claimants
            if not is_known and lead_id not in workspace.told:
                unread.add(lead_id)
    return unread


def _unknown(home: str, workspace: Workspace) -> set[str]:
    if home not in workspace.now:
        return set() if is_gone(home) else {home}
    entry = workspace.now[home]
    if not isinstance(entry, Alias):
        return set()
    people = {entry.alias_of, *(person for _, person in entry.claims)}
    return {missing for person in people for missing in _unknown(person, workspace)}


Claims = Mapping[str, Collection[tuple[int, str]]]
"""Claims by the home of the device."""


def arriving_claims(every: Iterable[Addressed], workspace: Workspace) -> Claims:
    """Return the claims that the living make in these events: who logs in takes over from the erased at once."""
    claims: dict[str, set[tuple[int, str]]] = {}
    for each in every:
        left = None if each.event.lead_id is not None or each.names[0].anonymous else spared(each, workspace, {})
        for name in () if left is None else left.names:
            if left is not None and name.anonymous:
                place = _first_home([one for one in left.names if not one.anonymous])
                claims.setdefault(name.home, set()).add((left.event.occurred_at, place))
    return claims


def spared(addressed: Addressed, workspace: Workspace, arriving: Claims) -> Addressed | None:
    """
    Return the event without the identities of people who were erased, or None when it is about nobody else.

    By the time it was received: whoever comes back after the marker's end is somebody new. A device that others claimed
    too stays theirs; what it did in the turn of the erased is nobody's. `arriving` are claims that come along.
    """
    event = addressed.event
    at = event.received_at
    if event.lead_id is not None:
        return None if workspace.is_erased(_addressee(event.lead_id, workspace, arriving), at) else addressed
    gone = [name for name in addressed.names if _is_of_the_erased(name, event, workspace, arriving)]
    mentioned = addressed.mentioned is not None and workspace.is_erased(addressed.mentioned, at)
    if not gone and not mentioned:
        return addressed
    said = {name.value for name in gone}  # a former id may stand there as a visitor's and as a user's
    names = tuple(name for name in addressed.names if name.value not in said)
    email = mentioned or any(name.identity.startswith(f"{EMAIL}#") for name in gone)
    kept = replace(addressed, names=names, mentioned=None if mentioned else addressed.mentioned)
    kept = replace(kept, address=None) if email else kept
    left = unnamed(event, {name.identity for name in gone}, email=email)
    named_somebody = not addressed.names[0].anonymous
    if not names or (named_somebody and (names[0].anonymous or not (left.user_id or left.email))):
        return None
    return replace(kept, event=left)


def _addressee(home: str, workspace: Workspace, arriving: Claims) -> str:
    """Return where our own event leads: of a device, to who claimed it first, be it in an event that comes along."""
    entry = workspace.now.get(home)
    if not isinstance(entry, Alias) or not entry.claims:
        return home
    return joined_claims(entry.claims, arriving.get(home, ()))[0][1]


def _is_of_the_erased(name: Name, event: LeadEvent, workspace: Workspace, arriving: Claims) -> bool:
    entry = workspace.now.get(name.home)
    if not name.anonymous or not isinstance(entry, Alias) or not entry.claims:
        return workspace.is_erased(name.home, event.received_at)
    if any(kind != ANONYMOUS for kind, _ in named(event)):
        return False
    place = claimed_by(joined_claims(entry.claims, arriving.get(name.home, ())), event.occurred_at)
    return place is not None and workspace.is_erased(place, event.received_at)


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
    known = _acting(addressed, workspace)
    found = _people(known, workspace)
    lead = found[0] if found else _newcomer(_first_home(known), workspace)
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
        if _must_look(name, found):  # by what was loaded: the list of who they are together may have no room for it
            lead = _claim(name, lead, (event.occurred_at, _first_home(known)), workspace, model)
    if has_more_homes:  # what was read before does not tell what was said at these; the next claim reads again
        workspace.told.pop(lead.lead_id, None)
    return _naming(lead, [*known, *devices], event, workspace)


NAMES_TOGETHER = 10
"""Addresses, and user ids, that one lead can have: what names more is no person, but a team, a test or a mistake."""


def _people(names: Iterable[Name], workspace: Workspace) -> list[Lead]:
    return [lead for name in names if (lead := workspace.lead_at(name.home)) is not None]


def _acting(addressed: Addressed, workspace: Workspace) -> list[Name]:
    """
    Return the names the event joins, the strongest first.

    A name that would give one lead more than 10 addresses or 10 user ids joins nobody, unless the event is an alias call:
    who makes one means it. The event counts for the stronger name alone. What was joined before stays joined, so of such
    names the order of arrival decides.
    """
    known = [name for name in addressed.names if not name.anonymous]
    if len(known) < 2 or addressed.event.name == ALIASED:
        return known
    first, *rest = known
    acting = [first]
    together = {first.identity, *_listed_at(first, workspace)}
    for name in rest:
        more = {name.identity, *_listed_at(name, workspace)} - together
        if not any(_are_too_many(kind, together, more) for kind in (EMAIL, USER)):
            acting.append(name)
            together |= more
    return acting


def _are_too_many(kind: str, together: Collection[str], more: Collection[str]) -> bool:
    new, held = (sum(identity.startswith(f"{kind}#") for identity in each) for each in (more, together))
    return new > 0 and held + new > NAMES_TOGETHER


def _listed_at(name: Name, workspace: Workspace) -> Iterable[str]:
    lead = workspace.lead_at(name.home)
    return () if lead is None else lead.identities


def _newcomer(home: str, workspace: Workspace) -> Lead:
    """Return a new lead; of whoever lived at its home before (erased, and the marker over) only the version goes on."""
    return Lead(home, workspace.version_at(home))


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
    place = _first_home([name for name in each.names if not name.anonymous])
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
