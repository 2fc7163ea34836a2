"""
The demo's act of reading: people open mails, follow a link, unsubscribe; a scanner follows whatever there is.

Then what the tracks did is printed, and counted once more from the mailboxes and the raw events: the two must agree.
"""

import re
import subprocess
import sys
from typing import Any

import requests

from infra.local.demo.commands import ripen
from infra.local.demo.deployed import TIMEOUT, Deployed
from infra.local.demo.posting import BROWSER
from infra.local.demo.recount import differences, recount, send_id_of
from infra.local.demo.story import Show
from infra.local.errors import LocalError
from infra.names import ROOT
from shared.instants import DAY, instant_text

Json = dict[str, Any]

READ = 60
"""Mails, the newest, to which something happens."""

BEFORE, AFTER = 40 * DAY, 120 * DAY
"""The report is of everything: from before the first event until after the last sweep."""

_LINK = re.compile(r"https?://[^\s\"'<>]+/([cdou])/[\w-]+")


def read_mails(show: Show) -> None:
    """Have something done with the newest mails, and wait until it was judged."""
    mails = [mail for mail in show.stage.mails() if send_id_of(mail)][-READ:]
    with show.doing(f"{len(mails)} mails read, followed, scanned and unsubscribed from"):
        for number, mail in enumerate(mails):
            touch(mail, number)
        show.stage.settle_down("judging who followed the links", seconds=120)


def touch(mail: Json, number: int) -> None:
    """Do with one mail what its turn says: of ten, three are opened, two clicked, one is scanned, one unsubscribed from."""
    found: dict[str, list[str]] = {}
    for link in _LINK.finditer(mail["html"]):
        found.setdefault(link[1], []).append(link[0])
    turn = number % 10
    if turn < 6:
        for pixel in found.get("o", ()):
            _get(pixel)
    if turn in (3, 4) and "c" in found:
        _get(found["c"][0])
    if turn == 5:  # what people cannot see, and everything else
        for link in (*found.get("d", ()), *found.get("c", ())):
            _get(link)
    if turn == 6 and "u" in found:
        _checked(requests.post(found["u"][0], data={"List-Unsubscribe": "One-Click"}, timeout=TIMEOUT))


def _get(link: str) -> None:
    _checked(requests.get(link, headers={"user-agent": BROWSER}, allow_redirects=False, timeout=TIMEOUT))


def _checked(answer: requests.Response) -> None:
    if answer.status_code >= requests.codes.bad_request:
        raise LocalError(f"a link of a mail was answered with {answer.status_code}")


def show_report(show: Show, now: int) -> None:
    """Print what the tracks did, and see that it is what the mailboxes and the raw events say."""
    show.console.print("What the tracks did: [bold]ripen report nurture[/]")
    dates = ("--from", instant_text(now - BEFORE), "--to", instant_text(now + AFTER))
    ripen(show.stage, "report", "nurture", *dates, "--stage", "local", console=show.console)
    figures = check_report(show.stage, now)
    show.console.print(f"  {figures} figures counted again from the mails and the raw events: all the same\n")


def check_report(stage: Deployed, now: int) -> int:
    """
    Compare the report with a recount. Returns how many figures were compared.

    Raises:
        LocalError: They differ; the message says where.
    """
    raw = recount(stage.mails(), stage.events(), stage.changes("TrackEnded"))
    wrong = differences(stage.nurture_report(now - BEFORE, now + AFTER), raw)
    if wrong:
        raise LocalError(f"the nurture report is not what the mails and events say: {'; '.join(wrong[:5])}")
    return len(raw)


def show_cost(show: Show) -> None:
    """Print what a nurture mail costs, part by part, as the benchmark counts it."""
    show.console.print("What a nurture mail costs, at list prices: [bold]python -m tests.benchmarks mailing[/]")
    command = [sys.executable, "-m", "tests.benchmarks", "mailing"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    if ran.returncode:
        raise LocalError(f"the benchmark ended with {ran.returncode}: {ran.stderr.strip()[-300:]}")
    show.console.print(ran.stdout.partition("\n\n")[2].rstrip() + "\n", markup=False)
