"""When mails may arrive: hours, weekdays, zones, clock changes and caps, against models that just try every minute."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.instants import DAY, HOUR, MINUTE, parse_instant
from shared.rules.send_window import CAP_WINDOWS, Window, caps_free_at, next_open, window_of, zone_of

STOCKHOLM = ZoneInfo("Europe/Stockholm")
OFFICE = window_of({"quiet": {"from": "20:00", "to": "08:00"}, "days": ["mon", "tue", "wed", "thu", "fri"]})
EVERY_DAY = frozenset(range(7))

ZONES = ("Europe/Stockholm", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu",
         "Pacific/Auckland", "America/Sao_Paulo", "Africa/Casablanca", "Asia/Tokyo", "America/Santiago")  # fmt: skip
CLOCK_CHANGES = [
    parse_instant(text)
    for text in ("2026-03-08T07:00:00Z", "2026-03-29T01:00:00Z", "2026-04-04T14:00:00Z", "2026-04-05T03:00:00Z",
                 "2026-09-26T14:00:00Z", "2026-10-03T15:30:00Z", "2026-10-25T01:00:00Z", "2026-11-01T06:00:00Z")
]  # fmt: skip


def is_open(at: int, window: Window, zone: ZoneInfo) -> bool:
    wall = datetime.fromtimestamp(at, UTC).astimezone(zone)
    minute = wall.hour * 60 + wall.minute
    start, end = window.quiet_from // 60, window.quiet_to // 60
    if start < end:
        quiet = start <= minute < end
    elif start > end:
        quiet = minute >= start or minute < end
    else:
        quiet = False
    return wall.weekday() in window.days and not quiet


def first_open_minute(at: int, window: Window, zone: ZoneInfo) -> int:
    if is_open(at, window, zone):
        return at
    minute = at - at % MINUTE + MINUTE
    while not is_open(minute, window, zone):
        minute += MINUTE
    return minute


instants = st.one_of(
    st.integers(parse_instant("2025-01-01T00:00:00Z"), parse_instant("2028-01-01T00:00:00Z")),
    st.builds(lambda change, near: change + near, st.sampled_from(CLOCK_CHANGES), st.integers(-2 * DAY, 2 * DAY)),
)
windows = st.builds(
    lambda start, end, days: Window(start * MINUTE, end * MINUTE, frozenset(days)),
    st.integers(0, 1439),
    st.integers(0, 1439),
    st.sets(st.integers(0, 6), min_size=1),
)


@settings(max_examples=1000, deadline=None)
@given(at=instants, window=windows, zone=st.sampled_from(ZONES))
def test_the_window_opens_at_the_minute_a_patient_watcher_finds(at, window, zone):
    place = ZoneInfo(zone)
    assert next_open(at, window=window, zone=place) == first_open_minute(at, window, place)


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("2026-11-18T10:00:00Z", "2026-11-18T10:00:00Z"),  # Wednesday, 11:00 there
        ("2026-11-18T18:59:59Z", "2026-11-18T18:59:59Z"),  # the last second before 20:00
        ("2026-11-18T19:00:00Z", "2026-11-19T07:00:00Z"),  # quiet begins; Thursday 08:00
        ("2026-11-19T06:59:59Z", "2026-11-19T07:00:00Z"),
        ("2026-11-20T19:30:00Z", "2026-11-23T07:00:00Z"),  # Friday evening waits for Monday
        ("2026-11-21T12:00:00Z", "2026-11-23T07:00:00Z"),  # Saturday noon too
        (
            "2026-03-27T19:00:00Z",
            "2026-03-30T06:00:00Z",
        ),  # over the change to summer time: Monday 08:00 is an hour earlier
        ("2026-10-23T18:00:00Z", "2026-10-26T07:00:00Z"),  # and over the change back
    ],
)
def test_office_hours_in_stockholm(at, opens):
    assert next_open(parse_instant(at), window=OFFICE, zone=STOCKHOLM) == parse_instant(opens)


def test_a_window_that_begins_in_the_skipped_hour_opens_when_the_clock_jumps():
    window = Window(0, 2 * HOUR + 30 * MINUTE, EVERY_DAY)
    before = parse_instant("2026-03-29T00:30:00Z")
    assert next_open(before, window=window, zone=STOCKHOLM) == parse_instant("2026-03-29T01:00:00Z")


def test_equal_ends_are_no_quiet_hours():
    midnight = parse_instant("2026-11-18T23:00:00Z")
    window = window_of({"quiet": {"from": "08:00", "to": "08:00"}, "days": ["thu"]})
    assert next_open(midnight, window=window, zone=STOCKHOLM) == midnight


def test_a_policy_without_weekdays_is_refused():
    with pytest.raises(ValueError, match="weekday"):
        window_of({"quiet": {"from": "20:00", "to": "08:00"}, "days": []})


@pytest.mark.parametrize(
    "said", [None, 7, "", "UTC", "Nowhere/Town", "../etc/passwd", "Europe/", "/etc/localtime", "x" * 300]
)
def test_a_zone_that_does_not_exist_falls_back(said):
    assert zone_of(said, "Europe/Stockholm") == STOCKHOLM


def test_the_zone_of_the_profile_is_used():
    assert zone_of("Asia/Tokyo", "Europe/Stockholm") == ZoneInfo("Asia/Tokyo")


def is_free(at: int, recent: list[int], caps: dict[str, int]) -> bool:
    return all(sum(at - CAP_WINDOWS[period] < claim <= at for claim in recent) < most for period, most in caps.items())


@settings(max_examples=600, deadline=None)
@given(
    now=st.integers(10 * DAY, 60 * DAY),
    ages=st.lists(st.integers(0, 40 * DAY), max_size=12),
    caps=st.fixed_dictionaries(
        {"day": st.integers(1, 3), "week": st.integers(1, 5), "month": st.integers(1, 8)},
    ),
)
def test_caps_are_free_again_at_the_first_second_that_counts_fewer(now, ages, caps):
    recent = sorted(now - age for age in ages)
    free = caps_free_at(now, recent=recent, caps=caps)
    assert is_free(free, recent, caps)
    candidates = sorted(
        {now} | {claim + length for claim in recent for length in CAP_WINDOWS.values() if claim + length > now}
    )
    assert free == next(each for each in candidates if is_free(each, recent, caps))
    assert free == now or not is_free(free - 1, recent, caps)
