"""The stage's secrets, read from Secrets Manager once per process."""

import json
from dataclasses import dataclass
from functools import cache

from shared import settings
from shared.aws import clients


@cache
def _value(secret_id: str) -> str:
    return clients.secrets().get_secret_value(SecretId=secret_id)["SecretString"]


def identity_secret() -> str:
    """Key of lead ids and address hashes; never rotated, because every item's key depends on it."""
    return _value(settings.required("IDENTITY_SECRET"))


def signing_secret() -> str:
    """Key of API keys and mail links."""
    return _value(settings.required("SIGNING_SECRET"))


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
    _value.cache_clear()
