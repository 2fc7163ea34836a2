"""
From the bytes of a posted form to its fields, in order: urlencoded, multipart or JSON, and the text encoding.

Nothing here knows what a field means.
"""

import codecs
import re
from urllib.parse import parse_qsl

from functions.ingest.body import parsed_object
from shared.errors import InvalidInputError
from shared.intake.values import plain

MAX_FIELDS = 200
MAX_PART_HEAD = 1_000
"""Bytes of a multipart part's headers in which its name must stand."""

Pairs = list[tuple[str, str]]

_NAME = re.compile(rb'content-disposition:[^\r\n]*?[;\s]name="([^"]*)"', re.IGNORECASE)
_FILE = re.compile(rb"filename\*?=", re.IGNORECASE)
_DECLARED = re.compile(r"charset=\"?([\w-]{1,40})", re.IGNORECASE)

ENCODINGS = frozenset(
    {"utf-8", "ascii", "big5", "big5hkscs", "cp866", "cp874", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256",
     "cp1257", "cp1258", "euc_jp", "euc_kr", "gb18030", "gbk", "gb2312", "iso2022_jp", "iso8859-1", "iso8859-2", "iso8859-3",
     "iso8859-4", "iso8859-5", "iso8859-6", "iso8859-7", "iso8859-8", "iso8859-10", "iso8859-13", "iso8859-14", "iso8859-15",
     "iso8859-16", "koi8-r", "koi8-u", "mac-cyrillic", "mac-roman", "shift_jis"}
)  # fmt: skip
"""What browsers post pages in, by Python's names. Nothing that is no text encoding, and nothing two bytes wide."""

_LATIN = frozenset({"ascii", "iso8859-1"})
"""What browsers call so and mean Windows-1252."""


def pairs_of(data: bytes, content_type: str) -> Pairs:
    """
    Return the fields in order. The bytes decide; only multipart needs the header, which holds its boundary.

    Raises:
        InvalidInputError: The body is neither urlencoded, multipart nor a JSON object, or has too many fields.
    """
    boundary = re.search(r'boundary="?([^";,]{1,70})', content_type, re.IGNORECASE)
    if boundary is not None and content_type.strip().lower().startswith("multipart/form-data"):
        return _texts(_multipart(data, boundary[1].strip().encode()), content_type)
    if data.lstrip()[:1] in (b"{", b"["):
        return _of_json(data)
    try:
        pairs = parse_qsl(data.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_FIELDS, encoding="latin-1")
    except ValueError:
        raise _too_many() from None
    return _texts([(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs], content_type)


def _of_json(data: bytes) -> Pairs:
    """Return the texts, numbers and truth values of an object; of a list each of its own, like a repeated field."""
    said = plain(parsed_object(data))
    listed = [(name, each) for name, value in said.items() for each in (value if isinstance(value, list) else [value])]
    if len(listed) > MAX_FIELDS:
        raise _too_many()
    return [(name, _written(value)) for name, value in listed if isinstance(value, str | int | float)]


def _written(value: str | float) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _multipart(data: bytes, boundary: bytes) -> list[tuple[bytes, bytes]]:
    """
    Return the text fields of a multipart body; files are left out.

    A form's multipart is flat (RFC 7578). The standard library's parser is made for mail: it follows whatever nesting
    a hostile body declares.
    """
    parts = (b"\r\n" + data).split(b"\r\n--" + boundary, MAX_FIELDS + 2)
    if len(parts) > MAX_FIELDS + 2:
        raise _too_many()
    if len(parts) < 2:
        raise InvalidInputError("body", "is not the multipart its Content-Type declares")
    pairs = []
    for part in parts[1:]:
        if part.startswith(b"--"):
            break
        head, blank, value = part.partition(b"\r\n\r\n")
        name = _NAME.search(head[:MAX_PART_HEAD])
        if blank and name is not None and _FILE.search(head) is None:
            pairs.append((name[1], value))
    return pairs


def _texts(pairs: list[tuple[bytes, bytes]], content_type: str) -> Pairs:
    """
    Return the fields as text: in the encoding the page says it was filled in, else UTF-8, else Windows-1252.

    A browser fills a hidden field `_charset_` with the encoding it used. Old pages send Windows-1252 and say nothing.
    """
    said = next((value.decode("ascii", "replace") for name, value in pairs if name.lower() == b"_charset_"), "")
    declared = _DECLARED.search(content_type)
    encoding = _encoding(said) or _encoding(declared[1] if declared else "") or "utf-8"
    return [(_decoded(name, encoding), _decoded(value, encoding)) for name, value in pairs]


def _encoding(said: str) -> str | None:
    """Return Python's name of the encoding, or None for one we do not read."""
    try:
        name = codecs.lookup(said.strip()[:40]).name if said.strip() and "\x00" not in said else ""
    except LookupError:
        return None
    if name in _LATIN:
        return "cp1252"
    return name if name in ENCODINGS else None


def _decoded(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return data.decode("cp1252" if encoding == "utf-8" else encoding, errors="replace")


def _too_many() -> InvalidInputError:
    return InvalidInputError("body", f"has more than {MAX_FIELDS} fields")
