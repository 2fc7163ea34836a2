"""A companion on free ports with a stand-in for the deployed API behind it, for the tests of the companion."""

import json
import smtplib
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import requests

from infra.local.companion.server import Companion

SIGNING_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
API_ID = "a1b2c3d4"


@dataclass(frozen=True)
class Received:
    """One request as the API got it."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        return next((value for known, value in self.headers if known.lower() == name.lower()), "")


@dataclass(frozen=True)
class Reply:
    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)
    body: bytes = b"{}"


@dataclass
class Upstream:
    """What the deployed API answers, and what it was asked."""

    received: list[Received] = field(default_factory=list)
    reply: Callable[[Received], Reply] = lambda _: Reply()


@dataclass
class Stand:
    url: str
    smtp_port: int
    upstream: Upstream
    folder: Path
    companion: Companion

    def get(self, path: str, **more: Any) -> requests.Response:
        return requests.get(self.url + path, timeout=10, **more)

    def post(self, path: str, **more: Any) -> requests.Response:
        return requests.post(self.url + path, timeout=10, **more)

    def write_outputs(self, **values: str) -> None:
        """Do what a deploy does: replace outputs.json."""
        (self.folder / "outputs.json").write_text(json.dumps(values))

    def deliver(self, message: EmailMessage | str, *, sender: str = "hello@ripen.example", to: list[str]) -> None:
        """Hand over a mail as the emulator does."""
        text = message if isinstance(message, str) else message.as_bytes(policy=message.policy.clone(linesep="\r\n"))
        with smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=10) as server:
            server.sendmail(sender, to, text)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_companion(
    folder: Path, *, endpoint: str = "", smtp_port: int = 0, deployed: bool = True
) -> Iterator[Stand]:
    """Run a companion in this process, before the given endpoint or before a stand-in for the deployed API."""
    upstream = Upstream()
    server = _upstream_server(upstream)
    outputs = folder / "outputs.json"
    if deployed:
        outputs.write_text(json.dumps({"api_id": API_ID, "slack_signing_secret": SIGNING_SECRET}))
    smtp_port = smtp_port or free_port()
    companion = Companion(
        port=0,
        smtp_port=smtp_port,
        endpoint=endpoint or f"http://127.0.0.1:{server.server_port}",
        outputs_path=outputs,
        data_dir=folder / "mails",
    )
    companion.start()
    try:
        yield Stand(companion.url, smtp_port, upstream, folder, companion)
    finally:
        companion.stop()
        server.shutdown()
        server.server_close()


def _upstream_server(upstream: Upstream) -> ThreadingHTTPServer:
    class Api(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            received = Received(self.command, self.path, self.headers.items(), body)
            upstream.received.append(received)
            reply = upstream.reply(received)
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

        def log_message(self, *_: Any) -> None:
            pass

    for method in ("GET", "POST", "HEAD", "OPTIONS", "DELETE"):
        setattr(Api, f"do_{method}", Api.answer)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server
