"""The tracks of a playbook: what may be written, how it is compiled, and what is told of a mistake."""

import pytest

from shared.instants import DAY, HOUR
from shared.playbook import DEFAULT, FOLDER, PlaybookError, compile_playbook
from shared.rules.tracks import contents_of, tracks_of
from tests.test_playbook import edited

AWARENESS = "    bands: [early]\n    goal: {band: [engaged, sales_ready]}\n"
FIRST = "      - {content: awareness-1, delay: 0 minutes}\n"


@pytest.fixture(scope="module")
def documents():
    return {name: compile_playbook(FOLDER / f"{name}.yaml") for name in ("default", "funnel", "fit-behavior")}


def awareness(tmp_path, old, new):
    return compile_playbook(edited(tmp_path, old, new))["tracks"]["awareness"]


def test_a_track_is_compiled_to_plain_values(tmp_path):
    track = awareness(
        tmp_path,
        AWARENESS,
        """    bands: [early]
    starts_with: [return_visit]
    audience: {grades: [A, B], levels: [3, 4], quadrants: [A1, B2], where: {industry: [retail]}}
    goal: {any: [{rule: trial_start}, {all: [{qualified: true}, {stage: [sql]}]}]}
    exits: {band: [sales_ready]}
    on_accept: exit
    on_return: resume
    holdout: 10
    reenter: false
""",
    )
    steps = track.pop("steps")
    assert track == {
        "label": "Awareness", "topic": "guides", "priority": 10, "bands": ["early"], "starts_with": ["return_visit"],
        "audience": {"grades": ["A", "B"], "levels": [3, 4], "quadrants": ["A1", "B2"], "where": {"industry": ["retail"]}},
        "goal": {"any": [{"rule": "trial_start"}, {"all": [{"qualified": True}, {"stage": ["sql"]}]}]},
        "exits": {"band": ["sales_ready"]}, "on_accept": "exit", "on_return": "resume", "holdout": 10,
        "cool_down_seconds": 180 * DAY, "reenter": False, "next": "long_term",
    }  # fmt: skip
    assert steps[0] == {"delay_seconds": 0, "channel": "mail", "choices": [{"content": "awareness-1"}]}
    assert steps[1]["choices"] == []
    assert steps[1]["test"] == {
        "name": "length", "measure": "clicks", "least": 200, "confidence": 95, "guard": 1.0, "drop": False,
        "arms": [{"name": "long", "content": "awareness-2", "weight": 1},
                 {"name": "short", "content": "awareness-2-short", "weight": 1}],
    }  # fmt: skip


def test_what_a_track_leaves_out_is_what_most_mean(tmp_path):
    track = awareness(tmp_path, "    topic: guides\n    priority: 10\n" + AWARENESS, "    bands: [early]\n")
    assert {name: track[name] for name in ("priority", "starts_with", "audience", "on_accept", "on_return", "holdout", "reenter")} == {
        "priority": 0, "starts_with": [], "audience": {}, "on_accept": "pause", "on_return": "exit", "holdout": 0,
        "reenter": True,
    }  # fmt: skip
    assert not {"topic", "goal", "exits"} & set(track)


def test_a_step_says_what_by_which_channel_and_at_what_time(tmp_path):
    steps = awareness(
        tmp_path,
        FIRST,
        """      - {channel: sms, content: decision-3-sms, delay: 1 day, at: "10:00"}
      - delay: 1 day
        content: [{where: {band: [early], stage: [lead]}, use: awareness-1}, {use: awareness-1}]
      - delay: 1 day
        test: {name: hour, measure: goal, winner: noon, drop: true, guard: 0.5, least: 50, confidence: 90, arms: [
          {name: dawn, content: consideration-1, weight: 3, at: "08:00"}, {name: noon, content: consideration-1, at: "12:00"}]}
""",
    )["steps"]
    assert steps[0] == {
        "delay_seconds": DAY, "channel": "sms", "choices": [{"content": "decision-3-sms"}], "at": "10:00",
    }  # fmt: skip
    assert steps[1]["choices"] == [
        {"where": {"band": ["early"], "stage": ["lead"]}, "content": "awareness-1"}, {"content": "awareness-1"},
    ]  # fmt: skip
    assert steps[2]["test"] == {
        "name": "hour", "measure": "goal", "winner": "noon", "drop": True, "guard": 0.5, "least": 50, "confidence": 90,
        "arms": [{"name": "dawn", "content": "consideration-1", "weight": 3, "at": "08:00"},
                 {"name": "noon", "content": "consideration-1", "weight": 1, "at": "12:00"}],
    }  # fmt: skip


def test_rules_that_tracks_listen_to_are_told_besides_the_triggers(tmp_path):
    said = compile_playbook(
        edited(tmp_path, AWARENESS, AWARENESS + "    exits: {any: [{rule: chat}, {rule: pricing_read}]}\n")
    )
    assert said["scoring"]["triggers"] == ["pricing_spree", "return_visit", "webinar_no_show", "pricing_read", "chat"]


def test_every_way_to_name_a_content_is_read_back(documents):
    """What is compiled is what the rules read."""
    for document in documents.values():
        for name, track in tracks_of(document).items():
            assert track.name == name
            assert len(track.steps) == len(document["tracks"][name]["steps"])
            assert {content for step in track.steps for content in _contents(step)} <= set(document["templates"])


def _contents(step):
    return [each.content for each in (*step.choices, *(step.test.arms if step.test else ()))]


@pytest.mark.parametrize("name", ["default", "fit-behavior"])
@pytest.mark.parametrize(
    ("track", "least", "most", "shortest", "longest"),
    [("awareness", 6, 8, 45, 60), ("consideration", 4, 6, 28, 30), ("decision", 3, 4, 12, 14)],
)
def test_the_tracks_keep_the_cadence_that_was_agreed(documents, name, track, least, most, shortest, longest):
    mails = [step for step in tracks_of(documents[name])[track].steps if step.channel == "mail"]
    assert least <= len(mails) <= most
    assert shortest * DAY <= sum(step.delay for step in mails) <= longest * DAY


def test_who_read_all_of_the_decision_track_and_did_not_come_by_is_called(documents):
    *_, last = tracks_of(documents["default"])["decision"].steps
    assert (last.channel, contents_of(last)) == ("task", ("call-task",))


def test_the_default_has_a_track_for_each_of_the_six_situations_and_one_for_a_webinar_missed(documents):
    tracks = tracks_of(documents["default"])
    assert sorted(tracks, key=lambda name: -tracks[name].priority) == [
        "webinar_missed", "decision", "deep_dive", "reengagement", "consideration", "awareness", "long_term",
    ]  # fmt: skip
    assert {name: set(track.starts_with) for name, track in tracks.items() if track.starts_with} == {
        "webinar_missed": {"webinar_no_show"}, "deep_dive": {"pricing_spree"}, "reengagement": {"return_visit"},
    }  # fmt: skip
    assert tracks["decision"].steps[0].delay == HOUR
    assert not tracks["long_term"].bands


def test_no_track_we_ship_sends_a_content_that_another_one_sends(documents):
    for document in documents.values():
        sent = [
            content for track in tracks_of(document).values() for step in track.steps for content in _contents(step)
        ]
        assert len(sent) == len(set(sent))


NO_SHOW = "    starts_with: [webinar_no_show]\n    cool_down: 14 days\n    steps:\n"
RING = """    starts_with: [webinar_no_show]
    cool_down: 14 days
    next: again
    steps: [{{content: deep-dive-1, delay: 1 hour}}]
  again:
    label: Again
    cool_down: {}
    next: webinar_missed
    steps:
"""
"""Two tracks that follow each other."""

MISTAKES = [
    ("    priority: 20\n    bands: [engaged]\n", "    priority: 10\n    bands: [engaged, early]\n", "tracks.consideration.bands[1]", "a band of the track awareness too"),
    ("bands: [sales_ready]\n    goal", "bands: [engaged, engaged]\n    goal", "tracks.decision.bands[1]", "stands twice"),
    ("starts_with: [pricing_spree]", "starts_with: [pricing_sprea]", "tracks.deep_dive.starts_with[0]", "write pricing_spree"),
    ("starts_with: [pricing_spree]", "starts_with: [title_leads]", "tracks.deep_dive.starts_with[0]", "no engagement rule is named 'title_leads'"),
    ("starts_with: [pricing_spree]", "starts_with: []", "tracks.deep_dive.starts_with", "write at least 1"),
    ("    goal: {band: [engaged, sales_ready]}\n    cool_down: 180 days\n    next: long_term\n    steps:\n      - {content: awareness-1, delay: 0 minutes}\n",
     "    cool_down: 180 days\n    next: long_term\n    steps:\n      - {delay: 1 day, test: {name: worth, measure: goal, arms: [{name: a, content: awareness-1}, {name: b, content: awareness-7}]}}\n",
     "tracks.awareness.steps[0].test.measure", "add goal to the track"),
    ("    starts_with: [webinar_no_show]\n", "", "tracks.webinar_missed", "is reached by nobody"),
    ("goal: {stage: [sql, customer]}\n    cool_down: 90 days\n    next", "goal: {stage: [sqll]}\n    cool_down: 90 days\n    next", "tracks.decision.goal.stage[0]", "write sql"),
    ("goal: {stage: [sql, customer]}\n    cool_down: 90 days\n    next", "goal: {score_at_least: 5}\n    cool_down: 90 days\n    next", "tracks.decision.goal.score_at_least", "is no condition"),
    ("goal: {stage: [sql, customer]}\n    cool_down: 90 days\n    next", "goal: {qualified: soon}\n    cool_down: 90 days\n    next", "tracks.decision.goal.qualified", "must be true or false"),
    ("goal: {stage: [sql, customer]}\n    cool_down: 90 days\n    next", "goal: {any: [{rule: nothing}]}\n    cool_down: 90 days\n    next", "tracks.decision.goal.any[0].rule", "no engagement rule is named 'nothing'"),
    ("goal: {stage: [sql, customer]}\n    cool_down: 90 days\n    next", "exits: {}\n    cool_down: 90 days\n    next", "tracks.decision.exits", "exactly one of any, all, rule, band, stage, qualified"),
    ("next: long_term\n    steps:\n      - {content: decision-1", "next: longterm\n    steps:\n      - {content: decision-1", "tracks.decision.next", "write long_term"),
    ("next: long_term\n    steps:\n      - {content: decision-1", "next: decision\n    steps:\n      - {content: decision-1", "tracks.decision.next", "no other track is named 'decision'"),
    ("topic: product_news\n    priority: 40", "topic: news\n    priority: 40", "tracks.decision.topic", "write one of guides, product_news"),
    ("cool_down: 14 days\n    steps", "cool_down: 14 days\n    audience: {}\n    steps", "tracks.webinar_missed.audience", "asks for nothing"),
    ("cool_down: 14 days\n    steps", "cool_down: 14 days\n    audience: {quadrants: [A1, E9]}\n    steps", "tracks.webinar_missed.audience.quadrants[1]", "as in A1"),
    ("cool_down: 14 days\n    steps", "cool_down: 14 days\n    audience: {where: {persona: [x]}}\n    steps", "tracks.webinar_missed.audience.where.persona", "no field is named 'persona'"),
    ("cool_down: 14 days\n    steps", "cool_down: 14 days\n    holdout: 60\n    steps", "tracks.webinar_missed.holdout", "write at most 50"),
    ("cool_down: 14 days\n    steps", "cool_down: 14 days\n    on_accept: stop\n    steps", "tracks.webinar_missed.on_accept", "pause"),
    ("{where: {department: [finance]}, use", "{where: {department: [money]}, use", "tracks.consideration.steps[1].content[0].where.department[0]", "no department is named 'money'"),
    ("{where: {stage: [mql]}, use: demo-offer}", "{where: {stage: [MQL]}, use: demo-offer}", "tracks.decision.steps[3].content[0].where.stage[0]", "no stage is named 'MQL'"),
    ("{where: {stage: [mql]}, use: demo-offer}", "{use: demo-offer}", "tracks.decision.steps[3].content[0]", "is for everybody"),
    ("{use: decision-4}", "{where: {stage: [lead]}, use: decision-4}", "tracks.decision.steps[3].content[1]", "is the last"),
    ("{use: decision-4}", "{use: decision-44}", "tracks.decision.steps[3].content[1].use", "add mails/decision-44.liquid"),
    ("{name: short, content: awareness-2-short}", "{name: short, content: nowhere}", "tracks.awareness.steps[1].test.arms[1].content", "add mails/nowhere.liquid"),
    ("{name: short, content: awareness-2-short}", "{name: short, content: awareness-2}", "tracks.awareness.steps[1].test.arms[1].content", "the same as another arm"),
    ("{name: short, content: awareness-2-short}", "{name: long, content: awareness-2-short}", "tracks.awareness.steps[1].test.arms[1].name", "stands twice"),
    ("measure: clicks\n", "measure: clicks\n          winner: shrot\n", "tracks.awareness.steps[1].test.winner", "write short"),
    ("measure: clicks\n", "measure: feeling\n", "tracks.awareness.steps[1].test.measure", "clicks"),
    (", {name: short, content: awareness-2-short}]", "]", "tracks.awareness.steps[1].test.arms", "write at least 2"),
    ("{content: awareness-3, delay: 8 days}", "{delay: 8 days}", "tracks.awareness.steps[2].content", "write either content"),
    ("{content: awareness-3, delay: 8 days}", "{content: awareness-3, delay: 8 days, channel: pigeon}", "tracks.awareness.steps[2].channel", "sms"),
    ("{content: awareness-3, delay: 8 days}", "{content: awareness-3, delay: 8 days, channel: webhook}", "tracks.awareness.steps[2].to", "as in to: chat"),
    ("{content: awareness-3, delay: 8 days}", "{content: awareness-3, delay: 8 days, to: chat}", "tracks.awareness.steps[2].to", "write channel: webhook"),
    ("{content: awareness-3, delay: 8 days}", '{content: awareness-3, delay: 8 days, at: "9"}', "tracks.awareness.steps[2].at", 'as in "09:00"'),
    ("{content: awareness-3, delay: 8 days}", '{content: awareness-3, delay: 8 days, at: "07:30"}', "tracks.awareness.steps[2].at", "touch the quiet hours"),
    ("{name: short, content: awareness-2-short}", '{name: short, content: awareness-2-short, at: "22:00"}', "tracks.awareness.steps[1].test.arms[1].at", "touch the quiet hours"),
    ("{content: awareness-3, delay: 8 days}", "{content: awareness-1, delay: 8 days}", "tracks.awareness.steps[2].content", "what step 1 sends"),
    ("{content: awareness-3, delay: 8 days}", "{content: confirm, delay: 8 days}", "tracks.awareness.steps[2].content", "name another content"),
    ("{content: awareness-3, delay: 8 days}", "{delay: 1 day, test: {name: length, arms: [{name: a, content: deep-dive-1}, {name: b, content: deep-dive-2}]}}", "tracks.awareness.steps[2].test.name", "the test of a step before"),
    ("goal: {band: [engaged, sales_ready]}\n    cool_down", "goal: {band: [early, engaged]}\n    cool_down", "tracks.awareness.goal", "holds for everybody who could enter"),
    ("starts_with: [pricing_spree]\n", "starts_with: [pricing_spree]\n    exits: {any: [{stage: [lost]}, {rule: pricing_spree}]}\n", "tracks.deep_dive.exits", "holds for everybody who could enter"),
    (NO_SHOW, RING.format("29 days"), "tracks.webinar_missed.next", "leads back to again in less than 30 days"),
    ("{content: awareness-3, delay: 8 days}", "{content: Awareness 3, delay: 8 days}", "tracks.awareness.steps[2].content[0].use", "as in decision-1"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "path", "words"), MISTAKES)
def test_a_mistake_in_a_track_is_told_with_its_place_and_the_remedy(tmp_path, old, new, path, words):
    file = edited(tmp_path, old, new)
    with pytest.raises(PlaybookError) as caught:
        compile_playbook(file)
    told = [problem for problem in caught.value.problems if words in problem and f" {path}: " in problem]
    assert told, caught.value.problems
    line = int(told[0].split(":")[1])
    before = DEFAULT.read_text(encoding="utf-8").split(old)[0].count("\n") + 1
    assert before - 5 <= line <= before + max(old.count("\n"), new.count("\n")) + 1, (line, before)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (NO_SHOW, RING.format("30 days")),
        (NO_SHOW, RING.format("0 minutes").replace("delay: 1 hour", "delay: 30 days")),
        ("cool_down: 180 days\n    next: long_term\n    steps:\n",
         "cool_down: 30 days\n    next: long_term\n    steps:\n      - {content: awareness-7, delay: 0 minutes}\n"),
        ("starts_with: [pricing_spree]\n", "starts_with: [pricing_spree, return_visit]\n    exits: {rule: pricing_spree}\n"),
        ("{content: awareness-3, delay: 8 days}", '{content: awareness-3, delay: 8 days, at: "08:00"}'),
    ],
    ids=["a ring that cools down", "a ring that takes long", "a mail comes again when it may", "one of two rules", "in time"],
)  # fmt: skip
def test_what_only_looks_like_a_mistake_is_compiled(tmp_path, old, new):
    assert compile_playbook(edited(tmp_path, old, new))


def test_tracks_of_one_band_and_different_priorities_are_right(tmp_path):
    assert compile_playbook(edited(tmp_path, "    bands: [engaged]\n", "    bands: [engaged, early]\n"))
