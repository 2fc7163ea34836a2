"""`ripen lead why`: why somebody was not mailed."""

import argparse
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from rich.console import Console
from rich.markup import escape

from cli.leads import ask, print_json


def why(asked: argparse.Namespace, console: Console) -> None:
    """Print what bears on mails to one lead: the address, each track, the last messages."""
    lead_id = ask(asked, "/v1/leads/lookup", body={"email": asked.lead})["lead_id"] if "@" in asked.lead else asked.lead
    said = ask(asked, f"/v1/leads/{quote(lead_id, safe='')}/mailing")
    if asked.json:
        print_json(said, console)
        return
    console.print(f"[bold]{escape(said['summary'])}[/]  {said['lead_id']}, as of {said['as_of']}\n", soft_wrap=True)
    _address(said["address"], console)
    console.print("Tracks")
    for track in said["tracks"]:
        _track(track, console)
    console.print("Messages, the newest first" if said["sends"] else "No message was ever planned.")
    for send in said["sends"]:
        arm = f" ({send['arm']})" if send["arm"] else ""
        console.print(
            f"  {send['at']}  {escape(send['track'])} {send['message']}: {escape(send['content'] + arm)}, "
            f"{send['channel']}, {escape(send['why'])}",
            soft_wrap=True,
        )


def _address(said: Mapping[str, Any] | None, console: Console) -> None:
    if said is None:
        console.print("Address: none\n")
        return
    console.print(f"Address: {escape(said['refused'] or 'may be mailed')}", soft_wrap=True)
    for topic in said["topics"].values():
        console.print(f"  {escape(topic['label'])}: {escape(topic['refused'] or 'yes')}", soft_wrap=True)
    caps = ", ".join(f"{cap['used']} of {cap['most']} a {period}" for period, cap in said["caps"].items())
    free = f", free again {said['caps_free_at']}" if said["caps_free_at"] else ""
    console.print(f"  mails: {caps}{free}", soft_wrap=True)
    quiet = f"quiet until {said['quiet_until']}" if said["quiet_until"] else "mails may arrive now"
    console.print(f"  {quiet} ({said['zone']})\n", soft_wrap=True)


def _track(said: Mapping[str, Any], console: Console) -> None:
    until = f", until {said['until']}" if said["until"] else ""
    again = f"; {said['again']}" if said.get("again") else ""
    goal = f", goal reached {said['goal_at']}" if said.get("goal_at") else ""
    console.print(
        f"  {escape(said['label'])}: {said['status']}: {escape(said['why'])}{until}{goal}{escape(again)}",
        soft_wrap=True,
    )
