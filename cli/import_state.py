"""
How far an import is, written down as the stage acknowledges it: what a later run goes on from, and what was left out.

A state is written after each batch, in the order of the file, and says how long the file of refused rows was then: a run
that goes on cuts that file back to it, so that no row stands there twice.
"""

import csv
import hashlib
import io
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from cli.import_calls import Problem
from cli.import_files import FileError, Row
from cli.import_sending import WRAPPING, Refused
from shared.intake.segment import MAX_EVENTS

BATCH_BYTES = 480_000
"""Largest body: what a stage takes, 500 KB, less a margin."""

BATCH_VALUES = 28_000
"""Most values of a body, counted by its signs: what a stage takes, 30,000, less a margin."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """One row as it will be sent: its events as JSON, and what is wrong with it."""

    row: Row
    events: Sequence[bytes]
    problems: Sequence[Problem]


@dataclass
class Batch:
    """Rows that are sent together; `origins` has the place in `rows` that each event came from."""

    rows: list[Prepared] = field(default_factory=list)
    events: list[bytes] = field(default_factory=list)
    origins: list[int] = field(default_factory=list)
    size: int = WRAPPING
    values: int = 0

    def has_room(self, each: Prepared) -> bool:
        """Tell whether the row goes in as well. One that no batch has room for goes alone, and is sent in parts."""
        return (
            len(self.events) + len(each.events) <= MAX_EVENTS
            and self.size + _size(each.events) <= BATCH_BYTES
            and self.values + _values(each.events) <= BATCH_VALUES
        )

    def add(self, each: Prepared) -> None:
        self.origins += [len(self.rows)] * len(each.events)
        self.rows.append(each)
        self.events += each.events
        self.size += _size(each.events)
        self.values += _values(each.events)


def _size(events: Sequence[bytes]) -> int:
    return sum(len(event) + 1 for event in events)


def _values(events: Sequence[bytes]) -> int:
    """Return how many values the events are taken to hold, by their signs as a stage counts them."""
    return sum(1 + event.count(b",") + event.count(b"[") + event.count(b"{") for event in events)


@dataclass
class Done:
    """How far the import is: rows of the file, and what became of them. It is the file that a later run goes on from."""

    rows: int = 0
    events: int = 0
    refused: int = 0
    refused_bytes: int = 0
    """Length of the file of refused rows that belongs to this state."""


def state_file(path: Path, url: str, reading: Mapping[str, Any]) -> Path:
    """Return where the state of this import is kept: of this file as it is, to this stage, read in this way."""
    about = path.stat()
    said = {"file": path.name, "size": about.st_size, "changed": about.st_mtime_ns, "url": url, **reading}
    name = hashlib.blake2b(json.dumps(said, sort_keys=True).encode(), digest_size=8).hexdigest()
    return path.with_name(f".ripen-import-{name}")


def resumed(state: Path) -> Done:
    """Return how far the earlier import came. Raises FileError when there was none like this one."""
    try:
        return Done(**json.loads(state.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise FileError(
            "there is nothing to go on from: no unfinished import of this file, as it is, to this stage with these columns"
        ) from None
    except (ValueError, TypeError):
        raise FileError(f"{state.name} is damaged: delete it, and begin without --resume") from None


class RefusedRows:
    """The file of rows that were left out: line, column, what to do, and the row. It grows as batches are done."""

    def __init__(self, path: Path, header: Sequence[str], done: Done) -> None:
        self._file = path.open("r+b" if done.refused_bytes and path.exists() else "wb")
        self._file.truncate(done.refused_bytes)
        self._file.seek(0, 2)
        if not self._file.tell():
            self._file.write("\ufeff".encode())
            self._write(["line", "column", "what to do", *header])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, row: Row, problem: Problem) -> None:
        self._write([str(row.line), *problem, *row.cells])

    def flush(self) -> int:
        self._file.flush()
        return self._file.tell()

    def _write(self, cells: Sequence[str]) -> None:
        self._file.write(_as_csv(cells))


def _as_csv(cells: Sequence[str]) -> bytes:
    line = io.StringIO(newline="")
    csv.writer(line).writerow(cells)
    return line.getvalue().encode(errors="replace")


class Progress:
    """One line on the screen: rows, rows a second, problems, and how long it will take."""

    def __init__(self, path: Path, done: Done) -> None:
        self.position = 0
        self._size = max(path.stat().st_size, 1)
        self._done = done
        self._before = done.rows
        self._began = self._shown = time.monotonic()
        self._redraws = sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._print(end="\n")

    def show(self) -> None:
        """Draw the line again, twice a second at most; without a terminal, every ten seconds."""
        now = time.monotonic()
        if now - self._shown >= (0.5 if self._redraws else 10):
            self._shown = now
            self._print(end="" if self._redraws else "\n")

    def _print(self, end: str) -> None:
        spent = max(time.monotonic() - self._began, 0.001)
        speed = (self._done.rows - self._before) / spent
        part = min(self.position / self._size, 1)
        left = f", about {spent / part * (1 - part):,.0f} s left" if 0 < part < 1 else ""
        line = (
            f"{self._done.rows:,} rows, {speed:,.0f} a second, {self._done.refused:,} problems, {part:.0%} read{left}"
        )
        print(f"\r\x1b[K{line}" if self._redraws else line, end=end, file=sys.stderr, flush=True)


@dataclass
class Ledger:
    """Where what is done is written down: the state to go on from, the refused rows, the line on the screen."""

    done: Done
    state: Path
    refused: RefusedRows
    progress: Progress

    def enter(self, batch: Batch, refused: Sequence[Refused], named: Callable[[str], str]) -> None:
        """Note a batch that the stage has, in the order of the file: everything before it is done."""
        told: dict[int, list[Problem]] = {}
        for each in refused:
            told.setdefault(batch.origins[each.index], []).append((named(each.field), each.problem))
        for place, row in enumerate(batch.rows):
            for problem in (*row.problems, *told.get(place, ())):
                self.refused.write(row.row, problem)
                self.done.refused += 1
        self.done.rows += len(batch.rows)
        self.done.events += len(batch.events) - len(refused)
        self.done.refused_bytes = self.refused.flush()
        unfinished = self.state.with_name(f"{self.state.name}.new")
        unfinished.write_text(json.dumps(asdict(self.done)), encoding="utf-8")
        unfinished.replace(self.state)
        self.progress.show()
