"""
From the bytes of a request to the JSON object they spell: size, compression, text.

The bytes decide, not the headers: clients send JSON as text/plain, compressed without saying so, or under a wrong
type. Nothing here knows what a call or a form is.
"""

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from typing import Any

from shared.errors import InvalidInputError
from shared.intake.values import TooLargeError, too_deep

BATCH_BYTES = 500 * 1024
"""Largest body, after decompression. Segment's limit of a batch, so every SDK already stays under it."""

_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 31


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
        raise too_deep("body") from None
    except ValueError:  # malformed, or a number of thousands of digits
        raise InvalidInputError("body", "is not valid JSON") from None
    if not isinstance(parsed, dict):
        raise InvalidInputError("body", "must be a JSON object")
    return parsed
