"""What a report says of handoffs: each definition by example, and all of them against a recount of the raw items."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.handoff import Clock, Handoff, Handover, ScoreLine, ScoreThen
from shared.instants import DAY, HOUR, MINUTE, parse_instant
from shared.rules.sla_report import MOST_GROUPS, OTHERS, first_contact, kept, percentile, sla_report

AT = parse_instant("2026-01-05T09:00:00Z")  # the Monday of 2026-W02
NOW = AT + 30 * DAY
LINES = (ScoreLine("demo", "Asked for a demo", 40_000), ScoreLine("student", "Student", -10_000))
OPEN = Handoff(
    "l1",
    1,
    1,
    "open",
    "high",
    "maria",
    "75 points",
    AT,
    (Clock("contact", AT + HOUR),),
    ScoreThen(75_000, "A", 4, LINES),
)
REJECTED = replace(
    OPEN, lead_id="l2", state="rejected", decided_by="maria", decided_at=AT + MINUTE, reason_code="not_ready"
)  # fmt: skip
WON = replace(
    OPEN, lead_id="l3", state="closed", decided_by="maria", decided_at=AT + MINUTE, outcome="won", ended_at=AT + DAY
)  # fmt: skip
RECYCLING = frozenset({"not_ready"})


def report(*handoffs: Handoff, now: int = NOW) -> dict[str, Any]:
    return sla_report(handoffs, now, recycling=RECYCLING).to_json()


def clock(name: str = "contact", **said: int) -> Clock:
    return Clock(name, AT + HOUR, **said)


@pytest.mark.parametrize(
    ("said", "handoff", "now", "expected"),
    [
        (clock(), OPEN, AT + HOUR - 1, "running"),
        (clock(), OPEN, AT + HOUR, "missed"),  # whether or not a sweep has found it
        (clock(met_at=AT + HOUR - 1), OPEN, NOW, "met"),
        (clock(met_at=AT + HOUR), OPEN, NOW, "late"),
        (clock(breached_at=AT + HOUR + 9), OPEN, NOW, "missed"),
        (clock(breached_at=AT + HOUR, met_at=AT + 2 * HOUR), OPEN, NOW, "late"),
        (clock(), REJECTED, NOW, "void"),  # rejected before it was due
        (clock(), replace(REJECTED, decided_at=AT + HOUR), NOW, "missed"),
        (clock(), replace(WON, ended_at=AT + MINUTE), NOW, "void"),
    ],
)
def test_how_a_clock_fared(said: Clock, handoff: Handoff, now: int, expected: str):
    assert kept(said, handoff, now)[0] == expected


def test_the_first_contact_is_the_first_and_not_the_last():
    twice = replace(OPEN, clocks=(clock(met_at=AT + 60),), contacted_at=AT + 9 * HOUR)
    assert first_contact(twice) == AT + 60
    assert first_contact(replace(twice, clocks=())) == AT + 9 * HOUR
    assert first_contact(OPEN) is None


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([], 50, None),
        ([7], 50, 7),
        ([7], 90, 7),
        ([4, 1, 3, 2], 50, 2),
        ([3, 1, 2], 50, 2),
        (list(range(1, 11)), 90, 9),
        (list(range(1, 12)), 90, 10),
    ],
)
def test_a_percentile_is_one_of_the_values(values: list[int], percent: int, expected: int | None):
    assert percentile(values, percent) == expected


def test_rates_are_of_what_was_decided_and_of_what_was_closed():
    withdrawn = replace(OPEN, lead_id="l4", state="closed", outcome="unqualified", ended_at=AT + DAY)
    lost = replace(WON, lead_id="l5", outcome="lost")
    said = report(OPEN, REJECTED, WON, lost, withdrawn)["total"]
    figures = {name: said[name] for name in ("handoffs", "open", "accepted", "rejected", "withdrawn", "won", "lost")}
    assert figures == {
        "handoffs": 5, "open": 1, "accepted": 2, "rejected": 1, "withdrawn": 1, "won": 1, "lost": 1,
    }  # fmt: skip
    assert (said["accepted_rate"], said["win_rate"]) == (0.6667, 0.5)


def test_a_share_of_nothing_is_null():
    said = report()["total"]
    assert (said["accepted_rate"], said["win_rate"], said["first_contact"]["median_seconds"]) == (None, None, None)


def test_recycled_went_to_a_track_and_returned_came_back():
    again = replace(OPEN, number=2, returned_from="not_ready")
    said = report(REJECTED, replace(REJECTED, lead_id="l9", reason_code="wrong_person"), again)["total"]
    assert (said["rejected"], said["recycled"], said["returned"]) == (2, 1, 1)


def test_a_clock_counts_for_who_had_the_lead_when_it_ran_out():
    """Maria let it run out, it was passed on and started anew, and Jonas called in time."""
    passed_on = replace(
        OPEN,
        owner="jonas",
        handovers=(Handover("maria", AT + 2 * HOUR, "ripen", (clock(breached_at=AT + HOUR),)),),
        clocks=(Clock("contact", AT + 3 * HOUR, met_at=AT + 2 * HOUR + 60),),
        contacted_at=AT + 2 * HOUR + 60,
    )
    said = report(passed_on)
    by_owner = {each["owner"]: each for each in said["by"]["owner"]}
    assert (said["total"]["clocks"]["contact"]["met"], said["total"]["clocks"]["contact"]["breached"]) == (1, 1)
    assert by_owner["jonas"]["clocks"]["contact"]["met_rate"] == 1.0
    assert by_owner["maria"]["clocks"]["contact"]["met_rate"] == 0.0
    assert (by_owner["jonas"]["handoffs"], by_owner["maria"]["handoffs"]) == (1, 0)
    assert (by_owner["jonas"]["first_contact"]["contacted"], by_owner["maria"]["first_contact"]["contacted"]) == (1, 0)
    assert by_owner["jonas"]["first_contact"]["median_seconds"] == 2 * HOUR + 60  # what the lead waited, whoever had it


def test_open_ones_are_listed_by_what_runs_out_next():
    later = replace(
        OPEN,
        lead_id="l7",
        clocks=(Clock("contact", AT, met_at=AT), Clock("follow_up", AT + 9 * HOUR), Clock("decide", AT + 2 * HOUR)),
    )
    nothing_due = replace(OPEN, lead_id="l0", state="accepted", clocks=(), decided_at=AT)
    listed = report(later, nothing_due, OPEN, WON, now=AT + 90 * MINUTE)["open"]["listed"]
    assert [(each["lead_id"], each.get("clock"), each.get("seconds_left")) for each in listed] == [
        ("l1", "contact", -30 * MINUTE), ("l7", "decide", 30 * MINUTE), ("l0", None, None),
    ]  # fmt: skip


def test_rejections_are_split_by_the_rules_that_scored_and_by_source():
    accepted = replace(WON, source="google / cpc")
    said = report(OPEN, REJECTED, replace(REJECTED, lead_id="l8", source="google / cpc"), accepted)["rejections"]
    assert said["by_reason"] == [{"reason": "not_ready", "rejected": 2}]
    (rule,) = said["by_rule"]  # a rule that took points made nobody call
    assert rule == {
        "rule": "demo", "label": "Asked for a demo", "accepted": 1, "rejected": 2, "reasons": {"not_ready": 2},
    }  # fmt: skip
    assert {each["source"]: (each["accepted"], each["rejected"]) for each in said["by_source"]} == {
        "google / cpc": (1, 1), "unknown": (0, 1),
    }  # fmt: skip


def test_sources_beyond_the_most_frequent_are_one_group():
    many = [replace(OPEN, lead_id=f"l{number}", source=f"s{number:04d}") for number in range(MOST_GROUPS + 3)]
    groups = report(*many, replace(OPEN, source="s0202"))["by"]["source"]
    assert groups[0]["source"] == "s0202"
    assert (len(groups), groups[-1]["source"], groups[-1]["handoffs"]) == (MOST_GROUPS + 1, OTHERS, 3)
    assert sum(each["handoffs"] for each in groups) == len(many) + 1


# against a recount of the raw items, written without a look at the rule

instants = st.integers(0, 40).map(lambda hours: AT + hours * HOUR)
maybe = st.none() | instants
people = st.sampled_from(["maria", "jonas", "li"])


@st.composite
def clocks(draw: st.DrawFn) -> tuple[Clock, ...]:
    names = draw(st.lists(st.sampled_from(["contact", "decide", "follow_up"]), unique=True))
    return tuple(Clock(name, draw(instants), breached_at=draw(maybe), met_at=draw(maybe)) for name in names)


@st.composite
def handoffs(draw: st.DrawFn, number: int) -> Handoff:
    state = draw(st.sampled_from(["open", "accepted", "rejected", "closed"]))
    decided = draw(instants) if state in ("accepted", "rejected") else draw(maybe) if state == "closed" else None
    untils = sorted(draw(st.lists(instants, max_size=2, unique=True)))
    lines = draw(st.lists(st.sampled_from(["demo", "pricing", "title"]), unique=True))
    return Handoff(
        lead_id=f"l{number}",
        number=1,
        version=1,
        state=state,
        priority=draw(st.sampled_from(["high", "standard"])),
        owner=draw(people),
        reason="75 points",
        created_at=draw(instants) - draw(st.integers(0, 20)) * DAY,
        clocks=draw(clocks()),
        score=ScoreThen(
            75_000, "A", 4, tuple(ScoreLine(name, name, draw(st.integers(-9, 9)) * 1000) for name in lines)
        ),
        decided_by=None if decided is None else "maria",
        decided_at=decided,
        contacted_at=draw(maybe),
        reason_code=draw(st.sampled_from(["not_ready", "wrong_person"])) if state == "rejected" else None,
        outcome=draw(st.sampled_from(["won", "lost", "disqualified", "unqualified"])) if state == "closed" else None,
        ended_at=draw(instants) if state == "closed" else None,
        handovers=tuple(Handover(draw(people), until, "ripen") for until in untils),
        source=draw(st.none() | st.sampled_from(["partner / referral", "google / cpc"])),
        returned_from=draw(st.none() | st.just("not_ready")),
    )


@settings(max_examples=200, deadline=None)
@given(data=st.data(), count=st.integers(0, 12), later=st.integers(0, 60))
def test_a_report_is_what_a_recount_of_the_raw_items_gives(data: st.DataObject, count: int, later: int):
    made = [data.draw(handoffs(number)) for number in range(count)]
    now = AT + 41 * HOUR + later * HOUR
    said = report(*made, now=now)
    items = [{"lead_id": each.lead_id, **each.to_json()} for each in made]
    assert_recounted(said["total"], items, now, owner=None)
    for by, key in (("class", "priority"), ("source", "source"), ("week", None)):
        groups = {each[by]: each for each in said["by"][by]}
        mine: dict[str, list[dict[str, Any]]] = {}
        for item in items:
            mine.setdefault(item.get(key, "unknown") if key else week(item), []).append(item)
        assert set(groups) == set(mine)
        for name, group in groups.items():
            assert_recounted(group, mine[name], now, owner=None)
    for group in said["by"]["owner"]:
        assert_recounted(group, items, now, owner=group["owner"])
    running = [item for item in items if item["state"] in ("open", "accepted")]
    assert {each["lead_id"] for each in said["open"]["listed"]} == {item["lead_id"] for item in running}
    for rule in ("demo", "pricing", "title"):
        scored = [
            item
            for item in items
            if any(line["rule"] == rule and line["points"] > 0 for line in item["score"]["lines"])
        ]
        turned_down = [item["reason_code"] for item in scored if item["state"] == "rejected"]
        listed = {each["rule"]: each for each in said["rejections"]["by_rule"]}
        assert listed.get(rule, {"rejected": 0})["rejected"] == len(turned_down)
        if turned_down:
            assert listed[rule]["reasons"] == {code: turned_down.count(code) for code in set(turned_down)}


def week(item: dict[str, Any]) -> str:

    return datetime.fromisoformat(item["created_at"]).strftime("%G-W%V")


def assert_recounted(said: dict[str, Any], items: list[dict[str, Any]], now: int, owner: str | None) -> None:
    def whose(item: dict[str, Any], instant: int) -> str:
        for before in item.get("handovers", []):
            if instant < parse_instant(before["until"]):
                return str(before["owner"])
        return str(item["owner"])

    mine = [item for item in items if owner in (None, item["owner"])]
    assert said["handoffs"] == len(mine)
    assert said["rejected"] == sum(item["state"] == "rejected" for item in mine)
    assert said["open"] == sum(item["state"] == "open" for item in mine)
    assert said["accepted"] == sum("decided_at" in item and item["state"] in ("accepted", "closed") for item in mine)
    assert said["open"] + said["accepted"] + said["rejected"] + said["withdrawn"] == len(mine)
    assert said["won"] == sum(item.get("outcome") == "won" for item in mine)
    assert said["recycled"] == sum(item.get("reason_code") == "not_ready" for item in mine)
    assert said["returned"] == sum("returned_from" in item for item in mine)
    counted = {"met": 0, "breached": 0, "running": 0, "void": 0}
    waits = []
    for item in items:
        ends = {"closed": "ended_at", "rejected": "decided_at"}
        end = parse_instant(item[ends[item["state"]]]) if item["state"] in ends else None
        first = item.get("contacted_at")
        for each in item["clocks"]:
            due = parse_instant(each["due_at"])
            met = parse_instant(each["met_at"]) if "met_at" in each else None
            stopped = met if met is not None else end if end is not None else now
            broken = "breached_at" in each or stopped >= due
            at = min(due, stopped) if broken else stopped
            if owner in (None, whose(item, at)):
                kind = "breached" if broken else "met" if met is not None else "void" if end is not None else "running"
                counted[kind] += 1
            if each["name"] == "contact" and met is not None:
                first = each["met_at"]
        if first is not None and owner in (None, whose(item, parse_instant(first))):
            waits.append(max(0, parse_instant(first) - parse_instant(item["created_at"])))
    totals = {kind: sum(each[kind] for each in said["clocks"].values()) for kind in counted}
    assert totals == counted
    contact = said["first_contact"]
    assert contact["contacted"] == len(waits)
    for percent, name in ((50, "median_seconds"), (90, "p90_seconds")):
        if waits:
            assert sum(each <= contact[name] for each in waits) * 100 >= percent * len(waits)
            assert sum(each < contact[name] for each in waits) * 100 < percent * len(waits)
        else:
            assert contact[name] is None
