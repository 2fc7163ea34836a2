"""Links of a mail that change nothing: where they lead, and what is told of who follows them."""

from typing import Any

import pytest

from functions.links import clicks
from functions.links import handler as module
from functions.links.handler import handler
from shared import links
from shared.engagement import Seen
from shared.instants import instant_text
from shared.links import Link
from tests.conftest import SIGNING_SECRET, Aws, Context, sample
from tests.nurture_world import ADDRESS, LEAD_ID, NOW

SEND = f"{LEAD_ID}-1-0-awareness"
FOLLOWED = NOW + 100
GUIDE = "https://www.example.com/guide"


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """The receive time; a test may move it."""
    now = [FOLLOWED]
    monkeypatch.setattr(module.time, "time", lambda: now[0] + 0.9)
    return now


def request(
    path: str, link: Link, method: str = "GET", *, address: str = "203.0.113.7", **headers: str
) -> dict[str, Any]:
    event = sample("http_click")
    token = links.mint(link, SIGNING_SECRET)
    http = {**event["requestContext"]["http"], "method": method, "path": f"/{path}/{token}", "sourceIp": address}
    return {
        **event,
        "rawPath": f"/{path}/{token}",
        "headers": {**event["headers"], **{name.replace("_", "-"): value for name, value in headers.items()}},
        "requestContext": {**event["requestContext"], "http": http},
        "pathParameters": {"token": token},
    }


CLICK = Link("click", SEND, GUIDE)
OPEN = Link("open", SEND)
DECOY = Link("decoy", SEND)
FOOTER = Link("unsubscribe", SEND, ADDRESS)


def told(aws: Aws) -> list[Seen]:
    assert aws.messages(aws.events_queue_url) == [], "the score hears of it when it is judged"
    return [Seen.from_message(message["touch"]) for message in aws.messages(aws.engagement_queue_url)]


def test_a_click_sends_the_person_on_and_is_told_with_the_page_and_the_browser(aws: Aws, context: Context):
    answer = handler(sample("http_click"), context)
    assert (answer["statusCode"], answer["headers"]["location"]) == (302, GUIDE)
    assert answer["headers"]["referrer-policy"] == "no-referrer"
    (message,) = aws.messages(aws.engagement_queue_url)
    said = message["touch"]
    name = said.pop("id")
    assert name.startswith("click:")
    assert name.endswith(f":{FOLLOWED}")
    assert len(name) <= 100
    assert said == {
        "send_id": SEND, "kind": "click", "at": instant_text(FOLLOWED), "by": "links", "url": GUIDE,
        "agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    }  # fmt: skip
    assert "203.0.113.7" not in str(message), "a network address is kept nowhere"


def test_the_same_link_in_the_same_second_is_one_touch_and_later_another(aws: Aws, context: Context, clock):
    for _ in range(2):
        handler(request("c", CLICK), context)
    clock[0] += 1
    handler(request("c", CLICK), context)
    one, copy, later = told(aws)
    assert one == copy
    assert later.id != one.id


@pytest.mark.parametrize(
    "headers",
    [{"sec_purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}, {"X_Moz": "prefetch"}, {"x_purpose": "preview"}],
)
def test_a_prefetch_is_sent_on_and_says_what_it_is(aws: Aws, context: Context, headers):
    assert handler(request("c", CLICK, **headers), context)["statusCode"] == 302
    assert [seen.said for seen in told(aws)] == ["the request says that it is a prefetch"]


def test_a_head_request_is_sent_on_and_is_no_click(aws: Aws, context: Context):
    assert handler(request("c", CLICK, "HEAD"), context)["statusCode"] == 302
    handler(request("u", FOOTER, "HEAD"), context)
    assert [(seen.kind, seen.url) for seen in told(aws)] == [("head", GUIDE), ("head", "")]


def test_an_open_is_a_pixel_and_is_told(aws: Aws, context: Context):
    answer = handler(sample("http_open"), context)
    said = answer["statusCode"], answer["headers"]["content-type"], answer["isBase64Encoded"]
    assert said == (200, "image/gif", True)
    handler(sample("http_open"), context)
    one, copy = told(aws)
    assert one == copy
    assert (one.kind, one.url, one.send_id) == ("open", "", SEND)
    handler(request("o", OPEN, "HEAD"), context)
    assert told(aws) == []


def test_the_decoy_leads_nowhere_and_is_told_however_it_is_asked_for(aws: Aws, context: Context):
    for method in ("GET", "HEAD"):
        answer = handler(request("d", DECOY, method), context)
        assert answer["statusCode"] == 200
        assert "location" not in answer["headers"]
    assert [seen.kind for seen in told(aws)] == ["decoy", "decoy"]


def test_a_look_at_the_footer_s_page_is_told_and_a_post_is_none(aws: Aws, context: Context):
    handler(request("u", FOOTER), context)
    assert [seen.kind for seen in told(aws)] == ["page"]
    handler(request("u", FOOTER, "POST"), context)
    assert aws.messages(aws.engagement_queue_url) == []


def test_a_network_of_scanners_is_named_and_its_address_is_not_kept(aws: Aws, context: Context):
    handler(request("c", CLICK, address="64.235.150.9"), context)
    handler(request("c", CLICK, address="17.58.1.2"), context)
    handler(request("o", OPEN, address="17.58.1.2"), context)
    assert [seen.said for seen in told(aws)] == [
        "it came from a network of Barracuda's machines", "", "it came from a network of Apple's machines",
    ]  # fmt: skip


def test_a_click_leads_to_web_pages_only_and_to_the_signed_one_only(aws: Aws, context: Context):
    for target in ("javascript:alert(1)", "//evil.example", "data:text/html,x", "", "ftp://x"):
        assert handler(request("c", Link("click", SEND, target)), context)["statusCode"] == 404
    event = request("c", CLICK)
    event["rawQueryString"] = "url=https://evil.example"
    event["queryStringParameters"] = {"url": "https://evil.example"}
    assert handler(event, context)["headers"]["location"] == GUIDE
    forged = request("c", CLICK)
    forged["pathParameters"] = {"token": links.mint(Link("click", SEND, "https://evil.example"), "another secret")}
    assert handler(forged, context)["statusCode"] == 404
    assert len(told(aws)) == 1


def test_a_person_gets_on_also_while_the_queue_is_away(aws: Aws, context: Context, monkeypatch):
    def away(*_: Any, **__: Any) -> None:
        raise ConnectionError("the queue is away")

    monkeypatch.setattr(clicks.queue, "send_all", away)
    for path, link, status in (("c", CLICK, 302), ("o", OPEN, 200), ("u", FOOTER, 200)):
        assert handler(request(path, link), context)["statusCode"] == status
    with pytest.raises(ConnectionError):  # nobody waits for what programs are told by
        handler(request("d", DECOY), context)
