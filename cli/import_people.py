"""
A row of a file of people, read into the identify calls that say the same.

A row is one call, and a second one where consent has a time of its own: what somebody agreed to counts from when they
did. A no without one is of when the file was written, for that is what still held then. Message ids follow from what a row says, so a row counts once, whatever file it stands in and however often.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from cli.import_columns import OWN, Column
from shared.errors import InvalidInputError
from shared.identity import names_nobody
from shared.instants import instant_text
from shared.intake.person_fields import AGREED, DECLINED, head_count

_BETWEEN = "|;,"
"""What parts the values of a list; the first of these that a cell holds."""

_WHO = {"user_id": "userId", "anonymous_id": "anonymousId"}
_NOT_CONSENT = DECLINED - {""}


@dataclass(frozen=True, slots=True)
class People:
    """How rows are read: their columns, the zone of times without one, and the instant of rows that say none."""

    columns: tuple[Column, ...]
    zone: ZoneInfo | None
    as_of: int

    def header_of(self, field: str) -> str:
        """Return the column that a problem with a field of the call is about."""
        plain = {"userId": "user_id", "anonymousId": "anonymous_id"}.get(field, field.removeprefix("traits."))
        return next((column.header for column in self.columns if column.field == plain), field)


def calls_of(cells: Sequence[str], people: People) -> list[dict[str, Any]]:
    """
    Return the calls of a row.

    Raises:
        InvalidInputError: Naming the column that is wrong, and what to write.
    """
    said = {
        column.field: (column, text)
        for column, cell in zip(people.columns, cells, strict=True)
        if column.field is not None and (text := cell.strip())
    }
    email = said["email"][1] if "email" in said else ""
    who = {name: said[field][1] for field, name in _WHO.items() if field in said}
    if names_nobody(email) and all(names_nobody(value) for value in who.values()):
        named = next(column.header for column in people.columns if column.field in ("email", *_WHO))
        raise InvalidInputError(named, "names nobody: fill in an address or an id")
    address = {"email": email} if email else {}
    traits = {field: _value(*found) for field, found in said.items() if field not in OWN}
    at = _instant(said, "timestamp", people.zone)
    agreed = _consent(said)
    agreed_at = _instant(said, "consent_at", people.zone) if agreed else None
    is_no_of_now = agreed.get("consent") is False and agreed_at is None and at is not None
    if agreed_at is None and not is_no_of_now:
        traits |= agreed
    calls = [_call(who, address | traits, at, people)]
    if agreed_at is not None or is_no_of_now:
        calls.append(_call(who, address | agreed, agreed_at, people))
    return calls


def _call(who: Mapping[str, str], traits: Mapping[str, Any], at: int | None, people: People) -> dict[str, Any]:
    """Return one identify call; the time of a file's own is no part of its id, so the next export repeats it."""
    call: dict[str, Any] = {"type": "identify", **who, "traits": dict(traits)}
    if at is not None:
        call["timestamp"] = instant_text(at)
    return {
        "timestamp": instant_text(people.as_of),
        **call,
        "messageId": "import-" + hashlib.blake2b(_canonical(call), digest_size=16).hexdigest(),
    }


def _canonical(call: Mapping[str, Any]) -> bytes:
    return json.dumps(call, sort_keys=True, separators=(",", ":")).encode()


def _value(column: Column, text: str) -> Any:
    if column.field == "employees":
        return head_count(text)
    if not column.listed:
        return text
    parting = next((sign for sign in _BETWEEN if sign in text), None)
    return [part.strip() for part in text.split(parting) if part.strip()] if parting else [text]


def _consent(said: Mapping[str, tuple[Column, str]]) -> dict[str, Any]:
    """Return what the row says of consent; an empty cell says nothing, and is no refusal."""
    if "consent" not in said:
        return {}
    column, text = said["consent"]
    word = text.lower()
    if word not in AGREED | _NOT_CONSENT:
        raise InvalidInputError(column.header, "must be yes or no, or empty where nobody was asked")
    source = {"consent_source": said["consent_source"][1]} if "consent_source" in said else {}
    return {"consent": word in AGREED, **source}


def _instant(said: Mapping[str, tuple[Column, str]], field: str, zone: ZoneInfo | None) -> int | None:
    if field not in said:
        return None
    column, text = said[field]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(
            column.header, "must be a time such as 2026-01-05T09:00:00Z or 2026-01-05 10:00"
        ) from None
    if moment.tzinfo is None:
        if zone is None:
            raise InvalidInputError(column.header, "has no zone: add one, or say --zone, as in --zone Europe/Berlin")
        moment = moment.replace(tzinfo=zone)
    try:
        return int(moment.timestamp() // 1)
    except (ValueError, OverflowError):
        raise InvalidInputError(column.header, "must be a time of our age") from None
