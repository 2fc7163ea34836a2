"""What the demo prints: one function for each table, from what the API, Slack and the inbox said."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from html import unescape
from typing import Any

from rich.markup import escape
from rich.table import Table

from infra.local.companion.mrkdwn import PEOPLE

Json = Mapping[str, Any]

BAND_STYLES = {"sales_ready": "bold green", "engaged": "yellow", "early": "cyan"}


def points(number: Decimal) -> str:
    """Return points as people write them: no trailing zeros, always the same number of decimals they have."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def signed(number: Decimal) -> str:
    return f"+{points(number)}" if number > 0 else points(number)


def ranking_table(leads: Sequence[Json]) -> Table:
    made = Table(title="Who is worth a call", title_justify="left", expand=False)
    for column, options in (
        ("#", {"justify": "right"}), ("Lead", {}), ("Band", {}), ("Points", {"justify": "right"}), ("Grade", {}), ("Why", {}),
    ):  # fmt: skip
        made.add_column(column, **options)  # type: ignore[arg-type]  # the options of rich, by name
    for place, lead in enumerate(leads, start=1):
        score = lead["score"]
        made.add_row(
            str(place),
            f"{escape(lead['name'])}\n[dim]{escape(', '.join(filter(None, (lead['title'], lead['company']))))}[/]",
            f"[{BAND_STYLES[score['band']]}]{score['band']}[/]\n[dim]{lead['settled']['stage']}[/]",
            points(score["total"]),
            f"{score['grade']}{score['level']}",
            _top(score["lines"]),
        )
    return made


def _top(lines: Iterable[Json]) -> str:
    weighty = sorted(lines, key=lambda line: (-abs(line["points"]), line["rule"]))[:3]
    return "\n".join(f"{signed(line['points']):>8}  {line['label']}" for line in weighty)


def explanation_table(lead: Json, title: str) -> Table:
    """Return the score line by line; the last row is the total the API gives."""
    made = Table(title=title, title_justify="left", show_footer=True)
    made.add_column("What counts", footer="Total")
    made.add_column("Facts", justify="right")
    made.add_column("When new", justify="right")
    made.add_column("Now", justify="right", footer=points(lead["score"]["total"]))
    for line in lead["score"]["lines"]:
        made.add_row(
            line["label"],
            str(line["facts"]) if line["facts"] else "",
            "" if line["decayed_from"] is None else signed(line["decayed_from"]),
            signed(line["points"]),
        )
    return made


def alerts_table(messages: Sequence[Json]) -> Table:
    made = Table(title="Alerts in Slack", title_justify="left")
    for column in ("Lead", "Priority and score", "Owner", "Why now", "Contact by"):
        made.add_column(column)
    for message in messages:
        texts = _texts(message)
        made.add_row(
            escape(texts[0]),
            _found(r"\*(\w+ priority)\*", texts) + "\n[dim]" + _found(r"\*([\d.]+ points)\*", texts) + "[/]",
            mentioned(" ".join(texts)),
            escape(_found(r"Why now\n(.*)", texts)),
            _found(r"\*Contact\* by (.*?) \(", texts),
        )
    return made


def mentioned(text: str) -> str:
    """Return the name of the first person a message mentions."""
    member = re.search(r"<@(\w+)>", text)
    return "" if member is None else PEOPLE.get(member[1], member[1])


def points_of(message: Json) -> Decimal:
    """Return the points a message about a handoff shows."""
    return Decimal(_found(r"\*([\d.]+) points\*", _texts(message)) or 0)


def owner_of(message: Json) -> str:
    """Return the Slack id of whom a message about a handoff is for."""
    return _found(r"<@(\w+)>", _texts(message))


def _texts(message: Json) -> list[str]:
    return [read(block["text"]["text"]) for block in message.get("blocks", []) if "text" in block]


def read(text: str) -> str:
    """Return a text of Slack as people read it: its three signs unescaped."""
    return unescape(text)


def _found(pattern: str, texts: Iterable[str]) -> str:
    for text in texts:
        match = re.search(pattern, text)
        if match is not None:
            return match[1]
    return ""


def mails_table(sent: Mapping[str, int], example: Mapping[str, str]) -> Table:
    """Return how often each content was sent, and where one of each can be read."""
    made = Table(title="Mails", title_justify="left")
    made.add_column("Content")
    made.add_column("Sent", justify="right")
    made.add_column("Read one")
    for content, count in sorted(sent.items()):
        made.add_row(content, str(count), example.get(content, ""))
    return made


def cooled_table(before: Json, after: Json, *, title: str, days: int) -> Table:
    made = Table(title=title, title_justify="left", show_footer=True)
    made.add_column("What counts", footer="Total\nSettled band")
    for heading, lead in (("Today", before), (f"{days} days later", after)):
        footer = f"{points(lead['score']['total'])}\n{lead['settled']['band']}"
        made.add_column(heading, justify="right", footer=footer)
    now = {(line["rule"], line["kind"]): line for line in before["score"]["lines"]}
    then = {(line["rule"], line["kind"]): line for line in after["score"]["lines"]}
    for key in dict.fromkeys([*now, *then]):
        known = now.get(key) or then[key]
        made.add_row(
            known["label"],
            *(signed(side[key]["points"]) if key in side else "" for side in (now, then)),
        )
    return made


def breaches_table(rows: Sequence[Sequence[str]]) -> Table:
    made = Table(title="Promises that were broken", title_justify="left")
    for column in ("Lead", "Clock", "Was due", "Owner", "Escalated to"):
        made.add_column(column)
    for row in rows:
        made.add_row(*map(escape, row))
    return made


def history_table(changes: Sequence[Json], title: str) -> Table:
    """Return what was settled of a lead, the oldest first."""
    made = Table(title=title, title_justify="left")
    for column in ("When", "What", "Why", "Told"):
        made.add_column(column)
    for change in changes:
        into = change.get("to_band") or change.get("to_stage") or change.get("rule") or ""
        made.add_row(
            f"{change['occurred_at']:.10}",
            f"{change['type']} [dim]{into}[/]",
            escape(str(change.get("reason", ""))),
            "no" if change["silent"] else "yes",
        )
    return made


def matrix_table(bands: Mapping[str, Mapping[str, int]]) -> Table:
    """Return how many leads go from which settled band to which."""
    made = Table(title="What the new playbook would do", title_justify="left")
    made.add_column("Settled band")
    for band in bands:
        made.add_column(f"to {band}", justify="right")
    for band, row in bands.items():
        made.add_row(f"from {band}", *(str(count) if count else "" for count in row.values()))
    return made


def movers_table(moves: Sequence[Json]) -> Table:
    """Return who gains or loses most, and by which lines."""
    made = Table(title="Biggest movers", title_justify="left")
    for column in ("Lead", "Old", "New", "Why"):
        made.add_column(column, justify="right" if column in ("Old", "New") else "left")
    for move in moves:
        why = [f"{signed(line['new'] - line['old'])}  {escape(line['label'])}" for line in move["lines"]]
        made.add_row(escape(move["who"]), points(move["old"]), points(move["new"]), "\n".join(why))
    return made


def promoted_table(leads: Sequence[Json], title: str) -> Table:
    made = Table(title=title, title_justify="left")
    for column in ("Lead", "Points", "Band", "Stage", "Announced"):
        made.add_column(column, justify="right" if column == "Points" else "left")
    for lead in leads:
        settled = lead["settled"]
        made.add_row(
            escape(f"{lead['name']}, {lead['company']}"),
            points(lead["score"]["total"]),
            settled["band"],
            settled["stage"],
            "not yet" if settled["unannounced"] else "yes",
        )
    return made


def said_of(lead: Json, *fields: str) -> str:
    """Return what the profile of a lead says in these fields, those it has."""
    return " ".join(str(lead["profile"][field]["value"]) for field in fields if field in lead["profile"])


def imported_table(leads: Sequence[Json]) -> Table:
    made = Table(title="Who came with the file", title_justify="left")
    for column in ("Lead", "Points", "Grade", "Band", "Stage"):
        made.add_column(column, justify="right" if column == "Points" else "left")
    for lead in leads:
        score, title, company = lead["score"], said_of(lead, "title"), said_of(lead, "company")
        made.add_row(
            f"{escape(said_of(lead, 'first_name', 'last_name'))}\n[dim]{escape(f'{title}, {company}')}[/]",
            points(score["total"]),
            score["grade"],
            score["band"],
            lead["settled"]["stage"],
        )
    return made


KINDS = {
    "ADDR": "mail address, by its hash",
    "LEAD": "lead, and its other homes",
    "EVENTS": "events, by the hour",
    "CHANGE": "changes of the score",
    "HANDOFF": "handoffs to sales",
    "TRACK": "mail tracks",
    "SEND": "mails",
}
"""Kinds of items that the demo has names for."""


def erased_table(before: tuple[Counter[str], int], after: tuple[Counter[str], int], title: str) -> Table:
    """Return how many items and messages name somebody, before and after."""
    rows = [(KINDS.get(kind, kind.lower()), before[0][kind], after[0][kind]) for kind in sorted(before[0] | after[0])]
    made = Table(title=title, title_justify="left", show_footer=True)
    made.add_column("Kept", footer="items of the table, and messages in Slack")
    made.add_column("Before", justify="right", footer=f"{before[0].total()} and {before[1]}")
    made.add_column("After, and after a late event", justify="right", footer=f"{after[0].total()} and {after[1]}")
    for kind, was, remains in rows:
        made.add_row(kind, str(was), str(remains))
    return made


def calls_table(counted: Mapping[str, Counter[str]]) -> Table:
    made = Table(title="AWS calls", title_justify="left", show_footer=True)
    total = sum(sum(calls.values()) for calls in counted.values())
    made.add_column("Function", footer="all")
    made.add_column("Calls", justify="right", footer=f"{total:,}")
    made.add_column("Most of them")
    for name, calls in sorted(counted.items(), key=lambda entry: -entry[1].total()):
        most = ", ".join(f"{call.partition('.')[2]} {count:,}" for call, count in calls.most_common(3))
        made.add_row(name, f"{calls.total():,}", most)
    return made
