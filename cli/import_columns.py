"""
Which column of a file of people says what: guessed from the header, or said with --map.

A column is guessed when a form field of that name would mean the same. What is neither guessed nor said is left out: an
export of a CRM holds more about people than a stage needs.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.errors import RipenError
from shared.forms import plain_name
from shared.intake.person_fields import EMAIL, PROFILE

OWN = ("email", "user_id", "anonymous_id", "timestamp", "consent", "consent_at", "consent_source")
"""Fields that are not traits: who, when, and what they agreed to, when and where."""

GUESSED: Mapping[str, str] = {
    **PROFILE,
    "numberofemployees": "employees",
    **dict.fromkeys(EMAIL, "email"),
    **dict.fromkeys(("userid", "externalid"), "user_id"),
    "anonymousid": "anonymous_id",
    **dict.fromkeys(("createdat", "createdate", "createddate", "createdon", "timestamp"), "timestamp"),
    **dict.fromkeys(("consent", "optin", "marketingconsent"), "consent"),
    **dict.fromkeys(("consentat", "consentdate", "optindate", "optinat"), "consent_at"),
    **dict.fromkeys(("consentsource", "optinsource"), "consent_source"),
}  # fmt: skip
"""Plain name of a column -> field."""

LIST = "[]"
"""What ends the field of a column that holds several values in one cell."""

_TRAIT = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


class MappingError(RipenError):
    """The columns cannot be used as asked; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the file; `field` is None when it is left out, `listed` when a cell holds several values."""

    header: str
    field: str | None
    listed: bool = False
    guessed: bool = False


def said_mapping(pairs: Sequence[str], file: Path | None) -> dict[str, str]:
    """
    Return column -> field as the arguments and the file of pairs say; an empty field leaves the column out.

    Raises:
        MappingError: A pair is none, a column is named twice, or the file is no text.
        OSError: There is no such file.
    """
    lines = [] if file is None else _lines(file)
    told = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    said: dict[str, str] = {}
    for pair in (*told, *pairs):
        column, equals, field = (part.strip() for part in pair.rpartition("="))
        if not equals or not column:
            raise MappingError(f"{pair!r}: write a column and a field, as in --map 'Job Role=title'")
        if column in said and said[column] != field:
            raise MappingError(f"column {column!r} is given two fields, {said[column]!r} and {field!r}: give it one")
        said[column] = field
    return said


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise MappingError(f"{file}: is no text in UTF-8; save the file as UTF-8") from error


def columns_of(header: Sequence[str], said: Mapping[str, str]) -> tuple[Column, ...]:
    """
    Return what each column means.

    Raises:
        MappingError: A column that is spoken of is not there, two columns say one field, or nobody would be named.
    """
    names = [name.strip() for name in header]
    for column in said:
        if column not in names:
            near = difflib.get_close_matches(column, names, 1)
            hint = f": did you mean {near[0]!r}?" if near else f"; it has {', '.join(map(repr, names[:40]))}"
            raise MappingError(f"the file has no column {column!r}{hint}")
    taken = {field.removesuffix(LIST) for field in said.values()}
    columns = []
    for name in names:
        if name in said:
            columns.append(_told(name, said[name]))
            continue
        guess = GUESSED.get(plain_name(name))
        columns.append(Column(name, None if guess in taken else guess, guessed=True))
        taken |= {guess} if guess else set()
    _check(columns)
    return tuple(columns)


def _told(name: str, field: str) -> Column:
    plain = field.removesuffix(LIST)
    listed = plain != field
    if not field:
        return Column(name, None)
    if listed and plain in OWN:
        raise MappingError(f"column {name!r}: {plain} is one value, not a list: leave out {LIST}")
    if plain not in OWN and _TRAIT.fullmatch(plain) is None:
        raise MappingError(f"column {name!r}: {field!r} is no field: use letters, digits and _, up to 64")
    return Column(name, plain, listed)


def _check(columns: Sequence[Column]) -> None:
    found: dict[str, str] = {}
    for column in columns:
        if column.field is None:
            continue
        if column.field in found:
            raise MappingError(
                f"columns {found[column.field]!r} and {column.header!r} both say {column.field}: "
                f"leave one out, as in --map '{column.header}='"
            )
        found[column.field] = column.header
    if not {"email", "user_id", "anonymous_id"} & found.keys():
        raise MappingError(
            "no column says who a row is about: name one, as in --map 'Mail=email' or --map 'Id=user_id'"
        )
    if "consent" not in found and {"consent_at", "consent_source"} & found.keys():
        raise MappingError(
            "a column says when or where people agreed, and none whether: name it with --map '...=consent'"
        )
