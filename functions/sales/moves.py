"""One move on one handoff: read, decide, and write handoff, mail pause and announcement in one transaction."""

from typing import Any

from shared.aws import addresses, handoffs, owners
from shared.aws.leads import get_lead
from shared.errors import ConflictError
from shared.handoff import Handoff
from shared.rules.handoff import Decision, Move, decide_move
from shared.rules.routing import HandoffPolicy, given
from shared.rules.sla import next_due

TRIES = 5
"""Rounds of read, decide and write for a handoff or address that others are changing too."""

MOST_ADDRESSES = 20
"""A lead has at most 20 identities."""


def make_move(lead_id: str, number: int, move: Move, policy: HandoffPolicy) -> Decision | None:
    """
    Decide the move against the handoff as it is now, and write what follows. None when there is no such handoff.

    Whoever is second meets the state the first one left, and is refused with it.

    Raises:
        ConflictError: Others kept changing the items; nothing was written. Do it again.
    """
    for _ in range(TRIES):
        handoff = find(lead_id, number)
        if handoff is None:
            return None
        kept = owners.get_owners(person.id for person in policy.people)
        policy = policy.without({name: state.away for name, state in kept.items()})
        decision = decide_move(handoff, move, policy)
        if decision.verdict != "moved" or decision.announce is None:
            return decision
        after, mail = _with_mail(handoff, decision)
        announcement = handoffs.change_entry(
            after, at=move.at, detail_type=decision.announce.detail_type, detail=decision.announce.detail
        )
        counted = []
        if after.owner != handoff.owner:
            load = given(after.owner, policy, kept[after.owner].load, move.at)
            counted = [owners.given_entry(kept[after.owner], load)]
        try:
            handoffs.write([handoffs.update_entry(after, next_due(after)), *mail, *counted, announcement])
        except ConflictError:
            continue
        return Decision("moved", after, decision.reason, decision.announce, decision.mail)
    raise ConflictError("the handoff kept changing")


def find(lead_id: str, number: int) -> Handoff | None:
    """Return the handoff as it is now, wherever it stands."""
    return handoffs.get_handoff(lead_id, number) or _elsewhere(lead_id, number)


def _elsewhere(lead_id: str, number: int) -> Handoff | None:
    """Return the handoff from another home of the lead: it stays where it was made when its lead becomes another's."""
    lead = get_lead(lead_id)
    homes = () if lead is None else lead.homes
    found = [each for home in homes if home != lead_id and (each := handoffs.get_handoff(home, number)) is not None]
    return next((each for each in found if each.running), found[0] if found else None)


def _with_mail(before: Handoff, decision: Decision) -> tuple[Handoff, list[dict[str, Any]]]:
    """Return the handoff as it becomes, knowing which addresses it holds, and the entries that hold or free them."""
    if decision.mail == "pause":
        held = _addresses(before.lead_id)
        return decision.handoff.holding(held), [addresses.pause_entry(name, before.reference) for name in held]
    if decision.mail == "resume":
        return decision.handoff, [addresses.resume_entry(name, before.reference) for name in before.paused]
    return decision.handoff, []


def _addresses(lead_id: str) -> tuple[str, ...]:
    """Return every mail address the lead is known by, as address hashes."""
    lead = get_lead(lead_id)
    if lead is None:
        return ()
    named = {text.removeprefix("email#") for text in lead.identities if text.startswith("email#")}
    if lead.address_hash is not None:
        named.add(lead.address_hash)
    return tuple(sorted(named))[:MOST_ADDRESSES]
