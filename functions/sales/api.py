"""The sales API: who may call it, and what a call says, checked."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints, ValidationError, field_validator

from shared.aws import secret_values
from shared.errors import RipenError
from shared.handoff import SYSTEM, Means
from shared.keys import KeyKind, key_kind
from shared.rules.handoff import ACTIONS, Action, Move

MAX_BODY = 64 * 1024
"""Bytes; Slack's payload carries the whole message that was pressed, ours some 10 kB."""

MAX_NOTE = 500
MAX_NUMBER = 6
"""Digits of a handoff's number."""


LEAD_ID = r"[a-z2-7]{16}"

OPPORTUNITY = r"^[A-Za-z0-9_.:-]{1,100}$"
"""An opportunity's id goes on the bus: it is no name of anybody."""


class RefusedError(RipenError):
    """The request is refused: tell the client why; doing it again will not help."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(f"{status.value} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message


class MoveRequest(BaseModel):
    """Body of a call. `by` is an id: it goes on the bus and into logs, so it is no mail address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]
    reason: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    note: Annotated[str, StringConstraints(max_length=MAX_NOTE)] | None = None
    means: Means = "call"
    to: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    until: AwareDatetime | None = None
    opportunity: Annotated[str, StringConstraints(pattern=OPPORTUNITY)] | None = None

    @field_validator("by")
    @classmethod
    def is_a_person(cls, by: str) -> str:
        if by == SYSTEM:
            raise ValueError(f"{SYSTEM} is nobody's id: say who it was")
        return by


def raw_body(event: Mapping[str, Any]) -> bytes:
    """
    Return the body's bytes as they were sent.

    Raises:
        RefusedError: Larger than any honest request.
    """
    body = event.get("body") or ""
    if len(body) > MAX_BODY * 2:
        raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", "body: too large")
    try:
        raw = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
    except (binascii.Error, UnicodeEncodeError):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "invalid", "body: cannot be decoded") from None
    if len(raw) > MAX_BODY:
        raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", f"body: more than {MAX_BODY} bytes")
    return raw


def check_key(headers: Mapping[str, str], kinds: Sequence[KeyKind] = ("sales",)) -> None:
    """Raises RefusedError unless the request bears a key of one of the kinds."""
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or key_kind(token, secret_values.signing_secret()) not in kinds:
        wanted = " or ".join(kinds)
        raise RefusedError(HTTPStatus.UNAUTHORIZED, "unauthorized", f"send a {wanted} key as Authorization: Bearer ...")


def read_path(path: str) -> tuple[str, int, Action]:
    """
    Return lead id, handoff number and action of `/v1/handoffs/{lead_id}/{n}/{action}`.

    Raises:
        RefusedError: There is no such route, handoff or action.
    """
    match path.strip("/").split("/"):
        case ["v1", "handoffs", lead_id, number, action] if lead_id:
            if action not in ACTIONS:
                raise RefusedError(
                    HTTPStatus.NOT_FOUND, "not_found", f"action: there is {', '.join(ACTIONS)} and no other"
                )
            if re.fullmatch(LEAD_ID, lead_id) is None:
                raise RefusedError(HTTPStatus.NOT_FOUND, "not_found", "there is no such handoff")
            return lead_id, handoff_number(number), action
        case _:
            raise RefusedError(HTTPStatus.NOT_FOUND, "not_found", "there is no such route")


def is_opportunity(text: str) -> bool:
    return re.fullmatch(OPPORTUNITY, text) is not None


def handoff_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_NUMBER):
        raise RefusedError(HTTPStatus.NOT_FOUND, "not_found", "there is no such handoff")
    return int(text)


def read_move(action: Action, body: bytes, at: int) -> Move:
    """
    Return the move the body asks for.

    Raises:
        RefusedError: Naming the field that is wrong.
    """
    try:
        said = MoveRequest.model_validate_json(body or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "body"
        raise RefusedError(HTTPStatus.BAD_REQUEST, "invalid", f"{field}: {first['msg']}") from None
    return Move(
        action,
        said.by,
        at,
        reason_code=said.reason,
        means=said.means,
        note=said.note,
        to=said.to,
        until=None if said.until is None else int(said.until.timestamp()),
        opportunity=said.opportunity,
    )
