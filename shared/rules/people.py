"""
Who an event is about, and which of two leads stays when they turn out to be one person.

Email over user id over anonymous id. An event that names somebody claims the anonymous id it came with; an event that
names nobody belongs to the claim in force at its own time.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from shared.identity import ANONYMOUS, EMAIL, USER, names_nobody
from shared.lead import Lead, LeadEvent

ALIASED = "Aliased"

CLAIMS_KEPT = 8
"""Newest claims an anonymous id keeps; a device with more people than that is shared by everybody."""

GONE = "-"
"""
What stands in the claims of the erased in place of their homes begins so, and no home does: it was somebody's turn, and
nothing says whose.
"""

FORMER_READ = 256
"""Characters of a former id. A longer one, which only a track call of that name can say, is nobody's: no id is longer."""


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
    if not isinstance(former, str) or len(former) > FORMER_READ or names_nobody(former):
        return None
    return former


def unnamed(event: LeadEvent, gone: Iterable[str], *, email: bool) -> LeadEvent:
    """Return the event as if it had not said these identities (`user#u1`, `anon#a1`), nor, with `email`, an address."""
    texts = set(gone)
    without = replace(
        event,
        anonymous_id=None if f"{ANONYMOUS}#{event.anonymous_id}" in texts else event.anonymous_id,
        user_id=None if f"{USER}#{event.user_id}" in texts else event.user_id,
    )
    former = _former(event)
    if former is not None and texts & {f"{ANONYMOUS}#{former}", f"{USER}#{former}"}:
        without = replace(without, properties=_but(event.properties, "previous_id"))
    if not email:
        return without
    riding = event.context.get("traits")
    context = event.context if not isinstance(riding, Mapping) else {**event.context, "traits": _but(riding, "email")}
    return replace(without, email=None, traits=_but(event.traits, "email"), context=context)


def _but(said: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {each: value for each, value in said.items() if each != name}


def is_gone(place: str) -> bool:
    """Tell whether the place of a claim stands for somebody who was erased."""
    return place.startswith(GONE)


def claimed_by(claims: Iterable[tuple[int, str]], at: int) -> str | None:
    """
    Return who an event without a name belongs to: the latest claim at or before it, else the earliest claim.

    What a visitor did before the first claim counts for the first who said who they are. A device that 8 different names
    claim is everybody's: what it did before the oldest of their claims is nobody's.
    """
    ordered = sorted(claims)
    earlier = [place for since, place in ordered if since <= at]
    return earlier[-1] if earlier else first_claimants(ordered)


def first_claimants(claims: Iterable[tuple[int, str]]) -> str | None:
    """Return whose it is what came before the oldest claim kept; None when it is nobody's."""
    ordered = sorted(claims)
    if not ordered or len({place for _, place in ordered}) >= CLAIMS_KEPT:
        return None
    return ordered[0][1]


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
