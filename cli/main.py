"""The `ripen` command: reads its arguments, calls one of the commands beside this module, says what went wrong."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import TypeAdapter, ValidationError
from rich.console import Console

from cli import (
    import_command,
    keys,
    leads,
    mail,
    mail_control,
    mailing,
    nurture_report,
    offline,
    owners,
    playbook_diff,
    playbook_publish,
    playbooks,
    reports,
    suppressions,
    sweeps,
)
from shared.errors import NaiveTimeError, RipenError
from shared.instants import WRITABLE, parse_instant
from shared.playbook import DEFAULT
from shared.playbook_problems import PlaybookError
from shared.playbook_types import Span
from shared.rules.model import BANDS
from shared.rules.sla_report import BY

_EVENT_LINES = (
    "Each line is a call of Segment's API (type, userId or anonymousId, timestamp, ...), the body of a batch of them, a "
    "lead event as the events queue and the timeline hold it (event_id, name, occurred_at, one of email, user_id and "
    "anonymous_id; properties and traits if there are any), or a whole queue message."
)

STOPPED = 130
"""How the command ends when somebody stopped it."""

WIDTH = 160
"""Columns when the output goes to no terminal."""

Command = Callable[[argparse.Namespace, Console], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run one command.

    Returns:
        0 when it did what was asked, 1 when it could not, 130 when it was stopped; argparse itself ends with 2 on
        arguments it cannot use.
    """
    asked = _parser().parse_args(arguments)
    command: Command = asked.command
    try:
        command(asked, Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH))
        sys.stdout.flush()
    except PlaybookError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nripen: stopped", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:  # as with `head`: whoever reads has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at its end
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
    _add_owners(commands)
    _add_import(commands)
    _add_mail(commands)
    _add_suppress(commands)
    _add_report(commands)
    _add_sweep(commands)
    _add_playbook(commands)
    return parser


def _add_keys(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser(
        "keys",
        help="print the API keys of a stage",
        description="Print the API keys of a stage, one of each kind, and the secret for signed webhooks. Keys are derived from the stage's signing secret and "
        "stored nowhere; another label gives another key.",
    )
    _add_stage(command)
    command.add_argument("--label", help="whose key: 1 to 32 of a-z, 0-9 and hyphen (the stage's name)")
    command.add_argument(
        "--webhook", metavar="NAME", help="instead: the secret that its receiver checks a webhook of mail.webhooks with"
    )
    command.add_argument("--number", type=int, default=1, help="which of the webhook's secrets (1)")
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
    command = commands.add_parser("lead", help="look at one lead, adjust or judge it, export or erase it")
    actions = command.add_subparsers(title="commands", required=True, metavar="COMMAND")
    show = actions.add_parser("show", help="print a lead with its score line by line")
    who = show.add_mutually_exclusive_group(required=True)
    who.add_argument("--email", help="the lead's mail address")
    who.add_argument("--id", help="the lead's id, or that of one of its identities")
    _add_instant(show)
    _add_stage(show)
    _add_json(show)
    show.set_defaults(command=leads.show)
    why = actions.add_parser(
        "why",
        help="tell why somebody was not mailed, or what they get next",
        description="Tell in words why somebody was not mailed: by track, by message and by address.",
    )
    why.add_argument("lead", metavar="LEAD", help="the lead's id or mail address")
    _add_instant(why)
    _add_stage(why)
    _add_json(why)
    why.set_defaults(command=mailing.why)
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
    _add_rights(actions)


def _add_rights(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    export = actions.add_parser("export", help="write everything held about one person as one JSON document")
    who = export.add_mutually_exclusive_group(required=True)
    who.add_argument("--email", help="the person's mail address")
    who.add_argument("--id", help="the lead's id, or that of one of its identities")
    export.add_argument("--out", type=Path, metavar="FILE", help="where to (standard output)")
    _add_stage(export)
    export.set_defaults(command=leads.export, as_of=None)
    erase = actions.add_parser(
        "erase",
        help="erase one person, for good",
        description="Erase one person: at once there is no such lead; what is left goes within minutes. Of each mail "
        "address stays, by its keyed hash alone, that it is never mailed again. What arrives late is dropped.",
    )
    whom = erase.add_mutually_exclusive_group(required=True)
    whom.add_argument("--email", help="the person's mail address")
    whom.add_argument("--user-id", help="the person's user id")
    whom.add_argument("--id", help="the lead's id, or that of one of its identities")
    erase.add_argument("--by", help="who says so, an id and no mail address (the user's login name)")
    erase.add_argument(
        "--reason", required=True, help="why, in up to 120 characters and without an address: it is kept"
    )
    erase.add_argument("--yes", action="store_true", help="do it: there is no way back")
    erase.add_argument("--no-wait", dest="wait", action="store_false", help="do not wait until everything is gone")
    _add_stage(erase)
    erase.set_defaults(command=leads.erase, as_of=None)
    erasure = actions.add_parser("erasure", help="print how far an erasure is; when it is done, the proof")
    erasure.add_argument("id", metavar="ID", help="the erasure's id")
    _add_stage(erasure)
    erasure.set_defaults(command=leads.erasure, as_of=None)
    judge = actions.add_parser(
        "judge",
        help="say that a machine did what a lead did in some time, or that a person did",
        description="Say who was at work: what a machine did counts nothing. It holds over what was found by user agent or "
        "speed, the latest said holds, and the lead is scored again from its timeline.",
    )
    whom = judge.add_mutually_exclusive_group(required=True)
    whom.add_argument("id", nargs="?", metavar="ID", help="the lead's id")
    whom.add_argument("--email", help="the lead's mail address")
    judge.add_argument("--verdict", choices=("machine", "human"), required=True)
    judge.add_argument("--from", dest="since", type=_instant, required=True, metavar="TIME", help="the first instant")
    judge.add_argument("--until", type=_instant, required=True, metavar="TIME", help="the last instant")
    judge.add_argument("--reason", required=True, help="why, in up to 120 characters")
    judge.add_argument("--by", help="who says so (the user's login name)")
    _add_stage(judge)
    judge.set_defaults(command=leads.judge, as_of=None)


def _add_owners(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("owners", help="list who is given leads, how many today, and who is away")
    _add_stage(command)
    _add_json(command)
    command.set_defaults(command=owners.show, as_of=None)
    one = commands.add_parser("owner", help="say that somebody of sales is away, or back")
    actions = one.add_subparsers(title="commands", required=True, metavar="COMMAND")
    away = actions.add_parser(
        "away",
        help="say when somebody is away",
        description="Say when somebody is away. A day counts whole, in their own zone. They are given no lead that "
        "qualifies meanwhile; clocks that start then count none of the time. What they hold already stays theirs.",
    )
    away.add_argument("name", metavar="NAME", help="the person's id in the playbook")
    away.add_argument("--from", dest="since", required=True, metavar="TIME", help="first day, or a time with a zone")
    away.add_argument("--until", required=True, metavar="TIME", help="last day, or a time with a zone")
    away.add_argument("--by", help="who says so, an id and no mail address (the user's login name)")
    _add_stage(away)
    away.set_defaults(command=owners.away, as_of=None)
    back = actions.add_parser("back", help="take time off back; that of the playbook is changed there")
    back.add_argument("name", metavar="NAME", help="the person's id in the playbook")
    back.add_argument("--from", dest="since", metavar="TIME", help="the one that begins then (all)")
    _add_stage(back)
    back.set_defaults(command=owners.back, as_of=None)


def _add_leads(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("leads", help="list the best leads")
    command.add_argument("--band", choices=BANDS, help="only those settled in this band")
    command.add_argument("--limit", type=int, default=20, help="at most this many, up to 200 (20)")
    _add_instant(command)
    _add_stage(command)
    _add_json(command)
    command.set_defaults(command=leads.rank)


def _add_import(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser(
        "import",
        help="bring people or events from a file into a stage, as history",
        description="Bring people (.csv) or events (.jsonl: calls of Segment's API, or batches of them) into a stage as "
        "history: all of it counts, and nobody is alerted, enrolled or mailed for it. A row counts once, however often it "
        "is imported. Ends with 0 when everything was taken, 3 when rows were left out, 130 when you stopped it.",
    )
    command.add_argument("file", type=Path, metavar="FILE", help="people.csv or events.jsonl")
    command.add_argument(
        "--map", action="append", default=[], metavar="COLUMN=FIELD",
        help="what a column says: email, user_id, anonymous_id, timestamp, consent, consent_at, consent_source or a trait; "
        "FIELD[] for several values in a cell, nothing after = to leave the column out",
    )  # fmt: skip
    command.add_argument("--map-file", type=Path, metavar="FILE", help="the same, one a line")
    command.add_argument("--created-at", metavar="COLUMN", help="the column that says when; as --map COLUMN=timestamp")
    command.add_argument(
        "--as-of",
        type=_instant,
        metavar="TIME",
        help="when rows without a time count as said (when the file was written)",
    )
    command.add_argument("--zone", type=_zone, metavar="ZONE", help="of times without one, as in Europe/Berlin")
    command.add_argument(
        "--dry-run", action="store_true", help="check every row and print what would happen; send nothing"
    )
    command.add_argument("--resume", action="store_true", help="go on with an import that was stopped")
    command.add_argument("--rate", type=_positive, metavar="N", help="at most this many rows a second")
    _add_stage(command)
    command.add_argument("--url", help="address of an API, instead of a stage's")
    command.add_argument("--key", help="with --url: a server key")
    command.set_defaults(command=import_command.run)


def _add_mail(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("mail", help="look at a mail, send one as a test, stop all of them")
    actions = command.add_subparsers(title="commands", required=True, metavar="COMMAND")
    preview = actions.add_parser(
        "preview",
        help="write a mail of a track as HTML and text",
        description="Write what a step of a track sends, as HTML and text: of somebody of whom everything is known, without "
        "AWS, or of a lead of a stage. Links lead straight to their pages, and nothing is counted.",
    )
    _add_step(preview)
    preview.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where to (the current folder)")
    preview.set_defaults(command=mail.preview, as_of=None)
    test = actions.add_parser(
        "test",
        help="send one mail of a track to an address of yours",
        description="Send one mail of a track through Amazon SES, marked as a test. Nothing is claimed, counted or remembered, "
        "and consent is not asked for: send it to yourself.",
    )
    _add_step(test)
    test.add_argument("--to", required=True, metavar="ADDRESS", help="whom to")
    test.set_defaults(command=mail.test, as_of=None)
    _add_mail_control(actions)


def _add_mail_control(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    pause = actions.add_parser(
        "pause",
        help="stop all mails, at once",
        description="Stop every mail that is not on its way yet; what is due stays due, and goes stale as the playbook says.",
    )
    pause.add_argument("--reason", required=True, help="why, in up to 200 characters")
    pause.set_defaults(command=mail_control.pause, as_of=None)
    resume = actions.add_parser(
        "resume",
        help="let mails go out again",
        description="Let mails go out again. What came back until now does not count again towards a pause by itself.",
    )
    resume.set_defaults(command=mail_control.resume, as_of=None)
    for command in (pause, resume):
        command.add_argument("--by", help="who says so, an id and no mail address (the user's login name)")
        _add_stage(command)
    status = actions.add_parser("status", help="tell whether mails go out, and what came back of the last seven days")
    _add_stage(status)
    _add_json(status)
    status.set_defaults(command=mail_control.status, as_of=None)


def _add_step(command: argparse.ArgumentParser) -> None:
    command.add_argument("track", metavar="TRACK", help="the track's name in the playbook")
    command.add_argument("step", metavar="STEP", help="its number, the first is 1; or the id of one of its contents")
    command.add_argument("--lead", metavar="LEAD", help="id or mail address of a lead of the stage (a made-up person)")
    command.add_argument(
        "--playbook",
        type=Path,
        metavar="FILE",
        help="a file, or the name of a preset (with --lead the one in force on the stage, else default)",
    )
    _add_stage(command)


def _add_suppress(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("suppress", help="say which addresses are never mailed again, or may be after all")
    actions = command.add_subparsers(title="commands", required=True, metavar="COMMAND")
    add = actions.add_parser("add", help="never mail an address again")
    remove = actions.add_parser(
        "remove",
        help="take back a bounce, or what a colleague said",
        description="Let an address be mailed again, as far as its consent allows. A complaint, an erasure and a stop are the "
        "person's own word and stay.",
    )
    for action in (add, remove):
        action.add_argument("email", metavar="ADDRESS")
        action.add_argument("--reason", required=True, metavar="WHY", help="why; it is kept, so no address in it")
        action.add_argument("--by", help="who says so, an id and no mail address (the user's login name)")
        _add_stage(action)
    add.set_defaults(command=suppressions.add, as_of=None)
    remove.set_defaults(command=suppressions.remove, as_of=None)
    file = actions.add_parser(
        "import",
        help="take over another tool's list",
        description="Take over a CSV file with the columns address, reason (bounced, complained, unsubscribed or manual) and, "
        "if known, at (a time with a zone). It can be sent again: what is known already stays as it is.",
    )
    file.add_argument("file", type=Path, metavar="FILE")
    file.add_argument("--by", help="who says so, an id and no mail address (the user's login name)")
    _add_stage(file)
    file.set_defaults(command=suppressions.import_file, as_of=None)
    one = actions.add_parser("list-one", help="print what one address allows")
    one.add_argument("email", metavar="ADDRESS")
    _add_stage(one)
    one.set_defaults(command=suppressions.show, as_of=None)


def _add_report(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser(
        "report", help="tell how sales does with the leads it is given, and nurturing with the others"
    )
    actions = command.add_subparsers(title="commands", required=True, metavar="COMMAND")
    sla = actions.add_parser(
        "sla",
        help="print how fast and how reliably handoffs were worked, and what came of them",
        description="Print time to first contact, clocks met and breached, what was accepted, rejected, won and lost of "
        "the handoffs made in some time, and those that are open now. docs/reports.md defines every figure.",
    )
    sla.add_argument("--from", dest="since", metavar="TIME", help="as in 2026-01-05, in UTC (13 weeks before --to)")
    sla.add_argument("--to", dest="until", metavar="TIME", help="the first instant that is out (now)")
    sla.add_argument("--by", choices=BY, help="one split only (all of them)")
    _add_stage(sla)
    _add_json(sla)
    sla.set_defaults(command=reports.sla, as_of=None)
    nurture = actions.add_parser(
        "nurture",
        help="print what the tracks did: who went through, and how each message fared",
        description="Print who entered each track in some time and what became of them, with and without the track, and of "
        "each message how many were sent, read and left unsent, and why. docs/reports.md defines every figure.",
    )
    nurture.add_argument("--from", dest="since", metavar="TIME", help="as in 2026-01-05, in UTC (13 weeks before --to)")
    nurture.add_argument("--to", dest="until", metavar="TIME", help="the first instant that is out (now)")
    nurture.add_argument("--track", metavar="TRACK", help="one track only (all of them)")
    _add_stage(nurture)
    _add_json(nurture)
    nurture.set_defaults(command=nurture_report.show, as_of=None)
    digest = actions.add_parser(
        "digest",
        help="send operations the review of last month's rejections now",
        description="Run the function that reviews a month's rejections as its schedule does: the review goes to the "
        "operations topic, and is printed.",
    )
    digest.add_argument(
        "--at", type=_instant, metavar="TIME", help="the review is of the month before this one's (now)"
    )
    _add_stage(digest)
    digest.set_defaults(command=reports.digest)


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
        instant = parse_instant(text)
    except NaiveTimeError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write it as in 2026-01-05T09:00:00Z") from error
    if instant not in WRITABLE:
        raise argparse.ArgumentTypeError(f"{text!r} is no time of our age; write one of the years 1000 to 9999 in UTC")
    return instant


def _zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ValueError, OSError, ZoneInfoNotFoundError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no time zone; write it as in Europe/Berlin") from error


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}: write a number above 0")
    return number


def _span(text: str) -> int:
    try:
        return TypeAdapter[int](Span).validate_python(text)
    except ValidationError as error:
        raise argparse.ArgumentTypeError(str(error.errors()[0]["ctx"]["error"])) from error


if __name__ == "__main__":
    sys.exit(main())
