"""
When a mail goes, against a watcher who looks at the clock of the person's wall, minute by minute, until it may.

The watcher shares nothing with the rule but the zone database: it knows no offsets, changes or arithmetic, only what the
clock shows in that minute, which day is a holiday, and how many mails the last day, week and month brought.
"""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from shared.instants import DAY, HOUR, MINUTE, parse_instant
from shared.lead import Lead, Register, Settled
from shared.mailing import Address, Enrollment, PastSend
from shared.playbook import compile_playbook
from shared.rules.model import ScoringModel, scoring_model
from shared.rules.nurture import Send, Wait, decide_send, mail_policy
from shared.rules.tracks import Choice, Step, Track

CASES = 5 * int(os.environ.get("RIPEN_CASES", "400"))
"""50,000 with `make properties`."""

ZONES = ("Europe/Stockholm", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "Asia/Tokyo",
         "Pacific/Auckland", "Pacific/Chatham", "Africa/Casablanca", "America/Santiago", "Europe/Dublin", "Asia/Tehran",
         "Pacific/Apia", "Pacific/Kiritimati", "Pacific/Fakaofo", "Antarctica/Troll")  # fmt: skip
COUNTRIES = {"SE": "Europe/Stockholm", "japan": "Asia/Tokyo", "NP": "Asia/Kathmandu", "US": None, "Atlantis": None}
NO_ZONES = ("UTC", "Etc/GMT-3", "Mars/Olympus", "", 7)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

SKIPPED_DAY = parse_instant("2011-12-29T12:00:00Z")
"""Two days later Samoa and Tokelau had gone from one side of the date line to the other: 30 December never was."""

CHANGES = [
    parse_instant(text)
    for text in ("2026-03-08T07:00:00Z", "2026-03-29T01:00:00Z", "2026-04-04T14:00:00Z", "2026-04-05T03:00:00Z",
                 "2026-09-26T14:00:00Z", "2026-10-03T15:30:00Z", "2026-10-25T01:00:00Z", "2026-11-01T06:00:00Z",
                 "2026-02-15T02:00:00Z", "2026-03-22T02:00:00Z")
]  # fmt: skip
FIRST, LAST = parse_instant("2025-01-01T00:00:00Z"), parse_instant("2028-01-01T00:00:00Z")
PERIODS = {"day": 1440, "week": 7 * 1440, "month": 30 * 1440}


@dataclass(frozen=True)
class Case:
    """One mail, planned at an instant: what is said of the person, what the playbook allows, what went before."""

    now: int
    said: Mapping[str, Any]
    mail: Mapping[str, Any]
    before: tuple[int, ...]
    at: str | None


def clock_of_day(chance: Random, step: int = 1) -> str:
    minute = chance.randrange(0, 1440, step)
    return f"{minute // 60:02d}:{minute % 60:02d}"


def a_case(chance: Random) -> Case:
    kind = chance.random()
    if kind < 0.5:
        now = chance.choice(CHANGES) + chance.randrange(-2 * DAY, 2 * DAY, MINUTE)
    elif kind < 0.6:
        now = SKIPPED_DAY + chance.randrange(-2 * DAY, 3 * DAY, MINUTE)
    else:
        now = chance.randrange(FIRST, LAST, MINUTE)
    said = {
        "timezone_seen": chance.choice((None, None, chance.choice(ZONES), chance.choice(NO_ZONES))),
        "timezone": chance.choice((None, None, chance.choice(ZONES), chance.choice(NO_ZONES))),
        "company_timezone": chance.choice((None, None, chance.choice(ZONES), chance.choice(NO_ZONES))),
        "country": chance.choice((None, *COUNTRIES)),
    }
    opens, closes = clock_of_day(chance), clock_of_day(chance)
    near = {date.fromordinal(date(1970, 1, 1).toordinal() + now // DAY + off).isoformat() for off in range(-1, 5)}
    mail = {
        "zone": chance.choice(ZONES),
        "quiet": {"from": opens, "to": chance.choice((closes, opens, "08:00"))},
        "days": chance.sample(DAYS, chance.choice((7, 7, 6, 5, 5, 4, 2, 1))),
        "holidays": sorted(chance.sample(sorted(near), chance.choice((0, 0, 1, 2, 3)))),
        "caps": {"day": chance.randint(1, 2), "week": chance.randint(2, 4), "month": chance.randint(4, 8)},
        "consent": "opt_in",
        "stale_after_seconds": 400 * DAY,
    }
    ages = chance.choice(((), (HOUR, 3 * DAY), (DAY, 9 * DAY), (40 * DAY,)))
    before = sorted(now - chance.randrange(0, (age or DAY) + DAY, MINUTE) for age in ages)
    at = clock_of_day(chance, 30) if chance.random() < 0.2 else None
    return Case(now, {name: value for name, value in said.items() if value is not None}, mail, tuple(before), at)


@lru_cache(maxsize=2**18)
def _wall(zone: str, quarter: int) -> datetime:
    """What the clock on the wall shows at the beginning of a quarter of an hour; no zone changes within one."""
    return datetime.fromtimestamp(quarter * 900, UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def wall(zone: str, at: int) -> tuple[str, int, int]:
    """The date, the weekday and the minute of the day that the person's clock shows."""
    shown, further = _wall(zone, at // 900), at % 900 // 60
    return shown.date().isoformat(), shown.weekday(), shown.hour * 60 + shown.minute + further


def exists(name: Any) -> bool:
    return isinstance(name, str) and name in ZONES


def zone_of(case: Case) -> str:
    for field in ("timezone_seen", "timezone", "company_timezone"):
        if exists(case.said.get(field)):
            return str(case.said[field])
    return COUNTRIES.get(case.said.get("country", "")) or str(case.mail["zone"])


def minutes_of(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def may_go(case: Case, zone: str, at: int, *, with_at: bool) -> bool:
    day, weekday, minute = wall(zone, at)
    if DAYS[weekday] not in case.mail["days"] or day in case.mail["holidays"]:
        return False
    start, end = (minutes_of(case.mail["quiet"][edge]) for edge in ("from", "to"))
    if minute in quiet_minutes(start, end):
        return False
    return not with_at or (minute - minutes_of(case.at or "")) % 1440 < 60


@lru_cache(maxsize=2**12)
def quiet_minutes(start: int, end: int) -> frozenset[int]:
    """Go from the first quiet minute on until the quiet is over, over midnight too."""
    quiet: set[int] = set()
    while start != end:
        quiet.add(start)
        start = (start + 1) % 1440
    return frozenset(quiet)


def has_room(case: Case, at: int) -> bool:
    return all(
        sum(at - length * 60 < sent <= at for sent in case.before) < case.mail["caps"][period]
        for period, length in PERIODS.items()
    )


def goes_at(case: Case) -> int:
    """Watch minute by minute until the mail may go."""
    zone, at = zone_of(case), case.now
    start, end = (minutes_of(case.mail["quiet"][edge]) for edge in ("from", "to"))
    hour = [(minutes_of(case.at) + each) % 1440 for each in (0, 59)] if case.at else []
    with_at = bool(hour) and not any(edge in quiet_minutes(start, end) for edge in hour)
    while not has_room(case, at):
        at += MINUTE
    while not may_go(case, zone, at, with_at=with_at):
        at += MINUTE
        assert at < case.now + 90 * DAY
    return at


@lru_cache(maxsize=1)
def model() -> ScoringModel:
    return scoring_model(compile_playbook())


def decided(case: Case) -> int:
    profile = {name: Register(value, 1, "k", proven=True) for name, value in case.said.items()}
    profile["email"] = Register("ada@example.com", 1, "k", proven=True)
    lead = Lead("a" * 16, version=1, profile=profile, settled=Settled(band="early"))
    run = Enrollment("a" * 16, "awareness", 1, "active", 0, "p", "c1", "a" * 16, 1, case.now, due_at=case.now)
    track = Track("awareness", frozenset({"early"}), DAY, (Step(0, choices=(Choice(None, "a"),), at=case.at),))
    address = Address("1.abc", proven_at=1, opted_in_at=2, recent=tuple(PastSend(at, "s") for at in case.before))
    decision = decide_send(
        lead, run, track, address, policy=mail_policy({"mail": case.mail}), model=model(), now=case.now
    )
    assert isinstance(decision, Send | Wait), decision
    return case.now if isinstance(decision, Send) else decision.until


def test_a_mail_goes_in_the_minute_in_which_a_patient_watcher_would_let_it_go():
    chance = Random(20261122)
    seen: Counter[str] = Counter()
    for number in range(CASES):
        case = a_case(chance)
        expected = goes_at(case)
        assert decided(case) == expected, (number, case)
        seen["waits"] += expected > case.now
        seen["over midnight"] += case.mail["quiet"]["from"] > case.mail["quiet"]["to"]
        seen["over a change"] += any(case.now < change <= expected for change in CHANGES)
        seen["a skipped day"] += case.now < SKIPPED_DAY + DAY < expected and zone_of(case) in (
            "Pacific/Apia",
            "Pacific/Fakaofo",
        )
        seen["a holiday"] += wall(zone_of(case), case.now)[0] in case.mail["holidays"]
        seen["capped"] += not has_room(case, case.now)
        seen["a time of day"] += case.at is not None
        seen["fallback zone"] += zone_of(case) == case.mail["zone"]
    print(f"{CASES:,} cases: " + ", ".join(f"{what} {number:,}" for what, number in seen.items()))
    assert all(number >= CASES // 1_000 for number in seen.values()), seen
