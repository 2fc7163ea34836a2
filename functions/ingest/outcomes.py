"""
What became of leads, as a CRM tells it: won, lost, disqualified, customer, read into the events that tell the leads so.

One outcome is the body, or up to a hundred stand in its `outcomes`. Who sends has a key for this and nothing else, or
signs; either proves what it says, so an address and a user id together are one person.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from functions.ingest.access import MAX_KEY_BYTES, UnauthorizedError, basic_key
from functions.ingest.by_hand import MAX_BY, MAX_REASON, check_fields, is_lead_id
from shared.aws import secret_values
from shared.errors import InvalidInputError
from shared.intake.fields import email_address, identifier, label, moment, settled_instant
from shared.intake.segment import Rejection
from shared.intake.values import TooLargeError
from shared.keys import key_kind
from shared.lead import LeadEvent

NAMES = {"won": "Lead Won", "lost": "Lead Lost", "disqualified": "Lead Disqualified", "customer": "Became Customer"}
"""Type of an outcome -> the event the lead's timeline has."""

MOST = 100
MAX_ID = 90
MOST_VALUE = 10**12

WHERE_THE_KEY_GOES = (
    "send an outcomes key as Authorization: Bearer <key> or as the user name of HTTP Basic, or sign the webhook; other keys "
    "cannot say what became of a lead"
)
_FIELDS = ("id", "type", "email", "userId", "leadId", "occurredAt", "reason", "value", "currency", "by")
_CURRENCY = re.compile("[A-Z]{3}")


def outcomes_key(headers: Mapping[str, str]) -> str:
    """Return the key that came as Basic or Bearer. Raises UnauthorizedError unless it is one for outcomes."""
    scheme, _, bearer = headers.get("authorization", "").strip().partition(" ")
    key = bearer.strip() if scheme.lower() == "bearer" else basic_key(headers)
    if key is None or len(key) > MAX_KEY_BYTES or key_kind(key, secret_values.signing_secret()) != "outcomes":
        raise UnauthorizedError(WHERE_THE_KEY_GOES)
    return key


def outcome_events(
    said: Mapping[str, Any], *, received_at: int, webhook_id: str | None
) -> tuple[list[LeadEvent], list[Rejection]]:
    """
    Return the events of a body, and which of a list cannot be used.

    Args:
        said: The body, its values plain.
        received_at: When it came.
        webhook_id: What the request is known by when it is sent again, if it is a signed webhook.

    Raises:
        TooLargeError: The list is too long.
        InvalidInputError: Naming what is wrong with a single outcome, or with the list.
    """
    if "outcomes" not in said:
        return [outcome_event(said, received_at=received_at, name=webhook_id)], []
    every = said["outcomes"]
    if not isinstance(every, list) or len(said) > 1:
        raise InvalidInputError("outcomes", "must be a list of outcomes, alone in its object")
    if len(every) > MOST:
        raise TooLargeError("outcomes", f"has more than {MOST}: send several lists")
    events: list[LeadEvent] = []
    rejections: list[Rejection] = []
    for index, each in enumerate(every):
        name = None if webhook_id is None else f"{webhook_id}.{index}"
        try:
            events.append(outcome_event(each, received_at=received_at, name=name))
        except InvalidInputError as refusal:
            rejections.append(Rejection(index, refusal.field, refusal.problem))
    return events, rejections


def outcome_event(said: Any, *, received_at: int, name: str | None) -> LeadEvent:
    """
    Return the event of one outcome.

    It is known by its `id`, else by `name`, else by what it says: sent again, at any time, it counts once.

    Raises:
        InvalidInputError: Naming the field that is wrong, and what to write.
    """
    if not isinstance(said, dict):
        raise InvalidInputError("body", "must be an object")
    check_fields(said, _FIELDS, "an outcome")
    kind = said.get("type")
    if not isinstance(kind, str) or kind not in NAMES:
        raise InvalidInputError("type", f"must be one of {', '.join(NAMES)}")
    email, user_id, lead_id = _who(said)
    stated = moment(said.get("occurredAt"), "occurredAt")
    given = None if said.get("id") is None else label(said["id"], "id", MAX_ID)
    return LeadEvent(
        event_id=f"outcome-{given or name or _digest(said)}",
        name=NAMES[kind],
        occurred_at=received_at if stated is None else settled_instant(stated, "occurredAt", received_at),
        received_at=received_at,
        source="system",
        email=email,
        user_id=user_id,
        lead_id=lead_id,
        properties=_properties(said),
    )


def _who(said: Mapping[str, Any]) -> tuple[str | None, str | None, str | None]:
    """Return address, user id and lead id: the last alone, or at least one of the others."""
    email = email_address(said.get("email"), "email")
    user_id = identifier(said.get("userId"), "userId")
    lead_id = said.get("leadId")
    if lead_id is None:
        if email is None and user_id is None:
            raise InvalidInputError("email", "nobody is named: give email, userId or leadId")
        return email, user_id, None
    if email is not None or user_id is not None:
        raise InvalidInputError("leadId", "says by itself who it is: leave out email and userId")
    if not isinstance(lead_id, str) or not is_lead_id(lead_id):
        raise InvalidInputError("leadId", "must be the id of a lead, 16 signs, a to z and 2 to 7")
    return None, None, lead_id


def _properties(said: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    if said.get("reason") is not None:
        kept["reason"] = label(said["reason"], "reason", MAX_REASON)
    if said.get("by") is not None:
        kept["by"] = label(said["by"], "by", MAX_BY)
    if said.get("value") is not None:
        kept |= {"value": _amount(said["value"]), "currency": _currency(said.get("currency"))}
    elif said.get("currency") is not None:
        raise InvalidInputError("currency", "says nothing without a value: send both or none")
    return kept


def _amount(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_VALUE:
        raise InvalidInputError("value", "must be a number from 0 to a million million, as in 12500 or 99.5")
    return value


def _currency(value: Any) -> str:
    if not isinstance(value, str) or _CURRENCY.fullmatch(value) is None:
        raise InvalidInputError("currency", "must be three capital letters with a value, as in EUR")
    return value


def _digest(said: Mapping[str, Any]) -> str:
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(canonical.encode(errors="replace"), digest_size=16).hexdigest()
