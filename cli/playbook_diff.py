"""
`ripen playbook diff`: what publishing a playbook would do to every lead, before anything is published.

Each lead is settled under the old playbook and then, in silence, under the new one, by the very function that
publishing runs; so a lead that hysteresis keeps in its band is kept here too.
"""

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.event_files import EventsError, read_events
from cli.offline import NAMING_KEY, nobody_yet, print_json, tell_refused, who
from cli.playbook_files import compiled
from cli.playbook_parts import Change, changes
from cli.stage import Stage
from cli.text import of_milli, points, signed
from shared.aws import deployments, lead_walk, playbooks
from shared.errors import RipenError
from shared.instants import instant_text
from shared.lead import Lead
from shared.rules.attribution import share
from shared.rules.facts import refiled
from shared.rules.model import BANDS, Line, ScoringModel, scoring_model
from shared.rules.publishing import under_both
from shared.rules.replay import replayed
from shared.rules.settling import Settlement

CURRENT = "current"
"""The word for the playbook that a stage runs."""

SHOWN = 10
"""Biggest movers that are shown when not all are asked for."""


class DiffError(RipenError):
    """The two cannot be compared as asked."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A line of a score that is not worth the same under both, with its milli-points."""

    line: Line
    old: int
    new: int


@dataclass(frozen=True, slots=True)
class Move:
    """One lead that is not the same under both playbooks. Totals are milli-points."""

    who: str
    lead_id: str
    from_band: str
    to_band: str
    old: int
    new: int
    lines: tuple[Moved, ...]
    qualifies: bool
    lapses: bool

    @property
    def difference(self) -> int:
        return self.new - self.old

    @property
    def changes_band(self) -> bool:
        return self.from_band != self.to_band


@dataclass(slots=True)
class Comparison:
    """All leads under both playbooks: how many from which settled band to which, and who is not the same."""

    as_of: int
    bands: dict[str, dict[str, int]] = field(default_factory=lambda: {band: dict.fromkeys(BANDS, 0) for band in BANDS})
    moves: list[Move] = field(default_factory=list)

    @property
    def leads(self) -> int:
        return sum(sum(row.values()) for row in self.bands.values())

    def add(self, lead: Lead, old: Settlement, new: Settlement) -> None:
        """Take a lead as it is settled under both; of one that stays as it is only the number is kept."""
        before, after = old.lead.settled, new.lead.settled
        move = Move(
            who=who(lead),
            lead_id=lead.lead_id,
            from_band=str(before.band),
            to_band=str(after.band),
            old=old.evaluation.total,
            new=new.evaluation.total,
            lines=tuple(_moved(old.evaluation.lines, new.evaluation.lines)),
            qualifies=after.qualified and not before.qualified,
            lapses=before.qualified and not after.qualified,
        )
        self.bands[move.from_band][move.to_band] += 1
        if move.changes_band or move.difference or move.qualifies or move.lapses:
            self.moves.append(move)

    def sorted_moves(self) -> list[Move]:
        """Return who is not the same, the biggest difference first."""
        return sorted(self.moves, key=lambda move: (-abs(move.difference), move.who, move.lead_id))


def _moved(old: Iterable[Line], new: Iterable[Line]) -> Iterator[Moved]:
    before, after = _by_rule(old), _by_rule(new)
    for name, line in (before | after).items():
        worth = [lines[name].points if name in lines else 0 for lines in (before, after)]
        if worth[0] != worth[1]:
            yield Moved(line, *worth)


def _by_rule(lines: Iterable[Line]) -> dict[tuple[str, str, int], Line]:
    """Return the lines by rule and kind; of several alike (two caps of a rule, adjustments) each by its place too."""
    named: dict[tuple[str, str, int], Line] = {}
    for line in lines:
        named[line.rule, line.kind, sum(name[:2] == (line.rule, line.kind) for name in named)] = line
    return named


def diff(asked: argparse.Namespace, console: Console) -> None:
    """
    Print who moves, and why.

    Raises:
        PlaybookError: One of the playbooks cannot be used; the message lists every problem with its line.
        EventsError: The file of events cannot be used.
        DiffError: `current` was asked for without a stage.
    """
    if asked.stage is not None:
        Stage(asked.stage).take_settings()
    old, new = _document(asked.old, asked.stage), _document(asked.new, asked.stage)
    before, after = scoring_model(old), scoring_model(new)
    if asked.stage is None:
        compared = _of_file(asked.events, before, after, asked.as_of)
    else:
        compared = _of_stage(asked.stage, before, after, asked.as_of if asked.as_of is not None else int(time.time()))
    parts, most = changes(old, new), None if asked.all else SHOWN
    if asked.json:
        print_json(_json(before, after, compared, parts, most), console)
    else:
        _print(before, after, compared, parts, most=most, console=console)


def _document(named: str | Path, stage: str | None) -> dict[str, Any]:
    if named == CURRENT:
        if stage is None:
            raise DiffError(f"{CURRENT} is the playbook of a stage: name the stage with --stage, or a file")
        with deployments.asking(stage):
            return playbooks.current()
    return compiled(Path(named))


def _of_file(file: str, old: ScoringModel, new: ScoringModel, as_of: int | None) -> Comparison:
    """Compare the leads that a stage running the old playbook would have after the events of a file."""
    said = read_events(file)
    tell_refused(said.refused)
    if not said.events:
        raise EventsError(f"{file}: there is no event in it")
    first = min(event.received_at for event in said.events)
    if as_of is not None and as_of < first:
        raise EventsError(nobody_yet(file, as_of, first))
    compared = Comparison(max(event.received_at for event in said.events) if as_of is None else as_of)
    stage = replayed(said.events, old, NAMING_KEY, compared.as_of)
    for lead in stage.leads():
        settled = under_both(lead, old, new, compared.as_of, lambda moved: refiled(moved, *stage.past(moved), new))
        compared.add(lead, *settled)
    return compared


def _of_stage(stage: str, old: ScoringModel, new: ScoringModel, as_of: int) -> Comparison:
    """Compare the leads of a deployed stage, read and never written; their timelines only where rules count otherwise."""
    compared, read = Comparison(as_of), 0
    with deployments.asking(stage), Console(stderr=True).status("reading leads") as status:
        for page in lead_walk.every_lead(BANDS):
            for lead in page:
                stored = lead if lead.filed in ("", old.filed) else _refiled(lead, old)
                compared.add(lead, *under_both(stored, old, new, as_of, lambda moved: _refiled(moved, new)))
            read += len(page)
            status.update(f"{read:,} leads read")
    print(f"ripen: {read:,} leads of stage {stage} read", file=sys.stderr)
    return compared


def _refiled(lead: Lead, model: ScoringModel) -> Lead:
    mine, others = share(lead, *lead_walk.past(lead))
    return refiled(lead, mine, others, model)


def _print(
    old: ScoringModel, new: ScoringModel, compared: Comparison, parts: Sequence[Change], *, most: int | None,
    console: Console,
) -> None:  # fmt: skip
    console.print(
        f"[bold]{escape(old.name)}[/] {old.bundle} -> [bold]{escape(new.name)}[/] {new.bundle}, "
        f"as of {instant_text(compared.as_of)}, {compared.leads:,} {'lead' if compared.leads == 1 else 'leads'}"
    )
    for part in parts:
        console.print(f"  {escape(part.words())}")
    if not parts:
        console.print("  the two say the same")
    moves = compared.sorted_moves()
    if not moves:
        console.print("Nobody moves.")
        return
    console.print(_matrix(compared.bands))
    console.print(f"new MQLs: {_names(move for move in moves if move.qualifies)}", soft_wrap=True)
    console.print(f"lost MQLs: {_names(move for move in moves if move.lapses)}", soft_wrap=True)
    if changed := [move for move in moves if move.changes_band]:
        console.print(_table("Who moves band", changed))
    movers = [move for move in moves if move.difference]
    if shown := movers[:most]:
        left = f" ({len(shown)} of {len(movers):,}; --all shows all)" if len(shown) < len(movers) else ""
        console.print(_table(f"Biggest movers{left}", shown))


def _matrix(bands: Mapping[str, Mapping[str, int]]) -> Table:
    table = Table("Settled band", *(f"to {band}" for band in BANDS))
    for band, row in bands.items():
        table.add_row(f"from {band}", *(f"{count:,}" if count else "" for count in row.values()))
    return table


def _names(moves: Iterable[Move]) -> str:
    names = sorted(move.who for move in moves)
    return escape(f"{len(names):,}" + (f" ({', '.join(names)})" if names else ""))


def _table(title: str, moves: Iterable[Move]) -> Table:
    table = Table("Lead", "From", "To", title=title, title_justify="left")
    for name in ("Old", "New", "Difference"):
        table.add_column(name, justify="right")
    table.add_column("Why")
    for move in moves:
        why = [
            f"{escape(moved.line.label)} {signed(of_milli(moved.old))} -> {signed(of_milli(moved.new))}"
            for moved in move.lines
        ]
        table.add_row(
            escape(move.who), move.from_band, move.to_band, points(of_milli(move.old)), points(of_milli(move.new)),
            signed(of_milli(move.difference)), "\n".join(why) or "a threshold alone",
        )  # fmt: skip
    return table


def _json(
    old: ScoringModel, new: ScoringModel, compared: Comparison, parts: Sequence[Change], most: int | None
) -> dict[str, Any]:
    moves = compared.sorted_moves()
    return {
        "old": {"name": old.name, "bundle": old.bundle},
        "new": {"name": new.name, "bundle": new.bundle},
        "as_of": instant_text(compared.as_of),
        "leads": compared.leads,
        "changes": [
            {
                "change": part.change,
                "part": part.part,
                "name": part.name,
                "label": part.label,
                "values": [{"field": each.field, "old": each.old, "new": each.new} for each in part.differences],
            }
            for part in parts
        ],
        "bands": compared.bands,
        "new_mqls": _named(move for move in moves if move.qualifies),
        "lost_mqls": _named(move for move in moves if move.lapses),
        "moves": [_move(move) for move in moves if move.changes_band],
        "biggest": [_move(move) for move in [move for move in moves if move.difference][:most]],
    }


def _named(moves: Iterable[Move]) -> list[dict[str, str]]:
    found = sorted((move.who, move.lead_id) for move in moves)
    return [{"who": name, "lead_id": lead_id} for name, lead_id in found]


def _move(move: Move) -> dict[str, Any]:
    return {
        "who": move.who,
        "lead_id": move.lead_id,
        "from_band": move.from_band,
        "to_band": move.to_band,
        "old": move.old / 1000,
        "new": move.new / 1000,
        "difference": move.difference / 1000,
        "lines": [
            {
                "rule": moved.line.rule,
                "label": moved.line.label,
                "kind": moved.line.kind,
                "old": moved.old / 1000,
                "new": moved.new / 1000,
            }
            for moved in move.lines
        ],
    }
