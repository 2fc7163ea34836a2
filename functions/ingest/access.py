"""
Who may send: the key of a request, and what an event that came with it proves.

Public keys stand in pages and prove nothing; server keys never leave a customer's servers and prove what they say.
Admin and sales keys open other doors, not this one.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Literal

from shared.aws import secret_values
from shared.errors import RipenError
from shared.keys import key_kind

MAX_KEY_BYTES = 512
WHERE_THE_KEY_GOES = (
    "send a public or server key as the user name of HTTP Basic, as writeKey in a JSON body, or as write_key in a form"
)
Intake = Literal["public", "server"]


class UnauthorizedError(RipenError):
    """The request has no key that may send events. Tell the client; do not retry."""


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
