"""
The Slack workspace of the stand-in: channels with their messages, and the modals that are open.

Messages have the shape in which Slack returns them. They are appended to a journal, so that a restart of the companion
keeps what was said; the last line about a message wins.
"""

import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from threading import Condition, RLock
from typing import Any

from infra.local.companion import mrkdwn
from infra.local.companion.block_kit import with_ids

TEAM = "T0RIPEN"
APP = "A0RIPEN"
BOT = "B0RIPEN"
BOT_USER = "U0RIPENBOT"
DIRECT = "D0"
"""Prefix of the ids of conversations with one member."""

TRIGGER_SECONDS = 3
"""How long Slack accepts a trigger_id after the press."""


def channel_id(channel: str) -> str:
    """Return the id of a channel named `#name` or `name`; an id is returned as it is."""
    if channel.startswith(("C0", DIRECT)) and channel.isupper():
        return channel
    return "C0" + hashlib.sha256(channel.lstrip("#").encode()).hexdigest()[:9].upper()


class Workspace:
    """What the stand-in remembers. Safe to use from several threads."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._lock = RLock()
        self._changed = Condition(self._lock)
        self._names: dict[str, str] = {}
        self._messages: dict[tuple[str, str], dict[str, Any]] = {}
        self._views: dict[str, dict[str, Any]] = {}
        self._triggers: dict[str, float] = {}
        self._opened: dict[str, str] = {}
        self._hooks: dict[str, tuple[str, str, str]] = {}
        self._changes = 0
        self._last_ts = 0
        journal.parent.mkdir(parents=True, exist_ok=True)
        if journal.exists():
            self._recall()

    def _recall(self) -> None:
        """Read the journal and write it anew without what was overtaken or cut off by a crash."""
        *lines, _cut_off = self._journal.read_text(encoding="utf-8").split("\n")
        for line in lines:
            self._remember(**json.loads(line))
        with self._journal.open("w", encoding="utf-8") as file:
            for (channel, ts), message in self._messages.items():
                file.write(self._entry(channel, ts, message))

    def _remember(self, *, channel: str, name: str, message: dict[str, Any] | None, ts: str) -> None:
        self._names[channel] = name
        self._last_ts = max(self._last_ts, _ticks(ts))
        if message is None:
            self._messages.pop((channel, ts), None)
        else:
            self._messages[channel, ts] = message

    def _write(self, channel: str, ts: str, message: dict[str, Any] | None) -> None:
        self._remember(channel=channel, name=self._names[channel], message=message, ts=ts)
        with self._journal.open("a", encoding="utf-8") as file:
            file.write(self._entry(channel, ts, message))
        self._changes += 1
        self._changed.notify_all()

    @property
    def changes(self) -> int:
        """How many messages were posted, changed or deleted."""
        with self._lock:
            return self._changes

    def wait_for_change(self, *, after: int, seconds: float) -> None:
        """Return when a message was posted or changed since `changes` was read, or the time is up."""
        with self._lock:
            self._changed.wait_for(lambda: self._changes > after, timeout=seconds)

    def _entry(self, channel: str, ts: str, message: dict[str, Any] | None) -> str:
        return json.dumps({"channel": channel, "name": self._names[channel], "message": message, "ts": ts}) + "\n"

    def post(
        self, channel: str, content: Mapping[str, Any], *, extra: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Add a message; the channel is created when it is new. Returns the message with its `ts`."""
        with self._lock:
            identifier = channel_id(channel)
            self._names.setdefault(identifier, channel.lstrip("#"))
            ts = self._next_ts()
            message = {
                "type": "message",
                "user": BOT_USER,
                "bot_id": BOT,
                "app_id": APP,
                "team": TEAM,
                "ts": ts,
                **_content(content),
                **(extra or {}),
            }
            self._write(identifier, ts, message)
            return deepcopy(message)

    def open_direct(self, member: str) -> str:
        """Return the conversation with the member; it is made when it is new."""
        with self._lock:
            identifier = DIRECT + hashlib.sha256(member.encode()).hexdigest()[:9].upper()
            self._names.setdefault(identifier, f"@{mrkdwn.PEOPLE.get(member, member)}")
            return identifier

    def update(self, channel: str, ts: str, content: Mapping[str, Any]) -> dict[str, Any] | None:
        """Replace what a message says. Returns None when there is no such message."""
        with self._lock:
            known = self._messages.get((channel, ts))
            if known is None:
                return None
            kept = {name: value for name, value in known.items() if name not in {"text", "blocks", "attachments"}}
            edited = {"user": BOT_USER, "ts": self._next_ts()}
            message = {**kept, **_content(content), "edited": edited}
            self._write(channel, ts, message)
            return deepcopy(message)

    def delete(self, channel: str, ts: str) -> None:
        with self._lock:
            if (channel, ts) in self._messages:
                self._write(channel, ts, None)

    def clear(self) -> None:
        """Forget every message and modal; channels and the clock of `ts` stay."""
        with self._lock:
            self._messages.clear()
            self._views.clear()
            self._journal.unlink(missing_ok=True)

    def channels(self) -> dict[str, str]:
        """Return the name of each channel by its id."""
        with self._lock:
            return dict(self._names)

    def messages(self, channel: str) -> list[dict[str, Any]]:
        """Return a channel's messages, oldest first."""
        with self._lock:
            found = [deepcopy(message) for (where, _), message in self._messages.items() if where == channel]
        return sorted(found, key=lambda message: _ticks(message["ts"]))

    def message(self, channel: str, ts: str) -> dict[str, Any] | None:
        with self._lock:
            return deepcopy(self._messages.get((channel, ts)))

    def _next_ts(self) -> str:
        self._last_ts = max(self._last_ts + 1, time.time_ns() // 1000)
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def new_trigger(self) -> str:
        """Return the trigger_id of a press: it opens one modal, within three seconds."""
        trigger = f"{secrets.randbelow(10**12)}.{secrets.randbelow(10**11)}.{secrets.token_hex(16)}"
        with self._lock:
            self._triggers[trigger] = time.monotonic()
        return trigger

    def new_hook(self, channel: str, ts: str, *, presser: str) -> str:
        """Return the last part of a response_url for that message and whoever presses."""
        with self._lock:
            hook = secrets.token_urlsafe(18)
            self._hooks[hook] = (channel, ts, presser)
            return hook

    def hook(self, hook: str) -> tuple[str, str, str] | None:
        """Return channel, message and presser of a response_url."""
        with self._lock:
            return self._hooks.get(hook)

    def open_view(self, trigger: str, view: Mapping[str, Any]) -> dict[str, Any] | str:
        """Open a modal. Returns it as Slack does, or the name of the error."""
        with self._lock:
            pressed = self._triggers.pop(trigger, None)
            if pressed is None:
                return "exchanged_trigger_id" if trigger in self._opened else "invalid_trigger_id"
            if time.monotonic() - pressed > TRIGGER_SECONDS:
                return "expired_trigger_id"
            identifier = "V0" + secrets.token_hex(5).upper()
            self._views[identifier] = _view(identifier, view)
            self._opened[trigger] = identifier
            return deepcopy(self._views[identifier])

    def opened_by(self, trigger: str) -> dict[str, Any] | None:
        """Return the modal that a press opened, if it did and it is still open."""
        with self._lock:
            return deepcopy(self._views.get(self._opened.get(trigger, "")))

    def view(self, identifier: str) -> dict[str, Any] | None:
        with self._lock:
            return deepcopy(self._views.get(identifier))

    def views(self) -> list[dict[str, Any]]:
        with self._lock:
            return deepcopy(list(self._views.values()))

    def change_view(self, identifier: str, view: Mapping[str, Any]) -> dict[str, Any]:
        with self._lock:
            self._views[identifier] = _view(identifier, view)
            return deepcopy(self._views[identifier])

    def close_view(self, identifier: str) -> None:
        with self._lock:
            self._views.pop(identifier, None)


def _content(content: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what belongs to a message of an application's call."""
    named = ("attachments", "metadata", "thread_ts")
    kept: dict[str, Any] = {"text": str(content.get("text") or "")}
    if content.get("blocks"):
        kept["blocks"] = with_ids(content["blocks"])
    return {**kept, **{name: content[name] for name in named if content.get(name)}}


def _view(identifier: str, view: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": identifier,
        "team_id": TEAM,
        "app_id": APP,
        "bot_id": BOT,
        "root_view_id": identifier,
        "previous_view_id": None,
        "hash": f"{int(time.time())}.{secrets.token_hex(4)}",
        "private_metadata": "",
        "callback_id": "",
        "external_id": "",
        "close": None,
        "submit": None,
        "clear_on_close": False,
        "notify_on_close": False,
        **view,
        "blocks": with_ids(view.get("blocks", [])),
        "state": {"values": {}},
    }


def _ticks(ts: str) -> int:
    seconds, _, fraction = ts.partition(".")
    return int(seconds) * 1_000_000 + int(fraction or 0)
