"""
Reading files of any size row by row: their encoding, their delimiter, and rows that are broken.

One pass and flat memory: nothing is kept but the row at hand.
"""

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.errors import InvalidInputError, RipenError

MAX_LINE = 2_000_000
"""Characters of a line. What has longer ones is no file of people or events."""

MAX_CELL = 131_072
"""Characters of a cell. A quote that is never closed takes no more than this with it."""

DELIMITERS = ",;\t"

_OTHERS = "ripen-cp1252"


class FileError(RipenError):
    """The file as a whole cannot be read; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the line it begins in, its cells, and what is wrong with it if it could not be cut into cells."""

    line: int
    cells: Sequence[str]
    problem: InvalidInputError | None = None


def _as_windows_1252(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", errors="replace"), error.end


codecs.register_error(_OTHERS, _as_windows_1252)


@contextmanager
def opened(path: Path) -> Iterator[tuple[io.TextIOWrapper, io.BufferedReader]]:
    """
    Open the file as text, whatever wrote it, and as the bytes beneath, which tell how far it has been read.

    UTF-8, and UTF-16 where a mark says so; bytes that are no UTF-8 are read as Windows-1252, which old exports are in.
    """
    with path.open("rb") as raw:
        marked = raw.peek(2)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        encoding, errors = ("utf-16", "replace") if marked else ("utf-8-sig", _OTHERS)
        with io.TextIOWrapper(raw, encoding=encoding, errors=errors, newline="") as text:
            yield text, raw


def lines(text: io.TextIOWrapper) -> Iterator[str]:
    """Yield the lines with their ends. Raises FileError at one that is longer than any file of ours has."""
    number = 0
    while line := text.readline(MAX_LINE):
        number += 1
        if len(line) == MAX_LINE and line[-1] not in "\r\n":
            raise FileError(f"line {number} is over {MAX_LINE // 1_000_000} MB: is this the right file?")
        yield line


def table_rows(text: io.TextIOWrapper) -> Iterator[Row]:
    """
    Yield the rows of a delimited file, the header first; blank rows are left out.

    The delimiter is the one of comma, semicolon and tab that the header has most of. A row that cannot be cut has a
    problem; the ones after it are read.
    """
    header = text.readline(MAX_LINE)
    delimiter = max(DELIMITERS, key=_outside_quotes(header).count)
    text.seek(0)
    csv.field_size_limit(MAX_CELL)
    reader = csv.reader(lines(text), delimiter=delimiter)
    width = 0
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error:
            problem = InvalidInputError("the row", f"has a cell over {MAX_CELL // 1024} KB: is a quote never closed?")
            yield Row(line, [], problem)
            continue
        if cells is None:
            return
        if not any(cell.strip() for cell in cells):
            continue
        width = width or len(cells)
        yield Row(line, cells, None if len(cells) == width else _uneven(len(cells), width))


def _uneven(found: int, width: int) -> InvalidInputError:
    return InvalidInputError(
        "the row", f"has {found} cells and the header {width}: quote cells with a delimiter inside"
    )


def _outside_quotes(line: str) -> str:
    return "".join(line.split('"')[::2])
