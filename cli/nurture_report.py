"""`ripen report nurture`: what the tracks did."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.leads import ask, print_json

_PASSED = ("entered", "held_out", "active", "held", "paused", "exhausted", "exited")


def show(asked: argparse.Namespace, console: Console) -> None:
    """Print who went through each track, and how its messages fared."""
    query = {name: said for name, said in (("from", asked.since), ("to", asked.until), ("track", asked.track)) if said}
    report = ask(asked, "/v1/reports/nurture", query=query)
    if asked.json:
        print_json(report, console)
        return
    console.print(f"[bold]Nurturing from {report['from']} to {report['to']}[/], as of {report['as_of']}")
    busy = [each for each in report["tracks"] if each["runs"]["entered"] or each["messages"]]
    if not busy:
        console.print("Nobody entered a track, and no message was planned.")
        return
    console.print(_people(busy))
    for track in busy:
        _reasons(f"{track['label']}: ended early", track["runs"]["exited_by_reason"], console)
    for track in busy:
        if track["messages"]:
            console.print(_messages(track))
            for each in track["messages"]:
                name = f"{track['label']} {each['step']}, {each['content']}: not sent"
                _reasons(name, each["skipped_by_reason"], console)
        for test in track["tests"]:
            arms = ", ".join(f"{arm['arm']} {_reached(arm)}" for arm in test["arms"])
            console.print(escape(f"{track['label']}, test {test['test']} by {test['measure']}: {arms}"), soft_wrap=True)


def _people(tracks: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title="Who went through", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("Track")
    for name in (*_PASSED, "goal", "goal, held out", "lift"):
        table.add_column(name.replace("_", " ").capitalize(), justify="right")
    for track in tracks:
        runs = track["runs"]
        table.add_row(
            escape(track["label"]),
            *(str(runs[name]) for name in _PASSED),
            _share(runs["goal"]), _share(runs["goal_held_out"]), _lift(runs["lift"]),
        )  # fmt: skip
    return table


def _messages(track: Mapping[str, Any]) -> Table:
    table = Table(title=track["label"], title_justify="left", box=SIMPLE_HEAD)
    table.add_column("Message", no_wrap=True)
    for name in (
        "Planned", "Sent/\ndelivered", "Bounced/\ncomplained", "Skipped/\nfailed", "Opened\n(machines)",
        "Clicked\n(machines)", "Click rate", "Unsub-\nscribed", "Goal\nafter",
    ):  # fmt: skip
        table.add_column(name, justify="right")
    for each in track["messages"]:
        arm = f" ({each['arm']})" if each["arm"] else ""
        table.add_row(
            escape(f"{each['step']} {each['content']}{arm}"), str(each["planned"]),
            f"{each['sent']}/{each['delivered']}", f"{each['bounced']}/{each['complained']}",
            f"{each['skipped']}/{each['refused'] + each['parked']}", _touched(each["opened"]), _touched(each["clicked"]),
            _share(each["click_rate"]), str(each["unsubscribed"]["count"]), str(each["goal_after"]["count"]),
        )  # fmt: skip
    return table


def _touched(said: Mapping[str, int]) -> str:
    """Return people, and in brackets those who are none for certain."""
    others = said["unsure"] + said["machine"]
    return f"{said['human']} ({others})" if others else str(said["human"])


def _share(said: Mapping[str, Any]) -> str:
    if said["rate"] is None:
        return ""
    low, high = said["interval"]
    return f"{said['count']}, {said['rate'] * 100:.0f} %\n({low * 100:.0f} to {high * 100:.0f} %)"


def _reached(arm: Mapping[str, Any]) -> str:
    said = arm["reached"]
    if said["rate"] is None:
        return "not sent"
    low, high = said["interval"]
    return f"{said['count']} of {arm['sent']}, {said['rate'] * 100:.0f} % ({low * 100:.0f} to {high * 100:.0f} %)"


def _lift(said: Mapping[str, Any] | None) -> str:
    if said is None:
        return ""
    low, high = said["interval"]
    chance = "" if said["significant"] else "\nmay be chance"
    return f"{said['difference'] * 100:+.0f} points\n({low * 100:+.0f} to {high * 100:+.0f}){chance}"


def _reasons(title: str, reasons: Mapping[str, int], console: Console) -> None:
    if reasons:
        said = ", ".join(f"{reason} {count}" for reason, count in reasons.items())
        console.print(f"{escape(title)}: {escape(said)}", soft_wrap=True)
