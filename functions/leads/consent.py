"""What a lead's addresses allow, and how that came about: the state that decides, and the trail that shows why."""

from dataclasses import asdict
from typing import Any

from shared.aws import addresses, consent_proofs
from shared.identity import EMAIL
from shared.instants import instant_text
from shared.lead import Lead
from shared.mailing import ConsentProof
from shared.rules.consent import refusal


def consent_view(lead: Lead, *, silence_is_consent: bool) -> dict[str, Any]:
    """
    Return the consent section of a lead: the state of the address mail would go to, and the trail of every address.

    It is the present, whatever instant the rest of the lead is shown at.
    """
    current = lead.address_hash
    known = [identity.removeprefix(f"{EMAIL}#") for identity in sorted(lead.identities) if identity.startswith(EMAIL)]
    every = dict.fromkeys([current, *known] if current else known)
    trail = [proof for address in every for proof in consent_proofs.trail(address)]
    return {
        "state": None if current is None else _state(current, silence_is_consent=silence_is_consent),
        "trail": [_entry(proof) for proof in sorted(trail, key=lambda each: each.at, reverse=True)],
    }


def _state(address: str, *, silence_is_consent: bool) -> dict[str, Any]:
    known = addresses.get_address(address)
    return {
        "address": address,
        "refused": refusal(known, silence_is_consent=silence_is_consent),
        "proven_at": _text(known.proven_at),
        "opted_in_at": _text(known.opted_in_at),
        "stopped_at": _text(known.stopped_at),
        "topics": {
            topic: {"opted_in_at": _text(said.opted_in_at), "stopped_at": _text(said.stopped_at)}
            for topic, said in sorted(known.topics.items())
        },
        "suppressed": known.suppressed,
        "confirmation_mails": [instant_text(mail.at) for mail in known.confirmations],
    }


def _entry(proof: ConsentProof) -> dict[str, Any]:
    said = {name: value for name, value in asdict(proof).items() if value}
    return said | {"at": instant_text(proof.at), "proves": proof.by != "public key"}


def _text(at: int | None) -> str | None:
    return None if at is None else instant_text(at)
