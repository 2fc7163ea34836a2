"""What a track says, read from the compiled playbook: contents, draws, conditions, and which of several runs goes first."""

from dataclasses import replace

import pytest

from shared.instants import DAY, parse_instant
from shared.lead import Lead, Register, Settled
from shared.mailing import Enrollment
from shared.rules import tracks as language
from shared.rules.model import scoring_model
from shared.rules.tracks import (
    HOLDOUT,
    Arm,
    Audience,
    Choice,
    Step,
    Track,
    content_for,
    contents_of,
    first_of,
    has_left,
    held_back,
    is_held_out,
    met,
    one_per_track,
    sticky,
    superseded,
    tracks_of,
    why_met,
)

NOW = parse_instant("2026-11-18T10:00:00Z")
ME = "aaaaaaaaaaaaaaaa"
OTHER = "bbbbbbbbbbbbbbbb"
NOBODY = frozenset()


def lead(band="early", stage="lead", qualified=False, **profile) -> Lead:
    fields = {"email": "ada@example.com", **profile}
    registers = {name: Register(value, 1, "k", proven=True) for name, value in fields.items()}
    return Lead(ME, version=5, profile=registers, settled=Settled(band=band, stage=stage, qualified=qualified))


def run(track="awareness", **said) -> Enrollment:
    return replace(Enrollment(ME, track, 1, "active", 1, "p0", "c0", ME, 3, NOW - DAY, due_at=NOW, version=4), **said)


def track(name="awareness", **said) -> Track:
    return Track(name, frozenset(said.pop("bands", ())), 180 * DAY, (Step(0), Step(7 * DAY)), **said)


SAID = {
    "label": "Everything", "topic": "product_news", "priority": 20, "bands": ["engaged"], "starts_with": ["spree"],
    "audience": {"grades": ["A"], "levels": [3, 4], "quadrants": ["A1"], "where": {"persona": ["buyer"]}},
    "goal": {"qualified": True}, "exits": {"any": [{"stage": ["lost"]}, {"rule": "left"}]}, "on_accept": "exit",
    "on_return": "resume", "holdout": 10, "cool_down_seconds": DAY, "reenter": False, "next": "long_term",
    "steps": [
        {"delay_seconds": 0, "channel": "mail", "choices": [{"where": {"role": ["cfo"]}, "content": "a"}, {"content": "b"}]},
        {"delay_seconds": DAY, "channel": "mail", "choices": [], "at": "10:00", "test": {
            "name": "subject", "measure": "clicks", "least": 200, "confidence": 95, "guard": 1.0, "drop": True,
            "arms": [{"name": "short", "content": "c", "weight": 1}, {"name": "long", "content": "d", "weight": 2, "at": "09:00"}],
        }},
        {"delay_seconds": DAY, "channel": "webhook", "choices": [{"content": "e"}], "to": "chat"},
    ],
}  # fmt: skip


def test_everything_a_track_says_is_read():
    (read,) = tracks_of({"tracks": {"everything": SAID}}).values()
    trial = language.Test(
        "subject", "clicks", (Arm("short", "c"), Arm("long", "d", 2, "09:00")), 200, 95, 1.0, None, drop=True
    )
    assert read == Track(
        name="everything",
        bands=frozenset({"engaged"}),
        cool_down=DAY,
        steps=(
            Step(0, choices=(Choice({"role": ["cfo"]}, "a"), Choice(None, "b"))),
            Step(DAY, test=trial, at="10:00"),
            Step(DAY, "webhook", (Choice(None, "e"),), to="chat"),
        ),
        topic="product_news",
        priority=20,
        starts_with=frozenset({"spree"}),
        audience=Audience(frozenset("A"), frozenset({3, 4}), frozenset({"A1"}), {"persona": ["buyer"]}),
        goal={"qualified": True},
        exits={"any": [{"stage": ["lost"]}, {"rule": "left"}]},
        on_accept="exit",
        on_return="resume",
        holdout=10,
        reenter=False,
        next="long_term",
    )
    assert read.span == 2 * DAY
    assert [contents_of(step) for step in read.steps] == [("a", "b"), ("c", "d"), ("e",)]


def test_a_track_that_was_compiled_when_steps_were_one_mail_each_is_read_as_it_was_meant():
    said = {"label": "Old", "bands": ["early"], "cool_down_seconds": 9, "steps": [{"content": "a", "delay_seconds": 5}]}
    (read,) = tracks_of({"tracks": {"old": said}}).values()
    assert read == Track("old", frozenset({"early"}), 9, (Step(5, choices=(Choice(None, "a"),)),))


@pytest.mark.parametrize(
    ("said", "content"),
    [
        ({"title": "CFO"}, "money"),
        ({"title": "Head of Engineering"}, "tech"),
        ({"title": "Head of Sales"}, "plain"),
        ({}, "plain"),
        ({"band": "engaged"}, "warm"),
        ({"stage": "recycled"}, "again"),
        ({"title": "CFO", "stage": "recycled"}, "money"),
        ({"industry": "logistics", "employees": 500, "country": "SE"}, "good"),
    ],
)
def test_the_first_content_that_fits_is_sent(playbook, said, content):
    wheres = {
        "money": {"department": ["finance"]},
        "tech": {"$or": [{"department": ["engineering"]}, {"department": ["it"]}]},
        "warm": {"band": ["engaged"]},
        "again": {"stage": ["recycled"]},
        "good": {"grade": ["A", "B"]},
    }
    step = Step(0, choices=(*(Choice(where, name) for name, where in wheres.items()), Choice(None, "plain")))
    assert content_for(step, lead(**said), scoring_model(playbook)) == content


def test_a_step_with_one_content_looks_at_nothing(playbook):
    assert content_for(Step(0, choices=(Choice(None, "a"),)), lead(), scoring_model(playbook)) == "a"


def test_a_pattern_of_a_step_can_ask_for_lists(playbook):
    step = Step(0, choices=(Choice({"lists": ["free_mail"]}, "private"), Choice(None, "work")))
    model = scoring_model(playbook)
    assert content_for(step, lead(email="ada@gmail.com"), model) == "private"
    assert content_for(step, lead(), model) == "work"


WEIGHTS = {"short": 1, "long": 2, "none": 0}


def test_a_draw_is_the_same_each_time_and_follows_its_weights():
    keys = [f"v1-{number}" for number in range(6000)]
    drawn = [sticky("awareness subject", key, WEIGHTS) for key in keys]
    assert drawn == [sticky("awareness subject", key, WEIGHTS) for key in keys]
    assert drawn.count("none") == 0
    assert 0.30 < drawn.count("short") / len(keys) < 0.37


def test_draws_of_different_names_are_independent_and_stay_what_they_are():
    keys = [f"v1-{number}" for number in range(4000)]
    halves = {"one": 1, "other": 1}
    both = sum(sticky("first", key, halves) == sticky("second", key, halves) for key in keys)
    assert 0.46 < both / len(keys) < 0.54
    assert [sticky("first", f"v1-{number}", halves) for number in range(4)] == ["other", "one", "other", "other"]


def test_the_share_of_a_holdout_is_held_out_and_the_same_addresses_each_time():
    keys = [f"v1-{number}" for number in range(4000)]
    held = {key for key in keys if is_held_out(track(holdout=10), key)}
    assert 0.085 < len(held) / len(keys) < 0.115
    assert held == {key for key in keys if is_held_out(track(holdout=10), key)}
    assert not any(is_held_out(track(), key) for key in keys)
    assert held != {key for key in keys if is_held_out(track("decision", holdout=10), key)}


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"band": ["engaged", "sales_ready"]}, "band engaged"),
        ({"stage": ["mql"]}, "stage mql"),
        ({"qualified": True}, "MQL"),
        ({"rule": "chat"}, "asked us something in the chat"),
        ({"rule": "forgotten", "any": None}, None),
        ({"any": [{"band": ["early"]}, {"rule": "chat"}]}, "asked us something in the chat"),
        ({"all": [{"stage": ["mql"]}, {"qualified": True}]}, "stage mql and MQL"),
        ({"all": [{"stage": ["mql"]}, {"qualified": False}]}, None),
        ({"band": ["early"]}, None),
        ({"stage": ["lead", "lost"]}, None),
        ({"qualified": False}, None),
        ({"rule": "spree"}, None),
        ({"any": [{"band": ["early"]}, {"qualified": False}]}, None),
        (None, None),
    ],
)
def test_goals_and_exits_are_conditions_of_what_a_change_tells(condition, words):
    if condition and len(condition) > 1:
        condition = {"rule": condition["rule"]}
    who, rules = lead("engaged", "mql", qualified=True), frozenset({"chat"})
    assert met(condition, who, rules) is (words is not None)
    if words is not None:
        assert why_met(condition, who, rules, {"chat": "Asked us something in the chat"}) == words


def test_not_mql_has_words_too():
    assert why_met({"qualified": False}, lead(), NOBODY, {}) == "not MQL"


def test_who_came_by_its_band_leaves_with_it_and_whom_sales_sent_stays():
    warm = track(bands={"engaged"})
    assert has_left(lead(), run(), warm)
    assert not has_left(lead("engaged"), run(), warm)
    assert not has_left(lead(), run(by="sales"), warm)
    assert has_left(lead(), run(by="rule"), warm)
    assert not has_left(lead(), run(), track())


TRACKS = {each.name: each for each in (track("low"), track("other"), track("high", priority=9))}


def test_the_higher_priority_goes_first_then_who_is_at_it_then_the_older():
    low, high = run("low", entered_at=NOW - 9 * DAY), run("high", status="held")
    assert first_of([low, high], TRACKS) is high
    waits, works = run("low", status="held", entered_at=NOW - 9 * DAY), run("other")
    assert first_of([waits, works], TRACKS) is works
    older, younger = run("other", entered_at=NOW - 2), run("low", entered_at=NOW - 1)
    assert first_of([younger, older], TRACKS) is older
    assert first_of([run("other"), run("low")], TRACKS).track == "low"
    assert first_of([run("gone"), high], TRACKS) is high


def test_who_is_held_out_paused_or_done_mails_nobody():
    assert first_of([run("high", arm=HOLDOUT), run("other", status="paused"), run("x", status="done")], TRACKS) is None
    assert first_of([run("high", arm=HOLDOUT), run("low", status="held")], TRACKS).track == "low"


def test_what_waits_keeps_what_it_planned():
    waits = held_back(run(), run("high"))
    assert (waits.status, waits.reason, waits.due_at, waits.planned_at) == ("held", "track high goes first", None, NOW)
    assert held_back(waits, run("other")) == replace(waits, reason="track other goes first")


def test_of_two_runs_after_a_merge_the_older_goes_on():
    older, younger = run(entered_at=NOW - 5 * DAY), run(lead_id=OTHER, entered_at=NOW - DAY)
    assert one_per_track([younger, older]) == ({"awareness": older}, [younger])
    assert superseded(younger, NOW).status == "exited"


def test_an_active_run_counts_before_one_that_waits_a_paused_one_and_one_that_ended():
    active, paused = run(lead_id=OTHER), run(status="paused", entered_at=NOW - 9 * DAY)
    held = run(lead_id="e" * 16, status="held", entered_at=NOW - 20 * DAY)
    ended = run(lead_id="c" * 16, status="done", ended_at=NOW, due_at=None)
    assert one_per_track([ended, paused, held, active]) == ({"awareness": active}, [held, paused])
    assert one_per_track([ended, paused]) == ({"awareness": paused}, [])
    sooner = replace(ended, lead_id="d" * 16, ended_at=NOW - 1)
    assert one_per_track([sooner, ended]) == ({"awareness": ended}, [])
    at_once = replace(ended, lead_id="z" * 16, cause_version=ended.cause_version + 1)
    assert one_per_track([ended, at_once]) == one_per_track([at_once, ended]) == ({"awareness": at_once}, [])


def test_tracks_are_read_from_the_playbook_we_ship(playbook):
    tracks = tracks_of(playbook)
    assert tracks["awareness"].bands == {"early"}
    assert tracks["awareness"].steps[1].delay == 7 * DAY
