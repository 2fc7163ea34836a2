"""
What a request that is refused costs `ingest`: CPU and memory of each hostile body, under a key that is good and without.

The limits are per request. Whoever has a good key pays for a refused body by the kilobyte from what the key may send.
"""

import base64
import gc
import os
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from functions.ingest.handler import handler
from shared.keys import mint_key
from tests.benchmarks.measuring import Row, alone
from tests.benchmarks.stage import Context, hushed, staged
from tests.benchmarks.stub import SECRET, serving
from tests.hostile_bodies import BODIES

KEY = mint_key("public", "website", SECRET)

MOST_MILLISECONDS = 5.0
MOST_MEGABYTES = 8.0
REPEATS = 5


def rows() -> list[Row]:
    with serving() as address, staged(address), _signing(), hushed():
        return [
            row
            for body, content in BODIES.items()
            for key in (KEY, None)
            for row in _rows(f"{body}, {'without a key' if key is None else 'good key'}", request(content, key))
        ]


def _rows(name: str, event: dict[str, Any]) -> list[Row]:
    return [
        _row(f"CPU of a refusal: {name}", "ms", alone(lambda: _milliseconds(event)), MOST_MILLISECONDS),
        _row(f"memory of a refusal: {name}", "MB", (megabytes(event),), MOST_MEGABYTES),
    ]


def _row(name: str, unit: str, measured: tuple[float, ...], limit: float) -> Row:
    return Row("intake", name, unit, measured, (limit,) * len(measured), "the limit", "less", 1)


def request(body: bytes, key: str | None = KEY) -> dict[str, Any]:
    """Return the batch request as API Gateway hands it over."""
    return {
        "rawPath": "/v1/batch",
        "headers": {} if key is None else {"authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }


def refuse(event: dict[str, Any]) -> None:
    answer = handler(event, Context())
    assert answer["statusCode"] in (400, 401, 413), answer


def _milliseconds(event: dict[str, Any]) -> float:
    """Return the CPU time of one refusal, the median of some."""
    found = []
    for _ in range(REPEATS):
        gc.collect()
        start = time.process_time()
        refuse(event)
        found.append((time.process_time() - start) * 1_000)
    return median(found)


def megabytes(event: dict[str, Any]) -> float:
    """Return the most memory that was held at once on top of the request itself."""
    refuse(event)
    gc.collect()
    tracemalloc.start()
    try:
        refuse(event)
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


@contextmanager
def _signing() -> Iterator[None]:
    os.environ["SIGNING_SECRET"] = "signing"  # `staged` puts the environment back
    yield
