"""
Who an event is about, and which of two leads stays when they turn out to be one person.

Email over user id over anonymous id. An event that names somebody claims the anonymous id it came with; an event that
names nobody belongs to the claim in force at its own time.
"""

from collections.abc import Iterable

from shared.identity import ANONYMOUS, EMAIL, USER, names_nobody
from shared.lead import Lead, LeadEvent

ALIASED = "Aliased"

CLAIMS_KEPT = 8
"""Newest claims an anonymous id keeps; a device with more people than that is shared by everybody."""


def named(event: LeadEvent) -> list[tuple[str, str]]:
    """
    Return the (kind, value) of every identity the event may act for, the strongest first.

    A server key joins address and user id. A public key proves neither, so of the two only the user id counts: the
    address then merely fills an empty field.
    """
    email = [(EMAIL, event.email)] if event.email else []
    user = [(USER, event.user_id)] if event.user_id else []
    anonymous = [(ANONYMOUS, event.anonymous_id)] if event.anonymous_id else []
    known = user or email if event.source == "public" else email + user
    former = _former(event) if known else None
    if former is not None and former != event.user_id:
        anonymous = [*anonymous, (ANONYMOUS, former)]
        if event.source != "public":
            known = [*known, (USER, former)]
    return list(dict.fromkeys(known + anonymous))


def _former(event: LeadEvent) -> str | None:
    """Return the id an alias call says the person had before; it may have been a visitor's or a user's."""
    former = event.properties.get("previous_id") if event.name == ALIASED else None
    return former if isinstance(former, str) and not names_nobody(former) else None


def claimed_by(claims: Iterable[tuple[int, str]], at: int) -> str | None:
    """
    Return who an event without a name belongs to: the latest claim at or before it, else the earliest claim.

    What a visitor did before the first claim counts for the first who said who they are.
    """
    ordered = sorted(claims)
    earlier = [person for since, person in ordered if since <= at]
    if earlier:
        return earlier[-1]
    return ordered[0][1] if ordered else None


def joined_claims(one: Iterable[tuple[int, str]], other: Iterable[tuple[int, str]]) -> tuple[tuple[int, str], ...]:
    """
    Return both sets of claims, oldest first; the newest 8 stay.

    Repeats by one person in a row stay too: somebody else's claim may still turn up between them.
    """
    return tuple(sorted({*one, *other})[-CLAIMS_KEPT:])


def turns(claims: Iterable[tuple[int, str]]) -> tuple[tuple[int, str], ...]:
    """Return whose turn it was from when: what decides whose an event is."""
    runs: list[tuple[int, str]] = []
    for claim in sorted(claims):
        if not runs or runs[-1][1] != claim[1]:
            runs.append(claim)
    return tuple(runs)


def survivor(one: Lead, other: Lead) -> tuple[Lead, Lead]:
    """Return (who stays, who becomes an alias): proven before unproven, then who was seen first, then the smaller id."""

    def rank(lead: Lead) -> tuple[bool, int, str]:
        return not any(register.proven for register in lead.profile.values()), lead.first_seen, lead.lead_id

    first, second = sorted((one, other), key=rank)
    return first, second
