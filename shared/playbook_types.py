"""The words a playbook is written in: points, durations, patterns, zones, names."""

import re
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from shared.rules.patterns import check_pattern

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}


def _seconds(said: Any) -> int:
    """Read `30 days`, `1 hour`, `0 minutes` as whole seconds."""
    shape = re.fullmatch(r"(\d{1,6}) (second|minute|hour|day|week)s?", said) if isinstance(said, str) else None
    if shape is None:
        raise ValueError(f"{said!r} is no duration; write it as in `30 days`, `1 hour` or `15 minutes`")
    seconds = int(shape[1]) * _UNITS[shape[2]]
    if seconds > 3650 * 86_400:
        raise ValueError(f"{said!r} is longer than ten years (3650 days)")
    return seconds


def milli(said: Any) -> int:
    """Read points with at most three decimals as whole milli-points."""
    if isinstance(said, bool) or not isinstance(said, int | float) or not abs(said) <= 100_000:
        raise ValueError(f"{said!r} is no number of points between -100000 and 100000")
    milli = round(said * 1000)
    if abs(milli - said * 1000) > 1e-6:
        raise ValueError(f"{said!r} has more than three decimals")
    return milli


def _pattern(said: dict[str, Any]) -> dict[str, Any]:
    if said:
        check_pattern(said)
    return said


def _zone(said: str) -> str:
    try:
        ZoneInfo(said)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{said!r} is no time zone; write it as in Europe/Stockholm") from error
    return said


Whole = Annotated[int, Field(strict=True)]
Seconds = Annotated[int, BeforeValidator(_seconds)]
Milli = Annotated[int, BeforeValidator(milli)]
Pattern = Annotated[dict[str, Any], AfterValidator(_pattern)]
Zone = Annotated[str, AfterValidator(_zone)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Content = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,59}$")]
Text = Annotated[str, Field(min_length=1, max_length=400)]
Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Address = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254)]
Url = Annotated[str, Field(pattern=r"^https?://[^\s<>\"']+$", max_length=500)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Section(BaseModel):
    """A part of the playbook; a key nobody knows is an error, not a silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)
