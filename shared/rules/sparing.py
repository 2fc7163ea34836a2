"""
What of an event is about people who were erased: their identities are taken out before it is applied.

Whoever comes back after the marker's end is somebody new, and a device that others claimed too stays theirs.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from shared.identity import ANONYMOUS, EMAIL
from shared.lead import Alias, LeadEvent
from shared.rules.people import claimed_by, joined_claims, named, unnamed
from shared.rules.workspace import Addressed, Name, Workspace, first_home

Claims = Mapping[str, Collection[tuple[int, str]]]
"""Claims by the home of the device."""


def arriving_claims(every: Iterable[Addressed], workspace: Workspace) -> Claims:
    """Return the claims that the living make in these events: who logs in takes over from the erased at once."""
    claims: dict[str, set[tuple[int, str]]] = {}
    for each in every:
        left = None if each.event.lead_id is not None or each.names[0].anonymous else spared(each, workspace, {})
        for name in () if left is None else left.names:
            if left is not None and name.anonymous:
                place = first_home([one for one in left.names if not one.anonymous])
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
