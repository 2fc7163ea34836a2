"""What a CRM says became of leads: who may say it, what is refused, and what the lead is from then on."""

import base64
import hashlib
import hmac
import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from functions.ingest import handler as ingest
from functions.ingest import webhook
from functions.ingest.outcomes import outcome_event
from functions.score.handler import handler as score
from shared.aws import addresses
from shared.aws.leads import get_lead
from shared.errors import InvalidInputError
from shared.identity import address_hash, home
from shared.instants import DAY, HOUR, instant_text, parse_instant
from shared.keys import KeyKind, mint_key, webhook_secret
from shared.lead import LeadEvent
from shared.rules.consent import refusal
from tests.conftest import IDENTITY_SECRET, SIGNING_SECRET, Aws, Context, sample
from tests.functions.test_leads import ask
from tests.functions.test_score import event, message, records

NOW = parse_instant("2026-11-22T12:00:00Z")
KEY = mint_key("outcomes", "crm", SIGNING_SECRET)
U = home("user", "u", IDENTITY_SECRET)
WON = {"type": "won", "userId": "u"}


def raw(body: Any, headers: dict[str, str], label: str | None = None) -> dict[str, Any]:
    text = body if isinstance(body, str) else json.dumps(body)
    query = {} if label is None else {"queryStringParameters": {"label": label}}
    return {"rawPath": "/v1/outcomes", "headers": headers, "body": text, "isBase64Encoded": False, **query}


def signed(body: str, *, name: str = "msg_1", at: int = NOW, label: str = "crm", **more: str) -> dict[str, Any]:
    """Return the request of a webhook as a sender with that label's secret makes it."""
    key = base64.b64decode(webhook_secret(label, SIGNING_SECRET).removeprefix("whsec_"))
    mac = hmac.new(key, f"{name}.{at}.{body}".encode(), hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(mac).decode()}"
    headers = {"webhook-id": name, "webhook-timestamp": str(at), "webhook-signature": signature}
    return raw(body, headers | {name.replace("_", "-"): value for name, value in more.items()}, label)


class Crm:
    """A CRM, the stage it tells, and the score behind it."""

    def __init__(self, aws: Aws, context: Context) -> None:
        self.aws, self.context, self.sent = aws, context, 0

    def tells(self, body: Any, *, key: str = KEY) -> dict[str, Any]:
        return self.posts(raw(body, {"authorization": f"Bearer {key}"}))

    def posts(self, request: dict[str, Any]) -> dict[str, Any]:
        answer = ingest.handler(request, self.context)
        return {"status": answer["statusCode"], **json.loads(answer["body"])}

    def queued(self) -> list[LeadEvent]:
        return [
            LeadEvent.from_json(said, source=each["source"], received_at=parse_instant(each["received_at"]))
            for each in self.aws.messages(self.aws.events_queue_url)
            for said in each["events"]
        ]

    def scored(self) -> None:
        """Let the score have what is queued, each message twice."""
        for each in self.aws.messages(self.aws.events_queue_url):
            self.sent += 1
            for _ in range(2):
                assert score(records((f"q{self.sent}", each)), self.context) == {"batchItemFailures": []}

    def hears(self, *events: LeadEvent, at: int = NOW) -> None:
        self.sent += 1
        score(records((f"m{self.sent}", message(*events, received_at=at))), self.context)

    def told(self, detail_type: str) -> list[Any]:
        found = [item for item in self.aws.items() if item["SK"].startswith("CHANGE") and not item.get("silent")]
        return [json.loads(item["detail"]) for item in found if item["detail_type"] == detail_type]


@pytest.fixture
def crm(aws: Aws, context: Context, monkeypatch: pytest.MonkeyPatch) -> Crm:
    monkeypatch.setattr(ingest, "time", SimpleNamespace(time=lambda: NOW + 0.5))
    return Crm(aws, context)


def demo(name: str, at: int = NOW - HOUR) -> LeadEvent:
    return event(name, "Demo Requested", at, received_at=at + 60, user_id="u")


# --- who may say it


def test_a_key_for_outcomes_opens_as_bearer_and_as_basic(crm: Crm) -> None:
    basic = "Basic " + base64.b64encode(f"{KEY}:".encode()).decode()
    assert crm.tells(WON) == {"status": 200, "success": True}
    assert crm.posts(raw(WON, {"authorization": basic}))["status"] == 200
    assert [each.name for each in crm.queued()] == ["Lead Won", "Lead Won"]


@pytest.mark.parametrize("kind", ["public", "server", "admin", "sales"])
def test_no_other_key_can_say_what_became_of_a_lead(kind: KeyKind, crm: Crm) -> None:
    answer = crm.tells(WON, key=mint_key(kind, "crm", SIGNING_SECRET))
    assert (answer["status"], answer["code"]) == (401, "unauthorized")
    assert "outcomes key" in answer["message"]
    assert crm.queued() == []


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": ""}, {"authorization": "Bearer"}, {"authorization": "Basic ?"}]
)
def test_without_a_key_nothing_is_taken(headers: dict[str, str], crm: Crm) -> None:
    assert crm.posts(raw(WON, headers))["status"] == 401
    assert crm.queued() == []


def test_a_key_for_outcomes_opens_no_other_route(crm: Crm) -> None:
    basic = "Basic " + base64.b64encode(f"{KEY}:".encode()).decode()
    call = {"rawPath": "/v1/track", "headers": {"authorization": basic}, "body": '{"userId": "u", "event": "x"}'}
    by_hand = {
        "rawPath": f"/v1/leads/{U}/adjustments", "headers": {"authorization": f"Bearer {KEY}"},
        "body": '{"points": 1, "reason": "r", "by": "b"}',
    }  # fmt: skip
    assert crm.posts(call)["status"] == 401
    assert crm.posts(by_hand)["status"] == 401


# --- webhooks that are signed


def test_the_signature_of_the_published_example_is_ours() -> None:
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    content = b'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}'
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert webhook.is_signature_of(expected, key, content)
    assert webhook.is_signature_of(f"v1,AAAA v1a,x {expected}", key, content)
    assert not webhook.is_signature_of(expected.replace("v1,", "v2,"), key, content)
    assert not webhook.is_signature_of("", key, content)


def test_a_signed_webhook_is_known_by_its_id_however_often_it_comes(crm: Crm) -> None:
    body = '{ "type" : "won",\n "userId" : "u" }'
    for at in (NOW - 290, NOW, NOW + 290):
        assert crm.posts(signed(body, at=at))["status"] == 200
    assert {each.event_id for each in crm.queued()} == {"outcome-msg_1"}


def test_the_id_that_the_outcome_itself_has_comes_first(crm: Crm) -> None:
    crm.posts(signed('{"id": "deal-1", "type": "won", "userId": "u"}'))
    crm.tells({"id": "deal-1", **WON})
    assert [each.event_id for each in crm.queued()] == ["outcome-deal-1"] * 2


def test_a_sender_that_changes_its_secret_signs_with_both(crm: Crm) -> None:
    request = signed(json.dumps(WON))
    request["headers"]["webhook-signature"] = f"v1,{'A' * 43}= {request['headers']['webhook-signature']}"
    assert crm.posts(request)["status"] == 200


@pytest.mark.parametrize("off", [-301, 301, -DAY, 10 * DAY])
def test_a_webhook_of_another_time_is_refused(off: int, crm: Crm) -> None:
    answer = crm.posts(signed(json.dumps(WON), at=NOW + off))
    assert answer["status"] == 401
    assert "more than 5 minutes" in answer["message"]
    assert crm.queued() == []


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("webhook-id", "msg_2"), ("webhook-id", ""), ("webhook-id", "a.b"), ("webhook-id", "x" * 81),
        ("webhook-timestamp", str(NOW + 1)), ("webhook-timestamp", "now"), ("webhook-timestamp", f"{NOW}.0"),
        ("webhook-timestamp", f" {NOW}"), ("webhook-timestamp", "١٢٣"), ("webhook-timestamp", "9" * 5000),
        ("webhook-signature", ""), ("webhook-signature", "v1,"), ("webhook-signature", "v1,é"),
        ("webhook-signature", "v1," + "A" * 5000), ("webhook-signature", " ".join(["v1,AAAA"] * 200)),
    ],
)  # fmt: skip
def test_a_webhook_whose_headers_are_not_those_signed_is_refused(header: str, value: str, crm: Crm) -> None:
    request = signed(json.dumps(WON))
    request["headers"][header] = value
    assert crm.posts(request)["status"] == 401
    assert crm.queued() == []


@pytest.mark.parametrize("label", [None, "", "other", "CRM", "x" * 33])
def test_a_webhook_must_name_the_label_of_its_secret(label: str | None, crm: Crm) -> None:
    request = signed(json.dumps(WON))
    request.pop("queryStringParameters")
    if label is not None:
        request["queryStringParameters"] = {"label": label}
    assert crm.posts(request)["status"] == 401


def test_a_bad_signature_is_not_made_good_by_a_key(crm: Crm) -> None:
    request = signed(json.dumps(WON))
    request["body"] += " "
    request["headers"]["authorization"] = f"Bearer {KEY}"
    assert crm.posts(request)["status"] == 401


def test_an_unsigned_body_is_never_parsed(crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    def parsed(_data: bytes) -> None:
        raise AssertionError

    monkeypatch.setattr(ingest, "parsed_object", parsed)
    request = signed(json.dumps(WON))
    request["body"] += " "
    assert crm.posts(request)["status"] == 401


BODY = json.dumps({"type": "won", "email": "ada@example.com", "id": "7"}).encode()
TRUE_KEY = b"k" * 32
TRUE_MAC = hmac.new(TRUE_KEY, BODY, hashlib.sha256).digest()


@hypothesis_settings(max_examples=3_000, deadline=None)
@given(st.integers(0, len(BODY) * 8 - 1), st.integers(0, 255), st.binary(max_size=4))
def test_no_changed_body_or_signature_passes(bit: int, mac_bit: int, tail: bytes) -> None:
    true = f"v1,{base64.b64encode(TRUE_MAC).decode()}"
    flipped = bytearray(BODY)
    flipped[bit // 8] ^= 1 << bit % 8
    mac = bytearray(TRUE_MAC)
    mac[mac_bit // 8] ^= 1 << mac_bit % 8
    assert webhook.is_signature_of(true, TRUE_KEY, BODY)
    assert not webhook.is_signature_of(true, TRUE_KEY, bytes(flipped))
    assert not webhook.is_signature_of(f"v1,{base64.b64encode(bytes(mac)).decode()}", TRUE_KEY, BODY)
    assert tail == b"" or not webhook.is_signature_of(true, TRUE_KEY, BODY + tail)
    assert tail == b"" or not webhook.is_signature_of(
        f"v1,{base64.b64encode(TRUE_MAC + tail).decode()}", TRUE_KEY, BODY
    )


@hypothesis_settings(max_examples=500, deadline=None)
@given(st.text(max_size=60))
def test_no_text_that_is_not_it_passes_for_a_signature(text: str) -> None:
    assert not webhook.is_signature_of(text, TRUE_KEY, BODY)


# --- what it says


def read(**said: Any) -> LeadEvent:
    return outcome_event({"type": "won", "userId": "u", **said}, received_at=NOW, name=None)


def test_an_outcome_says_what_who_when_and_why() -> None:
    said = {
        "id": "d", "type": "disqualified", "email": "Ada@Example.com", "userId": 7, "occurredAt": "2026-11-01T00:00:00Z",
        "reason": "student", "value": 12.5, "currency": "EUR", "by": "maria",
    }  # fmt: skip
    event = outcome_event(said, received_at=NOW, name=None)
    assert (event.name, event.email, event.user_id) == ("Lead Disqualified", "ada@example.com", "7")
    assert (event.source, instant_text(event.occurred_at)) == ("system", "2026-11-01T00:00:00Z")
    assert event.properties == {"reason": "student", "by": "maria", "value": 12.5, "currency": "EUR"}


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"type": "maybe"}, "type"), ({"type": None}, "type"), ({"type": ["won"]}, "type"),
        ({"userId": None}, "email"), ({"userId": "null"}, "email"), ({"email": "no"}, "email"),
        ({"userId": ["u"]}, "userId"), ({"leadId": U}, "leadId"), ({"userId": None, "leadId": "x"}, "leadId"),
        ({"userId": None, "leadId": 5}, "leadId"), ({"occurredAt": "2026-11-01"}, "occurredAt"),
        ({"occurredAt": "1980-01-01T00:00:00Z"}, "occurredAt"), ({"value": -1, "currency": "EUR"}, "value"),
        ({"value": "5", "currency": "EUR"}, "value"), ({"value": True, "currency": "EUR"}, "value"),
        ({"value": 5}, "currency"), ({"value": 5, "currency": "euro"}, "currency"), ({"currency": "EUR"}, "currency"),
        ({"reason": ""}, "reason"), ({"reason": "x" * 121}, "reason"), ({"by": 7}, "by"), ({"id": "x" * 91}, "id"),
        ({"id": " "}, "id"), ({"occuredAt": "2026-11-01T00:00:00Z"}, "occuredAt"),
    ],
)  # fmt: skip
def test_an_outcome_that_cannot_be_used_is_refused_by_its_field(said: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        read(**said)
    assert refusal.value.field == field


def test_without_an_id_the_same_said_is_the_same_event() -> None:
    assert read().event_id == read().event_id
    assert read().event_id != read(reason="price").event_id


def test_an_outcome_of_the_future_is_of_now() -> None:
    assert read(occurredAt="2030-01-01T00:00:00Z").occurred_at == NOW


def test_one_of_a_list_that_cannot_be_used_stops_no_other(crm: Crm) -> None:
    answer = crm.tells({"outcomes": [WON, {"type": "won"}, 7, {**WON, "type": "lost"}]})
    assert answer["status"] == 200
    assert [(each["index"], each["field"]) for each in answer["rejected"]] == [(1, "email"), (2, "body")]
    assert [each.name for each in crm.queued()] == ["Lead Won", "Lead Lost"]


def test_the_outcomes_of_a_signed_list_are_events_of_their_own(crm: Crm) -> None:
    crm.posts(signed(json.dumps({"outcomes": [WON, {**WON, "userId": "v"}]})))
    assert [each.event_id for each in crm.queued()] == ["outcome-msg_1.0", "outcome-msg_1.1"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"outcomes": [WON] * 101}, 413), ({"outcomes": "x"}, 400), ({"outcomes": [], "type": "won"}, 400),
        ({"type": "won", "userId": "u", "reason": "x" * 200_000}, 413), ("[]", 400), ("{", 400), ("", 400),
        ('{"type": "won", "userId": "u", "value": 1e400, "currency": "EUR"}', 400),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_used_is_refused_whole(body: Any, status: int, crm: Crm) -> None:
    assert crm.tells(body)["status"] == status
    assert crm.queued() == []


def test_a_hundred_outcomes_are_taken_at_once(crm: Crm) -> None:
    assert crm.tells({"outcomes": [{"type": "won", "userId": f"u{n}"} for n in range(100)]})["status"] == 200
    assert len(crm.queued()) == 100


@pytest.mark.parametrize("name", ["http_outcome", "http_outcome_webhook"])
def test_samples_are_requests_that_are_taken(name: str, crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    request = sample(name)
    if "authorization" in request["headers"]:
        request["headers"]["authorization"] = f"Bearer {KEY}"
    else:
        at = int(request["headers"]["webhook-timestamp"])
        monkeypatch.setattr(ingest, "time", SimpleNamespace(time=lambda: at))
        made = signed(request["body"], name=request["headers"]["webhook-id"], at=at)
        request["headers"] |= made["headers"]
    assert crm.posts(request) == {"status": 200, "success": True}


# --- what the lead is from then on


@pytest.mark.parametrize(
    ("kind", "stage"),
    [("won", "customer"), ("customer", "customer"), ("lost", "lost"), ("disqualified", "disqualified")],
)
def test_an_outcome_sets_the_stage_and_is_announced_once(kind: str, stage: str, crm: Crm) -> None:
    crm.hears(event("p", "Page Viewed", user_id="u"))
    for _ in range(2):
        crm.tells({"id": "d", "type": kind, "userId": "u"})
        crm.scored()
    lead = get_lead(U)
    assert lead is not None
    assert lead.settled.stage == stage
    assert [each["to_stage"] for each in crm.told("StageChanged")] == [stage]


@pytest.mark.parametrize("kind", ["won", "customer", "disqualified"])
def test_who_is_a_customer_or_disqualified_does_not_qualify_again(kind: str, crm: Crm) -> None:
    crm.tells({"type": kind, "userId": "u"})
    crm.scored()
    crm.hears(demo("d1", NOW + HOUR), at=NOW + 2 * HOUR)
    assert crm.told("LeadQualified") == []


@pytest.mark.parametrize("pressed", ["HandoffAccepted", "HandoffRejected"])
def test_a_button_of_a_handoff_that_is_still_there_undoes_no_customer(pressed: str, crm: Crm) -> None:
    crm.hears(demo("d1"))
    crm.tells({"type": "customer", "userId": "u"})
    crm.scored()
    detail = {
        "change_id": "c",
        "lead_id": U,
        "occurred_at": instant_text(NOW + HOUR),
        "reason_code": "timing",
        "handoff": 1,
    }
    score(records(("press", {"detail-type": pressed, "detail": detail})), crm.context)
    late = NOW + 100 * DAY
    crm.hears(demo("d2", late), at=late + 60)
    lead = get_lead(U)
    assert lead is not None
    assert (lead.settled.stage, lead.settled.qualified) == ("customer", False)
    assert len(crm.told("LeadQualified")) == 1


def test_a_later_outcome_corrects_an_earlier_one_in_whatever_order_they_come(crm: Crm) -> None:
    first = {"type": "disqualified", "userId": "u", "occurredAt": "2026-11-01T00:00:00Z"}
    then = {"type": "won", "userId": "u", "occurredAt": "2026-11-02T00:00:00Z"}
    for order in ((first, then), (then, first)):
        for body in order:
            crm.tells(body)
            crm.scored()
        lead = get_lead(U)
        assert lead is not None
        assert lead.settled.stage == "customer"


def test_an_outcome_joins_address_and_user_id_as_a_server_would(crm: Crm) -> None:
    crm.hears(event("p", "Page Viewed", user_id="u"))
    crm.hears(event("q", "Identified", email="ada@example.com"))
    crm.tells({"type": "customer", "userId": "u", "email": "ada@example.com"})
    crm.scored()
    by_user, by_email = get_lead(U), get_lead(home("email", "ada@example.com", IDENTITY_SECRET))
    assert by_user is not None
    assert by_user == by_email


def test_an_outcome_says_who_and_not_where_mail_may_go(crm: Crm) -> None:
    agreed = {"user_id": "u", "email": "ada@example.com", "traits": {"consent": True}}
    crm.hears(event("p", "Identified", NOW - DAY, received_at=NOW - DAY, **agreed), at=NOW - DAY)
    crm.tells({"type": "lost", "userId": "u", "email": "billing@example.com"})
    crm.tells({"type": "lost", "email": "stranger@example.com"})
    crm.scored()
    lead = get_lead(home("email", "billing@example.com", IDENTITY_SECRET))
    assert lead is not None
    assert (lead.value("email"), lead.settled.stage) == ("ada@example.com", "lost")
    stranger = get_lead(home("email", "stranger@example.com", IDENTITY_SECRET))
    assert stranger is not None
    assert (stranger.value("email"), stranger.proven("email")) == ("stranger@example.com", False)
    for email in ("billing@example.com", "stranger@example.com"):
        address = addresses.get_address(address_hash(email, IDENTITY_SECRET))
        assert (address.proven_at, address.opted_in_at) == (None, None)


def test_a_server_proves_the_address_that_an_outcome_named_before(crm: Crm) -> None:
    crm.tells({"type": "lost", "email": "ada@example.com"})
    crm.scored()
    crm.hears(event("p", "Identified", user_id="u", email="ada@example.com", traits={"consent": True}))
    address = addresses.get_address(address_hash("ada@example.com", IDENTITY_SECRET))
    assert refusal(address, silence_is_consent=False) is None


def test_the_reason_is_shown_and_stays_off_the_bus(crm: Crm) -> None:
    crm.tells({"type": "disqualified", "userId": "u", "reason": "a student of ada@example.com"})
    crm.scored()
    assert "ada@example.com" not in json.dumps(crm.told("StageChanged"))
    status, shown = ask(f"/v1/leads/{U}", crm.context, lead_id=U, as_of=instant_text(NOW + HOUR))
    assert status == 200
    assert shown["settled"]["stage"] == "disqualified"
    assert shown["outcome"] == {
        "outcome": "disqualified", "reason": "a student of ada@example.com", "at": instant_text(NOW),
    }  # fmt: skip
    assert "closed" not in shown["profile"]
