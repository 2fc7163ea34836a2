"""
Webhooks that their sender signed, as Standard Webhooks says: standardwebhooks.com, version 1.

The signature is over id, time and the bytes of the body, before anything of it is parsed. By hand: the published library
(1.1.0) reads the clock by itself, and what it raises at bytes that are no text and at odd signatures would be our 500.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping

from functions.ingest.access import UnauthorizedError
from shared.aws import secret_values
from shared.instants import MINUTE
from shared.keys import webhook_secret

WINDOW = 5 * MINUTE
"""Seconds the time of a webhook may differ from ours, either way: what was recorded cannot be sent again later."""

MOST_SIGNATURES = 10
"""Signatures of one webhook that are looked at: a sender that changes its secret signs with both."""

MAX_HEADER = 2_000

_LABEL = re.compile(r"[a-z0-9-]{1,32}")
_SECONDS = re.compile(r"[0-9]{1,12}")
_ID = re.compile(r"[\x21-\x2d\x2f-\x7e]{1,80}")
"""Readable signs without a dot: a dot parts what is signed."""


def is_signed(headers: Mapping[str, str]) -> bool:
    return "webhook-signature" in headers


def checked_id(headers: Mapping[str, str], label: str, body: bytes, *, now: int) -> str:
    """
    Return the webhook's id, which is the same whenever it is sent again.

    Args:
        headers: Of the request, in lower case.
        label: Whose secret it says it is signed with.
        body: As it was sent.
        now: Epoch seconds.

    Raises:
        UnauthorizedError: It is not signed by that secret, or not now.
    """
    name, sent, signatures = (headers.get(f"webhook-{part}", "") for part in ("id", "timestamp", "signature"))
    if _LABEL.fullmatch(label) is None:
        raise UnauthorizedError("name the label of the webhook's secret in the address: /v1/outcomes?label=<label>")
    if _ID.fullmatch(name) is None:
        raise UnauthorizedError("webhook-id must be 1 to 80 readable signs without a dot")
    if _SECONDS.fullmatch(sent) is None:
        raise UnauthorizedError("webhook-timestamp must be whole seconds since 1970")
    if abs(now - int(sent)) > WINDOW:
        raise UnauthorizedError(
            "webhook-timestamp lies more than 5 minutes from now: send the webhook again, signed anew"
        )
    key = base64.b64decode(webhook_secret(label, secret_values.signing_secret()).removeprefix("whsec_"))
    if not is_signature_of(signatures, key, f"{name}.{sent}.".encode() + body):
        raise UnauthorizedError("webhook-signature is not that of this body by the secret of this label")
    return name


def is_signature_of(signatures: str, key: bytes, content: bytes) -> bool:
    """Tell whether one of the signatures, `v1,<base64>` parted by spaces, is the content's under the key."""
    if len(signatures) > MAX_HEADER:
        return False
    expected = hmac.new(key, content, hashlib.sha256).digest()
    found = False
    for signature in signatures.split(" ")[:MOST_SIGNATURES]:
        version, _, encoded = signature.partition(",")
        if version != "v1":
            continue
        try:
            found |= hmac.compare_digest(base64.b64decode(encoded, validate=True), expected)
        except (binascii.Error, ValueError):
            continue
    return found
