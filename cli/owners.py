"""`ripen owners` and `ripen owner`: who is given leads, how many they have today, and when they are away."""

import argparse
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.leads import ask, print_json
from cli.whoami import whoami


def show(asked: argparse.Namespace, console: Console) -> None:
    """Print everybody of sales."""
    found = ask(asked, "/v1/owners")
    if asked.json:
        print_json(found, console)
        return
    table = Table("Id", "Name", "Teams", "Capacity", "Given today", "Away")
    for each in found["owners"]:
        if each["gets_leads"]:
            quota = each["daily_quota"]
            given = f"{each['given_today']} of {quota}" if quota is not None else str(each["given_today"])
            said = (", ".join(each["teams"]), str(each["capacity"]), given)
        else:
            said = ("", "", str(each["given_today"] or ""))
        table.add_row(escape(each["id"]), escape(each["name"]), *said, _absences(each))
    console.print(table)


def away(asked: argparse.Namespace, console: Console) -> None:
    """Say that somebody is away: they are given no lead that qualifies meanwhile, and their clocks stand still."""
    body = {"from": asked.since, "until": asked.until, "by": asked.by or whoami()}
    said = ask(asked, f"/v1/owners/{quote(asked.name, safe='')}/time-off", body=body)
    console.print(f"{escape(said['name'])} is away {_absences(said)}.", soft_wrap=True)


def back(asked: argparse.Namespace, console: Console) -> None:
    """Take time off back: the one that begins then, or all."""
    query = {} if asked.since is None else {"from": asked.since}
    path = f"/v1/owners/{quote(asked.name, safe='')}/time-off"
    said = ask(asked, path, query=query, method="DELETE")
    left = _absences(said)
    console.print(f"{escape(said['name'])} is {f'away {left}' if left else 'there'}.", soft_wrap=True)


def _absences(said: Mapping[str, Any]) -> str:
    return ", ".join(f"{each['from']} to {each['until']} ({escape(each['by'])})" for each in said["time_off"])
