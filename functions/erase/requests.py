"""What is asked over HTTP: who may, who is meant, by whom and why, checked; and an erasure as the API shows it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.aws.erasure import Erasure
from shared.aws.secret_values import identity_secret, signing_secret
from shared.errors import InvalidInputError, RipenError
from shared.identity import EMAIL, USER, home
from shared.instants import instant_text
from shared.intake.fields import email_address, identifier
from shared.keys import key_kind

MAX_BODY = 8_192
"""Characters."""

BODY = '{"by": "maria", "reason": "asked by mail"}'
"""What a body is like."""

MAX_REASON = 120

_LEAD_ID = re.compile("[a-z2-7]{16}")
_ERASURE_ID = re.compile("[0-9a-f]{20}")
_BY = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class RefusedError(RipenError):
    """The request is refused: tell the client why; doing it again will not help."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Order:
    """By whom and why an erasure is asked for, and when it was received."""

    by: str
    reason: str
    at: int


def check_admin(headers: Mapping[str, str]) -> None:
    """Raises RefusedError unless the request bears an admin key."""
    named = {name.lower(): value for name, value in headers.items()}
    scheme, _, token = named.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "bearer" or key_kind(token.strip(), signing_secret()) != "admin":
        raise RefusedError(401, "unauthorized", "send Authorization: Bearer <admin key>")


def lead_id_of(text: str) -> str:
    if _LEAD_ID.fullmatch(text) is None:
        raise RefusedError(404, "not_found", "no such lead")
    return text


def is_erasure_id(text: str) -> bool:
    return _ERASURE_ID.fullmatch(text) is not None


def read_order(said: Mapping[str, Any], at: int) -> Order:
    """
    Return by whom and why. Both stay with the proof for good, so neither may hold an address.

    Raises:
        InvalidInputError: Naming the field that is wrong.
    """
    for name in said:
        if name not in ("by", "reason", "email", "user_id"):
            raise InvalidInputError(name[:60], "is no field of an erasure: send by, reason, and email or user_id")
    by, reason = said.get("by"), said.get("reason")
    if not isinstance(by, str) or _BY.fullmatch(by) is None:
        raise InvalidInputError("by", "must be an id of 1 to 64 letters, digits, _ . : and -, and no mail address")
    if not isinstance(reason, str) or not reason.strip() or len(reason) > MAX_REASON or not reason.isprintable():
        raise InvalidInputError("reason", f"must be printable text of 1 to {MAX_REASON} characters")
    if "@" in reason:
        raise InvalidInputError("reason", "must not hold an address: it is kept when the person is forgotten")
    return Order(by, reason.strip(), at)


def read_home(said: Mapping[str, Any]) -> str:
    """
    Return the home of the one identity the body names, read as the intake reads it.

    Raises:
        InvalidInputError: It names none, both, or nobody.
    """
    given = [name for name in ("email", "user_id") if said.get(name) is not None]
    if len(given) != 1:
        raise InvalidInputError("email", "name the person by email or by user_id, one of them")
    if not isinstance(said[given[0]], str):
        raise InvalidInputError(given[0], "must be text")
    if given[0] == "user_id":
        user_id = identifier(said["user_id"], "user_id")
        if user_id is None:
            raise InvalidInputError("user_id", "names nobody")
        return home(USER, user_id, identity_secret())
    email = email_address(said["email"], "email")
    if email is None:
        raise InvalidInputError("email", "names nobody")
    return home(EMAIL, email, identity_secret())


def erasure_view(erasure: Erasure) -> dict[str, Any]:
    """Return an erasure as the API shows it: the proof, once it is done."""
    return {
        "erasure": erasure.erasure_id,
        "state": "done" if erasure.done else "working",
        "asked_at": instant_text(erasure.asked_at),
        "by": erasure.by,
        "reason": erasure.reason,
        "finished_at": None if erasure.finished_at is None else instant_text(erasure.finished_at),
        "counts": dict(sorted(erasure.counts.items())),
    }
