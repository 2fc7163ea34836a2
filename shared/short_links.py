"""
Links short enough for a text message: 32 characters that only we can make, good for one link of one message.

A token says the lead, the round and the step; the track and the page are not in it. The MAC covers their names, and
whoever reads it tries the names of a playbook: a hundred MACs take a third of a millisecond, and each name in the token
would take the room of words. A page that the playbook does not name is none, so this is no open redirect.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.links import KEY_VERSION, Keys
from shared.mailing import SendRef

MAC_BYTES = 11
"""88 bits: tried with some hundred names, a guess is right once in 2^80."""

LEAD_BYTES = 10
"""What the 16 characters of a lead id hold."""

LENGTH = 32
"""Characters of a token."""

MOST = 255
"""Greatest round and step that a token can say."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")


@dataclass(frozen=True, slots=True)
class ShortLink:
    """Which link of the playbook's `mail.links`, in which message."""

    ref: SendRef
    page: str


def can_be_short(ref: SendRef) -> bool:
    """Tell whether a token can name the message: nobody goes through a track 255 times, and if so the links are long."""
    return ref.rotation <= MOST and ref.step <= MOST


def short_token(link: ShortLink, keys: Keys) -> str:
    """Return the token of the link, signed by the newest key."""
    by_version = _by_version(keys)
    version = max(by_version)
    ref = link.ref
    said = base64.b32decode(ref.lead_id.upper()) + bytes((ref.rotation, ref.step))
    return version + _text(said + _mac(said, ref.track, link.page, version, by_version[version]))


def read_short(token: str, keys: Keys, *, tracks: Iterable[str], pages: Iterable[str]) -> ShortLink | None:
    """
    Return which link the token is, or None when it was not made by us for one of those.

    Args:
        token: As it stands in the address.
        keys: Every key that is kept.
        tracks: Names the track may have.
        pages: Names the page may have.
    """
    version, key = token[:1], _by_version(keys).get(token[:1])
    if key is None or not _TOKEN.fullmatch(token):
        return None
    body = base64.urlsafe_b64decode(token[1:] + "=")
    said, mac = body[:-MAC_BYTES], body[-MAC_BYTES:]
    if _text(body) != token[1:]:
        return None
    lead_id, rotation, step = message_said(token)
    known = tuple(pages)
    for track in tracks:
        for page in known:
            if hmac.compare_digest(mac, _mac(said, track, page, version, key)):
                return ShortLink(SendRef(lead_id, track, rotation, step), page)
    return None


def message_said(token: str) -> tuple[str, int, int]:
    """Return the lead, round and step that a text of the right shape names, whoever made it: it proves nothing."""
    body = base64.urlsafe_b64decode(token[1:] + "=")
    return base64.b32encode(body[:LEAD_BYTES]).decode().lower(), body[LEAD_BYTES], body[LEAD_BYTES + 1]


def could_be_short(token: str) -> bool:
    """Tell whether the text has the shape of a short token, before any key is asked."""
    return _TOKEN.fullmatch(token) is not None


def _mac(said: bytes, track: str, page: str, version: str, key: str) -> bytes:
    bound = f"short-link:{version}:{track}:{page}:".encode()
    return hmac.new(key.encode(), bound + said, hashlib.sha256).digest()[:MAC_BYTES]


def _text(body: bytes) -> str:
    return base64.urlsafe_b64encode(body).decode().rstrip("=")


def _by_version(keys: Keys) -> Mapping[str, str]:
    return {KEY_VERSION: keys} if isinstance(keys, str) else keys
