"""
From a template of the playbook and the fields of one lead to subject, HTML and text.

Templates are Liquid: strict (an unknown name, filter or a missing field without a fallback is an error, not a gap in
somebody's mail), autoescaped in HTML, bounded in time and size, and without tags that load other templates.
"""

import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from liquid import BoundTemplate, Environment, FalsyStrictUndefined
from liquid.exceptions import LiquidError

from shared.errors import RipenError

PROFILE_FIELDS = ("first_name", "company", "industry", "title", "role", "last_asset")
"""Profile fields a template may use, each with a fallback: any of them can be missing."""

OPTIONAL_FIELDS = (*PROFILE_FIELDS, "owner_name")
"""Fields that can be missing; `owner_name` is there while a rep has the lead."""

ALWAYS_FIELDS = ("sender_name", "postal_address", "unsubscribe_url", "open_url", "links")
CONFIRM_FIELDS = ("sender_name", "postal_address", "unsubscribe_url", "confirm_url")
"""What a confirmation mail may use: nothing that anybody but the deploying company said."""

LONGEST_FIELD = 60
"""Longest profile value we print, in characters; longer ones are not names."""

LONGEST_LINE = 78
WIDTH = 72
"""Characters of a line of plain text that stay as they are, and to which longer ones are broken."""

_BULLET = re.compile(r"(?:- |\d+\. |  +)")
_LINK_LIKE = re.compile(r"://|www\.|@|[\w-][.\u3002\uff0e\uff61][^\W\d_]{2,}(?!\w)", re.IGNORECASE)
"""Domains in any script, and with the dots of others that browsers take for one."""


class TemplateError(RipenError, ValueError):
    """A template cannot be rendered. A mistake in the playbook: it fails the build, or the message goes to the DLQ."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail's words; what goes through another channel has no HTML, and a subject only where it has a title."""

    subject: str
    html: str
    text: str


class _Limited(Environment):
    """Liquid with bounds: the largest mail we write is a few kilobytes and loops over nothing."""

    context_depth_limit = 10
    block_nesting_limit = 10
    loop_iteration_limit = 1000
    local_namespace_limit = 20_000
    output_stream_limit = 200_000

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        for tag in ("include", "render"):
            self.tags.pop(tag, None)
        for name in ("safe", "date"):
            self.filters.pop(name, None)


def _environment(*, html: bool) -> Environment:
    return _Limited(undefined=FalsyStrictUndefined, strict_filters=True, autoescape=html)


@cache
def _parsed(source: str, *, html: bool) -> BoundTemplate:
    return _environment(html=html).from_string(source)


def presentable(value: object) -> str | None:
    """
    Return the profile value as it may stand in a mail, or None when it may not.

    One line, no control characters, no longer than a name, and nothing a mail program would turn into a link: a
    stranger's words must not travel under our sender.
    """
    if not isinstance(value, str):
        return None
    line = " ".join("".join(each if each.isprintable() else " " for each in value).split())
    if not line or len(line) > LONGEST_FIELD or _LINK_LIKE.search(line):
        return None
    return line


def render(template: Mapping[str, str], fields: Mapping[str, Any]) -> Rendered:
    """
    Render a mail, or the text of another channel.

    Args:
        template: `subject`, `preheader`, `html` and `text` as Liquid; other channels have the text, and perhaps a subject.
        fields: What it may name; a field that is not there is missing.

    Raises:
        TemplateError: A missing field has no fallback, or a bound was passed.
    """
    lines = {
        name: one_line(_render(template[name], fields, html=False))
        for name in ("subject", "preheader")
        if name in template
    }
    if lines.get("subject") == "":
        raise TemplateError("the subject is empty")
    text = _render(template["text"], fields, html=False)
    if "html" not in template:
        return Rendered(lines.get("subject", ""), html="", text=text)
    return Rendered(
        lines["subject"], html=_render(template["html"], {**fields, **lines}, html=True), text=_wrapped(text)
    )


def names_used(source: str) -> set[str]:
    """Return the names a template takes from outside. Raises `TemplateError` when it is not Liquid."""
    try:
        return set(_parsed(source, html=True).analyze().globals)
    except LiquidError as error:
        raise TemplateError(str(error).splitlines()[0]) from error


def one_line(text: str) -> str:
    """Return the text without line breaks, control characters and doubled spaces."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _wrapped(text: str) -> str:
    """Return the text with the lines broken that a field made long; a line with an address stays whole."""
    return "\n".join(
        line
        if len(line) <= LONGEST_LINE or "://" in line
        else textwrap.fill(line, WIDTH, subsequent_indent=_indent(line), break_long_words=False, break_on_hyphens=False)
        for line in text.split("\n")
    )


def _indent(line: str) -> str:
    found = _BULLET.match(line)
    return "" if found is None else " " * len(found[0])


def _render(source: str, fields: Mapping[str, Any], *, html: bool) -> str:
    try:
        return _parsed(source, html=html).render(**fields)
    except LiquidError as error:
        raise TemplateError(str(error).splitlines()[0]) from error
