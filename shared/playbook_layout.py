"""
The look of our mails: the body somebody wrote, put into the MJML layout and compiled to the HTML mail programs need.

Used when a playbook is compiled, never in a function. Only the layout is MJML: what stands in a body is HTML of a few
tags, and goes around the compiler, so that Liquid in it stays as it was written.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from html.parser import HTMLParser

import mjml

from shared.mail.render import TemplateError, names_used

BUTTON = re.compile(r"\[\[button (?P<link>\{\{[^}]+\}\}) \| (?P<words>[^\]]+)\]\]")

_STYLES = {
    "a": "color:#0b57d0;text-decoration:underline",
    "h2": "margin:20px 0 8px;font-size:19px;line-height:1.3;font-weight:bold",
    "li": "margin:0 0 6px",
    "ol": "margin:0 0 16px;padding-left:24px",
    "p": "margin:0 0 16px",
    "ul": "margin:0 0 16px;padding-left:24px",
}
"""Mail programs drop style sheets, not what stands in the tag itself. Colours of the dark are in the layout."""

TAGS = (*_STYLES, "br", "em", "strong")
_ALONE = ("br",)
_LIQUID = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_PART = re.compile(r"\[\[part (\d+)\]\]")
_OPENING = re.compile(rf"<({'|'.join(_STYLES)})(?=[\s>])")


def whole_html(layout: str, body: str, why: str) -> str:
    """
    Return the HTML of a mail, still Liquid.

    Args:
        layout: MJML with `[[content]]` between elements of a column, and `[[why]]` in words.
        body: Paragraphs, lists and headings; `[[button {{ links.guide }} | Read the guide]]` is a button.
        why: Why the reader gets it.

    Raises:
        TemplateError: The body has what mail programs do not show alike, or the layout is not MJML.
    """
    parts: list[str] = []

    def keep(part: str) -> str:
        parts.append(part)
        return f"[[part {len(parts) - 1}]]"

    compiled = _compiled(layout.replace("[[content]]", _elements(body, keep)))
    words = _PART.sub(lambda found: parts[int(found[1])], compiled)
    return words.replace("[[why]]", why)


def _elements(body: str, keep: Callable[[str], str]) -> str:
    """Return the body as MJML, with what must not pass through the compiler kept."""
    found, end = [], 0
    for button in BUTTON.finditer(body):
        found.append(_words(body[end : button.start()], keep))
        found.append(f'<mj-button href="{keep(button["link"])}">{keep(button["words"])}</mj-button>')
        end = button.end()
    return "".join([*found, _words(body[end:], keep)])


def _words(html: str, keep: Callable[[str], str]) -> str:
    if not html.strip():
        return ""
    try:
        names_used(html)
    except TemplateError as error:
        raise TemplateError(f"html: {error}; every part between buttons stands for itself") from error
    _check(html)
    styled = _OPENING.sub(lambda found: f'<{found[1]} style="{_STYLES[found[1]]}"', html.strip())
    return f'<mj-text css-class="words">{keep(styled)}</mj-text>'


# A playbook has one layout and mails of few shapes.
@lru_cache(maxsize=256)
def _compiled(source: str) -> str:
    try:
        return mjml.mjml2html(source)
    except ValueError as error:
        raise TemplateError(f"html: the layout is not MJML: {error}") from error


def _check(html: str) -> None:
    reader = _Reader()
    reader.feed(_LIQUID.sub("x", html))
    reader.close()
    if reader.problem is None and reader.open:
        reader.problem = f"<{reader.open[-1]}> is not closed"
    if reader.problem is not None:
        raise TemplateError(f"html: {reader.problem}")


class _Reader(HTMLParser):
    """Follows tags, and notes the first that is not as it must be."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.problem: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self._note(f"<{tag}> is not shown alike everywhere; use {', '.join(sorted(TAGS))} and [[button ...]]")
        for name, _ in attrs:
            if (tag, name) != ("a", "href"):
                self._note(f"<{tag} {name}> cannot be said; how mails look is in the layout")
        if tag not in _ALONE:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self._note(f"</{tag}> closes what was not opened last")

    def _note(self, problem: str) -> None:
        self.problem = self.problem or problem
