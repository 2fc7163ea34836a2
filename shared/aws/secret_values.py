"""The stage's secrets, read from Secrets Manager once per process."""

import json
import time
from dataclasses import dataclass

from shared import settings
from shared.aws import clients
from shared.keys import api_signing_key, signing_keys

LOOK_AGAIN = 10
"""Least seconds between two looks at a secret that was read already: a made-up key version must not cost a call each."""


def _value(secret_id: str, *, again: bool = False) -> str:
    """Return the secret as it was read, or read `again`; what was read stays while it cannot be."""
    if again or secret_id not in _values:
        _values[secret_id] = clients.secrets().get_secret_value(SecretId=secret_id)["SecretString"]
    return _values[secret_id]


_values: dict[str, str] = {}


def identity_secret() -> str:
    """Key of lead ids and address hashes; never rotated, because every item's key depends on it."""
    return _value(settings.required("IDENTITY_SECRET"))


def signing_secret() -> str:
    """Key of API keys: of the signing keys that are kept, the oldest."""
    return api_signing_key(_value(settings.required("SIGNING_SECRET")))


def signing_secrets(version: str = "") -> dict[str, str]:
    """
    Return the keys of the links in our mails, by version: the greatest signs, every one is read.

    Args:
        version: One that is asked for. Not among those that were read, it may be new: the secret is read again.
    """
    secret_id = settings.required("SIGNING_SECRET")
    keys = signing_keys(_value(secret_id))
    if version in ("", *keys) or 0 <= time.time() - _looked.get(secret_id, 0) < LOOK_AGAIN:
        return keys
    _looked[secret_id] = time.time()
    return signing_keys(_value(secret_id, again=True))


_looked: dict[str, float] = {}
"""When each secret was last read again."""


@dataclass(frozen=True, slots=True)
class SlackSecret:
    """What Slack gave us; empty strings mean that part is not set up and the channel is off."""

    bot_token: str
    signing_secret: str
    webhook_url: str


def slack_secret() -> SlackSecret:
    held = json.loads(_value(settings.required("SLACK_SECRET")))
    return SlackSecret(held.get("bot_token", ""), held.get("signing_secret", ""), held.get("webhook_url", ""))


def forget() -> None:
    """Drop what was read; the next use reads again."""
    _looked.clear()
    _values.clear()
