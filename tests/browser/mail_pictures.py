"""
Pictures of the mails for docs/images: the first mail of each track, by `python -m tests.browser.mail_pictures`.

On a desk in the light, but for one on a phone in the dark.
"""

import os
from pathlib import Path

from playwright.sync_api import sync_playwright

from cli.mail import sample
from shared.mail.letter import specimen
from shared.playbook import compile_playbook
from shared.rules.tracks import contents_of, tracks_of
from tests.browser.conftest import FLAGS, executable
from tests.source_tree import ROOT

FOLDER = ROOT / "docs" / "images"
DARK = "decision"
"""The track whose mail is shown on a phone, in the dark."""


def draw(folder: Path) -> list[Path]:
    """Write one picture a track, and return the files."""
    playbook = compile_playbook()
    lead, owner = sample()
    browser = executable()
    drawn = []
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=browser.path, env={**os.environ, **browser.environment}, args=FLAGS
        )
        for name, track in tracks_of(playbook).items():
            content = next(
                each
                for step in track.steps
                for each in contents_of(step)
                if playbook["contents"][each]["channel"] == "mail"
            )
            words = specimen(lead, content, playbook=playbook, unsubscribe_url="https://ripen.example/u", owner=owner)
            page = running.new_page(
                viewport={"width": 390 if name == DARK else 680, "height": 300},
                color_scheme="dark" if name == DARK else "light",
            )
            page.set_content(words.html)
            drawn.append(folder / f"mail-{name.replace('_', '-')}.png")
            page.screenshot(path=drawn[-1], full_page=True)
            page.close()
        running.close()
    return drawn


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file in draw(FOLDER):
        print(f"{file.relative_to(ROOT)}: {file.stat().st_size} bytes")
