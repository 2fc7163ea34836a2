"""
Everything held about one person, readable, page by page: every item at every home of the lead and of its addresses.

A page says where the next one goes on. Of a device that several people used, and
of an address that is somebody else's, only the person's own part is shown.
"""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from shared import table
from shared.aws import leads, partitions, timeline
from shared.aws.leads import read_entry
from shared.aws.secret_values import identity_secret
from shared.errors import InvalidInputError
from shared.identity import address_hash, number_hash
from shared.instants import DAY, instant_text
from shared.lead import Alias, Lead, LeadEvent
from shared.rules.erasing import belonging, is_first, number_held, numbers_said, own_part, parted, to_look_at

SCHEMA = 1
"""Version of the shape of an export."""

PAGE = 200
"""Items read at a time; DynamoDB ends a page at 1 MB, so an answer stays far under Lambda's 6."""

KINDS = {
    table.LEAD_SK: "lead",
    table.EVENTS_PREFIX: "timeline",
    table.CHANGE_PREFIX: "change",
    table.HANDOFF_PREFIX: "handoff",
    table.TRACK_PREFIX: "enrollment",
    table.SEND_PREFIX: "send",
    table.HOME_PREFIX: "home",
    table.ADDRESS_SK: "address",
    table.CONSENT_PREFIX: "consent",
}
"""What an item is called, by the beginning of its sort key."""

MOST_FOUND = 100
"""Addresses that only events name, from which on those that a browser said are not followed: the cursor travels in a URL."""

LONGEST_SORT_KEY = 1_024
"""Bytes; DynamoDB refuses a query with a longer one."""

_PLACE = re.compile(r"LEAD#[a-z2-7]{16}|ADDR#[0-9]{1,3}\.[a-z2-7]{24}")
_AT = frozenset({"at", "first", "last", "since", "until", "first_seen", "complete_since", "asked_at", "due_at"})
"""Fields of a lead that are instants."""


@dataclass(slots=True)
class Cursor:
    """Where to go on: a partition, the sort key reached in it, and the addresses that only the items read named."""

    place: str = ""
    after: str = ""
    found: set[str] = field(default_factory=set)

    @property
    def text(self) -> str:
        said = json.dumps([self.place, self.after, sorted(self.found)], separators=(",", ":"))
        return base64.urlsafe_b64encode(said.encode()).decode()

    @classmethod
    def read(cls, text: str) -> "Cursor":
        """Raises InvalidInputError for what no page said."""
        try:
            place, after, found = json.loads(base64.urlsafe_b64decode(text))
            ours = len(after.encode()) <= LONGEST_SORT_KEY and all(_PLACE.fullmatch(each) for each in (place, *found))
        except (AttributeError, RecursionError, TypeError, ValueError):
            ours = False
        if not ours:
            raise InvalidInputError("cursor", "must be the `next` of the page before")
        return cls(place, after, set(found))


def export_page(lead: Lead, cursor_text: str | None) -> dict[str, Any]:
    """
    Return the next page: its items, and as `next` the cursor of the page after it, null at the end.

    Raises:
        InvalidInputError: The cursor is none of ours.
    """
    cursor = Cursor() if cursor_text is None else Cursor.read(cursor_text)
    homes = frozenset(leads.homes_of(lead))
    places = _places(lead, homes, cursor.found)
    place = next((each for each in places if _order(each) >= _order(cursor.place)), places[-1])
    # A place that is gone since the page before says nothing of where to begin in the next one.
    items, after = partitions.page(place, after=cursor.after if place == cursor.place else "", limit=PAGE)
    if place.startswith("ADDR#"):
        shown = _of_address(place, items, homes)
    else:
        shown = _of_home(place, items, homes, cursor.found)
    rest = [each for each in _places(lead, homes, cursor.found) if _order(each) > _order(place)]
    return {
        "schema": SCHEMA,
        "lead_id": lead.lead_id,
        "items": shown,
        "next": Cursor(place if after else rest[0], after, cursor.found).text if after or rest else None,
    }


def _places(lead: Lead, homes: frozenset[str], found: set[str]) -> list[str]:
    """Return every partition about the person: the homes first, for their items name addresses."""
    known = {table.address_pk(name) for name in _addresses(lead)}
    return sorted({*map(table.lead_pk, homes), *known, *found}, key=_order)


def _order(place: str) -> tuple[bool, str]:
    return place.startswith("ADDR#"), place


def _addresses(lead: Lead) -> list[str]:
    """Return the hashes of the mail addresses and of the phone number that the lead itself names."""
    named_by = [text.removeprefix("email#") for text in lead.identities if text.startswith("email#")]
    number = number_held(lead)
    numbers = [] if number is None else [number_hash(number, identity_secret())]
    return [*named_by, *numbers] if lead.address_hash is None else [*named_by, *numbers, lead.address_hash]


def _of_address(place: str, items: list[dict[str, Any]], homes: frozenset[str]) -> list[dict[str, Any]]:
    name = place.removeprefix("ADDR#")
    if partitions.is_foreign(name, homes):
        return []
    return [{"kind": _kind(item), "address": name, **_plain(own_part(item, homes))} for item in items]


def _of_home(place: str, items: list[dict[str, Any]], homes: frozenset[str], found: set[str]) -> list[dict[str, Any]]:
    """Return the items of a home as they are shown, and add the addresses they name to those found."""
    here = table.lead_id_of(place)
    entry = leads.load([here])[here]
    whose = belonging(entry, homes)
    if whose == "foreign":
        return []
    device = entry if isinstance(entry, Alias) and whose == "shared" else None
    shown: list[dict[str, Any]] = []
    for item in items:
        sk = item[table.SK]
        if sk == table.LEAD_SK:
            shown.append({"kind": "lead", "home": here, **_entry(item, homes)})
        elif sk.startswith(table.EVENTS_PREFIX):
            events = timeline.events_of(item)
            mine = events if device is None else parted(events, device.claims, homes)[0]
            if mine:
                shown.append({"kind": "timeline", "home": here, **_plain(item), "events": [e.to_json() for e in mine]})
            _note_addresses(mine, found)
        elif device is None or is_first(device.claims, homes):
            shown.append({"kind": _kind(item), "home": here, **_plain(item)})
            held = item.get("paused", ())
            found |= {table.address_pk(name) for name in (*held, *filter(None, [item.get("address")]))}
    return shown


def _note_addresses(events: Sequence[LeadEvent], found: set[str]) -> None:
    """Add the addresses and numbers that the events name to those found."""
    secret = identity_secret()
    named = [
        (table.address_pk(address_hash(event.email, secret)), event.source == "public")
        for event in events
        if event.email
    ]
    numbers = (table.address_pk(number_hash(number, secret)) for number in numbers_said(events))
    sure = [*numbers, *(place for place, is_claim in named if not is_claim)]
    claimed = (place for place, is_claim in named if is_claim)
    found.update(to_look_at(found, sure, claimed, most=MOST_FOUND))


def _kind(item: Mapping[str, Any]) -> str:
    return next((kind for begin, kind in KINDS.items() if item[table.SK].startswith(begin)), "other")


def _entry(item: Mapping[str, Any], homes: frozenset[str]) -> dict[str, Any]:
    """Return a lead with everything it is made of, or an alias with the person's own claims."""
    entry = read_entry(item)
    if isinstance(entry, Alias):
        claims = [{"at": instant_text(at), "lead_id": person} for at, person in entry.claims if person in homes]
        return {"alias_of": entry.alias_of if entry.alias_of in homes else None, "claims": claims}
    if not isinstance(entry, Lead):
        return {}
    said = _readable(asdict(entry))
    said["days"] = [instant_text(day * DAY)[:10] for day in sorted(entry.days)]
    return dict(said)


def _readable(value: Any, name: str = "") -> Any:
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {key: _readable(each, key) for key, each in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, list | tuple):
        return [_readable(each) for each in value]
    if name in _AT and isinstance(value, int) and value:
        return instant_text(value)
    return value


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item as it stands, with what is packed in it opened."""
    said = {name: value for name, value in item.items() if name not in (table.PK, table.SK)}
    for name in ("detail", "record"):
        if name in said:
            said[name] = json.loads(said[name])
    if isinstance(said.get(table.TTL), int):
        said[table.TTL] = instant_text(said[table.TTL])
    return {"key": item[table.SK], **_readable(said)}
