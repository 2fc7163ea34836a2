"""
The hostile corpus through the real handlers: what `ingest` takes of it goes to `score`, and what stands in the table
then is what the accepted requests said, and nothing else.
"""

import base64
import json
import logging
import time
from collections import Counter
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table

from functions.ingest import handler as ingest
from functions.ingest.throttle import Throttle
from functions.score.handler import handler as score
from shared import telemetry
from shared.aws import queue
from shared.aws.leads import get_lead, load
from shared.identity import ANONYMOUS, EMAIL, USER, address_hash, home
from shared.instants import parse_instant
from shared.keys import KeyKind, mint_key
from shared.lead import LeadEvent
from tests.conftest import IDENTITY_SECRET, SIGNING_SECRET, Aws, Context
from tests.hostile.corpus import CANARY, LEAD, Post, corpus

NOW = parse_instant("2026-11-22T12:00:00Z")
CPU = 0.25
"""Seconds a request may take, however it is made; a full batch that is taken has a second."""

FULL = 300 * 1024
MESSAGE_BYTES = 262_144
ITEM_BYTES = 400_000
LEAD_BYTES = 64_000
"""A lead is facts and registers, whatever was sent: far under an item's 400 KB."""

EVERY = 8
"""One request in so many goes on to `score`: moto looks through its whole table for each query."""

BY_HAND = LEAD.rpartition("/")[2]


@dataclass
class Told:
    """What came of the corpus: answers, what was queued for each request, and what each cost."""

    answers: list[dict[str, Any]] = field(default_factory=list)
    queued: list[list[dict[str, Any]]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def requested(post: Post) -> dict[str, Any]:
    """Return the request as API Gateway hands it on: text where it is text, else base64."""
    headers = {"content-type": "application/json", **post.headers}
    if post.key != "none":
        key = mint_key(_kind(post.key), "hostile", SIGNING_SECRET)
        bearer = post.key in ("admin", "outcomes", "sales")
        headers["authorization"] = f"Bearer {key}" if bearer else _basic(key)
    event: dict[str, Any] = {"rawPath": post.path, "headers": headers}
    return event | {"body": base64.b64encode(post.body).decode(), "isBase64Encoded": True}


def _kind(name: str) -> KeyKind:
    kinds: dict[str, KeyKind] = {
        "public": "public", "server": "server", "admin": "admin", "outcomes": "outcomes", "sales": "sales",
    }  # fmt: skip
    return kinds[name]


def _basic(key: str) -> str:
    return "Basic " + base64.b64encode(f"{key}:".encode()).decode()


def post_all(posts: list[Post], monkeypatch: pytest.MonkeyPatch) -> Told:
    """Post each through the handler; what it queues is kept as the text that SQS would be sent."""
    told = Told()
    monkeypatch.setattr(ingest, "time", SimpleNamespace(time=lambda: NOW))
    monkeypatch.setattr(ingest, "_throttle", Throttle())
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(queue, "send_all", lambda _url, messages: sent.extend(messages))
    context = Context()
    for post in posts:
        event = requested(post)
        sent.clear()
        begun = time.process_time()
        answer = ingest.handler(event, context)
        told.seconds.append(time.process_time() - begun)
        told.answers.append(answer)
        told.queued.append([json.loads(_on_the_wire(message)) for message in sent])
        if told.seconds[-1] > CPU:  # the first of its kind imports, and garbage is collected some time: once more tells
            begun = time.process_time()
            ingest.handler(event, context)
            told.seconds[-1] = time.process_time() - begun
    return told


def _on_the_wire(message: dict[str, Any]) -> str:
    """Return the message as SQS takes it, which refuses what is no character of XML, and more than 256 KB."""
    text = json.dumps(message, separators=(",", ":"), ensure_ascii=False)
    assert len(text.encode()) <= MESSAGE_BYTES
    assert not any(ord(sign) < 32 or 0xD800 <= ord(sign) < 0xE000 or ord(sign) in (0xFFFE, 0xFFFF) for sign in text)
    return text


def events_of(message: dict[str, Any]) -> list[LeadEvent]:
    at = parse_instant(message["received_at"])
    return [LeadEvent.from_json(said, source=message["source"], received_at=at) for said in message["events"]]


def homes_of(event: LeadEvent) -> set[str]:
    named = ((ANONYMOUS, event.anonymous_id), (USER, event.user_id), (EMAIL, event.email))
    homes = {home(kind, value, IDENTITY_SECRET) for kind, value in named if value}
    if event.name == "Aliased":
        previous = str(event.properties["previous_id"])
        homes |= {home(kind, previous, IDENTITY_SECRET) for kind in (ANONYMOUS, USER)}
    return homes | ({event.lead_id} if event.lead_id else set())


def score_all(told: Told, context: Context) -> list[str]:
    """Have `score` work off everything, every tenth message twice; return what it could not do."""
    records = [
        {"messageId": f"{number}-{part}", "body": json.dumps(message)}
        for number, messages in enumerate(told.queued)
        for part, message in enumerate(messages)
    ]
    failed: list[str] = []
    for start in range(0, len(records), 100):
        batch = records[start : start + 100]
        answer = score({"Records": batch + batch[::10]}, context)
        failed += [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
    return failed


@pytest.fixture
def cancelled(monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """
    Transactions that were cancelled. moto copies the whole table before each, to put it back: here none is cancelled, so
    none is copied.
    """
    errors: list[Exception] = []
    through = DynamoDBBackend.transact_write_items

    def written(self: DynamoDBBackend, items: list[dict[str, Any]]) -> None:
        try:
            through(self, items)
        except Exception as error:
            errors.append(error)
            raise

    monkeypatch.setattr(Table, "__deepcopy__", lambda self, _memo: self, raising=False)
    monkeypatch.setattr(DynamoDBBackend, "transact_write_items", written)
    return errors


@pytest.fixture(scope="module")
def posts() -> list[Post]:
    return corpus()


def test_the_corpus_is_large_and_of_every_kind(posts: list[Post]) -> None:
    assert len({(post.path, post.body, tuple(sorted(post.headers.items())), post.key) for post in posts}) >= 2_000
    assert len({post.path for post in posts}) >= 12
    assert corpus() == posts


def test_no_hostile_request_fails_writes_what_it_may_not_costs_much_or_is_logged(
    posts: list[Post],
    aws: Aws,
    cancelled: list[Exception],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    began = time.process_time()
    with caplog.at_level(logging.DEBUG, logger=telemetry.logger.name):
        told = post_all(posts, monkeypatch)
        posted = time.process_time() - began
        assert strange_answers(posts, told) == []
        assert strange_events(posts, told) == []
        assert dear(posts, told) == []
        told.queued = [messages if number % EVERY == 0 else [] for number, messages in enumerate(told.queued)]
        failed = score_all(told, Context())
    logged = "".join(str(record.__dict__) for record in caplog.records) + "".join(capfd.readouterr())
    print(
        f"{len(posts)} requests: {posted:.1f} s of CPU in ingest, {time.process_time() - began - posted:.1f} in score"
    )

    assert [posts[int(name.partition("-")[0])].name for name in failed] == []
    assert cancelled == []
    assert strange_items(told, aws) == []
    assert CANARY.lower() not in logged.lower()


def strange_answers(posts: list[Post], told: Told) -> list[Any]:
    """Return the requests answered in a way they may not be: another status, an error that is none, an echo."""
    found: list[Any] = []
    for post, answer, queued in zip(posts, told.answers, told.queued, strict=True):
        status, body = answer["statusCode"], answer["body"]
        refused = status >= 400
        shape = True
        if refused and answer["headers"]["content-type"] == "application/json":
            said = json.loads(body)
            shape = set(said) <= {"code", "message", "field"} and bool(said["code"] and said["message"])
        if status not in post.statuses or not shape or (refused and queued) or len(body) > 700_000:
            found.append((post.name, status, body[:200]))
    return found


def strange_events(posts: list[Post], told: Told) -> list[Any]:
    """Return the requests that became events about somebody else, or that prove more than their key."""
    found: list[Any] = []
    for post, messages in zip(posts, told.queued, strict=True):
        source = {"public": "public", "server": "server"}.get(post.key, "system")
        source = "public" if "/forms/" in post.path and post.key != "server" else source
        for message in messages:
            for event in events_of(message):
                who = {event.user_id, event.anonymous_id, event.email, event.lead_id} - {None}
                if post.about is not None and who != {post.about}:
                    found.append((post.name, who))
                if message["source"] != source:
                    found.append((post.name, message["source"]))
                if event.lead_id is not None and post.key not in ("admin", "outcomes"):
                    found.append((post.name, event.lead_id))
                if event.occurred_at > NOW + 60 or event.received_at != NOW:
                    found.append((post.name, event.occurred_at))
    return found


def strange_items(told: Told, aws: Aws) -> list[Any]:
    """Return what stands in the table and no accepted event asked for, what is missing, and what is too large."""
    events = [event for messages in told.queued for message in messages for event in events_of(message)]
    may = {place for event in events for place in homes_of(event)}
    addresses = {address_hash(event.email, IDENTITY_SECRET) for event in events if event.email}
    found: list[Any] = []
    largest: Counter[str] = Counter()
    for item in aws.items():
        size = len(json.dumps(item, default=str, ensure_ascii=False).encode())
        kind, _, name = item["PK"].partition("#")
        largest[item["SK"].partition("#")[0]] = max(largest[item["SK"].partition("#")[0]], size)
        if (kind == "LEAD" and name not in may) or (kind == "ADDR" and name not in addresses):
            found.append(("nobody asked for", item["PK"], item["SK"]))
        if size > (LEAD_BYTES if item["SK"] == "LEAD" else ITEM_BYTES):
            found.append(("too large", item["PK"], item["SK"], size))
    print("largest items", dict(largest))
    entries = load(may)
    found += [
        ("lost", event.event_id)
        for event in events
        if event.lead_id is None and not any(entries[place] for place in homes_of(event))
    ]
    if get_lead(BY_HAND) is not None:
        found.append("a lead that only a word by hand was about")
    return found


def dear(posts: list[Post], told: Told) -> list[tuple[str, float]]:
    """Return the requests that cost more CPU than they may."""
    return [
        (post.name, round(seconds, 3))
        for post, seconds, messages in zip(posts, told.seconds, told.queued, strict=True)
        if seconds > (4 * CPU if messages and len(post.body) > FULL else CPU)
    ]
