"""
`make demo`: deploys to an embedded AWS, sends weeks of traffic, and shows what became of it.

Starts over every time: what `make up` held is gone. Leaves the platform running.
"""

import argparse
import sys
import time
from pathlib import Path

import requests
from botocore.exceptions import BotoCoreError
from rich.console import Console
from rich.markup import escape

from infra.local import aws_calls
from infra.local.demo import anybody, new_playbook, reading, story, tables
from infra.local.demo.audience import SEED, audience
from infra.local.demo.deployed import Deployed
from infra.local.down import down
from infra.local.errors import LocalError
from infra.local.outputs import Outputs
from infra.local.state import state_folder
from infra.local.up import up

WIDTH = 120
"""Columns when the output goes to no terminal."""


def demo(folder: Path, *, seed: int, console: Console) -> bool:
    """
    Play the whole demo.

    Returns:
        Whether sending everything twice changed nothing.

    Raises:
        LocalError: something else did not come true; the message says what.
    """
    console.print(
        "Starting over with an empty platform ([bold]make up[/] keeps what it holds, [bold]make demo[/] does not)."
    )
    down(folder)
    outputs = up(folder, console=console)
    now, counted_from = int(time.time()), aws_calls.mark(folder)
    show = story.Show(Deployed(outputs, folder), audience(seed, now), console)

    story.send_everything(show)
    as_of = int(time.time())
    console.print()
    best = story.show_ranking(show, as_of)
    story.explain(show, as_of)
    alerts = story.show_alerts(show)
    story.answer_alerts(show, alerts)
    end = story.let_time_pass(show, now)
    story.show_mails(show)
    story.show_cooling(show, best, end, now)
    story.show_breaches(show)
    story.show_sla_report(show)
    reading.read_mails(show)
    reading.show_report(show, now)
    reading.show_cost(show)
    unchanged = story.send_again(show, end)
    if unchanged:
        new_playbook.adjust_by_hand(show, end)
        new_playbook.change_the_playbook(show, end)
        anybody.import_customers(show)
        anybody.tell_an_outcome(show)
        anybody.erase_somebody(show)
        anybody.show_the_site(show)
    console.print(tables.calls_table(aws_calls.count(folder, since=counted_from)))
    _say_what_next(outputs, console)
    return unchanged


def _say_what_next(outputs: Outputs, console: Console) -> None:
    console.print(
        f"""
Open next
  the site      {outputs.api_url}/site/   (our tracker and a form)
  the mails     {outputs.inbox_url}
  Slack         {outputs.slack_url}   (press the buttons)
  a lead        curl -H 'authorization: Bearer {outputs.admin_key}' '{outputs.api_url}/v1/leads?limit=5'
  your own SDK  host {outputs.api_url}, write key {outputs.write_key}
  stop it       make down
""",
        soft_wrap=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.local.demo", description="Deploy, send traffic, watch.")
    parser.add_argument("--folder", help="where the embedded AWS keeps its state (.local)")
    parser.add_argument("--seed", type=int, default=SEED, help=f"which audience plays ({SEED})")
    asked = parser.parse_args()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    began = time.monotonic()
    try:
        unchanged = demo(state_folder(asked.folder), seed=asked.seed, console=console)
    except LocalError as error:
        return _failed(str(error))
    except (requests.RequestException, BotoCoreError) as error:
        return _failed(f"the platform stopped answering ({error}); its logs are in {state_folder(asked.folder)}")
    except KeyboardInterrupt:
        return _failed("interrupted; `make down` stops what runs")
    console.print(f"[dim]The whole demo took {time.monotonic() - began:.0f} s.[/]")
    return 0 if unchanged else 1


def _failed(why: str) -> int:
    Console(stderr=True, highlight=False).print(f"[red]make demo:[/] {escape(why)}", soft_wrap=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
