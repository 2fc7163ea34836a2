"""The handoff message and its dialogs as a rep sees them on the Slack page: all of it, on a phone too, and nothing else."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from shared.messages.slack_dialog import DIALOGS, dialog
from shared.messages.slack_message import handoff_message
from tests.infra.companion_stand import Stand, running_companion
from tests.messages.test_handoff_messages import AT, HANDOFF, POLICY, event, facts, lead

HOSTILE = "<img src=x onerror=alert(1)> <!channel> *Anna* " + "W" * 200
WIDTHS = (360, 1280)


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with running_companion(tmp_path_factory.mktemp("slack-page")) as running:
        yield running


def shown(stand: Stand, page: Page, width: int, name: str = "Anna", channel: str = "#sales-alerts") -> None:
    """Open the page of a channel that has one handoff message about somebody of this name."""
    stand.companion.workspace.clear()
    handoff = replace(HANDOFF, note=name, routed="round robin: Maria Lindqvist has 2 of 8 today", state="accepted",
                      decided_by="maria", decided_at=AT)  # fmt: skip
    known = lead(first_name=name, company=name, title=name)
    message = handoff_message(
        facts(handoff, known, event("Page Viewed", name=name), event("Asset Downloaded", asset=name))
    )
    posted = stand.companion.workspace.post(channel, {"text": message.text, "blocks": message.blocks})
    assert posted["ts"]
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{stand.url}/slack?channel={channel.replace('#', '%23')}")


def overflows(page: Page) -> list[str]:
    """Return what does not fit the width of the page."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("main *")].filter(each => {
            const box = each.getBoundingClientRect();
            return box.width > 0 && (box.left < -1 || box.right > document.documentElement.clientWidth + 1);
        }).map(each => each.outerHTML.slice(0, 120))"""
    )
    return found


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["Anna", HOSTILE], ids=["plain", "hostile"])
def test_all_of_the_message_is_seen(name: str, width: int, stand: Stand, browser_page: Page):
    shown(stand, browser_page, width, name)
    assert overflows(browser_page) == []
    text = browser_page.inner_text("article.message")
    for part in (
        "Why now",
        "Score",
        "Last actions",
        "Has of ours already",
        "So far",
        "Contact by Mon 5 Jan 2026 10:30 CET",
    ):
        assert part in text
    assert browser_page.locator("article.message img").count() == 0


@pytest.mark.parametrize("width", WIDTHS)
def test_every_button_and_menu_has_a_name(width: int, stand: Stand, browser_page: Page):
    shown(stand, browser_page, width)
    buttons = browser_page.locator("article.message").get_by_role("button")
    names = [buttons.nth(number).inner_text() for number in range(buttons.count())]
    assert names == ["Log a call", "Won", "Lost", "Reject…", "Choose"]
    assert browser_page.get_by_role("combobox", name="More").count() == 1
    options = browser_page.get_by_role("combobox", name="More").locator("option").all_inner_texts()
    assert options == ["More", "Log a mail", "Log a meeting", "Put off…", "Pass on…", "Make an opportunity…"]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", DIALOGS)
def test_a_dialog_is_a_form_with_labels(kind: Any, width: int, stand: Stand, browser_page: Page):
    workspace = stand.companion.workspace
    options = [(reason.code, reason.text) for reason in POLICY.reject_reasons]
    view = workspace.open_view(workspace.new_trigger(), dialog(kind, "l1#1", options))
    assert isinstance(view, dict)
    browser_page.set_viewport_size({"width": width, "height": 900})
    browser_page.goto(f"{stand.url}/slack/view/{view['id']}?channel=C0")
    assert overflows(browser_page) == []
    label = view["blocks"][0]["label"]["text"]
    assert browser_page.get_by_label(label, exact=True).count() == 1
    assert browser_page.get_by_label("Note").count() == 1
    assert browser_page.get_by_role("button", name="Save").count() == 1


def test_a_direct_message_has_a_place_of_its_own(stand: Stand, browser_page: Page):
    channel = stand.companion.workspace.open_direct("U0MARIA")
    shown(stand, browser_page, 1280, channel=channel)
    assert browser_page.inner_text("h1").startswith("@Maria")


def test_the_pages_run_nothing(stand: Stand, visitor: BrowserContext, tmp_path: Path):
    page = visitor.new_page()
    said: list[str] = []
    page.on("dialog", lambda box: (said.append(box.message), box.dismiss()))
    shown(stand, page, 1280, HOSTILE)
    page.screenshot(path=tmp_path / "page.png", full_page=True)
    assert said == []
