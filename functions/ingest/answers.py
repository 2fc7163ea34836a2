"""What a client gets back: small JSON for programs, a plain page or a redirect for people."""

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

Answer = dict[str, Any]

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1rem}}</style>
<h1>{title}</h1><p>{text}</p></html>
"""
_PAGE_HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
}


def taken(rejected: Sequence[Mapping[str, Any]] = ()) -> Answer:
    """
    Return success: exactly 200 with a small JSON body.

    Some SDKs resend after a 202 or 204 and then report the events lost.
    """
    return _json(200, {"success": True, "rejected": list(rejected)} if rejected else {"success": True})


def adjusted(event_id: str) -> Answer:
    """Return success, with the id the adjustment counts once by."""
    return _json(200, {"success": True, "event_id": event_id})


def refused(status: int, code: str, message: str, field: str | None = None) -> Answer:
    """Return an error as JSON; older SDKs repeat a 400 that has no code and message."""
    said = {"code": code, "message": message}
    return _json(status, said if field is None else {**said, "field": field})


def throttled(wait: int, received_at: int, message: str) -> Answer:
    """
    Return 429 and when to come back.

    `Retry-After` is in seconds. `X-RateLimit-Reset` is the instant in milliseconds since 1970, as Segment's Node SDK
    read it before it knew the other.
    """
    answer = refused(429, "too_many", message)
    answer["headers"] |= {"retry-after": str(wait), "x-ratelimit-reset": str((received_at + wait) * 1000)}
    return answer


def cached(said: Mapping[str, Any], cache: str) -> Answer:
    """Return JSON that a browser may keep."""
    answer = _json(200, said)
    answer["headers"]["cache-control"] = cache
    return answer


def thanks() -> Answer:
    return _page(200, "Thank you", "We have received what you sent.")


def refused_page(status: int, message: str) -> Answer:
    """Return an error to the person in front of the form."""
    return _page(status, "That did not work", f"{message}. Please go back and try again.")


def redirect(location: str) -> Answer:
    """Return 303, so that the browser asks for the page with GET and a reload does not post again."""
    return {"statusCode": 303, "headers": {"location": location, "cache-control": "no-store"}, "body": ""}


def _json(status: int, said: Mapping[str, Any]) -> Answer:
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json", "cache-control": "no-store"},
        "body": json.dumps(said, separators=(",", ":")),
    }


def _page(status: int, title: str, text: str) -> Answer:
    return {
        "statusCode": status,
        "headers": dict(_PAGE_HEADERS),
        "body": _PAGE.format(title=html.escape(title), text=html.escape(text)),
    }
