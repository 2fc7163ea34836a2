"""The values of the deployed stage, read from outputs.json when they are asked for: the file appears after the deploy."""

import json
from pathlib import Path
from threading import Lock
from typing import Any


class NotDeployedError(Exception):
    """outputs.json is missing or lacks a value. Deploy the local stage, then ask again."""


class Outputs:
    """outputs.json, read again whenever it has changed on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._seen: tuple[int, int] | None = None
        self._values: dict[str, Any] = {}

    def get(self, name: str) -> Any:
        """Return the value, or None when there is none yet."""
        with self._lock:
            self._refresh()
            return self._values.get(name)

    def text(self, name: str) -> str:
        """Return the value as text. Raises `NotDeployedError` naming what is missing."""
        value = self.get(name)
        if not value:
            raise NotDeployedError(f"{self._path.name} holds no {name}: the local stage is not deployed yet")
        return str(value)

    def _refresh(self) -> None:
        try:
            state = self._path.stat()
        except FileNotFoundError:
            self._seen, self._values = None, {}
            return
        seen = (state.st_mtime_ns, state.st_size)
        if seen == self._seen:
            return
        try:
            values = json.loads(self._path.read_text(encoding="utf-8"))
        except json.JSONDecodeError:
            return  # caught half-written: the next call reads it again
        self._seen, self._values = seen, values
