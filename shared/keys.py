"""
API keys that are derived, not stored: `<kind>_<label>_<mac>`.

The MAC is taken under the stage's signing secret, so no list of keys exists to leak or to load; a key is checked in
constant time without a read. A *public* key (browser, form) may add facts; a *server* key also proves who somebody
is; *admin* reads; *sales* works handoffs; *outcomes* says what became of a lead. A CRM that signs what it sends has a
secret of its own instead, derived in the same way.
"""

import base64
import hashlib
import hmac
import json
import re
from typing import Literal, get_args

from shared.errors import RipenError

KeyKind = Literal["public", "server", "admin", "sales", "outcomes"]

_SHAPE = re.compile(r"^(public|server|admin|sales|outcomes)_([a-z0-9-]{1,32})_([A-Za-z0-9_-]{32})$")


class SigningKeysError(RipenError):
    """The signing secret is neither one key nor keys by version."""


def signing_keys(secret: str) -> dict[str, str]:
    """
    Return the signing keys that are kept, by version.

    Args:
        secret: What the signing secret holds: one key, which is version 1, or `{"1": "<the old>", "2": "<the new>"}`.

    Raises:
        SigningKeysError: It begins like the latter and is not that.
    """
    if not secret.lstrip().startswith("{"):
        return {"1": secret}
    try:
        keys = json.loads(secret)
    except ValueError as error:
        raise SigningKeysError('the signing secret is no JSON: write {"1": "<old key>", "2": "<new key>"}') from error
    if not keys or not all(_VERSION.fullmatch(each) and isinstance(key, str) and key for each, key in keys.items()):
        raise SigningKeysError(
            "the signing secret must name each key by a version, one of 1 to 9 and a to z, and have one at least"
        )
    return dict(keys)


_VERSION = re.compile("[1-9a-z]")


def api_signing_key(secret: str) -> str:
    """Return the key that API keys are made with: the oldest that is kept, so that they outlive a change of keys."""
    keys = signing_keys(secret)
    return keys[min(keys)]


def mint_key(kind: KeyKind, label: str, secret: str) -> str:
    """
    Return the key of that kind and label.

    Args:
        kind: What the key may do.
        label: Who holds it, 1 to 32 of a-z, 0-9 and hyphen; a new label makes a new key.
        secret: The stage's signing secret.
    """
    mac = hmac.new(secret.encode(), f"api-key:{kind}:{label}".encode(), hashlib.sha256).digest()[:24]
    return f"{kind}_{label}_{base64.urlsafe_b64encode(mac).decode()}"


def key_kind(token: str, secret: str) -> KeyKind | None:
    """Return what the key may do, or None when it is not one of ours."""
    shape = _SHAPE.match(token)
    if shape is None:
        return None
    for kind in get_args(KeyKind):
        if kind == shape[1]:
            expected = mint_key(kind, shape[2], secret)
            return kind if hmac.compare_digest(expected, token) else None
    return None


def outgoing_webhook_secret(name: str, number: int, secret: str) -> str:
    """
    Return a secret that we sign the webhooks of that name with: `whsec_<base64>`.

    Args:
        name: Of the playbook's `mail.webhooks`.
        number: Which of its `secrets`; a new number makes a new secret.
        secret: The stage's signing key of API keys.
    """
    key = hmac.new(secret.encode(), f"outgoing-webhook:{name}:{number}".encode(), hashlib.sha256).digest()
    return f"whsec_{base64.b64encode(key).decode()}"


def webhook_secret(label: str, secret: str) -> str:
    """
    Return the secret that a sender of webhooks signs with, in the form of Standard Webhooks: `whsec_<base64>`.

    Args:
        label: Who signs, 1 to 32 of a-z, 0-9 and hyphen; a new label makes a new secret.
        secret: The stage's signing secret.
    """
    key = hmac.new(secret.encode(), f"webhook-secret:{label}".encode(), hashlib.sha256).digest()
    return f"whsec_{base64.b64encode(key).decode()}"
