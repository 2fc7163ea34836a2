"""Whether mail goes out at all: to look at, to stop at once, and to let go on."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from functions.sales.api import RefusedError, check_key, raw_body
from shared.aws import mail_control, playbooks
from shared.instants import instant_text
from shared.rules.send_rate import WATCHED
from shared.telemetry import logger

PREFIX = "/v1/mail"

By = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]
"""An id: it is kept and logged, so it is no mail address."""


class PauseRequest(BaseModel):
    """Body of POST /v1/mail/pause."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
    by: By


class ResumeRequest(BaseModel):
    """Body of POST /v1/mail/resume."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: By


Request = TypeVar("Request", PauseRequest, ResumeRequest)


def answer(event: Mapping[str, Any], at: int) -> dict[str, Any]:
    """
    Return the body of the answer to a request under `PREFIX`.

    Raises:
        RefusedError: The key or a field is wrong; the message says what to send instead.
    """
    check_key(event["headers"], kinds=("admin",))
    match event["requestContext"]["http"]["method"], event["rawPath"].strip("/").split("/"):
        case "GET", ["v1", "mail"]:
            pass
        case "POST", ["v1", "mail", "pause"]:
            asked = _read(PauseRequest, raw_body(event))
            changed = mail_control.pause(at, by=asked.by, reason=asked.reason)
            logger.info("mailing paused by hand", by=asked.by, changed=changed)
        case "POST", ["v1", "mail", "resume"]:
            who = _read(ResumeRequest, raw_body(event)).by
            changed = mail_control.resume(at, by=who)
            logger.info("mailing resumed", by=who, changed=changed)
        case _:
            raise RefusedError(HTTPStatus.NOT_FOUND, "not_found", "there is no such route")
    return _state(at)


def _state(at: int) -> dict[str, Any]:
    control = mail_control.control()
    counted = mail_control.counted(max(at - WATCHED, control.counted_from), at)
    limits = playbooks.current()["mail"].get("stop_when")
    return {
        "paused": control.paused,
        "since": None if control.at is None else instant_text(control.at),
        "by": control.by or None,
        "reason": control.reason or None,
        "last_days": {"sent": counted.sent, "bounced": counted.bounced, "complained": counted.complained},
        "stop_when": limits,
        "as_of": instant_text(at),
    }


def _read(model: type[Request], body: bytes) -> Request:
    try:
        return model.model_validate_json(body or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "body"
        raise RefusedError(HTTPStatus.BAD_REQUEST, "invalid", f"{field}: {first['msg']}") from None
