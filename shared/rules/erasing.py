"""
Whose an item is, when one person is erased or asks what is held: everything at the homes of the person, but of a device
that several people used only their own part.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal

from shared.identity import ANONYMOUS, normal_number
from shared.lead import Alias, Entry, Erased, Lead, LeadEvent
from shared.mailing import SendRef
from shared.rules.people import GONE, claimed_by, is_gone, named

Belonging = Literal["theirs", "shared", "foreign"]
"""A home is the person's alone, a device other people claim too, or none of the person's."""


def belonging(entry: Entry | None, homes: Collection[str]) -> Belonging:
    """
    Tell whose a home is by what lives there.

    Args:
        entry: What was read at the home.
        homes: Every home of the person known so far.
    """
    match entry:
        case Lead():
            return "theirs" if entry.lead_id in homes else "foreign"
        case Alias():
            people = {person for _, person in entry.claims if not is_gone(person)} or {entry.alias_of}
            if people <= set(homes):
                return "theirs" if entry.alias_of in homes or is_gone(entry.alias_of) else "foreign"
            return "shared" if people & set(homes) else "foreign"
        case Erased() | None:
            return "theirs"


def parted(
    events: Iterable[LeadEvent], claims: Collection[tuple[int, str]], homes: Collection[str]
) -> tuple[list[LeadEvent], list[LeadEvent]]:
    """
    Return the events at a shared device that are the person's, and those that are other people's.

    An event that names nobody belongs to the claim in force at its own time; one of our own, sent to whoever lives at
    the device, to who claimed it first, because what a visitor did before that counts for them.
    """
    mine: list[LeadEvent] = []
    others: list[LeadEvent] = []
    first = is_first(claims, homes)
    for event in events:
        if event.lead_id is not None:
            is_mine = first
        elif all(kind == ANONYMOUS for kind, _ in named(event)):
            is_mine = claimed_by(claims, event.occurred_at) in homes
        else:
            is_mine = False
        (mine if is_mine else others).append(event)
    return mine, others


def is_first(claims: Collection[tuple[int, str]], homes: Collection[str]) -> bool:
    """Tell whether the person claimed the device first: what else rests there is of the visitor they then were."""
    return bool(claims) and min(claims)[1] in homes


def own_part(held: Mapping[str, Any], homes: Collection[str]) -> dict[str, Any]:
    """Return an item of an address with the messages and holds that are the person's: a phone number can be a family's."""
    own = dict(held)
    if "paused_by" in own:
        own["paused_by"] = {by for by in own["paused_by"] if by.partition("#")[0] in homes}
    for field in ("recent", "confirmations"):
        if field in own:
            own[field] = [each for each in own[field] if is_send_of(each["send"], homes)]
    return own


def is_send_of(send_id: str, homes: Collection[str]) -> bool:
    """Tell whether a message went to the person."""
    ref = SendRef.parse(send_id)
    return ref is not None and ref.lead_id in homes


def to_look_at(known: Collection[str], sure: Iterable[str], claimed: Iterable[str], *, most: int) -> list[str]:
    """
    Return the addresses that are to be looked at besides the known ones.

    Args:
        known: Those that are looked at anyway.
        sure: Those that a server or we ourselves said are the person's.
        claimed: Those that only a browser said. Whoever has the key of a page can name thousands.
        most: Known ones and new ones together, from which on those that are only claimed are left out.
    """
    new = sorted({*sure} - {*known})
    return new + sorted({*claimed} - {*known, *new})[: max(0, most - len(known) - len(new))]


def numbers_said(events: Iterable[LeadEvent]) -> set[str]:
    """Return the phone numbers that a server said are the person's. One that a browser names may be anybody's."""
    said = {normal_number(str(event.traits.get("phone", ""))) for event in events if event.source == "server"}
    return {number for number in said if number is not None}


def number_held(lead: Lead) -> str | None:
    """Return the phone number of the profile where a server said it: events older than the timeline do not any more."""
    phone = lead.value("phone") if lead.proven("phone") else None
    return normal_number(phone) if isinstance(phone, str) else None


def left_over(device: Alias, homes: Collection[str]) -> Alias:
    """
    Return the shared device as others keep it: the person's turns stay nobody's, and nothing says whose they were.

    Without their claims, what arrives late of their turns would count for the neighbour.
    """
    places = {place for _, place in device.claims}
    taken = sum(is_gone(place) for place in places)
    nameless = {place: f"{GONE}{taken + number}" for number, place in enumerate(sorted(places & {*homes}))}
    claims = tuple((at, nameless.get(place, place)) for at, place in device.claims)
    return Alias(device.home, claims[0][1], claims, device.version + 1)
