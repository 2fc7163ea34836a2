"""
The demo's act for everybody outside: a site, a file of a CRM, a webhook, and a person who wants to be forgotten.

It comes last: what it sends is sent at the real time, whatever day the sweeps before it stood at.
"""

import base64
import csv
import gzip
import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import requests

from infra.local.demo import tables
from infra.local.demo.audience import SITE, Call
from infra.local.demo.commands import ripen
from infra.local.demo.deployed import TIMEOUT, Json
from infra.local.demo.people import Person
from infra.local.demo.posting import post_all
from infra.local.demo.story import Show, heard
from infra.local.errors import LocalError
from shared import table
from shared.instants import DAY, instant_text

COLUMNS = (
    "Email", "First name", "Last name", "Job title", "Company", "Industry", "Employees", "Country", "Created at", "Notes",
)  # fmt: skip
CUSTOMERS = (
    ("elsa.holm@birkafrakt.example", "Elsa", "Holm", "Director of Operations", "Birka Frakt", "Logistics", 800, "SE", 260, "fair"),
    ("noah.brandt@ostwerk.example", "Noah", "Brandt", "VP Sales", "Ostwerk", "Manufacturing", 1500, "DE", 215, ""),
    ("ruth.osei@pennant.example", "Ruth", "Osei", "Account Executive", "Pennant", "Software", 120, "GB", 197, "called twice"),
    ("tom.vries@kade.example", "Tom", "de Vries", "Head of Growth", "Kade", "Retail", 240, "NL", 150, ""),
    ("ida.moe@fjordbok.example", "Ida", "Moe", "Office Manager", "Fjordbok", "Publishing", 15, "NO", 112, ""),
)  # fmt: skip
"""What a CRM exports, notes that nobody asked for among it. When they were entered is days ago here, and a date in the file."""

ZONE = "Europe/Stockholm"
"""Whose days the dates of the file are: it does not say."""

WON = {"value": 48_000, "currency": "EUR"}
LABEL = "local"
"""Whose secret the webhook is signed with: the one that the outputs of the local stage hold."""

ASKED = ("asked by mail", "helena")
"""Why, and by whom, the demo erases somebody."""

STAYS = ("the marker that keeps away what comes late", "the change that told the bus")
"""What of an erased lead still has its id."""


def show_the_site(show: Show) -> None:
    """See that the demonstration site and our tracker are served, and say where."""
    site, tracker = (f"{show.stage.outputs.api_url}{path}" for path in ("/site/", "/ripen.js"))
    answers = {address: requests.get(address, timeout=TIMEOUT) for address in (site, tracker)}
    for address, answer in answers.items():
        if answer.status_code != requests.codes.ok:
            raise LocalError(f"{address} answered {answer.status_code}")
    size = len(gzip.compress(answers[tracker].content, mtime=0))
    show.console.print(
        f"A site with our tracker ({size:,} bytes, no cookies) and a form is at [bold]{site}[/]\n"
        "  say yes, read the prices for two minutes, ask for a demo: the pages count for the lead that the form makes\n",
        soft_wrap=True,
    )


def import_customers(show: Show) -> None:
    """
    Import a file of a CRM by the command, and see that everybody is a lead and nobody was alerted, enrolled or mailed.

    Raises:
        LocalError: Somebody is missing, or was told.
    """
    stage = show.stage
    path = customers_file(stage.folder, int(time.time()))
    before = heard(stage)
    with show.doing(f"ripen import {path.name}"):
        ripen(stage, "import", str(path), "--zone", ZONE, "--stage", "local")
        stage.settle_down("an import", seconds=60)
        leads = [stage.look_up(email, int(time.time())) for email, *_ in CUSTOMERS]
    after = heard(stage)
    enrolled = [lead["lead_id"] for lead in leads if lead["enrollments"]]
    if after != before or enrolled:
        raise LocalError(f"messages and mails were {before} before an import and are {after}; enrolled are {enrolled}")
    show.console.print(tables.imported_table(leads))
    show.console.print(
        f"  {len(leads)} people as history: nobody was alerted, enrolled or mailed; the notes, which nobody asked for, stayed\n"
    )


def customers_file(folder: Path, now: int) -> Path:
    """Write the file, as exported at that instant."""
    path = folder / "customers.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for *person, days, notes in CUSTOMERS:
            rows.writerow([*person, instant_text(now - int(days) * DAY)[:10], notes])
    return path


def tell_an_outcome(show: Show) -> None:
    """
    Have a CRM say by a signed webhook, sent twice, that a lead was won; and see that nobody else can say so.

    Raises:
        LocalError: It was refused, counted twice or never, or believed without the right signature.
    """
    stage = show.stage
    with show.doing(
        "a CRM says by a signed webhook that a lead was won; it comes twice, and once with a false signature"
    ):
        lead_id = _being_called(show)
        body = json.dumps({"type": "won", "leadId": lead_id, **WON}).encode()
        sent_at = int(time.time())
        headers = signed_headers(body, name=f"demo-{lead_id}", sent_at=sent_at, secret=stage.outputs.webhook_secret)
        answers = [_posted(show, body, headers) for _ in range(2)]
        forged = _posted(show, body.replace(b"48000", b"99000"), headers)
        if answers != [requests.codes.ok] * 2 or forged != requests.codes.unauthorized:
            raise LocalError(f"the webhook was answered {answers}, the forged one {forged}")
        stage.settle_down("an outcome", seconds=60)
        lead = stage.lead(lead_id, int(time.time()))
    told = [event["name"] for event in lead["recent"]].count("Lead Won")
    if (told, lead["settled"]["stage"]) != (1, "customer"):
        raise LocalError(f"{lead_id} was won once and has that {told} times; its stage is {lead['settled']['stage']}")
    who, company = tables.said_of(lead, "first_name", "last_name"), tables.said_of(lead, "company")
    show.console.print(f"  {who}, {company}, is a customer now; the false signature was refused\n", markup=False)


def _being_called(show: Show) -> str:
    """Return a lead that sales has accepted."""
    for message in show.stage.slack():
        lead_id = lead_told_of(message)
        if lead_id and show.stage.lead(lead_id, int(time.time()))["settled"]["stage"] == "sql":
            return lead_id
    raise LocalError("of the leads that sales was told of none is being called")


def lead_told_of(message: Json) -> str | None:
    """Return the id of the lead that a message hands over; None of any other message."""
    blocks: Sequence[Mapping[str, str]] = message.get("blocks") or [{}]
    kind, _, reference = blocks[0].get("block_id", "").partition("#")
    return reference.partition("#")[0] if kind == "handoff" else None


def signed_headers(body: bytes, *, name: str, sent_at: int, secret: str) -> dict[str, str]:
    """Return the headers of a webhook as Standard Webhooks has them."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{name}.{sent_at}.".encode() + body, hashlib.sha256).digest()
    return {
        "content-type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": str(sent_at),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def _posted(show: Show, body: bytes, headers: dict[str, str]) -> int:
    address = f"{show.stage.outputs.api_url}/v1/outcomes?label={LABEL}"
    return requests.post(address, data=body, headers=headers, timeout=TIMEOUT).status_code


def erase_somebody(show: Show) -> None:
    """
    Erase somebody of whom sales was told, see that nothing is left, and that what comes late stays away.

    Raises:
        LocalError: Something is left, or they came back.
    """
    stage = show.stage
    person = _alone_with_a_device(show)
    lead_id = str(stage.look_up(person.email, int(time.time()))["lead_id"])
    marks = (person.email, person.user_id, person.anonymous_id, lead_id)
    why, by = ASKED
    with show.doing(f"ripen lead erase --email {person.email}"):
        before = (stage.held(marks), _in_slack(show, person))
        said = ripen(stage, "lead", "erase", "--email", person.email, "--reason", why, "--by", by, "--yes")
        proof = json.loads(said[said.index("{") :])
        stage.settle_down("an erasure", seconds=60)
    with show.doing("an event of theirs that comes late"):
        post_all([_late(person)], stage.outputs)
        stage.settle_down("a late event", seconds=60)
        after = (stage.held(marks), _in_slack(show, person))
    if not set(after[0]) <= {table.LEAD_SK, "CHANGE"} or after[0].total() > len(STAYS) or after[1]:
        raise LocalError(f"{lead_id} was erased, but of {before} is left {after}")
    if stage.is_known(person.email):
        raise LocalError(f"{lead_id} was erased and came back")
    show.console.print(tables.erased_table(before, after, f"What there is of {person.first_name} {person.last_name}"))
    counts = ", ".join(f"{what} {count}" for what, count in proof["counts"].items())
    show.console.print(f"  the proof, erasure {proof['erasure']}: {counts}", markup=False, soft_wrap=True)
    show.console.print(f"  what stays for 35 days: {' and '.join(STAYS)}\n", markup=False)


def _alone_with_a_device(show: Show) -> Person:
    """Return somebody who asked for a demo, is no customer, and whose browser nobody else uses."""
    used, now = [person.anonymous_id for person in show.audience.people], int(time.time())
    for person in show.audience.who("asks_for_demo"):
        customer = show.stage.look_up(person.email, now)["settled"]["stage"] == "customer"
        if not customer and used.count(person.anonymous_id) == 1:
            return person
    raise LocalError("everybody who asked for a demo is a customer or shares a browser")


def _in_slack(show: Show, person: Person) -> int:
    """Return how many messages in Slack name the person."""
    name = f"{person.first_name} {person.last_name}"
    return sum(name in json.dumps(message, ensure_ascii=False) for message in show.stage.slack())


def _late(person: Person) -> Call:
    return Call(
        kind="page",
        message_id="demo-after-the-erasure",
        at=int(time.time()),
        name="/pricing",
        said={"path": "/pricing", "url": f"{SITE}/pricing", "title": "Prices"},
        user_id=person.user_id,
        anonymous_id=person.anonymous_id,
    )
