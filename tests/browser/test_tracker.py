"""The tracker as it is served, in a browser, on pages of another origin than its API's."""

import gzip
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.browser.stand import KEY, TRACKER, Stand, running
from tests.source_tree import ROOT

MOST_BYTES = 4096
DAY = 86_400_000
SECOND = 1000
TALL = "<div style='height:4000px'>text</div>"
SIGNAL = "Object.defineProperty(Navigator.prototype, {name!r}, {{get: () => {value}}})"
NOTHING_KEPT = "[document.cookie, localStorage.length, sessionStorage.length, (await indexedDB.databases()).length]"


@pytest.fixture(scope="module")
def servers() -> Iterator[Stand]:
    with running() as stand:
        yield stand


@pytest.fixture
def stand(servers: Stand, visitor) -> Iterator[Stand]:
    """The servers as a test finds them: no page, nothing received. The visitor leaves first, with all that tells."""
    servers.pages.clear()
    servers.answer = lambda _number: (200, {})
    servers.posts.clear()
    yield servers
    visitor.close()


def kept(page) -> list:
    return page.evaluate(f"(async () => {NOTHING_KEPT})()")


def allow(page, yes=True) -> None:
    page.evaluate(f"ripen('consent', {json.dumps(yes)})")


def leave(page) -> None:
    """Go where no tracker is: whatever waits is sent now or never."""
    page.goto("about:blank")


def go(page, address) -> None:
    page.goto(address)
    page.wait_for_function("window.ripen && ripen.runs")


# The file


def test_the_served_file_is_what_the_build_gives(tmp_path: Path) -> None:
    target = tmp_path / "ripen.js"
    subprocess.run(["node", ROOT / "tracker" / "build.mjs", target], check=True, env={"PATH": os.environ["PATH"]})
    assert TRACKER.read_bytes() == target.read_bytes(), "build it again: make tracker"


def test_it_is_under_four_kilobytes_compressed() -> None:
    assert len(gzip.compress(TRACKER.read_bytes())) < MOST_BYTES


# What is sent


def test_a_page_view_says_where_and_where_from(stand, browser_page) -> None:
    address = stand.page("/pricing", title="Prices")
    browser_page.goto(
        f"{address}?utm_source=News&utm_medium=mail&utm_campaign=spring&token=secret#part",
        referer=stand.site + "/a?mail=x@y.example",
    )
    leave(browser_page)
    assert stand.one("page")["context"]["campaign"] == {"source": "News", "medium": "mail", "name": "spring"}
    (event,) = stand.taken()
    assert event.name == "Page Viewed"
    assert event.properties == {
        "path": "/pricing",
        "url": address,
        "title": "Prices",
        "referrer": stand.site + "/a",
    }
    assert "secret" not in json.dumps(stand.posts[0].body)
    assert event.anonymous_id


def test_a_batch_needs_no_preflight_and_carries_the_key_and_the_flag(stand, browser_page) -> None:
    browser_page.add_init_script(SIGNAL.format(name="webdriver", value="true"))
    go(browser_page, stand.page("/"))
    agent = browser_page.evaluate("navigator.userAgent")
    leave(browser_page)
    stand.until(lambda: stand.posts, "a batch")
    (post,) = stand.posts
    assert (post.method, post.path, post.body["writeKey"]) == ("POST", "/v1/b", KEY)
    assert post.headers["content-type"].startswith("text/plain")
    assert "cookie" not in post.headers
    assert post.body["context"]["webdriver"] is True
    assert post.body["context"]["userAgent"] == agent
    assert post.body["sentAt"] >= post.body["batch"][0]["timestamp"]


def test_a_person_carries_no_flag(stand, browser_page) -> None:
    go(browser_page, stand.page("/"))
    leave(browser_page)
    stand.one("page")
    assert "webdriver" not in stand.posts[0].body["context"]


def test_the_canonical_link_names_the_page(stand, browser_page) -> None:
    go(
        browser_page,
        stand.page("/site/pricing", head="<link rel=canonical href='https://www.example.com/pricing?a=1'>"),
    )
    browser_page.evaluate("history.pushState({}, '', '/site/other')")
    browser_page.wait_for_timeout(50)
    leave(browser_page)
    stand.until(lambda: len(stand.named("page")) == 2, "both views")
    assert [event["context"]["page"]["path"] for event in stand.sent] == ["/pricing", "/site/other"]


def test_ten_events_do_not_wait(stand, browser_page) -> None:
    browser_page.clock.install()
    browser_page.clock.pause_at(4_000_000_000)
    go(browser_page, stand.page("/"))
    browser_page.evaluate("for (let n = 0; n < 9; n++) ripen('track', `Event ${n}`, {n})")
    stand.until(lambda: len(stand.sent) == 10, "ten events")
    assert len(stand.posts) == 1
    assert stand.named("Event 8")[0]["properties"] == {"n": 8}


def test_fewer_wait_three_seconds(stand, browser_page) -> None:
    browser_page.clock.install()
    go(browser_page, stand.page("/"))
    browser_page.clock.run_for(1500)
    assert stand.posts == []
    browser_page.clock.run_for(2000)
    stand.one("page")


def test_calls_made_before_it_loads_are_made_up_for(stand, browser_page) -> None:
    early = """<script>window.ripen = function () { (ripen.q = ripen.q || []).push(arguments) }
    ripen('track', 'Early', {n: 1}); ripen('identify', 'u-1', {title: 'CEO'}); ripen('track', 'After')
    ripen('ready', (said) => { window.said = said })</script>"""
    go(browser_page, stand.page("/", head=early))
    leave(browser_page)
    stand.one("After")
    assert stand.names == ["page", "Early", "identify", "After"]
    assert [event.get("userId") for event in stand.sent] == [None, None, "u-1", "u-1"]
    assert stand.one("identify")["traits"] == {"title": "CEO"}


def test_a_refusal_made_before_it_loads_comes_before_the_page_view(stand, browser_page) -> None:
    early = "<script>window.ripen = function () { (ripen.q = ripen.q || []).push(arguments) }; ripen('consent', false)</script>"
    go(browser_page, stand.page("/", head=early))
    leave(browser_page)
    browser_page.wait_for_timeout(200)
    assert stand.posts == []


def test_a_second_tag_counts_nothing_twice(stand, browser_page) -> None:
    address = stand.page("/")
    stand.pages["/"] += stand.pages["/"]
    go(browser_page, address)
    browser_page.wait_for_timeout(100)
    leave(browser_page)
    stand.one("page")


def test_a_wrong_call_breaks_nothing(stand, browser_page) -> None:
    go(browser_page, stand.page("/"))
    browser_page.evaluate("ripen('nonsense'); ripen(); const ring = {}; ring.ring = ring; ripen('track', 'Ring', ring)")
    browser_page.evaluate("ripen('track', 'Huge', {text: 'x'.repeat(40000)}); ripen('track', 'Good')")
    leave(browser_page)
    stand.one("Good")
    assert stand.names == ["page", "Good"]


def test_another_person_on_the_same_browser_is_another_anonymous_id(stand, browser_page) -> None:
    go(browser_page, stand.page("/"))
    browser_page.evaluate(
        "ripen('identify', 'u-1'); ripen('identify', 'u-1'); ripen('identify', 'u-2'); ripen('reset'); ripen('track', 'Last')"
    )
    leave(browser_page)
    stand.one("Last")
    first, again, other, last = stand.sent[1], stand.sent[2], stand.sent[3], stand.sent[4]
    assert first["anonymousId"] == again["anonymousId"] == stand.sent[0]["anonymousId"]
    assert len({event["anonymousId"] for event in (first, other, last)}) == 3
    assert (other["userId"], last.get("userId")) == ("u-2", None)


# What a visitor does


def test_two_minutes_of_reading_are_told_once(stand, browser_page) -> None:
    browser_page.clock.install()
    go(browser_page, stand.page("/pricing"))
    for _ in range(3):
        browser_page.mouse.move(10, 10)
        browser_page.mouse.move(20, 20)
        browser_page.clock.run_for(45 * SECOND)
    leave(browser_page)
    stand.until(lambda: len(stand.named("Page Read")) >= 2, "two marks")
    assert [event["properties"] for event in stand.named("Page Read")] == [
        {"path": "/pricing", "seconds": 30},
        {"path": "/pricing", "seconds": 120},
    ]


def test_an_idle_visitor_is_not_reading(stand, browser_page) -> None:
    browser_page.clock.install()
    go(browser_page, stand.page("/pricing"))
    browser_page.clock.run_for(400 * SECOND)
    leave(browser_page)
    stand.until(lambda: stand.named("Page Read"), "half a minute")
    assert [event["properties"]["seconds"] for event in stand.named("Page Read")] == [30], stand.log


def test_a_hidden_page_is_not_read(stand, browser_page) -> None:
    browser_page.clock.install()
    go(browser_page, stand.page("/pricing"))
    browser_page.evaluate("Object.defineProperty(document, 'hidden', {configurable: true, get: () => true})")
    browser_page.clock.run_for(50 * SECOND)
    browser_page.evaluate("Object.defineProperty(document, 'hidden', {get: () => false})")
    leave(browser_page)
    stand.one("page")
    assert stand.named("Page Read") == []


def test_scroll_depth_is_told_once_per_mark(stand, browser_page) -> None:
    go(browser_page, stand.page("/blog", TALL))
    for top in (0, 1500, 1400, 5000, 100, 5000):
        browser_page.evaluate(f"scrollTo(0, {top})")
        browser_page.wait_for_timeout(60)
    leave(browser_page)
    stand.until(lambda: len(stand.named("Page Scrolled")) >= 4, "four marks")
    assert [event["properties"]["percent"] for event in stand.named("Page Scrolled")] == [25, 50, 75, 90]


def test_exit_intent_is_told_once_and_not_at_once(stand, browser_page) -> None:
    browser_page.clock.install()
    go(browser_page, stand.page("/pricing"))
    out = "document.dispatchEvent(new MouseEvent('mouseout', {clientY: -1, relatedTarget: null}))"
    browser_page.evaluate(out)
    browser_page.clock.run_for(6 * SECOND)
    browser_page.evaluate("document.dispatchEvent(new MouseEvent('mouseout', {clientY: 300}))")
    assert "Exit Intended" not in stand.names
    browser_page.evaluate(f"{out}; {out}")
    leave(browser_page)
    assert stand.one("Exit Intended")["properties"] == {"path": "/pricing"}


def test_a_download_and_a_link_away_are_told_without_their_query(stand, browser_page) -> None:
    links = """<a id=file href="/files/Case%20A.PDF?token=secret">a</a> <a id=named href="/files/x.zip" data-asset=roi data-kind=roi-calculator>b</a>
    <a id=away href="https://other.example/where?token=secret">c</a> <a id=inside href="/here">d</a> <a id=mail href="mailto:a@b.example">e</a>
    <script>addEventListener('click', (event) => event.preventDefault())</script>"""
    go(browser_page, stand.page("/guides", links))
    for name in ("file", "named", "away", "inside", "mail"):
        browser_page.click(f"#{name}")
    leave(browser_page)
    stand.one("Outbound Link Clicked")
    assert [event["properties"] for event in stand.sent[1:]] == [
        {"path": "/guides", "asset": "Case A.PDF", "kind": "pdf", "url": f"{stand.site}/files/Case%20A.PDF"},
        {"path": "/guides", "asset": "roi", "kind": "roi-calculator", "url": f"{stand.site}/files/x.zip"},
        {"path": "/guides", "url": "https://other.example/where"},
    ]


FORM = """<form id=contact method=post action="{action}" {more}><input type=email name=email value="maria@example.com">
<input name=phone value="0701234567"><input type=password name=pin value=hidden><button>Go</button></form>"""


@pytest.mark.parametrize(("more", "names"), [
    ("", ["page", "Form Submitted"]),
    ("data-ripen", ["page", "identify", "Form Submitted"]),
    ("data-ripen=off", ["page"]),
])  # fmt: skip
def test_a_form_of_others_is_told_by_its_field_names(stand, browser_page, more, names) -> None:
    go(browser_page, stand.page("/contact", FORM.format(action="/elsewhere", more=more)))
    browser_page.click("button")
    browser_page.wait_for_url("**/elsewhere")
    leave(browser_page)
    stand.until(lambda: len(stand.sent) >= len(names), "all events")
    assert stand.names == names
    said = json.dumps(stand.posts[0].body)
    assert ("maria@example.com" in said) is (more == "data-ripen")
    assert "0701234567" not in said
    assert "hidden" not in said
    if len(names) > 1:
        assert stand.one("Form Submitted")["properties"] == {
            "path": "/contact", "form": "contact", "fields": ["email", "phone", "pin"],
        }  # fmt: skip
    if more == "data-ripen":
        assert stand.taken()[1].email == "maria@example.com"


def test_our_own_form_gets_the_anonymous_id_and_is_not_told_twice(stand, browser_page) -> None:
    go(browser_page, stand.page("/demo", FORM.format(action=f"{stand.api}/forms/demo?write_key=x", more="")))
    with browser_page.expect_request("**/forms/demo*") as asked:
        browser_page.click("button")
    leave(browser_page)
    page = stand.one("page")
    fields = dict(part.split("=") for part in asked.value.post_data.split("&"))
    assert fields["anonymous_id"] == page["anonymousId"]
    assert unquote(fields["page_url"]) == f"{stand.site}/demo"
    assert int(fields["started_at"]) > 0
    assert stand.names == ["page"]


@pytest.mark.parametrize("said", ["ripen('consent', false)", "ripen('reset')"])
def test_a_form_forgets_the_visitor_who_refuses_or_leaves_while_filling_it_in(stand, browser_page, said) -> None:
    go(browser_page, stand.page("/demo", FORM.format(action=f"{stand.api}/forms/demo?write_key=x", more="")))
    browser_page.focus("[name=email]")
    before = browser_page.input_value("[name=anonymous_id]")
    assert len(before) == 32
    browser_page.evaluate(said)
    with browser_page.expect_request("**/forms/demo*") as asked:
        browser_page.click("button")
    assert before not in str(asked.value.post_data)


def test_a_form_read_by_a_script_has_the_anonymous_id_too(stand, browser_page) -> None:
    script = """<script>document.querySelector('form').addEventListener('submit', (event) => {
      event.preventDefault(); window.said = Object.fromEntries(new FormData(event.target)) })</script>"""
    go(browser_page, stand.page("/demo", FORM.format(action=f"{stand.api}/forms/demo", more="") + script))
    browser_page.click("button")
    assert len(browser_page.evaluate("said.anonymous_id")) == 32


def test_pages_of_an_application_count_once_each(stand, browser_page) -> None:
    go(browser_page, stand.page("/app", title="First"))
    browser_page.evaluate("history.pushState({}, '', '/app/two'); document.title = 'Second'")
    browser_page.wait_for_timeout(50)
    browser_page.evaluate("history.replaceState({}, '', '/app/two?filter=1')")
    browser_page.wait_for_timeout(50)
    browser_page.go_back()
    browser_page.wait_for_timeout(50)
    leave(browser_page)
    stand.until(lambda: len(stand.named("page")) >= 3, "three views")
    pages = [event["context"]["page"] for event in stand.named("page")]
    assert [(page["path"], page["title"]) for page in pages] == [
        ("/app", "First"),
        ("/app/two", "Second"),
        ("/app", "Second"),
    ]
    assert [page.get("referrer") for page in pages[1:]] == [stand.site + "/app", stand.site + "/app/two"]


# What is kept, and who may not be counted


def test_nothing_is_kept_before_consent_and_every_page_is_somebody_else(stand, browser_page) -> None:
    stand.page("/b")
    go(browser_page, stand.page("/a", TALL))
    browser_page.evaluate("scrollTo(0, 5000); ripen('identify', 'u-1')")
    assert kept(browser_page) == ["", 0, 0, 0]
    go(browser_page, f"{stand.site}/b")
    assert kept(browser_page) == ["", 0, 0, 0]
    leave(browser_page)
    stand.until(lambda: len(stand.named("page")) == 2, "both pages")
    first, second = stand.named("page")
    assert first["anonymousId"] != second["anonymousId"]
    assert "userId" not in second


def test_with_consent_all_pages_are_one_visitor_and_still_no_cookie(stand, browser_page) -> None:
    stand.page("/b")
    go(browser_page, stand.page("/a"))
    allow(browser_page)
    browser_page.evaluate("ripen('identify', 'u-1')")
    assert kept(browser_page) == ["", 1, 0, 0]
    go(browser_page, f"{stand.site}/b")
    leave(browser_page)
    stand.until(lambda: len(stand.named("page")) == 2, "both pages")
    assert len({event["anonymousId"] for event in stand.sent}) == 1
    assert stand.named("page")[1]["userId"] == "u-1"


def test_consent_ends_after_thirteen_months_however_often_one_comes(stand, browser_page) -> None:
    go(browser_page, stand.page("/"))
    allow(browser_page)
    given = json.loads(browser_page.evaluate("localStorage.ripen"))
    for days, same in ((394, True), (396, False)):
        browser_page.evaluate(
            "said => { localStorage.ripen = said }", json.dumps(given | {"at": given["at"] - days * DAY})
        )
        go(browser_page, f"{stand.site}/")
        allow(browser_page) if same else None
        now = json.loads(browser_page.evaluate("localStorage.ripen || '{}'"))
        assert (now.get("id") == given["id"]) is same
        assert now.get("at", 0) < given["at"]


@pytest.mark.parametrize("before", [True, False])
def test_a_refusal_forgets_sends_nothing_and_is_remembered(stand, browser_page, before) -> None:
    stand.page("/b")
    go(browser_page, stand.page("/a"))
    if before:
        allow(browser_page)
    allow(browser_page, yes=False)
    assert set(json.loads(browser_page.evaluate("localStorage.ripen"))) == {"at"}
    browser_page.evaluate("ripen('track', 'Never'); ripen('identify', 'u-1', {email: 'a@b.example'})")
    go(browser_page, f"{stand.site}/b")
    browser_page.evaluate("ripen('track', 'Never')")
    leave(browser_page)
    browser_page.wait_for_timeout(200)
    assert stand.posts == []


@pytest.mark.parametrize("signal", [("globalPrivacyControl", "true"), ("doNotTrack", "'1'")])
@pytest.mark.parametrize("more", ["", ' data-consent="granted"'])
def test_a_privacy_signal_is_obeyed_until_the_visitor_says_yes_here(stand, browser_page, signal, more) -> None:
    browser_page.add_init_script(SIGNAL.format(name=signal[0], value=signal[1]))
    browser_page.clock.install()
    form = FORM.format(action=f"{stand.api}/forms/demo", more="")
    go(browser_page, stand.page("/a", form + TALL, more=more))
    browser_page.evaluate("scrollTo(0, 5000); ripen('track', 'Never')")
    browser_page.focus("[name=phone]")
    assert kept(browser_page) == ["", 0, 0, 0]
    assert browser_page.query_selector("[name=anonymous_id]") is None
    browser_page.clock.run_for(5 * SECOND)
    browser_page.wait_for_timeout(100)
    assert stand.posts == []
    allow(browser_page)
    leave(browser_page)
    assert stand.one("page")["context"]["page"]["path"] == "/a"
    assert "Never" not in stand.names
    stand.posts.clear()
    go(browser_page, f"{stand.site}/a")
    leave(browser_page)
    stand.one("page")


def test_a_site_that_asked_already_says_so_in_the_tag(stand, browser_page) -> None:
    address = stand.page("/", more=' data-consent="granted"')
    go(browser_page, address)
    go(browser_page, address)
    leave(browser_page)
    stand.until(lambda: len(stand.named("page")) == 2, "both pages")
    assert len({event["anonymousId"] for event in stand.sent}) == 1
    go(browser_page, address)
    allow(browser_page, yes=False)
    stand.posts.clear()
    go(browser_page, address)
    leave(browser_page)
    browser_page.wait_for_timeout(200)
    assert stand.posts == []


def test_two_tabs_are_one_visitor_and_a_refusal_in_one_silences_both(stand, visitor) -> None:
    stand.page("/b")
    first, second = visitor.new_page(), visitor.new_page()
    go(first, stand.page("/a"))
    go(second, f"{stand.site}/b")
    allow(first)
    second.wait_for_timeout(200)
    for page in (first, second):
        page.evaluate("ripen('track', 'Together')")
        page.evaluate("dispatchEvent(new Event('pagehide'))")
    stand.until(lambda: len(stand.named("Together")) == 2, "both tabs")
    assert len({event["anonymousId"] for event in stand.named("Together")}) == 1
    allow(second, yes=False)
    first.wait_for_timeout(200)
    stand.posts.clear()
    first.evaluate("ripen('track', 'Never'); dispatchEvent(new Event('pagehide'))")
    first.wait_for_timeout(200)
    assert stand.posts == []


@pytest.mark.parametrize("broken", [
    "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError') }})",
    "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }",
    "Object.defineProperty(window, 'localStorage', {value: null})",
])  # fmt: skip
def test_forbidden_storage_costs_the_memory_and_nothing_else(stand, browser_page, broken) -> None:
    browser_page.add_init_script(broken)
    go(browser_page, stand.page("/"))
    allow(browser_page)
    browser_page.evaluate("ripen('track', 'Still'); ripen('reset')")
    leave(browser_page)
    stand.one("Still")
    stand.one("page")


@pytest.mark.parametrize("found", ["{", "null", "7", '{"at":"x","id":5}', '{"id":"a"}', "[]"])
def test_damaged_storage_is_as_none(stand, browser_page, found) -> None:
    address = stand.page("/")
    stand.pages["/plain"] = "plain"
    browser_page.goto(f"{stand.site}/plain")
    browser_page.evaluate("found => { localStorage.ripen = found; localStorage['ripen.x'] = found }", found)
    go(browser_page, address)
    allow(browser_page)
    leave(browser_page)
    assert len(stand.one("page")["anonymousId"]) == 32


# Arriving, whatever happens


def test_an_event_a_moment_before_leaving_arrives(stand, browser_page) -> None:
    stand.pages["/next"] = "next"
    go(browser_page, stand.page("/", '<a id=go href="/next">go</a>'))
    browser_page.evaluate("document.getElementById('go').addEventListener('click', () => ripen('track', 'Last words'))")
    browser_page.click("#go")
    stand.one("Last words")


def test_a_closed_tab_has_told_everything(stand, browser_page) -> None:
    go(browser_page, stand.page("/"))
    browser_page.evaluate("ripen('track', 'Last words')")
    browser_page.close(run_before_unload=True)
    stand.one("Last words")


def test_a_browser_without_keepalive_uses_a_beacon(stand, browser_page) -> None:
    browser_page.add_init_script("delete Request.prototype.keepalive")
    go(browser_page, stand.page("/"))
    leave(browser_page)
    stand.one("page")
    assert stand.posts[0].headers["content-type"].startswith("text/plain")


def test_a_retry_keeps_the_message_ids_and_says_when_it_was_sent(stand, browser_page) -> None:
    stand.answer = lambda number: (503, {}) if number < 3 else (200, {})
    go(browser_page, stand.page("/"))
    browser_page.evaluate("ripen('track', 'One'); dispatchEvent(new Event('online'))")
    stand.until(lambda: len(stand.posts) == 3, "two retries")
    browser_page.wait_for_timeout(500)
    assert len(stand.posts) == 3
    first, second, third = (post.body for post in stand.posts)
    assert first["batch"] == second["batch"] == third["batch"]
    assert first["sentAt"] < second["sentAt"] < third["sentAt"]
    assert stand.posts[1].at - stand.posts[0].at >= 1
    assert stand.posts[2].at - stand.posts[1].at >= 2
    assert len({event.event_id for event in stand.taken()}) == 2


def test_retry_after_is_obeyed_on_leaving_too(stand, browser_page) -> None:
    stand.page("/b")
    stand.answer = lambda number: (429, {"Retry-After": "4"}) if number == 1 else (200, {})
    go(browser_page, stand.page("/"))
    allow(browser_page)
    browser_page.evaluate("dispatchEvent(new Event('online'))")
    stand.until(lambda: stand.posts, "the first attempt")
    browser_page.wait_for_timeout(200)
    browser_page.evaluate("for (let n = 0; n < 12; n++) ripen('track', 'More'); dispatchEvent(new Event('pagehide'))")
    stand.until(lambda: len(stand.posts) == 2, "the second attempt")
    assert stand.posts[1].at - stand.posts[0].at >= 4
    assert stand.posts[1].body["batch"][0] == stand.posts[0].body["batch"][0]
    assert len(stand.posts[1].body["batch"]) == 13


@pytest.mark.parametrize("status", [400, 401, 413])
def test_a_batch_the_api_refuses_is_not_sent_again(stand, browser_page, status) -> None:
    stand.answer = lambda number: (status, {}) if number == 1 else (200, {})
    go(browser_page, stand.page("/"))
    browser_page.evaluate("dispatchEvent(new Event('online'))")
    stand.until(lambda: stand.posts, "the first attempt")
    browser_page.wait_for_timeout(2500)
    browser_page.evaluate("ripen('track', 'Next')")
    leave(browser_page)
    stand.one("Next")
    assert stand.names == ["page", "Next"]


def test_what_happened_offline_is_sent_online_with_its_own_time(stand, visitor, browser_page) -> None:
    go(browser_page, stand.page("/"))
    visitor.set_offline(True)
    browser_page.evaluate("for (let n = 0; n < 150; n++) ripen('track', `Offline ${n}`, {text: 'x'.repeat(150)})")
    browser_page.wait_for_timeout(1200)
    assert stand.posts == []
    assert kept(browser_page) == ["", 0, 0, 0]
    visitor.set_offline(False)
    stand.until(lambda: len(stand.sent) >= 100, "the newest hundred")
    assert stand.names == [f"Offline {n}" for n in range(50, 150)]
    assert stand.sent[-1]["timestamp"] < stand.posts[0].body["sentAt"]
    assert all(len(json.dumps(post.body)) < 32_000 for post in stand.posts)


def test_with_consent_what_happened_offline_outlives_the_page(stand, visitor, browser_page) -> None:
    address = stand.page("/")
    go(browser_page, address)
    allow(browser_page)
    online = stand.answer
    stand.answer = lambda _number: (503, {})  # what a page sends as it closes may get past the browser's "offline"
    visitor.set_offline(True)
    browser_page.evaluate("ripen('track', 'Offline')")
    leave(browser_page)
    visitor.set_offline(False)
    stand.answer = online
    stand.posts.clear()
    go(browser_page, address)
    leave(browser_page)
    stand.one("Offline")
    stand.until(lambda: len(stand.named("page")) == 2, "both views")
    assert len({event["messageId"] for event in stand.sent}) == 3
    stand.posts.clear()
    go(browser_page, address)
    assert browser_page.evaluate("Object.keys(localStorage)") == ["ripen"]
    leave(browser_page)
    stand.one("page")
    assert stand.names == ["page"]


def test_what_failed_and_what_came_after_it_outlive_the_page(stand, browser_page) -> None:
    address = stand.page("/")
    stand.answer = lambda _number: (503, {})
    go(browser_page, address)
    allow(browser_page)
    browser_page.evaluate("ripen('track', 'Failed'); dispatchEvent(new Event('online'))")
    stand.until(lambda: stand.posts, "the first attempt")
    browser_page.wait_for_timeout(200)
    failed = stand.named("Failed")[0]
    browser_page.evaluate("ripen('track', 'After it')")
    leave(browser_page)
    browser_page.wait_for_timeout(200)
    stand.posts.clear()
    stand.answer = lambda _number: (200, {})
    go(browser_page, address)
    leave(browser_page)
    assert stand.one("Failed") == failed
    stand.one("After it")


@pytest.mark.parametrize("signal", [
    "dispatchEvent(new Event('pagehide'))",
    "Object.defineProperty(document, 'hidden', {get: () => true}); document.dispatchEvent(new Event('visibilitychange'))",
])  # fmt: skip
def test_either_signal_that_the_page_goes_is_enough(stand, browser_page, signal) -> None:
    browser_page.clock.install()
    browser_page.clock.pause_at(4_000_000_000)
    go(browser_page, stand.page("/"))
    assert stand.posts == []
    browser_page.evaluate(signal)
    stand.one("page")


def test_a_request_under_way_on_leaving_is_not_sent_again(stand, browser_page) -> None:
    def slowly(_number: int) -> tuple[int, dict[str, str]]:
        time.sleep(0.5)
        return 200, {}

    stand.answer = slowly
    go(browser_page, stand.page("/"))
    browser_page.evaluate("dispatchEvent(new Event('online')); ripen('track', 'Last words')")
    stand.until(lambda: stand.posts, "the first request")
    leave(browser_page)
    stand.one("Last words")
    browser_page.wait_for_timeout(700)
    assert sorted(stand.names) == ["Last words", "page"]


def test_events_of_yesterday_are_not_sent(stand, visitor, browser_page) -> None:
    browser_page.clock.install()
    go(browser_page, stand.page("/"))
    visitor.set_offline(True)
    browser_page.evaluate("ripen('track', 'Old')")
    browser_page.clock.fast_forward("25:00:00")
    browser_page.evaluate("ripen('track', 'New')")
    visitor.set_offline(False)
    stand.one("New")
    assert stand.names == ["New"]
