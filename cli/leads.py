"""`ripen lead` and `ripen leads`: what the API of a stage says of leads, points by hand, and people's rights."""

import argparse
import http.client
import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TextIO
from urllib.parse import quote, urlencode

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.stage import Stage
from cli.text import points, signed
from cli.whoami import whoami
from shared.errors import RipenError
from shared.instants import instant_text

SECONDS = 30

LONGEST_WAIT = 600
LOOK_EVERY = 2
"""Seconds an erasure is waited for at most, and between two looks."""


class ApiError(RipenError):
    """The API refused the request or did not answer."""


def show(asked: argparse.Namespace, console: Console) -> None:
    """Print one lead with its score line by line."""
    if asked.email is not None:
        lead = ask(asked, "/v1/leads/lookup", body={"email": asked.email})
    else:
        lead = ask(asked, f"/v1/leads/{quote(asked.id, safe='')}")
    if asked.json:
        print_json(lead, console)
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
        why = f" ({run['reason']})" if run.get("reason") else ""
        console.print(f"track {run['track']}: {run['status']}{why}, step {run['step']}{due}", markup=False)


def adjust(asked: argparse.Namespace, console: Console) -> None:
    """Give a lead points, or take some, by hand."""
    lead_id = asked.id or ask(asked, "/v1/leads/lookup", body={"email": asked.email})["lead_id"]
    body = {"points": asked.points, "reason": asked.reason, "by": asked.by or whoami()}
    if asked.seconds is not None:
        body["until"] = instant_text(int(time.time()) + asked.seconds)
    taken = ask(asked, f"/v1/leads/{quote(lead_id, safe='')}/adjustments", body=body)
    until = f" until {body['until']}" if "until" in body else ""
    console.print(
        f"{signed(Decimal(str(asked.points)))} for {escape(lead_id)}{until}, by {escape(body['by'])}: "
        f"{escape(body['reason'])}. The score follows within seconds; the same again counts once ({taken['event_id']})."
    )


def judge(asked: argparse.Namespace, console: Console) -> None:
    """Say who was at work, by hand."""
    lead_id = asked.id or ask(asked, "/v1/leads/lookup", body={"email": asked.email})["lead_id"]
    body = {
        "verdict": asked.verdict,
        "from": instant_text(asked.since),
        "until": instant_text(asked.until),
        "reason": asked.reason,
        "by": asked.by or whoami(),
    }
    taken = ask(asked, f"/v1/leads/{quote(lead_id, safe='')}/verdicts", body=body)
    console.print(
        f"{asked.verdict} for {escape(lead_id)} from {body['from']} until {body['until']}, by {escape(body['by'])}: "
        f"{escape(body['reason'])}. The score follows within seconds ({taken['event_id']})."
    )


def rank(asked: argparse.Namespace, console: Console) -> None:
    """Print the best leads, the best first."""
    query = {"limit": str(asked.limit)} | ({} if asked.band is None else {"band": asked.band})
    found = ask(asked, "/v1/leads", query=query)
    if asked.json:
        print_json(found, console)
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


def export(asked: argparse.Namespace, console: Console) -> None:
    """Write everything held about one person as one JSON document, page by page as it is read; a file is whole or not there."""
    lead_id = _lead_id(asked)
    if asked.out is None:
        _write_export(asked, lead_id, sys.stdout)
        return
    unfinished = asked.out.with_name(f"{asked.out.name}.new")
    try:
        with unfinished.open("w", encoding="utf-8") as out:
            number = _write_export(asked, lead_id, out)
        unfinished.replace(asked.out)
    finally:
        unfinished.unlink(missing_ok=True)
    console.print(f"{number} items about {lead_id} in {asked.out}", soft_wrap=True)


def _write_export(asked: argparse.Namespace, lead_id: str, out: TextIO) -> int:
    cursor: str | None = None
    number = 0
    while True:
        page = ask(asked, f"/v1/leads/{lead_id}/export", query={} if cursor is None else {"cursor": cursor})
        if number == 0 and cursor is None:
            head = {"schema": page["schema"], "lead_id": page["lead_id"], "exported_at": instant_text(int(time.time()))}
            out.write(json.dumps(head)[:-1] + ', "items": [')
        for item in page["items"]:
            out.write(",\n" if number else "\n")
            out.write(json.dumps(item, ensure_ascii=False, default=float))
            number += 1
        cursor = page["next"]
        if cursor is None:
            out.write("\n]}\n")
            return number


def erase(asked: argparse.Namespace, console: Console) -> None:
    """Erase one person, for good; the proof is printed when it is done."""
    whom = asked.email or asked.user_id or asked.id
    if not asked.yes:
        raise ApiError(f"nothing was erased: say --yes to erase everything about {whom}, for good")
    body = {"by": asked.by or whoami(), "reason": asked.reason}
    if asked.id is not None:
        said = ask(asked, f"/v1/leads/{quote(asked.id, safe='')}/erase", body=body)
    else:
        named = {"user_id": asked.user_id} if asked.email is None else {"email": asked.email}
        said = ask(asked, "/v1/leads/erase", body=named | body)
    console.print(f"There is no such lead any more. Erasure {said['erasure']} removes what is left.", soft_wrap=True)
    if asked.wait:
        print_json(_finished(asked, said["erasure"]), console)


def erasure(asked: argparse.Namespace, console: Console) -> None:
    """Print an erasure: how far it is, or the proof."""
    print_json(ask(asked, f"/v1/erasures/{quote(asked.id, safe='')}"), console)


def _finished(asked: argparse.Namespace, erasure_id: str) -> dict[str, Any]:
    """
    Return the erasure once it is done.

    Raises:
        ApiError: It is not, after ten minutes; it goes on by itself.
    """
    end = time.monotonic() + LONGEST_WAIT
    while (said := ask(asked, f"/v1/erasures/{erasure_id}"))["state"] != "done":
        if time.monotonic() > end:
            raise ApiError(f"erasure {erasure_id} is not done after {LONGEST_WAIT} seconds; it goes on by itself")
        time.sleep(LOOK_EVERY)
    return said


def _lead_id(asked: argparse.Namespace) -> str:
    if asked.email is None:
        return quote(asked.id, safe="")
    return str(ask(asked, "/v1/leads/lookup", body={"email": asked.email})["lead_id"])


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


def ask(
    asked: argparse.Namespace, path: str, *, query: Mapping[str, str] | None = None, body: Any = None,
    method: str | None = None,
) -> dict[str, Any]:  # fmt: skip
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
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - as above
            return dict(json.loads(answer.read(), parse_float=Decimal))
    except urllib.error.HTTPError as error:
        raise ApiError(_refusal(error)) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error) or type(error).__name__
        raise ApiError(f"{stage.api_url} does not answer: {reason}") from error
    except (TypeError, ValueError) as error:
        raise ApiError(f"{stage.api_url} answers what is no answer of Ripen: is the address right?") from error


def _refusal(error: urllib.error.HTTPError) -> str:
    try:
        said = json.loads(error.read())
        return f"the API answered {error.code}: {said['message']}"
    except (ValueError, KeyError, TypeError):
        return f"the API answered {error.code}"


def print_json(said: Any, console: Console) -> None:
    console.out(json.dumps(said, indent=2, ensure_ascii=False, default=float), highlight=False)
