"""`ripen suppress`, against the function behind a real HTTP server."""

import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from functions.mail_feedback.handler import handler
from infra.local.outputs import Outputs
from shared.aws import addresses, clients
from shared.identity import address_hash
from shared.instants import parse_instant
from tests.cli.conftest import Ripen
from tests.conftest import IDENTITY_SECRET, Aws, Context

ADA = "ada@example.com"


class Api(BaseHTTPRequestHandler):
    """Passes a request to the function as the HTTP API does."""

    def do_POST(self) -> None:
        answer: Any = handler(
            {
                "rawPath": self.path,
                "headers": {name.lower(): value for name, value in self.headers.items()},
                "body": self.rfile.read(int(self.headers.get("content-length") or 0)).decode(),
                "isBase64Encoded": False,
                "requestContext": {"http": {"method": self.command, "path": self.path}},
            },
            Context(),
        )
        self.send_response(answer["statusCode"])
        self.end_headers()
        self.wfile.write(answer["body"].encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
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


def suppressed(email: str) -> str | None:
    return addresses.get_address(address_hash(email, IDENTITY_SECRET)).suppressed


def test_an_address_is_suppressed_shown_and_allowed_again(ripen: Ripen):
    said = ripen("suppress", "add", ADA, "--reason", "asked on the phone", "--by", "maria")
    assert (said.code, said.out) == (0, f"{ADA} is suppressed: no mail goes there.\n"), said.err
    assert "already" in ripen("suppress", "add", ADA, "--reason", "asked again", "--by", "maria").out
    assert ripen("suppress", "list-one", ADA).json["suppressed"] == "manual"
    said = ripen("suppress", "remove", ADA, "--reason", "it was another Ada", "--by", "maria")
    assert said.code == 0, said.err
    assert "may be mailed again" in said.out
    assert suppressed(ADA) is None
    said = ripen("suppress", "remove", ADA, "--reason", "once more", "--by", "maria")
    assert (said.code, "the address is not suppressed" in said.err) == (1, True)


def test_a_list_is_taken_over_and_can_be_sent_again(ripen: Ripen, tmp_path: Path):
    file = tmp_path / "list.csv"
    lines = [f"p{number}@example.com,hard_bounce,2026-01-05T09:00:00+01:00" for number in range(120)]
    file.write_text(
        "\ufeffAddress,Reason,At\n" + "\n".join(lines) + "\nleft@example.com,unsubscribed,\n", encoding="utf-8"
    )
    said = ripen("suppress", "import", file, "--by", "maria")
    assert said.code == 0, said.err
    assert said.out.endswith("121 of 121 sent, 121 new\n")
    held = addresses.get_address(address_hash("p119@example.com", IDENTITY_SECRET))
    assert (held.suppressed, held.suppressed_at) == ("bounced", parse_instant("2026-01-05T08:00:00Z"))
    left = addresses.get_address(address_hash("left@example.com", IDENTITY_SECRET))
    assert left.suppressed is None
    assert left.stopped_at is not None
    again = ripen("suppress", "import", file, "--by", "maria").out
    assert re.search("121 of 121 sent, [01] new", again), "the one without a time, unless the second is still the same"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("who,reason\n", "must name the columns address, reason"),
        ("address,reason\nada@example.com,bounced\nnobody,bounced\n", "line 3: address must be a mail address"),
        ("address,reason\nada@example.com,because\n", "line 2: reason must be one of"),
        ("address,reason,at\nada@example.com,bounced,2026-01-05\n", "line 2: at must be a time with a zone"),
        ("address,reason\nada love@example.com,bounced\n", "line 2: address must be a mail address"),
        (f"address,reason\n{'a' * 250}@example.com,bounced\n", "line 2: address must be a mail address"),
        (f"address,reason\n{'a' * 200_000}@example.com,bounced\n", "is no CSV file"),
    ],
)
def test_a_file_with_a_wrong_line_is_not_sent_at_all(ripen: Ripen, tmp_path: Path, aws: Aws, text: str, why: str):
    file = tmp_path / "list.csv"
    file.write_text(text, encoding="utf-8")
    said = ripen("suppress", "import", file)
    assert said.code == 1
    assert why in said.err
    assert aws.items() == []


def test_a_file_in_another_encoding_is_told_and_not_sent(ripen: Ripen, tmp_path: Path, aws: Aws):
    file = tmp_path / "list.csv"
    file.write_bytes("address,reason\njörg@example.com,bounced\n".encode("latin-1"))
    said = ripen("suppress", "import", file)
    assert (said.code, "save it as CSV in UTF-8" in said.err) == (1, True)
    assert aws.items() == []
