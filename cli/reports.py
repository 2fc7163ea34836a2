"""`ripen report`: how sales does with the leads it is given, and the monthly review of what it rejected."""

import argparse
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.leads import ask, print_json
from cli.stage import Stage
from cli.sweeps import tick
from shared.aws import deployments
from shared.instants import DAY, HOUR, MINUTE, instant_text

CLOCKS = {"contact": "Contact", "decide": "Decision", "follow_up": "Follow-up"}

DIGEST = "digest"
"""The function that writes the review."""


def sla(asked: argparse.Namespace, console: Console) -> None:
    """Print how fast and how reliably handoffs were worked, and what came of them."""
    query = {name: said for name, said in (("from", asked.since), ("to", asked.until), ("by", asked.by)) if said}
    report = ask(asked, "/v1/reports/sla", query=query)
    if asked.json:
        print_json(report, console)
        return
    total = report["total"]
    console.print(f"[bold]Handoffs made from {report['from']} to {report['to']}[/], as of {report['as_of']}")
    if not total["handoffs"]:
        console.print("None. Handoffs made before Ripen kept their week are in no report.")
        return
    for by, groups in report["by"].items():
        console.print(_figures(by, groups, total))
    _rejections(report["rejections"], console)
    _open(report["open"], console)


def digest(asked: argparse.Namespace, console: Console) -> None:
    """Have the review of the month before the instant written and sent to operations, and print it."""
    at = instant_text(int(time.time()) if asked.at is None else asked.at)
    answer = deployments.run_function(Stage(asked.stage).function(DIGEST), tick(DIGEST, at))
    console.print(escape(str(answer["text"])))


def _figures(by: str, groups: Sequence[Mapping[str, Any]], total: Mapping[str, Any]) -> Table:
    clocks = [name for name in CLOCKS if name in total["clocks"]]
    table = Table(show_footer=True, title=f"By {by}", title_justify="left")
    table.add_column(by.capitalize(), footer="All")
    for name, cell in _cells(total, clocks):
        table.add_column(name, justify="right", footer=cell)
    for group in groups:
        table.add_row(escape(str(group[by])), *(cell for _, cell in _cells(group, clocks)))
    return table


def _cells(figures: Mapping[str, Any], clocks: Sequence[str]) -> list[tuple[str, str]]:
    contact = figures["first_contact"]
    return [
        ("Handoffs", str(figures["handoffs"])),
        ("Open", str(figures["open"])),
        ("Accepted", _rate(figures["accepted_rate"])),
        ("Won", _rate(figures["win_rate"])),
        ("Recycled", str(figures["recycled"])),
        ("Returned", str(figures["returned"])),
        ("1st contact\nmedian", _length(contact["median_seconds"])),
        ("90 %", _length(contact["p90_seconds"])),
        *((f"{CLOCKS[name]}\nmet/breached", _kept(figures["clocks"].get(name))) for name in clocks),
    ]


def _kept(clock: Mapping[str, Any] | None) -> str:
    return "" if clock is None else f"{clock['met']}/{clock['breached']}"


def _rejections(said: Mapping[str, Any], console: Console) -> None:
    if not said["rejected"]:
        return
    reasons = ", ".join(f"{each['reason']} {each['rejected']}" for each in said["by_reason"])
    console.print(f"\n{said['rejected']} rejected, {said['accepted']} accepted: {escape(reasons)}")
    for title, called in (("Rule", "rule"), ("Source", "source")):
        table = Table(title, "Rejected", "Accepted", "Reasons")
        for each in said[f"by_{called}"]:
            why = ", ".join(f"{reason} {count}" for reason, count in each["reasons"].items())
            table.add_row(
                escape(str(each.get("label", each[called]))), str(each["rejected"]), str(each["accepted"]), escape(why)
            )
        console.print(table)


def _open(said: Mapping[str, Any], console: Console) -> None:
    if not said["count"]:
        return
    listed = said["listed"]
    title = f"{said['count']} that sales has now" + (
        f", the {len(listed)} most urgent" if len(listed) < said["count"] else ""
    )
    table = Table("Lead", "No", "Class", "Owner", "State", "Clock", "Due", "Left", title=title)
    for each in listed:
        left = each.get("seconds_left")
        late = left is not None and left <= 0
        text = "" if left is None else f"{'[red]over by ' if late else ''}{_length(abs(left))}{'[/]' if late else ''}"
        table.add_row(
            escape(each["lead_id"]), str(each["number"]), each["class"], escape(each["owner"]), each["state"],
            each.get("clock", ""), each.get("due_at", ""), text,
        )  # fmt: skip
    console.print(table)


def _rate(share: Decimal | float | None) -> str:
    return "" if share is None else f"{float(share):.0%}"


def _length(seconds: int | None) -> str:
    """Return a length of time in its two largest units: `2 d 3 h`, `1 h 5 min`, `40 s`."""
    if seconds is None:
        return ""
    if seconds >= DAY:
        return f"{seconds // DAY} d {seconds % DAY // HOUR} h"
    if seconds >= HOUR:
        return f"{seconds // HOUR} h {seconds % HOUR // MINUTE} min"
    return f"{seconds // MINUTE} min" if seconds >= MINUTE else f"{seconds} s"
