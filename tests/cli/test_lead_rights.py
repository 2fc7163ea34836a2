"""`ripen lead export`, `erase` and `erasure`, against the functions behind a real HTTP server."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from cli import leads as command
from functions.erase.handler import handler as erase_function
from functions.leads import export
from functions.leads.handler import handler as leads_function
from infra.local.outputs import Outputs
from shared.aws import clients, leads
from shared.lead import Erased
from tests.cli.conftest import Ripen
from tests.conftest import Aws, Context
from tests.erasure_world import (
    EMAIL_ADDRESS,
    LEAD_ID,
    USER_ID,
    ada,
    later,
    work,
)


class Api(BaseHTTPRequestHandler):
    """Passes a request to the function as the HTTP API does."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        erasing = parts.path.endswith("/erase") or "/erasures/" in parts.path
        answer: Any = (erase_function if erasing else leads_function)(
            {
                "rawPath": parts.path,
                "headers": {name.lower(): value for name, value in self.headers.items()},
                "queryStringParameters": dict(parse_qsl(parts.query)),
                "pathParameters": {"id": parts.path.split("/")[3]},
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

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def stage(
    aws: Aws,
    erasures: str,
    local_stage: Callable[..., Outputs],
    context: Context,
) -> Iterator[None]:
    ada(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    local_stage(api_url=f"http://127.0.0.1:{server.server_port}")
    clients.sqs()  # made before the command turns the AWS clients of its process to the stage
    yield
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_export_is_one_document_whatever_the_pages(
    stage: None, ripen: Ripen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PAGE", 2)
    file = tmp_path / "ada.json"
    ran = ripen("lead", "export", "--email", EMAIL_ADDRESS, "--out", file)
    assert (ran.code, ran.err) == (0, "")
    said = json.loads(file.read_text(encoding="utf-8"))
    assert (said["schema"], said["lead_id"]) == (1, LEAD_ID)
    assert f"{len(said['items'])} items about {LEAD_ID}" in ran.out
    assert {item["kind"] for item in said["items"]} >= {"lead", "timeline", "change", "address"}
    printed = ripen("lead", "export", "--id", LEAD_ID).json
    assert printed["items"] == said["items"]


def test_an_export_that_fails_leaves_no_half_of_one_and_takes_no_older_one_away(
    stage: None, ripen: Ripen, tmp_path: Path
) -> None:
    file = tmp_path / "ada.json"
    file.write_text("of yesterday", encoding="utf-8")
    ran = ripen("lead", "export", "--id", "a" * 16, "--out", file)
    assert (ran.code, "no such lead" in ran.err) == (1, True)
    assert file.read_text(encoding="utf-8") == "of yesterday"
    assert not file.with_name("ada.json.new").exists()


def test_nobody_is_erased_without_yes(stage: None, ripen: Ripen) -> None:
    ran = ripen("lead", "erase", "--email", EMAIL_ADDRESS, "--reason", "asked")
    assert ran.code == 1
    assert "say --yes" in ran.err
    assert leads.get_lead(LEAD_ID) is not None


@pytest.mark.parametrize(
    "who", [["--email", EMAIL_ADDRESS], ["--user-id", USER_ID], ["--id", LEAD_ID]], ids=["email", "user id", "id"]
)
def test_an_erasure_is_waited_for_and_proved(
    who: list[str], stage: None, ripen: Ripen, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    def carry_on(_seconds: float) -> None:
        url = aws.erasures_queue_url
        for message in aws.messages(url):
            with later(monkeypatch):
                work(message["erasure"])

    monkeypatch.setattr(command.time, "sleep", carry_on)
    ran = ripen("lead", "erase", *who, "--by", "maria", "--reason", "asked by mail", "--yes")
    assert (ran.code, ran.err) == (0, "")
    said_here = "\n".join(
        line for line in ran.out.splitlines() if not line.startswith('{"')
    )  # the functions' own go by
    first, _, proof = said_here.partition("\n")
    assert "There is no such lead any more." in first
    said = json.loads(proof)
    assert (said["state"], said["by"], said["reason"]) == ("done", "maria", "asked by mail")
    assert ripen("lead", "erasure", said["erasure"]).json == said
    assert isinstance(leads.load([LEAD_ID])[LEAD_ID], Erased)


def test_who_does_not_wait_is_told_the_erasures_name(stage: None, ripen: Ripen) -> None:
    ran = ripen("lead", "erase", "--id", LEAD_ID, "--reason", "asked", "--by", "maria", "--yes", "--no-wait")
    assert ran.code == 0
    name = ran.out.split("Erasure ")[1].split()[0]
    assert ripen("lead", "erasure", name).json["state"] == "working"


def test_what_the_api_refuses_is_said_in_its_words(stage: None, ripen: Ripen) -> None:
    for arguments, words in (
        (["erase", "--email", "nobody@example.com", "--reason", "x", "--by", "m", "--yes"], "404: no such lead"),
        (["erase", "--id", LEAD_ID, "--reason", "as a@b.example asked", "--by", "m", "--yes"], "400: reason: must not"),
        (["export", "--email", "nobody@example.com"], "404: no such lead"),
        (["erasure", "x"], "404: no such erasure"),
    ):
        ran = ripen("lead", *arguments)
        assert (ran.code, words in ran.err) == (1, True)
    assert leads.get_lead(LEAD_ID) is not None


@pytest.mark.parametrize(
    "said", [["erase"], ["erase", "--id", "x"], ["erase", "--id", "x", "--email", "y", "--reason", "z"], ["export"]]
)
def test_who_and_why_must_be_said(said: list[str], ripen: Ripen) -> None:
    assert ripen("lead", *said).code == 2
