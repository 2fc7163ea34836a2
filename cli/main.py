"""The `ripen` command: reads its arguments, calls one of the commands beside this module, says what went wrong."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from rich.console import Console

from cli import keys, leads, offline, playbook_diff, playbook_publish, playbooks, sweeps
from shared.errors import NaiveTimeError, RipenError
from shared.instants import parse_instant
from shared.playbook import DEFAULT
from shared.playbook_problems import PlaybookError
from shared.playbook_types import Span
from shared.rules.model import BANDS

_EVENT_LINES = (
    "Each line is a call of Segment's API (type, userId or anonymousId, timestamp, ...), the body of a batch of them, a "
    "lead event as the events queue and the timeline hold it (event_id, name, occurred_at, one of email, user_id and "
    "anonymous_id; properties and traits if there are any), or a whole queue message."
)

WIDTH = 160
"""Columns when the output goes to no terminal."""

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
        command(asked, Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH))
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
        description=f"Score a file of events with the rules that the functions run. {_EVENT_LINES}",
    )
    command.add_argument("events", metavar="EVENTS.jsonl", help="one JSON object a line; - reads standard input")
    command.add_argument(
        "--playbook", type=Path, default=DEFAULT, metavar="FILE", help="a file, or the name of a preset (default)"
    )
    command.add_argument("--as-of", type=_instant, metavar="TIME", help="the instant to score at (the newest event's)")
    _add_json(command)
    command.set_defaults(command=offline.score)


def _add_lead(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("lead", help="look at one lead, or adjust its score")
    actions = command.add_subparsers(title="commands", required=True, metavar="COMMAND")
    show = actions.add_parser("show", help="print a lead with its score line by line")
    who = show.add_mutually_exclusive_group(required=True)
    who.add_argument("--email", help="the lead's mail address")
    who.add_argument("--id", help="the lead's id, or that of one of its identities")
    _add_instant(show)
    _add_stage(show)
    _add_json(show)
    show.set_defaults(command=leads.show)
    adjust = actions.add_parser(
        "adjust",
        help="give a lead points by hand, or take some",
        description="Give a lead points by hand, or take some. The score shows them as a line with who and why; what is "
        "said twice in the same words counts once.",
    )
    whom = adjust.add_mutually_exclusive_group(required=True)
    whom.add_argument("id", nargs="?", metavar="ID", help="the lead's id")
    whom.add_argument("--email", help="the lead's mail address")
    adjust.add_argument("--points", type=float, required=True, metavar="N", help="-1000 to 1000, as in 10 or -2.5")
    adjust.add_argument("--reason", required=True, help="why, in up to 120 characters")
    adjust.add_argument("--by", help="who says so (the user's login name)")
    adjust.add_argument("--for", dest="seconds", type=_span, metavar="TIME", help='as in "30 days" (for good)')
    _add_stage(adjust)
    adjust.set_defaults(command=leads.adjust, as_of=None)


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
    command = commands.add_parser("playbook", help="check, show, compare or publish a playbook")
    actions = command.add_subparsers(title="commands", required=True, metavar="COMMAND")
    check = actions.add_parser("check", help="tell whether a playbook can be used, and what is wrong in which line")
    check.add_argument("file", type=Path, metavar="FILE", help="a file, or the name of a preset")
    check.add_argument("--strict", action="store_true", help="end with 1 when it is unsigned or its review is overdue")
    check.set_defaults(command=playbooks.check)
    show = actions.add_parser("show", help="print what a playbook says, in words")
    show.add_argument(
        "file",
        type=Path,
        nargs="?",
        default=DEFAULT,
        metavar="FILE",
        help="a file, or the name of a preset (the default one)",
    )
    show.set_defaults(command=playbooks.show)
    schema = actions.add_parser("schema", help="print the JSON Schema of a playbook, for editors")
    schema.set_defaults(command=playbooks.schema)
    _add_publish(actions)
    _add_diff(actions)


def _add_diff(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = actions.add_parser(
        "diff",
        help="tell whom a new playbook would move, before it is published",
        description="Settle every lead under OLD and then under NEW, as publishing NEW would, and tell who moves. The "
        f"leads are those of a stage, or what a stage that runs OLD would make of a file of events. {_EVENT_LINES}",
    )
    command.add_argument(
        "old", metavar="OLD", help="a file, the name of a preset, or `current`: the one that the stage runs"
    )
    command.add_argument("new", type=Path, metavar="NEW", help="the one to compare with it")
    source = command.add_mutually_exclusive_group(required=True)
    source.add_argument("--events", metavar="EVENTS.jsonl", help="one JSON object a line; - reads standard input")
    source.add_argument("--stage", help="local, dev, staging or prod; it is only read")
    command.add_argument(
        "--as-of", type=_instant, metavar="TIME", help="when NEW takes over (the newest event's time; of a stage, now)"
    )
    command.add_argument(
        "--all", action="store_true", help="show every lead whose score differs, not only the first 10"
    )
    _add_json(command)
    command.set_defaults(command=playbook_diff.diff)


def _add_publish(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = actions.add_parser(
        "publish",
        help="put a playbook in force on a stage, and have every lead settled by it",
        description="Put a playbook in force on a running stage. Every lead is settled once by the playbook before it, as "
        "ever, and then by the new one, in silence: the lead's next own event announces what has changed. Deploying "
        "changes the playbook of no stage that has one.",
    )
    command.add_argument("file", type=Path, nargs="?", metavar="FILE")
    command.add_argument("--by", metavar="NAME", help="who publishes it (the name you are logged in by)")
    command.add_argument("--announce", action="store_true", help="announce at once what changes by it")
    command.add_argument(
        "--accept-unsigned", action="store_true", help="also one that is not signed or is to be reviewed"
    )
    command.add_argument("--resume", action="store_true", help="without FILE: go on with the walk of the last one")
    command.add_argument("--no-wait", dest="wait", action="store_false", help="do not wait until every lead is settled")
    _add_instant(command)
    _add_stage(command)
    command.set_defaults(command=playbook_publish.publish)


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


def _span(text: str) -> int:
    try:
        return TypeAdapter[int](Span).validate_python(text)
    except ValidationError as error:
        raise argparse.ArgumentTypeError(str(error.errors()[0]["ctx"]["error"])) from error


if __name__ == "__main__":
    sys.exit(main())
