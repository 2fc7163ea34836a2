"""`ripen lead show`, `ripen lead adjust` and `ripen leads`: what the API of a stage says of leads, and points by hand."""

import argparse
import getpass
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.stage import Stage
from cli.text import points, signed
from shared.errors import RipenError
from shared.instants import instant_text

SECONDS = 30


class ApiError(RipenError):
    """The API refused the request or did not answer."""


def show(asked: argparse.Namespace, console: Console) -> None:
    """Print one lead with its score line by line."""
    if asked.email is not None:
        lead = _ask(asked, "/v1/leads/lookup", body={"email": asked.email})
    else:
        lead = _ask(asked, f"/v1/leads/{quote(asked.id, safe='')}")
    if asked.json:
        _print_json(lead, console)
        return
    score, settled = lead["score"], lead["settled"]
    console.print(f"[bold]{escape(_name(lead))}[/]  {lead['lead_id']}")
    for field, register in lead["profile"].items():
        console.print(
            f"  {field:<12} {escape(str(register['value']))}{'' if register['proven'] else '  [dim]unproven[/]'}"
        )
    console.print(
        f"\n{points(score['total'])} points as of {lead['as_of']}, grade {score['grade']}, level {score['level']}, "
        f"band {score['band']} (settled {settled['band']}, stage {settled['stage']})"
    )
    console.print(_lines(score["lines"], score["total"]))
    if score["next_change_at"]:
        console.print(f"next change without a new event: {score['next_change_at']}")
    for handoff in lead["handoffs"]:
        console.print(
            f"handoff {handoff['number']}: {handoff['state']}, {handoff['priority']} priority, {handoff['owner']}"
        )
    for run in lead["enrollments"]:
        due = f", next mail due {run['due_at']}" if run.get("due_at") else ""
        console.print(f"track {run['track']}: {run['status']}, step {run['step']}{due}")


def adjust(asked: argparse.Namespace, console: Console) -> None:
    """Give a lead points, or take some, by hand."""
    lead_id = asked.id or _ask(asked, "/v1/leads/lookup", body={"email": asked.email})["lead_id"]
    body = {"points": asked.points, "reason": asked.reason, "by": asked.by or getpass.getuser()}
    if asked.seconds is not None:
        body["until"] = instant_text(int(time.time()) + asked.seconds)
    taken = _ask(asked, f"/v1/leads/{quote(lead_id, safe='')}/adjustments", body=body)
    until = f" until {body['until']}" if "until" in body else ""
    console.print(
        f"{signed(Decimal(str(asked.points)))} for {escape(lead_id)}{until}, by {escape(body['by'])}: "
        f"{escape(body['reason'])}. The score follows within seconds; the same again counts once ({taken['event_id']})."
    )


def rank(asked: argparse.Namespace, console: Console) -> None:
    """Print the best leads, the best first."""
    query = {"limit": str(asked.limit)} | ({} if asked.band is None else {"band": asked.band})
    found = _ask(asked, "/v1/leads", query=query)
    if asked.json:
        _print_json(found, console)
        return
    table = Table("#", "Lead", "Points", "Grade", "Band", "Stage", "Id")
    for place, lead in enumerate(found["leads"], start=1):
        score = lead["score"]
        what = ", ".join(str(part) for part in (lead["title"], lead["company"]) if part)
        table.add_row(
            str(place), escape(f"{lead['name'] or 'unknown'}{f' ({what})' if what else ''}"), points(score["total"]),
            f"{score['grade']}{score['level']}", score["band"], lead["settled"]["stage"], lead["lead_id"],
        )  # fmt: skip
    console.print(table)


def _lines(lines: list[dict[str, Any]], total: Decimal) -> Table:
    table = Table(show_footer=True)
    table.add_column("What counts", footer="Total")
    table.add_column("Facts", justify="right")
    table.add_column("When new", justify="right")
    table.add_column("Points", justify="right", footer=points(total))
    for line in lines:
        table.add_row(
            escape(line["label"]),
            str(line["facts"]) if line["facts"] else "",
            "" if line["decayed_from"] is None else signed(line["decayed_from"]),
            signed(line["points"]),
        )
    return table


def _name(lead: Mapping[str, Any]) -> str:
    profile = lead["profile"]
    parts = [str(profile[field]["value"]) for field in ("first_name", "last_name") if field in profile]
    return " ".join(parts) or "Somebody without a name"


def _ask(
    asked: argparse.Namespace, path: str, *, query: Mapping[str, str] | None = None, body: Any = None
) -> dict[str, Any]:
    """
    Ask the API as the stage's administrator.

    Raises:
        ApiError: It refused, or did not answer.
    """
    stage = Stage(asked.stage)
    said = dict(query or {}) | ({} if asked.as_of is None else {"as_of": instant_text(asked.as_of)})
    request = urllib.request.Request(  # noqa: S310 - the address is the stage's own
        f"{stage.api_url}{path}{'?' if said else ''}{urlencode(said)}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"authorization": f"Bearer {stage.key('admin')}", "content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - as above
            return dict(json.loads(answer.read(), parse_float=Decimal))
    except urllib.error.HTTPError as error:
        raise ApiError(_refusal(error)) from error
    except urllib.error.URLError as error:
        raise ApiError(f"{stage.api_url} does not answer: {error.reason}") from error


def _refusal(error: urllib.error.HTTPError) -> str:
    try:
        said = json.loads(error.read())
        return f"the API answered {error.code}: {said['message']}"
    except (ValueError, KeyError, TypeError):
        return f"the API answered {error.code}"


def _print_json(said: Any, console: Console) -> None:
    console.out(json.dumps(said, indent=2, ensure_ascii=False, default=float), highlight=False)
