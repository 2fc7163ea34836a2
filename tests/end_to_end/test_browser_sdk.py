"""
The released browser SDK, unmodified, in headless Chromium, on a page of another origin than the deployed stage.

It tells the story of the other SDKs with a public key. What a browser adds: preflights, pages that go away, lines that
drop, and headers it may not read unless the stage says so.
"""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import MODULES, browser_page, chromium, visitor  # noqa: F401 - fixtures
from tests.end_to_end.between import Between, CutOff, Refused, Slow
from tests.end_to_end.conftest import Platform, eventually
from tests.end_to_end.story import COMPANY, GUIDE, TITLE, address, assert_counted_once

pytestmark = pytest.mark.embedded

LOCAL = "http://127.0.0.1:"
SDK = MODULES / "@segment" / "analytics-next" / "dist" / "umd"
PAGE = """<!doctype html><meta charset="utf-8"><title>Prices</title>
<script src="/sdk/index.js"></script>
<script>
  function start(settings) {
    window.analytics = AnalyticsNext.AnalyticsBrowser.load(settings)
    const late = new Promise((_, fail) => setTimeout(fail, 30_000, new Error('the SDK did not get ready in 30 s')))
    return Promise.race([analytics.ready(), late]).then(() => null)
  }
</script>
"""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """A shop's site: the same page at every path, and the SDK as it was built."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            script = path.startswith("/sdk/")
            body = (SDK / path.removeprefix("/sdk/")).read_bytes() if script else PAGE.encode()
            self.send_response(200)
            self.send_header("content-type", "text/javascript" if script else "text/html")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def page(browser_page: Page, site: str) -> Iterator[Page]:  # noqa: F811 - the fixture
    """A page of the shop; the test fails when it asked anybody but the shop and the stage."""
    elsewhere: list[str] = []
    browser_page.on("request", lambda request: LOCAL in request.url or elsewhere.append(request.url))
    browser_page.goto(f"{site}/pricing?utm_source=newsletter&utm_medium=email&utm_campaign=spring")
    yield browser_page
    assert elsewhere == []


def settings_here(platform: Platform, between: Between, **of_segment: Any) -> dict[str, Any]:
    """Return settings that spare the SDK its question for them."""
    key = platform.outputs.public_key
    segment = {"apiKey": key, "apiHost": f"{between.host}/v1", "protocol": "http", **of_segment}
    return {"writeKey": key, "cdnSettings": {"integrations": {"Segment.io": segment}}}


def start(page: Page, settings: dict[str, Any]) -> None:
    page.evaluate("settings => start(settings)", settings)


def tell(page: Page, who: str) -> None:
    """Tell the story without waiting for any delivery, as pages do."""
    calls = [
        ("page", "Pricing"),
        ("page", "Pricing"),
        ("track", "Asset Downloaded", GUIDE),
        ("identify", who, {"email": address(who), "title": TITLE}),
        ("screen", "Home"),
        ("group", "northbound", COMPANY),
        ("alias", who, f"{who}-before"),
        ("track", "Demo Requested"),
    ]
    page.evaluate("calls => { for (const [method, ...parameters] of calls) analytics[method](...parameters) }", calls)


def test_every_call_counts_once(platform, between, page):
    start(page, settings_here(platform, between))
    tell(page, "browser")
    assert_counted_once(platform, "browser")
    assert {each.path for each in between.posts} == {f"/v1/{letter}" for letter in "pitsga"}
    asked = [each for each in between.passed if each.method == "OPTIONS"]
    assert asked
    assert all("authorization" in each.headers["access-control-request-headers"] for each in asked)
    between.send_all_again()
    assert_counted_once(platform, "browser")


def test_the_settings_come_from_the_stage(platform, page):
    start(page, {"writeKey": platform.outputs.public_key, "cdnURL": platform.outputs.api_url})
    tell(page, "browser-settings")
    assert_counted_once(platform, "browser-settings")


def test_the_snippet_finds_its_settings_and_sends_what_was_called_before_it_came(platform, page):
    prepared = """([key, api]) => {
      window.analytics = Object.assign([], { _writeKey: key, _cdn: api, SNIPPET_VERSION: '5.2.1' })
      for (const name of ['track', 'page', 'identify', 'group', 'alias', 'screen'])
        analytics[name] = (...parameters) => { analytics.push([name, ...parameters]) }
    }"""
    page.evaluate(prepared, [platform.outputs.public_key, platform.outputs.api_url])
    tell(page, "browser-snippet")
    page.add_script_tag(url="/sdk/standalone.js")
    assert_counted_once(platform, "browser-snippet")


def test_a_key_that_is_not_public_gets_no_settings_and_sends_nothing(platform, page):
    answers: list[tuple[str, int]] = []
    page.on("response", lambda answer: answers.append((answer.url.rpartition("/")[2], answer.status)))
    load = "settings => AnalyticsNext.AnalyticsBrowser.load(settings).then(() => 'loaded', () => 'failed')"
    settings = {"writeKey": platform.outputs.write_key, "cdnURL": platform.outputs.api_url}
    assert page.evaluate(load, settings) == "failed"
    page.wait_for_timeout(500)
    assert answers == [("settings", 404)]


def test_what_is_sent_again_counts_once_and_not_before_it_is_asked_for(platform, between, page):
    trouble = (Refused(429, retry_after=3), CutOff(taken=True), Refused(500), CutOff(taken=False))
    between.befall(trouble)
    start(page, settings_here(platform, between))
    tell(page, "browser-again")
    assert_counted_once(platform, "browser-again")
    limited = next(each for each in between.posts if each.fault == trouble[0])
    first, second = between.attempts(limited.message_ids[0])[:2]
    assert second.at - first.at >= 3
    for each in between.posts:
        assert between.attempts(each.message_ids[0])[-1].fault is None
    between.send_all_again()
    assert_counted_once(platform, "browser-again")


def test_batches_leave_with_the_page(platform, between, page):
    strategy = {"strategy": "batching", "config": {"size": 100, "timeout": 60_000, "keepalive": True}}
    start(page, settings_here(platform, between, deliveryStrategy=strategy))
    tell(page, "browser-batch")
    page.wait_for_timeout(500)
    assert between.posts == []
    page.close()
    assert_counted_once(platform, "browser-batch")
    assert [each.path for each in between.posts] == ["/v1/b"]


def test_a_page_that_goes_while_a_call_is_under_way_sends_it_again_from_the_next(platform, between, page):
    between.befall([Slow(3)])
    start(page, settings_here(platform, between))
    tell(page, "browser-gone")
    eventually(lambda: between.posts, "a call under way")
    page.goto(page.url.replace("/pricing", "/next"))
    start(page, settings_here(platform, between))
    assert_counted_once(platform, "browser-gone")
    assert len(between.attempts(between.posts[0].message_ids[0])) == 2


def test_what_is_said_offline_is_sent_online(platform, between, page):
    start(page, settings_here(platform, between))
    page.context.set_offline(True)
    tell(page, "browser-offline")
    page.wait_for_timeout(1_500)
    assert between.posts == []
    page.context.set_offline(False)
    assert_counted_once(platform, "browser-offline")
