"""Requests in API Gateway's shape through the handler, under moto: what is answered, and what stands on the queue."""

import base64
import gzip
import json
import logging
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from functions.ingest import handler as ingest
from shared import telemetry
from shared.aws import clients, playbooks, secret_values
from shared.bundle import playbook_document
from shared.errors import DeliveryError
from shared.instants import parse_instant
from shared.intake import segment
from shared.intake.segment import SCORE_ADJUSTED
from shared.keys import KeyKind, mint_key
from shared.lead import LeadEvent
from shared.rules import facts
from tests.conftest import create_table

SAMPLES = Path(__file__).parents[2] / "events"
SECRET = "a signing secret of the tests"
PUBLIC = mint_key("public", "website", SECRET)
SERVER = mint_key("server", "backend", SECRET)
ADMIN = mint_key("admin", "ops", SECRET)
NOW = parse_instant("2026-11-22T00:06:20Z")
CONTEXT = SimpleNamespace(
    function_name="ingest",
    memory_limit_in_mb=256,
    invoked_function_arn="arn:aws:lambda:eu-north-1:123456789012:function:ingest",
    aws_request_id="00000000-0000-4000-8000-000000000001",
)


class Intake:
    """The deployed function as its clients see it, and the queue behind it."""

    def __init__(self, queue_url: str) -> None:
        self.queue_url = queue_url

    def post(self, path: str, body: Any, *, key: str | None = SERVER, **headers: str) -> dict[str, Any]:
        """Send the body (text, bytes, or a value written as JSON) and return the answer."""
        text = body if isinstance(body, str | bytes) else json.dumps(body)
        event = {
            "rawPath": path,
            "headers": {"content-type": "application/json", **headers},
            "body": base64.b64encode(text).decode() if isinstance(text, bytes) else text,
            "isBase64Encoded": isinstance(text, bytes),
        }
        if key is not None:
            event["headers"]["authorization"] = basic(f"{key}:")
        return self.deliver(event)

    def deliver(self, event: dict[str, Any]) -> dict[str, Any]:
        answer = ingest.handler(event, CONTEXT)
        assert set(answer) == {"statusCode", "headers", "body"}
        return answer

    def queued(self) -> list[dict[str, Any]]:
        """Take every message off the queue."""
        messages: list[dict[str, Any]] = []
        while taken := clients.sqs().receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get("Messages"):
            for message in taken:
                messages.append(json.loads(message["Body"]))
                clients.sqs().delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return messages

    def queued_events(self) -> list[LeadEvent]:
        return [
            LeadEvent.from_json(said, source=message["source"], received_at=parse_instant(message["received_at"]))
            for message in self.queued()
            for said in message["events"]
        ]


def basic(credentials: str) -> str:
    return "Basic " + base64.b64encode(credentials.encode()).decode()


def answered(answer: dict[str, Any]) -> dict[str, Any]:
    assert answer["headers"]["content-type"] == "application/json"
    return json.loads(answer["body"])


def sample(name: str) -> dict[str, Any]:
    """Return a sample request of events/, with keys that this test's secret signed."""
    event = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))

    def signed(text: str) -> str:
        fake = "3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAA"
        for kind, key in {"public_website": PUBLIC, "server_backend": SERVER, "admin_ops": ADMIN}.items():
            text = text.replace(f"{kind}_{fake}", key)
        return text

    headers = event["headers"]
    if "authorization" in headers:
        scheme, _, credentials = headers["authorization"].partition(" ")
        headers["authorization"] = (
            f"{scheme} {signed(credentials)}" if scheme == "Bearer" else basic(signed(_text(credentials)))
        )
    body = event["body"]
    event["body"] = (
        base64.b64encode(signed(_text(body)).encode()).decode() if event["isBase64Encoded"] else signed(body)
    )
    return event


def _text(encoded: str) -> str:
    return base64.b64decode(encoded).decode()


@pytest.fixture(scope="module")
def deployed(bundle_path: Path) -> Iterator[Intake]:
    """The queue and the secret, made once: each test takes what it queued off again."""
    with pytest.MonkeyPatch.context() as patched, mock_aws():
        patched.delenv("AWS_ENDPOINT_URL", raising=False)
        for name, value in {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "eu-north-1",
            "SIGNING_SECRET": "signing",
            "ALLOWED_REDIRECT_HOSTS": "www.example.com, 127.0.0.1:8000",
            "PLAYBOOK_PATH": str(bundle_path),
        }.items():
            patched.setenv(name, value)
        playbook_document.cache_clear()
        playbooks.forget()
        patched.setattr(telemetry.metrics.provider, "namespace", "Ripen")
        patched.setattr(ingest, "time", SimpleNamespace(time=lambda: NOW + 0.9))
        clients.forget()
        secret_values.forget()
        boto3.client("secretsmanager").create_secret(Name="signing", SecretString=SECRET)
        queue_url = boto3.client("sqs").create_queue(QueueName="events")["QueueUrl"]
        patched.setenv("EVENTS_QUEUE_URL", queue_url)
        patched.setenv("TABLE_NAME", create_table())
        yield Intake(queue_url)
    clients.forget()
    secret_values.forget()
    playbook_document.cache_clear()
    playbooks.forget()


@pytest.fixture
def intake(deployed: Intake) -> Intake:
    deployed.queued()
    return deployed


TRACK = {"userId": "u1", "event": "Demo Requested", "messageId": "m1"}


# --- what SDKs send


SDK_REQUESTS = ["python_batch", "browser_page", "browser_identify", "browser_track", "browser_group", "browser_alias"]


@pytest.mark.parametrize("name", [*SDK_REQUESTS, "curl_track", "form_urlencoded", "form_multipart", "adjustment"])
def test_the_same_request_twice_queues_the_same_events(intake: Intake, name: str) -> None:
    first = intake.deliver(sample(f"http_{name}"))
    once = intake.queued()
    again = intake.deliver(sample(f"http_{name}"))

    assert first == again
    assert once
    assert intake.queued() == once


@pytest.mark.parametrize("name", SDK_REQUESTS)
def test_an_sdk_request_is_answered_with_exactly_200_and_a_small_json_body(intake: Intake, name: str) -> None:
    answer = intake.deliver(sample(f"http_{name}"))

    assert answer["statusCode"] == 200
    assert answered(answer) == {"success": True}


def test_the_python_sdks_batch_becomes_one_message_with_every_event(intake: Intake) -> None:
    intake.deliver(sample("http_python_batch"))

    (message,) = intake.queued()
    assert message["schema"] == 1
    assert message["source"] == "server"
    assert message["received_at"] == "2026-11-22T00:06:20Z"
    identified, track, page, screen, group, alias, anonymous = message["events"]
    assert identified == {
        "event_id": "d95c9910-a592-409d-ad1d-62aa6a5936ca",
        "name": "Identified",
        "occurred_at": "2026-11-22T00:06:20Z",  # sent at the second it happened, by a clock 11.5 minutes behind
        "user_id": "lead-42",
        "email": "zoë.müller+test@exämple.example",
        "traits": {
            "email": "Zoë.Müller+test@exämple.example",
            "firstName": "Zoë",
            "company": {"name": "Ünïcode & Söhne GmbH", "employees": 250},
            "plan": None,
            "createdAt": "2026-01-02T03:04:05+00:00",
        },
    }
    assert track["name"] == "Demo Requested"
    assert track["properties"]["revenue"] == 1499.5
    assert track["context"] == {
        "userAgent": "Mozilla/5.0 test",
        "campaign": {"source": "newsletter", "medium": "email", "name": "spring"},
    }
    assert page["name"] == "Page Viewed"
    assert page["properties"] == {
        "url": "https://shop.example/pricing?utm_source=x",
        "path": "/pricing",
        "referrer": "https://www.google.com/",
        "title": "Pricing",
        "name": "Pricing",
        "category": "Docs",
    }
    assert screen["name"] == "Screen Viewed"
    assert screen["properties"] == {"build": 7, "name": "Home", "category": "Mobile"}
    assert group["name"] == "Company Identified"
    assert group["traits"] == {"company": {"name": "Acme", "industry": "Software", "employees": 120}}
    assert group["properties"] == {"group_id": "acme-1"}
    assert alias["name"] == "Aliased"
    assert (alias["user_id"], alias["properties"]) == ("lead-42", {"previous_id": "anon-7f3"})
    assert anonymous["anonymous_id"] == "anon-7f3"
    assert "user_id" not in anonymous


def test_the_browser_sdks_page_says_what_was_seen_and_proves_nothing(intake: Intake) -> None:
    intake.deliver(sample("http_browser_page"))

    (event,) = intake.queued_events()
    assert event.source == "public"
    assert event.name == "Page Viewed"
    assert event.anonymous_id == "0ff90c21-9c80-4625-9c24-bb4c3fd04d23"
    assert event.user_id is None
    assert event.occurred_at == parse_instant("2026-11-22T00:06:19Z")
    assert event.properties["path"] == "/pricing"
    assert event.properties["name"] == "Pricing"
    assert event.context["page"]["title"] == "Pricing — Shop"
    assert event.context["timezone"] == "UTC"
    assert set(event.context) == {"page", "campaign", "timezone", "locale", "userAgent"}


@pytest.mark.parametrize(
    "route", ["identify", "i", "track", "t", "page", "p", "screen", "s", "group", "g", "alias", "a"]
)
def test_long_and_short_routes_are_the_same_call(intake: Intake, route: str) -> None:
    body = {"userId": "u1", "event": "Something", "previousId": "before", "groupId": "g1", "name": "Home"}

    assert intake.post(f"/v1/{route}", body)["statusCode"] == 200
    (event,) = intake.queued_events()
    call = segment.ROUTES[route]
    assert call != "batch"
    assert event.name == segment.NAMES.get(call, "Something")


@pytest.mark.parametrize("route", ["batch", "b", "import"])
def test_every_batch_route_takes_a_batch(intake: Intake, route: str) -> None:
    assert intake.post(f"/v1/{route}", {"batch": [{"type": "track", **TRACK}]})["statusCode"] == 200
    assert [event.event_id for event in intake.queued_events()] == ["m1"]


@pytest.mark.parametrize("path", ["/v1/track/", "/prod/v1/track", "/v1/track"])
def test_a_stage_or_a_slash_around_the_path_changes_nothing(intake: Intake, path: str) -> None:
    assert intake.post(path, TRACK)["statusCode"] == 200


@pytest.mark.parametrize("path", ["/", "", "/v1/nothing", "/v2/track", "/v1/batch/more", "/v1"])
def test_another_path_is_404(intake: Intake, path: str) -> None:
    answer = intake.post(path, TRACK)

    assert answer["statusCode"] == 404
    assert set(answered(answer)) == {"code", "message"}


# --- keys


@pytest.mark.parametrize("credentials", [f"{SERVER}:", SERVER, f"{SERVER}:ignored"])
def test_a_key_is_the_user_name_of_basic_with_or_without_a_colon(intake: Intake, credentials: str) -> None:
    answer = intake.post("/v1/track", TRACK, key=None, authorization=basic(credentials))

    assert answer["statusCode"] == 200


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_padding_and_case_of_the_header_do_not_matter(intake: Intake, scheme: str) -> None:
    credentials = base64.b64encode(SERVER.encode()).decode().rstrip("=")

    assert intake.post("/v1/track", TRACK, key=None, authorization=f"{scheme}  {credentials}")["statusCode"] == 200


@pytest.mark.parametrize(("key", "source"), [(PUBLIC, "public"), (SERVER, "server")])
def test_a_key_in_the_body_is_as_good(intake: Intake, key: str, source: str) -> None:
    assert intake.post("/v1/track", {**TRACK, "writeKey": key}, key=None)["statusCode"] == 200
    assert (
        intake.post("/v1/batch", {"batch": [{"type": "track", **TRACK}], "writeKey": key}, key=None)["statusCode"]
        == 200
    )
    assert [event.source for event in intake.queued_events()] == [source, source]


OTHER_KINDS: list[KeyKind] = ["admin", "sales"]
BAD_KEYS = [
    *(mint_key(kind, "somebody", SECRET) for kind in OTHER_KINDS),
    mint_key("public", "website", "another secret"),
    PUBLIC[:-1],
    PUBLIC.replace("public", "server", 1),
    PUBLIC + "x",
    "",
    "x" * 5_000,
    "ключ",
]


@pytest.mark.parametrize("key", BAD_KEYS)
def test_any_other_key_is_401_and_nothing_is_queued(intake: Intake, key: str) -> None:
    for answer in (
        intake.post("/v1/track", TRACK, key=key),
        intake.post("/v1/track", {**TRACK, "writeKey": key}, key=None),
        intake.post("/v1/batch", {"batch": [TRACK], "writeKey": key}, key=None),
        intake.post("/forms/demo", {"email": "maria@example.com", "write_key": key}, key=None),
    ):
        assert answer["statusCode"] == 401
        assert answered(answer)["code"] == "unauthorized"
    assert intake.queued() == []


@pytest.mark.parametrize("header", ["Basic", "Basic ", "Basic %%%", "Basic /w==", f"Bearer {SERVER}", "nonsense"])
def test_a_header_that_holds_no_key_is_401(intake: Intake, header: str) -> None:
    assert intake.post("/v1/track", TRACK, key=None, authorization=header)["statusCode"] == 401


@pytest.mark.parametrize("key", [None, 7, True, ["a"], {"a": 1}])
def test_a_key_that_is_no_text_is_401(intake: Intake, key: Any) -> None:
    assert intake.post("/v1/track", {**TRACK, "writeKey": key}, key=None)["statusCode"] == 401


def test_a_wrong_key_is_refused_before_the_body_is_looked_at(intake: Intake) -> None:
    assert intake.post("/v1/track", "not json", key="wrong")["statusCode"] == 401


# --- bodies


def test_the_bytes_decide_not_the_headers(intake: Intake) -> None:
    written = json.dumps(TRACK)
    for answer in (
        intake.post("/v1/track", written, **{"content-type": "text/plain"}),
        intake.post("/v1/track", written, **{"content-type": "application/x-www-form-urlencoded"}),
        intake.post("/v1/track", written.encode()),
        intake.post("/v1/track", b"\xef\xbb\xbf" + written.encode()),
        intake.post("/v1/track", gzip.compress(written.encode(), mtime=0)),
        intake.post("/v1/track", gzip.compress(written.encode(), mtime=0), **{"content-encoding": "gzip"}),
        intake.post("/v1/track", written, **{"content-encoding": "gzip"}),
        intake.post("/v1/track", written, **{"content-encoding": "br"}),
        intake.post("/v1/track", " \n" + written, **{"content-encoding": "deflate"}),
        intake.post("/v1/track", zlib.compress(written.encode())),
        intake.post("/v1/track", zlib.compress(written.encode(), level=1)),
        intake.post("/v1/track", zlib.compress(written.encode(), level=9), **{"content-encoding": "deflate"}),
        intake.post("/v1/track", zlib.compress(written.encode(), wbits=-15), **{"content-encoding": "deflate"}),
    ):
        assert answered(answer) == {"success": True}
    assert {event.event_id for event in intake.queued_events()} == {"m1"}


BOMB = gzip.compress(b"0" * 50_000_000, mtime=0)
NESTED = '{"a":' * 100_000 + "1" + "}" * 100_000

BAD_BODIES = [
    ("", 400, "body"),
    ("   ", 400, "body"),
    ("not json", 400, "body"),
    ("[1,2]", 400, "body"),
    ("null", 400, "body"),
    ('"text"', 400, "body"),
    ('{"userId":"u1","event":"x"', 400, "body"),
    ('{"userId":"u1","event":"a\nb"}', 400, "body"),
    ('{"userId":"u1","event":"x","properties":{"n":' + "9" * 5_000 + "}}", 400, "body"),
    (b"\xff\xfe{\x00", 400, "body"),
    ('{"userId":"u1","event":"é"}'.encode("latin-1"), 400, "body"),
    ('{"userId":"u1","event":"x"}'.encode("utf-16"), 400, "body"),
    (gzip.compress(b'{"userId":"u1"}', mtime=0)[:-9], 400, "body"),
    (b"\x1f\x8bnot gzip at all", 400, "body"),
    (gzip.compress(b"{}", mtime=0) + b"more", 400, "body"),
    (gzip.compress(gzip.compress(b"{}", mtime=0), mtime=0), 400, "body"),
    (BOMB, 413, "body"),
    ("[" * 20_000, 400, "body"),
    ("[" * 100_000, 400, "body"),
    (NESTED[:100_000], 400, "body"),
    ('{"a":[' + "1," * 40_000 + "1]}", 400, "body"),
    ('{"userId":"u1","event":"x","properties":{"n":' + "9" * 641 + "}}", 400, "body"),
    (b"\x28\xb5\x2f\xfd\x04\x58", 400, "body"),
    (b"\x78\x9cnot zlib at all", 400, "body"),
    (zlib.compress(b'{"userId":"u1"}')[:-5], 400, "body"),
    ("x" * 600_000, 413, "body"),
]


@pytest.mark.parametrize(("body", "status", "field"), BAD_BODIES)
@pytest.mark.parametrize("path", ["/v1/track", "/v1/batch"])
def test_a_body_that_cannot_be_read_is_refused_by_name(
    intake: Intake, path: str, body: str | bytes, status: int, field: str
) -> None:
    answer = intake.post(path, body)

    assert answer["statusCode"] == status
    said = answered(answer)
    assert set(said) == {"code", "message", "field"}
    assert said["field"] == field
    assert intake.queued() == []


def test_a_bomb_is_never_inflated_beyond_the_cap(intake: Intake) -> None:
    tracemalloc.start()
    intake.post("/v1/batch", BOMB)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 4_000_000


def test_a_single_event_over_32_kb_is_refused(intake: Intake) -> None:
    answer = intake.post("/v1/track", {**TRACK, "properties": {"text": "y" * 40_000}})

    assert (answer["statusCode"], answered(answer)["field"]) == (413, "body")
    assert intake.queued() == []


def test_a_body_marked_base64_that_is_not_is_refused(intake: Intake) -> None:
    event = sample("http_curl_track")

    assert intake.deliver({**event, "body": "%%%", "isBase64Encoded": True})["statusCode"] == 400
    assert intake.deliver({**event, "body": "A" * 700_000, "isBase64Encoded": True})["statusCode"] == 413


def test_a_request_without_a_body_is_refused(intake: Intake) -> None:
    event = sample("http_curl_track")
    del event["body"]

    assert intake.deliver(event)["statusCode"] == 400


# --- batches


def test_one_bad_event_never_stops_the_others(intake: Intake) -> None:
    answer = intake.post(
        "/v1/batch",
        {
            "batch": [
                {"type": "track", **TRACK, "messageId": "good-1"},
                {"type": "track", "userId": "u1"},
                "nonsense",
                {"type": "track", **TRACK, "messageId": "good-2"},
                {"type": "delete", "userId": "u1"},
                {"type": "track", **TRACK, "properties": {"n": float("nan")}},
                {"type": "track", **TRACK, "properties": {"text": "y" * 40_000}},
                {"type": "page"},
                {"type": "track", **TRACK, "messageId": "good-3"},
            ]
        },
    )

    assert answer["statusCode"] == 200
    said = answered(answer)
    assert said["success"] is True
    assert [(each["index"], each["field"]) for each in said["rejected"]] == [
        (1, "event"), (2, "body"), (4, "type"), (5, "properties.n"), (6, "body"), (7, "userId"),
    ]  # fmt: skip
    assert all(each["message"] for each in said["rejected"])
    assert [event.event_id for event in intake.queued_events()] == ["good-1", "good-2", "good-3"]


def test_an_empty_batch_succeeds_and_queues_nothing(intake: Intake) -> None:
    assert answered(intake.post("/v1/batch", {"batch": []})) == {"success": True}
    assert intake.queued() == []


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 400, "batch"),
        ({"batch": None}, 400, "batch"),
        ({"batch": {"type": "track"}}, 400, "batch"),
        ({"batch": [{}] * 2_501}, 413, "batch"),
        ({"batch": [{"type": "track", **TRACK}], "sentAt": "yesterday"}, 400, "sentAt"),
        ({"batch": [{"type": "track", **TRACK}], "context": "here"}, 400, "context"),
        ({"batch": [{"type": "track", **TRACK}], "context": {"n": float("inf")}}, 400, "context.n"),
        ({"batch": [{"type": "track", **TRACK}], "context": {"text": "y" * 40_000}}, 413, "context"),
        (
            {"batch": [{"type": "track", **TRACK}] * 2_000, "context": {"page": {"url": "y" * 2_000}}},
            413,
            "batch",
        ),
    ],
)
def test_a_batch_that_cannot_be_used_as_a_whole_is_refused(
    intake: Intake, body: dict[str, Any], status: int, field: str
) -> None:
    answer = intake.post("/v1/batch", body)

    assert answer["statusCode"] == status
    assert answered(answer)["field"] == field
    assert intake.queued() == []


def test_a_full_batch_travels_in_few_messages_and_one_call(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    send = clients.sqs().send_message_batch
    monkeypatch.setattr(
        clients.sqs(), "send_message_batch", lambda **kw: calls.append(len(kw["Entries"])) or send(**kw)
    )
    batch = [
        {"type": "track", "userId": f"u{n}", "event": "Something", "messageId": f"m{n}", "properties": {"é": "é" * 40}}
        for n in range(2_500)
    ]
    body = json.dumps({"batch": batch}, ensure_ascii=False)
    assert 450_000 < len(body.encode()) < 512_000

    assert intake.post("/v1/batch", body)["statusCode"] == 200

    messages = intake.queued()
    assert calls == [len(messages)]
    assert all(len(json.dumps(message, ensure_ascii=False).encode()) < 262_144 for message in messages)
    assert [said["event_id"] for message in messages for said in message["events"]] == [f"m{n}" for n in range(2_500)]
    assert len(messages) <= 6


def test_the_largest_events_still_fit_the_queue(intake: Intake) -> None:
    batch = [
        {"type": "page", "userId": "u", "messageId": f"m{n}", "properties": {"text": "\x01" * 5_300}} for n in range(15)
    ]

    assert intake.post("/v1/batch", {"batch": batch})["statusCode"] == 200
    assert len(intake.queued_events()) == 15


def test_what_sqs_would_not_carry_is_replaced(intake: Intake) -> None:
    body = '{"userId":"u1","event":"x","messageId":"m","properties":{"a\\u0000b":"\\ud800 \\ufffe \\uffff \\u0000 \\u0007"}}'

    assert intake.post("/v1/track", body)["statusCode"] == 200
    (event,) = intake.queued_events()
    assert event.properties == {"ab": "\ufffd \ufffd \ufffd  \x07"}


# --- when the queue fails


def test_no_200_unless_the_queue_has_it(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        clients.sqs(), "send_message_batch", lambda **_: {"Failed": [{"Id": "0", "Code": "InternalError"}]}
    )

    with pytest.raises(DeliveryError):
        intake.post("/v1/track", TRACK)


def test_a_missing_queue_raises(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENTS_QUEUE_URL", intake.queue_url + "-gone")

    with pytest.raises(clients.sqs().exceptions.QueueDoesNotExist):
        intake.post("/v1/track", TRACK)


# --- forms


def test_a_plain_html_form_becomes_a_lead_event_and_sends_the_browser_on(intake: Intake) -> None:
    answer = intake.deliver(sample("http_form_urlencoded"))

    assert answer["statusCode"] == 303
    assert answer["headers"]["location"] == "https://www.example.com/thanks"
    (event,) = intake.queued_events()
    assert event.source == "public"
    assert event.name == "Form Submitted"
    assert event.email == "zoë.müller@example.com"
    assert event.occurred_at == event.received_at == NOW
    assert event.properties == {
        "form": "demo",
        "message": "We ship 40 containers a week.",
        "consent": {
            "agreed": True,
            "text": "Yes, send me useful mails. One link in each of them ends it.",
            "version": "2026-11",
            "topic": "guides",
        },
    }
    assert event.traits == {
        "email": "zoë.müller@example.com",
        "first_name": "Zoë",
        "last_name": "Müller",
        "company": "Söhne Logistik GmbH",
        "title": "Director of Operations",
        "employees": 201,
        "country": "Sweden",
        "consent": True,
    }
    assert event.context["campaign"] == {"source": "newsletter", "name": "spring"}
    assert event.context["page"] == {"url": "https://www.example.com/demo"}


def test_a_multipart_form_without_a_next_page_gets_thanks(intake: Intake) -> None:
    answer = intake.deliver(sample("http_form_multipart"))

    assert answer["statusCode"] == 200
    assert answer["headers"]["content-type"].startswith("text/html")
    assert "Thank you" in answer["body"]
    (event,) = intake.queued_events()
    assert event.properties == {"form": "webinar", "topic": "webinar"}
    assert event.traits["first_name"] == "Zoë"


def test_a_form_sent_by_a_program_gets_json(intake: Intake) -> None:
    answer = intake.post(
        "/forms/demo",
        {"email": "maria@example.com", "write_key": PUBLIC, "next": "https://www.example.com/"},
        key=None,
        accept="application/json",
    )

    assert answered(answer) == {"success": True}
    assert [event.email for event in intake.queued_events()] == ["maria@example.com"]


def test_a_filled_honeypot_looks_like_success_and_is_kept_as_a_machines(intake: Intake) -> None:
    post = "email=maria%40example.com&next=https%3A%2F%2Fwww.example.com%2F&write_key=" + PUBLIC

    caught = intake.post("/forms/demo", post + "&website=http%3A%2F%2Fspam.example", key=None)
    assert caught == intake.post("/forms/demo", post + "&website=", key=None)
    verdicts = [(event.verdict, event.verdict_reason) for event in intake.queued_events()]
    assert verdicts == [("machine", "the hidden field was filled"), ("human", "")]


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/", "//www.example.com/", "/thanks", "javascript:alert(1)", "http://www.example.com@evil.example/",
        "https://www.example.com.evil.example/", "https://evil.example\\@www.example.com/", "https:www.example.com",
        "https://www.example.com:8080x/", "https://[/", "https://user@www.example.com/", "ftp://www.example.com/",
        "https://www.example.com/\r\nset-cookie: a=b", "http://127.0.0.1:9000/", "https://xwww.example.com/", "data:text/html,hi",
    ],
)  # fmt: skip
def test_no_form_sends_people_to_a_place_that_is_not_listed(intake: Intake, target: str) -> None:
    body = {"email": "maria@example.com", "write_key": PUBLIC, "next": target}

    answer = intake.post("/forms/demo", body, key=None, accept="text/html")

    assert answer["statusCode"] == 200
    assert "location" not in answer["headers"]
    assert len(intake.queued()) == 1


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("https://www.example.com/tack?på=1", "https://www.example.com/tack?p%C3%A5=1"),
        ("HTTPS://WWW.Example.com/", "HTTPS://WWW.Example.com/"),
        ("http://127.0.0.1:8000/thanks.html", "http://127.0.0.1:8000/thanks.html"),
    ],
)
def test_a_listed_place_is_gone_to(intake: Intake, target: str, location: str) -> None:
    body = {"email": "maria@example.com", "write_key": PUBLIC, "next": target}

    answer = intake.post("/forms/demo", body, key=None, accept="text/html")

    assert answer["statusCode"] == 303
    assert answer["headers"]["location"] == location


def test_a_server_key_proves_by_header_and_not_from_a_page(intake: Intake) -> None:
    body = "email=maria%40example.com"
    keyed = f"{body}&write_key={SERVER}"

    assert intake.post("/forms/demo", body, key=SERVER)["statusCode"] == 200
    assert intake.post("/forms/demo", keyed, key=None)["statusCode"] == 200
    assert [event.source for event in intake.queued_events()] == ["server", "public"]


def test_a_forms_key_may_stand_in_its_address(intake: Intake) -> None:
    event = sample("http_form_multipart")
    event["body"] = base64.b64encode(b"email=maria%40example.com").decode()
    event["headers"]["content-type"] = "application/x-www-form-urlencoded"

    assert intake.deliver(event)["statusCode"] == 401
    assert intake.deliver({**event, "queryStringParameters": {"write_key": PUBLIC}})["statusCode"] == 200


def test_a_person_in_front_of_a_form_reads_what_is_wrong(intake: Intake) -> None:
    answer = intake.post("/forms/demo", f"email=maria&write_key={PUBLIC}", key=None, accept="text/html,*/*")

    assert answer["statusCode"] == 400
    assert answer["headers"]["content-type"].startswith("text/html")
    assert "email is not an email address" in answer["body"]


@pytest.mark.parametrize("form", ["Demo", "demo_request", "x" * 65, "%2e%2e", "démo"])
def test_a_form_has_a_plain_name(intake: Intake, form: str) -> None:
    answer = intake.post(f"/forms/{form}", f"email=maria%40example.com&write_key={PUBLIC}", key=None)

    assert answer["statusCode"] == 400
    assert answered(answer)["field"] == "form"


def test_a_form_over_the_size_of_an_event_is_refused(intake: Intake) -> None:
    answer = intake.post("/forms/demo", {"email": "maria@example.com", "message": "x" * 40_000}, key=PUBLIC)

    assert answer["statusCode"] == 413


# --- points by hand


LEAD = "ugiizjmvldgsd5ye"
GIVEN = {"points": 10, "reason": "Met at the fair", "by": "maria"}


def adjust(intake: Intake, body: Any, *, lead_id: str = LEAD, bearer: str = ADMIN) -> dict[str, Any]:
    return intake.post(f"/v1/leads/{lead_id}/adjustments", body, key=None, authorization=f"Bearer {bearer}")


def test_an_adjustment_becomes_an_event_of_our_own(intake: Intake) -> None:
    answer = intake.deliver(sample("http_adjustment"))

    (message,) = intake.queued()
    (said,) = message["events"]
    assert answered(answer) == {"success": True, "event_id": said["event_id"]}
    assert message["source"] == "system"
    assert said == {
        "event_id": said["event_id"],
        "name": SCORE_ADJUSTED,
        "occurred_at": "2026-11-22T00:06:20Z",
        "lead_id": LEAD,
        "properties": {
            "points": 10,
            "reason": "Met at the fair, budget is approved",
            "by": "maria",
            "until": "2027-02-01T00:00:00Z",
        },
    }


def test_the_event_of_an_adjustment_is_the_one_that_rules_know() -> None:
    assert facts.SCORE_ADJUSTED == SCORE_ADJUSTED


def test_the_same_adjustment_is_one_at_any_time_and_a_message_id_makes_it_another(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def named(body: Any, lead_id: str = LEAD) -> str:
        return str(answered(adjust(intake, body, lead_id=lead_id))["event_id"])

    first = named(GIVEN)
    monkeypatch.setattr(ingest, "time", SimpleNamespace(time=lambda: NOW + 86_400))
    assert named({**GIVEN, "points": 10.0, "reason": "  Met at the fair "}) == first
    others = [
        named({**GIVEN, "messageId": "m1"}), named({**GIVEN, "messageId": "m2"}), named({**GIVEN, "points": -10}),
        named({**GIVEN, "by": "ann"}), named({**GIVEN, "until": "2027-01-01T00:00:00Z"}), named(GIVEN, "a" * 16),
        named({**GIVEN, "messageId": "m1"}, "a" * 16),
    ]  # fmt: skip
    assert len({first, *others}) == len(others) + 1
    assert named({**GIVEN, "points": 11, "messageId": "m1"}) == others[0]


@pytest.mark.parametrize("points", [1, -1, 1000, -1000, 0.001, -0.125, 999.999, 10.0])
def test_points_are_kept_exactly(intake: Intake, points: float) -> None:
    assert adjust(intake, {**GIVEN, "points": points})["statusCode"] == 200
    assert [event.properties["points"] for event in intake.queued_events()] == [points]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"points": None}, "points"), ({"points": "10"}, "points"), ({"points": True}, "points"), ({"points": 0}, "points"),
        ({"points": -0.0}, "points"), ({"points": 1000.001}, "points"), ({"points": -1001}, "points"),
        ({"points": 0.0001}, "points"), ({"points": 0.1 + 0.2}, "points"), ({"points": float("nan")}, "points"),
        ({"points": float("inf")}, "points"), ({"points": 10**400}, "body"), ({"points": 10**39}, "points"),
        ({"reason": ""}, "reason"), ({"reason": None}, "reason"), ({"reason": "x" * 121}, "reason"),
        ({"reason": "two\nlines"}, "reason"), ({"reason": 7}, "reason"), ({"reason": "\ud800"}, "reason"),
        ({"by": " "}, "by"), ({"by": "x" * 61}, "by"), ({"by": ["maria"]}, "by"),
        ({"until": "2026-11-22T00:06:20Z"}, "until"), ({"until": "2027-01-01"}, "until"), ({"until": 5}, "until"),
        ({"until": "9999-12-31T23:59:59-23:59"}, "until"), ({"until": "2200-01-01T00:00:01Z"}, "until"),
        ({"messageId": ""}, "messageId"), ({"messageId": "x" * 101}, "messageId"), ({"messageId": 7}, "messageId"),
        ({"message_id": "m"}, "message_id"), ({"lead_id": LEAD}, "lead_id"), ({"x" * 200: 1}, "x" * 60),
    ],
)  # fmt: skip
def test_an_adjustment_that_cannot_be_used_is_refused_by_field_and_fix(
    intake: Intake, change: dict[str, Any], field: str
) -> None:
    body = {**GIVEN, **change}
    answer = adjust(
        intake, json.dumps(body) if field != "body" else json.dumps(body).replace("1" + "0" * 400, "9" * 5000)
    )

    assert answer["statusCode"] == 400
    said = answered(answer)
    assert said["field"] == field
    assert said["message"].startswith(f"{field} ")
    assert intake.queued() == []


@pytest.mark.parametrize("lead_id", ["UGIIZJMVLDGSD5YE", "a" * 15, "a" * 17, "1" * 16, "maria@example.com", "%2e%2e"])
def test_a_lead_id_has_a_shape(intake: Intake, lead_id: str) -> None:
    assert adjust(intake, GIVEN, lead_id=lead_id)["statusCode"] == 404
    assert intake.queued() == []


@pytest.mark.parametrize("key", [PUBLIC, SERVER, mint_key("sales", "crm", SECRET), ADMIN[:-1], "", "x" * 5_000, "ключ"])
def test_no_other_key_adjusts_a_score(intake: Intake, key: str) -> None:
    for answer in (
        adjust(intake, GIVEN, bearer=key),
        intake.post(f"/v1/leads/{LEAD}/adjustments", {**GIVEN, "writeKey": key}, key=key),
        intake.post(f"/v1/leads/{LEAD}/adjustments", GIVEN, key=None),
    ):
        assert answer["statusCode"] == 401
        assert "admin key" in answered(answer)["message"]
    assert intake.queued() == []


def test_an_admin_key_sends_no_events(intake: Intake) -> None:
    assert intake.post("/v1/track", TRACK, key=None, authorization=f"Bearer {ADMIN}")["statusCode"] == 401


@pytest.mark.parametrize("key", [PUBLIC, SERVER])
@pytest.mark.parametrize("name", [SCORE_ADJUSTED, f" {SCORE_ADJUSTED} "])
def test_a_client_cannot_adjust_a_score_by_an_event(intake: Intake, key: str, name: str) -> None:
    answer = intake.post("/v1/track", {**TRACK, "event": name, "properties": GIVEN}, key=key)

    assert (answer["statusCode"], answered(answer)["field"]) == (400, "event")
    assert "admin key" in answered(answer)["message"]
    assert intake.queued() == []


# --- what is never done


def test_nothing_personal_is_logged(intake: Intake, caplog: pytest.LogCaptureFixture, capsys: Any) -> None:
    with caplog.at_level(logging.DEBUG, logger=telemetry.logger.name):
        intake.post("/v1/identify", {"userId": "secret-id", "traits": {"email": "maria@example.com"}})
        intake.post("/v1/identify", {"userId": "secret-id", "traits": {"email": "maria at example.com"}})
        intake.post("/v1/track", '{"userId":"secret-id","event":"x","maria@example.com":NaN}')
        intake.post("/forms/demo", f"email=maria%40example.com&website=maria&write_key={PUBLIC}", key=None)
        intake.post("/v1/track", TRACK, key="maria")
        adjust(intake, {**GIVEN, "reason": "maria is nice"})
        adjust(intake, {**GIVEN, "maria": 1})
    written = capsys.readouterr()

    logged = "".join(str(record.__dict__) for record in caplog.records) + written.out + written.err
    assert "request refused" in logged
    assert "EventsAccepted" in logged
    assert "maria" not in logged
    assert "secret-id" not in logged


def test_accepted_and_rejected_events_are_counted(intake: Intake, capsys: Any) -> None:
    intake.post("/v1/batch", {"batch": [{"type": "track", **TRACK}, {"type": "track"}]})

    counted = next(json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line)
    assert counted["EventsAccepted"] == [1.0]
    assert counted["EventsRejected"] == [1.0]


# --- anything at all


def _nested(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4)


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), _nested, max_leaves=20)
FIELD_NAMES = (
    "type", "event", "userId", "anonymousId", "previousId", "groupId", "messageId", "timestamp", "originalTimestamp",
    "sentAt", "receivedAt", "name", "category", "properties", "traits", "context", "batch", "writeKey", "email",
    "write_key", "website", "consent", "next", "company_size",
)  # fmt: skip
VALUES = JSON | st.sampled_from(
    ["u1", "track", "page", "alias", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "2026-01-01", "maria@example.com",
     {"email": "maria@example.com"}, {"page": {"url": "http://[", "path": 7}}, {"traits": {"email": 5}}, 1e308, -0.0, 10**38]
)  # fmt: skip
SAID = st.dictionaries(st.sampled_from(FIELD_NAMES), VALUES, max_size=8)
BODIES = JSON | SAID | st.fixed_dictionaries({"batch": st.lists(SAID | JSON, max_size=5)}) | st.binary() | st.text()
PATHS = [*(f"/v1/{route}" for route in segment.ROUTES), "/forms/demo"]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(PATHS),
    body=BODIES,
    key=st.sampled_from([SERVER, PUBLIC, None, "wrong"]),
    content_type=st.sampled_from(
        ["application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a", ""]
    ),
)
def test_any_body_is_answered_with_200_400_401_or_413(
    intake: Intake, path: str, body: Any, key: str | None, content_type: str
) -> None:
    written = body if isinstance(body, str | bytes) else json.dumps(body, ensure_ascii=True)

    answer = intake.post(path, written, key=key, **{"content-type": content_type, "accept": "application/json"})

    assert answer["statusCode"] in {200, 400, 401, 413}
    said = answered(answer)
    if answer["statusCode"] == 200:
        assert said["success"] is True
    else:
        assert {"code", "message"} <= set(said) <= {"code", "message", "field"}
    for event in intake.queued_events():
        assert event.anonymous_id or event.user_id or event.email
        assert 0 < len(event.event_id) <= 100
        assert event.occurred_at <= NOW + 60


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=BODIES
    | st.fixed_dictionaries({"points": VALUES, "reason": VALUES, "by": VALUES}, optional={"until": VALUES, "messageId": VALUES})
    | VALUES.map(lambda value: {**GIVEN, "until": value})
)  # fmt: skip
def test_any_adjustment_is_answered_with_200_400_or_413(intake: Intake, body: Any) -> None:
    answer = adjust(intake, body)

    assert answer["statusCode"] in {200, 400, 413}
    events = intake.queued_events()
    assert len(events) == (answer["statusCode"] == 200)
    assert all(event.lead_id == LEAD and 0 < abs(event.properties["points"]) <= 1000 for event in events)
