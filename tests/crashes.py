"""Stopping a function before and after any one of its AWS calls."""

from contextlib import contextmanager
from typing import Any

from botocore.client import BaseClient


class Killed(BaseException):
    """The process ended here; nothing may catch it."""


@contextmanager
def killed_at(call: int, *, after: bool):
    """Kill the process before (or after) its `call`-th AWS call, counted from 0."""
    original = BaseClient._make_api_call
    made: list[str] = []

    def counted(client: Any, operation: str, arguments: Any) -> Any:
        number = len(made)
        made.append(operation)
        if number == call and not after:
            raise Killed(operation)
        answer = original(client, operation, arguments)
        if number == call:
            raise Killed(operation)
        return answer

    BaseClient._make_api_call = counted
    try:
        yield made
    finally:
        BaseClient._make_api_call = original


@contextmanager
def calls_counted():
    """Count AWS calls without stopping any."""
    with killed_at(-1, after=False) as made:
        yield made
