"""
Addresses that are never mailed again because a colleague says so, one or a list of another tool's; and taken back.

An address stands in the request alone: what is kept goes by its keyed hash. A list can be sent again, in part or whole:
what is known already stays as it is.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from shared.aws import addresses, consent_proofs
from shared.aws.addresses import LIFTABLE
from shared.aws.secret_values import identity_secret
from shared.errors import InvalidInputError, NaiveTimeError, RipenError
from shared.identity import address_hash, event_key, normal_email
from shared.instants import EARLIEST, instant_text, parse_instant
from shared.mailing import Address, ConsentProof

Reason = Literal["bounced", "complained", "unsubscribed", "manual"]

MOST = 100
"""Addresses of one request: each is a few writes, and all of them fit well into the time of one answer."""

MAX_BODY = 100_000
"""Characters."""

BODY = '{"email": "ada@example.com"}'
"""What a body is like."""

MAX_ADDRESS = 254
MAX_WHY = 120
MAX_BY = 64


class RefusedError(RipenError):
    """The suppression stands: tell the client why; doing it again will not help."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Entry:
    """One address of a list: since when and for what it is not mailed, and a colleague's words. `at` None: as of now."""

    email: str
    reason: Reason
    at: int | None
    why: str


def add(said: Mapping[str, Any], now: int) -> dict[str, Any]:
    """
    Suppress addresses; an `unsubscribed` one is stopped instead, so that the person can opt in again.

    Raises:
        InvalidInputError: Naming the field of the first entry that is wrong; nothing was done.
    """
    _only(said, ("suppressions", "by"), "a list of suppressions")
    by = _words(said.get("by"), "by", MAX_BY)
    listed = said.get("suppressions")
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST:
        raise InvalidInputError("suppressions", f"must be a list of 1 to {MOST}: send more in several requests")
    entries = [_entry(each, f"suppressions[{number}]", now) for number, each in enumerate(listed)]
    added = sum(_keep(entry, by, now) for entry in entries)
    return {"added": added, "known": len(entries) - added}


def remove(said: Mapping[str, Any], now: int) -> dict[str, Any]:
    """
    Take the suppression of an address back. What the person said stays: a complaint, an erasure, every stop.

    Raises:
        InvalidInputError: Naming the field that is wrong.
        RefusedError: There is no suppression, or it is the person's own word.
    """
    _only(said, ("email", "reason", "by"), "a suppression that is taken back")
    email, by = _email(said.get("email"), "email"), _words(said.get("by"), "by", MAX_BY)
    why = _words(said.get("reason"), "reason", MAX_WHY)
    name = address_hash(email, identity_secret())
    if not addresses.lift(name):
        held = addresses.get_address(name).suppressed
        if held is None:
            raise RefusedError(404, "not_suppressed", "the address is not suppressed")
        raise RefusedError(
            409, "stands", f"the address is suppressed as {held}: only {_listed(LIFTABLE)} can be lifted"
        )
    _prove(name, "allowed again", why=why, by=by, at=now)
    return _view(addresses.get_address(name))


def look_up(said: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return what an address allows.

    Raises:
        InvalidInputError: Naming the field that is wrong.
    """
    _only(said, ("email",), "a look at one address")
    return _view(addresses.get_address(address_hash(_email(said.get("email"), "email"), identity_secret())))


def _keep(entry: Entry, by: str, now: int) -> bool:
    """Write the address first, then the trail; a repeat with a time of its own writes the same entry of the trail."""
    name = address_hash(entry.email, identity_secret())
    at = now if entry.at is None else entry.at
    if entry.reason == "unsubscribed":
        news = addresses.record_consent(name, stopped_at=at)
        if news or entry.at is not None:
            _prove(name, "unsubscribed", why=entry.why, by=by, at=at)
    else:
        news = addresses.suppress(name, entry.reason, at)
        if news or entry.at is not None:
            _prove(name, "suppressed", why=entry.why or entry.reason, by=by, at=at)
    return news


def _prove(
    name: str, said: Literal["suppressed", "allowed again", "unsubscribed"], *, why: str, by: str, at: int
) -> None:
    told = hashlib.sha256(json.dumps([said, why, by]).encode()).hexdigest()[:20]
    consent_proofs.put(ConsentProof(name, at, event_key(f"by-hand:{told}:{at}"), said, "a colleague", text=why, who=by))


def _view(address: Address) -> dict[str, Any]:
    return {
        "suppressed": address.suppressed,
        "suppressed_at": _time(address.suppressed_at),
        "soft_bounces": len(address.soft_bounces),
        "proven_at": _time(address.proven_at),
        "opted_in_at": _time(address.opted_in_at),
        "stopped_at": _time(address.stopped_at),
        "topics": {
            topic: {"opted_in_at": _time(said.opted_in_at), "stopped_at": _time(said.stopped_at)}
            for topic, said in sorted(address.topics.items())
        },
    }


def _time(at: int | None) -> str | None:
    return None if at is None else instant_text(at)


def _entry(said: Any, place: str, now: int) -> Entry:
    if not isinstance(said, dict):
        raise InvalidInputError(place, 'must be an object, as in {"email": "ada@example.com", "reason": "manual"}')
    _only(said, ("email", "reason", "at", "why"), "a suppression", f"{place}.")
    reasons: tuple[Reason, ...] = get_args(Reason)
    reason = next((each for each in reasons if each == said.get("reason")), None)
    if reason is None:
        raise InvalidInputError(f"{place}.reason", f"must be one of {_listed(reasons)}")
    why = "" if said.get("why") in (None, "") else _words(said["why"], f"{place}.why", MAX_WHY)
    return Entry(_email(said.get("email"), f"{place}.email"), reason, _at(said.get("at"), f"{place}.at", now), why)


def _at(said: Any, place: str, now: int) -> int | None:
    if said in (None, ""):
        return None
    try:
        at = parse_instant(said)
    except (NaiveTimeError, OverflowError, TypeError, ValueError) as error:
        raise InvalidInputError(place, "must be a time with a zone, as in 2026-01-05T09:00:00Z") from error
    if not EARLIEST <= at <= now:
        raise InvalidInputError(place, "must lie after 1990 and not in the future")
    return at


def _email(said: Any, place: str) -> str:
    plain = isinstance(said, str) and said.isprintable() and len(said) <= MAX_ADDRESS
    if not plain or not all(said.strip().rpartition("@")[::2]) or any(each.isspace() for each in said.strip()):
        raise InvalidInputError(place, "must be a mail address")
    return normal_email(said)


def _words(said: Any, place: str, longest: int) -> str:
    if not isinstance(said, str) or not said.strip() or len(said) > longest or not said.isprintable():
        raise InvalidInputError(place, f"must be printable text of 1 to {longest} characters")
    if "@" in said:
        raise InvalidInputError(place, "must not hold an address: it is kept when the person is forgotten")
    return said.strip()


def _only(said: Mapping[str, Any], known: tuple[str, ...], what: str, inside: str = "") -> None:
    for name in said:
        if name not in known:
            raise InvalidInputError(f"{inside}{name[:60]}", f"is no field of {what}: send {_listed(known)}")


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(words)
