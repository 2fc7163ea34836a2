"""HTML forms read into one lead event: encodings, field names, consent, identity. No AWS needed."""

from contextlib import suppress
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.ingest.forms import Form, form_event, read_form
from shared.errors import InvalidInputError
from shared.instants import DAY, parse_instant
from shared.lead import LeadEvent

NOW = parse_instant("2026-11-22T12:00:00Z")
URLENCODED = "application/x-www-form-urlencoded"


def form_of(fields: dict[str, str] | list[tuple[str, str]]) -> Form:
    return read_form("demo", urlencode(fields).encode(), URLENCODED)


def event_of(fields: dict[str, str] | list[tuple[str, str]], at: int = NOW) -> LeadEvent:
    pairs = list(fields.items()) if isinstance(fields, dict) else fields
    return form_event(form_of([("email", "maria@example.com"), *pairs]), intake="public", received_at=at, headers={})


def multipart(*parts: tuple[str, str], boundary: str = "b0undary") -> bytes:
    body = "".join(
        f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n" for head, value in parts
    )
    return f"{body}--{boundary}--\r\n".encode()


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (b"email=zo%C3%AB%40example.com&first_name=Zo%C3%AB&topic=a+b", URLENCODED),
        ("email=zoë%40example.com&first_name=Zoë&topic=a%20b".encode(), "text/plain"),
        ('{"email":"zoë@example.com","first_name":"Zoë","topic":"a b","list":[1],"none":null}'.encode(), "text/plain"),
        (
            multipart(('name="email"', "zoë@example.com"), ('name="first_name"', "Zoë"), ('name="topic"', "a b")),
            "multipart/form-data; boundary=b0undary",
        ),
        (
            multipart(('name="email"', "zoë@example.com"), ('name="first_name"', "Zoë"), ('name="topic"', "a b")),
            'Multipart/Form-Data; charset=utf-8; boundary="b0undary"',
        ),
    ],
)
def test_a_form_reads_the_same_in_every_encoding(data: bytes, content_type: str) -> None:
    form = read_form("demo", data, content_type)

    assert form.values == {"email": "zoë@example.com", "firstname": "Zoë"}
    assert form.extras == {"topic": "a b"}


def test_an_old_page_in_windows_1252_is_understood() -> None:
    form = read_form("demo", b"company=S%F6hne&first_name=Zo\xeb", URLENCODED)

    assert form.values == {"company": "Söhne", "firstname": "Zoë"}


def test_files_and_nested_parts_of_a_multipart_are_left_out() -> None:
    data = multipart(
        ('name="email"', "maria@example.com"),
        ('name="cv"; filename="cv.pdf"', "%PDF"),
        ("name=\"other\"; filename*=UTF-8''x", "bytes"),
        ('no-name="x"', "?"),
        ('name="note"', "line one\r\nline two --b0undary\r\n"),
    )

    form = read_form("demo", data, "multipart/form-data; boundary=b0undary")
    assert form.values == {"email": "maria@example.com"}
    assert form.extras == {"note": "line one\r\nline two --b0undary\r\n"}


@pytest.mark.parametrize("ending", [b"", b"--b0undary", b"--b0undary--", b"--b0undary\r\n\r\n\r\n"])
def test_a_cut_off_multipart_gives_what_was_whole(ending: bytes) -> None:
    data = multipart(('name="email"', "maria@example.com")).removesuffix(b"--b0undary--\r\n") + ending

    assert (
        read_form("demo", data, "multipart/form-data; boundary=b0undary").values["email"].strip() == "maria@example.com"
    )


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (b"nothing of the kind", "multipart/form-data; boundary=b0undary"),
        (b"&".join(b"f%d=1" % n for n in range(201)), URLENCODED),
        (multipart(*[(f'name="f{n}"', "1") for n in range(210)]), "multipart/form-data; boundary=b0undary"),
        (b'["a"]', "application/json"),
        (b'{"a":', "application/json"),
        (b'{"a":NaN}', "application/json"),
    ],
)
def test_a_body_that_is_no_form_is_refused(data: bytes, content_type: str) -> None:
    with pytest.raises(InvalidInputError):
        read_form("demo", data, content_type)


@pytest.mark.parametrize(
    ("field", "trait"),
    [
        ("first_name", "first_name"), ("firstName", "first_name"), ("first-name", "first_name"), ("firstname", "first_name"),
        ("First Name", "first_name"), ("given-name", "first_name"), ("last_name", "last_name"), ("family-name", "last_name"),
        ("surname", "last_name"), ("company", "company"), ("Company Name", "company"), ("organization", "company"),
        ("title", "title"), ("job_title", "title"), ("organization-title", "title"), ("industry", "industry"),
        ("country", "country"), ("country-name", "country"), ("phone", "phone"), ("tel", "phone"), ("timezone", "timezone"),
    ],
)  # fmt: skip
def test_conventional_names_become_the_profile(field: str, trait: str) -> None:
    event = event_of({field: " value "})

    assert event.traits == {"email": "maria@example.com", trait: "value"}
    assert event.properties == {"form": "demo"}


@pytest.mark.parametrize(
    ("written", "employees"),
    [("250", 250), ("201-500", 201), ("201 – 500", 201), ("500+", 500), ("1,200", 1200), ("1 000-5 000", 1000), ("> 50", 50),
     ("10.000+", 10_000), ("many", "many"), ("0", 0)],
)  # fmt: skip
@pytest.mark.parametrize("field", ["employees", "company_size", "companySize"])
def test_a_company_size_counts_from_its_first_number(field: str, written: str, employees: Any) -> None:
    assert event_of({field: written}).traits["employees"] == employees


@pytest.mark.parametrize(
    ("consent", "agreed"),
    [(["on"], True), (["true"], True), (["Yes"], True), (["1"], True), (["0", "1"], True), (["no"], False), (["0"], False),
     ([""], False), (["1", "0"], False), (["newsletter"], None), (["perhaps"], None), ([], None)],
)  # fmt: skip
def test_only_a_clear_yes_is_consent(consent: list[str], agreed: bool | None) -> None:
    assert event_of([("consent", value) for value in consent]).traits.get("consent") is agreed


def test_other_fields_are_properties_within_bounds() -> None:
    event = event_of({
        "message": " Call me ", "empty": "", "long": "x" * 2_000, "n" * 90: "1", "form": "spoofed", "nul": "a\x00b",
        "password": "p", "_wpnonce": "1", "g-recaptcha-response": "t", "csrf_token": "t", "authenticity_token": "t", "utf8": "✓",
        "submit": "Send", "next": "https://www.example.com/", "write_key": "k",
    })  # fmt: skip

    assert event.properties == {"form": "demo", "message": "Call me", "long": "x" * 1_000, "n" * 64: "1", "nul": "ab"}


def test_no_more_than_fifty_other_fields_are_kept() -> None:
    assert len(event_of({f"f{n}": "1" for n in range(150)}).properties) == 51


def test_campaign_page_and_agent_are_the_context() -> None:
    form = form_of({"email": "maria@example.com", "utm_source": "x", "UTM_Campaign": "y", "utm_term": ""})
    headers = {"referer": "https://www.example.com/demo", "user-agent": "Mozilla"}
    event = form_event(form, intake="public", received_at=NOW, headers=headers)

    assert event.context == {
        "campaign": {"source": "x", "name": "y"},
        "page": {"url": "https://www.example.com/demo"},
        "userAgent": "Mozilla",
    }


@pytest.mark.parametrize(
    "fields", [{"anonymous_id": "a1"}, {"anonymousId": "a1"}, {"user_id": "u1"}, {"email": "m@example.com"}]
)
def test_one_identity_is_enough(fields: dict[str, str]) -> None:
    event = form_event(form_of(fields), intake="public", received_at=NOW, headers={})

    assert [event.anonymous_id, event.user_id, event.email].count(None) == 2


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "email"),
        ({"email": ""}, "email"),
        ({"email": "null", "user_id": "undefined"}, "email"),
        ({"email": "maria"}, "email"),
        ({"email": "a@example.com,b@example.com"}, "email"),
        ({"email": "maria@example.com", "user_id": "x" * 257}, "user_id"),
        ({"email": "maria@example.com", "anonymous_id": "a\nb"}, "anonymous_id"),
        ({"email": "maria@example.com", "timestamp": "2026-11-22T12:00:00"}, "timestamp"),
        ({"email": "maria@example.com", "timestamp": "1970-01-01T00:00:00Z"}, "timestamp"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_field(fields: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        form_event(form_of(fields), intake="public", received_at=NOW, headers={})
    assert refusal.value.field == field


def test_a_form_may_say_when_and_which_message() -> None:
    event = event_of({"timestamp": "2026-10-01T09:00:00Z", "message_id": "form-7"})

    assert event.event_id == "form-7"
    assert event.occurred_at == parse_instant("2026-10-01T09:00:00Z")
    assert event_of({"timestamp": "2027-10-01T09:00:00Z"}).occurred_at == NOW


def test_the_same_form_twice_is_one_event_and_another_day_another() -> None:
    fields = {"message": "Call me"}

    assert event_of(fields).event_id == event_of(fields, at=NOW + 60).event_id
    assert event_of(fields).event_id == event_of({**fields, "next": "https://www.example.com/"}).event_id
    assert event_of(fields).event_id != event_of({"message": "Call me again"}).event_id
    assert event_of(fields).event_id != event_of(fields, at=NOW + DAY).event_id


@given(st.lists(st.tuples(st.text(), st.text()), max_size=6))
def test_any_fields_survive_both_html_encodings_alike(pairs: list[tuple[str, str]]) -> None:
    simple = [
        (name, value.replace("\r", "").replace("\n", "").replace("--", ""))
        for name, value in pairs
        if name.isprintable() and '"' not in name and name.strip()
    ]
    urlencoded = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in simple).encode() or b"="
    as_parts = multipart(*((f'name="{name}"', value) for name, value in simple))

    assert read_form("demo", urlencoded, URLENCODED) == read_form(
        "demo", as_parts, "multipart/form-data; boundary=b0undary"
    )


@given(
    st.binary(max_size=500), st.sampled_from([URLENCODED, "multipart/form-data; boundary=a", "multipart/form-data", ""])
)
def test_any_bytes_are_a_form_or_refused(data: bytes, content_type: str) -> None:
    with suppress(InvalidInputError):
        event = form_event(read_form("demo", data, content_type), intake="public", received_at=NOW, headers={})
        assert event.email or event.anonymous_id or event.user_id
