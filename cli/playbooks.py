"""`ripen playbook`: is it usable, and what does it say."""

import argparse
import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.text import points, signed
from shared.instants import DAY
from shared.playbook import PlaybookError, compile_playbook


def check(asked: argparse.Namespace, console: Console) -> None:
    """
    Say that the playbook can be used.

    Raises:
        PlaybookError: It cannot; the message lists every problem with its line.
    """
    document = _compiled(asked.file)
    scoring = document["scoring"]
    console.print(
        f"{asked.file} can be used: {len(scoring['fit'])} fit rules, {len(scoring['engagement'])} engagement rules, "
        f"{len(document['tracks'])} tracks; to be reviewed by {document['agreement']['review_by']}",
        soft_wrap=True,
    )


def show(asked: argparse.Namespace, console: Console) -> None:
    """Print what earns how many points, and what follows from a score."""
    document = _compiled(asked.file)
    scoring, agreement = document["scoring"], document["agreement"]
    console.print(f"[bold]{document['name']}[/], to be reviewed by {agreement['review_by']}")
    console.print(f"  MQL  {escape(agreement['mql'])}")
    console.print(f"  SQL  {escape(agreement['sql'])}")
    fit = Table("Fit", "Points", "Of whom")
    for rule in scoring["fit"]:
        fit.add_row(rule["label"], _signed(rule["points"]), escape(json.dumps(rule["where"], ensure_ascii=False)))
    console.print(fit)
    engagement = Table("Engagement", "Points", "Counts", "Decay", "Event")
    for rule in scoring["engagement"]:
        engagement.add_row(
            rule["label"],
            _signed(rule["points"]),
            _counts(rule["counts"]),
            _decay(rule.get("decay")),
            ", ".join(rule["on"]),
        )
    console.print(engagement)
    for step in scoring["inactivity"]:
        console.print(f"No activity for {step['days']} days: {_signed(step['points'])}")
    bands = ", ".join(f"{name} from {_points(scoring['bands'][name])}" for name in ("engaged", "sales_ready"))
    console.print(f"Bands: early, {bands}; held for {_points(scoring['hysteresis'])} points less")


def _compiled(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise PlaybookError([f"{path}: there is no such file"])
    return compile_playbook(path)


def _points(milli_points: int) -> str:
    return points(Decimal(milli_points) / 1000)


def _signed(milli_points: int) -> str:
    return signed(Decimal(milli_points) / 1000)


def _counts(counts: Mapping[str, Any]) -> str:
    most = counts["most"]
    match counts["form"]:
        case "once":
            return "once"
        case "every":
            return f"every time, {most} at most"
        case "per_day":
            return f"{counts['a_day']} a day, {most} days at most"
        case form:
            return (
                f"once for each {counts['asset'].rpartition('.')[2]}, {most} at most" if form == "per_asset" else form
            )


def _decay(decay: Mapping[str, Any] | None) -> str:
    if not decay:
        return "none"
    if decay.get("half_life_seconds"):
        return f"halves in {_days(decay['half_life_seconds'])}"
    return f"ends after {_days(decay['expires_seconds'])}" if decay.get("expires_seconds") else "none"


def _days(seconds: int) -> str:
    return f"{points(Decimal(seconds) / DAY)} days"
