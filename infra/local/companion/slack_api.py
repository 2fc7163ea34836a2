"""
The part of Slack's Web API that the application calls, answered by the workspace of the stand-in.

`slack_sdk.WebClient(base_url="http://host:port/slack-api/")` and the bare HTTP calls of a function both work. Tests may
order failures: before the effect, or after it (`"accept": true`), when the answer is lost and the message is not.
"""

import json
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

from werkzeug.exceptions import BadRequest, NotFound
from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from infra.local.companion.block_kit import MAX_MODAL_BLOCKS, faults
from infra.local.companion.page import json_answer
from infra.local.companion.workspace import APP, BOT, BOT_USER, TEAM, Workspace, channel_id

WEBHOOK_CHANNEL = "#incoming-webhook"
"""An incoming webhook posts to the channel it was made for; this one was made for this."""

LONGEST_WAIT_SECONDS = 60
MAX_TEXT = 40_000

Arguments = dict[str, Any]
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Failure:
    """One ordered failure."""

    status: int | str
    method: str
    error: str
    seconds: float
    accept: bool


class SlackApi:
    """The methods of the Web API, incoming webhooks, response URLs and ordered failures."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._lock = Lock()
        self._failures: deque[Failure] = deque()
        self._calls: Counter[str] = Counter()
        self._methods: dict[str, Callable[[Arguments], Answer]] = {
            "auth.test": self._auth_test,
            "chat.postMessage": self._post_message,
            "chat.update": self._update,
            "conversations.history": self._history,
            "conversations.list": self._list,
            "conversations.open": self._open_direct,
            "conversations.replies": self._replies,
            "views.open": self._open_view,
        }

    def rules(self) -> list[Rule]:
        return [
            Rule("/slack-api/_fail", methods=["POST"], endpoint=self.order_failures),
            Rule("/slack-api/_fail", methods=["DELETE"], endpoint=self.forget_failures),
            Rule("/slack-api/response/<hook>", methods=["POST"], endpoint=self.respond),
            Rule("/slack-api/services/<path:name>", methods=["POST"], endpoint=self.webhook),
            Rule("/slack-api/<method>", methods=["GET", "POST"], endpoint=self.call),
        ]

    @property
    def calls(self) -> dict[str, int]:
        """How often each method was called, refused calls included."""
        with self._lock:
            return dict(self._calls)

    def call(self, request: Request, method: str) -> Response:
        """Answer one call of the Web API."""
        arguments = _arguments(request)
        return self._failing(method, lambda: self._answer(request, method, arguments))

    def _answer(self, request: Request, method: str, arguments: Arguments) -> Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ") or arguments.pop("token", "")
        if not str(token).startswith("xox"):
            return json_answer(_refusal("invalid_auth"))
        if method not in self._methods:
            return json_answer(_refusal("unknown_method"))
        return json_answer(self._methods[method](arguments))

    def _failing(self, method: str, answer: Callable[[], Response]) -> Response:
        """Give the answer, or the failure ordered for this call."""
        with self._lock:
            self._calls[method] += 1
            failure = next((order for order in self._failures if order.method in {"", method}), None)
            if failure is not None:
                self._failures.remove(failure)
        if failure is None:
            return answer()
        if failure.accept:
            answer()
        if failure.status == "timeout":
            time.sleep(failure.seconds)
            return Response(status=504)
        if failure.status == 429:
            return json_answer(_refusal("ratelimited"), status=429, headers={"Retry-After": str(int(failure.seconds))})
        return json_answer(_refusal(failure.error), status=int(failure.status))

    def order_failures(self, request: Request) -> Response:
        """
        Order failures: `{"times": 1, "status": 429 | 500 | "timeout", "method": "", "error": "", "seconds": 1}`.

        `method` limits them to one method; `"accept": true` lets the call take effect before the answer is lost;
        status 200 with an `error` is a refusal in Slack's own shape.
        """
        order = request.get_json()
        if not isinstance(order, dict) or not isinstance(order.get("status"), int | str):
            raise BadRequest('Give a status: {"times": 1, "status": 429}')
        if isinstance(order["status"], str) and order["status"] != "timeout":
            raise BadRequest('A status is a number or "timeout"')
        waits = 30.0 if order["status"] == "timeout" else 1.0
        failure = Failure(
            status=order["status"],
            method=str(order.get("method", "")),
            error=str(order.get("error", "internal_error")),
            seconds=min(float(order.get("seconds", waits)), LONGEST_WAIT_SECONDS),
            accept=bool(order.get("accept", False)),
        )
        with self._lock:
            self._failures.extend([failure] * int(order.get("times", 1)))
            return json_answer({"ok": True, "ordered": len(self._failures)})

    def forget_failures(self, _request: Request) -> Response:
        with self._lock:
            self._failures.clear()
        return Response(status=204)

    def webhook(self, request: Request, name: str) -> Response:  # noqa: ARG002 - any address is accepted
        """Answer an incoming webhook: bare text, `ok` or the name of the fault."""
        arguments = _arguments(request)

        def post() -> Response:
            fault = _message_fault(arguments)
            if fault is not None:
                return Response(str(fault["error"]), status=400)
            self._workspace.post(WEBHOOK_CHANNEL, arguments)
            return Response("ok")

        return self._failing("webhook", post)

    def respond(self, request: Request, hook: str) -> Response:
        """Take what a function posts to a response_url: replace or delete the message, or answer whoever pressed."""
        known = self._workspace.hook(hook)
        if known is None:
            raise NotFound("used_url")
        channel, ts, presser = known
        arguments = _arguments(request)
        if arguments.get("delete_original"):
            self._workspace.delete(channel, ts)
        elif arguments.get("replace_original"):
            self._workspace.update(channel, ts, arguments)
        else:
            for_all = arguments.get("response_type") == "in_channel"
            self._workspace.post(
                channel, arguments, extra={} if for_all else {"is_ephemeral": True, "seen_by": presser}
            )
        return Response("ok")

    def _auth_test(self, _arguments: Arguments) -> Answer:
        return {"ok": True, "team": "Ripen", "team_id": TEAM, "user": "ripen", "user_id": BOT_USER, "bot_id": BOT}

    def _post_message(self, arguments: Arguments) -> Answer:
        if not arguments.get("channel"):
            return _refusal("channel_not_found")
        fault = _message_fault(arguments)
        if fault is not None:
            return fault
        message = self._workspace.post(str(arguments["channel"]), arguments)
        return {"ok": True, "channel": channel_id(str(arguments["channel"])), "ts": message["ts"], "message": message}

    def _update(self, arguments: Arguments) -> Answer:
        channel, ts = str(arguments.get("channel", "")), str(arguments.get("ts", ""))
        if channel not in self._workspace.channels():
            return _refusal("channel_not_found")
        fault = _message_fault(arguments)
        if fault is not None:
            return fault
        message = self._workspace.update(channel, ts, arguments)
        if message is None:
            return _refusal("message_not_found")
        return {"ok": True, "channel": channel, "ts": ts, "text": message["text"], "message": message}

    def _history(self, arguments: Arguments) -> Answer:
        channel = str(arguments.get("channel", ""))
        if channel not in self._workspace.channels():
            return _refusal("channel_not_found")
        messages = [
            message
            for message in reversed(self._workspace.messages(channel))
            if not message.get("is_ephemeral") and message.get("thread_ts") in (None, message["ts"])
        ]
        return _found(messages, arguments)

    def _replies(self, arguments: Arguments) -> Answer:
        channel, ts = str(arguments.get("channel", "")), str(arguments.get("ts", ""))
        if self._workspace.message(channel, ts) is None:
            return _refusal("thread_not_found")
        messages = self._workspace.messages(channel)
        return _found([message for message in messages if ts in (message["ts"], message.get("thread_ts"))], arguments)

    def _list(self, _arguments: Arguments) -> Answer:
        channels = [
            {"id": identifier, "name": name, "is_channel": True, "is_archived": False, "is_member": True}
            for identifier, name in self._workspace.channels().items()
        ]
        return {"ok": True, "channels": channels, "response_metadata": {"next_cursor": ""}}

    def _open_direct(self, arguments: Arguments) -> Answer:
        members = str(arguments.get("users") or "")
        if not members or "," in members:
            return _refusal("users_list_not_supplied")
        return {"ok": True, "channel": {"id": self._workspace.open_direct(members)}}

    def _open_view(self, arguments: Arguments) -> Answer:
        view = arguments.get("view")
        if not isinstance(view, dict):
            return _refusal("invalid_arguments")
        found = faults(view.get("blocks"), limit=MAX_MODAL_BLOCKS)
        if found or view.get("type") != "modal" or not view.get("title"):
            return _refusal("invalid_arguments", found)
        opened = self._workspace.open_view(str(arguments.get("trigger_id", "")), {**view, "app_id": APP})
        return _refusal(opened) if isinstance(opened, str) else {"ok": True, "view": opened}


def _arguments(request: Request) -> Arguments:
    """Read the arguments as Slack does: JSON, or a form or query whose structured values are JSON text."""
    if request.is_json and request.get_data():  # slack_sdk names JSON even when it sends a query and no body
        body = request.get_json()
        return dict(body) if isinstance(body, dict) else {}
    arguments: Arguments = {**request.args.to_dict(), **request.form.to_dict()}
    if "payload" in arguments:
        arguments = json.loads(arguments["payload"])
    for name in ("blocks", "attachments", "view", "metadata"):
        if isinstance(arguments.get(name), str):
            arguments[name] = json.loads(arguments[name])
    return arguments


def _message_fault(arguments: Arguments) -> Answer | None:
    if not arguments.get("text") and not arguments.get("blocks") and not arguments.get("attachments"):
        return _refusal("no_text")
    if len(str(arguments.get("text") or "")) > MAX_TEXT:
        return _refusal("msg_too_long")
    found = faults(arguments.get("blocks") or [])
    return _refusal("invalid_blocks", found) if found else None


def _found(messages: list[dict[str, Any]], arguments: Arguments) -> Answer:
    """Select by `oldest`, `latest` and `limit`; metadata only on request, as Slack does."""
    oldest, latest = float(arguments.get("oldest") or 0), float(arguments.get("latest") or "inf")
    ends_count = str(arguments.get("inclusive", "")).lower() in {"true", "1"}
    chosen = [
        message
        for message in messages
        if oldest < float(message["ts"]) < latest or (ends_count and float(message["ts"]) in (oldest, latest))
    ]
    limit = int(arguments.get("limit") or 100)
    chosen, more = _one_page(chosen, limit=limit, cursor=str(arguments.get("cursor") or ""))
    if str(arguments.get("include_all_metadata", "")).lower() not in {"true", "1"}:
        chosen = [{name: value for name, value in message.items() if name != "metadata"} for message in chosen]
    metadata = {"next_cursor": more}
    return {"ok": True, "messages": chosen, "has_more": bool(more), "pin_count": 0, "response_metadata": metadata}


def _one_page(messages: list[dict[str, Any]], *, limit: int, cursor: str) -> tuple[list[dict[str, Any]], str]:
    """Return the page that begins after the message of the cursor, and the cursor of the next one, if there is one."""
    stamps = [message["ts"] for message in messages]
    start = stamps.index(cursor) + 1 if cursor in stamps else 0
    page = messages[start : start + limit]
    return page, page[-1]["ts"] if page and start + limit < len(messages) else ""


def _refusal(error: str, faults_found: list[str] | None = None) -> Answer:
    answer: Answer = {"ok": False, "error": error}
    if faults_found:
        answer["errors"] = faults_found
        answer["response_metadata"] = {"messages": [f"[ERROR] {fault}" for fault in faults_found]}
    return answer
