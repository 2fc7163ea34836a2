"""
The links in our mails, to leads and to reps: opaque tokens that only we can make, each good for one purpose only.

A token is base64url text: the version of the signing key, the fields, and a MAC over both and the purpose, so a click
link can never be turned into an unsubscribe link, nor a redirect pointed elsewhere. It holds ids and hashes, never an
address or a name, and needs no look-up, so it works after the lead was merged or erased.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from shared.instants import DAY

RepPurpose = Literal["accept", "reject", "contact"]
Purpose = Literal["click", "open", "decoy", "unsubscribe", "confirm"] | RepPurpose

PATHS: dict[Purpose, str] = {
    "click": "c", "open": "o", "decoy": "d", "unsubscribe": "u", "confirm": "y",
    "accept": "s/accept", "reject": "s/reject", "contact": "s/contact",
}  # fmt: skip
"""First parts of the path of each kind of link."""

REP_LINK_LASTS = 7 * DAY
"""How long a link works that answers a handoff: longer than any promise runs, shorter than mail is kept."""

KEY_VERSION = "1"
"""Version of a signing key that is the only one and was never changed."""

Keys = str | Mapping[str, str]
"""The signing key, or every one that is kept by its version: a digit or a letter, first character of a token. The greatest
version signs, all of them are read, so links in mails that went out before a change of keys go on working."""

MAC_BYTES = 16
LONGEST_TOKEN = 2000
"""Longest token we read; what is longer was not made by us."""

_ALPHABET = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Link:
    """
    What a token says.

    `send_id` names the mail it stood in; `target` is the page (click) or the address hash (unsubscribe, confirm), and
    empty for an open and for the decoy, which no person sees. A rep's link names the handoff and who may use it until
    when: see `RepLink`.
    """

    purpose: Purpose
    send_id: str
    target: str = ""


@dataclass(frozen=True, slots=True)
class RepLink:
    """What a link says that answers a handoff: what it does, to which handoff, as whom, and when it stops working."""

    purpose: RepPurpose
    lead_id: str
    number: int
    person: str
    expires_at: int


def rep_link_url(base: str, link: RepLink, secret: Keys) -> str:
    """Return the whole link. Whoever holds it acts as the person: it belongs in no other mail than theirs."""
    said = Link(link.purpose, f"{link.lead_id}#{link.number}", f"{link.expires_at} {link.person}")
    return link_url(base, said, secret)


def read_rep_link(purpose: str, token: str, secret: Keys) -> RepLink | None:
    """Return what the token says, or None when it was not made by us for this purpose. It may have expired."""
    for known in get_args(RepPurpose):
        link = read(known, token, secret) if known == purpose else None
        if link is not None:
            lead_id, _, number = link.send_id.partition("#")
            expires_at, _, person = link.target.partition(" ")
            return RepLink(known, lead_id, int(number), person, int(expires_at))
    return None


def link_url(base: str, link: Link, secret: Keys) -> str:
    """
    Return the whole link.

    Args:
        base: Where the application is reached, without a trailing slash.
        link: What it says.
        secret: The stage's signing secret, or all of them by version.
    """
    return f"{base}/{PATHS[link.purpose]}/{mint(link, secret)}"


def mint(link: Link, secret: Keys) -> str:
    """Return the token of the link, signed by the newest key."""
    keys = _by_version(secret)
    version = max(keys)
    fields = json.dumps([link.send_id, link.target], separators=(",", ":"), ensure_ascii=False).encode()
    return version + _text(fields + _mac(link.purpose, fields, version, keys[version]))


def read(purpose: Purpose, token: str, secret: Keys) -> Link | None:
    """Return what the token says, or None when it was not made by us for this purpose."""
    version, text = key_version(token), token[1:]
    key = _by_version(secret).get(version)
    if key is None or len(token) > LONGEST_TOKEN or not _ALPHABET.fullmatch(token):
        return None
    try:
        body = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None
    if _text(body) != text:
        return None
    fields, mac = body[:-MAC_BYTES], body[-MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(purpose, fields, version, key)):
        return None
    send_id, target = json.loads(fields)
    return Link(purpose, send_id, target)


def target_said(token: str) -> str:
    """
    Return the target the token names, whoever made it; empty when it names none.

    Only for reports of whoever is trusted to have seen one of ours: it proves nothing, and nobody is sent there.
    """
    text = token[1:]
    try:
        body = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        said = json.loads(body[:-MAC_BYTES])
    except (binascii.Error, ValueError, RecursionError):
        return ""
    return said[1] if isinstance(said, list) and len(said) == 2 and isinstance(said[1], str) else ""


def key_version(token: str) -> str:
    """Return which key the token says that it was signed by; the empty text for an empty token."""
    return token[:1]


def fingerprint(token: str) -> str:
    """Return 22 characters that name the token in event ids: the same link, the same name, and no way back."""
    return _text(hashlib.sha256(token.encode()).digest()[:16])


def _text(body: bytes) -> str:
    return base64.urlsafe_b64encode(body).decode().rstrip("=")


def _by_version(keys: Keys) -> Mapping[str, str]:
    return {KEY_VERSION: keys} if isinstance(keys, str) else keys


def _mac(purpose: Purpose, fields: bytes, version: str, key: str) -> bytes:
    bound = f"mail-link:{version}:{purpose}:".encode()
    return hmac.new(key.encode(), bound + fields, hashlib.sha256).digest()[:MAC_BYTES]
