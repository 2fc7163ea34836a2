"""
The mails of a playbook: read from `playbooks/mails/`, put into the layout, and checked.

One file is one mail, named by its content id: `subject`, `preheader` and `why` (why the reader gets it), then a line
`--- html ---` with the body and a line `--- text ---` with the same in plain text. All of it is Liquid.
`[[button {{ links.guide }} | Read the guide]]` is a button in HTML and a line with the address in text. Files that
begin with an underscore are the layout around the bodies. Used when a playbook is compiled, never in a function.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from shared.mail.render import ALWAYS_FIELDS, CONFIRM_FIELDS, OPTIONAL_FIELDS, TemplateError, names_used, render
from shared.mailing import CONFIRM

SUFFIX = ".liquid"
HEADINGS = ("subject", "preheader", "why")

_PARTS = {"html": "html", "text": "txt"}
"""Part of a mail to the file ending of its layout."""

_FILE = re.compile(
    r"\A(?P<head>.*?)^--- html ---\n(?P<html>.*?)^--- text ---\n(?P<text>.*)\Z", re.DOTALL | re.MULTILINE
)
_HEADING = re.compile(r"(\w+): (.+)")
_BUTTON = re.compile(r"\[\[button (?P<link>\{\{[^}]+\}\}) \| (?P<words>[^\]]+)\]\]")
_HTML_BUTTON = (
    '<p style="margin:28px 0"><a class="button" href="{link}" style="display:inline-block;padding:12px 22px;'
    'border-radius:6px;background:#0b57d0;color:#ffffff;text-decoration:none;font-weight:bold">{words}</a></p>'
)
_LITERAL_LINK = re.compile(r"https?://|href=\"(?!\{\{)", re.IGNORECASE)
_NO_LINK = re.compile(r"^links\.(\w+) is undefined$")
_PROBE = "https://probe.invalid/link"
_FULL = {
    "first_name": "Åsa",
    "company": "Smith & Sons",
    "industry": "Logistics",
    "title": "Head of Operations",
    "owner_name": "Maria Lindqvist",
}


def read_mails(folder: Path) -> dict[str, dict[str, str]]:
    """
    Return every mail of the folder by content id: `subject`, `preheader`, `html` and `text`, layout included.

    Raises:
        TemplateError: A file is not a mail; the message names it and what is missing.
    """
    layout = {part: (folder / f"_layout.{ending}{SUFFIX}").read_text("utf-8") for part, ending in _PARTS.items()}
    return {
        path.name.removesuffix(SUFFIX): _mail(path, layout)
        for path in sorted(folder.glob(f"*{SUFFIX}"))
        if not path.name.startswith("_")
    }


def check_mails(mails: Mapping[str, Mapping[str, str]], links: Iterable[str]) -> list[str]:
    """
    Return what is wrong with the mails, one sentence each; an empty list means that they can be sent.

    Every mail is rendered for a lead of whom everything is known and for one of whom nothing is, so a field without a
    fallback is found here and not in somebody's inbox.

    Args:
        mails: As `read_mails` returns them.
        links: Names of the playbook's `mail.links`.
    """
    known = dict.fromkeys(links, _PROBE)
    problems = [
        f"{content}: {problem}" for content, mail in mails.items() for problem in _problems(content, mail, known)
    ]
    if CONFIRM not in mails:
        problems.append(f"{CONFIRM}: this mail is missing; an address that nobody proved could never be confirmed")
    return problems


def _mail(path: Path, layout: Mapping[str, str]) -> dict[str, str]:
    shape = _FILE.match(path.read_text("utf-8"))
    if shape is None:
        raise TemplateError(f"{path.name}: write the headings, a line `--- html ---` and a line `--- text ---`")
    head = {found[1]: found[2] for line in shape["head"].splitlines() if (found := _HEADING.fullmatch(line.strip()))}
    if sorted(head) != sorted(HEADINGS):
        raise TemplateError(f"{path.name}: the headings are exactly {', '.join(HEADINGS)}")
    bodies = {
        "html": _BUTTON.sub(lambda found: _HTML_BUTTON.format(**found.groupdict()), shape["html"]),
        "text": _BUTTON.sub(lambda found: f"{found['words']}: {found['link']}", shape["text"]),
    }
    return {
        "subject": head["subject"],
        "preheader": head["preheader"],
        **{
            part: layout[part].replace("[[content]]", body.strip()).replace("[[why]]", head["why"])
            for part, body in bodies.items()
        },
    }


def _problems(content: str, mail: Mapping[str, str], links: Mapping[str, str]) -> list[str]:
    confirms = content == CONFIRM
    always = CONFIRM_FIELDS if confirms else ALWAYS_FIELDS
    allowed = {*always, *(() if confirms else OPTIONAL_FIELDS), "subject", "preheader", "owner_name", "open_url"}
    problems = [
        f"{part}: the address {found[0]!r} is written out; name it in mail.links so that it is signed and counted"
        for part in ("html", "text")
        if (found := _LITERAL_LINK.search(mail[part]))
    ]
    probe: dict[str, object] = dict.fromkeys(always, _PROBE) | ({} if confirms else {"links": links})
    try:
        for part, source in mail.items():
            strange = sorted(names_used(source) - allowed)
            if strange:
                problems.append(f"{part}: {', '.join(strange)} is no field of a mail")
        for fields in (probe,) if confirms else (probe, probe | _FULL):
            render(mail, fields)
    except TemplateError as error:
        problems.append(
            _NO_LINK.sub(r"mail.links.\1 is missing; add it, as in \1: https://www.example.com/\1", str(error))
        )
    return problems
