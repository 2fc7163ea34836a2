"""
Who may be mailed at all, and about what: consent, suppression and pause of an address.

An address is allowed when nothing suppresses or holds it, somebody proved that it is read by the person who gave it,
and the latest proved opt-in is later than the latest stop; a tie stops. A stop of everything outweighs what was said of
a topic, unless the topic was opted in to later; a stop of a topic is undone only by an opt-in to that topic. Whether
silence counts as consent is the playbook's policy. Times are receive times, so no sender can back-date a consent.
"""

from collections.abc import Mapping
from typing import Literal

from shared.instants import DAY
from shared.mailing import Address, TopicConsent

Refusal = Literal["suppressed", "stopped", "topic stopped", "paused", "unproven", "no opt-in"]

CONFIRMATIONS_EVER = 3
"""Most confirmation mails an address ever gets, across all forms and keys."""

CONFIRMATION_PAUSE = DAY
"""Least time between two of them: a form anybody can post to must not become a way to flood a mailbox."""

SOFT_BOUNCES = 5
"""Bounces that may pass, as of a full mailbox, after which nobody is taken to be there any more."""

SOFT_BOUNCES_OVER = 3 * DAY
SOFT_BOUNCES_WITHIN = 30 * DAY
"""Least time that must lie between the first and the last of them, and most: an outage of an afternoon is no verdict."""

NOTHING_SAID = TopicConsent()


def refusal(address: Address, *, topic: str | None = None, silence_is_consent: bool) -> Refusal | None:
    """
    Return why the address must not be mailed now, or None when it may.

    What lasts comes first: `suppressed`, `stopped` and `topic stopped` end a run, the others may pass.

    Args:
        address: The one that would be mailed.
        topic: What the mail is about; None when it is about nothing that can be stopped alone.
        silence_is_consent: The playbook's policy.
    """
    if address.suppressed is not None:
        return "suppressed"
    said = NOTHING_SAID if topic is None else address.topics.get(topic, NOTHING_SAID)
    stop = _stop(address, said)
    if stop is not None:
        return stop
    if address.paused_by:
        return "paused"
    if address.proven_at is None:
        return "unproven"
    if address.opted_in_at is None and said.opted_in_at is None and not silence_is_consent:
        return "no opt-in"
    return None


def _stop(address: Address, said: TopicConsent) -> Literal["stopped", "topic stopped"] | None:
    if _outlasts(address.stopped_at, address.opted_in_at, said.opted_in_at):
        return "stopped"
    return "topic stopped" if _outlasts(said.stopped_at, said.opted_in_at) else None


def _outlasts(stopped_at: int | None, *opted_in: int | None) -> bool:
    """Tell whether a stop is in force: none of the opt-ins came later."""
    return stopped_at is not None and not any(at is not None and at > stopped_at for at in opted_in)


def gets(address: Address, topic: str | None, *, silence_is_consent: bool) -> bool:
    """Tell whether the address gets mails about the topic, as its reader sees it: that sales holds them back does not show."""
    return refusal(address, topic=topic, silence_is_consent=silence_is_consent) in (None, "paused")


def preference_changes(
    address: Address, wanted: Mapping[str, bool], *, silence_is_consent: bool, now: int
) -> dict[str, TopicConsent]:
    """
    Return what is news when a person says which topics they want, by topic: the opt-in or the stop, received now.

    A box that is left as it was says nothing, so saving a page twice writes nothing the second time.
    """
    return {
        topic: TopicConsent(opted_in_at=now) if yes else TopicConsent(stopped_at=now)
        for topic, yes in wanted.items()
        if yes is not gets(address, topic, silence_is_consent=silence_is_consent)
    }


def joined_topic(one: TopicConsent | None, other: TopicConsent) -> TopicConsent:
    """Return the latest opt-in and the latest stop of both."""
    if one is None:
        return other
    return TopicConsent(_latest(one.opted_in_at, other.opted_in_at), _latest(one.stopped_at, other.stopped_at))


def _latest(one: int | None, other: int | None) -> int | None:
    return max((at for at in (one, other) if at is not None), default=None)


def is_given_up(soft_bounces: Mapping[str, int]) -> bool:
    """Tell whether bounces that may pass have come so often, and for so long, that the mailbox is taken to be dead."""
    counted = recent_soft_bounces(soft_bounces).values()
    return len(counted) >= SOFT_BOUNCES and max(counted) - min(counted) >= SOFT_BOUNCES_OVER


def recent_soft_bounces(soft_bounces: Mapping[str, int]) -> dict[str, int]:
    """Return those that still count beside the newest one."""
    newest = max(soft_bounces.values(), default=0)
    return {report: at for report, at in soft_bounces.items() if at > newest - SOFT_BOUNCES_WITHIN}


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


def is_withdrawn(address: Address, asked_at: int | None, *, topic: str | None = None) -> bool:
    """
    Tell whether the wish that a confirmation mail asks about was taken back since: then its link opts in no more.

    The link never expires, and a mail is forwarded and found again: what undoes a stop is said after it.

    Args:
        address: The one that was asked.
        asked_at: Receive time of the wish; None when nobody knows it any more, which is before any stop.
        topic: The one that the wish was about, to look at its stop alone; None for everything.
    """
    if topic is None and address.suppressed in THEIR_WORD:
        return True
    stopped_at = address.stopped_at if topic is None else address.topics.get(topic, NOTHING_SAID).stopped_at
    return stopped_at is not None and (asked_at is None or stopped_at >= asked_at)


THEIR_WORD = ("complained", "erased")
"""Suppressions that the person asked for."""


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
