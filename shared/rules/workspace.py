"""
What is known of the homes that a batch of events touches, and which homes must be loaded before it can be applied.

Pure: the caller reads what is `wanted`, and asks again until nothing is.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from shared.identity import EMAIL, USER
from shared.lead import Alias, Entry, Erased, Lead, LeadEvent
from shared.rules.people import ALIASED, is_gone


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
        people = people_at(acting(each, workspace), workspace) if rest else []
        for name in rest:
            if must_look(name, people) if name.anonymous else name.identity not in listed:
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


def must_look(device: Name, people: Iterable[Lead]) -> bool:
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


NAMES_TOGETHER = 10
"""Addresses, and user ids, that one lead can have: what names more is no person, but a team, a test or a mistake."""


def people_at(names: Iterable[Name], workspace: Workspace) -> list[Lead]:
    """Return who lives at the homes of the names."""
    return [lead for name in names if (lead := workspace.lead_at(name.home)) is not None]


def acting(addressed: Addressed, workspace: Workspace) -> list[Name]:
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


def first_home(known: Sequence[Name]) -> str:
    """Return where a new lead lives: at its user id if it has one, for that is what most of its events will name."""
    return next((name.home for name in known if name.identity.startswith(f"{USER}#")), known[0].home)
