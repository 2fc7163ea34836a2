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
import re
from typing import Literal, get_args

KeyKind = Literal["public", "server", "admin", "sales", "outcomes"]

_SHAPE = re.compile(r"^(public|server|admin|sales|outcomes)_([a-z0-9-]{1,32})_([A-Za-z0-9_-]{32})$")


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


def webhook_secret(label: str, secret: str) -> str:
    """
    Return the secret that a sender of webhooks signs with, in the form of Standard Webhooks: `whsec_<base64>`.

    Args:
        label: Who signs, 1 to 32 of a-z, 0-9 and hyphen; a new label makes a new secret.
        secret: The stage's signing secret.
    """
    key = hmac.new(secret.encode(), f"webhook-secret:{label}".encode(), hashlib.sha256).digest()
    return f"whsec_{base64.b64encode(key).decode()}"
