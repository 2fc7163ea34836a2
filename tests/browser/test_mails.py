"""Every mail in a real browser, on a phone and on a desk, in the light and in the dark: all of it is seen and can be read."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from shared.mail.render import LONGEST_FIELD, render
from shared.playbook import MAILS
from shared.playbook_layout import whole_html
from shared.playbook_mails import SAMPLE, read_mails
from tests.browser.conftest import MODULES, WAIT

AXE = MODULES / "axe-core" / "axe.min.js"
WIDTHS = (360, 1280)
SCHEMES = ("light", "dark")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
NOT_OURS = {
    "page-has-heading-one": "a mail is a letter: its subject stands above it in every mail program",
    "landmark-one-main": "mail programs show a mail inside a page of theirs, which has the landmark",
    "region": "as above",
}
"""Rules about pages that do not fit mails, and why."""

DECOY = "https://ripen.example/d/decoy"
ALWAYS = {
    "sender_name": "Ripen", "postal_address": "Ripen AB, Sveavägen 1, 111 57 Stockholm, Sweden",
    "unsubscribe_url": "https://ripen.example/u/token",
}  # fmt: skip
MAILS_BY_NAME = {name: mail for name, mail in read_mails(MAILS).items() if "html" in mail}

LOOK = """() => {
    const width = document.documentElement.clientWidth;
    const seen = each => {
        const box = each.getBoundingClientRect();
        return box.width > 0 && box.height >= 14 && box.left >= 0 && box.right <= width + 1 && each.checkVisibility();
    };
    const all = [...document.querySelectorAll("body *")];
    const shown = all.filter(each => each.getBoundingClientRect().width > 0 && each.tagName !== "IMG");
    return {
        wide: document.documentElement.scrollWidth > width,
        out: shown.filter(each => { const box = each.getBoundingClientRect(); return box.left < -1 || box.right > width + 1; })
            .map(each => each.outerHTML.slice(0, 120)),
        links: [...document.querySelectorAll("a")].filter(each => !each.closest("[aria-hidden=true]"))
            .map(each => [each.getAttribute("href"), seen(each)]),
    };
}"""


@pytest.fixture(scope="module")
def page(chromium: Browser) -> Iterator[Page]:
    """One tab for all of them, without a network: what a mail loads, a reader may refuse."""
    context = chromium.new_context(offline=True)
    context.set_default_timeout(WAIT)
    tab = context.new_page()
    yield tab
    context.close()


def html_of(name: str, **known: str) -> str:
    """Return the mail with what it may name; the longest company there can be has no blank."""
    links = {link: f"https://ripen.example/c/{link}" for link in _links(MAILS_BY_NAME[name])}
    watched = {"open_url": "https://ripen.example/o/token", "decoy_url": DECOY}
    asked = {"confirm_url": "https://ripen.example/y/token"} if name == "confirm" else {**watched, **SAMPLE, **known}
    return render(MAILS_BY_NAME[name], {**ALWAYS, "links": links, **asked}).html


def _links(mail: Any) -> set[str]:
    return {part.split(" ")[0] for part in mail["html"].split("links.")[1:]}


def audited(page: Page, rules: Sequence[str] = ()) -> list[str]:
    """Return what axe finds wrong, with where: by every rule, or by those that are named."""
    what = {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": RULES}
    off = {} if rules else {rule: {"enabled": False} for rule in NOT_OURS}
    found: list[str] = page.evaluate(
        """([runOnly, rules]) => axe.run(document, {runOnly, rules, resultTypes: ["violations"]}).then(({violations}) => violations.map(each =>
            `${each.id}: ${each.help}: ${each.nodes.map(node => `${node.html.slice(0, 150)} ${node.failureSummary}`).join(" | ")}`))""",
        [what, off],
    )
    return found


def shown_as(page: Page, width: int, scheme: Any) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)


@pytest.mark.parametrize("name", MAILS_BY_NAME)
def test_a_mail_is_seen_whole_and_can_be_read_by_everybody(name: str, page: Page):
    page.set_content(html_of(name, company="W" * LONGEST_FIELD))
    page.add_script_tag(path=AXE)
    for scheme in SCHEMES:
        for width in WIDTHS:
            shown_as(page, width, scheme)
            look = page.evaluate(LOOK)
            assert not look["wide"], (name, width)
            assert look["out"] == [], (name, width)
            assert [href for href, seen in look["links"] if not seen] == [], (name, width, scheme)
            assert len(look["links"]) >= 2, "a button and the way out"
        # Of what axe looks at, the dark changes the colours alone, and the width nothing.
        assert audited(page, () if scheme == "light" else ["color-contrast"]) == [], (name, scheme)


def test_all_that_a_body_may_have_is_seen_and_can_be_read(page: Page):
    layout = (MAILS / "_layout.mjml").read_text("utf-8")
    everything = """<h2>A heading</h2><p>Words, <strong>strong</strong>, <em>other</em> and <a href="{{ links.guide }}">a
        link</a>.<br>A line.</p><ul><li>one</li><li>two</li></ul><h2>Another</h2><ol><li>first</li></ol>"""
    template = {"subject": "s", "preheader": "p", "text": "t", "html": whole_html(layout, everything, "Because.")}
    page.set_content(render(template, {**ALWAYS, "links": {"guide": "https://ripen.example/c/guide"}}).html)
    page.add_script_tag(path=AXE)
    for scheme in SCHEMES:
        shown_as(page, 360, scheme)
        assert not page.evaluate(LOOK)["wide"]
        assert audited(page) == [], scheme


def test_the_dark_is_dark_and_the_light_is_light(page: Page):
    page.set_content(html_of("awareness-1"))
    colours = {}
    for scheme in SCHEMES:
        shown_as(page, 360, scheme)
        colours[scheme] = page.evaluate(
            """() => [".card", ".words > div", ".words a, .button a", ".page"].map(each => {
                const style = getComputedStyle(document.querySelector(each)); return style.backgroundColor + style.color; })"""
        )
    assert all(light != dark for light, dark in zip(colours["light"], colours["dark"], strict=True))


def test_bad_contrast_would_be_found(page: Page):
    page.set_content(html_of("awareness-1").replace("color:#1f2430", "color:#bbbbbb"))
    page.add_script_tag(path=AXE)
    shown_as(page, 360, "light")
    assert any(each.startswith("color-contrast") for each in audited(page))


def test_nobody_sees_hears_or_tabs_to_the_decoy(page: Page):
    page.set_content(html_of("awareness-1"))
    shown_as(page, 1280, "light")
    decoy = page.locator(f'a[href="{DECOY}"]')
    assert decoy.count() == 1
    assert not decoy.is_visible()
    assert DECOY not in page.locator("body").aria_snapshot()
    reached = []
    for _ in range(page.locator("a").count() + 2):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("() => document.activeElement.getAttribute('href')"))
    assert "https://ripen.example/u/token" in reached
    assert DECOY not in reached


def test_without_its_style_sheet_a_mail_can_still_be_read_and_the_decoy_is_still_hidden(page: Page):
    """Some mail programs drop everything in the head."""
    page.set_content(html_of("awareness-1"))
    page.evaluate("() => document.querySelectorAll('style').forEach(each => each.remove())")
    page.add_script_tag(path=AXE)
    shown_as(page, 360, "light")
    assert not page.locator(f'a[href="{DECOY}"]').is_visible()
    assert not page.evaluate(LOOK)["wide"]
    assert audited(page) == []
