"""Two servers for the tests of the tracker: a site with pages, and an API of another origin that notes what it gets."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from shared.intake.segment import read_batch
from shared.lead import LeadEvent
from tests.source_tree import ROOT

TRACKER = ROOT / "functions" / "ingest" / "static" / "ripen.js"
KEY = "public_website_abc"
TAG = '<script async src="{api}/ripen.js" data-key="' + KEY + '"{more}></script>'
WAIT = 10.0


@dataclass(frozen=True)
class Post:
    """One batch as the API got it, and when by this machine's monotonic clock."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    at: float


@dataclass
class Stand:
    """Where both are, what the pages hold, what the API answers (status and headers), and what it got."""

    site: str = ""
    api: str = ""
    pages: dict[str, str] = field(default_factory=dict)
    posts: list[Post] = field(default_factory=list)
    answer: Callable[[int], tuple[int, dict[str, str]]] = lambda _number: (200, {})

    def page(self, path: str, body: str = "", *, title: str = "A page", head: str = "", more: str = "") -> str:
        """Put a page with the tracker on the site and return its address."""
        tag = TAG.format(api=self.api, more=more)
        self.pages[path] = f"<!doctype html><title>{title}</title>{head}{tag}<body>{body}</body>"
        return self.site + path

    @property
    def sent(self) -> list[dict[str, Any]]:
        """Every event of every request, in order, repeated ones too."""
        return [event for post in list(self.posts) for event in post.body["batch"]]

    @property
    def names(self) -> list[str]:
        return [event.get("event", event["type"]) for event in self.sent]

    def named(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.sent if event.get("event", event["type"]) == name]

    @property
    def log(self) -> list[str]:
        """What came, for a failure to tell."""
        return [
            f"{post.at:.2f} {post.body.get('sentAt')} {[(e.get('event', e['type']), e['messageId'][:4], e['timestamp']) for e in post.body['batch']]}"
            for post in self.posts
        ]

    def one(self, name: str) -> dict[str, Any]:
        """Return the one event of that name, waiting for it."""
        self.until(lambda: self.named(name), name)
        (found,) = self.named(name)
        return found

    def until(self, look: Callable[[], Any], what: str) -> None:
        end = time.monotonic() + WAIT
        while not look():
            assert time.monotonic() < end, f"not within {WAIT:.0f} s: {what}; came: {self.names}"
            time.sleep(0.02)

    def taken(self) -> list[LeadEvent]:
        """Return what ingest makes of all that came; fail when it would reject any of it."""
        found = []
        for post in self.posts:
            events, rejections = read_batch(post.body, intake="public", received_at=int(time.time()))
            assert rejections == []
            found += events
        return found


@contextmanager
def running() -> Iterator[Stand]:
    stand = Stand()
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), _pages(stand)), ThreadingHTTPServer(("127.0.0.1", 0), _api(stand))]
    stand.site, stand.api = (f"http://127.0.0.1:{server.server_port}" for server in servers)
    for server in servers:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield stand
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def say(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


def _pages(stand: Stand) -> type[_Quiet]:
    class Site(_Quiet):
        def do_GET(self) -> None:
            found = stand.pages.get(self.path.partition("?")[0])
            content = {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"}
            self.say(404 if found is None else 200, (found or "").encode(), content)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.say(200, b"taken", {"Content-Type": "text/plain"})

    return Site


def _api(stand: Stand) -> type[_Quiet]:
    class Api(_Quiet):
        def do_GET(self) -> None:
            self.say(200, TRACKER.read_bytes(), {"Content-Type": "text/javascript; charset=utf-8"})

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            if self.path == "/v1/b":
                stand.posts.append(Post("POST", self.path, headers, json.loads(content), time.monotonic()))
            status, more = stand.answer(len(stand.posts))
            allowed = {"Access-Control-Allow-Origin": stand.site, "Access-Control-Expose-Headers": "Retry-After"}
            self.say(status, b'{"success":true}', allowed | more)

        def do_OPTIONS(self) -> None:
            stand.posts.append(Post("OPTIONS", self.path, {}, {"batch": []}, time.monotonic()))
            self.say(405, b"", {})

    return Api
