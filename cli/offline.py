"""
`ripen score`: a file of events, scored by the rules that the functions run, with nothing deployed.

Identities are joined as `score` joins them, so the result is what a stage would say of the same events.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.text import points, signed
from shared.errors import RipenError
from shared.identity import address_hash, home, identity_text
from shared.instants import instant_text, parse_instant
from shared.lead import Lead, LeadEvent
from shared.playbook import compile_playbook
from shared.rules.attribution import Addressed, Name, Workspace, attribute, wanted
from shared.rules.horizon import next_change_at
from shared.rules.model import ScoringModel, scoring_model
from shared.rules.people import named
from shared.rules.scoring import Evaluation, evaluate

SECRET = "offline"
"""Key of the lead ids here; those of a stage are made with its own secret, so they differ."""


class EventsError(RipenError):
    """The file cannot be scored; the message names the line."""


def score(asked: argparse.Namespace, console: Console) -> None:
    """
    Print the score of every lead in the file, the highest first.

    Raises:
        EventsError: A line is no event, or there is none.
    """
    model = scoring_model(compile_playbook(asked.playbook))
    events = list(_events(asked.events))
    if not events:
        raise EventsError(f"{asked.events}: there is no event in it")
    as_of = asked.as_of if asked.as_of is not None else max(event.occurred_at for event in events)
    evaluated = [(lead, evaluate(lead, model, as_of)) for lead in _leads(events, model)]
    evaluated.sort(key=lambda pair: (-pair[1].total, pair[0].lead_id))
    if asked.json:
        found = [_json(lead, evaluation, model, as_of) for lead, evaluation in evaluated]
        console.out(json.dumps({"as_of": instant_text(as_of), "leads": found}, indent=2, ensure_ascii=False))
        return
    for lead, evaluation in evaluated:
        console.print(_table(lead, evaluation))
    console.print(f"as of {instant_text(as_of)}, by the playbook {model.name}")


def _events(file: str) -> Iterator[LeadEvent]:
    lines = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    for number, line in enumerate(lines.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            yield from _read(json.loads(line))
        except KeyError as error:
            raise EventsError(f"{file}:{number}: {error.args[0]} is missing") from error
        except (TypeError, ValueError, AttributeError) as error:
            raise EventsError(f"{file}:{number}: {error}") from error


def _read(said: Any) -> Iterator[LeadEvent]:
    """Read one line: a queue message, or an event that may say its source and receive time itself."""
    if not isinstance(said, dict):
        raise TypeError("a line must be a JSON object")
    for event in said.get("events", [said]):
        received_at = said.get("received_at") or event["occurred_at"]
        read = LeadEvent.from_json(event, source=said.get("source", "server"), received_at=parse_instant(received_at))
        if not named(read):
            raise ValueError("the event names nobody: give email, user_id or anonymous_id")
        yield read


def _leads(events: list[LeadEvent], model: ScoringModel) -> list[Lead]:
    workspace = Workspace()
    for event in sorted(events, key=lambda each: (each.occurred_at, each.event_id)):
        names = tuple(
            Name(identity_text(kind, value, SECRET), home(kind, value, SECRET)) for kind, value in named(event)
        )
        each = Addressed(event, names, address_hash(event.email, SECRET) if event.email else None)
        while missing := wanted([each], workspace):
            workspace.add(dict.fromkeys(missing))
        attribute(each, workspace, model)
    return [entry for entry in workspace.now.values() if isinstance(entry, Lead)]


def _table(lead: Lead, evaluation: Evaluation) -> Table:
    title = f"{_who(lead)}: grade {evaluation.grade}, level {evaluation.level}, {evaluation.band}"
    table = Table(title=escape(title), title_justify="left", show_footer=True)
    table.add_column("What counts", footer="Total")
    table.add_column("Facts", justify="right")
    table.add_column("When new", justify="right")
    table.add_column("Points", justify="right", footer=points(_points(evaluation.total)))
    for line in evaluation.lines:
        new = "" if line.decayed_from is None else signed(_points(line.decayed_from))
        table.add_row(line.label, str(line.facts) if line.facts else "", new, signed(_points(line.points)))
    return table


def _who(lead: Lead) -> str:
    email = lead.value("email")
    return str(email) if email else ", ".join(sorted(lead.identities))


def _json(lead: Lead, evaluation: Evaluation, model: ScoringModel, as_of: int) -> Mapping[str, Any]:
    due = next_change_at(lead, model, as_of)
    return {
        "who": _who(lead),
        "total": evaluation.total / 1000,
        "fit": evaluation.fit / 1000,
        "engagement": evaluation.engagement / 1000,
        "grade": evaluation.grade,
        "level": evaluation.level,
        "band": evaluation.band,
        "lines": [
            {"rule": line.rule, "label": line.label, "points": line.points / 1000, "facts": line.facts}
            for line in evaluation.lines
        ],
        "next_change_at": None if due is None else instant_text(due),
    }


def _points(milli_points: int) -> Decimal:
    return Decimal(milli_points) / 1000
