"""Business time against a minute-by-minute oracle, and what a sweep finds at which instant."""

import os
import random
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import businesstimedelta
import pytest
import pytz
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.handoff import Clock, Handoff, ScoreThen
from shared.instants import DAY, HOUR, MINUTE, parse_instant
from shared.rules.calendars import Calendar, after_working, calendar, weekly
from shared.rules.sla import Promise, met, next_due, start_clock, tick

STOCKHOLM = weekly("Europe/Stockholm", range(5), 9 * HOUR, 17 * HOUR)

ZONES = (
    "UTC",
    "Europe/Stockholm",
    "America/New_York",
    "America/Sao_Paulo",  # changed at midnight until 2019
    "America/St_Johns",  # changed at 00:01 until 2011, so a date could start twice
    "Australia/Lord_Howe",  # changes by half an hour
    "Asia/Kathmandu",  # +05:45
    "Pacific/Apia",  # skipped 2011-12-30
    "Africa/Casablanca",  # changes around Ramadan
    "America/Nuuk",
)
CHANGES = tuple(
    parse_instant(text)
    for text in (
        "2011-03-13T00:00:00Z",
        "2011-11-06T00:00:00Z",
        "2011-12-29T00:00:00Z",
        "2018-02-17T00:00:00Z",
        "2018-11-03T00:00:00Z",
        "2026-03-07T00:00:00Z",
        "2026-03-28T00:00:00Z",
        "2026-04-04T00:00:00Z",
        "2026-10-03T00:00:00Z",
        "2026-10-24T00:00:00Z",
        "2026-12-30T00:00:00Z",
    )
)


def works(said: Calendar, instant: int) -> bool:
    local = datetime.fromtimestamp(instant, UTC).astimezone(ZoneInfo(said.zone))
    second = local.hour * HOUR + local.minute * MINUTE + local.second
    day = local.date().toordinal() - date(1970, 1, 1).toordinal()
    present = not any(left <= instant < back for left, back in said.away)
    return day not in said.holidays and present and any(a <= second < b for a, b in said.hours[local.weekday()])


def minute_by_minute(said: Calendar, start: int, minutes: int) -> int:
    instant = start
    while minutes:
        minutes -= works(said, instant)
        instant += MINUTE
    return instant


@st.composite
def hours(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    edges = draw(st.lists(st.integers(0, 24 * 60), min_size=2, max_size=6, unique=True).map(sorted))
    return tuple((edges[at] * MINUTE, edges[at + 1] * MINUTE) for at in range(0, len(edges) - 1, 2))


@st.composite
def calendars(draw: st.DrawFn, near: int) -> Calendar:
    week = draw(st.lists(st.just(()) | hours(), min_size=7, max_size=7).filter(any))
    holidays = draw(st.frozensets(st.integers(near // DAY - 2, near // DAY + 9), max_size=4))
    left = draw(st.lists(st.integers(-2 * 1440, 6 * 1440), max_size=2))
    away = tuple(sorted((near + at * MINUTE, near + (at + draw(st.integers(1, 3 * 1440))) * MINUTE) for at in left))
    return Calendar(draw(st.sampled_from(ZONES)), tuple(week), holidays, away)


@settings(max_examples=400, deadline=None)
@given(data=st.data(), near=st.sampled_from(CHANGES), minute=st.integers(-1440, 3 * 1440), within=st.integers(1, 600))
def test_business_time_is_what_counting_minutes_gives(data: st.DataObject, near: int, minute: int, within: int):
    said = data.draw(calendars(near))
    start = near + minute * MINUTE
    within = min(within, sum(b - a for spans in said.hours for a, b in spans) // MINUTE)  # keeps the oracle to weeks
    assert after_working(said, start, within * MINUTE) == minute_by_minute(said, start, within)


@pytest.mark.parametrize(
    ("near", "minutes"),
    [
        (CHANGES[9], 120),  # the hour 02:00 to 03:00 happens twice, and is worked twice
        (CHANGES[6], 30),  # and does not happen at all in spring
    ],
)
def test_an_hour_of_a_clock_change_is_worked_as_often_as_it_happens(near: int, minutes: int):
    said = weekly("Europe/Stockholm", {6}, 2 * HOUR, 3 * HOUR)
    assert after_working(said, near, minutes * MINUTE) == minute_by_minute(said, near, minutes)


CASES = 2 * int(os.environ.get("RIPEN_CASES", "1000"))
"""Cases that are held against the library; with `make properties` the 20,000 that the docs speak of."""


def test_business_time_agrees_with_an_independent_library():
    """
    `businesstimedelta` goes by spans of whole days and pytz, ours by instants and zoneinfo.

    Left to the minute-by-minute oracle is what the library takes too simply: hours within which the clocks change, and
    holidays of 23 or 25 hours.
    """
    draw = random.Random(20260105)
    zones = [zone for zone in ZONES if zone != "Pacific/Apia"]  # the library takes the day that never was for one
    asked = 0
    while asked < CASES:
        zone = draw.choice(zones)
        opens = draw.randrange(4 * 60, 20 * 60, 5)
        closes = draw.randrange(opens + 5, 21 * 60, 5)
        days = sorted(draw.sample(range(7), draw.randint(1, 7)))
        start = parse_instant("2012-01-01T00:00:00Z") + draw.randrange(
            0, 13 * 365 * DAY, MINUTE
        )  # what is known to both
        closed = [day for _ in range(draw.randint(0, 3)) if even(zone, day := start // DAY + draw.randint(-1, 12))]
        ours = replace(weekly(zone, days, opens * MINUTE, closes * MINUTE), holidays=frozenset(closed))
        theirs = library_rules(zone, days, opens, closes, [*closed, start // DAY + 400])  # it wants one ahead
        for _ in range(20):
            asked += 1
            begin = start + draw.randrange(0, 9 * DAY, MINUTE)
            minutes = draw.randrange(1, 3 * (closes - opens))
            moved = datetime.fromtimestamp(begin, UTC) + businesstimedelta.BusinessTimeDelta(
                theirs, timedelta=timedelta(minutes=minutes)
            )
            assert after_working(ours, begin, minutes * MINUTE) == int(moved.timestamp()), (ours, begin, minutes)


def even(zone: str, day: int) -> bool:
    """Tell whether the local day has 24 hours."""
    offsets = {weekly(zone, {0}, 0, DAY).offset(day * DAY + at * HOUR) for at in range(-14, 40)}
    return len(offsets) == 1


def library_rules(zone: str, days: list[int], opens: int, closes: int, closed: list[int]) -> Any:
    holidays = {date(1970, 1, 1) + timedelta(days=day): "closed" for day in closed}
    return businesstimedelta.Rules(
        [
            businesstimedelta.WorkDayRule(
                start_time=time(opens // 60, opens % 60),
                end_time=time(closes // 60, closes % 60),
                working_days=days,
                tz=pytz.timezone(zone),
            ),
            businesstimedelta.HolidayRule(holidays, tz=pytz.timezone(zone)),
        ]
    )


@pytest.mark.parametrize(
    ("start", "seconds", "due"),
    [
        ("2026-01-05T09:00:00Z", HOUR, "2026-01-05T10:00:00Z"),
        ("2026-01-05T03:00:00Z", HOUR, "2026-01-05T09:00:00Z"),  # before opening (08:00Z)
        ("2026-01-09T15:30:00Z", HOUR, "2026-01-12T08:30:00Z"),  # Friday afternoon to Monday morning
        ("2026-01-09T15:00:00Z", HOUR, "2026-01-09T16:00:00Z"),  # used up exactly at closing
        ("2026-01-09T16:00:00Z", HOUR, "2026-01-12T09:00:00Z"),  # starts exactly at closing
        ("2026-01-10T12:00:00Z", HOUR, "2026-01-12T09:00:00Z"),  # Saturday
        ("2026-03-27T15:30:00Z", HOUR, "2026-03-30T07:30:00Z"),  # over the weekend the clocks go forward
        ("2026-10-23T14:30:00Z", HOUR, "2026-10-26T08:30:00Z"),  # and back
        ("2026-12-31T15:59:59Z", 2, "2027-01-01T08:00:01Z"),  # year end; holidays are not known here
        ("2026-01-05T09:00:00Z", 24 * HOUR, "2026-01-08T09:00:00Z"),  # three working days
        ("2026-01-05T09:00:00Z", 0, "2026-01-05T09:00:00Z"),
    ],
)
def test_business_hours_in_stockholm(start: str, seconds: int, due: str):
    assert after_working(STOCKHOLM, parse_instant(start), seconds) == parse_instant(due)


@pytest.mark.parametrize(
    "monday",
    [[], [["17:00", "09:00"]], [["09:00", "09:00"]], [["09:00", "12:00"], ["11:00", "17:00"]]],
)
def test_a_calendar_without_working_hours_or_with_overlapping_ones_is_refused(monday: list[list[str]]):
    with pytest.raises(ValueError, match=r"no working hours|overlap"):
        calendar({"zone": "UTC", "hours": [monday, *[[]] * 6], "holidays": []})


def test_a_calendar_promise_runs_through_the_weekend():
    start = parse_instant("2026-03-28T12:00:00Z")
    clock = start_clock(Promise("decide", "high", "calendar", 48 * HOUR, 4 * HOUR), [STOCKHOLM], start)
    assert clock == Clock("decide", start + 48 * HOUR, start + 44 * HOUR)


def test_a_business_promise_warns_in_business_time():
    start = parse_instant("2026-01-09T15:30:00Z")  # half an hour before the weekend
    clock = start_clock(Promise("contact", "high", "business", HOUR, 45 * MINUTE), [STOCKHOLM], start)
    assert clock.warn_at == parse_instant("2026-01-09T15:45:00Z")
    assert clock.due_at == parse_instant("2026-01-12T08:30:00Z")


@pytest.mark.parametrize("warn_before", [0, HOUR, 2 * HOUR])
def test_a_warning_that_would_come_at_once_or_never_is_none(warn_before: int):
    assert start_clock(Promise("contact", "high", "calendar", HOUR, warn_before), [STOCKHOLM], 0).warn_at is None


def test_an_instant_reads_as_wall_time_with_its_zone():
    assert STOCKHOLM.text(parse_instant("2026-01-05T09:00:00Z")) == "Mon 5 Jan 2026 10:00 CET"
    assert STOCKHOLM.text(parse_instant("2026-07-05T09:00:00Z")) == "Sun 5 Jul 2026 11:00 CEST"


START = parse_instant("2026-01-05T09:00:00Z")
OPEN = Handoff(
    lead_id="l1",
    number=1,
    version=1,
    state="open",
    priority="high",
    owner="maria",
    reason="asked for a demo",
    created_at=START,
    clocks=(
        Clock("contact", START + HOUR, START + HOUR - 15 * MINUTE),
        Clock("decide", START + 2 * DAY, START + 2 * DAY - 4 * HOUR),
    ),
    score=ScoreThen(86_000, "A", 3),
)


@pytest.mark.parametrize(
    ("after", "kinds"),
    [
        (0, []),
        (45 * MINUTE - 1, []),
        (45 * MINUTE, [("contact", "warned")]),
        (HOUR - 1, [("contact", "warned")]),
        (HOUR, [("contact", "breached")]),  # runs out at the instant itself; no warning about what is over
        (2 * DAY - 4 * HOUR, [("contact", "breached"), ("decide", "warned")]),
        (9 * DAY, [("contact", "breached"), ("decide", "breached")]),
    ],
)
def test_what_a_first_sweep_finds(after: int, kinds: list[tuple[str, str]]):
    swept, found = tick(OPEN, START + after)
    assert [(each.clock, each.kind) for each in found] == kinds
    assert swept.version == (2 if kinds else 1)


@settings(deadline=None)
@given(times=st.lists(st.integers(0, 3 * DAY), min_size=1, max_size=30))
def test_each_clock_warns_and_breaches_at_most_once_however_often_it_is_swept(times: list[int]):
    handoff, said = OPEN, []
    for after in sorted(times):
        handoff, found = tick(handoff, START + after)
        said += [(each.clock, each.kind) for each in found]
        due = next_due(handoff)
        assert due is None or due > START + after  # nothing that is due stays unsaid
        assert tick(handoff, START + after) == (handoff, ())
    assert len(said) == len(set(said))
    for clock in OPEN.clocks:
        assert ((clock.name, "breached") in said) == (START + max(times) >= clock.due_at)


def test_a_clock_that_was_met_is_silent():
    handoff = replace(OPEN, clocks=met(OPEN.clocks, "contact", START + 5))
    assert next_due(handoff) == START + 2 * DAY - 4 * HOUR
    assert tick(handoff, START + 2 * HOUR) == (handoff, ())


def test_meeting_a_clock_again_keeps_the_first_time():
    once = met(OPEN.clocks, "contact", START + 5)
    assert met(once, "contact", START + 9) == once


@pytest.mark.parametrize("state", ["rejected", "closed"])
def test_nothing_runs_after_the_handoff_ended(state: str):
    handoff = replace(OPEN, state=state)
    assert next_due(handoff) is None
    assert tick(handoff, START + 9 * DAY) == (handoff, ())


def test_a_handoff_reads_back_as_it_was_written():
    handoff = replace(
        tick(OPEN, START + HOUR)[0], state="closed", outcome="lost", ended_by="maria", ended_at=START, paused=("1.x",)
    )
    assert Handoff.from_json("l1", handoff.to_json()) == handoff
