"""The Slack pages: each channel as a rep sees it, with buttons that work, and the same for tests as JSON."""

from collections import deque
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus, urlencode

from werkzeug.exceptions import BadRequest, NotFound
from werkzeug.routing import Rule
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from infra.local.companion.page import json_answer, page
from infra.local.companion.slack_api import SlackApi
from infra.local.companion.slack_press import NothingToPressError, Outcome, SlackPress
from infra.local.companion.workspace import Workspace, channel_id

NEWEST_SHOWN = 100
NOTICES_KEPT = 20
SETTLING_SECONDS = 4

MENU = "menu"
"""Prefix of the fields that carry the choice of a menu."""


class Slack:
    """Pages and JSON over the workspace."""

    def __init__(self, *, workspace: Workspace, api: SlackApi, press: SlackPress) -> None:
        self._workspace = workspace
        self._api = api
        self._press = press
        self._notices: deque[tuple[str, dict[str, Any]]] = deque(maxlen=NOTICES_KEPT)

    def rules(self) -> list[Rule]:
        return [
            Rule("/slack", methods=["GET"], endpoint=self.channel_page),
            Rule("/slack.json", methods=["GET"], endpoint=self.messages_json),
            Rule("/slack.json", methods=["DELETE"], endpoint=self.clear),
            Rule("/slack/press", methods=["POST"], endpoint=self.press),
            Rule("/slack/view/<view_id>", methods=["GET"], endpoint=self.view_page),
            Rule("/slack/submit", methods=["POST"], endpoint=self.submit),
        ]

    def channel_page(self, request: Request) -> Response:
        """Newest message first; `?channel=` chooses, `?user=` is who presses."""
        channels = self._workspace.channels()
        chosen = request.args.get("channel") or next(iter(channels), "")
        chosen = chosen if chosen in channels else channel_id(chosen)
        threads = self._threads(chosen)
        notices = dict(self._notices)
        return page(
            "slack",
            title=_shown(channels[chosen]) if chosen in channels else "Slack",
            section="slack",
            channels=[
                {
                    "id": identifier,
                    "name": name,
                    "shown": _shown(name),
                    "count": len(self._workspace.messages(identifier)),
                    "chosen": identifier == chosen,
                }
                for identifier, name in channels.items()
            ],
            channel=chosen,
            messages=threads[:NEWEST_SHOWN],
            hidden=max(len(threads) - NEWEST_SHOWN, 0),
            notice=notices.get(request.args.get("notice", "")),
            **self._who(request.args.get("user", "")),
        )

    def messages_json(self, request: Request) -> Response:
        """All messages, oldest first, with the names of their channels; the open modals; how often each method was called."""
        channels = self._workspace.channels()
        wanted = request.args.get("channel")
        return json_answer(
            {
                "messages": [
                    {**message, "channel": identifier, "channel_name": name}
                    for identifier, name in channels.items()
                    if wanted is None or channel_id(wanted) == identifier
                    for message in self._workspace.messages(identifier)
                ],
                "views": self._workspace.views(),
                "calls": self._api.calls,
            }
        )

    def clear(self, _request: Request) -> Response:
        self._workspace.clear()
        return Response(status=204)

    def press(self, request: Request) -> Response:
        """Press a button: from the page (a form) or from a test (JSON)."""
        try:
            if request.is_json:
                asked = _texts(request, required=("channel", "ts", "action_id"))
                outcome = self._press.press(
                    channel=asked["channel"],
                    ts=asked["ts"],
                    action_id=asked["action_id"],
                    user=asked.get("user") or next(iter(self._press.people())),
                    block_id=asked.get("block_id", ""),
                    value=asked.get("value", ""),
                )
                return json_answer(outcome.as_json())
            user, channel, before = _presser(request), request.form["channel"], self._workspace.changes
            ts, block_id, action_id, value = [*request.form.get("press", "").split("|", 3), "", "", ""][:4]
            outcome = self._press.press(
                channel=channel,
                ts=ts,
                action_id=unquote_plus(action_id),
                user=user,
                block_id=unquote_plus(block_id),
                value=request.form.get(f"{MENU}|{ts}|{block_id}|{action_id}", value),
            )
        except NothingToPressError as error:
            raise NotFound(str(error)) from error
        notice = self._notice(user, "pressed a button", outcome)
        self._settle(outcome, before)
        if outcome.view:
            return redirect(f"/slack/view/{outcome.view['id']}?{urlencode({'user': user, 'channel': channel})}", 303)
        return _back(channel=channel, user=user, notice=notice)

    def view_page(self, request: Request, view_id: str) -> Response:
        view = self._workspace.view(view_id)
        if view is None:
            raise NotFound("This modal is closed")
        return self._view(view, channel=request.args.get("channel", ""), user=request.args.get("user", ""))

    def submit(self, request: Request) -> Response:
        """Submit a modal: from the page (a form) or from a test (JSON with `view_id`, `user` and `values`)."""
        try:
            if request.is_json:
                asked = request.get_json()
                outcome = self._press.submit(
                    view_id=str(asked["view_id"]),
                    user=str(asked.get("user") or next(iter(self._press.people()))),
                    values=dict(asked.get("values", {})),
                )
                return json_answer(outcome.as_json())
            user, channel, before = _presser(request), request.form.get("channel", ""), self._workspace.changes
            outcome = self._press.submit(view_id=request.form["view_id"], user=user, values=request.form.to_dict())
        except NothingToPressError as error:
            raise NotFound(str(error)) from error
        notice = self._notice(user, "submitted the form", outcome)
        self._settle(outcome, before)
        if outcome.view:
            return self._view(outcome.view, channel=channel, user=user, given=request.form.to_dict(), notice=notice)
        return _back(channel=channel, user=user, notice=notice)

    def _view(
        self, view: dict[str, Any], *, channel: str, user: str, given: dict[str, str] | None = None, notice: str = ""
    ) -> Response:
        shown = dict(self._notices).get(notice)
        return page(
            "view",
            title=str(view["title"].get("text", "Form")),
            section="slack",
            view=view,
            channel=channel,
            given=given or {},
            notice=None if view.get("errors") else shown,
            **self._who(user),
        )

    def _notice(self, user: str, did: str, outcome: Outcome) -> str:
        """Keep what came of a press for the page after it. Returns its key."""
        key = str(int(self._notices[-1][0]) + 1 if self._notices else 1)
        shown = {
            "who": self._press.people().get(user, user),
            "did": did,
            "status": outcome.status,
            "body": outcome.body,
            "milliseconds": round(outcome.seconds * 1000),
            "accepted": outcome.accepted,
        }
        self._notices.append((key, shown))
        return key

    def _who(self, user: str) -> dict[str, Any]:
        people = self._press.people()
        return {
            "people": [{"id": known, "name": name, "chosen": known == user} for known, name in people.items()],
            "someone_else": user if user and user not in people else "",
            "user": user,
        }

    def _settle(self, outcome: Outcome, before: int) -> None:
        """Give the application a moment to bring the message up to date, so that the page shows what came of it."""
        if outcome.accepted and not outcome.view:
            self._workspace.wait_for_change(after=before, seconds=SETTLING_SECONDS)

    def _threads(self, channel: str) -> list[dict[str, Any]]:
        """Return a channel's messages, newest first, each with the replies to it, oldest first."""
        shown = {message["ts"]: self._shown(message) for message in self._workspace.messages(channel)}
        for message in shown.values():
            parent = shown.get(message.get("thread_ts", ""))
            if parent is not None and parent is not message:
                parent["replies"].append(message)
        return [message for message in reversed(shown.values()) if message.get("thread_ts", "") not in shown]

    def _shown(self, message: dict[str, Any]) -> dict[str, Any]:
        moment = datetime.fromtimestamp(float(message["ts"]), UTC)
        presser = str(message.get("seen_by", ""))
        return {
            **message,
            "blocks": message.get("blocks", []),
            "replies": [],
            "seen_by": self._press.people().get(presser, presser),
            "anchor": f"m-{message['ts']}",
            "instant": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "time": moment.strftime("%Y-%m-%d %H:%M"),
        }


def _shown(name: str) -> str:
    """Return the name of a channel, or of the person that a conversation is with, as people write it."""
    return name if name.startswith("@") else f"# {name}"


def _texts(request: Request, *, required: tuple[str, ...]) -> dict[str, str]:
    body = request.get_json()
    missing = [name for name in required if not isinstance(body, dict) or not body.get(name)]
    if missing:
        raise BadRequest(f"Missing: {', '.join(missing)}")
    return {str(name): str(value) for name, value in body.items()}


def _back(**query: str) -> Response:
    return redirect(f"/slack?{urlencode(query)}", 303)


def _presser(request: Request) -> str:
    """Return who presses: the free text, if any, before the choice."""
    return request.form.get("someone_else", "").strip() or request.form.get("user", "")
