"""
The only reader of the environment.

Each setting is read when it is first needed, so importing a module never needs an environment, and a missing
variable fails with its name.
"""

import os

from shared.errors import MissingSettingError


def required(name: str) -> str:
    """Return the variable's value. Raises `MissingSettingError` naming it when absent or empty."""
    value = os.environ.get(name, "")
    if not value:
        raise MissingSettingError(name)
    return value


def optional(name: str, default: str = "") -> str:
    """Return the variable's value, or `default` when it is absent or empty."""
    return os.environ.get(name, "") or default


def table_name() -> str:
    return required("TABLE_NAME")


def events_queue_url() -> str:
    return required("EVENTS_QUEUE_URL")


def settle_queue_url() -> str:
    return required("SETTLE_QUEUE_URL")


def resettle_queue_url() -> str:
    return required("RESETTLE_QUEUE_URL")


def sends_queue_url() -> str:
    return required("SENDS_QUEUE_URL")


def engagement_queue_url() -> str:
    return required("ENGAGEMENT_QUEUE_URL")


def erasures_queue_url() -> str:
    return required("ERASURES_QUEUE_URL")


def public_url() -> str:
    """Base of every link we print, without a trailing slash."""
    return required("PUBLIC_URL").rstrip("/")
