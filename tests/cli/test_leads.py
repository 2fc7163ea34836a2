"""`ripen lead show` and `ripen leads`, against the deployed function behind a real HTTP server."""

import json
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import pytest

from functions.leads.handler import handler, model
from functions.score.handler import handler as score
from functions.score.handler import model as score_model
from infra.local.outputs import Outputs
from shared.identity import home
from shared.instants import HOUR, instant_text
from tests.cli.conftest import Ripen
from tests.conftest import IDENTITY_SECRET, Aws, Context
from tests.functions.test_score import NOW, event, message, records


class Api(BaseHTTPRequestHandler):
    """Passes a request to the function as the HTTP API does."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        size = int(self.headers.get("content-length") or 0)
        answer = handler(
            {
                "rawPath": parts.path,
                "headers": dict(self.headers),
                "queryStringParameters": dict(parse_qsl(parts.query)),
                "pathParameters": {"id": parts.path.rpartition("/")[2]},
                "body": self.rfile.read(size).decode(),
                "isBase64Encoded": False,
                "requestContext": {"http": {"method": self.command, "path": parts.path}},
            },
            Context(),  # type: ignore[arg-type]
        )
        self.send_response(answer["statusCode"])
        self.end_headers()
        self.wfile.write(answer["body"].encode())

    do_POST = do_GET  # noqa: N815 - the server's name for it

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def ann(aws: Aws, local_stage: Callable[..., Outputs]) -> Iterator[str]:
    """A lead at an API of its own; the fixture is its id."""
    for each in (model, score_model):
        each.cache_clear()
    said = {"title": "Director", "first_name": "Ann", "last_name": "[red]Lee", "company": {"name": "Acme"}}
    events = (
        event("1", "Identified", NOW - 3 * HOUR, user_id="ann", email="ann@example.com", traits=said),
        event("2", "Demo Requested", NOW - HOUR, user_id="ann"),
    )
    score(records(("m1", message(*events))), Context())
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    local_stage(api_url=f"http://127.0.0.1:{server.server_port}")
    yield home("email", "ann@example.com", IDENTITY_SECRET)
    server.shutdown()
    thread.join()
    server.server_close()
    for each in (model, score_model):
        each.cache_clear()


def test_a_lead_is_shown_line_by_line(ripen: Ripen, ann: str) -> None:
    by_email = ripen("lead", "show", "--email", "ann@example.com", "--as-of", instant_text(NOW))
    assert (by_email.code, by_email.err) == (0, "")
    for said in ("Ann [red]Lee", ann, "Acme", "Asked for a demo", "+39.962", "59.962", "stage mql", instant_text(NOW)):
        assert said in by_email.out
    assert ripen("lead", "show", "--id", ann, "--as-of", instant_text(NOW)).out == by_email.out


def test_json_is_what_the_api_said(ripen: Ripen, ann: str) -> None:
    lead = json.loads(
        ripen("lead", "show", "--id", ann, "--as-of", instant_text(NOW), "--json").out, parse_float=Decimal
    )
    assert lead["lead_id"] == ann
    assert sum(line["points"] for line in lead["score"]["lines"]) == lead["score"]["total"]


def test_leads_are_listed_best_first(ripen: Ripen, ann: str) -> None:
    listed = ripen("leads", "--as-of", instant_text(NOW))
    assert listed.code == 0
    assert ann in listed.out
    assert "Director, Acme" in listed.out
    assert ann not in ripen("leads", "--band", "sales_ready", "--as-of", instant_text(NOW)).out
    assert ripen("leads", "--band", "engaged", "--json").json["leads"][0]["lead_id"] == ann


def test_who_is_unknown_or_asked_for_wrongly_is_said_in_the_words_of_the_api(ripen: Ripen, ann: str) -> None:
    nobody = ripen("lead", "show", "--email", "nobody@example.com")
    assert (nobody.code, nobody.err.strip()) == (1, "ripen: the API answered 404: no such lead")
    too_many = ripen("leads", "--limit", "1000")
    assert too_many.code == 1
    assert "limit" in too_many.err


def test_an_api_that_is_gone_is_named(ripen: Ripen, local_stage: Callable[..., Outputs]) -> None:
    local_stage(api_url="http://127.0.0.1:9")
    ran = ripen("leads")
    assert ran.code == 1
    assert "http://127.0.0.1:9 does not answer" in ran.err


def test_one_of_address_and_id_must_be_given(ripen: Ripen) -> None:
    assert ripen("lead", "show").code == 2
    assert ripen("lead", "show", "--email", "a@b.example", "--id", "x").code == 2
