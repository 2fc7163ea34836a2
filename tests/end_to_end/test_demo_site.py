"""The demonstration site in headless Chromium against the deployed stage: who a visitor was counts for the lead."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser.conftest import chromium, visitor  # noqa: F401 - fixtures
from tests.end_to_end.conftest import Platform, eventually

pytestmark = pytest.mark.embedded

MINUTE = 60_000


@pytest.fixture
def page(visitor: BrowserContext) -> Iterator[Page]:  # noqa: F811 - the fixture
    opened = visitor.new_page()
    opened.clock.install()
    thrown: list[str] = []
    opened.on("pageerror", lambda error: thrown.append(str(error)))
    opened.on("console", lambda said: thrown.append(said.text) if said.type in ("error", "warning") else None)
    yield opened
    assert thrown == []


def visit(page: Page, platform: Platform, path: str) -> None:
    page.goto(f"{platform.outputs.api_url}/site/{path}")
    page.wait_for_function("window.ripen && ripen.runs")


def read(page: Page, minutes: float) -> None:
    """Let so much time pass in the page, a hand on the mouse all the while."""
    for step in range(int(minutes * 2)):
        page.mouse.move(100 + step, 200)
        page.mouse.move(200 + step, 300)
        page.clock.run_for(MINUTE // 2)


def ask_for_a_demo(page: Page, email: str) -> None:
    page.fill("[name=first_name]", "Maria")
    page.fill("[name=email]", email)
    page.fill("[name=company]", "Halden")
    page.select_option("[name=company_size]", "201-500")
    page.fill("[name=title]", "Director of Operations")
    page.clock.run_for(5_000)  # nobody is that quick by hand
    page.click("form button")
    page.wait_for_url("**/site/thanks")
    page.goto("about:blank")


def lines(lead: dict[str, Any]) -> dict[str, tuple[float, int]]:
    return {each["rule"]: (each["points"], each["facts"]) for each in lead["score"]["lines"]}


def told(lead: dict[str, Any]) -> Counter[str]:
    """Return how often each event came; how far Playwright scrolls to what it clicks is its business."""
    return Counter(each["name"] for each in lead["recent"] if each["name"] != "Page Scrolled")


def whole(platform: Platform, email: str, events: int) -> dict[str, Any]:
    """Return the lead when it has that many events and nothing is under way any more."""
    eventually(lambda: told({"recent": []} | platform.look_up(email)).total() >= events, f"{events} events of {email}")
    platform.settle_down(email)
    return platform.look_up(email)


def test_anonymous_pages_count_for_the_lead_that_the_form_makes(platform, page):
    email = "maria@site.example"
    visit(page, platform, "?utm_source=newsletter&utm_medium=referral&utm_campaign=spring")
    page.click("#yes")
    visit(page, platform, "pricing")
    read(page, 2.5)
    visit(page, platform, "guides")
    with page.expect_download():
        page.click("[data-asset]")
    visit(page, platform, "demo")
    ask_for_a_demo(page, email)
    lead = whole(platform, email, 9)
    assert told(lead) == {
        "Page Viewed": 5,
        "Page Read": 2,
        "Asset Downloaded": 1,
        "Form Submitted": 1,
    }
    assert lines(lead) == {
        "pricing_page": (20, 1),
        "pricing_read": (10, 1),
        "buying_guide": (20, 1),
        "demo_form": (40, 1),
        "title_leads": (20, 0),
        "company_size": (10, 0),
        "recommended": (5, 0),
    }


def test_without_consent_only_the_page_of_the_form_counts(platform, page):
    email = "nora@site.example"
    visit(page, platform, "pricing")
    read(page, 2.5)
    visit(page, platform, "demo")
    read(page, 0.5)
    ask_for_a_demo(page, email)
    lead = whole(platform, email, 3)
    assert told(lead) == {"Page Viewed": 1, "Page Read": 1, "Form Submitted": 1}
    assert set(lines(lead)) == {"demo_form", "title_leads", "company_size"}


def test_who_refuses_is_known_by_the_form_alone(platform, page):
    email = "olaf@site.example"
    visit(page, platform, "pricing")
    page.click("#no")
    read(page, 2.5)
    visit(page, platform, "demo")
    ask_for_a_demo(page, email)
    lead = whole(platform, email, 1)
    assert told(lead) == {"Form Submitted": 1}
    assert [each.partition("#")[0] for each in lead["identities"]] == ["email"]


def test_the_pages_of_a_driven_browser_are_told_and_earn_nothing(platform, page):
    email = "petra@site.example"
    page.add_init_script("Object.defineProperty(Navigator.prototype, 'webdriver', {get: () => true})")
    visit(page, platform, "pricing")
    page.click("#yes")
    visit(page, platform, "demo")
    ask_for_a_demo(page, email)
    lead = whole(platform, email, 4)
    assert told(lead) == {"Page Viewed": 3, "Form Submitted": 1}
    assert {each["verdict"] for each in lead["recent"] if each["name"] == "Page Viewed"} == {"machine"}
    assert "pricing_page" not in lines(lead)
