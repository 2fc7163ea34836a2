"""
A real browser for tests: headless Chromium, driven by Playwright.

One rule where it comes from: on 64-bit Intel Linux the one of the npm package that `make test` installs, which brings
its own libraries and is the same everywhere; on other machines the first Chromium or Chrome on PATH. No browser is a
failure, never a skip. Tests that also need the deployed stage live in tests/end_to_end and import these fixtures.
"""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

MODULES = Path(__file__).parent / "node_modules"
UNPACKED = MODULES / ".chromium"
ON_PATH = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",  # as root, in containers
    "--no-zygote",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-blink-features=AutomationControlled",  # else navigator.webdriver tells that a program is at the wheel
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-first-run",
    "--no-pings",
)
PERSON = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"
"""What the browser says it is, by its version; what says HeadlessChrome is taken for a machine."""

WAIT = 15_000
"""Milliseconds a page may take over anything; two busy cores are slow."""


@dataclass(frozen=True)
class Executable:
    """A browser that can be started, and what its environment must say besides."""

    path: Path
    environment: dict[str, str] = field(default_factory=dict)


def executable() -> Executable:
    """Return the browser of this machine by the rule above."""
    if sys.platform == "linux" and platform.machine() == "x86_64":
        path = UNPACKED / "chromium"
        assert path.is_file(), f"{path} is missing: run `make test` once, which installs the packages of tests/browser"
        libraries = {"LD_LIBRARY_PATH": str(UNPACKED / "al2023" / "lib"), "FONTCONFIG_PATH": str(UNPACKED / "fonts")}
        return Executable(path, libraries)
    for name in ON_PATH:
        if found := shutil.which(name):
            return Executable(Path(found))
    return pytest.fail(f"no browser: install Chromium or Chrome, so that one of {', '.join(ON_PATH)} is on PATH")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A running browser. Of one test file: Playwright keeps an event loop running, which others must not meet."""
    browser = executable()
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=browser.path, env={**os.environ, **browser.environment}, args=FLAGS
        )
        yield running
        running.close()


@pytest.fixture
def visitor(chromium: Browser) -> Iterator[BrowserContext]:
    """A person with a browser never used before: no cookies, no storage, no cache, and no word of being headless."""
    context = chromium.new_context(user_agent=PERSON.format(chromium.version.partition(".")[0]))
    context.set_default_timeout(WAIT)
    yield context
    context.close()


@pytest.fixture
def browser_page(visitor: BrowserContext) -> Iterator[Page]:
    """A tab of a fresh visitor; the test fails on what the page throws and nobody caught."""
    page = visitor.new_page()
    thrown: list[str] = []
    page.on("pageerror", lambda error: thrown.append(str(error)))
    yield page
    assert thrown == []
