"""
A server between a client and the deployed API that goes wrong on command, and remembers what passed.

What it refuses wears the headers the stage really sends, so that a browser may read of a refusal only what it could
read of the stage's own.
"""

import json
import socket
import struct
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

import requests

_NO_LINGER = struct.pack("ii", 1, 0)
_OF_ONE_CONNECTION = frozenset({"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"})


@dataclass(frozen=True)
class Refused:
    """The request is answered with an error and goes no further."""

    status: int
    retry_after: int | None = None


@dataclass(frozen=True)
class CutOff:
    """The connection is reset. `taken` says whether the stage got the request before, so that only its answer is lost."""

    taken: bool


@dataclass(frozen=True)
class Slow:
    """The stage takes the request at once, and its answer is held back."""

    seconds: float


Fault = Refused | CutOff | Slow


@dataclass(frozen=True)
class Passed:
    """One request as it came; `fault` is what was done to it, None when the stage answered."""

    at: float
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    fault: Fault | None

    @property
    def message_ids(self) -> list[str]:
        said = json.loads(self.body)
        return [each["messageId"] for each in said.get("batch", [said])]


class Between:
    """Where clients are pointed. Faults befall POSTs, one each, in order; when they are used up all goes well."""

    def __init__(self, api_url: str) -> None:
        self.passed: list[Passed] = []
        self._faults: deque[Fault] = deque()
        self._lock = Lock()
        self._api_url = api_url
        between = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                between._serve(self)

            def do_GET(self) -> None:
                between._serve(self)

            def do_OPTIONS(self) -> None:
                between._serve(self)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.host}"

    @contextmanager
    def running(self) -> Iterator["Between"]:
        thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def befall(self, faults: Sequence[Fault]) -> None:
        self._faults.extend(faults)

    def attempts(self, message_id: str) -> list[Passed]:
        """Return every post of that message."""
        return [each for each in self.posts if message_id in each.message_ids]

    @property
    def posts(self) -> list[Passed]:
        return [each for each in self.passed if each.method == "POST"]

    def message_ids(self) -> set[str]:
        """Return the ids of all messages that ever came by."""
        return {each for post in self.posts for each in post.message_ids}

    def send_all_again(self) -> None:
        """Send every call that came by once more, byte for byte, as a client does that forgot it had been answered."""
        for each in self.posts:
            headers = {name: each.headers[name] for name in ("authorization", "content-type") if name in each.headers}
            answer = requests.post(self._api_url + each.path, data=each.body, headers=headers, timeout=30)
            assert answer.status_code == 200, answer.text

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("content-length", 0)))
        with self._lock:
            fault = self._faults.popleft() if self._faults and request.command == "POST" else None
            headers = {name.lower(): value for name, value in request.headers.items()}
            self.passed.append(Passed(time.monotonic(), request.command, request.path, headers, body, fault))
        match fault:
            case CutOff(taken=False):
                _cut_off(request)
            case CutOff(taken=True):
                self._answer_of_the_stage(request, headers, body)
                _cut_off(request)
            case Refused(status, retry_after):
                answer = self._answer_of_the_stage(request, headers, b"")  # an empty body is refused: headers only
                said = dict(answer.headers)
                if retry_after is not None:
                    said["Retry-After"] = str(retry_after)
                _send(request, status, said, b'{"code":"busy","message":"The test says so"}')
            case Slow(seconds):
                answer = self._answer_of_the_stage(request, headers, body)
                time.sleep(seconds)
                _send(request, answer.status_code, answer.headers, answer.content)
            case None:
                answer = self._answer_of_the_stage(request, headers, body)
                _send(request, answer.status_code, answer.headers, answer.content)

    def _answer_of_the_stage(
        self, request: BaseHTTPRequestHandler, headers: Mapping[str, str], body: bytes
    ) -> requests.Response:
        kept = {name: value for name, value in headers.items() if name not in {*_OF_ONE_CONNECTION, "host"}}
        return requests.request(request.command, self._api_url + request.path, headers=kept, data=body, timeout=30)


def _send(request: BaseHTTPRequestHandler, status: int, headers: Mapping[str, str], body: bytes) -> None:
    request.send_response(status)
    for name, value in headers.items():
        if name.lower() not in _OF_ONE_CONNECTION:
            request.send_header(name, value)
    request.send_header("content-length", str(len(body)))
    with suppress(OSError):  # a page that went away does not listen any more
        request.end_headers()
        request.wfile.write(body)


def _cut_off(request: BaseHTTPRequestHandler) -> None:
    """Reset the connection, so that the client sees an error and not an end."""
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    request.close_connection = True
    request.connection.close()
