"""`ripen import`: a file of people or of events into a stage, as history: it counts, and alerts, enrolls and mails nobody."""

import argparse
import collections
import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from cli import import_calls, import_people
from cli.import_calls import Problem
from cli.import_columns import LIST, Column, columns_of, said_mapping
from cli.import_files import FileError, Row, lines, opened, table_rows
from cli.import_people import People
from cli.import_sending import Refused, Sender, check_target, send
from cli.import_state import Batch, Done, Ledger, Prepared, Progress, RefusedRows, resumed, state_file
from cli.stage import Stage
from shared.errors import InvalidInputError, RipenError
from shared.instants import instant_text
from shared.intake.segment import MAX_EVENTS, read_batch

CONNECTIONS = 4
"""Batches under way at once."""

WAITING = 2 * CONNECTIONS
"""Batches that are made while others are under way: memory stays flat."""

SHOWN = 20
"""Problems that a dry run prints."""

SOME_REFUSED = 3
INTERRUPTED = 130
"""How the command ends when rows were left out, and when somebody stopped it."""

_TABLES = (".csv", ".tsv", ".txt")
_LINES = (".jsonl", ".ndjson")


class ImportStoppedError(RipenError):
    """The import did not come to its end; it can be gone on with."""


@dataclass(frozen=True, slots=True)
class Source:
    """The file, how a row of it becomes events, and what a problem's field is called there."""

    path: Path
    header: Sequence[str]
    rows: Callable[[Any], Iterator[Row]]
    calls: Callable[[Row], tuple[list[dict[str, Any]], list[Problem]]]
    named: Callable[[str], str]


def run(asked: argparse.Namespace, console: Console) -> None:
    """
    Import a file.

    Raises:
        RipenError: It cannot be done, or was not done to its end.
        SystemExit: With 3 when rows were left out, with 130 when somebody stopped it.
    """
    path: Path = asked.file
    source = _source(asked, console)
    if asked.dry_run:
        _try_out(source, console)
        return
    url, key = (asked.url, asked.key or "") if asked.url else _of_stage(asked.stage)
    check_target(url, key)
    url = url.rstrip("/")
    state = state_file(path, url, _reading(asked))
    done = _begun(state, resume=asked.resume, console=console)
    refused_file = path.with_name(f"{path.name}.rejected.csv")
    sender = Sender(url, key)
    console.print(f"to {escape(url)}, as history", soft_wrap=True)
    with RefusedRows(refused_file, source.header, done) as refused, Progress(path, done) as progress:
        try:
            _send_all(source, sender, Ledger(done, state, refused, progress), rate=asked.rate)
        except KeyboardInterrupt:
            print(f"\nstopped after {done.rows:,} rows: go on with --resume", file=sys.stderr)
            sys.exit(INTERRUPTED)
        except (RipenError, OSError) as error:
            hint = f"; {done.rows:,} rows are done: go on with --resume" if done.rows else ""
            raise ImportStoppedError(f"{error}{hint}") from error
    state.unlink(missing_ok=True)
    taken = f"{done.rows:,} rows, {done.events:,} events taken"
    if not done.refused:
        refused_file.unlink(missing_ok=True)
        console.print(taken)
        return
    console.print(f"{taken}, {done.refused:,} problems: see {escape(refused_file.name)}", soft_wrap=True)
    sys.exit(SOME_REFUSED)


def _of_stage(name: str) -> tuple[str, str]:
    stage = Stage(name)
    return stage.api_url, stage.key("server")


def _begun(state: Path, *, resume: bool, console: Console) -> Done:
    if resume:
        done = resumed(state)
        console.print(f"going on after {done.rows:,} rows")
        return done
    if state.exists():
        console.print("an earlier import of this file was not finished; this one begins anew (--resume goes on)")
    return Done()


# --- what the file says


def _pairs(asked: argparse.Namespace) -> list[str]:
    return [*asked.map, *([f"{asked.created_at}=timestamp"] if asked.created_at else [])]


def _reading(asked: argparse.Namespace) -> dict[str, Any]:
    """Return what makes the same file say something else."""
    said = sorted(said_mapping(_pairs(asked), asked.map_file).items())
    return {"map": said, "zone": str(asked.zone), "as_of": asked.as_of}


def _source(asked: argparse.Namespace, console: Console) -> Source:
    path: Path = asked.file
    pairs = _pairs(asked)
    if path.suffix.lower() in _LINES:
        if pairs or asked.map_file:
            raise FileError(f"{path.name}: --map is for files of people; events say themselves what they are")
        return Source(path, ["event"], _event_rows, _event_calls, str)
    if path.suffix.lower() not in _TABLES:
        raise FileError(f"{path.name}: name it .csv for people, or .jsonl for events")
    with opened(path) as (text, _):
        header = next(table_rows(text), None)
    if header is None or header.problem is not None:
        raise FileError(f"{path.name} has no header: write the names of the columns into the first line")
    columns = columns_of(header.cells, said_mapping(pairs, asked.map_file))
    as_of = int(path.stat().st_mtime) if asked.as_of is None else asked.as_of
    people = People(columns, asked.zone, as_of)
    _show(columns, as_of, console)
    return Source(path, header.cells, _people_rows, lambda row: _people_calls(row, people), people.header_of)


def _show(columns: Sequence[Column], as_of: int, console: Console) -> None:
    for column in columns:
        if column.field is None:
            console.print(f"  {escape(column.header)}  [dim]left out[/]", soft_wrap=True)
            continue
        means = f"{column.field}{LIST if column.listed else ''}"
        console.print(
            f"  {escape(column.header)} = {escape(means)}{'  [dim]guessed[/]' if column.guessed else ''}",
            soft_wrap=True,
        )
    if not any(column.field == "timestamp" for column in columns):
        console.print(f"  every row counts as said at {instant_text(as_of)}", soft_wrap=True)


def _people_rows(text: Any) -> Iterator[Row]:
    return itertools.islice(table_rows(text), 1, None)


def _event_rows(text: Any) -> Iterator[Row]:
    return (Row(number, [line.strip()]) for number, line in enumerate(lines(text), start=1) if line.strip())


def _people_calls(row: Row, people: People) -> tuple[list[dict[str, Any]], list[Problem]]:
    calls = import_people.calls_of(row.cells, people)
    _, refused = read_batch({"history": True, "batch": calls}, intake="server", received_at=people.as_of)
    for each in refused:
        raise InvalidInputError(each.field, each.message)
    return calls, []


def _event_calls(row: Row) -> tuple[list[dict[str, Any]], list[Problem]]:
    try:
        return import_calls.calls_of(row.cells[0])
    except InvalidInputError:
        raise
    except ValueError as error:
        raise InvalidInputError("the line", str(error)) from error


def _prepared(source: Source, row: Row) -> Prepared:
    """Return the row as it will be sent, held against what a stage takes."""
    try:
        if row.problem is not None:
            raise row.problem
        calls, problems = source.calls(row)
    except InvalidInputError as error:
        return Prepared(row, (), [(source.named(error.field), error.problem)])
    return Prepared(row, [json.dumps(call, separators=(",", ":")).encode() for call in calls], problems)


def _batches(source: Source, text: Any, skip: int) -> Iterator[Batch]:
    batch = Batch()
    for row in itertools.islice(source.rows(text), skip, None):
        each = _prepared(source, row)
        if batch.rows and (not batch.has_room(each) or len(batch.rows) >= MAX_EVENTS):
            yield batch
            batch = Batch()
        batch.add(each)
    if batch.rows:
        yield batch


def _try_out(source: Source, console: Console) -> None:
    """Read the whole file as an import would, and print what would become of it."""
    rows = events = refused = 0
    with opened(source.path) as (text, _):
        for batch in _batches(source, text, 0):
            rows += len(batch.rows)
            events += len(batch.events)
            for each in batch.rows:
                for named, problem in each.problems:
                    refused += 1
                    if refused <= SHOWN:
                        console.print(f"line {each.row.line}: {escape(named)} {escape(problem)}", soft_wrap=True)
    if refused > SHOWN:
        console.print(f"... and {refused - SHOWN:,} more")
    console.print(f"{rows:,} rows would be {events:,} events, {refused:,} problems; nothing was sent")
    if refused:
        sys.exit(SOME_REFUSED)


# --- sending it


def _send_all(source: Source, sender: Sender, ledger: Ledger, *, rate: float | None) -> None:
    """Send batch after batch over several connections; what is acknowledged is entered in the order of the file."""
    under_way: collections.deque[tuple[Batch, Future[list[Refused]]]] = collections.deque()
    began, before = time.monotonic(), ledger.done.rows
    made = 0
    with opened(source.path) as (text, raw), closing(sender), ThreadPoolExecutor(CONNECTIONS) as pool:
        try:
            for batch in _batches(source, text, before):
                if rate is not None:
                    time.sleep(max(0.0, began + made / rate - time.monotonic()))
                made += len(batch.rows)
                ledger.progress.position = raw.tell()
                under_way.append((batch, pool.submit(_sent, sender, batch)))
                while under_way and (len(under_way) > WAITING or under_way[0][1].done()):
                    _settle(under_way, ledger, source)
            while under_way:
                _settle(under_way, ledger, source)
        except BaseException:
            sender.stop.set()
            pool.shutdown(cancel_futures=True)
            _settle_what_was_taken(under_way, ledger, source)
            raise


def _sent(sender: Sender, batch: Batch) -> list[Refused]:
    return send(sender, batch.events) if batch.events else []


def _settle(
    under_way: "collections.deque[tuple[Batch, Future[list[Refused]]]]", ledger: Ledger, source: Source
) -> None:
    batch, sending = under_way[0]
    refused = sending.result()
    under_way.popleft()
    ledger.enter(batch, refused, source.named)


def _settle_what_was_taken(
    under_way: "collections.deque[tuple[Batch, Future[list[Refused]]]]", ledger: Ledger, source: Source
) -> None:
    """Enter what the stage has of what was under way, up to the first batch it does not have."""
    while under_way:
        try:
            _settle(under_way, ledger, source)
        except (CancelledError, RipenError):
            return
