"""
Who may send: the key of a request, and what an event that came with it proves.

Public keys stand in pages and prove nothing; server keys never leave a customer's servers and prove what they say.
Only an admin key may adjust a score by hand, and that is all it may do here; sales keys open other doors.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from shared.aws import secret_values
from shared.errors import RipenError
from shared.intake.segment import Intake
from shared.keys import key_kind

MAX_KEY_BYTES = 512
WHERE_THE_KEY_GOES = (
    "send a public or server key as the user name of HTTP Basic, as writeKey in a JSON body, or as write_key in a form"
)
WHERE_THE_ADMIN_KEY_GOES = (
    "send an admin key as Authorization: Bearer <key>; public, server and sales keys cannot adjust a score"
)


class UnauthorizedError(RipenError):
    """The request has no key that may do this. Tell the client; do not retry."""


def basic_key(headers: Mapping[str, str]) -> str | None:
    """
    Return the user name of an HTTP Basic header, None when there is no such header.

    Tolerant of what clients do: a missing colon, a missing padding, any case of the scheme. What cannot be read is
    "", a key that opens nothing.
    """
    scheme, _, credentials = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    credentials = credentials.strip()
    if len(credentials) > MAX_KEY_BYTES:
        return ""
    try:
        decoded = base64.b64decode(credentials + "=" * (-len(credentials) % 4), validate=True)
    except (binascii.Error, ValueError):
        return ""
    return decoded.decode(errors="replace").partition(":")[0].strip()


def intake_of(key: Any) -> Intake:
    """
    Return what the key may do here.

    Raises:
        UnauthorizedError: It is missing, unknown, or a key of another kind.
    """
    kind = key_kind(key, secret_values.signing_secret()) if isinstance(key, str) and len(key) <= MAX_KEY_BYTES else None
    match kind:
        case "public" | "server":
            return kind
        case _:
            raise UnauthorizedError(WHERE_THE_KEY_GOES)


def check_admin(headers: Mapping[str, str]) -> None:
    """Raises UnauthorizedError unless the request bears an admin key."""
    scheme, _, key = headers.get("authorization", "").strip().partition(" ")
    key = key.strip()
    if (
        scheme.lower() != "bearer"
        or len(key) > MAX_KEY_BYTES
        or key_kind(key, secret_values.signing_secret()) != "admin"
    ):
        raise UnauthorizedError(WHERE_THE_ADMIN_KEY_GOES)
