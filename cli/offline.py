"""
`ripen score`: a file of events, scored by the rules that the functions run, with nothing deployed.

Identities are joined as `score` joins them, so the result is what a stage would say of the same events.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.event_files import EventsError, read_events
from cli.playbook_files import compiled
from cli.text import of_milli, points, signed
from shared.instants import instant_text
from shared.lead import Lead
from shared.rules.model import scoring_model
from shared.rules.past import as_it_stood
from shared.rules.replay import Replay, gathered
from shared.rules.score_view import lead_score_view
from shared.rules.scoring import Evaluation, evaluate

NAMING_KEY = "offline"
"""What lead ids are made with here; those of a stage are made with its own secret, so they differ."""


def score(asked: argparse.Namespace, console: Console) -> None:
    """
    Print the score of every lead in the file, the highest first.

    Raises:
        EventsError: A line is no event, or there is none by then.
        PlaybookError: The playbook cannot be used.
    """
    model = scoring_model(compiled(asked.playbook))
    said = read_events(asked.events)
    tell_refused(said.refused)
    if not said.events:
        raise EventsError(f"{asked.events}: there is no event in it")
    first = min(event.occurred_at for event in said.events)
    if asked.as_of is not None and asked.as_of < first:
        raise EventsError(nobody_yet(asked.events, asked.as_of, first))
    as_of = asked.as_of if asked.as_of is not None else max(event.occurred_at for event in said.events)
    replay = gathered(said.events, model, NAMING_KEY)
    evaluated = [
        (then, evaluate(then, model, as_of))
        for lead in replay.leads()
        if (then := _at(lead, replay, as_of)) is not None
    ]
    evaluated.sort(key=lambda pair: (-pair[1].total, pair[0].lead_id))
    if asked.json:
        found = [{"who": who(lead), "score": lead_score_view(lead, model, as_of)} for lead, _ in evaluated]
        print_json({"as_of": instant_text(as_of), "playbook": model.bundle, "leads": found}, console)
        return
    for lead, evaluation in evaluated:
        console.print(_table(lead, evaluation))
    console.print(f"as of {instant_text(as_of)}, by the playbook {model.name}")


def _at(lead: Lead, replay: Replay, as_of: int) -> Lead | None:
    """Return the lead at the instant; None when it has done nothing by then."""
    if as_of >= lead.newest_at:
        return lead
    return as_it_stood(lead, replay.past(lead)[0], replay.model, as_of)


def nobody_yet(file: str, as_of: int, first: int) -> str:
    """Return why there is nothing to tell of an instant before the first event."""
    return (
        f"{file}: nobody had done anything by {instant_text(as_of)}; the first event is of {instant_text(first)}: "
        "write a later --as-of"
    )


def tell_refused(refused: Sequence[str]) -> None:
    """Say which events of batches do not count, as the answer to a batch says it."""
    for each in refused:
        print(f"ripen: {each}; not counted, as a stage would not", file=sys.stderr)


def print_json(said: Any, console: Console) -> None:
    console.out(json.dumps(said, indent=2, ensure_ascii=False), highlight=False)


def who(lead: Lead) -> str:
    """Return the lead's mail address, or its identities when none is known."""
    email = lead.value("email")
    return str(email) if email else ", ".join(sorted(lead.identities))


def _table(lead: Lead, evaluation: Evaluation) -> Table:
    said = [f"grade {evaluation.grade}", f"level {evaluation.level}", evaluation.band]
    if evaluation.excluded is not None:
        said.append(f"excluded: {evaluation.excluded}")
    if evaluation.blocked is not None:
        said.append(f"does not qualify: {evaluation.blocked}")
    table = Table(title=escape(f"{who(lead)}: {', '.join(said)}"), title_justify="left", show_footer=True)
    table.add_column("What counts", footer="Total")
    table.add_column("Facts", justify="right")
    table.add_column("When new", justify="right")
    table.add_column("Points", justify="right", footer=points(of_milli(evaluation.total)))
    for line in evaluation.lines:
        new = "" if line.decayed_from is None else signed(of_milli(line.decayed_from))
        table.add_row(escape(line.label), str(line.facts) if line.facts else "", new, signed(of_milli(line.points)))
    return table
