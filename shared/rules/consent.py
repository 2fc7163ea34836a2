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


def confirmation_refusal(address: Address, mailbox: Address, now: int) -> str | None:
    """
    Return why the address gets no confirmation mail now, or None when it may.

    Args:
        address: The one that would be asked.
        mailbox: The one whose mailbox it is; itself, mostly. Mails are counted there, over all the names it has.
        now: The instant the request carries.
    """
    if address.proven_at is not None and address.opted_in_at is not None:
        return "already proven and opted in"
    if address.suppressed is not None or mailbox.suppressed is not None:
        return "suppressed"
    if address.stopped_at is not None or mailbox.stopped_at is not None:
        return "stopped"
    asked = sorted(mail.at for mail in (*mailbox.confirmations, *address.confirmations))
    if max(len(mailbox.confirmations), len(address.confirmations)) >= CONFIRMATIONS_EVER:
        return "asked three times"
    if asked and now < asked[-1] + CONFIRMATION_PAUSE:
        return "asked less than a day ago"
    return None


def mailbox_of(email: str) -> str:
    """
    Return the address of the mailbox that the address is another name of: without its plus tag, at Gmail without dots.

    Only for counting what is sent to strangers. Who somebody is, and what they agreed to, goes by the address as it is:
    a provider may give plus tags to different people.
    """
    local, _, domain = email.lower().rpartition("@")
    plain = local.partition("+")[0]
    if domain in _GMAIL:
        plain, domain = plain.replace(".", ""), _GMAIL[0]
    return f"{plain}@{domain}" if plain else email.lower()


_GMAIL = ("gmail.com", "googlemail.com")
