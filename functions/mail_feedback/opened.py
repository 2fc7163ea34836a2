"""An open or a click as Amazon SES saw it, made a touch like those that our own links see: who it was is judged elsewhere."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from functions.mail_feedback.report import Report
from shared.engagement import AGENT_KEPT, Kind, Seen
from shared.rules.mail_networks import machine_network

KINDS: Mapping[str, Kind] = {"Open": "open", "Click": "click"}

DEPTH = 4
"""Levels of a report in which SES's word for a machine is looked for."""

_MACHINE = re.compile(r"automat|machine|(?<![a-z])(is)?bot(?![a-z])|non.?human|prefetch|scanner", re.IGNORECASE)
_NO_WORD_OF_SES = ("userAgent", "link", "linkTags", "ipAddress", "timestamp")
_NO = frozenset({"", "0", "false", "human", "likely_human", "no", "none", "not_automated", "unknown"})


def seen(report: Report) -> Seen | None:
    """Return the touch; None where the mail carries no tag of ours."""
    if report.send_id is None:
        return None
    kind = KINDS[report.kind]
    url = report.detail.get("link")
    link = url if isinstance(url, str) else ""
    agent = report.detail.get("userAgent")
    named = hashlib.sha256(f"{report.message_id} {link}".encode()).hexdigest()[:22]
    return Seen(
        send_id=report.send_id,
        id=f"ses-{kind}:{named}:{report.at}",
        kind=kind,
        at=report.at,
        url=link,
        by="ses",
        said=machine_sign(report.detail) or machine_sign(report.beside) or _by_network(report),
        agent=agent[:AGENT_KEPT] if isinstance(agent, str) else "",
    )


def _by_network(report: Report) -> str:
    """The network address is looked up here, and kept nowhere."""
    owner = machine_network(str(report.detail.get("ipAddress", "")), is_open=report.kind == "Open")
    return f"it came from a network of {owner}'s machines" if owner else ""


def machine_sign(detail: Mapping[str, Any]) -> str:
    """
    Return in words that SES takes the touch for a machine's, else the empty text.

    Since August 2026 SES says so, and has not documented by which field: any name that speaks of a machine and is not
    denied counts, and any text under a name that speaks of a kind of interaction.
    """
    for name, value in _said(detail, DEPTH):
        denied = value is None or value is False or str(value).strip().lower().replace("-", "_") in _NO
        if not denied and (_MACHINE.search(name) or (isinstance(value, str) and _MACHINE.search(value))):
            return f"Amazon SES says {name}: {str(value)[:40]}"
    return ""


def _said(detail: Mapping[str, Any], depth: int) -> Iterator[tuple[str, Any]]:
    for name, value in detail.items():
        if name in _NO_WORD_OF_SES:
            continue
        if isinstance(value, Mapping):
            inside = _said(value, depth - 1) if depth else ()
            yield from ((f"{name}.{inner}", each) for inner, each in inside)
        elif isinstance(value, list):
            yield from ((name, each) for each in value if not isinstance(each, Mapping | list))
        else:
            yield name, value
