"""
Who may be mailed at all: consent, suppression and pause of an address.

An address is allowed when nothing suppresses or holds it, somebody proved that it is read by the person who gave it,
and the latest proved opt-in is later than the latest stop; a tie stops. Whether silence counts as consent is the
playbook's policy. Times are receive times, so no sender can back-date a consent.
"""

from typing import Literal

from shared.instants import DAY
from shared.mailing import Address

Refusal = Literal["suppressed", "stopped", "paused", "unproven", "no opt-in"]

CONFIRMATIONS_EVER = 3
"""Most confirmation mails an address ever gets, across all forms and keys."""

CONFIRMATION_PAUSE = DAY
"""Least time between two of them: a form anybody can post to must not become a way to flood a mailbox."""


def refusal(address: Address, *, silence_is_consent: bool) -> Refusal | None:
    """
    Return why the address must not be mailed now, or None when it may.

    What lasts comes first: `suppressed` and `stopped` end a run, the others may pass.
    """
    if address.suppressed is not None:
        return "suppressed"
    if address.stopped_at is not None and (address.opted_in_at is None or address.opted_in_at <= address.stopped_at):
        return "stopped"
    if address.paused_by:
        return "paused"
    if address.proven_at is None:
        return "unproven"
    if address.opted_in_at is None and not silence_is_consent:
        return "no opt-in"
    return None


def confirmation_refusal(address: Address, now: int) -> str | None:
    """Return why the address gets no confirmation mail now, or None when it may."""
    if address.proven_at is not None and address.opted_in_at is not None:
        return "already proven and opted in"
    if address.suppressed is not None:
        return "suppressed"
    if address.stopped_at is not None:
        return "stopped"
    if len(address.confirmations) >= CONFIRMATIONS_EVER:
        return "asked three times"
    if address.confirmations and now < address.confirmations[-1].at + CONFIRMATION_PAUSE:
        return "asked less than a day ago"
    return None
