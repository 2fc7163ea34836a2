"""The moment of erasure: the lead and every home of it give way to markers, in one transaction with the record."""

import hashlib
import hmac

from functions.erase.requests import Order, RefusedError
from shared import settings
from shared.aws import leads, queue
from shared.aws.erasure import TRANSACTION, Erasure, erasure_at, get_erasure, marker_entry, write
from shared.aws.secret_values import identity_secret
from shared.errors import ConflictError
from shared.identity import home_of_address, number_hash
from shared.lead import Alias, Erased, Lead
from shared.rules.erasing import belonging, number_held

TRIES = 6
"""Rounds of read and write for a lead that others are writing too."""

MOST_MARKERS = TRANSACTION - 1
"""Homes marked at once; of a lead with more, the others are marked when it is their turn to be cleared."""


def erase(home: str, order: Order) -> str:
    """
    Erase whoever lives at the home, through aliases. Returns the id of the erasure, of the earlier one when there was.

    Raises:
        RefusedError: Nobody lives there, or it is a device that several people used.
        ConflictError: Others kept writing the lead. Nothing was erased.
    """
    for _ in range(TRIES):
        found = _whose(home, order.at)
        if isinstance(found, str):
            _queue_unless_done(found)
            return found
        try:
            return _begin(found, order)
        except ConflictError:
            continue
    raise ConflictError("the lead kept changing")


def _whose(home: str, now: int) -> Lead | str:
    """Return the lead that the home leads to, or the id of the erasure that was asked for already."""
    place = home
    while True:
        entry = leads.load([place])[place]
        match entry:
            case Lead():
                return entry
            case Alias():
                if len({_person(claimant) for _, claimant in entry.claims}) > 1:
                    raise RefusedError(
                        409, "shared_device", "several people used this device: name the person by email or user id"
                    )
                place = entry.alias_of
            case Erased() if entry.until > now and (erasure_id := erasure_at(place)) is not None:
                return erasure_id
            case _:
                raise RefusedError(404, "not_found", "no such lead")


def _person(claimant: str) -> str:
    """Return the lead that the home of a claim leads to: one person may have claimed as several, before they were joined."""
    lead = leads.get_lead(claimant)
    return claimant if lead is None else lead.lead_id


def _begin(lead: Lead, order: Order) -> str:
    known = leads.homes_of(lead)
    said = () if lead.address_hash is None else (home_of_address(lead.address_hash),)
    entries = leads.load([*known, *said])
    # Where nobody lives at an address that a browser said was theirs, a form sent before would make a new lead of it. It
    # comes first, so that it is marked before anybody can move in.
    vacant = [home for home in said if home not in known and not isinstance(entries[home], Lead | Alias)]
    every = tuple(dict.fromkeys([lead.lead_id, *vacant, *known]))
    kinds = {home: belonging(entries[home], every) for home in every}
    seen = {home: 0 if entry is None else entry.version for home, entry in entries.items()} | {
        lead.lead_id: lead.version
    }
    homes = tuple(home for home in every if kinds[home] != "foreign")
    marked = [home for home in homes if kinds[home] == "theirs"][:MOST_MARKERS]
    erasure = Erasure(
        erasure_id=_erasure_id(lead, order.at),
        asked_at=order.at,
        by=order.by,
        reason=order.reason,
        state="clearing",
        lead_id=lead.lead_id,
        lead_version=lead.version + 1,
        homes=homes,
        addresses=_addresses(lead),
    )
    # Should this process end right after the transaction, the message that comes later still finds the record.
    queue.send_all(settings.erasures_queue_url(), [_message(erasure.erasure_id)], delay_seconds=patience())
    write(erasure, [marker_entry(erasure, home, seen[home]) for home in marked])
    queue.send_all(settings.erasures_queue_url(), [_message(erasure.erasure_id)])
    return erasure.erasure_id


def patience() -> int:
    """Return the seconds after which no function that began before the markers stood can still be running."""
    return int(settings.required("ERASURE_PATIENCE_SECONDS"))


def _addresses(lead: Lead) -> tuple[str, ...]:
    """Return every mail address the lead is known by, as address hashes, and its phone number by its own."""
    named = {text.removeprefix("email#") for text in lead.identities if text.startswith("email#")}
    if lead.address_hash is not None:
        named.add(lead.address_hash)
    if (number := number_held(lead)) is not None:
        named.add(number_hash(number, identity_secret()))
    return tuple(sorted(named))


def _erasure_id(lead: Lead, at: int) -> str:
    """Name the erasure so that nobody can tell from it whom it was about."""
    said = f"erasure#{lead.lead_id}#{lead.version}#{at}"
    return hmac.new(identity_secret().encode(), said.encode(), hashlib.sha256).hexdigest()[:20]


def _queue_unless_done(erasure_id: str) -> None:
    erasure = get_erasure(erasure_id)
    if erasure is not None and not erasure.done:
        queue.send_all(settings.erasures_queue_url(), [_message(erasure_id)])


def _message(erasure_id: str) -> dict[str, object]:
    return {"schema": 1, "erasure": erasure_id}
