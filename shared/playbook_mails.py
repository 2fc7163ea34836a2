"""
The mails of a playbook: read from `playbooks/mails/`, put into the layout, and checked.

One file is one mail, named by its content id: headings (`subject`, `preheader`, `why` the reader gets it, `kind`), then
a line `--- html ---` with the body and a line `--- text ---` with the same in plain text. All of it is Liquid.
`[[button {{ links.guide }} | Read the guide]]` is a button in HTML and a line with the address in text. What goes
through another channel says so (`channel: sms`) and has the text alone. Files that begin with an underscore are the
layout around the bodies. Used when a playbook is compiled, never in a function.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any, Literal, get_args

from shared.mail.render import ALWAYS_FIELDS, CONFIRM_FIELDS, OPTIONAL_FIELDS, TemplateError, names_used, render
from shared.mailing import CONFIRM
from shared.playbook_layout import BUTTON, whole_html
from shared.rules.patterns import Place

SUFFIX = ".liquid"

Kind = Literal["article", "guide", "case_study", "coupon", "invitation", "notice", "request"]
Channel = Literal["mail", "sms", "task", "webhook"]

HEADINGS: Mapping[Channel, tuple[str, ...]] = {
    "mail": ("kind", "preheader", "subject", "why"),
    "sms": ("kind",),
    "task": ("kind", "subject"),
    "webhook": ("kind",),
}
"""What the file of each channel must say; a task's subject is its title."""

_ALSO = ("channel", "until")
_FILE = re.compile(
    r"\A(?P<head>.*?)(?:^--- html ---\n(?P<html>.*?))?^--- text ---\n(?P<text>.*)\Z", re.DOTALL | re.MULTILINE
)
_HEADING = re.compile(r"(\w+): (.+)")
_NAMESPACE = re.compile(r'\sxmlns(:\w)?="[^"]*"')
_LITERAL_LINK = re.compile(r"https?://|href=\"(?!\{\{)", re.IGNORECASE)
_NO_LINK = re.compile(r"^links\.(\w+) is undefined$")
_NO_FALLBACK = re.compile(r"^'(\w+)' is undefined$")
_PROBE = "https://probe.invalid/link"

SAMPLE: Mapping[str, str] = {
    "first_name": "Åsa",
    "company": "Smith & Sons",
    "industry": "Logistics",
    "title": "Head of Operations",
    "role": "operations",
    "last_asset": "The first-plan guide",
    "owner_name": "Maria Lindqvist",
}
"""Somebody of whom everything is known."""


@dataclass(frozen=True, slots=True)
class Content:
    """One thing a track can send: what it is, until which day it makes sense, by which channel, and its words."""

    kind: Kind
    channel: Channel
    until: str | None
    template: Mapping[str, str]

    def compiled(self) -> dict[str, str]:
        """Return what the rules see of it."""
        until = {} if self.until is None else {"until": self.until}
        return {"kind": self.kind, "channel": self.channel, **until}


def read_contents(folder: Path) -> dict[str, Content]:
    """
    Return everything in the folder by content id.

    Raises:
        TemplateError: A file is not as it must be; the message names it and what is missing.
    """
    layouts = (folder / "_layout.mjml").read_text("utf-8"), (folder / "_layout.txt.liquid").read_text("utf-8")
    return {
        path.name.removesuffix(SUFFIX): _content(path.name, path.read_text("utf-8"), *layouts)
        for path in sorted(folder.glob(f"*{SUFFIX}"))
        if not path.name.startswith("_")
    }


def read_mails(folder: Path) -> dict[str, dict[str, str]]:
    """
    Return the words of everything in the folder by content id: `subject`, `preheader`, `html` and `text`, layout
    included; of other channels than mail, what they have.

    Raises:
        TemplateError: A file is not as it must be; the message names it and what is missing.
    """
    return {name: dict(content.template) for name, content in read_contents(folder).items()}


def check_mails(mails: Mapping[str, Mapping[str, str]], links: Iterable[str]) -> list[str]:
    """
    Return what is wrong with the mails, one sentence each; an empty list means that they can be sent.

    Every mail is rendered for every set of fields that can be known of a lead, so a field without a fallback is found
    here and not in somebody's inbox.

    Args:
        mails: As `read_mails` returns them.
        links: Names of the playbook's `mail.links`.
    """
    known = tuple(sorted(links))
    problems = [
        f"{content}: {problem}"
        for content, mail in mails.items()
        for problem in _problems(content == CONFIRM, tuple(sorted(mail.items())), known)
    ]
    if CONFIRM not in mails:
        problems.append(f"{CONFIRM}: this mail is missing; an address that nobody proved could never be confirmed")
    return problems


def check_channels(tracks: Mapping[str, Any], contents: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[Place, str]]:
    """
    Yield which steps, and why, send something that was written for another channel.

    Args:
        tracks: Of the compiled playbook.
        contents: What the compiled playbook says of each content id.
    """
    for name, track in tracks.items():
        for number, step in enumerate(track["steps"]):
            arms = step.get("test") or {"arms": ()}
            for each in (*step["choices"], *arms["arms"]):
                written = contents[each["content"]]["channel"]
                if written != step["channel"]:
                    text = f"{each['content']} is written for the channel {written}"
                    yield (
                        ("tracks", name, "steps", number),
                        f"{text}; write channel: {written}, or name another content",
                    )


# A folder is read again for every playbook that is compiled from it.
@lru_cache(maxsize=512)
def _content(name: str, said: str, html_layout: str, text_layout: str) -> Content:
    shape = _FILE.match(said)
    if shape is None:
        raise TemplateError(f"{name}: write the headings, a line `--- html ---` (mails only) and a line `--- text ---`")
    head = _headings(name, shape["head"])
    channel = _one_of(name, "channel", head.get("channel", "mail"), get_args(Channel))
    needed = HEADINGS[channel]
    if missing := [heading for heading in needed if heading not in head]:
        raise TemplateError(f"{name}: the heading {missing[0]} is missing; needed are {', '.join(needed)}")
    if strange := sorted(set(head) - {*needed, *_ALSO}):
        raise TemplateError(
            f"{name}: the channel {channel} has no heading {strange[0]}; needed are {', '.join(needed)}, allowed "
            f"also {', '.join(_ALSO)}"
        )
    if (shape["html"] is None) is (channel == "mail"):
        raise TemplateError(
            f"{name}: a mail has a part `--- html ---` and one `--- text ---`; other channels have the text alone"
        )
    until = head.get("until")
    if until is not None:
        _day(name, until)
    text = BUTTON.sub(lambda found: f"{found['words']}: {found['link']}", shape["text"]).strip()
    template: dict[str, str] = {each: head[each] for each in ("subject", "preheader") if each in head}
    if channel == "mail":
        try:
            template["html"] = whole_html(html_layout, shape["html"], head["why"])
        except TemplateError as error:
            raise TemplateError(f"{name}: {error}") from error
        text = text_layout.replace("[[content]]", text).replace("[[why]]", head["why"])
    kind = _one_of(name, "kind", head["kind"], get_args(Kind))
    return Content(kind, channel, until, {**template, "text": text})


def _headings(name: str, said: str) -> dict[str, str]:
    head: dict[str, str] = {}
    for line in filter(None, map(str.strip, said.splitlines())):
        found = _HEADING.fullmatch(line)
        if found is None:
            raise TemplateError(f"{name}: {line[:60]!r} is no heading; write one a line, as in subject: A subject")
        if found[1] in head:
            raise TemplateError(f"{name}: the heading {found[1]} stands twice")
        head[found[1]] = found[2]
    return head


def _one_of(name: str, heading: str, said: str, allowed: tuple[Any, ...]) -> Any:
    if said not in allowed:
        raise TemplateError(f"{name}: {heading} {said!r} is none of {', '.join(allowed)}")
    return said


def _day(name: str, said: str) -> None:
    try:
        written = date.fromisoformat(said).isoformat()
    except ValueError:
        written = ""
    if written != said:
        raise TemplateError(f"{name}: until {said!r} is no day; write it as in 2026-12-01")


def _advice(problem: str) -> str:
    """Return what the renderer says, with what to write where that is known."""
    told = _NO_LINK.sub(r"mail.links.\1 is missing; add it, as in \1: https://www.example.com/\1", problem)
    return _NO_FALLBACK.sub(
        r'\1 can be missing and has no fallback there; write {{ \1 | default: "..." }} or {% if \1 %}', told
    )


# Many playbooks are compiled with the same mails: a check is a function of the mail and of the names of the links.
@lru_cache(maxsize=512)
def _problems(confirms: bool, parts: tuple[tuple[str, str], ...], links: tuple[str, ...]) -> tuple[str, ...]:
    mail = dict(parts)
    always = CONFIRM_FIELDS if confirms else ALWAYS_FIELDS
    optional = () if confirms else OPTIONAL_FIELDS
    allowed = {*always, *optional, "subject", "preheader", "owner_name", "open_url", "decoy_url"}
    problems = [
        f"{part}: the address {found[0]!r} is written out; name it in mail.links so that it is signed and counted"
        for part in ("html", "text")
        if (found := _LITERAL_LINK.search(_NAMESPACE.sub("", mail.get(part, ""))))
    ]
    probe: dict[str, object] = dict.fromkeys(always, _PROBE)
    if not confirms:
        probe["links"] = dict.fromkeys(links, _PROBE)
    try:
        used = {name for source in mail.values() for name in names_used(source)}
        if strange := sorted(used - allowed):
            problems.append(f"{', '.join(strange)} is no field of a mail")
        asked = [name for name in optional if name in used]
        for there in product((True, False), repeat=len(asked)):
            render(mail, probe | {name: SAMPLE[name] for name, known in zip(asked, there, strict=True) if known})
    except TemplateError as error:
        problems.append(_advice(str(error)))
    return tuple(problems)
