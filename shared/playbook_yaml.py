"""
The YAML of a playbook, read once: as plain values, and as nodes that know their lines.

Only what every reader of YAML takes for the same is read: texts, plain decimal numbers, true and false (so that `on` is
a word), null, lists, and mappings whose keys are texts. A date is a text. Aliases and tags, which make a small file large
or something else than it looks, are refused, and so are numbers that YAML 1.1 and 1.2 read differently (010, 1:30).
"""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from shared.playbook_problems import PlaybookError, path_text
from shared.rules.patterns import Place

DEEPEST = 20
"""Most mappings and lists within each other: as deep as an event may be."""

LONGEST_NUMBER = 20
"""Most characters of a number; what is longer is an identifier."""

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_NUMBER_TO_OTHERS = re.compile(
    r"[-+]?([0-9][0-9_]*(\.[0-9_]*)?(e[-+]?[0-9]+)?|0[xob][0-9a-f_]+|"
    r"[1-9][0-9_]*(:[0-5]?[0-9])+|[0-9][0-9_]*(:[0-5]?[0-9])+\.[0-9_]*)",
    re.IGNORECASE,
)

_WORDS = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}

Problem = tuple[int, Place, str]
"""Line, place and words."""


def read_yaml(path: Path) -> tuple[Any, yaml.Node]:
    """
    Return what the file says, and its nodes.

    Raises:
        PlaybookError: It is no YAML, or says something that is not read here; the message names the lines.
    """
    node = _composed(path)
    problems: list[Problem] = []
    said = _value(node, (), problems)
    if problems:
        raise PlaybookError(
            [
                f"{path.name}:{line}: {path_text(place)}{': ' if place else ''}{text}"
                for line, place, text in sorted(problems, key=lambda problem: problem[0])
            ]
        )
    return said, node


def _composed(path: Path) -> yaml.Node:
    said = path.read_bytes()
    try:
        text = said.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = said[: error.start].count(b"\n") + 1
        raise PlaybookError([f"{path.name}:{line}: is no text in UTF-8; save the file as UTF-8"]) from error
    try:
        loader = _Nodes(text)
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise PlaybookError([f"{path.name}:{line}: holds a control character; remove it"]) from error
    try:
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise PlaybookError([f"{path.name}:{line}: {_words(error)}"]) from error
    except (ValueError, OverflowError) as error:  # an escape such as "\UFFFFFFFF" is no character
        raise PlaybookError([f"{path.name}:{loader.line + 1}: an escape is no character: {error}"]) from error
    if node is None:
        raise PlaybookError([f"{path.name}:1: is empty; start from a preset, as from `default.yaml`"])
    return node


def _words(error: yaml.MarkedYAMLError) -> str:
    if error.context and "single document" in error.context:
        return "another document begins here; a playbook is one document"
    begins = f" {error.context}, which begins in line {error.context_mark.line + 1}" if error.context_mark else ""
    return f"{error.problem}{begins}"


class _Nodes(yaml.SafeLoader):
    """Nodes without aliases and tags, and not too deep."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        problem = None
        if isinstance(event, yaml.AliasEvent):
            problem = "aliases are not read here; write it out"
        elif getattr(event, "tag", None) is not None:
            problem = "tags are not read here; leave the word with the exclamation mark out"
        elif isinstance(event, yaml.CollectionStartEvent) and self.depth >= DEEPEST:
            problem = f"is nested too deep; write at most {DEEPEST} lists and mappings within each other"
        if problem is not None:
            raise yaml.composer.ComposerError(None, None, problem, event.start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _value(node: yaml.Node, place: Place, problems: list[Problem]) -> Any:
    if isinstance(node, yaml.MappingNode):
        return dict(_items(node, place, problems))
    if isinstance(node, yaml.SequenceNode):
        return [_value(each, (*place, number), problems) for number, each in enumerate(node.value)]
    value, problem = _scalar(node) if isinstance(node, yaml.ScalarNode) else (None, "is no value")
    if problem:
        problems.append((node.start_mark.line + 1, place, problem))
    return value


def _items(node: yaml.MappingNode, place: Place, problems: list[Problem]) -> Iterator[tuple[str, Any]]:
    seen: set[str] = set()
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        key, problem = _scalar(key_node) if isinstance(key_node, yaml.ScalarNode) else (None, "")
        if problem or not isinstance(key, str):
            said = key_node.value if isinstance(key_node, yaml.ScalarNode) else "a list or a mapping"
            problems.append((line, place, f"a key is a text, and {said or 'nothing'} is none; write it in quotes"))
            continue
        if key == "<<":
            problems.append((line, place, "merges are not read here; write the keys out"))
        elif key in seen:
            problems.append((line, (*place, key), f"key {key!r} stands twice; leave one out"))
        seen.add(key)
        yield key, _value(value_node, (*place, key), problems)


def _scalar(node: yaml.ScalarNode) -> tuple[Any, str]:
    """Return the value, and what is wrong with it, if anything."""
    text: str = node.value
    if any("\ud800" <= each <= "\udfff" for each in text):
        return text, "holds half a character (a lone surrogate); write the whole character"
    if node.style is not None:  # in quotes or a block: a text, whatever it looks like
        return text, ""
    return (_WORDS[text], "") if text in _WORDS else _number_or_text(text)


def _number_or_text(text: str) -> tuple[Any, str]:
    shown = text if len(text) <= LONGEST_NUMBER else f"{text[:LONGEST_NUMBER]}…"
    if _DECIMAL.fullmatch(text):
        number = float(text)
        if len(text) > LONGEST_NUMBER or not math.isfinite(number):
            return text, f"{shown} is too large for a number; write it in quotes if it is a text"
        return (int(text) if _INTEGER.fullmatch(text) else number), ""
    if _NUMBER_TO_OTHERS.fullmatch(text):
        return text, (
            f'{shown} is not the same number to every reader of YAML; write it in quotes if it is a text, as in "{shown}", '
            "else as a plain decimal number, as in 90"
        )
    return text, ""
