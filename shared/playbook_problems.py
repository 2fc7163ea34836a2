"""
What is wrong with a playbook, in words for the person who edits it: `line: path: what is wrong; what to write`.

Pydantic's own texts speak of strings and models; these speak of texts, lists and keys.
"""

import reprlib
import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from shared.playbook_types import SHAPES, MisplacedError, nearest
from shared.rules.patterns import Place

SHOWN = 60
"""Most characters of a wrong value that are repeated."""


class PlaybookError(ValueError):
    """The playbook cannot be used; each problem names line, path, what is wrong and what to write instead."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def problems_of(error: ValidationError, document: type[BaseModel], tree: yaml.Node | None) -> list[str]:
    """Return each problem as `line: path: text`, in the order of the document."""
    found = [
        (line_of(tree, place), path_text(place), text)
        for each in error.errors(include_url=False)
        for place, text in _problems(each, document)
    ]
    return [f"{line}: {path}: {text}" if path else f"{line}: {text}" for line, path, text in sorted(found)]


def path_text(place: Place) -> str:
    """Return the place as it is written in texts: `scoring.fit[0].where`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")


def line_of(node: yaml.Node | None, place: Place) -> int:
    """Return the line of the deepest part of the place that stands in the document."""
    line = 1
    for part in place:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _problems(problem: Mapping[str, Any], document: type[BaseModel]) -> Iterator[tuple[Place, str]]:
    said = problem.get("ctx", {}).get("error")
    place = tuple(part for part in problem["loc"] if part != "[key]")
    if isinstance(said, MisplacedError):
        for inside, text in said.problems:
            yield (*place, *inside), text
    elif isinstance(said, ValueError):
        yield place, str(said)
    else:
        yield place, _words(problem, place, document)


def _words(problem: Mapping[str, Any], place: Place, document: type[BaseModel]) -> str:
    context: Mapping[str, Any] = problem.get("ctx", {})
    kind, shown = problem["type"], _shown(problem["input"])
    if kind == "extra_forbidden":
        return f"no key of this name is known here; {nearest(str(place[-1]), _keys_at(document, place[:-1]))}"
    if kind == "string_pattern_mismatch":
        return f"{shown} does not fit; {SHAPES[context['pattern']]}"
    if kind == "literal_error":
        return f"{shown} is not possible; write {context['expected'].replace('True', 'true').replace(chr(39), '')}"
    return _TEXTS.get(kind, "{shown} is not possible: {msg}").format(shown=shown, msg=problem["msg"], **context)


_MAPPING = "{shown} is no mapping; write keys with their values, as in {{key: value}}"
_DATE = "{shown} is no date; write it as in 2027-02-01"
_TEXTS = {
    "missing": "is missing; add it",
    "string_type": "{shown} is no text; write it in quotes",
    "string_too_short": "is empty; write a text",
    "string_too_long": "is too long; write at most {max_length} characters",
    "int_type": "{shown} is no whole number; write one without quotes, as in 5",
    "greater_than_equal": "{shown} is too small; write at least {ge}",
    "less_than_equal": "{shown} is too large; write at most {le}",
    "list_type": "{shown} is no list; write its entries in brackets, as in [a, b], or one a line after a hyphen",
    "too_short": "has too few entries; write at least {min_length}",
    "too_long": "has too many entries; write at most {max_length}",
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "date_from_datetime_inexact": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_type": _DATE,
}
"""What is wrong by pydantic's name of the error, and what to write."""


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = _REPR.repr(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = SHOWN


def _keys_at(document: type[BaseModel], place: Place) -> list[str]:
    """Return the keys the model knows at the place."""
    kind: Any = document
    for part in place:
        kind = _inside(kind, part)
    section = _section(kind)
    return [] if section is None else [field.alias or name for name, field in section.model_fields.items()]


def _inside(kind: Any, part: int | str) -> Any:
    section = _section(kind)
    if section is not None:
        named = {field.alias or name: field.annotation for name, field in section.model_fields.items()}
        return named.get(str(part))
    return next((argument for argument in reversed(get_args(_bare(kind))) if argument is not types.NoneType), None)


def _section(kind: Any) -> type[BaseModel] | None:
    bare = _bare(kind)
    return bare if isinstance(bare, type) and issubclass(bare, BaseModel) else None


def _bare(kind: Any) -> Any:
    """Return the type without its annotations and without None."""
    while get_origin(kind) in (Annotated, Union, types.UnionType):
        kind = next(argument for argument in get_args(kind) if argument is not types.NoneType)
    return kind
