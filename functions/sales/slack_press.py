"""What Slack posts when somebody presses a button of a handoff message."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, get_args
from urllib.parse import parse_qs

from functions.sales.api import RefusedError, handoff_number
from shared.rules.handoff import ACTIONS, Action


@dataclass(frozen=True, slots=True)
class Press:
    """Who pressed what on which handoff, and where to answer that one person."""

    action: Action
    lead_id: str
    number: int
    reason_code: str | None
    member: str
    response_url: str


def read_press(body: bytes) -> Press | None:
    """
    Return the press, or None when the interaction is none of our buttons (a link button, another message).

    Args:
        body: The form Slack posts, its signature already checked.

    Raises:
        RefusedError: It is not what Slack sends.
    """
    try:
        payload = json.loads(parse_qs(body.decode(), strict_parsing=True)["payload"][0])
        if payload["type"] != "block_actions":
            return None
        pressed: Mapping[str, Any] = payload["actions"][0]
        name = pressed["action_id"]
        if name not in ACTIONS:
            return None
        value = str(pressed["value"] if "value" in pressed else pressed["selected_option"]["value"])
        lead_id, number, *reason = value.split("#", 2)
        return Press(
            action=next(action for action in get_args(Action) if action == name),
            lead_id=lead_id,
            number=handoff_number(number),
            reason_code=reason[0] if reason else None,
            member=str(payload["user"]["id"]),
            response_url=str(payload.get("response_url") or ""),
        )
    except (KeyError, IndexError, TypeError, ValueError):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "invalid", "payload: not an interaction of Slack") from None
