"""
Pressing a button of a Slack message, and submitting a modal: the signed requests that Slack would post.

They go to the deployed API at /slack/interactions, signed with the stage's own signing secret over the raw body.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from infra.local.companion.block_kit import interactive
from infra.local.companion.front_door import FrontDoor, UpstreamError
from infra.local.companion.mrkdwn import PEOPLE
from infra.local.companion.outputs import NotDeployedError, Outputs
from infra.local.companion.workspace import APP, TEAM, Workspace, channel_id

INTERACTIONS = "/slack/interactions"
SLACK_WAITS_SECONDS = 3
"""Slack shows the person an error when the answer takes longer."""

SELECTING = frozenset({"static_select", "radio_buttons", "overflow"})


class NothingToPressError(Exception):
    """The message, the button or the modal is not there (any more)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the function answered to a press or a submit, and the modal that is open after it."""

    status: int
    body: str
    seconds: float
    view: dict[str, Any] | None

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300 and self.seconds <= SLACK_WAITS_SECONDS

    def as_json(self) -> dict[str, Any]:
        return {"status": self.status, "body": self.body, "seconds": round(self.seconds, 3), "view": self.view}


def signature(secret: str, timestamp: str, body: str) -> str:
    """Return Slack's v0 signature of a request."""
    return "v0=" + hmac.new(secret.encode(), f"v0:{timestamp}:{body}".encode(), hashlib.sha256).hexdigest()


class SlackPress:
    """The hand of a person in the workspace."""

    def __init__(self, *, workspace: Workspace, front_door: FrontDoor, outputs: Outputs) -> None:
        self._workspace = workspace
        self._front_door = front_door
        self._outputs = outputs
        self.base_url = ""

    def people(self) -> dict[str, str]:
        """Return the names of who can press, by id: `slack_users` of outputs.json, or the demo's own."""
        listed = self._outputs.get("slack_users") or []
        return {str(person["id"]): str(person["name"]) for person in listed} or PEOPLE

    def press(
        self, *, channel: str, ts: str, action_id: str, user: str, block_id: str = "", value: str = ""
    ) -> Outcome:
        """
        Press a button, or choose from a menu, of a message.

        Args:
            channel: Id or name.
            ts: Of the message.
            action_id: Of the element.
            user: Id of the person, for instance `U0MARIA`.
            block_id: Needed only when several blocks use the action_id.
            value: The option of a menu; of a button, to tell two with one action_id apart.
        """
        identifier = channel_id(channel)
        message = self._workspace.message(identifier, ts)
        if message is None:
            raise NothingToPressError("There is no such message")
        block, element = _element(message, action_id=action_id, block_id=block_id, value=value)
        trigger = self._workspace.new_trigger()
        hook = self._workspace.new_hook(identifier, ts, presser=user)
        payload = {
            "type": "block_actions",
            **self._sender(user),
            "container": {
                "type": "message",
                "message_ts": ts,
                "channel_id": identifier,
                "is_ephemeral": bool(message.get("is_ephemeral")),
            },
            "trigger_id": trigger,
            "channel": {"id": identifier, "name": self._workspace.channels()[identifier]},
            "message": message,
            "state": {"values": {}},
            "response_url": f"{self.base_url}/slack-api/response/{hook}",
            "actions": [_action(block, element, value)],
        }
        status, body, seconds = self._post(payload)
        return Outcome(status, body, seconds, self._workspace.opened_by(trigger))

    def submit(self, *, view_id: str, user: str, values: Mapping[str, str]) -> Outcome:
        """
        Submit a modal with what was filled in.

        Args:
            view_id: Of the open modal.
            user: Id of the person.
            values: By action_id of the input.
        """
        view = self._workspace.view(view_id)
        if view is None:
            raise NothingToPressError("This modal is closed")
        view["state"] = {"values": _state(view["blocks"], values)}
        payload = {
            "type": "view_submission",
            **self._sender(user),
            "trigger_id": self._workspace.new_trigger(),
            "view": view,
            "response_urls": [],
        }
        status, body, seconds = self._post(payload)
        return Outcome(status, body, seconds, self._after_submit(view, status, body))

    def _after_submit(self, view: dict[str, Any], status: int, body: str) -> dict[str, Any] | None:
        """Do what the answer asks of the modal: stay with errors, change, or close."""
        if not 200 <= status < 300:
            return view
        answer = json.loads(body) if body.strip().startswith("{") else {}
        if answer.get("response_action") == "errors":
            return {**view, "errors": dict(answer.get("errors", {}))}
        if answer.get("response_action") in {"update", "push"}:
            return self._workspace.change_view(view["id"], answer["view"])
        self._workspace.close_view(view["id"])
        return None

    def _sender(self, user: str) -> dict[str, Any]:
        name = self.people().get(user, user).split(" ")[0].lower()
        return {
            "user": {"id": user, "username": name, "name": name, "team_id": TEAM},
            "team": {"id": TEAM, "domain": "ripen-local"},
            "api_app_id": APP,
            "token": "deprecated",
            "enterprise": None,
            "is_enterprise_install": False,
        }

    def _post(self, payload: dict[str, Any]) -> tuple[int, str, float]:
        """Sign and send a payload. Returns status, body and seconds; a problem on the way looks as it would to Slack."""
        started = time.monotonic()
        body = urlencode({"payload": json.dumps(payload, separators=(",", ":"))})
        timestamp = str(int(time.time()))
        try:
            headers = {
                "Content-Type": "application/x-www-form-urlencoded",
                "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
                "X-Slack-Request-Timestamp": timestamp,
                "X-Slack-Signature": signature(self._outputs.text("slack_signing_secret"), timestamp, body),
            }
            answer = self._front_door.send(
                method="POST", target=INTERACTIONS, headers=headers.items(), body=body.encode()
            )
        except NotDeployedError as error:
            return 503, str(error), time.monotonic() - started
        except UpstreamError as error:
            return error.status, str(error), time.monotonic() - started
        return answer.status, answer.body.decode(errors="replace"), time.monotonic() - started


def _element(
    message: Mapping[str, Any], *, action_id: str, block_id: str, value: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    attached = [block for attachment in message.get("attachments", []) for block in attachment.get("blocks", [])]
    found = [
        (block, element)
        for block in [*message.get("blocks", []), *attached]
        for element in interactive(block)
        if element.get("action_id") == action_id and block_id in ("", block.get("block_id"))
    ]
    if not found:
        raise NothingToPressError(f"The message has no element {action_id}")
    return next(((block, element) for block, element in found if value and element.get("value") == value), found[0])


def _action(block: Mapping[str, Any], element: Mapping[str, Any], value: str) -> dict[str, Any]:
    action = {
        "type": element["type"],
        "action_id": element["action_id"],
        "block_id": block.get("block_id", ""),
        "action_ts": f"{time.time():.6f}",
    }
    if element["type"] in SELECTING:
        return {**action, "selected_option": _option(element, value)}
    return {**action, **{name: element[name] for name in ("text", "value", "style") if name in element}}


def _option(element: Mapping[str, Any], value: str) -> dict[str, Any]:
    grouped = [option for group in element.get("option_groups", []) for option in group.get("options", [])]
    for option in [*element.get("options", []), *grouped]:
        if option.get("value") == value:
            return dict(option)
    raise NothingToPressError(f"The menu has no option {value}" if value else "Choose from the menu first")


def _state(blocks: list[dict[str, Any]], values: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return `state.values` of a submission: block_id, then action_id, then what was filled in."""
    state: dict[str, dict[str, Any]] = {}
    for block in blocks:
        for element in interactive(block):
            if block["type"] != "input":
                continue
            name, given = element["action_id"], values.get(element["action_id"], "")
            filled: dict[str, Any] = {"type": element["type"]}
            if element["type"] in SELECTING:
                filled["selected_option"] = _option(element, given) if given else None
            else:
                filled["value"] = given or None
            state.setdefault(block["block_id"], {})[name] = filled
    return state
