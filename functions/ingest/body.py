"""
From the bytes of a request to the JSON object they spell: size, compression, text, bulk.

The bytes decide, not the headers: clients send JSON as text/plain, compressed without saying so, or under a wrong
type. Nothing here knows what a call or a form is, and nothing is parsed before it is known to be small.
"""

import base64
import binascii
import json
import sys
import zlib
from collections.abc import Mapping
from typing import Any

from shared.errors import InvalidInputError
from shared.intake.values import TooLargeError, too_deep

BATCH_BYTES = 500 * 1024
"""Largest body, after decompression. Segment's limit of a batch, so every SDK already stays under it."""

MAX_VALUES = 30_000
"""Most names and values of a body; a full batch of short events has 25,000. They cost the time and the memory."""

MAX_DIGITS = 640
"""Longest whole number that is read, in digits: the time to read one grows with their square. No table holds 39."""

_WINDOWS = {
    b"\x1f\x8b": ("gzip", 31),
    b"\x78\x01": ("zlib", 15),
    b"\x78\x5e": ("zlib", 15),
    b"\x78\x9c": ("zlib", 15),
    b"\x78\xda": ("zlib", 15),
}
"""First bytes -> what they are, and zlib's name for it. No text begins with them."""

_RAW_DEFLATE = -15
_UNKNOWN = ("br", "zstd", "compress", "snappy", "lz4")
_ZSTD = b"\x28\xb5\x2f\xfd"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")

sys.set_int_max_str_digits(MAX_DIGITS)


def request_bytes(event: Mapping[str, Any], limit: int = BATCH_BYTES) -> bytes:
    """
    Return the body as bytes, decompressed when its first bytes say gzip or zlib.

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
    data = _plain_bytes(data, event["headers"].get("content-encoding", "").strip().lower(), limit)
    if not data.strip():
        raise InvalidInputError("body", "is empty")
    return data


def _over(limit: int) -> TooLargeError:
    return TooLargeError("body", f"is over {limit // 1024} KB: send less at once")


def _plain_bytes(data: bytes, declared: str, limit: int) -> bytes:
    """Return the bytes decompressed. The header is asked only about bytes that do not say what they are."""
    if data[:2] in _WINDOWS:
        return _inflated(data, *_WINDOWS[data[:2]], limit)
    if data.startswith(_ZSTD) or (declared in _UNKNOWN and not _looks_plain(data)):
        raise InvalidInputError("body", "is compressed in a way that is not read here: send gzip, deflate or plain")
    if declared == "deflate" and not _looks_plain(data):
        return _inflated(data, "deflate", _RAW_DEFLATE, limit)
    return data


def _looks_plain(data: bytes) -> bool:
    return data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"", b"{", b"[")


def _inflated(data: bytes, name: str, window: int, limit: int) -> bytes:
    inflater = zlib.decompressobj(window)
    try:
        plain_data = inflater.decompress(data, limit + 1)
    except zlib.error:
        raise InvalidInputError("body", f"is damaged {name}") from None
    if len(plain_data) > limit:
        raise _over(limit)
    if not inflater.eof or inflater.unused_data:
        raise InvalidInputError("body", f"is cut-off {name}, or {name} with something behind it")
    return plain_data


def parsed_object(data: bytes) -> dict[str, Any]:
    """Return the JSON object the bytes spell in UTF-8; of equal names the last wins. Values are not yet `plain`."""
    _check_bulk(data)
    try:
        parsed = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        known = "is UTF-16: send UTF-8" if data.startswith(_UTF_16) else "is not UTF-8"
        raise InvalidInputError("body", known) from None
    except RecursionError:
        raise too_deep("body") from None
    except ValueError:  # malformed, or a number of too many digits
        raise InvalidInputError("body", "is not valid JSON") from None
    if not isinstance(parsed, dict):
        raise InvalidInputError("body", "must be a JSON object")
    return parsed


def _check_bulk(data: bytes) -> None:
    """
    Raises InvalidInputError when the bytes spell more values than a client needs, by signs alone.

    Every value but the first of its list or object has a comma before it, and every list and object a bracket. Signs
    in texts are counted as well: an upper bound, found in a tenth of the time that parsing takes.
    """
    if len(data) > MAX_VALUES and data.count(b",") + data.count(b"[") + data.count(b"{") > MAX_VALUES:
        raise InvalidInputError("body", f"has more than {MAX_VALUES} values: send less at once")
