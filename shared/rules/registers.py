"""
What events say of a lead's profile: the registers they fill, and which of two values of one stays.

A register is joined, never overwritten, so the order in which events arrive cannot change what a profile says.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from shared.identity import EMAIL
from shared.instants import DAY
from shared.lead import Lead, LeadEvent, Register, Verdict
from shared.rules.model import ScoringModel

TEXT_KEPT = 120
"""Characters of a profile value that are kept: every further kilobyte of a lead costs a write unit per write."""

LISTED = 10
_LISTED_TEXT = 40
"""Texts of a list that are kept, as of a tech stack, and characters of each."""


def registers_of(
    event: LeadEvent, model: ScoringModel, key: str, address: str | None, verdict: Verdict
) -> dict[str, Register]:
    """
    Return what the event says of the profile.

    Args:
        event: What happened.
        model: Which fields are kept, and from where.
        key: Of the event.
        address: Hash of its mail address, if it has one.
        verdict: Who was at work: a machine comes from nowhere.
    """
    proven = event.source != "public"
    at = event.occurred_at if proven else event.received_at
    said = _profile_said(event, model, verdict)
    if event.source == "server" and (consent := consent_said(event)) is not None:
        said["consent"] = consent
    if event.source == "system" and (outcome := OUTCOMES.get(event.name)) is not None:
        said["sales"] = {"outcome": outcome, "reason": _reason(event)}
        if outcome in CLOSING:
            said["closed"] = said["sales"]
    registers = {name: Register(value, at, key, proven) for name, value in said.items()}
    if event.email is not None and address is not None:
        registers |= _address(event, key, address)
    if model.touches and verdict not in model.refused and (touch := touch_of(event)) is not None:
        registers[FIRST_TOUCH] = registers[LAST_TOUCH] = Register(touch, event.occurred_at, key, proven)
    if verdict not in model.refused and (zone := zone_seen(event)) is not None:
        registers[ZONE_SEEN] = Register(zone, event.occurred_at - event.occurred_at % DAY, key, proven)
    return registers


def _profile_said(event: LeadEvent, model: ScoringModel, verdict: Verdict) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if LAST_ASSET in model.profile and verdict not in model.refused and (title := asset_title(event)) is not None:
        said[LAST_ASSET] = title
    for name, paths in model.profile.items() if event.traits else ():
        for path in paths:
            if (value := _kept(name, at_path(event.traits, path))) is not None:
                said[name] = value
                break
    return said


def at_path(tree: Any, path: tuple[str, ...]) -> Any:
    """Return what stands in the tree where the names lead; None where they lead nowhere."""
    for name in path:
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree


def _address(event: LeadEvent, key: str, address: str) -> dict[str, Register]:
    """
    Return the event's mail address, and its hash.

    Who says what became of a lead names it by an address, and does not say where mail should go: that fills an empty
    field, and changes none.
    """
    proven = event.source == "server"
    at = event.occurred_at if proven else event.received_at
    said = {"email": event.email, "address": address}
    return {name: Register(value, at, key, proven) for name, value in said.items()}


LAST_ASSET = "last_asset"
"""Profile field with the title of the newest thing of ours that the lead downloaded, where the playbook keeps it."""


def asset_title(event: LeadEvent) -> str | None:
    """Return the title of what was downloaded, as a server said it: mails print it, so a browser's word is not taken."""
    if event.name != "Asset Downloaded" or event.source != "server":
        return None
    said = event.properties.get("title") or event.properties.get("name")
    text = _kept(LAST_ASSET, said)
    return text if isinstance(text, str) else None


FIRST_TOUCH = "first_touch"
LAST_TOUCH = "last_touch"

_TOUCH_TEXT = 40
"""Characters of a campaign's source, medium or name that a lead keeps."""


def touch_of(event: LeadEvent) -> dict[str, str] | None:
    """
    Return where the event's visit came from: source, medium and campaign, or None when it came from nowhere.

    A tagged link says so itself (`context.campaign`); without one, a referrer on another site is a referral.
    """
    if event.source == "system":
        return None
    campaign = event.context.get("campaign")
    if isinstance(campaign, Mapping):
        said = {"source": campaign.get("source"), "medium": campaign.get("medium"), "campaign": campaign.get("name")}
        touch = {name: text.lower()[:_TOUCH_TEXT] for name, text in said.items() if isinstance(text, str) and text}
        if touch:
            return touch
    page = event.context.get("page")
    places = page if isinstance(page, Mapping) else event.properties
    referrer, own = _host(places.get("referrer")), _host(places.get("url"))
    return {"source": referrer[:_TOUCH_TEXT], "medium": "referral"} if referrer and referrer != own else None


ZONE_SEEN = "timezone_seen"
"""Where the person's clock stood of late, to the day: a lead is not written anew for every page it sees."""

_PLACE = re.compile(r"(?!Etc/)[A-Z][A-Za-z_]{1,20}(?:/[A-Z][A-Za-z0-9_+-]{1,30}){1,2}")


def zone_seen(event: LeadEvent) -> str | None:
    """Return the zone of the browser or app that sent the event, or None when it names no place (UTC is a server's)."""
    said = event.context.get("timezone")
    return said if isinstance(said, str) and event.source != "system" and _PLACE.fullmatch(said) else None


def _host(url: Any) -> str:
    try:
        host = urlsplit(url).hostname if isinstance(url, str) else None
    except ValueError:
        return ""
    return (host or "").removeprefix("www.")


_YES = frozenset({True, "true", "yes", "on", "1"})
_NO = frozenset({False, "false", "no", "off", "0"})


def consent_said(event: LeadEvent) -> bool | None:
    """Return what the event's `consent` trait says, or None when it says nothing we know."""
    said = event.traits.get("consent")
    if not isinstance(said, bool | str):
        return None
    word = said.strip().lower() if isinstance(said, str) else said
    return True if word in _YES else False if word in _NO else None


def confirmed(lead: Lead, event: LeadEvent, key: str) -> dict[str, Register]:
    """
    Return the mail address as proven, when the event says its owner pressed the button in our mail.

    Only of a lead that is known *by* that address. That a mailbox exists does not prove that it belongs to the user
    whose id a browser sent along.
    """
    if event.name != ADDRESS_CONFIRMED or event.source != "system":
        return {}
    address = event.properties.get("address")
    if address is None or address != lead.address_hash or f"{EMAIL}#{address}" not in lead.identities:
        return {}
    return {
        name: Register(lead.profile[name].value, event.occurred_at, key, proven=True) for name in ("email", "address")
    }


ADDRESS_CONFIRMED = "Address Confirmed"

SALES_OUTCOMES = {
    "Lead Accepted": "accepted",
    "Lead Rejected": "rejected",
    "Lead Contacted": "contacted",
    "Lead Won": "won",
    "Lead Lost": "lost",
}
"""What sales did, by the name of the event that tells the lead so."""

OUTCOMES = {**SALES_OUTCOMES, "Lead Disqualified": "disqualified", "Became Customer": "customer"}
"""The same, and what only another system says."""

CLOSING = frozenset({"won", "lost", "disqualified", "customer"})
"""Outcomes that end a lead's way. The last of them is kept beside what sales did last: a handoff that is pressed on later
must not undo it."""


def _reason(event: LeadEvent) -> str | None:
    said = event.properties.get("reason_code") or event.properties.get("reason")
    return said[:TEXT_KEPT] if isinstance(said, str) else None


def _kept(name: str, value: Any) -> Any:
    """Return the value as a profile keeps it: a bounded text or list, a whole number, a truth value, or None."""
    if isinstance(value, str):
        return _kept_text(name, value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and abs(value) < 10**12:
        return int(value)
    if isinstance(value, list):
        return [text[:_LISTED_TEXT] for each in value if isinstance(each, str) and (text := each.strip())][
            :LISTED
        ] or None
    return None


def _kept_text(name: str, value: str) -> str | int | None:
    text = " ".join(value[:_TEXT_READ].split())[:TEXT_KEPT]
    if name == "employees":
        digits = text.replace(",", "").split("-")[0].rstrip("+")
        return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 9 else None
    return text or None


_TEXT_READ = 10_000
"""Characters of a text that are looked at: a megabyte of blanks costs nothing."""


def joined_profile(one: Mapping[str, Register], other: Mapping[str, Register]) -> Mapping[str, Register]:
    if not other:
        return one
    joined = dict(one)
    for name, register in other.items():
        known = joined.get(name)
        joined[name] = register if known is None else _JOINS.get(name, _stronger)(known, register)
    return joined


def _stronger(one: Register, other: Register) -> Register:
    if one.proven != other.proven:
        return one if one.proven else other
    later = (other.at, other.key) > (one.at, one.key)
    return other if later is one.proven else one


def _earlier(one: Register, other: Register) -> Register:
    return min(one, other, key=lambda register: (register.at, register.key))


def _later(one: Register, other: Register) -> Register:
    return max(one, other, key=lambda register: (register.at, register.key))


_JOINS = {FIRST_TOUCH: _earlier, LAST_TOUCH: _later, ZONE_SEEN: _later}
"""A touch, or a clock, is something that was there, not something said: event time alone decides, whoever reports it."""
