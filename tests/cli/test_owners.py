"""`ripen owners` and `ripen owner`, against the function behind a real HTTP server."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from functions.sales.handler import handler
from infra.local.outputs import Outputs
from shared.aws import clients
from tests.cli.conftest import Ripen
from tests.conftest import Aws, Context


class Api(BaseHTTPRequestHandler):
    """Passes a request to the function as the HTTP API does."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        answer: Any = handler(
            {
                "rawPath": parts.path,
                "headers": {name.lower(): value for name, value in self.headers.items()},
                "queryStringParameters": dict(parse_qsl(parts.query)),
                "body": self.rfile.read(int(self.headers.get("content-length") or 0)).decode(),
                "isBase64Encoded": False,
                "requestContext": {"http": {"method": self.command, "path": parts.path}},
            },
            Context(),
        )
        self.send_response(answer["statusCode"])
        self.end_headers()
        self.wfile.write(answer["body"].encode())

    do_POST = do_GET  # noqa: N815 - the server's name for it
    do_DELETE = do_GET  # noqa: N815 - as above

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def _stage(aws: Aws, local_stage: Callable[..., Outputs]) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    local_stage(api_url=f"http://127.0.0.1:{server.server_port}")
    clients.dynamodb()  # made before the command turns the AWS clients of its process to the stage
    clients.secrets()
    yield
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.usefixtures("_stage")
def test_somebody_goes_away_is_listed_so_and_comes_back(ripen: Ripen):
    said = ripen("owner", "away", "jonas", "--from", "2098-12-27", "--until", "2098-12-31", "--by", "helena")
    assert said.code == 0, said.err
    assert "Jonas Weber is away 2098-12-26T23:00:00Z to 2098-12-31T23:00:00Z (helena)." in said.out
    listed = " ".join(ripen("owners").out.split())
    assert "jonas │ Jonas Weber │ dach │ 1 │ 0 of 8 │ 2098-12-26T23:00:00Z to 2098-12-31T23:00:00Z (helena)" in listed
    assert "helena │ Helena Novak │ │ │ │" in listed
    assert '"id": "jonas"' in ripen("owners", "--json").out
    assert ripen("owner", "back", "jonas", "--from", "2098-12-27").out.endswith("Jonas Weber is there.\n")
    assert "2098" not in ripen("owners").out


@pytest.mark.usefixtures("_stage")
def test_what_the_api_refuses_is_said_in_its_words(ripen: Ripen):
    said = ripen("owner", "away", "nobody", "--from", "2098-12-27", "--until", "2098-12-31")
    assert said.code == 1
    assert "nobody in the playbook has this id; there is maria, jonas, priya, helena, astrid" in said.err
