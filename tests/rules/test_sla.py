"""Business time against a minute-by-minute oracle, and what a sweep finds at which instant."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.handoff import Clock, Handoff, ScoreThen
from shared.instants import DAY, HOUR, MINUTE, parse_instant
from shared.rules.sla import Calendar, Promise, after_working, calendar, met, next_due, start_clock, tick

STOCKHOLM = Calendar("Europe/Stockholm", frozenset({0, 1, 2, 3, 4}), 9 * HOUR, 17 * HOUR)

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
    return local.weekday() in said.days and said.opens <= second < said.closes


def minute_by_minute(said: Calendar, start: int, minutes: int) -> int:
    instant = start
    while minutes:
        minutes -= works(said, instant)
        instant += MINUTE
    return instant


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    opens = draw(st.integers(0, 24 * 60 - 1))
    closes = draw(st.integers(opens + 1, 24 * 60))
    days = draw(st.frozensets(st.integers(0, 6), min_size=1))
    return Calendar(draw(st.sampled_from(ZONES)), days, opens * MINUTE, closes * MINUTE)


@settings(max_examples=400, deadline=None)
@given(said=calendars(), near=st.sampled_from(CHANGES), minute=st.integers(-1440, 3 * 1440), within=st.integers(1, 600))
@example(  # the hour 02:00 to 03:00 happens twice, and is worked twice
    said=Calendar("Europe/Stockholm", frozenset({6}), 2 * HOUR, 3 * HOUR), near=CHANGES[9], minute=0, within=120
)
@example(  # and does not happen at all in spring
    said=Calendar("Europe/Stockholm", frozenset({6}), 2 * HOUR, 3 * HOUR), near=CHANGES[6], minute=0, within=30
)
def test_business_time_is_what_counting_minutes_gives(said: Calendar, near: int, minute: int, within: int):
    start = near + minute * MINUTE
    within = min(within, 3 * (said.closes - said.opens) // MINUTE)  # keeps the oracle to a few weeks
    assert after_working(said, start, within * MINUTE) == minute_by_minute(said, start, within)


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
    ("days", "opens", "closes"),
    [([], "09:00", "17:00"), (["mon"], "17:00", "09:00"), (["mon"], "09:00", "09:00")],
)
def test_a_calendar_without_working_hours_is_refused(days: list[str], opens: str, closes: str):
    with pytest.raises(ValueError, match="no working hours"):
        calendar({"zone": "UTC", "days": days, "opens": opens, "closes": closes})


def test_a_calendar_promise_runs_through_the_weekend():
    start = parse_instant("2026-03-28T12:00:00Z")
    clock = start_clock(Promise("decide", "high", "calendar", 48 * HOUR, 4 * HOUR), STOCKHOLM, start)
    assert clock == Clock("decide", start + 48 * HOUR, start + 44 * HOUR)


def test_a_business_promise_warns_in_business_time():
    start = parse_instant("2026-01-09T15:30:00Z")  # half an hour before the weekend
    clock = start_clock(Promise("contact", "high", "business", HOUR, 45 * MINUTE), STOCKHOLM, start)
    assert clock.warn_at == parse_instant("2026-01-09T15:45:00Z")
    assert clock.due_at == parse_instant("2026-01-12T08:30:00Z")


@pytest.mark.parametrize("warn_before", [0, HOUR, 2 * HOUR])
def test_a_warning_that_would_come_at_once_or_never_is_none(warn_before: int):
    assert start_clock(Promise("contact", "high", "calendar", HOUR, warn_before), STOCKHOLM, 0).warn_at is None


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
