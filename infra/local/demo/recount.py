"""
The report on nurturing, counted once more from what it does not read: the mails in the mailboxes and the raw events.

Both counts name what they count alike, so that they can be compared: a track, the number of a message, and what of it.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

Json = Mapping[str, Any]
Count = Counter[tuple[str, int, str]]
"""How many: by track, message (0: runs) and what."""

_SEND = re.compile(r"(?P<lead>\w+)-(?P<round>\d+)-(?P<step>\d+)-(?P<track>[\w-]+)")
_STRICTNESS = ("human", "unsure", "machine")
_TOUCHES = {"Email Opened": "opened", "Email Link Clicked": "clicked", "Unsubscribed": "unsubscribed"}


def send_id_of(mail: Json) -> str:
    """Return the send id a mail carries in its tags; empty when it carries none."""
    tags = next((value for name, value in mail["headers"] if name.upper() == "X-SES-MESSAGE-TAGS"), "")
    found = re.search(r"send_id=([\w-]+)", tags)
    return "" if found is None else found[1]


def recount(mails: Iterable[Json], events: Iterable[Json], ended: Iterable[Json]) -> Count:
    """
    Count from outside.

    Args:
        mails: As the inbox has them.
        events: Of all timelines, with every copy.
        ended: What every TrackEnded says.
    """
    found: Count = Counter()
    for send_id in {send_id_of(mail) for mail in mails}:
        if place := _place(send_id):
            found[*place, "sent"] += 1
    for send_id, what in _touched(events):
        if place := _place(send_id):
            found[*place, what] += 1
    for run in {(each["lead_id"], each["track"], each["rotation"]): each for each in ended}.values():
        found[run["track"], 0, "ended"] += 1
        found[run["track"], 0, "goal"] += run["goal"]
    return +found


def _touched(events: Iterable[Json]) -> set[tuple[str, str]]:
    """Return which mail was opened or clicked by whom, or stopped by: of copies of an event the stricter verdict holds."""
    by_id: dict[str, Json] = {}
    for event in events:
        if event["name"] in _TOUCHES and "send_id" in event.get("properties", {}):
            known = by_id.setdefault(event["event_id"], event)
            by_id[event["event_id"]] = max(known, event, key=lambda each: _STRICTNESS.index(_verdict(each)))
    return {(event["properties"]["send_id"], _what(event["name"], _verdict(event))) for event in by_id.values()}


def _what(name: str, verdict: str) -> str:
    what = _TOUCHES[name]
    return what if what == "unsubscribed" else f"{what} by {verdict}"


def _verdict(event: Json) -> str:
    return str(event.get("verdict", "human"))


def _place(send_id: str) -> tuple[str, int] | None:
    """Return track and number of the mail; None of a confirmation, and of what is none of ours."""
    found = _SEND.fullmatch(send_id)
    return None if found is None or found["track"].startswith("confirm") else (found["track"], int(found["step"]) + 1)


def counted(report: Json) -> Count:
    """Return the same figures as the report has them."""
    found: Count = Counter()
    for track in report["tracks"]:
        name, runs = track["track"], track["runs"]
        found[name, 0, "ended"] += int(runs["exhausted"] + runs["exited"] + runs["held_out"] - runs["held_out_going"])
        found[name, 0, "goal"] += int(runs["goal"]["count"] + runs["goal_held_out"]["count"])
        for message in track["messages"]:
            step = int(message["step"])
            if message["channel"] == "mail":
                found[name, step, "sent"] += int(message["sent"])
            found[name, step, "unsubscribed"] += int(message["unsubscribed"]["count"])
            for what in ("opened", "clicked"):
                for verdict in _STRICTNESS:
                    found[name, step, f"{what} by {verdict}"] += int(message[what][verdict])
    return +found


def differences(report: Json, raw: Count) -> list[str]:
    """Return in words where the report and the recount say different things."""
    said = counted(report)
    return [
        f"{track} {step or 'runs'}, {what}: the report says {said[track, step, what]}, the recount {raw[track, step, what]}"
        for track, step, what in sorted(said.keys() | raw.keys())
        if said[track, step, what] != raw[track, step, what]
    ]
