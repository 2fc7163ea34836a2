"""Errors by what the caller must do about them."""


class RipenError(Exception):
    """Any error this application raises on purpose."""


class NaiveTimeError(RipenError, ValueError):
    """A time without a zone. A programming or client error: retrying cannot help."""

    def __init__(self, text: str) -> None:
        super().__init__(f"time {text[:40]!r} has no zone: write it with Z or an offset, as in 2026-01-05T09:00:00Z")


class InvalidInputError(RipenError, ValueError):
    """What a client sent cannot be used. Tell the client; do not retry."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class TooManyError(RipenError):
    """More items than one answer may read. Ask for less: doing the same again will not help."""


class ConflictError(RipenError):
    """Somebody else changed the item first. Reload, decide again, write again."""


class UnwritableError(RipenError, ValueError):
    """DynamoDB will never take this item (its size, a key). Set the message aside; retrying cannot help."""


class MissingSettingError(RipenError):
    """An environment variable the function needs is not set: a deployment error, alarm."""

    def __init__(self, name: str) -> None:
        super().__init__(f"environment variable {name} is not set")


class DeliveryError(RipenError):
    """A channel (EventBridge, SNS, Slack) did not take a message. Let it raise: the message is redelivered."""
