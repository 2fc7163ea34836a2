"""
MiniStack with the line that AWS keeps before a function invoked by an event.

MiniStack starts every invocation by EventBridge at once, each in a process of its own, and only once: fifty changes at
a time are fifty cold processes that starve each other until they time out, and what failed is lost. On AWS they wait
in line, are tried three times, and then go to the failure destination; so they do here. How many wait or run stands
in a file, for who must know when everything is done. `emulator.py` runs this module in place of `ministack`.
"""

import json
import os
from collections import defaultdict
from contextvars import ContextVar
from threading import BoundedSemaphore, Lock
from typing import Any

from ministack.app import main  # type: ignore[import-untyped]  # MiniStack carries no types
from ministack.services import eventbridge, lambda_svc  # type: ignore[import-untyped]

AT_A_TIME = 2
"""Invocations by events that run at the same time, of one function."""

_lines: defaultdict[str, BoundedSemaphore] = defaultdict(lambda: BoundedSemaphore(AT_A_TIME))
_line: ContextVar[BoundedSemaphore | None] = ContextVar("line", default=None)
_execute = lambda_svc._execute_function  # noqa: SLF001 - there is no public place to stand in


class _Waiting:
    """How many invocations by events wait or run."""

    def __init__(self, file: str) -> None:
        self._descriptor = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)
        self._lock = Lock()
        self._count = 0
        self.add(0)

    def add(self, change: int) -> None:
        with self._lock:
            self._count += change
            os.pwrite(self._descriptor, f"{self._count:6d}".encode(), 0)


_waiting = _Waiting(os.environ["RIPEN_WAITING_FILE"])


def _execute_in_line(function: dict[str, Any], event: Any) -> Any:
    line = _line.get()
    if line is None:
        return _execute(function, event)
    _waiting.add(1)
    try:
        with line:
            return _execute(function, event)
    finally:
        _waiting.add(-1)


def _dispatch(arn: str, payload: str) -> None:
    function, config, name = lambda_svc._get_func_record_for_ref(arn)  # noqa: SLF001 - as MiniStack's own dispatch does
    record = lambda_svc._execution_record_for_config(function, config)  # noqa: SLF001
    before = _line.set(_lines[name])
    try:
        lambda_svc.invoke_async_with_retry(record, json.loads(payload))  # its thread inherits the line
    finally:
        _line.reset(before)


if __name__ == "__main__":
    lambda_svc._execute_function = _execute_in_line  # noqa: SLF001
    eventbridge._dispatch_to_lambda = _dispatch  # noqa: SLF001
    main()
