"""
The words a playbook is written in: points, durations, patterns, paths, zones, names.

Each type says how it is read (validators, whose errors tell what to write instead) and how an editor should check it
(`WithJsonSchema`): what is written is not what is compiled.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from difflib import get_close_matches
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from shared.forms import FORM_NAME
from shared.rules.nurture import is_mailable
from shared.rules.patterns import PatternError, Place, check_pattern

LONGEST = 3650
"""Most days of a duration: ten years."""

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_DURATION = r"^([0-9]{1,6}) (second|minute|hour|day|week)s?$"


class MisplacedError(ValueError):
    """What is wrong with parts of a section, each with its place within that section, so that the line is right."""

    def __init__(self, *problems: tuple[Place, str]) -> None:
        super().__init__("; ".join(text for _, text in problems))
        self.problems = problems


def _mailable(said: str) -> str:
    if not is_mailable(said):
        raise ValueError(
            f"{said!r} cannot stand in a mail as it is: none would go out; write one of plain letters, as in sales@example.com"
        )
    return said


def _seconds(said: Any) -> int:
    """Read `30 days`, `1 hour`, `0 minutes` as whole seconds."""
    shape = re.fullmatch(_DURATION, said) if isinstance(said, str) else None
    if shape is None:
        raise ValueError(f"{said!r} is no duration; write it as in `30 days`, `1 hour` or `15 minutes`")
    seconds = int(shape[1]) * _UNITS[shape[2]]
    if seconds > LONGEST * 86_400:
        raise ValueError(f"{said!r} is longer than ten years; write at most `{LONGEST} days`")
    return seconds


def _span(said: Any) -> int:
    """Read a duration that is longer than nothing."""
    seconds = _seconds(said)
    if not seconds:
        raise ValueError(f"{said!r} is no time at all; write a duration longer than 0, as in `30 days`")
    return seconds


def milli(said: Any) -> int:
    """Read points with at most three decimals as whole milli-points."""
    if isinstance(said, bool) or not isinstance(said, int | float) or not abs(said) <= 100_000:
        raise ValueError(f"{said!r} is no number of points; write a number between -100000 and 100000, as in 15")
    milli = round(said * 1000)
    if abs(milli - said * 1000) > 1e-6:
        raise ValueError(f"{said!r} has more than three decimals; write at most three")
    return milli


def _gain(said: Any) -> int:
    points = milli(said)
    if points <= 0:
        raise ValueError(f"{said!r} is not above 0; caps are positive numbers of points, also for penalties")
    return points


def _pattern(said: dict[str, Any]) -> dict[str, Any]:
    if said:
        try:
            check_pattern(said)
        except PatternError as error:
            raise MisplacedError((error.place, error.problem)) from error
    return said


def _where(said: dict[str, Any]) -> dict[str, Any]:
    """Check what an engagement pattern looks at: the event, never the profile."""
    _pattern(said)
    known = ", ".join(EVENT_PARTS)
    wrong = [
        (place, f"an event has no {place[-1]!r}; start with one of {known}, as in {{properties: {{path: [...]}}}}")
        for place, _ in top_level(said)
        if place[-1] not in EVENT_PARTS
    ]
    if wrong:
        raise MisplacedError(*wrong)
    return said


EVENT_PARTS = ("event", "properties", "traits", "context")
"""What an engagement rule's pattern can look at."""


def top_level(pattern: Mapping[str, Any], before: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Return place and condition of every top-level field of a checked pattern, those in `$or` included."""
    for name, wanted in pattern.items():
        if name == "$or":
            for number, branch in enumerate(wanted):
                yield from top_level(branch, (*before, name, number))
        else:
            yield (*before, name), wanted


def _asset(said: str) -> str:
    head, _, rest = said.partition(".")
    if head not in EVENT_PARTS[1:] or not all(rest.split(".")):
        raise ValueError(f"{said!r} is no path into an event; write it as in properties.path")
    return said


def _line(said: str) -> str:
    if any(unicodedata.category(each) in ("Cc", "Zl", "Zp") for each in said):
        raise ValueError("holds a line break or a control character; write one line of words")
    return _words(said)


def _words(said: str) -> str:
    if not said.strip():
        raise ValueError("is blank; write words")
    if any(unicodedata.category(each) == "Cc" and each != "\n" for each in said):
        raise ValueError("holds a control character; remove it")
    return said


def each_once(said: list[str]) -> list[str]:
    """Refuse what stands twice in a list that means a set."""
    twice = [
        ((number,), f"{each!r} stands twice; leave one out")
        for number, each in enumerate(said)
        if each in said[:number]
    ]
    if twice:
        raise MisplacedError(*twice)
    return said


def _days(said: Any) -> Any:
    if isinstance(said, str):
        raise ValueError(f"{said!r} is no number of days; write days without a unit, as in 60")  # noqa: TRY004 - pydantic hears ValueError
    return said


def _zone(said: str) -> str:
    try:
        ZoneInfo(said)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{said!r} is no time zone; write it as in Europe/Stockholm") from error
    return said


def _listed(said: Any) -> Any:
    """Take one text for a list of one."""
    return [said] if isinstance(said, str) else said


def _yes_no(said: Any) -> Any:
    if not isinstance(said, bool):
        raise ValueError(f"{said!r} is neither yes nor no; write true or false")  # noqa: TRY004 - pydantic hears ValueError
    return said


def _day(said: Any) -> Any:
    if not isinstance(said, str) or re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", said) is None:
        raise ValueError(f"{said!r} is no date; write it as in 2027-02-01")
    try:
        return date.fromisoformat(said)
    except ValueError as error:
        raise ValueError(f"{said} is no day of the calendar; write one that is, as in 2027-02-01") from error


TARGET = r"^([a-z][a-z0-9_]{0,39}|properties\.[^.\s]{1,64})$"
"""What a field of a form may become."""

NAME = r"^[a-z][a-z0-9_]{0,39}$"
SLUG = r"^[a-z][a-z0-9-]{0,39}$"
CONTENT = r"^[a-z][a-z0-9-]{0,59}$"
CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
ADDRESS = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
URL = r"^https?://[^\s<>\"']+$"
MEMBER = r"^[UW][A-Z0-9]{2,20}$"
PLACE = r"^[A-Z]{2}(-[A-Z0-9]{1,8})?$"
CLOSING = r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"

SHAPES = {
    NAME: "write a name: a small letter, then at most 39 small letters, digits and underscores, as in pricing_page",
    SLUG: "write a name: a small letter, then at most 39 small letters, digits and hyphens, as in mid-market",
    CONTENT: "write the name of a mail: small letters, digits and hyphens, as in decision-1",
    CLOCK: 'write a time of day in quotes, as in "09:00"',
    ADDRESS: "write a mail address, as in maria@example.com",
    URL: "write an address that begins with https:// or http://",
    FORM_NAME: "write the last part of the form's address: 1 to 64 of a-z, 0-9 and hyphen, as in demo-request",
    TARGET: "write a field of scoring.profile, email, user_id, anonymous_id, or properties.<name>, as in properties.budget",
    PLACE: "write a country, as in SE, or one with its region, as in DE-BY",
    CLOSING: 'write a time of day, as in "17:00"; "24:00" is the end of the day',
    MEMBER: "write a Slack member id, as in U024BE7LH (in Slack: profile, more, copy member ID)",
}
"""What to write instead of a text that does not have the shape."""

Whole = Annotated[int, Field(strict=True)]
YesNo = Annotated[bool, BeforeValidator(_yes_no)]
Seconds = Annotated[
    int, BeforeValidator(_seconds), WithJsonSchema({"type": "string", "pattern": _DURATION, "examples": ["30 days"]})
]
Span = Annotated[
    int,
    BeforeValidator(_span),
    WithJsonSchema(
        {"type": "string", "pattern": r"^0*[1-9][0-9]{0,5} (second|minute|hour|day|week)s?$", "examples": ["30 days"]}
    ),
]
Milli = Annotated[
    int,
    BeforeValidator(milli),
    WithJsonSchema({"type": "number", "minimum": -100_000, "maximum": 100_000}),
]
Gain = Annotated[
    int,
    BeforeValidator(_gain),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": 100_000}),
]
Pattern = Annotated[dict[str, Any], AfterValidator(_pattern), WithJsonSchema({"type": "object", "title": "pattern"})]
EventPattern = Annotated[
    dict[str, Any], AfterValidator(_where), WithJsonSchema({"type": "object", "title": "event_pattern"})
]
Zone = Annotated[str, AfterValidator(_zone)]
Name = Annotated[str, Field(pattern=NAME)]
Slug = Annotated[str, Field(pattern=SLUG)]
Content = Annotated[str, Field(pattern=CONTENT)]
Days = Annotated[int, Field(strict=True), BeforeValidator(_days)]
Text = Annotated[str, Field(min_length=1, max_length=400), AfterValidator(_line)]
"""One line of words: labels, names, and what stands in the head of a mail."""

Prose = Annotated[str, Field(min_length=1, max_length=400), AfterValidator(_words)]
"""Words that may take several lines."""

Texts = Annotated[
    list[Text],
    Field(min_length=1),
    BeforeValidator(_listed),
    AfterValidator(each_once),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1, "maxLength": 400},
                {
                    "type": "array",
                    "minItems": 1,
                    "uniqueItems": True,
                    "items": {"type": "string", "minLength": 1, "maxLength": 400},
                },
            ]
        }
    ),
]
"""A list of texts; one text is a list of one."""

AssetPath = Annotated[
    str,
    AfterValidator(_asset),
    WithJsonSchema({"type": "string", "pattern": r"^(properties|traits|context)(\.[^.]+)+$"}),
]
Clock = Annotated[str, Field(pattern=CLOCK)]
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
Address = Annotated[str, Field(pattern=ADDRESS, max_length=254), AfterValidator(_mailable)]
Url = Annotated[str, Field(pattern=URL, max_length=500)]
Member = Annotated[str, Field(pattern=MEMBER)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Section(BaseModel):
    """A part of the playbook; a key nobody knows is an error, not a silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def nearest(said: str, known: Iterable[str]) -> str:
    """Return what to write instead of a name nobody knows: the nearest known one, or all of them."""
    names = sorted(known)
    close = get_close_matches(said, names, n=1)
    if close:
        return f"write {close[0]}"
    return f"write one of {', '.join(names)}" if names else "there is none yet: define it first"
