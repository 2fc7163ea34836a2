"""
Who an event is about: identities, the lead id each one leads to, and the hash an address is known by.

A lead id is the *home* of one of the lead's identities, a keyed hash, so the common case needs no look-up: the event
itself says where its lead lives. Homes of further identities hold an alias item that names the lead.
Keys travel into logs and URLs, so no address ever stands in one.
"""

import base64
import hashlib
import hmac
import re
from functools import lru_cache

EMAIL = "email"
USER = "user"
ANONYMOUS = "anon"

ADDRESS_KEY_VERSION = "1"
"""Version of the key under an address hash; written in front of it, so a new key can be introduced beside the old."""

NOBODY = frozenset(
    {"", "null", "none", "nil", "undefined", "anonymous", "unknown", "guest", "test", "na", "n/a", "-", "0", "-1", "false",
     "true", "[object object]", "00000000-0000-0000-0000-000000000000"}
)  # fmt: skip
"""Values that broken clients send for everybody; as an identity they would join hundreds of people into one."""


def names_nobody(value: str) -> bool:
    """Tell whether the identifier is one of the values that broken clients send for every person."""
    return value.strip().lower() in NOBODY


def normal_email(address: str) -> str:
    """Return the address as it is compared: no outer space, lower case. Plus-parts stay: they are other mailboxes."""
    return address.strip().lower()


@lru_cache(maxsize=4096)
def _keyed(secret: str, text: str, size: int) -> str:
    digest = hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()[:size]
    return base64.b32encode(digest).decode().lower().rstrip("=")


def home(kind: str, value: str, secret: str) -> str:
    """
    Return the lead id that the identity leads to: 16 characters, a-z and 2-7.

    Args:
        kind: `EMAIL`, `USER` or `ANONYMOUS`.
        value: The identifier; an address already through `normal_email`.
        secret: The stage's identity secret.
    """
    return _keyed(secret, _named(kind, value), 10)


def _named(kind: str, value: str) -> str:
    """An address's home is the beginning of its hash, so who holds the hash can find the home."""
    return f"address#{value}" if kind == EMAIL else f"{kind}#{value}"


def identity_text(kind: str, value: str, secret: str) -> str:
    """Return the identity as a lead lists it: an address only by its hash."""
    return f"{kind}#{address_hash(value, secret) if kind == EMAIL else value}"


def address_hash(address: str, secret: str) -> str:
    """Return the name of the address item: key version, dot, 24 characters."""
    return f"{ADDRESS_KEY_VERSION}.{_keyed(secret, 'address#' + normal_email(address), 15)}"


def home_of_address(name: str) -> str:
    """Return the lead id that the address of this hash leads to."""
    return name.partition(".")[2][:16]


def normal_number(phone: str) -> str | None:
    """
    Return the phone number as it is called from anywhere, `+46701234567`; None when the text does not say that.

    A number without its country is nobody's in particular: it is not guessed.
    """
    plain = _BETWEEN_DIGITS.sub("", phone)
    international = f"+{plain[2:]}" if plain.startswith("00") else plain
    return international if _INTERNATIONAL.fullmatch(international) else None


_BETWEEN_DIGITS = re.compile(r"\(0\)|[ \-./()\u00a0]")
_INTERNATIONAL = re.compile(r"\+[1-9][0-9]{7,14}")


def number_hash(number: str, secret: str) -> str:
    """Return the name of the address item of a phone number, which went through `normal_number`."""
    return f"{ADDRESS_KEY_VERSION}.{_keyed(secret, 'number#' + number, 15)}"


def event_key(event_id: str) -> str:
    """
    Return the 11 characters a fact remembers of an event id.

    64 bits: among the few hundred facts a lead can hold, two ids meet once in about 10^14 leads; the timeline keeps
    the whole id.
    """
    return base64.urlsafe_b64encode(hashlib.blake2b(event_id.encode(errors="replace"), digest_size=8).digest())[
        :11
    ].decode()
