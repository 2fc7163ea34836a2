"""
Plain values that are safe to keep: how large, how deep, which texts and numbers.

Nothing here knows where a value came from.
"""

import json
import re
from typing import Any

from shared.errors import InvalidInputError

EVENT_BYTES = 32 * 1024
"""Largest single event. Segment's limit."""

SINGLE_BYTES = 4 * EVENT_BYTES
"""Largest body of a single call as it arrives: spaces and escapes may take three times what the event itself does."""

MAX_DEPTH = 20
"""Deepest nesting of an event; what people track is three or four deep."""

MAX_KEY = 256
"""Longest name of a property, in characters."""

_INTEGER_BOUND = 10**38
_LARGEST = 1e125
_UNSTORABLE = re.compile("[\x00\ud800-\udfff\ufffe\uffff]")


class TooLargeError(InvalidInputError):
    """What a client sent is over a limit. Tell the client to send less at once; do not retry."""


def size_of(value: Any) -> int:
    """Return the bytes of the value as compact JSON."""
    try:
        return len(compact(value).encode(errors="surrogatepass"))
    except RecursionError:
        raise too_deep("body") from None


def compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def plain(value: Any, path: tuple[str | int, ...] = ()) -> Any:
    """
    Return the value with every text in it storable, or refuse it by the name of the field.

    NUL is dropped. Lone surrogates and the two characters no queue takes become U+FFFD: they come from texts cut in
    the middle of a sign, and the rest of the event is worth keeping.

    Raises:
        InvalidInputError: A number is NaN, infinite or beyond what the table holds; a name is too long; the nesting
            is too deep.
    """
    if isinstance(value, str):
        return storable(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if abs(value) >= _INTEGER_BOUND:
            raise InvalidInputError(_field(path), "has more than 38 digits: send it as text")
        return value
    if isinstance(value, float):
        if not abs(value) < _LARGEST:
            raise InvalidInputError(_field(path), "must be a finite number below 1e125")
        return value
    if len(path) >= MAX_DEPTH:
        raise too_deep(_field(path))
    if isinstance(value, list):
        return [plain(each, (*path, index)) for index, each in enumerate(value)]
    return {_name(name, path): plain(each, (*path, name)) for name, each in value.items()}


def storable(text: str) -> str:
    """Return the text without NUL, and with U+FFFD for what is no character."""
    if _UNSTORABLE.search(text) is None:
        return text
    return _UNSTORABLE.sub("\ufffd", text.replace("\x00", ""))


def _name(name: str, path: tuple[str | int, ...]) -> str:
    if len(name) > MAX_KEY:
        raise InvalidInputError(_field(path), f"holds a name of more than {MAX_KEY} characters")
    return storable(name)


def too_deep(field: str) -> InvalidInputError:
    return InvalidInputError(field, f"is nested deeper than {MAX_DEPTH}")


def _field(path: tuple[str | int, ...]) -> str:
    """Return the path as people write it, cut short: `properties.items[3].price`."""
    written = "".join(f"[{part}]" if isinstance(part, int) else f".{storable(part)[:60]}" for part in path)
    return written.removeprefix(".")[:200] or "body"
