"""
The fields every way in has in common, each read from one untrusted value: who, when, which message.

Shared by `segment` and the forms of `functions/ingest`, so that a form and an SDK call mean the same person and the same instant.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from shared.errors import InvalidInputError, NaiveTimeError
from shared.identity import names_nobody, normal_email
from shared.instants import EARLIEST, MINUTE, parse_instant

SKEW = MINUTE
"""Seconds a client's clock may be off before its times are corrected (past) or brought back to now (future)."""

MAX_IDENTIFIER = 256
MAX_MESSAGE_ID = 100
MAX_ADDRESS = 254
"""Characters; an SMTP path is 256 octets with its brackets (RFC 5321)."""

_INVISIBLE = "\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060\ufeff\ufffd"
_UNREADABLE = re.compile(f"[{_INVISIBLE}]")
_ADDRESS_PART = rf"""[^\s@<>()\[\],;:"\\{_INVISIBLE}]+"""
_ADDRESS = re.compile(f"{_ADDRESS_PART}@{_ADDRESS_PART}")


def text_of(value: Any) -> str | None:
    """Return an identifier as text whatever JSON type the client chose, or None when it is no scalar."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    return None


def identifier(value: Any, field: str) -> str | None:
    """
    Return who is meant, or None when the value names nobody ("", "null", "undefined", 0 and the like).

    Raises:
        InvalidInputError: The value cannot be an identifier. A sign that was lost on the way (U+FFFD) is refused here
            and nowhere else: two people's damaged ids could have become one.
    """
    if value is None:
        return None
    text = text_of(value)
    if text is None:
        raise InvalidInputError(field, "must be text")
    if names_nobody(text):
        return None
    if len(text) > MAX_IDENTIFIER:
        raise InvalidInputError(field, f"is longer than {MAX_IDENTIFIER} characters")
    if _UNREADABLE.search(text):
        raise InvalidInputError(field, "has control, invisible or damaged characters")
    return text


def email_address(value: Any, field: str) -> str | None:
    """Return the address as it is compared, or None when the value names nobody. Anything else is refused."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidInputError(field, "must be text")
    if names_nobody(value):
        return None
    address = normal_email(value)
    if len(address) > MAX_ADDRESS or _ADDRESS.fullmatch(address) is None:
        raise InvalidInputError(field, "is not an email address")
    return address


def label(value: Any, field: str, longest: int) -> str:
    """Return a name that must be there: not empty, not too long, readable."""
    if not isinstance(value, str) or not value.strip():
        raise InvalidInputError(field, "must be text and not empty")
    text = value.strip()
    if len(text) > longest:
        raise InvalidInputError(field, f"is longer than {longest} characters")
    if _UNREADABLE.search(text):
        raise InvalidInputError(field, "has control, invisible or damaged characters")
    return text


def mapping(value: Any, field: str) -> dict[str, Any]:
    """Return the object, an empty one for null."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidInputError(field, "must be an object")
    return value


def moment(value: Any, field: str) -> int | None:
    """Return the instant in whole seconds, or None when there is none. A time without a zone is refused."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise InvalidInputError(field, "must be an ISO 8601 time such as 2026-01-05T09:00:00Z")
    try:
        return parse_instant(value.strip())
    except NaiveTimeError:
        raise InvalidInputError(field, "has no zone: end it with Z or an offset, as 2026-01-05T09:00:00Z") from None
    except (ValueError, OverflowError):
        raise InvalidInputError(field, "must be an ISO 8601 time such as 2026-01-05T09:00:00Z") from None


def settled_instant(stated: int, field: str, received_at: int) -> int:
    """Return the instant that counts: a future one beyond the skew is now; one before 1990 is refused."""
    if stated > received_at + SKEW:
        return received_at
    if stated < EARLIEST:
        raise InvalidInputError(field, "lies before 1990: leave it out when the clock is not set")
    return stated


def message_id(given: Any, content: Mapping[str, Any]) -> str:
    """
    Return the client's id of the message, or one derived from the content when it has none that can serve.

    The same content gives the same id in any process, so a repeated request counts once.

    Args:
        given: What the client sent; a placeholder such as "undefined" would make all its events one, so it is none.
        content: What the message says, without what differs from one attempt to the next.
    """
    text = text_of(given) or ""
    if not names_nobody(text) and len(text) <= MAX_MESSAGE_ID and _UNREADABLE.search(text) is None:
        return text
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return "derived-" + hashlib.blake2b(canonical.encode(), digest_size=16).hexdigest()
