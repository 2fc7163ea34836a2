"""What is left of a mail address when the person is erased: only what refuses mail, and that consent was once proved."""

from collections.abc import Mapping, Sequence
from typing import Any

from shared import table
from shared.aws.erasure import delete_entry, item_entry
from shared.instants import instant_text
from shared.rules.erasing import is_send_of

ERASED = "erased"
"""Why the address is never mailed again, unless there was a reason before."""

PROOF_KEPT = (table.PK, table.SK, "schema", "said", "by")
"""What is kept of an entry of the trail of consent that proves something: when, what and on what it rests."""

WORDING_KEPT = ("text", "version", "topic", "worded_by", "form")
"""What besides when the playbook says what was agreed to: what a client said the words were can name anybody."""


def left_of_address(
    name: str,
    items: Sequence[Mapping[str, Any]],
    *,
    asked_at: int,
    homes: frozenset[str],
    foreign: bool,
    begins: bool,
) -> list[dict[str, Any]]:
    """
    Return the transaction entries for these items of an address.

    Args:
        name: The address hash.
        items: Of its partition.
        asked_at: When the erasure was asked for.
        homes: Every home of the person.
        foreign: The mailbox is somebody else's: their part stays.
        begins: These are the first of its items: an address nothing is known of gets its refusal too.
    """
    held = next((item for item in items if item[table.SK] == table.ADDRESS_SK), None)
    if foreign:
        return [] if held is None else [_without(held, homes)]
    entries = [_refusing(name, held or {}, asked_at)] if begins or held is not None else []
    for item in items:
        if item is held:
            continue
        is_proof = item[table.SK].startswith(table.CONSENT_PREFIX) and item.get("by") != "public key"
        entries.append(_proving(item) if is_proof else delete_entry(item))
    return entries


def _proving(proof: Mapping[str, Any]) -> dict[str, Any]:
    kept = PROOF_KEPT + (WORDING_KEPT if proof.get("worded_by") == "playbook" else ())
    return item_entry({field: proof[field] for field in kept if field in proof})


def _refusing(name: str, held: Mapping[str, Any], asked_at: int) -> dict[str, Any]:
    seen = held.get(table.VERSION, 0)
    return item_entry(
        {
            table.PK: table.address_pk(name),
            table.SK: table.ADDRESS_SK,
            "schema": table.SCHEMA,
            "suppressed": held.get("suppressed", ERASED),
            "suppressed_at": held.get("suppressed_at", instant_text(asked_at)),
            "stopped_at": held.get("stopped_at"),
            table.VERSION: seen + 1,
        },
        seen=seen,
    )


def _without(held: Mapping[str, Any], homes: frozenset[str]) -> dict[str, Any]:
    """Return somebody else's address without the mails and holds that were this person's."""
    seen = held[table.VERSION]
    paused = {by for by in held.get("paused_by", ()) if by.partition("#")[0] not in homes}
    left = {**held, "paused_by": paused or None, table.VERSION: seen + 1}
    for field in ("recent", "confirmations"):
        if field in held:
            left[field] = [each for each in held[field] if not is_send_of(each["send"], homes)]
    return item_entry(left, seen=seen)
