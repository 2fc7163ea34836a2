"""
The list of crawlers that a playbook tells machines by, read when it is compiled, never in a function.

It comes from a package, so that it is renewed by renewing a requirement: `crawler-user-agents` (MIT, Martin Monperrus and
others, who keep it together with the agents that each pattern was seen in).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from crawleruseragents import CRAWLER_USER_AGENTS_DATA  # type: ignore[import-untyped]

OF_PEOPLE = frozenset({
    r"AP3A\.240617\.008",  # a build of Android 15 on millions of phones
    "MetaIAB Facebook",  # the browser within Facebook and Instagram
    "Viber",  # the browser within Viber
    "Sonic",  # the Slack application on Windows
    "Fluid",  # a web page as an application on a Mac
    r"Trae\/", r"Code\/1\.",  # editors that people read pages in
})  # fmt: skip
"""Patterns of the list that people's browsers match."""

AUTOMATION = "browser-automation"

_PLAIN = ("Headless", "SlimerJS", "jsdom", "Cypress/")
"""What browsers driven by programs say of themselves beyond the list. Electron is not among them: people read in it."""

_ESCAPED = re.compile(r"\\(\W)")
_SPECIAL = re.compile(r"[\[\](){}^$.*+?|\\]")


@dataclass(frozen=True, slots=True)
class Agents:
    """What an agent that is a machine's holds: plain texts, and where a text does not say it, regular expressions."""

    names: tuple[str, ...]
    shapes: tuple[str, ...]


@cache
def crawlers() -> Agents:
    """Return what the list says of crawlers and scripts: programs that read pages by themselves."""
    return _agents(entry for entry in CRAWLER_USER_AGENTS_DATA if AUTOMATION not in entry["tags"])


@cache
def headless() -> Agents:
    """Return what the list, and we, say of browsers that a program drives."""
    listed = _agents(entry for entry in CRAWLER_USER_AGENTS_DATA if AUTOMATION in entry["tags"])
    return Agents(tuple(dict.fromkeys((*_PLAIN, *listed.names))), listed.shapes)


def _agents(entries: Any) -> Agents:
    """
    Split the patterns of the entries into texts and expressions.

    Looking for fifteen hundred texts one by one takes a fifth of the time that one expression of them all takes, and nothing
    at a cold start.
    """
    names: list[str] = []
    shapes: list[str] = []
    for pattern in (_pattern(entry) for entry in entries):
        if pattern in OF_PEOPLE:
            continue
        if _SPECIAL.search(_ESCAPED.sub("", pattern)):
            shapes.append(pattern)
        else:
            names.append(_ESCAPED.sub(r"\1", pattern))
    return Agents(tuple(dict.fromkeys(names)), tuple(dict.fromkeys(shapes)))


def _pattern(entry: Mapping[str, Any]) -> str:
    return str(entry["pattern"])
