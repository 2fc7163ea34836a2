"""
From the bytes of a request to plain values that are safe to keep: size, compression, text, JSON, depth, numbers.

The bytes decide, not the headers: clients send JSON as text/plain, compressed without saying so, or under a wrong
type. Nothing here knows what a call or a form is.
"""

import base64
import binascii
import json
import re
import zlib
from collections.abc import Mapping
from typing import Any

from shared.errors import InvalidInputError

BATCH_BYTES = 500 * 1024
"""Largest body, after decompression. Segment's limit of a batch, so every SDK already stays under it."""

EVENT_BYTES = 32 * 1024
"""Largest single event. Segment's limit."""

MAX_DEPTH = 20
"""Deepest nesting of an event; what people track is three or four deep."""

MAX_KEY = 256
"""Longest name of a property, in characters."""

_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 31
_INTEGER_BOUND = 10**38
_LARGEST = 1e125
_UNSTORABLE = re.compile("[\x00\ud800-\udfff\ufffe\uffff]")


class TooLargeError(InvalidInputError):
    """What a client sent is over a limit. Tell the client to send less at once; do not retry."""


def request_bytes(event: Mapping[str, Any], limit: int = BATCH_BYTES) -> bytes:
    """
    Return the body as bytes, decompressed when its first bytes say gzip.

    Args:
        event: The request in API Gateway's payload format 2.0.
        limit: Most bytes, before and after decompression; no more is ever inflated.

    Raises:
        TooLargeError: The body is over the limit.
        InvalidInputError: There is no body, or it cannot be decoded.
    """
    body = event.get("body") or ""
    if event.get("isBase64Encoded"):
        if len(body) > limit * 4 // 3 + 4:
            raise _over(limit)
        try:
            data = base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            raise InvalidInputError("body", "is marked base64 and is not") from None
    else:
        data = body.encode(errors="surrogatepass")
    if len(data) > limit:
        raise _over(limit)
    if data.startswith(_GZIP):
        data = _inflated(data, limit)
    if not data.strip():
        raise InvalidInputError("body", "is empty")
    return data


def _over(limit: int) -> TooLargeError:
    return TooLargeError("body", f"is over {limit // 1024} KB: send less at once")


def _inflated(data: bytes, limit: int) -> bytes:
    inflater = zlib.decompressobj(_GZIP_WINDOW)
    try:
        plain_data = inflater.decompress(data, limit + 1)
    except zlib.error:
        raise InvalidInputError("body", "is damaged gzip") from None
    if len(plain_data) > limit:
        raise _over(limit)
    if not inflater.eof or inflater.unused_data:
        raise InvalidInputError("body", "is cut-off gzip, or gzip with something behind it")
    return plain_data


def parsed_object(data: bytes) -> dict[str, Any]:
    """Return the JSON object the bytes spell in UTF-8; of equal names the last wins. Values are not yet `plain`."""
    try:
        parsed = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise InvalidInputError("body", "is not UTF-8") from None
    except RecursionError:
        raise _too_deep("body") from None
    except ValueError:  # malformed, or a number of thousands of digits
        raise InvalidInputError("body", "is not valid JSON") from None
    if not isinstance(parsed, dict):
        raise InvalidInputError("body", "must be a JSON object")
    return parsed


def size_of(value: Any) -> int:
    """Return the bytes of the value as compact JSON."""
    try:
        return len(compact(value).encode(errors="surrogatepass"))
    except RecursionError:
        raise _too_deep("body") from None


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
        raise _too_deep(_field(path))
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


def _too_deep(field: str) -> InvalidInputError:
    return InvalidInputError(field, f"is nested deeper than {MAX_DEPTH}")


def _field(path: tuple[str | int, ...]) -> str:
    """Return the path as people write it, cut short: `properties.items[3].price`."""
    written = "".join(f"[{part}]" if isinstance(part, int) else f".{storable(part)[:60]}" for part in path)
    return written.removeprefix(".")[:200] or "body"
