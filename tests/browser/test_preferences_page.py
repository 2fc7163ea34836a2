"""The pages behind the links of our mails in a browser: for everybody, on a phone, in the dark, and without scripts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from playwright.sync_api import Browser, BrowserContext, Request, Route

from functions.links import pages
from functions.links.pages import Answer, Topic
from tests.browser.conftest import MODULES, WAIT

AXE = (MODULES / "axe-core" / "axe.min.js").read_text(encoding="utf-8") if MODULES.exists() else ""
TOPICS = (
    Topic("product_news", "Product news", "What is new, and what it is good for.", wanted=True),
    Topic("events", "Events and webinars", "When and where, with the recording afterwards.", wanted=False),
    Topic("long", "W" * 120, "A word that is too long for a phone: " + "x" * 200, wanted=False),
)
PAGES: dict[str, Callable[[], Answer]] = {
    "preferences": lambda: pages.preferences(TOPICS, saved=False),
    "preferences saved": lambda: pages.preferences(TOPICS, saved=True),
    "unsubscribe": pages.ask_to_stop,
    "unsubscribed": pages.stopped,
    "nothing sent": pages.nothing_sent,
    "confirm": pages.ask_to_confirm,
    "confirmed": pages.confirmed,
    "not ours": pages.not_ours,
}
ADDRESS = "https://links.ripen.example/u/token"


def opened(context: BrowserContext, answer: Answer, *, posted: list[Request] | None = None) -> Any:
    """Open the answer as its address would give it, headers included; what is posted is noted."""
    page = context.new_page()

    def give(route: Route) -> None:
        if route.request.method == "POST" and posted is not None:
            posted.append(route.request)
        route.fulfill(status=answer["statusCode"], headers=answer["headers"], body=answer["body"])

    page.route("**/*", give)
    page.goto(ADDRESS)
    return page


@pytest.fixture
def without_scripts(chromium: Browser) -> Any:
    context = chromium.new_context(java_script_enabled=False)
    context.set_default_timeout(WAIT)
    yield context
    context.close()


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_nothing_wrong_and_nothing_overflows(chromium: Browser, colours: Any):
    context = chromium.new_context(color_scheme=colours, bypass_csp=True)
    for width in (360, 1280):
        for name, make in PAGES.items():
            page = opened(context, make())
            page.set_viewport_size({"width": width, "height": 800})
            page.evaluate(AXE)
            found = page.evaluate("async () => (await axe.run()).violations.map(each => each.id + ': ' + each.help)")
            assert found == [], (name, width, colours)
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, (name, width)
            page.close()
    context.close()


def test_topics_are_saved_by_keyboard_without_a_script(without_scripts: BrowserContext):
    posted: list[Request] = []
    page = opened(without_scripts, PAGES["preferences"](), posted=posted)
    box = page.get_by_role("checkbox", name="Events and webinars")
    assert not box.is_checked()
    assert page.get_by_role("checkbox", name="Product news").is_checked()
    box.focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Save").focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    (request,) = posted
    assert request.url == ADDRESS
    assert parse_qsl(request.post_data or "") == [
        ("topic", "product_news"), ("listed", "product_news"), ("topic", "events"), ("listed", "events"),
        ("listed", "long"), ("save", "topics"),
    ]  # fmt: skip


def test_one_press_stops_everything_without_a_script(without_scripts: BrowserContext):
    posted: list[Request] = []
    page = opened(without_scripts, PAGES["preferences"](), posted=posted)
    with page.expect_navigation():
        page.get_by_role("button", name="Stop all mails").click()
    (request,) = posted
    assert parse_qsl(request.post_data or "") == [("stop", "all")]


def test_a_page_asks_for_nothing_but_itself(without_scripts: BrowserContext, tmp_path: Path):
    asked: list[str] = []
    page = opened(without_scripts, PAGES["preferences"]())
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    page.screenshot(path=tmp_path / "page.png", full_page=True)
    assert [url for url in asked if not url.endswith("/favicon.ico")] == [ADDRESS]
    assert without_scripts.cookies() == []
