"""`ripen playbook`: is it usable, what does it say, and how an editor checks it."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.playbook_files import compiled
from cli.text import duration, of_milli, points, signed
from shared.playbook import reservations
from shared.playbook_editor import editor_schema
from shared.playbook_problems import PlaybookError
from shared.rules.calendars import DAY_NAMES

LISTED = 5
"""Values of a list that are shown; the others are counted."""


def check(asked: argparse.Namespace, console: Console) -> None:
    """
    Say that the playbook can be used, and what should be settled first.

    Raises:
        PlaybookError: It cannot, or with `--strict` something should be settled first; the message lists every problem.
    """
    document = compiled(asked.file)
    warnings = reservations(document, _today())
    if warnings and asked.strict:
        raise PlaybookError([f"{asked.file}: {warning}" for warning in warnings])
    scoring = document["scoring"]
    console.print(
        f"{asked.file} can be used: {len(scoring['fit'])} fit rules, {len(scoring['engagement'])} engagement rules, "
        f"{len(document['tracks'])} tracks; to be reviewed by {document['agreement']['review_by']}",
        soft_wrap=True,
        markup=False,
    )
    for warning in warnings:
        console.print(f"warning: {warning}", soft_wrap=True, markup=False)


def schema(_asked: argparse.Namespace, _console: Console) -> None:
    """Print the JSON Schema of a playbook."""
    sys.stdout.write(editor_schema())


def show(asked: argparse.Namespace, console: Console) -> None:
    """Print what was agreed, what earns how many points, and what follows from a score."""
    document = compiled(asked.file)
    scoring, agreement = document["scoring"], document["agreement"]
    console.print(f"[bold]{document['name']}[/], to be reviewed by {agreement['review_by']}")
    console.print(f"  MQL means: {escape(agreement['mql'])}")
    console.print(f"  SQL means: {escape(agreement['sql'])}")
    for side in ("marketing", "sales"):
        signed_off = agreement[side]
        by = f"by {signed_off['name']} on {signed_off['on']}" if signed_off else "by nobody yet"
        console.print(f"  Signed for {side} {escape(by)}")
    for lines in (_lists(scoring), _exclusions(scoring)):
        for line in lines:
            console.print(escape(line))
    console.print(_fit(scoring))
    console.print(_engagement(scoring))
    for lines in (_consequences(scoring), _handoff(document["handoff"]), _mails(document)):
        for line in lines:
            console.print(escape(line), soft_wrap=True)


def _fit(scoring: Mapping[str, Any]) -> Table:
    fit = Table("Fit", "Points", "Of whom")
    for rule in scoring["fit"]:
        fit.add_row(escape(rule["label"]), _signed(rule["points"]), escape(_pattern(rule["where"])))
    return fit


def _engagement(scoring: Mapping[str, Any]) -> Table:
    engagement = Table("Engagement", "Points", "Counts", "Decay", "Of what")
    for rule in scoring["engagement"]:
        limits = [f"{_points(rule[cap])} {words}" for cap, words in _CAPS if rule[cap] is not None]
        silence = [f"after {rule['after_silence']} quiet days"] if rule["after_silence"] is not None else []
        counts = [*silence, _counts(rule["counts"]), *limits, *([f"in {rule['group']}"] if rule["group"] else [])]
        engagement.add_row(
            escape(rule["label"]),
            _signed(rule["points"]),
            escape("; ".join(counts)),
            _decay(rule["decay"]),
            escape(" where ".join(filter(None, [", ".join(rule["on"]), _pattern(rule["where"])]))),
        )
    return engagement


_CAPS = (("day_cap", "points a day at most"), ("cap", "points at most"))


def _lists(scoring: Mapping[str, Any]) -> Iterator[str]:
    for name, said in scoring["lists"].items():
        values = said["values"]
        more = f" and {len(values) - LISTED} more" if len(values) > LISTED else ""
        yield f"List {name}: {said['field']} is {', '.join(values[:LISTED])}{more}"


def _exclusions(scoring: Mapping[str, Any]) -> Iterator[str]:
    for each in scoring["exclusions"]:
        effect = "score 0" if each["effect"] == "zero" else "never MQL"
        yield f"Excluded ({effect}): {each['label']}: {each['rule'] or _pattern(each['where'])}"


def _consequences(scoring: Mapping[str, Any]) -> Iterator[str]:
    for name, group in scoring["groups"].items():
        yield f"Group {name} ({group['label']}): {_points(group['cap'])} points at most"
    for step in scoring["inactivity"]:
        yield f"No activity for {step['days']} days: {_signed(step['points'])}"
    bands = ", ".join(f"{name} from {_points(scoring['bands'][name])}" for name in ("engaged", "sales_ready"))
    yield f"Bands: early, {bands}; held for {_points(scoring['hysteresis'])} points less"
    grades = ", ".join(f"{name} from {_points(least)}" for name, least in scoring["grades"].items())
    yield f"Grades of fit: {grades}, else D"
    levels = ", ".join(f"{level} from {_points(least)}" for level, least in enumerate(scoring["levels"], start=1))
    yield f"Levels of engagement: {levels}, else 4"
    quadrant = scoring["quadrant"]
    yield (
        f"High fit is grade {', '.join(quadrant['grades'])}; "
        f"high engagement is level {', '.join(map(str, quadrant['levels']))}"
    )
    if scoring["triggers"]:
        yield f"Triggers: {', '.join(scoring['triggers'])}"
    for name, label in (("mql", "MQL when"), ("high_priority", "High priority when")):
        yield f"{label}: {_condition(scoring['qualification'][name])}"


def _condition(said: Mapping[str, Any]) -> str:
    ((form, wanted),) = said.items()
    if form in ("any", "all"):
        parts = [_condition(each) for each in wanted]
        joined = (" or " if form == "any" else " and ").join(parts)
        return f"({joined})" if len(parts) > 1 else joined
    if form == "score_at_least":
        return f"{_points(wanted)} points"
    return f"rule {wanted}" if form == "rule" else f"{form} {', '.join(wanted)}"


_TIMES = {
    "business": "of working time",
    "calendar": "by the calendar",
    "end_of_day": "or more are left of the day, by its end",
}


def _hours(by_day: Sequence[Sequence[Sequence[str]]]) -> str:
    """Say working hours, days with the same hours together: `mon-fri 09:00-17:00`."""
    said: list[str] = []
    written = [" and ".join(f"{opens}-{closes}" for opens, closes in spans) for spans in by_day]
    for hours in dict.fromkeys(filter(None, written)):
        days = [DAY_NAMES[day] for day, each in enumerate(written) if each == hours]
        run = DAY_NAMES[DAY_NAMES.index(days[0]) :][: len(days)]
        said.append(f"{f'{days[0]}-{days[-1]}' if len(days) > 2 and tuple(days) == run else ', '.join(days)} {hours}")
    return "; ".join(said)


def _owner(rep: Mapping[str, Any]) -> str:
    quota = "" if rep["daily_quota"] is None else f"{rep['daily_quota']} a day at most"
    weight = "" if rep["capacity"] == 1 else f"capacity {rep['capacity']}"
    teams = f"team {', '.join(rep['teams'])}" if rep["teams"] else ""
    said = ", ".join(filter(None, [teams, weight, quota]))
    return f"{rep['name']} ({said})" if said else str(rep["name"])


def _handoff(handoff: Mapping[str, Any]) -> Iterator[str]:
    yield f"Owners: {', '.join(map(_owner, handoff['owners']))}; manager: {handoff['manager']['name']}"
    for each in handoff["accounts"]:
        of = ", ".join((*each["companies"], *each["domains"], *(f"list {name}" for name in each["lists"])))
        yield f"Accounts of {each['owner']}: {of}"
    for each in handoff["routing"]:
        yield f"Route {each['name']}: {_pattern(each['where']) or 'everybody'} to {each['to']}"
    for name, calendar in (("Working time", handoff["calendar"]), *handoff["calendars"].items()):
        yield f"{name}: {_hours(calendar['hours'])}, {calendar['zone']}, {len(calendar['holidays'])} holidays known"
    for name, pair in handoff["clocks"].items():
        said = [
            f"{priority} priority within {duration(clock['within_seconds'])} "
            f"({_TIMES[clock['time']]}, warned {duration(clock['warn_before_seconds'])} before)"
            for priority, clock in pair.items()
        ]
        yield f"Sales must {name.replace('_', ' ')}: {', '.join(said)}"
    for each in handoff["reject_reasons"]:
        to = f", goes to the track {each['returns_to']}" if each["returns_to"] else ""
        until = "never again" if each["never"] else f"not again for {duration(each['cool_down_seconds'])}"
        yield f"Rejected as {each['code']}: {until}{to}"


def _entered_by(track: Mapping[str, Any]) -> str:
    rules = [f"by {rule}" for rule in track["starts_with"]]
    return f"{', '.join([*track['bands'], *rules]) or 'after others'}; priority {track['priority']}"


def _sent(step: Mapping[str, Any]) -> str:
    """Return what a step sends: one of several by who it is for, or by a test; and how, where that is no mail."""
    words = " or ".join(each["content"] for each in step["choices"] or step["test"]["arms"])
    tested = f" (test {step['test']['name']})" if "test" in step else ""
    return f"{words}{tested}" + ("" if step["channel"] == "mail" else f" by {step['channel']}")


def _mails(document: Mapping[str, Any]) -> Iterator[str]:
    for name, track in document["tracks"].items():
        steps = [
            f"{_sent(step)} {f'after {duration(delay)}' if (delay := step['delay_seconds']) else 'at once'}"
            for step in track["steps"]
        ]
        again = f"not again for {duration(track['cool_down_seconds'])}" if track["reenter"] else "never again"
        held_out = f"; {track['holdout']} % get nothing" if track["holdout"] else ""
        following = f"; then {track['next']}" if "next" in track else ""
        yield f"Track {name} ({_entered_by(track)}): {', '.join(steps)}; {again}{held_out}{following}"
    mail = document["mail"]
    caps, quiet = mail["caps"], mail["quiet"]
    hours = "at any hour" if quiet["from"] == quiet["to"] else f"not from {quiet['from']} to {quiet['to']}"
    yield (
        f"Mails: {caps['day']} a day, {caps['week']} a week, {caps['month']} a month at most; on "
        f"{', '.join(mail['days'])}, {hours} ({mail['zone']} when a lead's zone is not known); consent {mail['consent']}"
    )


def _pattern(where: Mapping[str, Any]) -> str:
    """Return a pattern in words: `path begins with /pricing and kind is a or b`."""
    return " and ".join(_fields(where, ()))


def _fields(where: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    for name, wanted in where.items():
        if name == "$or":
            yield f"({' or '.join(' and '.join(_fields(branch, path)) for branch in wanted)})"
        elif isinstance(wanted, Mapping):
            yield from _fields(wanted, (*path, name))
        else:
            field = ".".join((*path, name)).removeprefix("properties.")
            texts = [_value(each) for each in wanted if not isinstance(each, Mapping)]
            plain = [f"is {' or '.join(texts)}"] if texts else []
            operators = [_operator(each) for each in wanted if isinstance(each, Mapping)]
            yield f"{field} {' or '.join([*plain, *operators])}"


_OPERATORS = {
    "prefix": "begins with", "suffix": "ends with", "wildcard": "is like", "equals-ignore-case": "is (in any case)",
    "cidr": "is an address of",
}  # fmt: skip


def _operator(condition: Mapping[str, Any]) -> str:
    ((name, wanted),) = condition.items()
    if name == "exists":
        return "is there" if wanted else "is not there"
    if name == "numeric":
        return f"is {' and '.join(f'{sign} {bound}' for sign, bound in zip(wanted[::2], wanted[1::2], strict=True))}"
    if name == "anything-but":
        if isinstance(wanted, Mapping):
            ((inner, wanted),) = wanted.items()
            return f"never {_OPERATORS[inner]} {_value(wanted)}"
        return f"is not {_value(wanted)}"
    caseless = isinstance(wanted, Mapping)
    return f"{_OPERATORS[name]} {_value(wanted['equals-ignore-case'] if caseless else wanted)}" + (
        " (in any case)" if caseless else ""
    )


def _value(value: Any) -> str:
    if isinstance(value, list):
        return " or ".join(map(_value, value))
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def _today() -> date:
    return datetime.now(UTC).date()


def _points(milli_points: int) -> str:
    return points(of_milli(milli_points))


def _signed(milli_points: int) -> str:
    return signed(of_milli(milli_points))


def _counts(counts: Mapping[str, Any]) -> str:
    most = counts["most"]
    match counts["form"]:
        case "once":
            return "once"
        case "every":
            return f"every time, {most} at most"
        case "per_day":
            return f"{counts['a_day']} a day, {most} days at most"
        case "per_asset":
            return f"once for each {_last(counts['asset'])}, {most} at most"
        case "count":
            what = _last(counts["asset"]) if counts["distinct"] == "asset" else counts["distinct"]
            return f"once while {most} (by {what}) lie within {duration(counts['within'])}"
    answer = " or ".join(counts["answer"]["on"])
    return f"once for each {_last(counts['asset'])} without {answer} in {duration(counts['within'])}, {most} at most"


def _last(path: str) -> str:
    return path.rpartition(".")[2]


def _decay(decay: Mapping[str, Any] | None) -> str:
    if not decay:
        return "none"
    said = []
    if decay["half_life_seconds"]:
        said.append(f"halves in {duration(decay['half_life_seconds'])}")
    if decay["percent"]:
        said.append(f"loses {decay['percent']} % each {duration(decay['period_seconds'])}")
    if decay["expires_seconds"]:
        said.append(f"ends after {duration(decay['expires_seconds'])}")
    return ", ".join(said)
