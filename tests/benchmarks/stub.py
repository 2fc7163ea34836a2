"""
An endpoint that answers like DynamoDB, SQS and Secrets Manager, at once and from memory, in a process of its own.

What a handler spends in its process is then the handler's: nothing waits, nothing is retried, and the work of the other
side is not counted. `python -m tests.benchmarks.stub` prints its port and serves until its standard input closes.
"""

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib import request

from shared import table
from tests.benchmarks.memory_table import Tables, UnknownShapeError

TABLE = "ripen-benchmark"
QUEUE = "http://127.0.0.1/000000000000/events"
SECRET = "identity-secret-of-the-benchmarks"


class Endpoint:
    """Tables, and what lies on the queues."""

    def __init__(self) -> None:
        self.tables = Tables(TABLE)
        self.queued: list[str] = []
        self.calls: Counter[str] = Counter()

    def answer(self, service: str, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
        if service != "Stub":
            self.calls[f"{service.partition('_')[0]}.{operation}"] += 1
        match service:
            case "AmazonSQS":
                return self._queue(operation, asked)
            case "secretsmanager":
                return {"Name": asked["SecretId"], "SecretString": SECRET}
            case "Stub":
                return self._meddle(operation, asked)
            case _:
                return self.tables.answer(operation, asked)

    def _queue(self, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
        if operation != "SendMessageBatch":
            raise UnknownShapeError(operation)
        self.queued.extend(entry["MessageBody"] for entry in asked["Entries"])
        done = [
            {
                "Id": entry["Id"],
                "MessageId": str(uuid.uuid4()),
                "MD5OfMessageBody": hashlib.md5(entry["MessageBody"].encode(), usedforsecurity=False).hexdigest(),
            }
            for entry in asked["Entries"]
        ]
        return {"Successful": done}

    def _meddle(self, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
        """Do what only a benchmark asks: fill the due index, take the queue, list what is due, tell what was asked."""
        match operation:
            case "Fill":
                self.tables.fill(**asked)
            case "Take":
                taken, self.queued = self.queued, []
                return {"messages": taken}
            case "Due":
                key = table.due_key(table.SETTLE, 0).partition("#")[0]
                mine = (entries for name, entries in self.tables.due.items() if name.startswith(f"{key}#"))
                return {"at": sorted(at for entries in mine for at, _, _ in entries)}
            case "Tally":
                spent = self.tables.spent
                answer = {"calls": dict(self.calls), "read_units": spent["read"], "write_units": spent["write"]}
                self.calls.clear()
                spent.clear()
                return answer
            case _:
                raise UnknownShapeError(operation)
        return {}


class Connection(asyncio.Protocol):
    """One keep-alive connection; requests come one after the other."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self.held += data
        while (end := self.held.find(b"\r\n\r\n")) >= 0:
            headers = {
                name.strip().lower(): value.strip()
                for name, _, value in (line.partition(b":") for line in self.held[:end].split(b"\r\n")[1:])
            }
            whole = end + 4 + int(headers.get(b"content-length", 0))
            if len(self.held) < whole:
                return
            body, self.held = self.held[end + 4 : whole], self.held[whole:]
            self.transport.write(self._response(headers[b"x-amz-target"].decode(), body))

    def _response(self, target: str, body: bytes) -> bytes:
        service, _, operation = target.rpartition(".")
        status = b"200 OK"
        try:
            answer = self.endpoint.answer(service, operation, json.loads(body))
        except (KeyError, ValueError) as error:
            print(f"{target}: {error!r}", file=sys.stderr, flush=True)
            status = b"400 Bad Request"
            answer = {"__type": "ValidationException", "message": f"the stub does not know this: {error!r}"[:500]}
        said = json.dumps(answer, separators=(",", ":")).encode()
        head = b"HTTP/1.1 %b\r\nContent-Type: application/x-amz-json-1.0\r\nx-amzn-RequestId: %b\r\n" % (
            status,
            uuid.uuid4().hex.encode(),
        )
        return head + b"Content-Length: %d\r\n\r\n" % len(said) + said


async def _serve() -> None:
    endpoint = Endpoint()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(endpoint), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


@contextmanager
def serving() -> Iterator[str]:
    """Run the stub beside us, and return its address; it ends with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.stub"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=dict(os.environ),
        text=True,
    )
    assert process.stdin
    assert process.stdout
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        process.wait(timeout=30)
        process.stdout.close()


def meddle(address: str, operation: str, **said: Any) -> dict[str, Any]:
    """Ask the stub at that address for what only a benchmark asks."""
    asked = request.Request(
        address, data=json.dumps(said).encode(), headers={"X-Amz-Target": f"Stub.{operation}"}, method="POST"
    )
    with request.urlopen(asked, timeout=120) as answer:
        return dict(json.loads(answer.read()))


if __name__ == "__main__":
    asyncio.run(_serve())
