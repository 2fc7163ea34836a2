"""From a ticked box to the confirmation and back: what the trail of an address keeps, and how it is shown."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from functions.leads.handler import handler as leads_api
from functions.links import handler as links
from functions.mail_feedback import handler as mail_feedback
from functions.score.handler import handler as score
from shared import table
from shared.aws import addresses, consent_proofs
from shared.identity import EMAIL, address_hash, home
from shared.instants import DAY, HOUR, instant_text
from shared.keys import mint_key
from shared.lead import queue_message
from shared.links import Link, mint
from shared.mailing import PastSend, SendRef, TopicConsent, confirmation_ref
from tests.conftest import IDENTITY_SECRET, SIGNING_SECRET, Aws, Context
from tests.functions.test_score import NOW, event, records
from tests.rules.test_bots import CHROME, GOOGLEBOT

ADA = "ada@example.com"
MAIL_TOPIC = "arn:aws:sns:eu-north-1:123456789012:mail-events"
ADDRESS = address_hash(ADA, IDENTITY_SECRET)
LEAD_ID = home(EMAIL, ADA, IDENTITY_SECRET)
ADMIN = mint_key("admin", "ops", SIGNING_SECRET)
BOX = {"agreed": True, "text": "Send me  the letter", "version": "2026-11", "topic": "newsletter"}
PAGE = {"page": {"url": "https://user:pw@www.example.com:8443/demo?email=ada@example.com#top"}}

pytestmark = pytest.mark.usefixtures("playbook")


def heard(context: Context, *said: Any, source: str = "public", message_id: str = "m", at: int = NOW) -> None:
    assert score(records((message_id, queue_message(source, at, list(said)))), context) == {"batchItemFailures": []}


def form(event_id: str = "f1", at: int = NOW, **said: Any) -> Any:
    known = {"email": ADA, "traits": {"email": ADA, "consent": True}, "properties": {"form": "demo", "consent": BOX}}
    return event(
        event_id, "Form Submitted", at, received_at=at, **{"context": {**PAGE, "form": "demo"}, **known, **said}
    )


def trail(aws: Aws) -> list[dict[str, Any]]:
    return [item for item in aws.items(table.address_pk(ADDRESS)) if item[table.SK].startswith(table.CONSENT_PREFIX)]


def shown(context: Context, lead_id: str = LEAD_ID) -> dict[str, Any]:
    request = {
        "headers": {"authorization": f"Bearer {ADMIN}"},
        "rawPath": f"/v1/leads/{lead_id}",
        "pathParameters": {"id": lead_id},
        "requestContext": {"http": {"method": "GET"}},
    }
    answer = leads_api(request, context)
    assert answer["statusCode"] == 200
    found: dict[str, Any] = json.loads(answer["body"])["consent"]
    return found


def press(context: Context, purpose: str, ref: SendRef, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    monkeypatch.setattr(links, "time", SimpleNamespace(time=lambda: at))
    token = mint(Link(purpose, ref.send_id, ADDRESS), SIGNING_SECRET)
    request = {
        "rawPath": f"/{'y' if purpose == 'confirm' else 'u'}/{token}",
        "pathParameters": {"token": token},
        "headers": {},
        "requestContext": {"http": {"method": "POST"}},
    }
    assert links.handler(request, context)["statusCode"] == 200


def asked_for_the_wish() -> SendRef:
    """Count the confirmation mail that answers the wish of NOW."""
    ref = confirmation_ref(LEAD_ID, ADDRESS, 1)
    known = addresses.get_address(ADDRESS)
    claim = addresses.claim_entry(known, {"confirmations": addresses.past_items((PastSend(NOW, ref.send_id),))})
    addresses.clients.dynamodb().transact_write_items(TransactItems=[claim])
    return ref


def test_a_ticked_box_is_kept_as_a_wish_with_its_wording_and_place(aws: Aws, context: Context):
    for _ in range(2):
        heard(context, form())
    (item,) = trail(aws)
    assert {name: value for name, value in item.items() if name not in ("PK", "SK", "schema", "expires_at")} == {
        "said": "agreed", "by": "public key", "text": "Send me the letter", "version": "2026-11", "topic": "newsletter",
        "worded_by": "playbook", "form": "demo", "page": "https://www.example.com/demo", "host": "www.example.com",
    }  # fmt: skip
    assert item[table.TTL] == NOW + 400 * DAY
    state = shown(context)["state"]
    assert (state["refused"], state["proven_at"], state["opted_in_at"]) == ("unproven", None, None)


def test_a_wording_that_no_playbook_lists_is_the_senders(aws: Aws, context: Context):
    heard(context, form(context=PAGE))
    assert [item["worded_by"] for item in trail(aws)] == ["client"]


def test_a_form_without_double_opt_in_leaves_a_wish_and_asks_nobody(aws: Aws, context: Context):
    heard(context, form(traits={"email": ADA}))
    assert [item["said"] for item in trail(aws)] == ["agreed"]
    assert not [item for item in aws.items() if item.get("detail_type") == "ConfirmationRequested"]


def test_a_box_a_program_ticked_asks_nobody(aws: Aws, context: Context):
    heard(context, form(verdict="machine"))
    assert not [item for item in aws.items() if item.get("detail_type") == "ConfirmationRequested"]


def test_a_box_a_crawler_ticked_is_kept_as_a_wish_and_asks_nobody(aws: Aws, context: Context):
    for _ in range(2):
        heard(context, form(context={**PAGE, "form": "demo", "userAgent": GOOGLEBOT}))
    assert [item["said"] for item in trail(aws)] == ["agreed"]
    assert not [item for item in aws.items() if item.get("detail_type") == "ConfirmationRequested"]


def test_a_box_ticked_in_a_visit_that_is_too_fast_asks_nobody(aws: Aws, context: Context):
    context_of = {**PAGE, "form": "demo", "userAgent": CHROME}
    pages = [
        event(f"p{number}", "Page Viewed", NOW + number // 4, anonymous_id="a", received_at=NOW + number // 4,
              context={"userAgent": CHROME})
        for number in range(21)
    ]  # fmt: skip
    heard(context, *pages)
    heard(context, form("f1", NOW + 30, anonymous_id="a", context=context_of), message_id="m2", at=NOW + 30)
    assert not [item for item in aws.items() if item.get("detail_type") == "ConfirmationRequested"]


def test_a_box_a_browser_ticked_asks_its_address_once(aws: Aws, context: Context):
    for _ in range(2):
        heard(context, form(context={**PAGE, "form": "demo", "userAgent": CHROME}))
    assert len([item for item in aws.items() if item.get("detail_type") == "ConfirmationRequested"]) == 1


def test_a_confirmation_carries_the_wish_its_mail_answered(aws: Aws, context: Context, monkeypatch):
    heard(context, form("f1", NOW), message_id="m1")
    other = form("f2", NOW + 60, properties={"consent": {**BOX, "text": "Something else"}})
    heard(context, other, message_id="m2", at=NOW + 60)
    ref = asked_for_the_wish()
    for at in (NOW + 300, NOW + 301):
        press(context, "confirm", ref, monkeypatch, at)
    confirmed, *wishes = shown(context)["trail"]
    assert (confirmed["said"], confirmed["by"], confirmed["proves"]) == ("confirmed", "link in our mail", True)
    assert (confirmed["at"], confirmed["text"], confirmed["form"]) == (
        instant_text(NOW + 300),
        "Send me the letter",
        "demo",
    )
    assert [wish["proves"] for wish in wishes] == [False, False]
    assert [table.TTL in item for item in trail(aws)] == [True, True, False, False]


def test_a_confirmation_pressed_again_does_not_bring_back_a_topic_that_was_stopped_since(
    aws: Aws, context: Context, monkeypatch
):
    heard(context, form("f1", NOW), message_id="m1")
    ref = asked_for_the_wish()
    press(context, "confirm", ref, monkeypatch, NOW + 300)
    assert addresses.get_address(ADDRESS).topics["newsletter"].opted_in_at == NOW + 300
    addresses.record_consent(ADDRESS, topics={"newsletter": TopicConsent(stopped_at=NOW + 400)})
    press(context, "confirm", ref, monkeypatch, NOW + 500)
    assert addresses.get_address(ADDRESS).topics["newsletter"] == TopicConsent(NOW + 300, NOW + 400)


def test_a_confirmation_whose_wish_nobody_knows_is_kept_all_the_same(aws: Aws, context: Context, monkeypatch):
    press(context, "confirm", confirmation_ref(LEAD_ID, ADDRESS, 1), monkeypatch, NOW)
    assert [(proof.said, proof.text) for proof in consent_proofs.trail(ADDRESS)] == [("confirmed", "")]


def test_a_stop_of_every_kind_is_in_the_trail(aws: Aws, context: Context, monkeypatch):
    said = event("s0", "Identified", user_id="u", email=ADA, traits={"email": ADA, "consent": True})
    heard(context, said, source="server", message_id="m0")
    said = event("s1", "Identified", NOW + 1, user_id="u", email=ADA, traits={"consent": False}, received_at=NOW + 1)
    heard(context, said, source="server", message_id="m1", at=NOW + 1)
    press(context, "unsubscribe", SendRef(LEAD_ID, "awareness", 1, 0), monkeypatch, NOW + 2)
    monkeypatch.setattr(mail_feedback, "time", SimpleNamespace(time=lambda: NOW + 3))
    complaint = {
        "eventType": "Complaint",
        "complaint": {
            "complainedRecipients": [{"emailAddress": ADA}],
            "timestamp": instant_text(NOW),
            "feedbackId": "x1",
        },
        "mail": {"messageId": "ses-1", "timestamp": instant_text(NOW), "destination": [ADA], "tags": {}},
    }
    for _ in range(2):
        mail_feedback.handler(
            {"Records": [{"Sns": {"TopicArn": MAIL_TOPIC, "Message": json.dumps(complaint)}}]}, context
        )
    view = shown(context, home("user", "u", IDENTITY_SECRET))
    assert [(entry["said"], entry["by"]) for entry in view["trail"]] == [
        ("complained", "mail service"), ("unsubscribed", "link in our mail"), ("declined", "server key"), ("agreed", "server key"),
    ]  # fmt: skip
    assert view["state"]["refused"] == "suppressed"


def test_a_consent_said_with_every_login_is_one_entry(aws: Aws, context: Context):
    for day in range(4):
        at = NOW + day * DAY
        said = event(f"s{day}", "Identified", at, received_at=at, user_id="u", email=ADA, traits={"consent": True})
        heard(context, said, source="server", message_id=f"m{day}", at=at)
    assert [item["said"] for item in trail(aws)] == ["agreed"]


def test_an_address_gets_the_word_its_lead_gave_before(aws: Aws, context: Context):
    said = event("s1", "Identified", user_id="u", traits={"consent": True})
    heard(context, said, source="server", message_id="m1")
    said = event("s2", "Identified", NOW + 60, user_id="u", email=ADA, traits={"email": ADA})
    heard(context, said, source="server", message_id="m2")
    (entry,) = consent_proofs.trail(ADDRESS)
    assert (entry.said, entry.by, entry.at) == ("agreed", "server key", NOW - HOUR)


def test_strangers_who_fill_a_trail_hide_no_proof(aws: Aws, context: Context, monkeypatch):
    press(context, "unsubscribe", SendRef(LEAD_ID, "awareness", 1, 0), monkeypatch, NOW - 1)
    for number in range(60):
        heard(context, form(f"f{number}", NOW + number), message_id=f"m{number}", at=NOW + number)
    found = shown(context)["trail"]
    assert len(found) == 51
    assert found[-1]["said"] == "unsubscribed"


def test_nothing_personal_and_nothing_long_is_in_a_trail(aws: Aws, context: Context):
    url = "https://www.example.com/u/ada@example.com/" + "x" * 5_000
    box = {"agreed": True, "text": "y" * 9_000, "version": "v" * 900, "topic": ["list"]}
    traits = {"email": ADA, "consent": True, "first_name": "Ada"}
    heard(
        context,
        form(
            properties={"form": "z" * 900, "consent": box},
            traits=traits,
            context={"page": {"url": url}, "ip": "10.0.0.1"},
        ),
    )
    (item,) = trail(aws)
    written = json.dumps(item)
    assert len(written) < 2_000
    assert not any(word in written for word in ("ada@", "Ada", "10.0.0.1"))
    assert item["page"] == "https://www.example.com"


@pytest.mark.parametrize(
    "url",
    ["", None, 5, "javascript:alert(1)", "https://[", "//x", "https://", "mailto:a@b.example", "\x00", "http://a b"],
)
def test_a_page_that_is_none_is_left_out(aws: Aws, context: Context, url):
    heard(context, form(context={"page": {"url": url}}))
    assert trail(aws)[0].get("host", "a b") == "a b"
