"""One set of requests has one score: over HTTP and the queue, from a file without AWS, and by the rules alone."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from functions.ingest import handler as ingest
from functions.leads import handler as leads
from functions.score import handler as score
from infra.local.demo.audience import Call
from shared.aws import playbooks
from shared.instants import DAY, HOUR, MINUTE, instant_text
from shared.intake.segment import read_batch
from shared.keys import mint_key
from shared.lead import LeadEvent
from shared.rules.model import ScoringModel, scoring_model
from shared.rules.replay import gathered
from shared.rules.score_view import lead_score_view
from tests.audience_events import AS_OF, _said, calls_of
from tests.cli.conftest import Ripen, ripen  # noqa: F401 - a fixture
from tests.conftest import SIGNING_SECRET, Aws, Context

PUBLIC, SERVER, ADMIN = (mint_key(kind, "test", SIGNING_SECRET) for kind in ("public", "server", "admin"))
TOGETHER = 12
"""Calls of one request."""

MOST_DELAY = MINUTE - 1
"""Seconds between sending and receiving up to which a client's clock is believed."""

Request = tuple[dict[str, Any], int]
"""The body of a batch, and when it was received."""


@pytest.fixture(scope="module")
def requests() -> list[Request]:
    """
    What some people of the demo's audience did, in requests like those of a server and a browser.

    Each is sent when its last call happened and received within a minute; one comes twice, one has calls that cannot be
    used, and what a browser says of a visitor comes with a public key.
    """
    calls = [call for call in calls_of(range(0, 300, 9)) if call.kind != "form"]
    public = [call for call in calls if call.kind == "page"]
    server = [call for call in calls if call.kind != "page"]
    made: list[Request] = []
    for key, said in ((PUBLIC, public), (SERVER, server)):
        for start in range(0, len(said), TOGETHER):
            together = said[start : start + TOGETHER]
            sent_at = max(call.at for call in together)
            delay = len(made) * 7 % (MOST_DELAY + 1)
            body = {"batch": [call_body(call) for call in together], "sentAt": instant_text(sent_at), "writeKey": key}
            made.append((body, sent_at + delay))
    made[3][0]["batch"] += [{"type": "track", "event": "Nobody's"}, {"type": "unheard of", "userId": "u"}, 5]
    made.append(made[1])
    return sorted(made, key=lambda request: request[1])


@pytest.fixture(autouse=True)
def _no_playbook_of_another_test() -> Iterator[None]:
    playbooks.forget()
    yield
    playbooks.forget()


def call_body(call: Call) -> dict[str, Any]:
    """Return the call as an SDK puts it into a batch."""
    return {
        "type": call.kind,
        "messageId": call.message_id,
        "timestamp": instant_text(call.at),
        "userId": call.user_id,
        "anonymousId": call.anonymous_id,
        **_said(call),
    }


def over_http(requests: list[Request], aws: Aws, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """Post the requests, and let the score function work off the queue, every second message twice."""
    for body, received_at in requests:
        monkeypatch.setattr(ingest, "time", SimpleNamespace(time=lambda at=received_at: at + 0.5))
        posted = {"rawPath": "/v1/batch", "headers": {}, "body": json.dumps(body), "isBase64Encoded": False}
        assert ingest.handler(posted, context)["statusCode"] == 200
    messages = aws.messages(aws.events_queue_url)
    records = [
        {"messageId": f"m{number}", "body": json.dumps(body), "eventSource": "aws:sqs"}
        for number, body in enumerate(messages)
    ]
    for batch in (records, records[::2]):
        assert score.handler({"Records": batch}, context) == {"batchItemFailures": []}


def asked(address: str, context: Context, at: int = AS_OF) -> str:
    """Return the score of the lead with the address at the instant, as the API says it."""
    answer = leads.handler(
        {
            "rawPath": "/v1/leads/lookup",
            "requestContext": {"http": {"method": "POST", "path": "/v1/leads/lookup"}},
            "headers": {"authorization": f"Bearer {ADMIN}"},
            "queryStringParameters": {"as_of": instant_text(at)},
            "body": json.dumps({"email": address}),
        },
        context,
    )
    assert answer["statusCode"] == 200, answer["body"]
    return text(json.loads(answer["body"])["score"])


def text(said: Any) -> str:
    return json.dumps(said, ensure_ascii=False)


def by_the_rules(requests: list[Request], model: ScoringModel) -> dict[str, str]:
    events: list[LeadEvent] = []
    for body, received_at in requests:
        intake = "public" if body["writeKey"] == PUBLIC else "server"
        events += read_batch(body, intake=intake, received_at=received_at)[0]
    found = gathered(events, model, "a naming key of its own").leads()
    return {
        str(lead.value("email")): text(lead_score_view(lead, model, AS_OF)) for lead in found if lead.proven("email")
    }


def test_http_file_and_rules_say_the_same_to_the_letter(
    requests: list[Request],
    aws: Aws,
    playbook: dict[str, Any],
    context: Context,
    ripen: Ripen,  # noqa: F811 - the fixture
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    pure = by_the_rules(requests, scoring_model(playbook))
    file = tmp_path / "requests.jsonl"
    file.write_text("\n".join(json.dumps(body) for body, _ in requests), encoding="utf-8")
    ran = ripen("score", file, "--as-of", instant_text(AS_OF), "--json")
    offline = {lead["who"]: text(lead["score"]) for lead in ran.json["leads"] if "@" in lead["who"]}
    over_http(requests, aws, context, monkeypatch)
    api = {address: asked(address, context) for address in pure}
    assert api == pure
    assert offline == pure
    assert len(pure) > 20
    assert sum('next_change_at": "2' in each for each in pure.values()) > 5
    assert ran.err.count("not counted") == 3


def test_http_and_file_say_the_same_of_the_past(
    requests: list[Request],
    aws: Aws,
    playbook: dict[str, Any],
    context: Context,
    ripen: Ripen,  # noqa: F811 - the fixture
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    """A file asked about an instant between its events forgets what came later, as the API does."""
    file = tmp_path / "requests.jsonl"
    file.write_text("\n".join(json.dumps(body) for body, _ in requests), encoding="utf-8")
    over_http(requests, aws, context, monkeypatch)
    at = AS_OF - 12 * DAY
    leads_then = ripen("score", file, "--as-of", instant_text(at), "--json").json["leads"]
    offline = {lead["who"]: text(lead["score"]) for lead in leads_then if "@" in lead["who"]}
    assert offline == {address: asked(address, context, at) for address in offline}
    assert len(offline) > 15


def test_a_score_says_everything_a_reader_asks_about(requests: list[Request], playbook: dict[str, Any]):
    for said in map(json.loads, by_the_rules(requests, scoring_model(playbook)).values()):
        assert set(said) == {
            "total", "fit", "engagement", "grade", "level", "quadrant", "band", "excluded", "blocked", "lines", "rules",
            "next_change_at",
        }  # fmt: skip
        assert said["rules"] == sorted(
            {line["rule"] for line in said["lines"] if line["kind"] in ("fit", "engagement")}
        )
        assert round(sum(line["points"] for line in said["lines"]) * 1000) == round(said["total"] * 1000)


def test_a_late_clock_is_corrected_alike_when_the_file_says_when_it_was_received(
    aws: Aws,
    playbook: dict[str, Any],
    context: Context,
    ripen: Ripen,  # noqa: F811 - the fixture
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    """Beyond a minute the sender's clock is off: a file then needs `receivedAt` to know what the stage knew."""
    sent_at, received_at = AS_OF - 30 * HOUR, AS_OF - HOUR
    who = {"userId": "u", "timestamp": instant_text(sent_at)}
    body = {
        "batch": [
            {"type": "identify", "messageId": "1", "traits": {"email": "ada@buyer.example"}, **who},
            {"type": "track", "messageId": "2", "event": "Trial Started", **who},
        ],
        "sentAt": instant_text(sent_at),
        "writeKey": SERVER,
    }
    over_http([(body, received_at)], aws, context, monkeypatch)
    file = tmp_path / "requests.jsonl"
    file.write_text(json.dumps(body | {"receivedAt": instant_text(received_at)}), encoding="utf-8")
    (lead,) = ripen("score", file, "--as-of", instant_text(AS_OF), "--json").json["leads"]
    assert text(lead["score"]) == asked("ada@buyer.example", context)
    assert [line["decayed_from"] is not None for line in lead["score"]["lines"]] == [True]


def test_machines_are_told_apart_alike(
    aws: Aws,
    playbook: dict[str, Any],
    context: Context,
    ripen: Ripen,  # noqa: F811 - the fixture
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    """A visit of more pages than a person reads, a crawler on the same browser, and a page somebody did read."""
    began = AS_OF - 30 * HOUR
    login = {"type": "identify", "messageId": "l", "timestamp": instant_text(began), "userId": "u", "anonymousId": "a"}
    server = {"batch": [login | {"traits": {"email": "ada@buyer.example"}}], "writeKey": SERVER}
    crawler = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
    made: list[Request] = [(server | {"sentAt": instant_text(began)}, began)]
    for at, pages, path, agent in (
        (began + HOUR, 25, "/pricing", "Firefox"),
        (began + 4 * HOUR, 1, "/customers/a", crawler),
        (began + 8 * HOUR, 1, "/product/a", "Firefox"),
    ):
        views = [
            {"type": "page", "messageId": f"{at}{n}", "timestamp": instant_text(at + n // 5), "anonymousId": "a",
             "properties": {"path": path}, "context": {"userAgent": agent}}
            for n in range(pages)
        ]  # fmt: skip
        made.append(({"batch": views, "sentAt": instant_text(at + 5), "writeKey": PUBLIC}, at + 5))
    pure = by_the_rules(made, scoring_model(playbook))
    file = tmp_path / "requests.jsonl"
    file.write_text("\n".join(json.dumps(body) for body, _ in made), encoding="utf-8")
    (lead,) = ripen("score", file, "--as-of", instant_text(AS_OF), "--json").json["leads"]
    over_http(made, aws, context, monkeypatch)
    assert text(lead["score"]) == asked("ada@buyer.example", context) == pure["ada@buyer.example"]
    assert [line["rule"] for line in lead["score"]["lines"]] == ["product_page"]
