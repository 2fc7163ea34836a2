"""What Slack posts when somebody presses a button of a handoff message, or sends one of its dialogs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, get_args
from urllib.parse import parse_qs

from functions.sales.api import MAX_NOTE, RefusedError, handoff_number, is_opportunity
from shared.handoff import Means
from shared.messages.slack_dialog import DIALOGS, Dialog
from shared.messages.slack_message import MORE
from shared.rules.handoff import MEANS, Action


@dataclass(frozen=True, slots=True)
class Press:
    """Who pressed what on which handoff, where to answer that one person, and what opens a dialog for them."""

    action: Action
    lead_id: str
    number: int
    reason_code: str | None
    means: Means
    dialog: Dialog | None
    """The dialog to open, because the press alone does not say enough."""
    member: str
    response_url: str
    trigger: str


@dataclass(frozen=True, slots=True)
class Filled:
    """A dialog that somebody sent: what they chose and wrote."""

    action: Dialog
    lead_id: str
    number: int
    member: str
    reason_code: str | None = None
    to: str | None = None
    until: int | None = None
    opportunity: str | None = None
    note: str | None = None


def read_press(body: bytes) -> Press | Filled | None:
    """
    Return the press or the dialog, or None when the interaction is none of ours (a link button, another message).

    Args:
        body: The form Slack posts, its signature already checked.

    Raises:
        RefusedError: It is not what Slack sends.
    """
    try:
        payload = json.loads(parse_qs(body.decode(), strict_parsing=True)["payload"][0])
        if payload["type"] == "block_actions":
            return _pressed(payload)
        if payload["type"] == "view_submission" and payload.get("view", {}).get("callback_id") in DIALOGS:
            return _filled(payload)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "invalid", "payload: not an interaction of Slack") from None
    return None


def _pressed(payload: Mapping[str, Any]) -> Press | None:
    pressed: Mapping[str, Any] = payload["actions"][0]
    name = pressed["action_id"]
    if name != MORE and name not in get_args(Action):
        return None
    value = str(pressed["selected_option"]["value"] if "selected_option" in pressed else pressed["value"])
    lead_id, number, *said = value.split("#", 2)
    choice = said[0] if said else ""
    means = next((each for each in MEANS if name == MORE and each == choice), None)
    offered: tuple[Action, ...] = DIALOGS if name == MORE else get_args(Action)
    wanted = choice if name == MORE else name
    action = "contact" if means is not None else next((each for each in offered if each == wanted), None)
    if action is None:
        return None
    reason = choice or None if action == "reject" and name != MORE else None
    dialog = None if reason is not None else next((each for each in DIALOGS if each == action), None)
    return Press(
        action=action,
        lead_id=lead_id,
        number=handoff_number(number),
        reason_code=reason,
        means=means or "call",
        dialog=dialog,
        member=str(payload["user"]["id"]),
        response_url=str(payload.get("response_url") or ""),
        trigger=str(payload.get("trigger_id") or ""),
    )


def _filled(payload: Mapping[str, Any]) -> Filled:
    view = payload["view"]
    lead_id, number = str(view["private_metadata"]).split("#")
    said: dict[str, str] = {}
    for block in view["state"]["values"].values():
        for name, field in block.items():
            chosen = field.get("selected_option")
            value = chosen["value"] if chosen else field.get("value")
            if value:
                said[name] = str(value)
    until = said.get("until", "")
    opportunity = said.get("opportunity", "").strip()
    return Filled(
        action=next(each for each in DIALOGS if each == view["callback_id"]),
        lead_id=lead_id,
        number=handoff_number(number),
        member=str(payload["user"]["id"]),
        reason_code=said.get("reason"),
        to=said.get("to"),
        until=int(until) if until else None,
        opportunity=opportunity if is_opportunity(opportunity) else None,
        note=said.get("note", "")[:MAX_NOTE] or None,
    )
