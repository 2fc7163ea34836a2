"""
What clients send by mistake or on purpose, through every step: the answer, what the lead keeps, and that nobody else is hurt.

docs/bad-input.md is this table in words.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from functions.ingest import handler as ingest
from functions.score.handler import handler as score
from shared import table
from shared.aws import clients, leads
from shared.aws.items import from_item
from shared.identity import home
from shared.instants import DAY, HOUR, instant_text, parse_instant
from shared.keys import mint_key
from shared.lead import Lead, queue_message
from tests.conftest import IDENTITY_SECRET, SIGNING_SECRET, Aws, Context

NOW = parse_instant("2026-11-18T10:00:00Z")
SERVER = mint_key("server", "backend", SIGNING_SECRET)
NEIGHBOUR = {"type": "track", "userId": "neighbour", "event": "Demo Requested", "messageId": "n1"}
LARGEST = 4_096
"""Bytes of a lead item after whatever one client sent."""

RTL, ZERO_WIDTH, COMBINING = "\u202e", "\u200b", "e" + "\u0301" * 5_000


def nested(depth: int) -> str:
    """JSON text of an object in an object in an object."""
    return '{"a":' * depth + "1" + "}" * depth


@dataclass(frozen=True)
class Bad:
    """
    One input: the fields of its event as JSON text, and what comes of it.

    `blamed` is what the answer blames, None when the event is taken. `whole` says that the body cannot be told apart
    into events, so that a batch with it is refused whole. `kept` are profile values of the lead afterwards, None for a
    field it must not have.
    """

    name: str
    said: str
    call: str = "track"
    blamed: str | None = None
    status: int = 400
    whole: bool = False
    who: str = '"userId":"u1"'
    kept: Mapping[str, Any] = field(default_factory=dict)

    @property
    def event(self) -> str:
        name = "" if '"event"' in self.said or self.call != "track" else '"event":"Demo Requested",'
        parts = [f'"type":"{self.call}"', self.who, self.said]
        return "{" + name + ",".join(part for part in parts if part) + "}"


def title(said: str, kept: str | None) -> Bad:
    return Bad(f"a title {said[:20]!r}", f'"traits":{{"title":{said}}}', "identify", kept={"title": kept})


def employees(said: str, kept: int | None) -> Bad:
    return Bad(f"employees {said[:20]}", f'"traits":{{"employees":{said}}}', "identify", kept={"employees": kept})


TIMES = [
    Bad("a time in the far future", '"timestamp":"2999-01-01T00:00:00Z"'),
    Bad("the last instant there is", '"timestamp":"9999-12-31T23:59:59-23:59"'),
    Bad("a clock a century ahead", '"timestamp":"2126-11-18T09:00:00Z","sentAt":"2126-11-18T10:00:00Z"'),
    Bad("a clock a century behind", '"timestamp":"1926-11-18T09:00:00Z","sentAt":"1926-11-18T10:00:00Z"'),
    Bad("a time before 1990", '"timestamp":"1989-12-31T23:59:59Z"', blamed="timestamp"),
    Bad("the first instant there is", '"timestamp":"0001-01-01T00:00:00+23:59"', blamed="timestamp"),
    Bad("a time without a zone", '"timestamp":"2026-11-18T09:00:00"', blamed="timestamp"),
    Bad("a time as a number", '"timestamp":1700000000', blamed="timestamp"),
    Bad("a time as a list", '"timestamp":["2026-11-18T09:00:00Z"]', blamed="timestamp"),
    Bad("an empty time", '"timestamp":""'),
]
NUMBERS = [
    Bad("NaN", '"properties":{"n":NaN}', blamed="properties.n"),
    Bad("infinity", '"properties":{"n":Infinity}', blamed="properties.n"),
    Bad("negative infinity", '"properties":{"list":[1,-Infinity]}', blamed="properties.list[1]"),
    Bad("1e400", '"properties":{"n":1e400}', blamed="properties.n"),
    Bad("1e308", '"properties":{"n":1e308}', blamed="properties.n"),
    Bad("38 digits", f'"properties":{{"n":{"9" * 38}}}'),
    Bad("39 digits", f'"properties":{{"n":{"9" * 39}}}', blamed="properties.n"),
    Bad("5,000 digits", f'"properties":{{"n":{"9" * 5_000}}}', blamed="body", whole=True),
    Bad("negative zero", '"properties":{"n":-0.0}'),
    employees("-0.0", 0),
    employees("1e12", None),
    employees("9" * 38, None),
    employees("249.9", 249),
    employees('"1,200+"', 1200),
    employees('"' + "9" * 30 + '"', None),
    employees('"١٢٣"', None),
    employees("true", True),
]
SHAPES = [
    Bad("nesting of 100", f'"properties":{nested(100)}', blamed="properties" + ".a" * 19),
    Bad("nesting of 12,000", f'"properties":{nested(12_000)}', blamed="body", whole=True),
    Bad(
        "nesting of 10,000 in a list", f'"properties":{{"a":{"[" * 10_000 + "]" * 10_000}}}', blamed="body", whole=True
    ),
    Bad("traits as a list", '"traits":["title","CEO"]', "identify", blamed="traits"),
    Bad("traits as text", '"traits":"title"', "identify", blamed="traits"),
    Bad("properties as a number", '"properties":7', blamed="properties"),
    Bad(
        "3,000 traits", '"traits":{' + ",".join(f'"t{n}":1' for n in range(3_000)) + "}", "identify", kept={"t1": None}
    ),
    Bad(
        "5,000 traits",
        '"traits":{' + ",".join(f'"t{n}":1' for n in range(5_000)) + "}",
        "identify",
        blamed="body",
        status=413,
    ),
    Bad("no name of a property", '"properties":{"":1}'),
    Bad("a name of 300 signs", f'"properties":{{"{"x" * 300}":1}}', blamed="properties"),
    Bad("one name twice", '"traits":{"title":"first","title":"last"}', "identify", kept={"title": "last"}),
    Bad("one name twice at the top", '"event":"Demo Requested","event":"Something Else"'),
    Bad("null everywhere", '"properties":null,"context":null,"timestamp":null,"messageId":null'),
]
NAMES = [
    Bad("an empty event name", '"event":""', blamed="event"),
    Bad("a blank event name", '"event":" \\u00a0 "', blamed="event"),
    Bad("an event name of 10 KB", f'"event":"{"x" * 10_240}"', blamed="event"),
    Bad("an event name that turns around", f'"event":"Demo{RTL}detseuqeR"', blamed="event"),
    Bad("an event name with a hidden sign", f'"event":"Demo{ZERO_WIDTH} Requested"', blamed="event"),
    Bad("an event name as a list", '"event":["Demo Requested"]', blamed="event"),
    Bad("an event of our own", '"event":"Score Adjusted","properties":{"points":1000}', blamed="event"),
    Bad("an empty message id", '"messageId":""'),
    Bad("a message id of 10 KB", f'"messageId":"{"x" * 10_240}"'),
    Bad("a message id as an object", '"messageId":{"id":1}'),
]
PEOPLE = [
    Bad("nobody", '"properties":{}', who="", blamed="userId"),
    Bad("empty names", '"anonymousId":""', who='"userId":""', blamed="userId"),
    Bad("null as a word", '"properties":{}', who='"userId":"null"', blamed="userId"),
    Bad("zero, and negative zero", '"anonymousId":-0.0', who='"userId":0', blamed="userId"),
    Bad("a list as an id", '"properties":{}', who='"userId":["u1"]', blamed="userId"),
    Bad("an object as an id", '"properties":{}', who='"anonymousId":{"id":"u1"}', blamed="anonymousId"),
    Bad("an id of 300 signs", '"properties":{}', who=f'"userId":"{"x" * 300}"', blamed="userId"),
    Bad("half a sign in an id", '"properties":{}', who='"userId":"u1\\ud800"', blamed="userId"),
    Bad("an id that turns around", '"properties":{}', who=f'"userId":"u1{RTL}"', blamed="userId"),
    Bad("an id with a hidden sign", '"properties":{}', who=f'"userId":"u1{ZERO_WIDTH}"', blamed="userId"),
    Bad("NUL in an id", '"properties":{}', who='"userId":"u1\\u0000"'),
    Bad("an address as a list", '"traits":{"email":["a@b.example"]}', "identify", blamed="traits.email"),
    Bad("an address with a hidden sign", f'"traits":{{"email":"a{ZERO_WIDTH}@b.example"}}', "identify", blamed="traits.email"),
    Bad("an address of 10 KB", f'"traits":{{"email":"{"x" * 10_240}@b.example"}}', "identify", blamed="traits.email"),
    Bad("an empty address", '"traits":{"email":""}', "identify", kept={"email": None}),
    Bad("a bad address that rides along", '"context":{"traits":{"email":"nonsense"}}', kept={"email": None}),
    Bad("consent as a list", '"traits":{"consent":["yes"]}', "identify", kept={"consent": None}),
    Bad("consent as a poem", '"traits":{"consent":"perhaps"}', "identify", kept={"consent": None}),
]  # fmt: skip
TEXTS = [
    title('"' + "x" * 20_000 + '"', "x" * 120),
    title('""', None),
    title('" \\t\\n "', None),
    title('"Head \\n of\\tIT"', "Head of IT"),
    title('"Head\\u0000 of IT"', "Head of IT"),
    title('"Head \\ud83d of IT"', "Head \ufffd of IT"),
    title(f'"{RTL}OEC"', f"{RTL}OEC"),
    title(f'"Di{ZERO_WIDTH}rector"', f"Di{ZERO_WIDTH}rector"),
    title(f'"{COMBINING}"', COMBINING[:120]),
    title('"\U0001f9d1\u200d\U0001f680"', "\U0001f9d1\u200d\U0001f680"),
    title('["CEO"," ",7,null,["CTO"]]', ["CEO"]),
    title('[{"name":"CEO"}]', None),
    title('{"name":"CEO"}', None),
    Bad("a megabyte in a title", f'"traits":{{"title":"{"x" * 1_000_000}"}}', "identify", "body", 413, whole=True),
]  # fmt: skip
EVERY = [*TIMES, *NUMBERS, *SHAPES, *NAMES, *PEOPLE, *TEXTS]


class World:
    """A stage of ingest, queue and score; each case is about a person of its own, written `"u1` in its text."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.user = "u1"
        self.cases = 0

    def somebody(self) -> None:
        """Begin another case."""
        self.cases += 1
        self.user = f"p{self.cases}"

    def own(self, text: str) -> str:
        return text.replace('"u1', f'"{self.user}').replace('"neighbour', f'"n{self.user}')

    def post(self, path: str, body: str, **headers: str) -> dict[str, Any]:
        event = {
            "rawPath": path,
            "headers": {"authorization": "Basic " + base64.b64encode(f"{SERVER}:".encode()).decode(), **headers},
            "body": base64.b64encode(self.own(body).encode()).decode(),
            "isBase64Encoded": True,
        }
        answer = ingest.handler(event, Context())
        return {"status": answer["statusCode"], **json.loads(answer["body"])}

    def queued(self) -> list[str]:
        """Take every message off the queue, as text: a JSON reader would hide what is in it."""
        url = self.aws.events_queue_url
        taken = []
        while found := clients.sqs().receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                taken.append(message["Body"])
                clients.sqs().delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return taken

    def deliver(self, *bodies: str) -> list[str]:
        """Give score one batch, twice; return the numbers of the messages that failed."""
        batch = {"Records": [{"messageId": str(number), "body": self.own(body)} for number, body in enumerate(bodies)]}
        answers = [score(batch, Context()) for _ in range(2)]  # type: ignore[arg-type]
        assert answers[0] == answers[1]
        return [each["itemIdentifier"] for each in answers[0]["batchItemFailures"]]

    def lead(self) -> Lead | None:
        return leads.get_lead(home("user", self.user, IDENTITY_SECRET))

    def rules(self) -> set[str]:
        """Return the rules of which the lead has facts."""
        lead = self.lead()
        return set() if lead is None else {filing.partition(".")[0] for filing in lead.facts}

    def neighbour_counts(self) -> bool:
        lead = leads.get_lead(home("user", f"n{self.user}", IDENTITY_SECRET))
        return lead is not None and [filing.partition(".")[0] for filing in lead.facts] == ["demo_request"]

    def size(self) -> int:
        """Return the bytes of the lead's item, as DynamoDB counts them."""
        lead = self.lead()
        assert lead is not None
        key = {table.PK: {"S": table.lead_pk(lead.lead_id)}, table.SK: {"S": table.LEAD_SK}}
        item = from_item(clients.dynamodb().get_item(TableName=self.aws.table_name, Key=key)["Item"])
        return sum(len(name) + _bytes(value) for name, value in item.items())


def _bytes(value: Any) -> int:
    return len(value) if isinstance(value, bytes) else len(str(value).encode())


@pytest.fixture
def world(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(ingest, "time", SimpleNamespace(time=lambda: NOW))
    return World(aws)


def test_every_request_gets_a_defined_answer_and_leaves_a_bounded_lead(world: World, subtests: pytest.Subtests):
    for bad in EVERY:
        world.somebody()
        with subtests.test(bad.name):
            check_alone(world, bad)


def check_alone(world: World, bad: Bad) -> None:
    answer = world.post(f"/v1/{bad.call}", bad.event)
    bodies = world.queued()
    if bad.blamed is not None:
        assert (answer["status"], answer["field"]) == (bad.status, bad.blamed)
        assert answer["message"].startswith(bad.blamed)
        assert bodies == []
        return
    assert answer == {"status": 200, "success": True}
    assert world.deliver(*bodies) == []
    lead = world.lead()
    assert lead is not None
    assert lead.newest_at <= NOW
    assert {name: lead.value(name) for name in bad.kept} == bad.kept
    assert world.size() < LARGEST


def test_in_a_batch_the_neighbour_counts(world: World, subtests: pytest.Subtests):
    for bad in EVERY:
        world.somebody()
        with subtests.test(bad.name):
            check_in_a_batch(world, bad)


def check_in_a_batch(world: World, bad: Bad) -> None:
    answer = world.post("/v1/batch", f'{{"batch":[{bad.event},{json.dumps(NEIGHBOUR, separators=(",", ":"))}]}}')
    bodies = world.queued()
    if bad.whole:
        assert (answer["status"], answer["field"], bodies) == (bad.status, "body", [])
        return
    rejected = [] if bad.blamed is None else [(0, bad.blamed)]
    assert (answer["status"], [(each["index"], each["field"]) for each in answer.get("rejected", [])]) == (
        200,
        rejected,
    )
    assert world.deliver(*bodies) == []
    assert world.neighbour_counts()
    assert (world.lead() is not None) == (bad.blamed is None)
    assert bad.blamed is not None or world.size() < LARGEST


def test_a_field_that_changes_its_type_keeps_the_last_value_that_can_be_kept(world: World):
    said = ['"CEO"', "7", '["x"]', '{"a":1}', "true", "null", '""', "NaN", '"CTO"', '{"b":2}']
    kept = ["CEO", 7, ["x"], ["x"], True, True, True, True, "CTO", "CTO"]
    for number, (value, expected) in enumerate(zip(said, kept, strict=True)):
        at = instant_text(NOW - HOUR + number)
        world.post("/v1/identify", f'{{"userId":"u1","timestamp":"{at}","traits":{{"title":{value}}}}}')
        assert world.deliver(*world.queued()) == []
        lead = world.lead()
        assert lead is not None
        assert (lead.value("title"), type(lead.value("title"))) == (expected, type(expected))


def test_ten_thousand_assets_leave_a_bounded_lead_and_count_the_newest(world: World):
    for part in range(4):
        pages = [
            {"type": "page", "userId": "u1", "messageId": f"m{n}", "properties": {"path": f"/product/{n}"},
             "timestamp": instant_text(NOW - 20_000 + n)}
            for n in range(part * 2_500, (part + 1) * 2_500)
        ]  # fmt: skip
        assert world.post("/v1/batch", json.dumps({"batch": pages}))["status"] == 200
    assert world.deliver(*world.queued()) == []
    lead = world.lead()
    assert lead is not None
    assert lead.newest_fact_at == NOW - 20_000 + 9_999
    assert world.size() < LARGEST


FORMS: list[tuple[str, dict[str, Any]]] = [
    ("title=%00Head+of%00+IT", {"title": "Head of IT"}),
    ("title=Head%ED%A0%80", {"title": "Headí €"}),  # bytes that are no UTF-8 are read as Windows-1252
    ("title=Head&title=Tail", {"title": "Tail"}),
    ("title=" + "x" * 20_000, {"title": "x" * 120}),
    ("employees=99999999999", {"employees": None}),
    ("employees=" + "9" * 400, {"employees": None}),
    ("employees=1" + ",000" * 5_000, {"employees": None}),
    ("employees=-0", {"employees": 0}),
    ("employees=NaN", {"employees": None}),
    ("employees=1e400", {"employees": 1}),
    ("consent[]=yes&email=", {"consent": True, "email": None}),
    ("&".join(f"f{n}=1" for n in range(190)), {"f1": None}),
]


def test_a_form_is_held_to_the_same(world: World, subtests: pytest.Subtests):
    for written, kept in FORMS:
        world.somebody()
        with subtests.test(written[:40]):
            answer = world.post("/forms/contact", f"user_id={world.user}&{written}", accept="application/json")
            assert answer == {"status": 200, "success": True}
            assert world.deliver(*world.queued()) == []
            lead = world.lead()
            assert lead is not None
            assert {name: lead.value(name) for name in kept} == kept
            assert world.size() < LARGEST


# --- straight onto the queue


BASE = {"event_id": "bad", "name": "Demo Requested", "occurred_at": instant_text(NOW - HOUR), "user_id": "u1"}
GOOD = json.dumps(queue_message("server", NOW, []) | {"events": [{**BASE, "event_id": "good", "user_id": "neighbour"}]})
FAILS = "the message goes to the failure queue, alone"


@dataclass(frozen=True)
class Foreign:
    """An event that another producer queued: its change to a good event, and the rules that then have facts of u1."""

    name: str
    change: Mapping[str, Any]
    rules: tuple[str, ...] | str = ("demo_request",)
    kept: Mapping[str, Any] = field(default_factory=dict)


FOREIGN = [
    Foreign("the last instant there is", {"occurred_at": "9999-12-31T23:59:59-23:59"}, FAILS),
    Foreign("the first instant there is", {"occurred_at": "0001-01-01T00:00:00+23:59"}, FAILS),
    Foreign("a time without a zone", {"occurred_at": "2026-11-18T09:00:00"}, FAILS),
    Foreign("a time as a number", {"occurred_at": 7}, FAILS),
    Foreign("NaN", {"properties": {"n": float("nan")}}),
    Foreign("NaN as a field", {"traits": {"employees": float("nan")}}, kept={"employees": None}),
    Foreign("infinity as a field", {"traits": {"employees": float("-inf")}}, kept={"employees": None}),
    Foreign("negative zero", {"traits": {"employees": -0.0}}, kept={"employees": 0}),
    Foreign("a hundred digits", {"traits": {"employees": 10**100}, "properties": {"n": 10**100}}, kept={"employees": None}),
    Foreign("half a sign in a title", {"traits": {"title": "\ud800"}}, FAILS),
    Foreign("half a sign in an id", {"user_id": "u1\ud800"}, FAILS),
    Foreign("half a sign in an event id", {"event_id": "\ud800"}, FAILS),
    Foreign("nesting of 100", {"properties": json.loads(nested(100))}),
    Foreign("nesting of 5,000", {"properties": "@nested"}, FAILS),
    Foreign("a list as an id", {"user_id": ["u1"]}, FAILS),
    Foreign("nobody", {"user_id": ""}, FAILS),
    Foreign("nobody at all", {"user_id": None}, FAILS),
    Foreign("a lead id from a client", {"lead_id": "a" * 16}, FAILS),
    Foreign("no event id", {"event_id": ""}),
    Foreign("an event id of 10 KB", {"event_id": "x" * 10_240}),
    Foreign("an event name of 10 KB", {"name": "x" * 10_240}, ()),
    Foreign("no event name", {"name": ""}, ()),
    Foreign("an event name with a hidden sign", {"name": f"Demo{ZERO_WIDTH} Requested"}, ()),
    Foreign("an event of our own", {"name": "Score Adjusted", "properties": {"points": 9}}, ()),
    Foreign("traits as a list", {"traits": ["CEO"]}, FAILS),
    Foreign("5,000 traits", {"traits": {f"t{n}": n for n in range(5_000)}}, kept={"t1": None}),
    Foreign("a list as a title", {"traits": {"title": ["CEO"] * 5_000}}, kept={"title": ["CEO"] * 10}),
    Foreign("100 KB in a title", {"traits": {"title": "x" * 100_000}}, kept={"title": "x" * 120}),
    Foreign("a list as a page", {"context": {"page": ["x"]}, "properties": {"referrer": ["x"]}}),
    Foreign("a broken referrer", {"context": {"page": {"referrer": "http://[", "url": "http://["}}}),
    Foreign("a campaign of 10 KB", {"context": {"campaign": {"source": ["x"], "name": "y" * 10_240}}}),
    Foreign("an unknown verdict", {"verdict": "alien"}, FAILS),
    Foreign("an object as an asset", {"name": "Asset Downloaded", "properties": {"asset": json.loads(nested(50))}}, ("return_visit",)),
    Foreign("a megabyte in a title that compresses", {"traits": {"title": "x" * 1_000_000}}, kept={"title": "x" * 120}),
    Foreign("an earlier id of 10 KB", {"name": "Aliased", "properties": {"previous_id": "x" * 10_240}}, ()),
    Foreign("an object as an earlier id", {"name": "Aliased", "properties": {"previous_id": {"a": 1}}}, ()),
]  # fmt: skip


def test_what_another_producer_queues_hurts_nobody_else(world: World, subtests: pytest.Subtests):
    for foreign in FOREIGN:
        world.somebody()
        with subtests.test(foreign.name):
            check_foreign(world, foreign)


def check_foreign(world: World, foreign: Foreign) -> None:
    bad = json.dumps(queue_message("server", NOW, []) | {"events": [{**BASE, **foreign.change}]})
    failed = world.deliver(bad.replace('"@nested"', nested(12_000)), GOOD)
    assert world.neighbour_counts()
    if foreign.rules == FAILS:
        assert failed == ["0"]
        assert world.lead() is None
        return
    assert failed == []
    lead = world.lead()
    assert lead is not None
    assert set(foreign.rules) <= world.rules()
    assert {name: lead.value(name) for name in foreign.kept} == foreign.kept
    assert world.size() < LARGEST


LONG = "".join(chr(0x4E00 + number * 7_919 % 20_000) for number in range(60_000))
"""What does not compress."""

REFUSED_BY_SCORE = [
    Foreign("a year ahead", {"occurred_at": instant_text(NOW + 365 * DAY)}, FAILS),
    Foreign("1989", {"occurred_at": "1989-12-31T23:59:59Z"}, FAILS),
    Foreign("an id of 180 KB", {"user_id": "u1" + LONG}, FAILS),
    Foreign("an address of 180 KB", {"email": LONG + "@b.example"}, FAILS),
    Foreign("a megabyte in a title, as it is kept compressed", {"traits": {"title": LONG * 5}}, FAILS),
]


@pytest.mark.parametrize("foreign", REFUSED_BY_SCORE, ids=lambda each: each.name)
def test_what_no_producer_of_ours_would_queue_fails_alone(world: World, foreign: Foreign):
    check_foreign(world, foreign)


def test_a_message_that_is_none_fails_alone(world: World):
    bodies = [
        "",
        "{",
        "null",
        "[]",
        "7",
        '"x"',
        "{}",
        '{"schema":1}',
        '{"events":[],"source":"alien"}',
        nested(100_000),
    ]
    assert world.deliver(*bodies, GOOD) == [str(number) for number in range(len(bodies))]
    assert world.neighbour_counts()
