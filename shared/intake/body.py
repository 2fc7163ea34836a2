"""The body of a request of a colleague: one JSON object, of a size that such a request has."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from shared.errors import InvalidInputError


def read_body(event: Mapping[str, Any], *, longest: int, example: str) -> dict[str, Any]:
    """
    Return the object that was posted.

    Args:
        event: The request, as the HTTP API hands it over.
        longest: Most characters of the body as it came, base64 included.
        example: What a body is like, for who sent none.

    Raises:
        InvalidInputError: There is none.
    """
    body = event.get("body") or ""
    if len(body) > longest:
        raise InvalidInputError("body", f"has more than {longest} characters")
    try:
        said = json.loads(base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body)
    except (RecursionError, ValueError, binascii.Error) as error:
        raise InvalidInputError("body", f"must be JSON, as in {example}") from error
    if not isinstance(said, dict):
        raise InvalidInputError("body", "must be a JSON object")
    return said
