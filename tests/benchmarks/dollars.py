"""
What a million events cost from the request to the written lead, by list prices: arithmetic over what was measured.

`ingest` is measured over the requests of clients, `score` over batches of the queue, both against the stub: CPU, calls,
units and bytes of logs. Only how long AWS takes to answer is assumed (`prices.WAIT`).
"""

import base64
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from functions.ingest.handler import handler as ingest
from functions.score.handler import handler as score
from infra.stages import PROD
from shared.keys import mint_key
from tests.benchmarks import prices
from tests.benchmarks.counting import Counts, counted
from tests.benchmarks.population import Record
from tests.benchmarks.stage import Context
from tests.benchmarks.stub import SECRET

REQUESTS = 200
KB = 1024

CALL = {
    "type": "track",
    "event": "Asset Downloaded",
    "userId": "lead-42",
    "anonymousId": "0ff90c21-9c80-4625-9c24-bb4c3fd04d23",
    "timestamp": "2026-11-22T00:06:19.567Z",
    "properties": {"asset": "Route planning, a comparison", "format": "pdf", "path": "/resources/comparison"},
    "context": {
        "page": {"path": "/resources", "title": "Resources", "url": "https://www.example.com/resources"},
        "locale": "en-US",
        "library": {"name": "analytics.js", "version": "npm:next-1.84.3"},
    },
}


@dataclass(frozen=True)
class Work:
    """What some invocations of a function spent: CPU seconds, AWS calls by service, bytes it logged and queued."""

    invocations: int
    cpu: float
    logged: int
    queued: int = 0
    calls: Mapping[str, int] = field(default_factory=dict)

    def function_dollars(self, memory_mb: int) -> float:
        """Return what the invocations cost: their requests, their time at that memory, and what they log."""
        share = min(1.0, memory_mb / prices.MB_OF_A_VCPU)
        waited = sum(prices.WAIT.get(service, 0) * number for service, number in self.calls.items())
        seconds = self.cpu / share + waited
        compute = seconds * memory_mb / KB * prices.LAMBDA_GB_SECOND
        return self.invocations * prices.LAMBDA_REQUEST / 1e6 + compute + log_dollars(self.logged, self.invocations)


def log_dollars(logged: int, invocations: int) -> float:
    return (logged + invocations * prices.PLATFORM_LOG_BYTES) / 1e9 * prices.LOG_GB


def taking_in(work: Work) -> float:
    """Return the dollars from the request to the queue and off it again: `work` is of `ingest`, a message a request."""
    requests = work.invocations
    door = requests * (prices.HTTP_REQUEST / 1e6 + prices.ACCESS_LOG_BYTES / 1e9 * prices.LOG_GB)
    chunks = -(-work.queued // (requests * 64 * KB))
    queue = requests * (chunks + chunks / 10 + 1 / 10) * prices.SQS_REQUEST / 1e6  # received and deleted by tens
    return door + queue + work.function_dollars(PROD.memory_mb_of["ingest"])


def scoring(work: Work, counts: Counts) -> float:
    """Return the dollars of scoring what `work` did: the function, and the units that the answers say were spent."""
    units = counts.write_units * prices.WRITE_UNIT + counts.read_units * prices.READ_UNIT
    return units / 1e6 + work.function_dollars(PROD.memory_mb_of["score"])


def ingested(events: int) -> Work:
    """Measure requests of so many events each, under a server key."""
    key = mint_key("server", "backend", SECRET)
    made = [_request(key, number, events) for number in range(REQUESTS + 1)]
    with _signing(), logged() as size, counted() as counts:
        ingest(made.pop(), Context())  # reads the secret, makes the client
        size()
        counts.calls.clear()
        start = time.process_time()
        for request in made:
            answer = ingest(request, Context())
            assert answer["statusCode"] == 200, answer
        cpu = time.process_time() - start
        written = size()
    queued = REQUESTS * len(json.dumps(json.loads(made[0]["body"])))
    return Work(REQUESTS, cpu, written, queued, _by_service(counts))


def scored(batches: list[list[Record]]) -> tuple[Work, Counts]:
    """Measure batches of the queue through `score`; DynamoDB must know everybody already."""
    with logged() as size, counted() as counts:
        start = time.process_time()
        for batch in batches:
            answer = score({"Records": batch}, Context())
            assert not answer["batchItemFailures"], answer
        cpu = time.process_time() - start
        written = size()
    return Work(len(batches), cpu, written, calls=_by_service(counts)), counts


def _by_service(counts: Counts) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, number in counts.calls.items():
        service = name.partition(".")[0]
        found[service] = found.get(service, 0) + number
    return found


def _request(key: str, number: int, events: int) -> dict[str, Any]:
    calls = [CALL | {"messageId": f"dollars-{number}-{place}"} for place in range(events)]
    return {
        "rawPath": "/v1/batch" if events > 1 else "/v1/track",
        "headers": {"authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()},
        "body": json.dumps({"batch": calls} if events > 1 else calls[0]),
        "isBase64Encoded": False,
    }


@contextmanager
def _signing() -> Iterator[None]:
    os.environ["SIGNING_SECRET"] = "signing"  # `staged` puts the environment back
    yield


@contextmanager
def logged() -> Iterator[Any]:
    """Hold what is printed inside the block; what is yielded tells how many bytes were since it was asked last."""
    sys.stdout.flush()
    out = os.dup(1)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 1)

        def size() -> int:
            sys.stdout.flush()
            end = os.lseek(held.fileno(), 0, os.SEEK_END)
            os.ftruncate(held.fileno(), 0)
            os.lseek(held.fileno(), 0, os.SEEK_SET)
            return end

        try:
            yield size
        finally:
            sys.stdout.flush()
            os.dup2(out, 1)
            os.close(out)
