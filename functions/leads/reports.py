"""The report on handoffs: which time and which split the request asks for, and the answer."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from shared.aws import handoff_weeks, playbooks
from shared.errors import InvalidInputError, NaiveTimeError, TooManyError
from shared.instants import DAY, EARLIEST, instant_text, parse_instant
from shared.rules.sla_report import BY, By, sla_report

WEEK = 7 * DAY
USUAL = 13 * WEEK
"""How far back a report goes when the request does not say."""

LONGEST = 53 * WEEK

MOST = 4_000
"""Handoffs one report reads: more do not come apart within the 30 seconds that a function and its API have."""


def sla_answer(query: Mapping[str, str], now: int) -> dict[str, Any]:
    """
    Return the report the query asks for.

    Raises:
        InvalidInputError: Naming what is wrong with the query, or how to ask for less.
    """
    since, until = asked_time(query, now)
    split = _split(query.get("by"))
    returns = {each["code"] for each in playbooks.current()["handoff"]["reject_reasons"] if each["returns_to"]}
    try:
        found = list(handoff_weeks.made_between(since, until, most=MOST))
    except TooManyError as error:
        raise InvalidInputError("from", f"{error}: ask for a shorter time") from error
    report = sla_report(found, now, recycling=frozenset(returns), split=split)
    return {"from": instant_text(since), "to": instant_text(until), **report.to_json()}


def asked_time(query: Mapping[str, str], now: int) -> tuple[int, int]:
    """
    Return the first instant the report is of, and the first it is not.

    Raises:
        InvalidInputError: Naming what is wrong with `from` or `to`.
    """
    until = _instant(query, "to", now)
    since = _instant(query, "from", until - USUAL)
    if not since < until:
        raise InvalidInputError("from", "must be before `to`")
    if until - since > LONGEST:
        raise InvalidInputError("from", f"must be at most {LONGEST // WEEK} weeks before `to`")
    return since, until


def _split(said: str | None) -> tuple[By, ...]:
    if said is None:
        return BY
    for by in BY:
        if said == by:
            return (by,)
    raise InvalidInputError("by", f"must be one of {', '.join(BY)}, or be left out for all of them")


def _instant(query: Mapping[str, str], name: str, usual: int) -> int:
    said = query.get(name)
    if said is None:
        return usual
    try:
        if len(said) == len("2026-01-05"):
            instant = (date.fromisoformat(said) - date(1970, 1, 1)).days * DAY
        else:
            instant = parse_instant(said.replace(" ", "+"))
    except (NaiveTimeError, OverflowError, ValueError) as error:
        raise InvalidInputError(
            name, "must be a day of UTC, as in 2026-01-05, or a time with a zone, as in 2026-01-05T09:00:00Z"
        ) from error
    if not EARLIEST <= instant < LATEST:
        raise InvalidInputError(name, "must lie between 1990 and 2200")
    return instant


LATEST = 7_258_118_400
"""2200-01-01T00:00:00Z."""
