"""Bodies that cost more than they look: as large as a batch may be, and none of them usable."""

import gzip
import json
import zlib
from collections.abc import Mapping

MOST = 500 * 1024
"""Bytes of a batch."""

VALUES = 30_000
"""Values of a body."""


def _repeated(piece: bytes, most: int = MOST) -> bytes:
    """Return a batch that is a list of as many of these as fit, and that does not close."""
    times = min(
        (most - 20) // (len(piece) + 1), VALUES // (1 + piece.count(b"[") + piece.count(b"{") + piece.count(b",")) - 2
    )
    return b'{"batch":[' + b",".join([piece] * times) + b"]"


def _names(value: bytes, count: int = VALUES - 2) -> bytes:
    return b'{"batch":{' + b",".join(b'"%05x":%b' % (number, value) for number in range(count)) + b"}"


BODIES: Mapping[str, bytes] = {
    # over the bulk that is parsed
    "brackets": b"[" * MOST,
    "objects in objects": b'{"a":' * (MOST // 5),
    "closed nests of 900": b"[" + b",".join([b"[" * 900 + b"]" * 900] * (MOST // 1_801)) + b"]",
    "empty lists": b"[" + b",".join([b"[]"] * (MOST // 3 - 1)) + b"]",
    "empty objects": b"[" + b",".join([b"{}"] * (MOST // 3 - 1)) + b"]",
    "small numbers": b"[" + b",".join([b"1"] * (MOST // 2 - 1)) + b"]",
    "50,000 names": _names(b"1", 50_000)[:MOST],
    "a gzip bomb": gzip.compress(b"0" * 50_000_000, mtime=0),
    "a zlib bomb": zlib.compress(b"[" * 50_000_000),
    # as much of everything as is parsed
    "30,000 names": _names(b"1"),
    "30,000 names of fractions": _names(b"1.5"),
    "one name again and again": b'{"batch":{' + b",".join([b'"a":1'] * (VALUES - 3)) + b"}",
    "fractions": _repeated(b"1.5"),
    "long fractions": _repeated(b"1.7976931348623157e308"),
    "fractions near nothing": _repeated(b"2.2250738585072011e-308"),
    "infinities": _repeated(b"1e400"),
    "numbers of 640 digits": _repeated(b"9" * 640),
    "numbers of 4,000 digits": _repeated(b"9" * 4_000),
    "one number of 500,000 digits": _repeated(b"9" * (MOST - 30)),
    "one fraction of 500,000 digits": _repeated(b"0." + b"9" * (MOST - 30)),
    "short texts": _repeated(b'"ab"'),
    "escapes": _repeated(b'"' + b"\\u00e9" * 80_000 + b'"'),
    "one large sign in much text": b'{"batch":["' + "😀".encode() + b"a" * (MOST - 30) + b'"]',
    "nothing but space": b" " * (MOST - 1) + b"{",
    "lists in a list": _repeated(b"[]"),
    "objects in a list": _repeated(b"{}"),
    "a name of 500,000 signs": b'{"batch":{"' + b"a" * (MOST - 30) + b'":1}',
    "no list": json.dumps({"batch": "x" * (MOST - 20)}).encode(),
    "no text at all": bytes(range(256)) * (MOST // 256),
    "quotes": b'"' * MOST,
    "almost keys": b'"public_' * (MOST // 8),
    "what looks like keys": b'{"batch":[' + b",".join(b'"server_x_%032d"' % number for number in range(11_000)) + b"]",
    "UTF-16": ("{" + " " * (MOST // 2 - 10)).encode("utf-16"),
}
"""By what there is too much of. Each is refused as a whole, whatever its key."""
