"""What clients of the family do beside the calls themselves: where keys stand, settings, metrics, other SDKs' routes."""

import base64
import gzip
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from functions.ingest import access, static_files
from functions.ingest import handler as ingest
from functions.ingest.throttle import Throttle
from shared.keys import mint_key
from tests.functions.test_ingest import (
    ADMIN,
    CONTEXT,
    NOW,
    PUBLIC,
    SECRET,
    SERVER,
    TRACK,
    Intake,
    answered,
    basic,
    deployed,
    intake,
)

__all__ = ["deployed", "intake"]  # fixtures

OTHER_SERVER = mint_key("server", "other", SECRET)
NO_CORS = "access-control-"


def ask(path: str, *, headers: Mapping[str, str] | None = None, query: Mapping[str, str] | None = None) -> Any:
    return ingest.handler(
        {"rawPath": path, "headers": dict(headers or {}), "queryStringParameters": dict(query or {}) or None}, CONTEXT
    )


@pytest.fixture(autouse=True)
def public_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLIC_URL", "https://api.example.com")
    monkeypatch.setattr(ingest, "_throttle", Throttle())


# --- where a key stands


def batch_of(*events: Mapping[str, Any], **around: Any) -> dict[str, Any]:
    return {
        "batch": [{"type": "track", **TRACK, "messageId": f"m{n}", **said} for n, said in enumerate(events)],
        **around,
    }


PLACES: list[tuple[str, Callable[[str], dict[str, Any]]]] = [
    ("Basic", lambda key: {"headers": {"authorization": basic(f"{key}:")}, "body": TRACK}),
    ("X-Write-Key", lambda key: {"headers": {"x-write-key": key}, "body": TRACK}),
    ("X-Write-Key with a secret", lambda key: {"headers": {"x-write-key": f"{key}:x"}, "body": TRACK}),
    ("?writeKey", lambda key: {"queryStringParameters": {"writeKey": key}, "body": TRACK}),
    ("?write_key", lambda key: {"queryStringParameters": {"write_key": key}, "body": TRACK}),
    ("body", lambda key: {"body": {**TRACK, "writeKey": key}}),
    ("batch", lambda key: {"rawPath": "/v1/batch", "body": batch_of({}, {}, writeKey=key)}),
    ("each event", lambda key: {"rawPath": "/v1/b", "body": batch_of({"writeKey": key}, {"writeKey": key})}),
    ("first event", lambda key: {"rawPath": "/v1/batch", "body": batch_of({"writeKey": key}, {})}),
]


def request(asked: Mapping[str, Any]) -> dict[str, Any]:
    return {"rawPath": "/v1/track", "headers": {}, **asked, "body": json.dumps(asked["body"])}


@pytest.mark.parametrize(("key", "source"), [(PUBLIC, "public"), (SERVER, "server")])
@pytest.mark.parametrize("place", [place for _, place in PLACES], ids=[name for name, _ in PLACES])
def test_a_key_is_found_wherever_clients_put_it(
    intake: Intake, place: Callable[[str], dict[str, Any]], key: str, source: str
) -> None:
    assert answered(ingest.handler(request(place(key)), CONTEXT)) == {"success": True}
    assert {event.source for event in intake.queued_events()} == {source}


@pytest.mark.parametrize("key", [ADMIN, PUBLIC[:-1] + "!", "public_website_" + "x" * 32, "", "x" * 5_000])
@pytest.mark.parametrize("place", [place for _, place in PLACES], ids=[name for name, _ in PLACES])
def test_no_other_key_opens_anything_there(intake: Intake, place: Callable[[str], dict[str, Any]], key: str) -> None:
    answer = ingest.handler(request(place(key)), CONTEXT)

    assert (answer["statusCode"], answered(answer)["code"]) == (401, "unauthorized")
    assert intake.queued() == []


def test_the_key_of_the_request_counts_and_not_those_its_events_were_made_with(intake: Intake) -> None:
    intake.post("/v1/batch", batch_of({"writeKey": PUBLIC}, {"writeKey": "of another system"}), key=SERVER)

    assert {event.source for event in intake.queued_events()} == {"server"}


@pytest.mark.parametrize("first", [PUBLIC, SERVER])
def test_no_event_gains_by_a_key_that_another_event_of_its_batch_states(intake: Intake, first: str) -> None:
    answer = intake.post(
        "/v1/batch", batch_of({"writeKey": first}, {"writeKey": OTHER_SERVER}, {"writeKey": ""}), key=None
    )

    assert [(each["index"], each["field"]) for each in answered(answer)["rejected"]] == [(1, "writeKey")]
    assert [(event.event_id, event.source) for event in intake.queued_events()] == [
        ("m0", first.partition("_")[0]), ("m2", first.partition("_")[0])
    ]  # fmt: skip


def test_a_key_somewhere_else_in_the_body_opens_nothing(intake: Intake) -> None:
    for body in (
        {**TRACK, "properties": {"writeKey": SERVER}},
        {**TRACK, "writeKey": "wrong", "properties": {"text": SERVER}},
        {**batch_of({}, {"writeKey": SERVER}), "writeKey": None},
    ):
        assert intake.post("/v1/batch" if "batch" in body else "/v1/track", body, key=None)["statusCode"] == 401
    assert intake.queued() == []


@pytest.mark.parametrize("header", ["Basic %%%", "Basic ", basic("wrong:"), basic(f"{ADMIN}:")])
def test_a_header_that_holds_no_key_of_ours_is_not_made_good_elsewhere(intake: Intake, header: str) -> None:
    asked = {"headers": {"authorization": header, "x-write-key": PUBLIC}, "queryStringParameters": {"writeKey": PUBLIC}}

    answer = ingest.handler(request({**asked, "body": {**TRACK, "writeKey": PUBLIC}}), CONTEXT)
    assert answer["statusCode"] == 401


def test_few_of_many_texts_that_look_like_a_key_are_tried(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    monkeypatch.setattr(access, "key_kind", lambda key, _: tried.append(key))
    others = ",".join(f'"{kind}_website_{n:032d}"' for n in range(1_000) for kind in ("public", "server"))

    assert intake.post("/v1/batch", f"[{others}]", key=None)["statusCode"] == 401
    assert len(tried) == 2 * access.MOST_CANDIDATES


def test_a_body_without_a_key_of_ours_is_refused_before_it_is_parsed(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "parsed_object", pytest.fail)
    others = ",".join(f'"public_website_{n:032d}"' for n in range(1_000))

    for body in (
        '{"writeKey":"wrong"',
        f'{{"writeKey":"{ADMIN}"',
        f"[{others}]",
        "not json",
        gzip.compress(b"[" * 50_000),
    ):
        assert intake.post("/v1/batch", body, key=None)["statusCode"] == 401


# --- integrations


@pytest.mark.parametrize(
    ("integrations", "kept"),
    [
        ({"Ripen": False}, 0), ({"Segment.io": False}, 0), ({"All": True, "Ripen": False}, 0),
        ({"All": False}, 1), ({"All": False, "Ripen": True}, 1), ({"Ripen": {"option": 1}}, 1), ({"Ripen": None}, 1),
        ({"Segment.io": True}, 1), ({}, 1), (None, 1), ("none", 1), ([], 1), ({"ripen": False}, 1), ({"Ripen": 0}, 1),
    ],
)  # fmt: skip
def test_what_names_us_and_says_false_is_answered_and_not_kept(intake: Intake, integrations: Any, kept: int) -> None:
    said = {**TRACK, "integrations": integrations}

    assert answered(intake.post("/v1/track", said)) == {"success": True}
    assert len(intake.queued_events()) == kept
    assert answered(intake.post("/v1/batch", {"batch": [{"type": "track", **said}, {"type": "page", "userId": "u1"}]}))
    assert len(intake.queued_events()) == kept + 1


def test_a_repeated_message_id_in_one_batch_names_one_event(intake: Intake) -> None:
    """Clients that retry put what they are unsure of into the next batch again; `score` counts an id once."""
    said = {"type": "track", **TRACK}

    assert answered(intake.post("/v1/batch", {"batch": [said, said, {**said, "sentAt": "2026-11-22T00:06:19Z"}]}))
    assert {event.event_id for event in intake.queued_events()} == {"m1"}


@pytest.mark.parametrize(
    ("ids", "user_id", "anonymous_id"),
    [
        ({"userId": None, "anonymousId": "a1"}, None, "a1"), ({"userId": "", "anonymousId": "a1"}, None, "a1"),
        ({"userId": 42, "anonymousId": None}, "42", None), ({"userId": 42.0, "anonymousId": ""}, "42", None),
        ({"userId": "u1"}, "u1", None), ({"anonymousId": 7}, None, "7"), ({"userId": 0, "anonymousId": "a1"}, None, "a1"),
    ],
)  # fmt: skip
def test_ids_may_be_null_empty_or_numbers(
    intake: Intake, ids: dict[str, Any], user_id: str | None, anonymous_id: str | None
) -> None:
    assert intake.post("/v1/track", {"event": "Something", **ids})["statusCode"] == 200
    assert [(event.user_id, event.anonymous_id) for event in intake.queued_events()] == [(user_id, anonymous_id)]


# --- settings


def test_segments_browser_sdk_is_told_where_we_are() -> None:
    answer = ask(f"/v1/projects/{PUBLIC}/settings")

    assert answer["statusCode"] == 200
    assert answer["headers"]["cache-control"] == "public, max-age=300"
    said = answered(answer)
    ours = said["integrations"]["Segment.io"]
    assert list(said["integrations"]) == ["Segment.io"]
    assert (ours["apiKey"], ours["apiHost"], ours["protocol"]) == (PUBLIC, "api.example.com/v1", "https")
    assert said["metrics"] == {"sampleRate": 0, "host": "api.example.com/v1"}


@pytest.mark.parametrize(
    ("public_url", "host", "protocol"),
    [
        ("http://127.0.0.1:8080", "127.0.0.1:8080/v1", "http"),
        ("https://api.example.com/", "api.example.com/v1", "https"),
        ("https://example.com/ripen", "example.com/ripen/v1", "https"),
    ],
)  # fmt: skip
def test_the_address_in_the_settings_is_that_of_the_stage(
    monkeypatch: pytest.MonkeyPatch, public_url: str, host: str, protocol: str
) -> None:
    monkeypatch.setenv("PUBLIC_URL", public_url)
    ours = answered(ask(f"/v1/projects/{PUBLIC}/settings"))["integrations"]["Segment.io"]

    assert (ours["apiHost"], ours["protocol"]) == (host, protocol)


NO_PUBLIC_KEYS = [
    SERVER,
    ADMIN,
    "public_website_" + "A" * 32,
    PUBLIC.replace("website", "other"),
    "WRITEKEY",
    "x" * 900,
    "%2e",
]


@pytest.mark.parametrize("key", NO_PUBLIC_KEYS)
def test_any_other_key_has_no_settings_and_all_refusals_are_alike(key: str) -> None:
    answers = [ask(f"/v1/projects/{key}/settings"), ask("/sourceConfig", headers={"authorization": basic(f"{key}:")})]

    for answer in answers:
        assert answer == ask("/v1/projects/nonsense/settings")
        assert (answer["statusCode"], answer["headers"]["cache-control"]) == (404, "no-store")
        assert set(answered(answer)) == {"code", "message"}
        assert key not in answer["body"]


@pytest.mark.parametrize("query", [{}, {"writeKey": PUBLIC, "p": "npm", "v": "3.34.1"}])
def test_rudderstacks_browser_sdk_gets_a_source_without_destinations(query: dict[str, str]) -> None:
    headers = {} if query else {"authorization": basic(f"{PUBLIC}:")}
    source = answered(ask("/sourceConfig", headers=headers, query=query))["source"]

    assert source["id"]
    assert source["enabled"] is True
    assert source["destinations"] == []
    assert source["config"]["statsCollection"] == {"errors": {"enabled": False}, "metrics": {"enabled": False}}


# --- routes of other SDKs


def test_rudderstacks_identify_says_who_in_its_context(intake: Intake) -> None:
    traits = {"email": "maria@example.com", "title": "Director"}

    assert intake.post("/v1/identify", {"type": "identify", "userId": "u1", "context": {"traits": traits}})
    (event,) = intake.queued_events()
    assert (event.email, event.traits) == ("maria@example.com", traits)


def test_traits_of_the_call_count_before_those_of_its_context(intake: Intake) -> None:
    said = {
        "userId": "u1",
        "traits": {"title": "Director"},
        "context": {"traits": {"title": "Intern", "email": "m@example.com"}},
    }

    intake.post("/v1/identify", said)
    intake.post("/v1/track", {**TRACK, "context": said["context"]})
    identified, tracked = intake.queued_events()
    assert (identified.traits, identified.email) == ({"title": "Director"}, "m@example.com")
    assert tracked.traits == {}


def test_a_beacon_carries_its_key_in_the_address(intake: Intake) -> None:
    event = request(
        {"rawPath": "/beacon/v1/batch", "body": batch_of({}), "queryStringParameters": {"writeKey": PUBLIC}}
    )

    assert answered(ingest.handler({**event, "headers": {"content-type": "text/plain;charset=UTF-8"}}, CONTEXT))
    assert [event.source for event in intake.queued_events()] == ["public"]


@pytest.mark.parametrize(("path", "key"), [("/api/s/track", PUBLIC), ("/api/s/s2s/track", SERVER)])
def test_jitsus_routes_are_the_same_calls(intake: Intake, path: str, key: str) -> None:
    answer = ingest.handler(request({"rawPath": path, "body": TRACK, "headers": {"x-write-key": key}}), CONTEXT)

    assert answered(answer) == {"success": True}
    assert [event.source for event in intake.queued_events()] == [key.partition("_")[0]]


def test_what_an_sdk_counts_of_itself_is_taken_and_dropped(intake: Intake) -> None:
    body = '{"series":[{"type":"Counter","metric":"analytics_js.invoke","value":1,"tags":{"library":"analytics.js"}}]}'

    assert answered(intake.post("/v1/m", body, key=None)) == {"success": True}
    assert intake.queued() == []


# --- files


def test_our_script_is_served_with_a_tag_and_not_sent_twice() -> None:
    answer = ask("/ripen.js")
    headers = answer["headers"]

    assert answer["statusCode"] == 200
    assert answer["body"].encode() == (static_files.FOLDER / "ripen.js").read_bytes()
    assert headers["content-type"] == "text/javascript; charset=utf-8"
    assert headers["cross-origin-resource-policy"] == "cross-origin"
    assert headers["cache-control"].startswith("public, max-age=3600")
    for held in (headers["etag"], f"W/{headers['etag']}", f'"another", {headers["etag"]}', "*"):
        again = ask("/ripen.js", headers={"if-none-match": held})
        assert (again["statusCode"], again["body"], again["headers"]["etag"]) == (304, "", headers["etag"])
    assert ask("/ripen.js", headers={"if-none-match": '"another"'})["statusCode"] == 200


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip, deflate, br, zstd", True), ("br;q=1.0, gzip;q=0.8", True), ("GZIP", True), ("", False), ("br", False),
        ("gzip;q=0", False), ("identity", False),
    ],
)  # fmt: skip
def test_our_script_travels_compressed_to_whoever_takes_that(accepted: str, packed: bool) -> None:
    answer = ask("/ripen.js", headers={"accept-encoding": accepted})
    content = (static_files.FOLDER / "ripen.js").read_bytes()

    assert ("content-encoding" in answer["headers"]) is packed
    assert answer["headers"]["vary"] == "accept-encoding"
    if packed:
        assert answer["isBase64Encoded"] is True
        assert gzip.decompress(base64.b64decode(answer["body"])) == content
    else:
        assert answer["body"].encode() == content


@pytest.mark.parametrize(
    "path", ["/static/handler.py", "/ripen.js/..", "/../handler.py", "/handler.py", "/%2e%2e/ripen.js/x"]
)
def test_no_other_file_is_served(path: str) -> None:
    assert ask(path)["statusCode"] == 404


# --- too much at once


@pytest.fixture
def throttled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENT_RATES", "public=2/10 server=1000/100000")


@pytest.mark.usefixtures("throttled")
def test_a_key_that_sends_too_much_is_told_when_to_come_back(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    assert intake.post("/v1/batch", batch_of(*[{}] * 15), key=PUBLIC)["statusCode"] == 200
    answer = intake.post("/v1/track", TRACK, key=PUBLIC)

    assert answer["statusCode"] == 429
    assert answered(answer)["code"] == "too_many"
    assert answer["headers"]["retry-after"] == "3"
    assert answer["headers"]["x-ratelimit-reset"] == str((NOW + 3) * 1000)
    assert len(intake.queued_events()) == 15
    assert intake.post("/v1/track", TRACK, key=SERVER)["statusCode"] == 200
    monkeypatch.setattr(ingest.time, "time", lambda: NOW + 3.9)
    assert intake.post("/v1/track", TRACK, key=PUBLIC)["statusCode"] == 200


@pytest.mark.usefixtures("throttled")
@pytest.mark.parametrize("place", [place for _, place in PLACES], ids=[name for name, _ in PLACES])
def test_who_is_throttled_costs_no_parsing_wherever_the_key_stands(
    intake: Intake, monkeypatch: pytest.MonkeyPatch, place: Callable[[str], dict[str, Any]]
) -> None:
    intake.post("/v1/batch", batch_of(*[{}] * 15), key=PUBLIC)
    monkeypatch.setattr(ingest, "parsed_object", pytest.fail)

    assert ingest.handler(request(place(PUBLIC)), CONTEXT)["statusCode"] == 429


@pytest.mark.usefixtures("throttled")
def test_a_body_that_is_refused_costs_its_key_by_the_kilobyte(intake: Intake) -> None:
    assert intake.post("/v1/batch", "{" + " " * 20_000, key=PUBLIC)["statusCode"] == 400
    assert intake.post("/v1/track", TRACK, key=PUBLIC)["statusCode"] == 429
    assert intake.queued() == []


@pytest.mark.usefixtures("throttled")
def test_forms_are_held_to_the_rate_of_their_key(intake: Intake) -> None:
    statuses = [
        intake.post("/forms/demo", f"email=maria%40example.com&write_key={PUBLIC}", key=None)["statusCode"]
        for _ in range(12)
    ]

    assert statuses == [200] * 10 + [429] * 2


@pytest.mark.usefixtures("throttled")
def test_settings_and_our_script_are_never_throttled(intake: Intake) -> None:
    intake.post("/v1/batch", batch_of(*[{}] * 15), key=PUBLIC)

    assert ask(f"/v1/projects/{PUBLIC}/settings")["statusCode"] == 200
    assert ask("/ripen.js")["statusCode"] == 200


# --- CORS is the API's business


def test_no_answer_of_ours_speaks_of_origins(intake: Intake) -> None:
    """API Gateway knows the stage's origins and adds the headers; a function that reflected one would open every door."""
    origin = {"origin": "https://evil.example", "authorization": basic(f"{PUBLIC}:")}
    answers = [
        ask(f"/v1/projects/{PUBLIC}/settings", headers=origin),
        ask("/v1/projects/x/settings", headers=origin),
        ask("/ripen.js", headers=origin),
        ask("/nothing", headers=origin),
        intake.post("/v1/track", TRACK, **origin),
        intake.post("/v1/track", "not json", **origin),
        intake.post("/v1/track", TRACK, key="wrong", **origin),
    ]

    assert not [name for answer in answers for name in answer["headers"] if name.lower().startswith(NO_CORS)]


def test_no_function_writes_a_cors_header() -> None:
    sources = Path(ingest.__file__).parents[1].rglob("*.py")

    assert [path.name for path in sources if NO_CORS in path.read_text(encoding="utf-8").lower()] == []
