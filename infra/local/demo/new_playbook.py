"""The demo's act of reviewing: sales and marketing agree anew, and nobody is called or mailed for that alone."""

import json
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from infra.local.demo import tables
from infra.local.demo.audience import SITE, Call
from infra.local.demo.commands import ripen
from infra.local.demo.deployed import PAGE, Deployed, Json
from infra.local.demo.people import Person
from infra.local.demo.posting import post_all
from infra.local.demo.story import Show, heard
from infra.local.errors import LocalError
from infra.names import ROOT
from shared.instants import instant_text

DEFAULT = ROOT / "shared" / "playbooks" / "default.yaml"
NAME = "reviewed"

LEADERS = "where: {seniority: [founder, c_level, vp, director, head]}\n      points: "
NEXT_RULE = "    - id: blog_page\n"
NEW_RULE = """\
    - id: product_interest
      label: Has looked at the product
      on: Page Viewed
      where: {properties: {path: [{prefix: /product}]}}
      points: 5
      counts: {once: true}
"""
EDITS = (
    ("name: default\n", f"name: {NAME}\n"),
    (f"{LEADERS}20\n", f"{LEADERS}25\n"),
    (NEXT_RULE, NEW_RULE + NEXT_RULE),
    ("{score_at_least: 75}", "{score_at_least: 65}"),
    ("mql: 75 points", "mql: 65 points"),
)
"""What the review changes: a leader is worth more, a new rule, and the least points that qualify."""

REVIEWER = "Helena Novak"
EXCUSED = ("Priya Nair", "Was ill that day, asked for the recording", 5)
"""By whom, why and how many points the demo gives by hand."""

MOST_WORDS = 60
"""Characters of a changed value that are shown."""

SHOWN = 5
"""Leads of a list that are shown."""


def changed_playbook(folder: Path) -> Path:
    """
    Write the default playbook with the review's changes into the folder.

    Raises:
        LocalError: The default playbook no longer says what the review changes.
    """
    text = DEFAULT.read_text(encoding="utf-8")
    for old, new in EDITS:
        if text.count(old) != 1:
            raise LocalError(f"{DEFAULT.name} says {old.strip()!r} {text.count(old)} times; the demo changes it once")
        text = text.replace(old, new)
    path = folder / f"{NAME}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def adjust_by_hand(show: Show, as_of: int) -> None:
    """Give points to somebody who missed a webinar, and show them in the score and the miss in the history."""
    stage = show.stage
    by, reason, points = EXCUSED
    with show.doing("points given by hand"):
        person, lead_id = _no_show(show, as_of)
        ripen(stage, "lead", "adjust", lead_id, "--points", str(points), "--reason", reason, "--by", by)
        stage.settle_down("points given by hand", seconds=60)
        lead = stage.lead(lead_id, as_of)
        changes = stage.history(lead_id)
    lines = [line for line in lead["score"]["lines"] if line["kind"] == "adjustment"]
    if [line["points"] for line in lines] != [points]:
        raise LocalError(f"{points} points given to {lead_id} became the lines {lines}")
    title = f"{person.first_name} {person.last_name}, excused by {by}"
    show.console.print(tables.explanation_table(lead, title))
    show.console.print(tables.history_table(changes, f"What was settled of {person.first_name}, and when"))


def _no_show(show: Show, as_of: int) -> tuple[Person, str]:
    """Return somebody for whom a missed webinar is in the history as a trigger."""
    calls = [call for call in show.audience.calls if call.name.startswith("Webinar ")]
    came = {call.anonymous_id for call in calls if call.name == "Webinar Attended"}
    missed = {call.anonymous_id for call in calls} - came
    for person in show.audience.people:
        if person.anonymous_id in missed:
            lead_id = show.stage.look_up(person.email, as_of)["lead_id"]
            if any(change["type"] == "RuleTriggered" for change in show.stage.history(lead_id)):
                return person, lead_id
    raise LocalError(f"of {len(missed)} people who missed a webinar none has that in its history")


def change_the_playbook(show: Show, as_of: int) -> None:
    """
    Compare a new playbook with the one in force, publish it, and see that a lead is announced by its own event alone.

    Raises:
        LocalError: Somebody was alerted or mailed by publishing, or not exactly once after it.
    """
    stage, console = show.stage, show.console
    path = changed_playbook(stage.folder)
    with show.doing("ripen playbook diff current NEW"):
        asked = ("playbook", "diff", "current", str(path), "--stage", "local", "--json", *_at(as_of))
        said = json.loads(ripen(stage, *asked), parse_float=Decimal)
    for change in said["changes"]:
        console.print(f"  {_in_short(change)}", markup=False)
    console.print(tables.matrix_table(said["bands"]))
    console.print(tables.movers_table(said["biggest"][:SHOWN]))
    console.print(
        f"  {said['leads']} leads compared: {len(said['moves'])} change band, {len(said['new_mqls'])} become MQL, "
        f"{len(said['lost_mqls'])} are no longer\n"
    )
    before = heard(stage)
    _publish(show, path, as_of)
    after = heard(stage)
    if after != before:
        raise LocalError(f"messages in Slack and mails were {before} before publishing and are {after}")
    console.print(
        f"  {before[0]} messages in Slack and {before[1]} mails before it, {after[0]} and {after[1]} after it\n"
    )
    promoted = _promoted(stage, {each["lead_id"] for each in said["new_mqls"]}, as_of)
    console.print(tables.promoted_table(promoted[:SHOWN], f"{len(promoted)} leads qualified, and nobody was told"))
    _one_acts(show, promoted, {each["lead_id"]: each["who"] for each in said["new_mqls"]})


def _in_short(change: Json) -> str:
    """Return a difference of two playbooks in one line: of long values only that they differ."""
    values = ", ".join(f"{value['field']} {value['old']} -> {value['new']}".strip() for value in change["values"])
    named = f"{change['change']} {change['part']} {change['label'] or change['name']}"
    return f"{named}: {values}" if change["change"] == "changed" and len(values) < MOST_WORDS else named


def _publish(show: Show, path: Path, as_of: int) -> None:
    """Publish; the command itself shows how far it is."""
    began = time.monotonic()
    asked = ("playbook", "publish", str(path), "--by", REVIEWER, "--stage", "local", *_at(as_of))
    ripen(show.stage, *asked, console=show.console)
    show.stage.settle_down("publishing a playbook", seconds=60)
    show.console.print(f"[green]✓[/] ripen playbook publish NEW [dim]{time.monotonic() - began:.1f} s[/]")


def _at(instant: int) -> tuple[str, str]:
    return "--as-of", instant_text(instant)


def _promoted(stage: Deployed, expected: set[str], as_of: int) -> list[Json]:
    """Return the leads that the comparison named, as they stand now."""
    leads = [lead for lead in stage.ranking(as_of, limit=PAGE) if lead["lead_id"] in expected]
    silent = [lead for lead in leads if lead["settled"]["stage"] == "mql" and lead["settled"]["unannounced"]]
    if not expected or len(silent) != len(expected):
        raise LocalError(f"{len(expected)} leads would qualify, {len(silent)} did in silence")
    return silent


def _one_acts(show: Show, promoted: Sequence[Json], addresses: Mapping[str, str]) -> None:
    """Have one of the promoted leads look at a page, twice the same call, and show the one alert that comes of it."""
    stage = show.stage
    lead = min(promoted, key=lambda each: (each["settled"]["qualification"], -each["score"]["total"], each["lead_id"]))
    (person,) = (each for each in show.audience.people if each.email == addresses[lead["lead_id"]])
    before = heard(stage)
    call = Call(
        kind="page",
        message_id="demo-after-the-review",
        at=int(time.time()),
        name="/blog",
        said={"path": "/blog", "url": f"{SITE}/blog", "title": "Blog"},
        user_id=person.user_id,
        anonymous_id=person.anonymous_id,
    )
    with show.doing(f"{person.first_name} {person.last_name} reads a page; the same call comes twice"):
        for _ in range(2):
            post_all([call], stage.outputs)
            stage.settle_down("one page read", seconds=60)
            told = [message for message in stage.slack()[before[0] :] if "thread_ts" not in message]
            if len(told) != 1:
                raise LocalError(f"{person.email} acted after the review: {len(told)} alerts instead of one")
    show.console.print(tables.alerts_table(told))
