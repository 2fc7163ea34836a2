"""`ripen suppress`: addresses that are never mailed again because people say so, one or another tool's whole list."""

import argparse
import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from cli.leads import ask, print_json
from cli.whoami import whoami
from shared.errors import NaiveTimeError, RipenError
from shared.instants import instant_text, parse_instant

AT_ONCE = 100
"""Addresses of one request, as many as the API takes."""

COLUMNS = {"address": "email", "email": "email", "reason": "reason", "at": "at"}
"""Columns of a file, by the field each is."""

REASONS = {
    "bounced": "bounced", "bounce": "bounced", "hard_bounce": "bounced", "hard bounce": "bounced",
    "complained": "complained", "complaint": "complained", "spam": "complained",
    "unsubscribed": "unsubscribed", "unsubscribe": "unsubscribed", "opt_out": "unsubscribed",
    "manual": "manual", "suppressed": "manual",
}  # fmt: skip
"""What other tools call the reasons."""


_ADDRESS = re.compile(r"(?=.{1,254}$)\S+@[^\s@]+")
"""What the API takes for one: a line it refused would stop the list in its middle."""


class SuppressionFileError(RipenError):
    """The file cannot be used: nothing of it was sent."""


def add(asked: argparse.Namespace, console: Console) -> None:
    """Never mail an address again."""
    entry = {"email": asked.email, "reason": "manual", "why": asked.reason}
    said = ask(asked, "/v1/suppressions", body={"suppressions": [entry], "by": asked.by or whoami()})
    known = "was suppressed already" if said["known"] else "is suppressed"
    console.print(f"{escape(asked.email)} {known}: no mail goes there.", soft_wrap=True)


def remove(asked: argparse.Namespace, console: Console) -> None:
    """Take a suppression back; what the person said stays."""
    body = {"email": asked.email, "reason": asked.reason, "by": asked.by or whoami()}
    said = ask(asked, "/v1/suppressions/remove", body=body)
    stopped = f" It was stopped at {said['stopped_at']}, and stays so." if said["stopped_at"] else ""
    console.print(
        f"{escape(asked.email)} may be mailed again, as far as its consent allows.{stopped} Amazon SES keeps a list of its "
        "own: after a bounce, take the address off there too.",
        soft_wrap=True,
    )


def show(asked: argparse.Namespace, console: Console) -> None:
    """Print what one address allows."""
    print_json(ask(asked, "/v1/suppressions/lookup", body={"email": asked.email}), console)


def import_file(asked: argparse.Namespace, console: Console) -> None:
    """Send a file, a hundred lines at a time. Sent again, what is known already stays as it is."""
    entries = list(read_file(asked.file))
    by = asked.by or whoami()
    added = sent = 0
    while chunk := entries[sent : sent + AT_ONCE]:
        said = ask(asked, "/v1/suppressions", body={"suppressions": chunk, "by": by})
        added, sent = added + said["added"], sent + len(chunk)
        console.print(f"{sent} of {len(entries)} sent, {added} new", soft_wrap=True)
    if not entries:
        console.print("the file has no lines", soft_wrap=True)


def read_file(path: Path) -> Iterator[dict[str, Any]]:
    """
    Return the lines of a CSV file as the API takes them.

    Raises:
        SuppressionFileError: Naming the first line that cannot be used.
    """
    try:
        yield from _entries(path)
    except UnicodeDecodeError as error:
        raise SuppressionFileError(f"{path}: is no UTF-8 text; save it as CSV in UTF-8") from error
    except csv.Error as error:
        raise SuppressionFileError(f"{path}: is no CSV file: {error}") from error


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        fields = {name: COLUMNS.get(name.strip().lower()) for name in reader.fieldnames or ()}
        if not {"email", "reason"} <= set(fields.values()):
            raise SuppressionFileError(
                f"{path}: the first line must name the columns address, reason and, if known, at"
            )
        for row in reader:
            said = {field: (row[name] or "").strip() for name, field in fields.items() if field is not None}
            yield _entry(said, f"{path}, line {reader.line_num}")


def _entry(said: Mapping[str, str], place: str) -> dict[str, Any]:
    if not _ADDRESS.fullmatch(said["email"]) or not said["email"].isprintable():
        raise SuppressionFileError(f"{place}: address must be a mail address")
    reason = REASONS.get(said["reason"].lower())
    if reason is None:
        raise SuppressionFileError(f"{place}: reason must be one of bounced, complained, unsubscribed, manual")
    entry = {"email": said["email"], "reason": reason}
    if not said.get("at"):
        return entry
    try:
        return entry | {"at": instant_text(parse_instant(said["at"]))}
    except (NaiveTimeError, OverflowError, ValueError) as error:
        raise SuppressionFileError(f"{place}: at must be a time with a zone, as in 2026-01-05T09:00:00Z") from error
