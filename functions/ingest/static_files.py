"""Files that ship with the function and that pages load: small, cached for an hour, then asked for by their tag."""

import base64
import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from functions.ingest.answers import Answer

TYPES = {
    "ripen.js": "text/javascript; charset=utf-8",
    "openapi.json": "application/json",
}
"""Name -> content type. A file not named here is not served, whatever lies in the folder."""

FOLDER = Path(__file__).parent / "static"
CACHE = "public, max-age=3600, stale-while-revalidate=86400"


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is sent: plain, and compressed in base64 as API Gateway takes it."""

    text: str
    packed: str
    tag: str


@cache
def _file(name: str) -> File:
    content = (FOLDER / name).read_bytes()
    return File(
        text=content.decode(),
        packed=base64.b64encode(gzip.compress(content, mtime=0)).decode(),
        tag=f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"',
    )


def static_file(name: str, headers: Mapping[str, str]) -> Answer:
    """Return the file, or 304 when the client has it already."""
    found = _file(name)
    said = {
        "cache-control": CACHE,
        "etag": found.tag,
        "vary": "accept-encoding",
        "cross-origin-resource-policy": "cross-origin",
        "x-content-type-options": "nosniff",
    }
    if _has(headers.get("if-none-match", ""), found.tag):
        return {"statusCode": 304, "headers": said, "body": ""}
    said["content-type"] = TYPES[name]
    if _takes_gzip(headers.get("accept-encoding", "")):
        said["content-encoding"] = "gzip"
        return {"statusCode": 200, "headers": said, "body": found.packed, "isBase64Encoded": True}
    return {"statusCode": 200, "headers": said, "body": found.text}


def _has(held: str, tag: str) -> bool:
    """Compare weakly, as RFC 9110 wants it here: a cache on the way may have compressed the file."""
    return any(each.strip().removeprefix("W/") in (tag, "*") for each in held.split(","))


def _takes_gzip(accepted: str) -> bool:
    for each in accepted.lower().split(","):
        name, _, quality = each.partition(";")
        if name.strip() == "gzip":
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
