"""
Who may send: the key of a request, and what an event that came with it proves.

A key is looked for where clients put it: HTTP Basic, the header `X-Write-Key`, the address, and last the body.

Public keys stand in pages and prove nothing; server keys never leave a customer's servers and prove what they say.
Only an admin key may give points or a verdict by hand, and that is all it may do here; sales keys open other doors.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

from shared.aws import secret_values
from shared.errors import RipenError
from shared.intake.segment import Intake
from shared.keys import key_kind

MAX_KEY_BYTES = 512
MOST_CANDIDATES = 3
"""Most texts of a body that look like a key of one kind and are tried: more are no client's."""
WHERE_THE_KEY_GOES = (
    "send a public or server key as the user name of HTTP Basic, as writeKey in a JSON body, or as write_key in a form"
)
_KEYS = tuple(re.compile(rb'"(%b_[a-z0-9-]{1,32}_[A-Za-z0-9_-]{32})"' % kind) for kind in (b"public", b"server"))
"""One by kind: a search that begins with a long literal skips the bytes between fast."""
WHERE_THE_ADMIN_KEY_GOES = (
    "send an admin key as Authorization: Bearer <key>; other keys can neither give points nor judge"
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


def given_key(event: Mapping[str, Any]) -> str | None:
    """Return the key that came with the request beside its body, None when there is none."""
    headers: Mapping[str, str] = event["headers"]
    basic = basic_key(headers)
    if basic is not None:
        return basic
    query = event.get("queryStringParameters") or {}
    for found in (headers.get("x-write-key"), query.get("writeKey"), query.get("write_key")):
        if found is not None:
            return str(found).partition(":")[0].strip()  # some SDKs take no key but "key:secret"
    return None


def key_within(data: bytes) -> str:
    """
    Return the key that stands somewhere in the bytes of a body, before anything is parsed.

    Raises:
        UnauthorizedError: There is none that is ours, so whatever the bytes spell is refused.
    """
    for pattern in _KEYS:
        for found in islice(pattern.finditer(data), MOST_CANDIDATES):
            key = found[1].decode()
            if key_kind(key, secret_values.signing_secret()) is not None:
                return key
    raise UnauthorizedError(WHERE_THE_KEY_GOES)


def is_public(key: str) -> bool:
    return len(key) <= MAX_KEY_BYTES and key_kind(key, secret_values.signing_secret()) == "public"


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
