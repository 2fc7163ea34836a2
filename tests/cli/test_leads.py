"""`ripen lead show`, `ripen lead adjust` and `ripen leads`, against the deployed functions behind a real HTTP server."""

import getpass
import json
import socket
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import pytest

from functions.ingest.handler import handler as ingest
from functions.leads.handler import handler
from functions.score.handler import handler as score
from infra.local.outputs import Outputs
from shared.aws import clients
from shared.identity import home
from shared.instants import DAY, HOUR, instant_text, parse_instant
from tests.cli.conftest import Ripen
from tests.conftest import IDENTITY_SECRET, Aws, Context
from tests.functions.test_score import NOW, event, message, records


class Api(BaseHTTPRequestHandler):
    """Passes a request to the function as the HTTP API does."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        size = int(self.headers.get("content-length") or 0)
        function = ingest if parts.path.endswith(("/adjustments", "/verdicts")) else handler
        answer = function(
            {
                "rawPath": parts.path,
                "headers": {name.lower(): value for name, value in self.headers.items()},
                "queryStringParameters": dict(parse_qsl(parts.query)),
                "pathParameters": {"id": parts.path.removesuffix("/mailing").rpartition("/")[2]},
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
    clients.sqs()  # made before the command turns the AWS clients of its process to the stage
    yield home("user", "ann", IDENTITY_SECRET)
    server.shutdown()
    thread.join()
    server.server_close()


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


def test_points_are_given_by_hand_to_an_id_or_an_address(ripen: Ripen, ann: str, aws: Aws) -> None:
    given = ripen("lead", "adjust", ann, "--points", "12.5", "--reason", "Met at the [fair]", "--by", "maria")
    assert (given.code, given.err) == (0, "")
    assert f"+12.5 for {ann}, by maria: Met at the [fair]." in given.out
    taken = ripen(
        "lead", "adjust", "--email", "Ann@Example.com", "--points", "-5", "--reason", "Student", "--for", "30 days"
    )
    assert taken.code == 0
    messages = aws.messages(aws.events_queue_url)
    first, second = [said for message in messages for said in message["events"]]
    assert [message["source"] for message in messages] == ["system", "system"]
    assert first["event_id"] in given.out
    assert (first["lead_id"], first["properties"]) == (
        ann,
        {"points": 12.5, "reason": "Met at the [fair]", "by": "maria"},
    )
    assert (second["lead_id"], second["properties"]["points"]) == (ann, -5)
    assert second["properties"]["by"] == getpass.getuser()
    days = parse_instant(second["properties"]["until"]) - parse_instant(second["occurred_at"])
    assert abs(days - 30 * DAY) <= 2


def test_points_by_hand_are_a_line_of_the_score_once(ripen: Ripen, ann: str, aws: Aws) -> None:
    for _ in range(2):
        ripen("lead", "adjust", ann, "--points", "12.5", "--reason", "Met at the [fair]", "--by", "maria")
    bodies = aws.messages(aws.events_queue_url)
    assert len(bodies) == 2
    before = ripen("lead", "show", "--id", ann, "--json").json["score"]["total"]
    for _ in range(2):
        score(records(*((str(number), body) for number, body in enumerate(bodies))), Context())
    shown = ripen("lead", "show", "--id", ann, "--json").json["score"]
    (line,) = [line for line in shown["lines"] if line["kind"] == "adjustment"]
    assert line["points"] == 12.5
    assert "Met at the [fair]" in line["label"]
    assert shown["total"] - before == pytest.approx(12.5, abs=0.01)  # the rest fades meanwhile
    assert "Met at the [fair]" in ripen("lead", "show", "--id", ann).out


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (["--points", "0", "--reason", "x"], "400: points must lie between -1000 and 1000 and not be 0"),
        (["--points", "1e9", "--reason", "x"], "400: points must lie"),
        (["--points", "nan", "--reason", "x"], "400: points must be a finite number"),
        (["--points", "1", "--reason", " "], "400: reason must be text and not empty"),
    ],
)
def test_points_that_cannot_be_given_are_refused_in_the_words_of_the_api(
    ripen: Ripen, ann: str, said: list[str], words: str
) -> None:
    ran = ripen("lead", "adjust", ann, *said)
    assert ran.code == 1
    assert words in ran.err


def test_points_for_somebody_unknown_are_refused(ripen: Ripen, ann: str, aws: Aws) -> None:
    for whom in (["--email", "nobody@example.com"], ["not-an-id"]):
        ran = ripen("lead", "adjust", *whom, "--points", "1", "--reason", "x")
        assert (ran.code, "no such lead" in ran.err) == (1, True)
    assert aws.messages(aws.events_queue_url) == []


@pytest.mark.parametrize(
    "said", [[], ["id"], ["id", "--points", "1"], ["id", "--email", "a@b.example", "--points", "1", "--reason", "x"],
             ["id", "--points", "ten", "--reason", "x"], ["id", "--points", "1", "--reason", "x", "--for", "a while"],
             ["id", "--points", "1", "--reason", "x", "--for", "0 days"]],
)  # fmt: skip
def test_who_how_much_and_why_must_be_said(ripen: Ripen, said: list[str]) -> None:
    assert ripen("lead", "adjust", *said).code == 2


def test_a_verdict_by_hand_is_taken_and_what_is_wrong_with_one_is_said(aws: Aws, ann: str, ripen: Ripen):
    window = ("--from", instant_text(NOW - DAY), "--until", instant_text(NOW - HOUR))
    given = ripen("lead", "judge", ann, "--verdict", "machine", *window, "--reason", "A [load] test", "--by", "maria")
    assert (given.code, given.err) == (0, "")
    assert f"machine for {ann} from {window[1]} until {window[3]}, by maria: A [load] test." in given.out
    (message_,) = aws.messages(aws.events_queue_url)
    (said,) = message_["events"]
    assert (said["name"], said["lead_id"], said["event_id"] in given.out) == ("Visit Judged", ann, True)
    assert said["properties"]["by"] == "maria"
    turned = ripen(
        "lead",
        "judge",
        "--email",
        "ann@example.com",
        "--verdict",
        "human",
        "--from",
        window[3],
        "--until",
        window[1],
        "--reason",
        "x",
    )
    assert turned.code == 1
    assert "from lies after until" in turned.err


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"HTTP/1.0 200 OK\r\ncontent-length: 99\r\n\r\n{", "does not answer: IncompleteRead"),
        (b"220 mail.example.com ESMTP\r\n", "does not answer: 220 mail.example.com"),
        (b"HTTP/1.0 200 OK\r\n\r\n<html>Please log in</html>", "is the address right?"),
        (b"HTTP/1.0 200 OK\r\n\r\n5", "is the address right?"),
    ],
    ids=["half an answer", "another protocol", "a page", "a number"],
)
def test_what_answers_in_place_of_the_stage_is_told_with_its_address(
    answer: bytes, problem: str, ripen: Ripen, local_stage: Callable[..., Outputs]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        local_stage(api_url=f"http://127.0.0.1:{port}")

        def once() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)

        thread = threading.Thread(target=once)
        thread.start()
        ran = ripen("leads")
        thread.join()
    assert (ran.code, ran.out) == (1, "")
    assert f"ripen: http://127.0.0.1:{port} " in ran.err
    assert problem in ran.err
