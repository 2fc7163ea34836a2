"""Segment calls read into lead events: who, when, what; and what is refused by name. No AWS needed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InvalidInputError
from shared.instants import instant_text, parse_instant
from shared.intake.segment import PROVEN_ONLY, Call, Intake, read_batch, read_call
from shared.lead import LeadEvent

NOW = parse_instant("2026-11-22T12:00:00Z")


def read(said: dict[str, Any], call: Call = "track", intake: Intake = "server") -> LeadEvent:
    return read_call({"userId": "u1", "event": "x", **said}, call, intake=intake, received_at=NOW)


def refused_field(said: dict[str, Any], call: Call = "track", intake: Intake = "server") -> str:
    with pytest.raises(InvalidInputError) as refusal:
        read(said, call, intake)
    return refusal.value.field


# --- when


@pytest.mark.parametrize(
    ("times", "occurred"),
    [
        ({}, "2026-11-22T12:00:00Z"),
        ({"timestamp": None}, "2026-11-22T12:00:00Z"),
        ({"timestamp": ""}, "2026-11-22T12:00:00Z"),
        ({"timestamp": "2026-11-22T11:59:00Z"}, "2026-11-22T11:59:00Z"),
        ({"timestamp": "2026-11-22T11:59:00.999Z"}, "2026-11-22T11:59:00Z"),
        ({"timestamp": " 2026-11-22T12:59:00+01:00 "}, "2026-11-22T11:59:00Z"),
        ({"timestamp": "2026-11-22T11:59:00.123456789+0000"}, "2026-11-22T11:59:00Z"),
        ({"originalTimestamp": "2026-11-22T11:59:00Z"}, "2026-11-22T11:59:00Z"),
        # up to a minute of difference is the network, not the clock
        ({"timestamp": "2026-11-22T11:00:00Z", "sentAt": "2026-11-22T11:59:00Z"}, "2026-11-22T11:00:00Z"),
        ({"timestamp": "2026-11-22T11:00:00Z", "sentAt": "2026-11-22T12:01:00Z"}, "2026-11-22T11:00:00Z"),
        # over a minute it is the clock
        ({"timestamp": "2026-11-22T11:00:00Z", "sentAt": "2026-11-22T11:58:59Z"}, "2026-11-22T11:01:01Z"),
        ({"timestamp": "2026-11-22T13:00:00Z", "sentAt": "2026-11-22T13:30:00Z"}, "2026-11-22T11:30:00Z"),
        # a device whose clock was never set
        ({"timestamp": "1970-01-01T00:00:05Z", "sentAt": "1970-01-01T00:00:15Z"}, "2026-11-22T11:59:50Z"),
        ({"timestamp": "0001-01-01T00:00:00Z", "sentAt": "0001-01-01T00:00:00Z"}, "2026-11-22T12:00:00Z"),
        # passed on by a server that corrected it
        (
            {
                "timestamp": "2026-01-05T09:00:00Z",
                "sentAt": "2026-01-05T09:00:01Z",
                "receivedAt": "2026-01-05T09:00:01Z",
            },
            "2026-01-05T09:00:00Z",
        ),
        # ahead by a little stays, ahead by more is now
        ({"timestamp": "2026-11-22T12:01:00Z"}, "2026-11-22T12:01:00Z"),
        ({"timestamp": "2026-11-22T12:01:01Z"}, "2026-11-22T12:00:00Z"),
        ({"timestamp": "9999-12-31T23:59:59Z"}, "2026-11-22T12:00:00Z"),
        ({"timestamp": "1990-01-01T00:00:00Z"}, "1990-01-01T00:00:00Z"),
    ],
)
def test_event_time_is_the_clients_corrected_when_its_clock_is_off(times: dict[str, Any], occurred: str) -> None:
    assert instant_text(read(times).occurred_at) == occurred


@pytest.mark.parametrize(
    ("times", "field"),
    [
        ({"timestamp": "2026-11-22T11:59:00"}, "timestamp"),
        ({"timestamp": "2026-11-22"}, "timestamp"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": 1_795_305_979}, "timestamp"),
        ({"timestamp": {"iso": "2026-11-22T11:59:00Z"}}, "timestamp"),
        ({"timestamp": False}, "timestamp"),
        ({"timestamp": "1989-12-31T23:59:59Z"}, "timestamp"),
        ({"timestamp": "0001-01-01T00:00:00+14:00"}, "timestamp"),
        ({"originalTimestamp": "1970-01-01T00:00:00Z"}, "originalTimestamp"),
        ({"sentAt": "now"}, "sentAt"),
        ({"sentAt": 5}, "sentAt"),
    ],
)
def test_a_time_that_cannot_be_meant_is_refused_by_its_field(times: dict[str, Any], field: str) -> None:
    assert refused_field(times) == field


def test_a_batch_says_once_when_it_was_sent() -> None:
    batch = [
        {"type": "track", "userId": "u1", "event": "x", "timestamp": "2026-11-22T11:00:00Z"},
        {
            "type": "track",
            "userId": "u1",
            "event": "x",
            "timestamp": "2026-11-22T11:00:00Z",
            "sentAt": "2026-11-22T12:00:00Z",
        },
    ]
    events, _ = read_batch({"batch": batch, "sentAt": "2026-11-22T11:30:00Z"}, intake="server", received_at=NOW)

    assert [instant_text(event.occurred_at)[11:16] for event in events] == ["11:30", "11:00"]


# --- who


@pytest.mark.parametrize(
    ("value", "identifier"),
    [
        ("u1", "u1"),
        (" u1 ", "u1"),
        ("not-a-uuid ünïcode", "not-a-uuid ünïcode"),
        (7, "7"),
        (7.0, "7"),
        (1.5, "1.5"),
        (12345678901234567890, "12345678901234567890"),
        ("x" * 256, "x" * 256),
        *(
            (nobody, None)
            for nobody in (None, "", "  ", "null", "NULL", "undefined", "anonymous", "0", 0, False, True, -1)
        ),
        ("00000000-0000-0000-0000-000000000000", None),
        ("[object Object]", None),
        ("a\x00", "a"),
    ],
)
def test_ids_may_be_any_scalar_and_placeholders_name_nobody(value: Any, identifier: str | None) -> None:
    event = read({"userId": value, "anonymousId": "a1"})
    assert (event.user_id, event.anonymous_id) == (identifier, "a1")

    event = read({"userId": "u1", "anonymousId": value})
    assert (event.user_id, event.anonymous_id) == ("u1", identifier)


@pytest.mark.parametrize(
    "value", ["x" * 257, ["u1"], {"id": "u1"}, "a\nb", "a\x1b[2Jb", "a\u200bb", "a\u202eb", "\ud83d"]
)
def test_an_id_that_cannot_be_one_is_refused_by_its_field(value: Any) -> None:
    assert refused_field({"userId": value}) == "userId"
    assert refused_field({"anonymousId": value}) == "anonymousId"


@pytest.mark.parametrize("call", ["identify", "track", "page", "screen", "group"])
def test_an_event_about_nobody_is_refused(call: Call) -> None:
    assert refused_field({"userId": None, "anonymousId": "undefined"}, call) == "userId"


@pytest.mark.parametrize(
    ("address", "compared"),
    [
        ("Maria@Example.COM", "maria@example.com"),
        (" maria+news@example.com ", "maria+news@example.com"),
        ("Zoë.Müller@exämple.example", "zoë.müller@exämple.example"),
        ("o'brien@example.com", "o'brien@example.com"),
        *((nobody, None) for nobody in (None, "", "null", "undefined")),
    ],
)
def test_an_identify_names_the_person_by_address(address: Any, compared: str | None) -> None:
    assert read({"traits": {"email": address}}, "identify").email == compared


BAD_ADDRESSES = [
    "maria", "maria@", "@example.com", "a@b@c", "a b@example.com", "maria@example.com, eve@example.com", "a\n@example.com",
    "Maria <maria@example.com>", "mailto:maria@example.com", "maria@example.com;", "x" * 250 + "@a.com", 7, True,
    ["maria@example.com"], {"home": "maria@example.com"}, "a\u200b@example.com", "a\u00a0@example.com", "\ud800@example.com",
    '"a"@example.com',
]  # fmt: skip


@pytest.mark.parametrize("address", BAD_ADDRESSES)
def test_a_bad_address_is_an_error_in_identify_and_left_aside_elsewhere(address: Any) -> None:
    assert refused_field({"traits": {"email": address}}, "identify") == "traits.email"
    assert read({"context": {"traits": {"email": address}}}).email is None


def test_an_address_rides_along_in_the_context_of_any_call() -> None:
    assert read({"userId": None, "context": {"traits": {"email": "Maria@example.com"}}}).email == "maria@example.com"


@pytest.mark.parametrize("call", ["track", "page", "screen", "group", "alias"])
def test_an_address_in_properties_or_other_traits_is_not_the_persons(call: Call) -> None:
    said = {"properties": {"email": "a@example.com"}, "traits": {"email": "b@example.com"}, "previousId": "before"}

    assert read(said, call).email is None


# --- what


@pytest.mark.parametrize(
    ("call", "said", "name", "properties", "traits"),
    [
        ("identify", {"traits": {"firstName": "Zoë", "consent": True}}, "Identified", {}, {"firstName": "Zoë", "consent": True}),
        ("identify", {"traits": None}, "Identified", {}, {}),
        ("track", {"event": " Demo Requested ", "properties": {"n": 1}, "traits": {"a": 1}}, "Demo Requested", {"n": 1}, {}),
        ("track", {"properties": None}, "x", {}, {}),
        ("screen", {"name": "Home", "properties": {"build": 7}}, "Screen Viewed", {"name": "Home", "build": 7}, {}),
        ("group", {"groupId": "acme"}, "Company Identified", {"group_id": "acme"}, {"company": {}}),
        ("group", {"traits": {"name": "Acme"}}, "Company Identified", {}, {"company": {"name": "Acme"}}),
        ("alias", {"previousId": "before"}, "Aliased", {"previous_id": "before"}, {}),
        ("alias", {"previousId": 7}, "Aliased", {"previous_id": "7"}, {}),
    ],
)  # fmt: skip
def test_each_call_has_its_name_and_content(
    call: Call, said: dict[str, Any], name: str, properties: dict[str, Any], traits: dict[str, Any]
) -> None:
    event = read(said, call)

    assert (event.name, event.properties, event.traits) == (name, properties, traits)


PAGE = {
    "path": "/pricing",
    "url": "https://www.example.com/pricing?a=1",
    "title": "Pricing",
    "referrer": "",
    "search": "?a=1",
}
STATED = {name: value for name, value in PAGE.items() if value}


@pytest.mark.parametrize(
    ("said", "properties"),
    [
        ({"properties": PAGE}, PAGE),
        ({"context": {"page": PAGE}}, STATED),
        ({"context": {"page": PAGE}, "properties": {"path": "/other", "n": 1}}, {**STATED, "path": "/other", "n": 1}),
        ({"context": {"page": PAGE}, "properties": {"path": None}}, STATED),
        ({"properties": {"url": "https://a.example/b#top"}}, {"url": "https://a.example/b#top", "path": "/b"}),
        ({"properties": {"url": "https://a.example"}}, {"url": "https://a.example", "path": "/"}),
        ({"properties": {"url": "http://["}}, {"url": "http://["}),
        ({"properties": {"url": 7}}, {"url": 7}),
        ({"name": "Pricing", "category": "Docs"}, {"name": "Pricing", "category": "Docs"}),
        ({"name": "Pricing", "properties": {"name": "Own"}}, {"name": "Own"}),
        ({"name": "n" * 300}, {"name": "n" * 200}),
        ({"name": None, "category": ""}, {}),
        ({"context": {"page": "here"}}, {}),
    ],
)
def test_a_page_says_where_however_the_client_put_it(said: dict[str, Any], properties: dict[str, Any]) -> None:
    assert read(said, "page").properties == properties


@pytest.mark.parametrize(
    ("call", "said", "field"),
    [
        ("track", {"event": None}, "event"),
        ("track", {"event": ""}, "event"),
        ("track", {"event": "  "}, "event"),
        ("track", {"event": 7}, "event"),
        ("track", {"event": "e" * 201}, "event"),
        ("track", {"event": "a\nb"}, "event"),
        ("track", {"properties": "text"}, "properties"),
        ("track", {"properties": [1]}, "properties"),
        ("track", {"context": "here"}, "context"),
        ("identify", {"traits": [1]}, "traits"),
        ("page", {"name": 7}, "name"),
        ("screen", {"category": {}}, "category"),
        ("alias", {}, "previousId"),
        ("alias", {"previousId": "null"}, "previousId"),
        ("alias", {"previousId": []}, "previousId"),
        ("group", {"groupId": []}, "groupId"),
        ("track", {"properties": {"a": {"b": [1, float("nan")]}}}, "properties.a.b[1]"),
        ("track", {"properties": {"n": float("inf")}}, "properties.n"),
        ("track", {"properties": {"n": json.loads("1e400")}}, "properties.n"),
        ("track", {"properties": {"n": 1e200}}, "properties.n"),
        ("track", {"properties": {"n": 10**38}}, "properties.n"),
        ("track", {"properties": {"k" * 257: 1}}, "properties"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_field(call: Call, said: dict[str, Any], field: str) -> None:
    assert refused_field(said, call) == field


def test_nesting_is_bounded() -> None:
    deep: Any = 1
    for _ in range(18):
        deep = {"a": deep}
    assert read({"properties": {"deep": deep}}).properties == {"deep": deep}
    assert refused_field({"properties": {"deep": {"a": {"a": deep}}}}).startswith("properties.deep.a")


def test_of_equal_names_the_last_wins() -> None:
    body = json.loads('{"userId":"u1","event":"first","event":"last"}')

    assert read_call(body, "track", intake="server", received_at=NOW).name == "last"


@pytest.mark.parametrize("name", sorted(PROVEN_ONLY))
def test_a_key_that_anybody_can_read_does_not_state_what_only_mail_and_sales_know(name: str) -> None:
    assert refused_field({"event": name}, intake="public") == "event"
    assert read({"event": name}, intake="server").name == name


def test_only_the_useful_parts_of_the_context_are_kept() -> None:
    context = {
        "ip": "203.0.113.7",
        "page": {**PAGE, "extra": 1},
        "campaign": {"source": "newsletter", "content": 7, "other": "x"},
        "timezone": "Europe/Stockholm",
        "locale": ["sv"],
        "userAgent": "u" * 600,
        "library": {"name": "analytics.js"},
        "device": {"id": "d1"},
        "traits": {"email": "maria@example.com"},
    }

    assert read({"context": context}).context == {
        "page": STATED,
        "campaign": {"source": "newsletter"},
        "timezone": "Europe/Stockholm",
        "userAgent": "u" * 500,
    }


def test_the_context_of_a_batch_is_every_events_unless_it_has_its_own() -> None:
    batch = [
        {"type": "track", "userId": "u1", "event": "x"},
        {"type": "track", "userId": "u1", "event": "x", "context": {"locale": "de"}},
        {"type": "track", "userId": "u1", "event": "x", "context": None},
    ]
    body = {"batch": batch, "context": {"locale": "sv", "timezone": "UTC"}}
    events, _ = read_batch(body, intake="server", received_at=NOW)

    assert [event.context for event in events] == [
        {"locale": "sv", "timezone": "UTC"}, {"locale": "de", "timezone": "UTC"}, {"locale": "sv", "timezone": "UTC"},
    ]  # fmt: skip


# --- which message


@pytest.mark.parametrize("given_id", ["m1", "ajs-next-1795305979567-1c0ff90c", "x" * 100, 7])
def test_the_clients_message_id_is_the_events(given_id: Any) -> None:
    assert read({"messageId": given_id}).event_id == str(given_id)


@pytest.mark.parametrize("given_id", [None, "", "undefined", "null", 0, False, "x" * 101, ["m1"], {"a": 1}, "a\nb"])
def test_an_event_without_a_usable_id_gets_one_from_its_content(given_id: Any) -> None:
    event = read({"messageId": given_id, "timestamp": "2026-11-22T11:00:00Z"})
    again = read({"messageId": given_id, "timestamp": "2026-11-22T11:00:00Z", "sentAt": "2026-11-22T11:59:59Z"})

    assert event.event_id.startswith("derived-")
    assert len(event.event_id) == 40
    assert again.event_id == event.event_id


def test_derived_ids_differ_with_the_content() -> None:
    said: list[tuple[Call, dict[str, Any]]] = [
        ("track", {}),
        ("page", {}),
        ("track", {"event": "y"}),
        ("track", {"userId": "u2"}),
        ("track", {"timestamp": "2026-11-22T11:00:00Z"}),
        ("track", {"properties": {"n": 1}}),
        ("track", {"messageId": "x" * 101}),
        ("track", {"messageId": "x" * 102}),
    ]

    assert len({read(each, call).event_id for call, each in said}) == len(said)


def _nested(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3)


SCALAR = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(-1e100, 1e100) | st.text()
JSON = st.recursive(SCALAR, _nested, max_leaves=8)


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4), st.randoms())
def test_an_event_keeps_its_id_alone_in_a_batch_and_in_any_order_of_fields(
    properties: dict[str, Any], random: Any
) -> None:
    said = {"userId": "u1", "event": "x", "properties": properties}
    shuffled = list(said.items())
    random.shuffle(shuffled)
    batch = [{"type": "page", "userId": "u9"}, {"type": "track", **dict(shuffled)}]
    events, rejected = read_batch(
        {"batch": batch, "sentAt": "2026-11-22T12:00:00Z", "context": {"locale": "sv"}},
        intake="server",
        received_at=NOW,
    )

    assert not rejected
    assert events[1].event_id == read(said).event_id
