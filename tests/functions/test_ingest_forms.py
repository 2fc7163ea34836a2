"""HTML forms read into one lead event: encodings, field names, consent, identity. No AWS needed."""

from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.ingest.forms import Form, form_event, read_form
from functions.ingest.forms_body import pairs_of
from functions.ingest.forms_rules import UNLISTED, Box, FormRules
from shared.errors import InvalidInputError
from shared.instants import DAY, instant_text, parse_instant
from shared.intake.segment import Intake
from shared.lead import LeadEvent

NOW = parse_instant("2026-11-22T12:00:00Z")
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b0undary"
Fields = dict[str, str] | list[tuple[str, str]]


def read(data: bytes, content_type: str = URLENCODED, rules: FormRules = UNLISTED) -> Form:
    return read_form("demo", pairs_of(data, content_type), rules)


def form_of(fields: Fields, rules: FormRules = UNLISTED) -> Form:
    return read(urlencode(fields).encode(), rules=rules)


def event_of(fields: Fields, at: int = NOW, *, rules: FormRules = UNLISTED, intake: Intake = "public") -> LeadEvent:
    pairs = list(fields.items()) if isinstance(fields, dict) else fields
    form = form_of([("email", "maria@example.com"), *pairs], rules)
    return form_event(form, intake=intake, received_at=at, headers={})


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
        (
            '{"email":"zoë@example.com","first_name":"Zoë","topic":"a b","list":[{}],"none":null,"object":{"a":1}}'.encode(),
            "text/plain",
        ),
        (
            multipart(('name="email"', "zoë@example.com"), ('name="first_name"', "Zoë"), ('name="topic"', "a b")),
            MULTIPART,
        ),
        (
            multipart(('name="email"', "zoë@example.com"), ('name="first_name"', "Zoë"), ('name="topic"', "a b")),
            'Multipart/Form-Data; charset=utf-8; boundary="b0undary"',
        ),
    ],
)
def test_a_form_reads_the_same_in_every_encoding(data: bytes, content_type: str) -> None:
    form = read(data, content_type)

    assert form.values == {"email": "zoë@example.com", "firstname": "Zoë"}
    assert form.extras == {"topic": "a b"}


def test_an_old_page_in_windows_1252_is_understood() -> None:
    form = read(b"company=S%F6hne&first_name=Zo\xeb", URLENCODED)

    assert form.values == {"company": "Söhne", "firstname": "Zoë"}


def test_files_and_nested_parts_of_a_multipart_are_left_out() -> None:
    data = multipart(
        ('name="email"', "maria@example.com"),
        ('name="cv"; filename="cv.pdf"', "%PDF"),
        ("name=\"other\"; filename*=UTF-8''x", "bytes"),
        ('no-name="x"', "?"),
        ('name="note"', "line one\r\nline two --b0undary\r\n"),
    )

    form = read(data, MULTIPART)
    assert form.values == {"email": "maria@example.com"}
    assert form.extras == {"note": "line one\r\nline two --b0undary\r\n"}


@pytest.mark.parametrize("ending", [b"", b"--b0undary", b"--b0undary--", b"--b0undary\r\n\r\n\r\n"])
def test_a_cut_off_multipart_gives_what_was_whole(ending: bytes) -> None:
    data = multipart(('name="email"', "maria@example.com")).removesuffix(b"--b0undary--\r\n") + ending

    assert read(data, MULTIPART).values["email"].strip() == "maria@example.com"


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (b"nothing of the kind", MULTIPART),
        (b"&".join(b"f%d=1" % n for n in range(201)), URLENCODED),
        (multipart(*[(f'name="f{n}"', "1") for n in range(210)]), MULTIPART),
        (b'["a"]', "application/json"),
        (b'{"a":', "application/json"),
        (b'{"a":NaN}', "application/json"),
    ],
)
def test_a_body_that_is_no_form_is_refused(data: bytes, content_type: str) -> None:
    with pytest.raises(InvalidInputError):
        read(data, content_type)


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


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ([("interest", "a"), ("interest", "b")], ["a", "b"]),
        ([("interest[]", "a"), ("interest[]", "b")], ["a", "b"]),
        ([("interest[]", "a")], "a"),
        ([("interest", "a"), ("interest", " a ")], "a"),
        ([("interest", "0"), ("interest", "1")], "1"),
        ([("interest", ""), ("interest", "a")], "a"),
        ([("interest", "no"), ("interest", "0")], "0"),
        ([("interest", str(number)) for number in range(2, 60)], [str(number) for number in range(2, 22)]),
        ([("interest", "x" * 2_000), ("interest", "y")], ["x" * 1_000, "y"]),
    ],
)
def test_a_list_of_boxes_is_a_list(fields: Fields, kept: Any) -> None:
    assert event_of(fields).properties == {"form": "demo", "interest": kept}


def test_a_list_in_json_is_a_repeated_field() -> None:
    form = read(b'{"email":"m@example.com","interest":["a","b",{"c":1}],"old":null,"size":1.5}', "application/json")

    assert form.extras == {"interest": ["a", "b"], "size": "1.5"}


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("shift_jis", "Shift_JIS"), ("gbk", "GBK"), ("koi8-r", "KOI8-R"), ("cp1251", "windows-1251"), ("big5", "Big5"),
     ("cp1252", "ISO-8859-1"), ("utf-8", "UTF-8"), ("euc_kr", "euc-kr"), ("iso8859-15", "iso-8859-15")],
)  # fmt: skip
@pytest.mark.parametrize("by", ["field", "header", "multipart"])
def test_a_page_in_another_encoding_is_understood(by: str, encoding: str, said: str) -> None:
    name = {
        "shift_jis": "山田",
        "gbk": "李雷",
        "koi8-r": "Мария",
        "cp1251": "Мария",
        "big5": "陳",
        "euc_kr": "김",
        "utf-8": "Zoë",
    }.get(encoding, "Zoë")
    raw = name.encode(encoding)
    if by == "multipart":
        data = b'--b0undary\r\nContent-Disposition: form-data; name="first_name"\r\n\r\n' + raw + b"\r\n"
        data += multipart(('name="_charset_"', said))
        form = read(data, MULTIPART)
    else:
        data = b"first_name=" + quote_plus(raw).encode()
        data += b"&_charset_=" + said.encode() if by == "field" else b""
        form = read(data, URLENCODED if by == "field" else f"{URLENCODED}; charset={said}")
    assert form.values["firstname"] == name


@pytest.mark.parametrize(
    "said", ["utf-16", "utf-7", "utf-32", "unicode_escape", "rot13", "base64", "zlib", "idna", "punycode", "mbcs", "x", "\x00", "a" * 500, "../etc", "hex", "undefined"]
)  # fmt: skip
def test_an_encoding_that_is_none_changes_nothing(said: str) -> None:
    assert form_of({"_charset_": said, "first_name": "Zoë"}).values["firstname"] == "Zoë"


ODD_BODIES = [
    (b"&&&", URLENCODED), (b"=", URLENCODED), (b"=x", URLENCODED), (b"email", URLENCODED), (b"%", URLENCODED),
    (b"%zz=%zz", URLENCODED), (b"email=%ff%fe", URLENCODED), (b"email=%00", URLENCODED), (b"a=1;b=2", URLENCODED),
    (b"email[]=m%40example.com", URLENCODED), (b"email[0]=x", URLENCODED), (b"[]=x", URLENCODED), (b"%5B%5D=x", URLENCODED),
    (b"email=" + b"a" * 30_000, URLENCODED), (b"a" * 30_000 + b"=1", URLENCODED), (b"\xef\xbb\xbfemail=m%40example.com", URLENCODED),
    (b"email=m%40example.com\r\n", URLENCODED), (b"email=m@example.com\x00", URLENCODED), (b"\xff\xfee\x00", URLENCODED),
    (b"{}", ""), (b'{"email":{}}', ""), (b'{"email":["m@example.com"]}', ""), (b'{"email":true}', ""), (b'{"":"x"}', ""),
    (b'{"__proto__":"x","email":"m@example.com"}', ""), (b'{"email":"m@example.com","email":"n@example.com"}', ""),
    (b'{"email":"m@example.com"}garbage', ""), (b'{"a":' * 30, ""), (b'{"a":' + b"[" * 5_000, ""), (b"[1]", ""), (b'{"a":1e400}', ""),
    (b"--b0undary", MULTIPART), (b"--b0undary--", MULTIPART), (b"--b0undary\r\n\r\nx", MULTIPART), (b"\r\n--b0undary\r\n", MULTIPART),
    (b"--b0undary\r\nContent-Disposition: form-data; name=\r\n\r\nx\r\n--b0undary--", MULTIPART),
    (b'--b0undary\nContent-Disposition: form-data; name="email"\n\nx\n--b0undary--', MULTIPART),
    (b'--b0undary\r\nContent-Disposition: form-data; name="a"; name="email"\r\n\r\nm@example.com\r\n--b0undary--', MULTIPART),
    (b'--b0undary\r\nContent-Disposition: attachment; filename="email"\r\n\r\nx\r\n--b0undary--', MULTIPART),
    (b"--b0undary\r\nX: " + b"y" * 20_000 + b'\r\nContent-Disposition: form-data; name="email"\r\n\r\nx', MULTIPART),
    (b"email=m%40example.com", MULTIPART), (b"email=m%40example.com", "multipart/form-data"), (b"--\r\n", "multipart/form-data; boundary=--"),
    (b"--a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b--", "multipart/form-data; boundary=a"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "content_type"), ODD_BODIES)
def test_an_odd_body_is_a_form_or_refused_with_its_field(data: bytes, content_type: str) -> None:
    blamed = None
    try:
        event = form_event(read(data, content_type), intake="public", received_at=NOW, headers={})
    except InvalidInputError as refusal:
        blamed = refusal.field
    assert blamed in ("body", "email", "a", None)
    if blamed is None:
        assert event.email in ("m@example.com", "n@example.com")
        assert all(isinstance(value, str | list) for value in event.properties.values())


RULES = FormRules(
    listed=True,
    fields={"yourname": "traits.first_name", "firma": "traits.company.name", "work": "email", "private": "email",
            "budget": "properties.money", "customer": "user_id", "heads": "traits.employees"},
    consent=Box("letter", "Send me the letter", "2026-11", "newsletter"),
    min_seconds=3,
    event={"product": "ripen", "worth": 5},
)  # fmt: skip


def test_the_playbook_says_what_fields_mean() -> None:
    event = event_of(
        {"Your-Name": " Zoë ", "firma": "Acme", "WORK": "z@example.com", "private": "", "budget": "10", "customer": "u7",
         "heads": "201 – 500", "company": "other", "product": "spoofed", "note": "x"},
        rules=RULES,
    )  # fmt: skip

    assert (event.email, event.user_id) == ("z@example.com", "u7")
    assert event.traits == {
        "email": "z@example.com", "first_name": "Zoë", "company": {"name": "Acme"}, "employees": 201,
    }  # fmt: skip
    assert event.properties == {"form": "demo", "money": "10", "product": "ripen", "worth": 5, "note": "x"}
    assert event.context == {"form": "demo"}


def test_no_client_can_say_that_a_form_is_listed() -> None:
    assert "form" not in event_of({"form": "demo", "context": "form", "context.form": "demo"}).context


@pytest.mark.parametrize(
    ("said", "agreed"),
    [({"letter": "newsletter"}, True), ({"letter": "on"}, True), ({"letter": "no"}, False), ({"letter": ""}, False),
     ({}, None), ({"consent": "yes"}, None)],
)  # fmt: skip
def test_the_box_of_the_playbook_is_what_asks_for_mail(said: Fields, agreed: bool | None) -> None:
    event = event_of(said, rules=RULES)

    wording = {"text": "Send me the letter", "version": "2026-11", "topic": "newsletter"}
    assert event.traits.get("consent") is agreed
    assert event.properties.get("consent") == (None if agreed is None else {"agreed": agreed, **wording})


def test_a_form_without_double_opt_in_asks_for_no_mail_and_proves_nothing() -> None:
    single = replace(RULES, double_opt_in=False)

    wish = event_of({"letter": "yes"}, rules=single)
    assert "consent" not in wish.traits
    assert wish.properties["consent"]["agreed"] is True
    assert event_of({"letter": "no"}, rules=single).traits["consent"] is False
    assert event_of({"letter": "yes"}, rules=single, intake="server").traits["consent"] is True
    assert event_of({"consent": "yes"}, rules=replace(single, consent=None)).properties["consent"] == {"agreed": True}


def test_a_playbook_may_name_another_trap() -> None:
    other = replace(RULES, honeypot="url2")

    assert event_of({"url2": "x"}, rules=other).verdict == "machine"
    plain = event_of({"website": "https://acme.example"}, rules=other)
    assert (plain.verdict, plain.properties["website"]) == ("human", "https://acme.example")


def test_a_post_that_fills_the_trap_is_a_machines_keeps_its_answers_and_asks_for_no_mail() -> None:
    caught = event_of({"Website": " https://acme.example ", "company": "Acme", "consent": "yes", "note": "x"})

    assert (caught.verdict, caught.verdict_reason) == ("machine", "the hidden field was filled")
    assert caught.traits == {"email": "maria@example.com", "company": "Acme"}
    assert caught.properties == {"form": "demo", "note": "x", "website": "https://acme.example"}
    clean = event_of({"website": " ", "consent": "yes"})
    assert (clean.verdict, clean.verdict_reason, clean.traits["consent"]) == ("human", "", True)
    assert "website" not in clean.properties


@pytest.mark.parametrize(
    ("started", "verdict"),
    [(f"{(NOW - 1) * 1000}", "machine"), (f"{(NOW - 1) * 1000}.5", "machine"), (f"{NOW - 1}", "machine"),
     (instant_text(NOW - 1), "machine"), (f"{NOW * 1000}", "machine"), (f"{(NOW - 2) * 1000}", "human"),
     (f"{(NOW - 60) * 1000}", "human"), (f"{(NOW + 90) * 1000}", "human"), ("", "human"), ("soon", "human"), ("-5", "human"),
     ("9" * 400, "human"), ("1e13", "human"), ("2026-11-22T12:00:00", "human")],
)  # fmt: skip
def test_who_is_faster_than_a_person_is_a_machine(started: str, verdict: str) -> None:
    event = event_of({"started_at": started, "letter": "yes"}, rules=RULES)

    assert event.verdict == verdict
    assert ("consent" in event.traits, "consent" in event.properties) == (verdict == "human", verdict == "human")
    assert event_of({"started_at": started}).verdict == "human", "no trap where the playbook sets none"


def test_the_same_answers_count_again_from_who_was_too_fast_at_first() -> None:
    fast = event_of({"started_at": f"{NOW}000", "note": "x"}, rules=RULES)
    slow = event_of({"started_at": f"{NOW - 60}000", "note": "x"}, rules=RULES)

    assert fast.event_id != slow.event_id == event_of({"started_at": "", "note": "x"}, rules=RULES).event_id


def test_the_page_is_what_the_form_says_else_the_referrer() -> None:
    form = form_of({"email": "m@example.com", "page_url": "https://www.example.com/demo"})
    for said, headers in ((form, {"referer": "https://www.example.com/"}), (form, {})):
        event = form_event(said, intake="public", received_at=NOW, headers=headers)
        assert event.context["page"] == {"url": "https://www.example.com/demo"}
    assert "page" not in event_of({}).context


@given(st.lists(st.tuples(st.text(), st.text()), max_size=6))
def test_any_fields_survive_both_html_encodings_alike(pairs: list[tuple[str, str]]) -> None:
    simple = [
        (name, value.replace("\r", "").replace("\n", "").replace("--", ""))
        for name, value in pairs
        if name.isprintable() and '"' not in name and name.strip()
    ]
    urlencoded = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in simple).encode() or b"="
    as_parts = multipart(*((f'name="{name}"', value) for name, value in simple))

    assert read(urlencoded, URLENCODED) == read(as_parts, MULTIPART)


@given(
    st.binary(max_size=500), st.sampled_from([URLENCODED, "multipart/form-data; boundary=a", "multipart/form-data", ""])
)
def test_any_bytes_are_a_form_or_refused(data: bytes, content_type: str) -> None:
    with suppress(InvalidInputError):
        event = form_event(read(data, content_type), intake="public", received_at=NOW, headers={})
        assert event.email or event.anonymous_id or event.user_id
