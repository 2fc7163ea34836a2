"""Suppressions by hand and by list: what is kept, what can be taken back, and who may."""

import base64
import json
from typing import Any

import pytest

from functions.mail_feedback import handler as module
from functions.mail_feedback.handler import handler
from functions.mail_feedback.suppressions import MOST
from shared.aws import addresses, consent_proofs
from shared.identity import address_hash
from shared.instants import DAY, instant_text
from shared.keys import mint_key
from tests.conftest import IDENTITY_SECRET, SIGNING_SECRET, Aws, Context, sample
from tests.nurture_world import NOW

ADA = "ada@example.com"
ADDRESS = address_hash(ADA, IDENTITY_SECRET)
ADMIN = mint_key("admin", "ops", SIGNING_SECRET)


@pytest.fixture(autouse=True)
def _clock(monkeypatch):
    monkeypatch.setattr(module.time, "time", lambda: NOW + 0.7)


def ask(context: Context, path: str, body: Any, key: str = ADMIN) -> tuple[int, dict[str, Any]]:
    request = {
        "rawPath": f"/v1/suppressions{path}",
        "headers": {"Authorization": f"Bearer {key}"},
        "body": body if isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
        "requestContext": {"http": {"method": "POST"}},
    }
    answer = handler(request, context)
    assert answer is not None
    return answer["statusCode"], json.loads(answer["body"].encode())  # as Lambda does: half a sign cannot be sent


def listed(*entries: dict[str, Any], by: str = "maria") -> dict[str, Any]:
    return {"suppressions": list(entries), "by": by}


def test_the_samples_are_answered(aws: Aws, context: Context):
    for name in ("http_suppressions", "http_suppression_lookup", "http_suppression_remove"):
        answer = handler(sample(name), context)
        assert answer is not None
        assert answer["statusCode"] == 200, answer["body"]


def test_an_address_is_suppressed_by_hand_with_who_and_why(aws: Aws, context: Context):
    entry = {"email": " Ada@Example.com", "reason": "manual", "why": "asked on the phone"}
    assert ask(context, "", listed(entry)) == (200, {"added": 1, "known": 0})
    assert ask(context, "", listed(entry)) == (200, {"added": 0, "known": 1})
    known = addresses.get_address(ADDRESS)
    assert (known.suppressed, known.suppressed_at, known.version) == ("manual", NOW, 1)
    (proof,) = consent_proofs.trail(ADDRESS)
    assert (proof.said, proof.by, proof.who, proof.text) == ("suppressed", "a colleague", "maria", "asked on the phone")
    assert not [item for item in aws.items() if ADA in json.dumps(item, default=str).lower()], "no address is kept"


def test_a_list_is_the_same_however_often_it_is_sent(aws: Aws, context: Context):
    at = instant_text(NOW - 9 * DAY)
    entries = [
        {"email": "b@example.com", "reason": "bounced", "at": at},
        {"email": "c@example.com", "reason": "complained", "at": at},
        {"email": "u@example.com", "reason": "unsubscribed", "at": at},
    ]
    assert ask(context, "", listed(*entries)) == (200, {"added": 3, "known": 0})
    before = aws.items()
    assert ask(context, "", listed(*entries)) == (200, {"added": 0, "known": 3})
    assert aws.items() == before
    left = addresses.get_address(address_hash("u@example.com", IDENTITY_SECRET))
    assert (left.suppressed, left.stopped_at) == (None, NOW - 9 * DAY)


def test_a_list_takes_no_later_consent_back(aws: Aws, context: Context):
    addresses.record_consent(ADDRESS, opted_in_at=NOW - DAY, proven_at=NOW - DAY)
    ask(context, "", listed({"email": ADA, "reason": "unsubscribed", "at": instant_text(NOW - 9 * DAY)}))
    known = addresses.get_address(ADDRESS)
    assert known.opted_in_at is not None
    assert known.stopped_at is not None
    assert known.opted_in_at > known.stopped_at


@pytest.mark.parametrize("reason", ["bounced", "soft_bounced", "manual"])
def test_what_is_no_word_of_the_person_can_be_taken_back(aws: Aws, context: Context, reason: Any):
    addresses.record_consent(ADDRESS, stopped_at=NOW - DAY)
    addresses.note_soft_bounce(ADDRESS, "f", NOW - DAY, within=30 * DAY)
    addresses.suppress(ADDRESS, reason, NOW - DAY)
    status, said = ask(context, "/remove", {"email": ADA, "reason": "the mailbox is back", "by": "maria"})
    assert (status, said["suppressed"], said["soft_bounces"]) == (200, None, 0)
    assert said["stopped_at"] == instant_text(NOW - DAY), "the person's own stop stays"
    (proof,) = consent_proofs.trail(ADDRESS)
    assert (proof.said, proof.who, proof.text) == ("allowed again", "maria", "the mailbox is back")
    assert ask(context, "/remove", {"email": ADA, "reason": "once more", "by": "maria"})[0] == 404


@pytest.mark.parametrize("reason", ["complained", "erased"])
def test_a_complaint_and_an_erasure_stand(aws: Aws, context: Context, reason: Any):
    addresses.suppress(ADDRESS, reason, NOW - DAY)
    before = aws.items()
    status, said = ask(context, "/remove", {"email": ADA, "reason": "we would like to", "by": "maria"})
    assert (status, said["code"]) == (409, "stands")
    assert reason in said["message"]
    assert aws.items() == before


def test_a_look_at_an_address_shows_what_it_allows(aws: Aws, context: Context):
    assert ask(context, "/lookup", {"email": ADA}) == (200, {
        "suppressed": None, "suppressed_at": None, "soft_bounces": 0, "proven_at": None, "opted_in_at": None,
        "stopped_at": None, "topics": {},
    })  # fmt: skip
    topics = {"events": addresses.TopicConsent(stopped_at=NOW)}
    addresses.record_consent(ADDRESS, proven_at=NOW, opted_in_at=NOW, topics=topics)
    said = ask(context, "/lookup", {"email": ADA})[1]
    assert said["topics"] == {"events": {"opted_in_at": None, "stopped_at": instant_text(NOW)}}


WRONG: list[tuple[str, Any, str]] = [
    ("", "no json", "body: must be JSON"),
    ("", "[]", "body: must be a JSON object"),
    ("", "x" * 100_001, "body: has more than"),
    ("", {"by": "maria"}, "suppressions: must be a list"),
    ("", listed(), "suppressions: must be a list of 1 to 100"),
    ("", listed(*[{"email": ADA, "reason": "manual"}] * (MOST + 1)), "suppressions: must be a list"),
    ("", listed({"email": ADA, "reason": "manual"}, by=""), "by: must be printable text"),
    ("", listed({"email": ADA, "reason": "manual"}, by="maria@example.com"), "by: must not hold an address"),
    ("", listed("x"), "suppressions[0]: must be an object"),  # type: ignore[arg-type]
    (
        "",
        listed({"email": ADA, "reason": "manual"}, {"email": "ada", "reason": "manual"}),
        "suppressions[1].email: must be",
    ),
    ("", listed({"email": "a b@example.com", "reason": "manual"}), "suppressions[0].email: must be a mail address"),
    ("", listed({"email": ADA, "reason": "erased"}), "suppressions[0].reason: must be one of bounced, complained"),
    ("", listed({"email": ADA, "reason": ["manual"]}), "suppressions[0].reason: must be one of"),
    (
        "",
        listed({"email": ADA, "reason": "manual", "at": "yesterday"}),
        "suppressions[0].at: must be a time with a zone",
    ),
    ("", listed({"email": ADA, "reason": "manual", "at": instant_text(NOW + DAY)}), "and not in the future"),
    ("", listed({"email": ADA, "reason": "manual", "why": "x\ny"}), "suppressions[0].why: must be printable"),
    ("", listed({"email": ADA, "reason": "manual", "note": "x"}), "suppressions[0].note: is no field of a suppression"),
    ("/remove", {"email": ADA, "by": "maria"}, "reason: must be printable text"),
    ("/remove", {"email": ADA, "reason": "why not"}, "by: must be printable text"),
    ("/lookup", {"email": 7}, "email: must be a mail address"),
    ("/lookup", {"email": ADA, "all": True}, "all: is no field"),
    ("/lookup", '{"\\ud800": 1}', "is no field"),
]


@pytest.mark.parametrize(("path", "body", "why"), WRONG, ids=range(len(WRONG)))
def test_what_cannot_be_used_is_named_and_nothing_is_done(aws: Aws, context: Context, path: str, body: Any, why: str):
    status, said = ask(context, path, body)
    assert (status, said["code"]) == (400, "invalid")
    assert why in said["message"]
    assert aws.items() == []


def test_nobody_without_an_admin_key_is_answered(aws: Aws, context: Context):
    for kind in ("public", "server", "sales", "outcomes"):
        key = mint_key(kind, "ops", SIGNING_SECRET)
        for path in ("", "/remove", "/lookup"):
            assert ask(context, path, listed({"email": ADA, "reason": "manual"}), key)[0] == 401
    assert ask(context, "", listed({"email": ADA, "reason": "manual"}), "")[0] == 401
    assert aws.items() == []


def test_a_body_in_base64_is_read(aws: Aws, context: Context):
    event = sample("http_suppression_lookup")
    event |= {"body": base64.b64encode(event["body"].encode()).decode(), "isBase64Encoded": True}
    answer = handler(event, context)
    assert answer is not None
    assert answer["statusCode"] == 200
