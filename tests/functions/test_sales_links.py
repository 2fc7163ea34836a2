"""Links of an alert by which a rep answers without Slack: a page that asks, a form that does it, and whose link it is."""

import base64
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from functions.notify.handler import hear
from functions.sales import handler as module
from functions.sales.handler import handler
from functions.sales.moves import make_move
from functions.sla_sweep.handler import sweep
from shared.bundle import playbook_document
from shared.instants import DAY, HOUR
from shared.links import REP_LINK_LASTS, RepLink, RepPurpose, rep_link_url
from shared.rules.handoff import Move
from shared.rules.routing import handoff_policy
from tests.conftest import SIGNING_SECRET, SLACK_SECRET, Aws, Context, sample
from tests.functions.test_sales import AT
from tests.handoff_world import LEAD_ID, QUALIFIED_AT, changes, current, envelope, handed_off, keep, lead

HOSTILE = '<script>alert(1)</script>"><img src=x>'


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: AT + 0.7))


@pytest.fixture
def owner(aws: Aws, context: Context) -> str:
    return handed_off(context).owner


def link(
    purpose: RepPurpose, person: str, *, number: int = 1, expires_at: int = AT + DAY, secret: str = SIGNING_SECRET
) -> str:
    url = rep_link_url("https://ripen.example", RepLink(purpose, LEAD_ID, number, person, expires_at), secret)
    return urlsplit(url).path


def get(path: str, context: Context, method: str = "GET") -> tuple[int, str]:
    event = sample("http_rep_link_page")
    event["rawPath"] = event["requestContext"]["http"]["path"] = path
    event["requestContext"]["http"]["method"] = method
    answer = handler(event, context)
    assert answer["headers"]["content-type"] == "text/html; charset=utf-8"
    assert answer["headers"]["cache-control"] == "no-store"
    return answer["statusCode"], answer["body"]


def post(path: str, context: Context, **said: str) -> tuple[int, str]:
    event = sample("http_rep_link_answer")
    event["rawPath"] = event["requestContext"]["http"]["path"] = path
    event |= {"body": base64.b64encode(urlencode(said).encode()).decode(), "isBase64Encoded": True}
    answer = handler(event, context)
    return answer["statusCode"], answer["body"]


FORMS: dict[RepPurpose, dict[str, str]] = {
    "accept": {}, "reject": {"reason": "no_budget", "note": "next <spring>"}, "contact": {"means": "meeting"},
}  # fmt: skip
STATES = {"accept": "accepted", "reject": "rejected", "contact": "open"}


@pytest.mark.parametrize("purpose", FORMS)
def test_a_page_asks_and_changes_nothing_and_its_form_does_it_once(
    purpose: RepPurpose, owner: str, aws: Aws, context: Context
):
    path, before = link(purpose, owner), current()
    for method in ("GET", "HEAD", "GET"):
        status, body = get(path, context, method)
        assert status == 200
        assert "Anna Svensson, Nordwind Logistics" in body
        assert '<form method="post">' in body
    assert current() == before
    status, _ = post(path, context, **FORMS[purpose])
    assert (status, current().state) == (200, STATES[purpose])
    after = current()
    assert owner in (after.decided_by, after.contacted_by)
    status, body = post(path, context, **FORMS[purpose])
    assert (status, current()) == (200, after)
    assert "did that already" in body


def test_reject_takes_reason_and_note(owner: str, aws: Aws, context: Context):
    path = link("reject", owner)
    _, body = get(path, context)
    assert '<option value="no_budget">No budget</option>' in body
    assert body.count("<label") == 2
    for reason in ("", "made_up"):
        status, _ = post(path, context, reason=reason)
        assert (status, current().version) == (400, 1)
    post(path, context, **FORMS["reject"])
    assert (current().reason_code, current().note) == ("no_budget", "next <spring>")


@pytest.mark.parametrize("means", ["", "pigeon"])
def test_a_contact_says_by_what(means: str, owner: str, aws: Aws, context: Context):
    status, _ = post(link("contact", owner), context, means=means)
    assert (status, current().version) == (400, 1)


def test_a_link_works_for_whose_lead_it_is_and_who_leads_them(owner: str, aws: Aws, context: Context):
    other = next(each.id for each in handoff_policy(playbook_document()).owners if each.id != owner)
    status, body = post(link("accept", other), context)
    assert (status, current().version) == (403, 1)
    assert handoff_policy(playbook_document()).person(owner).name in body
    status, body = get(link("accept", "olaf_who_left"), context)
    assert status == 403
    assert "not in the playbook" in body
    assert post(link("accept", "helena"), context)[0] == 200
    assert current().decided_by == "helena"


def test_after_the_lead_was_passed_on_the_old_link_says_whose_it_is(owner: str, aws: Aws, context: Context):
    policy = handoff_policy(playbook_document())
    other = next(each for each in policy.owners if each.id != owner)
    decision = make_move(LEAD_ID, 1, Move("reassign", "helena", AT, to=other.id), policy)
    assert decision is not None
    assert decision.verdict == "moved"
    status, body = post(link("accept", owner), context)
    assert (status, current().state) == (403, "open")
    assert f"{other.name}&#x27;s now" in body
    assert post(link("accept", other.id), context)[0] == 200


def test_what_somebody_decided_before_is_said_with_who_and_when(owner: str, aws: Aws, context: Context):
    post(link("accept", "helena"), context)
    for status, body in (get(link("accept", owner), context), post(link("accept", owner), context)):
        assert status == 409
        assert "accepted by Helena Novak on Mon 5 Jan 2026 09:40 CET" in body
        assert "<form" not in body


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (lambda owner: link("accept", owner, expires_at=AT), 410),
        (lambda owner: link("accept", owner, expires_at=AT + 1), 200),
        (lambda owner: link("accept", owner, secret="another"), 404),
        (lambda owner: link("accept", owner)[:-1], 404),
        (lambda owner: link("accept", owner).replace("/s/accept/", "/s/reject/"), 404),
        (lambda owner: link("accept", owner).replace("/s/accept/", "/s/won/"), 404),
        (lambda owner: link("accept", owner, number=9), 404),
        (lambda owner: "/s/accept/", 404),
        (lambda owner: "/s/", 404),
    ],
)
def test_a_link_that_is_stale_forged_cut_or_of_nothing_does_nothing(
    path: Any, status: int, owner: str, aws: Aws, context: Context
):
    assert get(path(owner), context)[0] == status
    assert current().version == 1
    assert post(path(owner), context)[0] == status


def test_nobodys_name_is_markup(aws: Aws, context: Context, owner: str):
    profile = {**lead().profile}
    keep(
        lead(
            profile={
                name: each if name in ("email", "address") else _said(each, HOSTILE) for name, each in profile.items()
            }
        )
    )
    _, body = get(link("reject", owner), context)
    assert "<script>" not in body
    assert "<img" not in body
    assert "&lt;script&gt;" in body


def _said(register: Any, text: str) -> Any:
    return type(register)(text, register.at, register.key, register.proven)


def test_pages_load_and_send_nothing_elsewhere(owner: str, aws: Aws, context: Context):
    event = sample("http_rep_link_page")
    event["rawPath"] = link("accept", owner)
    headers = handler(event, context)["headers"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "form-action 'self'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"


def test_a_manager_is_offered_no_link_to_send_back_what_a_rep_accepted(
    owner: str, aws: Aws, context: Context, monkeypatch: pytest.MonkeyPatch
):
    secret = module.secret_values.SlackSecret(**(SLACK_SECRET | {"bot_token": ""}))
    monkeypatch.setattr(module.secret_values, "slack_secret", lambda: secret)
    post(link("accept", owner), context)
    sweep(QUALIFIED_AT + HOUR)
    hear(envelope(aws, "SlaBreached"), attempt="m2")
    (escalation,) = aws.messages(aws.escalations_queue_url)
    assert "/s/contact/" in escalation["Message"]
    assert "/s/reject/" not in escalation["Message"]


def test_the_alert_has_the_owners_links_and_the_escalation_the_managers(
    owner: str, aws: Aws, context: Context, monkeypatch: pytest.MonkeyPatch
):
    secret = module.secret_values.SlackSecret(**(SLACK_SECRET | {"bot_token": ""}))
    monkeypatch.setattr(module.secret_values, "slack_secret", lambda: secret)
    hear(envelope(aws, "HandoffCreated"), attempt="m1")
    (alert,) = aws.messages(aws.alerts_queue_url)
    path = urlsplit(next(line for line in alert["Message"].splitlines() if line.startswith("Send it back: "))[14:]).path
    assert get(path, context)[0] == 200
    assert f"You act as {handoff_policy(playbook_document()).person(owner).name}." in get(path, context)[1]
    sweep(QUALIFIED_AT + HOUR)
    hear(envelope(aws, "SlaBreached"), attempt="m2")
    (escalation,) = aws.messages(aws.escalations_queue_url)
    path = urlsplit(next(line for line in escalation["Message"].splitlines() if line.startswith("Accept: "))[8:]).path
    assert post(path, context)[0] == 200
    assert current().decided_by == "helena"
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: QUALIFIED_AT + HOUR + REP_LINK_LASTS))
    assert get(path, context)[0] == 410
    assert len(changes(aws, "HandoffAccepted")) == 1
