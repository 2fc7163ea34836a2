"""The page behind the stop link of a mail: what it shows, what it saves, and that whatever else is posted stops everything."""

import base64
import html
import json
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.exceptions import EndpointConnectionError

from functions.links import handler as module
from functions.links import preferences
from functions.links.handler import handler
from shared import links, table
from shared.aws import addresses, clients, consent_proofs, sends
from shared.errors import DeliveryError
from shared.instants import DAY, instant_text
from shared.links import Link
from shared.mailing import PastSend, SendRef, TopicConsent
from tests.conftest import SIGNING_SECRET, Aws, Context, sample
from tests.nurture_world import (
    ADDRESS,
    EMAIL_ADDRESS,
    LEAD_ID,
    NOW,
    address_item,
    consenting,
    enrolled,
    forget,
    run_of,
    send_items,
    use_playbook,
)

REF = SendRef(LEAD_ID, "awareness", 1, 0)
TOKEN = links.mint(Link("unsubscribe", REF.send_id, ADDRESS), SIGNING_SECRET)
TOPICS = {
    "product_news": {"label": "Product news", "about": "What is new & what it is good for."},
    "events": {"label": "Events", "about": "Webinars <and> meetings."},
}
AT = NOW + 100
URLENCODED = "application/x-www-form-urlencoded"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    now = [AT]
    monkeypatch.setattr(module.time, "time", lambda: now[0] + 0.9)
    return now


@pytest.fixture(autouse=True)
def playbook_with_topics(aws: Aws, tmp_path, monkeypatch: pytest.MonkeyPatch):
    use_playbook(tmp_path, monkeypatch, topics=TOPICS)
    yield
    forget()


def request(
    method: str = "GET", body: str = "", *, token: str = TOKEN, content_type: str = URLENCODED, **headers: str
) -> dict[str, Any]:
    event = sample("http_unsubscribe_page")
    return {
        **event,
        "rawPath": f"/u/{token}",
        "pathParameters": {"token": token},
        "headers": {"content-type": content_type, **{name.replace("_", "-"): value for name, value in headers.items()}},
        "requestContext": {**event["requestContext"], "http": {**event["requestContext"]["http"], "method": method}},
        "body": base64.b64encode(body.encode()).decode(),
        "isBase64Encoded": True,
    }


def save(*ticked: str, listed: tuple[str, ...] = tuple(TOPICS)) -> dict[str, Any]:
    """What a browser posts of the page's form."""
    pairs = [("topic", topic) for topic in ticked] + [("listed", topic) for topic in listed] + [("save", "topics")]
    return request("POST", urlencode(pairs))


def shown(answer: dict[str, Any]) -> dict[str, bool]:
    """Topics of a page, and whether each is ticked."""
    assert answer["statusCode"] == 200
    boxes = re.findall(r'<input type="checkbox"[^>]* name="topic" value="([^"]+)"( checked)?', answer["body"])
    return {html.unescape(name): bool(checked) for name, checked in boxes}


def told(aws: Aws) -> list[dict[str, Any]]:
    return [event for message in aws.messages(aws.events_queue_url) for event in message["events"]]


def test_the_page_shows_what_the_address_gets_and_names_nobody(aws: Aws, context: Context):
    consenting()
    addresses.record_consent(ADDRESS, topics={"events": TopicConsent(stopped_at=NOW)})
    answer = handler(request(), context)
    assert shown(answer) == {"product_news": True, "events": False}
    body = answer["body"]
    assert "Product news" in body
    assert "What is new &amp; what it is good for. You get these mails." in body
    assert "Webinars &lt;and&gt; meetings. You do not get these mails." in body
    for private in (EMAIL_ADDRESS, "Ada", ADDRESS, LEAD_ID, TOKEN):
        assert private not in body
    assert not re.search(r"https?://|<script|<img| style=", body)
    assert answer["headers"]["cache-control"] == "no-store"
    assert "set-cookie" not in answer["headers"]


LOOKS = (
    request(), request("HEAD"), request(sec_purpose="prefetch;prerender"), request(purpose="prefetch"),
    request("GET", "List-Unsubscribe=One-Click"), request("GET", urlencode({"stop": "all"})), request(x_moz="prefetch"),
)  # fmt: skip


def test_whoever_looks_changes_nothing(aws: Aws, context: Context):
    consenting()
    before = aws.items()
    for look in LOOKS:
        assert handler(look, context)["statusCode"] == 200
    assert aws.items() == before
    assert told(aws) == []


ONE_CLICKS = {
    "urlencoded": request("POST", "List-Unsubscribe=One-Click"),
    "multipart": request(
        "POST",
        '--b7\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b7--\r\n',
        content_type="multipart/form-data; boundary=b7",
    ),
    "not base64": {**request("POST"), "body": "List-Unsubscribe=One-Click", "isBase64Encoded": False},
    "no body": {**request("POST"), "body": None, "isBase64Encoded": False},
    "beside the page's form": request("POST", "save=topics&topic=events&listed=events&List-Unsubscribe=One-Click"),
    "the page's button": request("POST", "stop=all"),
    "no box ticked": save(),
    "something else": request("POST", '{"unsubscribe": true}', content_type="application/json"),
    "half a body": {**request("POST"), "body": "%%%", "isBase64Encoded": True},
    "bytes that are no text": {**request("POST"), "body": base64.b64encode(b"\xff\xfe=\x00").decode()},
    "a body without end": request("POST", "save=topics&topic=events&listed=events&x=" + "x" * 20_000),
    "fields without end": request("POST", "&".join(["x=1"] * 4_000)),
}


@pytest.mark.parametrize("posted", ONE_CLICKS)
def test_whatever_is_posted_but_the_saved_form_stops_everything(aws: Aws, context: Context, posted: str):
    consenting()
    for _ in range(2):
        answer = handler(ONE_CLICKS[posted], context)
        assert (answer["statusCode"], "unsubscribed" in answer["body"]) == (200, True)
        assert not {"location", "set-cookie"} & set(answer["headers"])
    assert address_item(aws)["stopped_at"] == instant_text(AT)
    assert shown(handler(request(), context)) == {"product_news": False, "events": False}
    events = told(aws)
    assert {(event["name"], event["event_id"]) for event in events} == {("Unsubscribed", events[0]["event_id"])}


def test_saving_writes_what_is_news_and_nothing_the_second_time(aws: Aws, context: Context):
    consenting()
    assert shown(handler(save("product_news"), context)) == {"product_news": True, "events": False}
    known = addresses.get_address(ADDRESS)
    assert known.topics == {"events": TopicConsent(stopped_at=AT)}
    assert (known.stopped_at, known.opted_in_at) == (None, NOW - 1000)
    before = aws.items()
    handler(save("product_news"), context)
    assert aws.items() == before
    (event,) = told(aws)
    assert (event["name"], event["lead_id"]) == ("Mail Preferences Saved", LEAD_ID)
    assert event["properties"] == {"send_id": REF.send_id, "track": "awareness", "started": [], "stopped": ["events"]}


def test_each_topic_that_changed_is_in_the_trail_with_its_words(aws: Aws, context: Context, clock):
    consenting()
    handler(save("product_news"), context)
    clock[0] += 60
    handler(save("product_news", "events"), context)
    yes, no = consent_proofs.trail(ADDRESS)
    assert (no.said, no.topic, no.text, no.by, no.at) == ("unsubscribed", "events", "Events", "link in our mail", AT)
    assert (yes.said, yes.topic, yes.at) == ("agreed", "events", AT + 60)


def test_a_topic_ticked_after_a_stop_of_everything_brings_that_topic_back_alone(aws: Aws, context: Context, clock):
    consenting()
    handler(request("POST", "stop=all"), context)
    clock[0] += 60
    assert shown(handler(save("events"), context)) == {"product_news": False, "events": True}
    known = addresses.get_address(ADDRESS)
    assert (known.stopped_at, known.topics) == (AT, {"events": TopicConsent(opted_in_at=AT + 60)})
    clock[0] += 60
    handler(request("POST", "List-Unsubscribe=One-Click"), context)
    assert shown(handler(request(), context)) == {"product_news": False, "events": False}


def test_a_second_stop_by_the_same_link_is_told_and_proved_when_mail_was_wanted_in_between(
    aws: Aws, context: Context, clock
):
    consenting()
    for post in (request("POST", "stop=all"), save("events"), request("POST", "List-Unsubscribe=One-Click")):
        for _ in range(2):
            handler(post, context)
        clock[0] += 60
    said = [(proof.said, proof.topic, proof.at) for proof in consent_proofs.trail(ADDRESS)]
    assert said == [("unsubscribed", "", AT + 120), ("agreed", "events", AT + 60), ("unsubscribed", "", AT)]
    stops = {event["event_id"] for event in told(aws) if event["name"] == "Unsubscribed"}
    assert len(stops) == 2, "and the copy of each is one"


def test_no_opt_in_is_in_force_that_the_trail_does_not_know(aws: Aws, context: Context, monkeypatch):
    def crash(_proof):
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr(consent_proofs, "put", crash)
        with pytest.raises(RuntimeError):
            handler(save("events"), context)
    assert addresses.get_address(ADDRESS).topics == {}
    handler(save("events"), context)
    (proof,) = consent_proofs.trail(ADDRESS)
    assert (proof.said, proof.topic, addresses.get_address(ADDRESS).topics) == (
        "agreed", "events", {"events": TopicConsent(opted_in_at=AT)},
    )  # fmt: skip


def test_in_the_same_second_a_stop_outweighs(aws: Aws, context: Context):
    consenting()
    handler(save("product_news", "events"), context)
    handler(request("POST", "stop=all"), context)
    handler(save("product_news", "events"), context)
    assert shown(handler(request(), context)) == {"product_news": False, "events": False}


def test_a_topic_that_the_page_did_not_list_stays_as_it_is(aws: Aws, context: Context):
    """The page was opened before the playbook got the topic."""
    consenting()
    handler(save("product_news", listed=("product_news",)), context)
    assert shown(handler(request(), context)) == {"product_news": True, "events": True}


def test_topics_nobody_knows_are_not_kept(aws: Aws, context: Context):
    made_up = [f"x{number}" for number in range(200)]
    handler(save(*made_up, "events", listed=(*made_up, *TOPICS)), context)
    assert set(addresses.get_address(ADDRESS).topics) == {"events"}


def test_who_ticks_a_topic_in_our_mail_reads_the_mailbox(aws: Aws, context: Context):
    handler(save("events"), context)
    known = addresses.get_address(ADDRESS)
    assert (known.proven_at, known.opted_in_at, known.topics) == (AT, None, {"events": TopicConsent(opted_in_at=AT)})


def test_a_suppressed_address_is_offered_nothing_and_can_still_say_stop(aws: Aws, context: Context):
    consenting()
    addresses.suppress(ADDRESS, "bounced", NOW)
    answer = handler(request(), context)
    assert shown(answer) == {}
    assert "You get no mails from us" in answer["body"]
    handler(request("POST", "List-Unsubscribe=One-Click"), context)
    assert address_item(aws)["stopped_at"] == instant_text(AT)
    handler(save("events"), context)
    assert addresses.get_address(ADDRESS).suppressed == "bounced"


def test_without_topics_the_page_asks_whether_to_stop(aws: Aws, context: Context, tmp_path, monkeypatch):
    use_playbook(tmp_path, monkeypatch, topics={})
    assert "Unsubscribe?" in handler(request(), context)["body"]


def test_a_stop_needs_no_playbook(aws: Aws, context: Context, monkeypatch):
    def away() -> None:
        raise RuntimeError("table is away")

    monkeypatch.setattr(preferences.playbooks, "current", away)
    assert handler(request("POST", "List-Unsubscribe=One-Click"), context)["statusCode"] == 200


def test_a_saved_stop_is_in_force_before_the_answer_and_even_when_the_queue_is_away(
    aws: Aws, context: Context, monkeypatch
):
    def fail(*_args, **_said):
        raise DeliveryError("queue is away")

    consenting()
    monkeypatch.setattr(preferences.queue, "send_all", fail)
    with pytest.raises(DeliveryError):
        handler(save("product_news"), context)
    assert addresses.get_address(ADDRESS).topics["events"].stopped_at == AT


def claimed() -> None:
    enrolled()
    address = addresses.get_address(ADDRESS)
    said = sends.Said("awareness-1", "p")
    assert (
        sends.claim(REF, said=said, at=NOW, address=address, recent=(PastSend(NOW, REF.send_id),), run=run_of())
        == "claimed"
    )


def test_the_mail_whose_link_was_used_keeps_when_first(aws: Aws, context: Context, clock):
    claimed()
    handler(request("POST", "List-Unsubscribe=One-Click"), context)
    clock[0] += DAY
    handler(request("POST", "List-Unsubscribe=One-Click"), context)
    (item,) = send_items(aws)
    assert item["unsubscribed_at"] == instant_text(AT)
    assert item["state"] == "claimed"


def test_a_stop_of_a_topic_is_kept_with_the_mail_and_a_yes_is_not(aws: Aws, context: Context):
    claimed()
    handler(save("product_news", "events"), context)
    assert "unsubscribed_at" not in send_items(aws)[0]
    handler(save("product_news"), context)
    assert send_items(aws)[0]["unsubscribed_at"] == instant_text(AT)


def test_a_stop_works_after_the_lead_and_its_mails_were_erased(aws: Aws, context: Context):
    clients.dynamodb().put_item(
        TableName=aws.table_name,
        Item={
            table.PK: {"S": table.address_pk(ADDRESS)}, table.SK: {"S": table.ADDRESS_SK}, "suppressed": {"S": "erased"},
            "suppressed_at": {"S": instant_text(NOW)}, "version": {"N": "3"},
        },
    )  # fmt: skip
    assert handler(request(), context)["statusCode"] == 200
    assert handler(request("POST", "List-Unsubscribe=One-Click"), context)["statusCode"] == 200
    item = address_item(aws)
    assert (item["stopped_at"], item["suppressed"]) == (instant_text(AT), "erased")
    assert send_items(aws) == []


def test_a_confirmation_opts_in_to_the_topic_of_the_form_it_answers(aws: Aws, context: Context):
    wish = consent_proofs.ConsentProof(
        ADDRESS, NOW, "e1", "agreed", "public key", text="Send me news", topic="product_news", worded_by="playbook"
    )
    consent_proofs.put(wish)
    said = Link("confirm", f"{LEAD_ID}-1-0-confirm-{ADDRESS[-12:]}", ADDRESS)
    asked = {"confirmations": addresses.past_items((PastSend(NOW, said.send_id),))}
    claim = addresses.claim_entry(addresses.get_address(ADDRESS), asked)
    clients.dynamodb().transact_write_items(TransactItems=[claim])
    event = {**request("POST"), "rawPath": "/y/x", "pathParameters": {"token": links.mint(said, SIGNING_SECRET)}}
    handler(event, context)
    known = addresses.get_address(ADDRESS)
    assert (known.opted_in_at, known.topics) == (AT, {"product_news": TopicConsent(opted_in_at=AT)})


# a change of keys

OLD, NEW = "old" * 20, "new" * 20


def rotate(*versions: str) -> None:
    keys = {"1": SIGNING_SECRET, "2": NEW, "3": OLD}
    clients.secrets().put_secret_value(
        SecretId="signing", SecretString=json.dumps({version: keys[version] for version in versions})
    )


def test_links_of_mails_that_went_out_before_a_change_of_keys_work_and_new_ones_at_once(
    aws: Aws, context: Context, clock
):
    assert handler(request(), context)["statusCode"] == 200
    rotate("1", "2")
    fresh = links.mint(Link("unsubscribe", REF.send_id, ADDRESS), {"1": SIGNING_SECRET, "2": NEW})
    assert fresh.startswith("2")
    clock[0] += 60
    assert handler(request(token=fresh), context)["statusCode"] == 200, "this process had read the old secret alone"
    assert handler(request(), context)["statusCode"] == 200


def test_a_key_that_was_taken_away_signs_nothing_any_more(aws: Aws, context: Context):
    rotate("2")
    assert handler(request(), context)["statusCode"] == 404
    assert handler(request("POST"), context)["statusCode"] == 404
    assert [item for item in aws.items() if item[table.PK].startswith("ADDR#")] == []


def test_a_made_up_version_costs_a_look_at_the_secret_every_ten_seconds_at_most(
    aws: Aws, context: Context, monkeypatch
):
    looked: list[str] = []
    read = clients.secrets().get_secret_value
    monkeypatch.setattr(
        clients.secrets(), "get_secret_value", lambda **said: looked.append(said["SecretId"]) or read(**said)
    )
    for version in "3456789abc":
        assert handler(request(token=version + TOKEN[1:]), context)["statusCode"] == 404
    assert len(looked) <= 2


def test_a_made_up_version_takes_nobody_the_keys_that_were_read(aws: Aws, context: Context, clock, monkeypatch):
    """Whoever has no key at all can name a version. While the secret cannot be read, their own request alone fails."""
    assert handler(request(), context)["statusCode"] == 200
    clock[0] += 60

    def away(**_said: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://secretsmanager.example")

    monkeypatch.setattr(clients.secrets(), "get_secret_value", away)
    with pytest.raises(EndpointConnectionError):
        handler(request(token="z" + TOKEN[1:]), context)
    assert handler(request(), context)["statusCode"] == 200
