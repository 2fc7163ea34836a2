"""The `ripen` command: reads its arguments, calls one of the commands beside this module, says what went wrong."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from cli import keys, leads, offline, playbooks, sweeps
from shared.errors import NaiveTimeError, RipenError
from shared.instants import parse_instant
from shared.playbook import DEFAULT, PlaybookError
from shared.rules.model import BANDS

Command = Callable[[argparse.Namespace, Console], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run one command.

    Returns:
        0 when it did what was asked, 1 when it could not; argparse itself ends with 2 on arguments it cannot use.
    """
    asked = _parser().parse_args(arguments)
    command: Command = asked.command
    try:
        command(asked, Console(highlight=False, soft_wrap=not sys.stdout.isatty()))
    except PlaybookError as error:
        print(error, file=sys.stderr)
        return 1
    except (RipenError, OSError) as error:
        print(f"ripen: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ripen", description="Lead scoring, nurturing and sales handoff on AWS.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_keys(commands)
    _add_score(commands)
    _add_lead(commands)
    _add_leads(commands)
    _add_sweep(commands)
    _add_playbook(commands)
    return parser


def _add_keys(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser(
        "keys",
        help="print the API keys of a stage",
        description="Print the four kinds of API key of a stage. Keys are derived from the stage's signing secret and "
        "stored nowhere; another label gives another key.",
    )
    _add_stage(command)
    command.add_argument("--label", help="whose key: 1 to 32 of a-z, 0-9 and hyphen (the stage's name)")
    command.set_defaults(command=keys.show)


def _add_score(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser(
        "score",
        help="score a file of events, without AWS",
        description="Score a file of events with the rules that the functions run. Each line is a lead event as the "
        "events queue and the timeline hold it (event_id, name, occurred_at, one of email, user_id and anonymous_id; "
        "properties and traits if there are any), or a whole queue message.",
    )
    command.add_argument("events", metavar="EVENTS.jsonl", help="one JSON object a line; - reads standard input")
    command.add_argument("--playbook", type=Path, default=DEFAULT, help="the playbook to score by (the default one)")
    command.add_argument("--as-of", type=_instant, metavar="TIME", help="the instant to score at (the newest event's)")
    _add_json(command)
    command.set_defaults(command=offline.score)


def _add_lead(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("lead", help="look at one lead")
    actions = command.add_subparsers(title="commands", required=True, metavar="COMMAND")
    show = actions.add_parser("show", help="print a lead with its score line by line")
    who = show.add_mutually_exclusive_group(required=True)
    who.add_argument("--email", help="the lead's mail address")
    who.add_argument("--id", help="the lead's id, or that of one of its identities")
    _add_instant(show)
    _add_stage(show)
    _add_json(show)
    show.set_defaults(command=leads.show)


def _add_leads(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("leads", help="list the best leads")
    command.add_argument("--band", choices=BANDS, help="only those settled in this band")
    command.add_argument("--limit", type=int, default=20, help="at most this many, up to 200 (20)")
    _add_instant(command)
    _add_stage(command)
    _add_json(command)
    command.set_defaults(command=leads.rank)


def _add_sweep(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser(
        "sweep",
        help="run a scheduled sweep by hand",
        description="Run a deployed sweep with the event its schedule would send at that instant. Sweeps take the time "
        "from the event, so what is due until then is done, and running one again changes nothing.",
    )
    command.add_argument("sweep", choices=sweeps.SWEEPS, help="which")
    command.add_argument("--at", type=_instant, required=True, metavar="TIME", help="as in 2026-01-05T09:00:00Z")
    _add_stage(command)
    command.set_defaults(command=sweeps.run)


def _add_playbook(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("playbook", help="check or print a playbook")
    actions = command.add_subparsers(title="commands", required=True, metavar="COMMAND")
    check = actions.add_parser("check", help="tell whether a playbook can be used, and what is wrong in which line")
    check.add_argument("file", type=Path, metavar="FILE")
    check.set_defaults(command=playbooks.check)
    show = actions.add_parser("show", help="print what a playbook says about points, bands and qualification")
    show.add_argument(
        "file", type=Path, nargs="?", default=DEFAULT, metavar="FILE", help="the default one when not named"
    )
    show.set_defaults(command=playbooks.show)


def _add_stage(command: argparse.ArgumentParser) -> None:
    command.add_argument("--stage", default="local", help="local, dev, staging or prod (local)")


def _add_instant(command: argparse.ArgumentParser) -> None:
    command.add_argument("--as-of", type=_instant, metavar="TIME", help="as in 2026-01-05T09:00:00Z (now)")


def _add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print JSON")


def _instant(text: str) -> int:
    try:
        return parse_instant(text)
    except NaiveTimeError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write it as in 2026-01-05T09:00:00Z") from error


if __name__ == "__main__":
    sys.exit(main())
