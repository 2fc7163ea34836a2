"""The links function under moto: what people, mail programs and link scanners do with the links in our mails."""

import re
from typing import Any

import pytest

from functions.links import handler as module
from functions.links import preferences
from functions.links.handler import handler
from functions.nurture_send.handler import handler as nurture_send
from shared import links
from shared.aws import addresses
from shared.errors import DeliveryError
from shared.instants import DAY, instant_text
from shared.lead import Alias
from shared.links import Link
from tests.conftest import SIGNING_SECRET, Aws, Context, sample
from tests.lead_items import save
from tests.nurture_world import (
    ADDRESS,
    LEAD_ID,
    NOW,
    address_item,
    batch,
    deliver,
    enrolled,
    forget,
    mails,
    order,
    run_of,
    use_playbook,
)

SEND = f"{LEAD_ID}-1-0-awareness"
CLICKED = NOW + 100


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """The receive time; a test may move it."""
    now = [CLICKED]
    monkeypatch.setattr(module.time, "time", lambda: now[0] + 0.9)
    return now


def request(path: str, token: str, method: str = "GET", **headers: str) -> dict[str, Any]:
    event = sample("http_click")
    http = {**event["requestContext"]["http"], "method": method, "path": f"/{path}/{token}"}
    return {
        **event,
        "rawPath": f"/{path}/{token}",
        "headers": {**event["headers"], **{name.replace("_", "-"): value for name, value in headers.items()}},
        "requestContext": {**event["requestContext"], "http": http},
        "pathParameters": {"token": token},
    }


def told(aws: Aws) -> list[dict[str, Any]]:
    found = []
    for message in aws.messages(aws.events_queue_url):
        assert message["source"] == "system"
        assert message["received_at"] == message["events"][0]["occurred_at"]
        found += message["events"]
    return found


def test_looking_at_the_unsubscribe_page_changes_nothing(aws: Aws, context: Context):
    token = sample("http_unsubscribe_page")["pathParameters"]["token"]
    for event in (sample("http_unsubscribe_page"), request("u", token, "HEAD")):
        answer = handler(event, context)
        assert answer["statusCode"] == 200
        assert '<form method="post">' in answer["body"]
        assert "set-cookie" not in answer["headers"]
    assert aws.items() == []
    assert told(aws) == []


def test_one_click_stops_at_once_and_twice_is_once(aws: Aws, context: Context, clock):
    answer = handler(sample("http_unsubscribe_one_click"), context)
    assert (answer["statusCode"], "unsubscribed" in answer["body"]) == (200, True)
    assert address_item(aws)["stopped_at"] == instant_text(CLICKED)
    before = aws.items()
    assert handler(sample("http_unsubscribe_one_click"), context)["statusCode"] == 200
    assert aws.items() == before
    clock[0] += 3600
    handler(sample("http_unsubscribe_one_click"), context)
    assert addresses.get_address(ADDRESS).stopped_at == CLICKED + 3600
    events = told(aws)
    assert {event["event_id"] for event in events} == {events[0]["event_id"]}
    assert (events[0]["name"], events[0]["lead_id"]) == ("Unsubscribed", LEAD_ID)


def test_the_button_on_the_page_does_the_same_as_one_click(aws: Aws, context: Context):
    token = sample("http_unsubscribe_page")["pathParameters"]["token"]
    handler(request("u", token, "POST"), context)
    assert addresses.get_address(ADDRESS).stopped_at == CLICKED


def test_a_stop_is_in_force_before_the_answer_and_even_when_the_queue_is_away(aws: Aws, context: Context, monkeypatch):
    def fail(*_args, **_said):
        raise DeliveryError("queue is away")

    monkeypatch.setattr(preferences.queue, "send_all", fail)
    with pytest.raises(DeliveryError):
        handler(sample("http_unsubscribe_one_click"), context)
    assert addresses.get_address(ADDRESS).stopped_at == CLICKED


def test_a_stop_works_after_the_lead_was_merged_away(aws: Aws, context: Context):
    """The link names the address, not a lead."""
    save([Alias(LEAD_ID, "b" * 16, (), 1)])
    handler(sample("http_unsubscribe_one_click"), context)
    assert addresses.get_address(ADDRESS).stopped_at == CLICKED


def test_looking_at_the_confirmation_page_proves_nothing(aws: Aws, context: Context):
    token = sample("http_confirm")["pathParameters"]["token"]
    answer = handler(request("y", token), context)
    assert '<form method="post">' in answer["body"]
    assert aws.items() == []
    assert told(aws) == []


def test_pressing_the_button_proves_the_address_and_opts_in(aws: Aws, context: Context):
    for _ in range(2):
        assert handler(sample("http_confirm"), context)["statusCode"] == 200
    known = addresses.get_address(ADDRESS)
    assert (known.proven_at, known.opted_in_at, known.version) == (CLICKED, CLICKED, 1)
    one, copy = told(aws)
    assert one == copy
    assert (one["name"], one["lead_id"], one["properties"]) == ("Address Confirmed", LEAD_ID, {"address": ADDRESS})


def test_a_confirmation_after_a_stop_changes_nothing(aws: Aws, context: Context, clock):
    """Its link works for good, and the mail it stands in is forwarded and found again."""
    handler(sample("http_confirm"), context)
    clock[0] += 10
    handler(sample("http_unsubscribe_one_click"), context)
    told(aws)
    before = aws.items()
    for later in (0, 10, 400 * DAY):
        clock[0] += later
        answer = handler(sample("http_confirm"), context)
        assert (answer["statusCode"], "You have told us to stop since" in answer["body"]) == (410, True)
    assert aws.items() == before
    assert told(aws) == []


@pytest.mark.parametrize("why", ["complained", "erased"])
def test_a_confirmation_of_who_complained_or_was_erased_leaves_nothing_behind(aws: Aws, context: Context, why):
    addresses.clients.dynamodb().transact_write_items(
        TransactItems=[addresses.claim_entry(addresses.get_address(ADDRESS), {"suppressed": why})]
    )
    before = aws.items()
    assert handler(sample("http_confirm"), context)["statusCode"] == 410
    assert aws.items() == before
    assert told(aws) == []


def test_a_token_that_is_not_ours_or_not_for_this_is_not_found_and_changes_nothing(aws: Aws, context: Context):
    right = Link("unsubscribe", SEND, ADDRESS)
    for path in (*module.PURPOSES, "x"):
        purpose = module.PURPOSES.get(path, "open")
        wrong = [
            "", "x", "1" + "A" * 60, "1" + "A" * 5000,
            links.mint(right, "another secret"),
            links.mint(Link("confirm" if purpose == "unsubscribe" else "unsubscribe", SEND, ADDRESS), SIGNING_SECRET),
            links.mint(Link(purpose, "not a send id", ADDRESS), SIGNING_SECRET),
        ]  # fmt: skip
        for token in wrong:
            for method in ("GET", "POST"):
                assert handler(request(path, token, method), context)["statusCode"] == 404
    assert aws.items() == []
    assert told(aws) == []


def test_pages_are_complete_and_carry_nothing_from_elsewhere(aws: Aws, context: Context):
    token = sample("http_unsubscribe_page")["pathParameters"]["token"]
    for event in (sample("http_unsubscribe_page"), sample("http_confirm"), request("c", "nonsense")):
        answer = handler(event, context)
        body = answer["body"]
        assert body.startswith("<!doctype html>")
        for needed in ('<html lang="en">', "<title>", "<main>", "<h1>", "viewport"):
            assert needed in body
        assert not re.search(r"https?://|<script|<img", body)
        assert token not in body
        assert answer["headers"]["cache-control"] == "no-store"
        assert "form-action 'self'" in answer["headers"]["content-security-policy"]


def test_a_scanner_that_follows_every_link_of_a_mail_unsubscribes_and_confirms_nobody(
    aws: Aws, context: Context, tmp_path, monkeypatch
):
    use_playbook(tmp_path, monkeypatch)
    enrolled()
    deliver(context, order())
    (mail,) = mails()
    words = "".join(part.get_content() for part in mail.iter_parts()) + mail["list-unsubscribe"]
    found = set(re.findall(r"https://ripen\.example/([coduy])/([A-Za-z0-9_-]+)", words))
    assert {path for path, _ in found} == {"c", "o", "d", "u"}
    before = address_item(aws)
    for path, token in found:
        for method in ("GET", "HEAD"):
            assert handler(request(path, token, method), context)["statusCode"] in (200, 302)
    assert address_item(aws) == before
    forget()


def test_who_unsubscribes_by_the_link_of_a_mail_gets_no_further_one(aws: Aws, context: Context, tmp_path, monkeypatch):
    use_playbook(tmp_path, monkeypatch)
    enrolled()
    deliver(context, order())
    token = re.findall(r"/u/([A-Za-z0-9_-]+)", mails()[0]["list-unsubscribe"])[0]
    handler(request("u", token, "POST"), context)
    nurture_send(batch(order(step=1, at=NOW + 8 * 86400)), context)
    assert len(mails()) == 1
    assert (run_of().status, run_of().reason) == ("exited", "unsubscribed")
    forget()
