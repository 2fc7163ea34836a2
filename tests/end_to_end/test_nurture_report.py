"""What the tracks did, as the report says it and as mailboxes and raw events do, on the deployed stage."""

import json
import re
import time
from email import message_from_bytes, policy

import pytest
import requests

from infra.local.demo import reading
from infra.local.demo.recount import counted, recount
from shared.instants import DAY, HOUR
from tests.end_to_end.conftest import Platform
from tests.end_to_end.test_the_whole_way import next_working_morning

pytestmark = pytest.mark.embedded

PEOPLE = 12
TURNS = (0, 7 * DAY + HOUR, 15 * DAY + 2 * HOUR)
"""Seconds after the first morning at which the next mail of the track is due."""


def test_the_report_equals_a_recount_of_mails_and_events(platform: Platform) -> None:
    now = int(time.time())
    for number in range(PEOPLE):
        traits = {"email": f"reader-{number}@reads.example", "first_name": f"Reader{number}", "consent": True}
        said = {"userId": f"reader-{number}", "traits": traits, "messageId": f"reader-{number}"}
        assert platform.post("/v1/identify", said).status_code == 200
    platform.settle_down("readers enrolled")
    morning = next_working_morning(now)
    for after in TURNS:
        platform.sweep("nurture_sweep", morning + after)
        platform.settle_down(f"mails of day {after // DAY}")
    mine = [mail for mail in platform.deployed.mails() if "@reads.example" in json.dumps(mail)]
    assert len(mine) >= 2 * PEOPLE
    for number, mail in enumerate(mine):
        reading.touch(mail, number)
        reading.touch(mail, number)
    platform.settle_down("touches judged")
    assert reading.check_report(platform.deployed, now) > 0
    found = counted(platform.deployed.nurture_report(now - reading.BEFORE, now + reading.AFTER))
    for what in ("sent", "opened by human", "clicked by human", "clicked by machine", "unsubscribed"):
        assert found["awareness", 1, what] > 0, found
    raw = recount(platform.deployed.mails()[1:], platform.deployed.events(), platform.deployed.changes("TrackEnded"))
    assert raw != found, "one mail less is another count"
    for mail in mine[:PEOPLE] + mine[-PEOPLE:]:
        as_received(platform, mail["id"])


def as_received(platform: Platform, number: int) -> None:
    """Hold a mail, as SMTP delivered it, against what mail programs ask of it, and follow each of its links."""
    raw = requests.get(f"{platform.outputs.inbox_url}/{number}/raw", timeout=30).content
    raw.decode("ascii")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    message = message_from_bytes(raw, policy=policy.default)
    parts = list(message.walk())
    assert [part.get_content_type() for part in parts] == ["multipart/alternative", "text/plain", "text/html"]
    assert not [defect for part in parts for defect in part.defects]
    assert message.get_all("List-Unsubscribe-Post") == ["List-Unsubscribe=One-Click"]
    (stop,) = message.get_all("List-Unsubscribe")
    text, html = (part.get_content() for part in parts[1:])
    words = f"{message['Subject']} {text} {html}"
    assert not re.search(r"\{\{|\{%|\[\[|undefined", words)
    links = {*re.findall(r'(?:href|src)="(http[^"]+)"', html), *re.findall(r"http\S+", text), stop.strip("<>")}
    assert {link.split("/")[3] for link in links} >= {"c", "d", "o", "u"}
    for link in links:
        answer = requests.get(link, allow_redirects=False, timeout=30)
        assert answer.status_code in (200, 302), (link, answer.status_code)
