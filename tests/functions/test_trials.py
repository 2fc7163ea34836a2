"""Tests of steps, from the mails that went out to the arm that goes to nobody any more."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from functions.nurture_send.trying import as_decided
from functions.trials import handler as module
from functions.trials.handler import TrialsError, handler
from shared import table
from shared.aws import enrollments, nurture_runs, playbooks, sends, topics, touches, trials, unsubscribes
from shared.aws.sends import Said
from shared.bundle import playbook_document
from shared.engagement import Touch
from shared.instants import DAY, HOUR, instant_text, parse_instant
from shared.mailing import Address, SendRef
from shared.rules.arms import arm_of, tests_of, trial_id
from shared.rules.tracks import Test, tracks_of
from shared.trial import Trial
from tests.conftest import Aws, Context, sample
from tests.nurture_world import (
    ADDRESS,
    NOW,
    TRACKS,
    a_run,
    deliver,
    enrolled,
    forget,
    mails,
    order,
    send_items,
    use_playbook,
)

tests_of.__test__ = Test.__test__ = False  # type: ignore[attr-defined]

TEST = {
    "name": "subject", "measure": "clicks", "least": 20, "confidence": 95, "guard": 1.0, "drop": True,
    "arms": [
        {"name": "short", "content": "awareness-1", "weight": 1},
        {"name": "long", "content": "awareness-2", "weight": 1},
    ],
}  # fmt: skip
LATER = NOW + 4 * DAY


def playbook_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *steps: dict[str, Any]) -> Test:
    """Put a playbook in force whose track `awareness` has the tests; returns the first."""
    tested = [{"delay_seconds": 0, "channel": "mail", "choices": [], "test": step} for step in steps]
    document = use_playbook(tmp_path, monkeypatch, tracks={**TRACKS, "awareness": {**TRACKS["awareness"], "steps": tested}})  # fmt: skip
    return next(iter(tests_of(tracks_of(document)["awareness"]).values()))


@pytest.fixture(autouse=True)
def test(playbook: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Test]:
    yield playbook_with(tmp_path, monkeypatch, TEST)
    forget()


def look(context: Context, at: int = LATER) -> None:
    handler({**sample("schedule_trials"), "time": instant_text(at)}, context)


def told(aws: Aws) -> list[dict[str, Any]]:
    return aws.messages(aws.operations_queue_url)


def went_out(test: Test, arm: str, many: int, *, clicked: int = 0, stopped: int = 0, at: int = NOW) -> None:
    """Messages of the arm that went out, each to a lead of its own."""
    for number in range(many):
        ref = SendRef(f"{arm:x<8}{at % 10_000_000}{number:03d}", "awareness", 1, 0)
        said = Said("awareness-1", "b", "mail", arm, trial_id("awareness", test))
        entry = sends.put_entry(ref, state="claimed", said=said, at=at, address=Address("1.a"))
        assert sends.transact([entry]) == "claimed"
        sends.settle(ref, "sent")
        if number < clicked:
            touched = touches.get_touched(ref)
            assert touched is not None
            touches.save(replace(touched, touches=(Touch("t", "click", at + HOUR, told="human"),)))
        if number < stopped:
            unsubscribes.note(ref, at + HOUR)


def kept(test: Test) -> Trial:
    found = trials.get_trial("awareness", test.name, trial_id("awareness", test))
    assert found is not None
    return found


def test_a_winner_is_found_and_told_once(aws: Aws, context: Context, test: Test) -> None:
    went_out(test, "short", 20, clicked=16)
    went_out(test, "long", 20, clicked=4)
    for _ in range(2):
        look(context)
    look(context, LATER + DAY)
    trial = kept(test)
    assert (trial.winner, trial.ended, list(trial.out)) == ("short", True, ["long"])
    assert trial.tallies["short"].sent == 20
    (message,) = told(aws)
    assert message["Subject"] == "Test subject of track awareness: short wins"
    assert message["Message"].split("\n") == [
        "Arm long does not perform: 4 of 20, short 16 of 20.",
        "Winner: short.",
        "What lost or was stopped is sent no more.",
        "",
        "Of messages that had their time, 95 percent intervals:",
        "  short: 20 sent, 16 clicked by a person (80.0 %, 58.4 to 91.9), 0 unsubscribed or complained",
        "  long: 20 sent, 4 clicked by a person (20.0 %, 8.1 to 41.6), 0 unsubscribed or complained",
    ]
    facts = json.loads(message["MessageAttributes"]["facts"]["Value"])
    assert (facts["track"], facts["test"], facts["winner"], facts["arms"][0]["sent"]) == (
        "awareness", "subject", "short", 20,
    )  # fmt: skip
    assert message["MessageAttributes"]["kind"]["Value"] == "trial"


def test_an_arm_that_drives_people_away_is_stopped_the_next_day(aws: Aws, context: Context, test: Test) -> None:
    went_out(test, "short", 20, stopped=12)
    went_out(test, "long", 20)
    look(context, NOW + DAY)
    assert list(kept(test).out) == ["short"]
    (message,) = told(aws)
    assert message["Message"].startswith("Arm short stopped: 60.0 percent points more unsubscribed or complained")


def test_messages_are_counted_once_over_days(aws: Aws, context: Context, test: Test) -> None:
    for day in range(5):
        went_out(test, "short", 2, clicked=1, at=NOW + day * DAY)
    for day in range(10):
        look(context, NOW + day * DAY + HOUR)
        look(context, NOW + day * DAY + HOUR)
    tally = kept(test).tallies["short"]
    assert (tally.sent, tally.reached) == (10, 5)
    assert told(aws) == []


def test_who_dies_before_remembering_that_it_told_tells_again(
    aws: Aws, context: Context, test: Test, monkeypatch: pytest.MonkeyPatch
) -> None:
    went_out(test, "short", 20, clicked=16)
    went_out(test, "long", 20, clicked=4)
    publish = topics.publish

    def die(*_args: object, **_said: object) -> str:
        raise RuntimeError

    monkeypatch.setattr(topics, "publish", die)
    with pytest.raises(TrialsError):
        look(context)
    assert (kept(test).winner, kept(test).told) == ("short", frozenset())
    monkeypatch.setattr(topics, "publish", publish)
    for _ in range(2):
        look(context)
    assert len(told(aws)) == 1


def test_of_a_trial_that_ended_nothing_is_read(
    aws: Aws, context: Context, test: Test, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials.save(Trial("awareness", test.name, trial_id("awareness", test), NOW, NOW, ended=True, told=frozenset({"no winner"})))  # fmt: skip
    monkeypatch.setattr(nurture_runs, "sends_of", None)
    look(context)
    assert (kept(test).version, told(aws)) == (1, [])


def test_a_goal_is_read_from_the_runs(
    aws: Aws, context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = playbook_with(tmp_path, monkeypatch, {**TEST, "measure": "goal"})
    went_out(test, "short", 3)
    lead_id = next(item[table.PK] for item in aws.items() if item.get("arm") == "short").removeprefix("LEAD#")
    run = replace(a_run(goal_at=NOW + DAY, status="exited", due_at=None, ended_at=NOW + DAY), lead_id=lead_id)
    enrollments.save(run)
    look(context, NOW + 15 * DAY)
    assert (kept(test).tallies["short"].sent, kept(test).tallies["short"].reached) == (3, 1)


def test_a_test_that_was_decided_by_hand_is_not_looked_at(
    aws: Aws, context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = playbook_with(tmp_path, monkeypatch, {**TEST, "winner": "long"})
    went_out(test, "short", 20, clicked=16)
    went_out(test, "long", 20, clicked=4)
    look(context)
    assert (aws.items(table.TRIAL_PK), told(aws)) == ([], [])


def test_one_tracks_trouble_does_not_keep_the_others_going(
    aws: Aws, context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tested = [{"delay_seconds": 0, "channel": "mail", "choices": [], "test": TEST}]
    use_playbook(tmp_path, monkeypatch, tracks={name: {**TRACKS[name], "steps": tested} for name in TRACKS})
    read = nurture_runs.sends_of

    def fail(track: str, *args: Any, **said: Any) -> Any:
        if track == "awareness":
            raise RuntimeError
        return read(track, *args, **said)

    monkeypatch.setattr(nurture_runs, "sends_of", fail)
    with pytest.raises(TrialsError, match="1 tracks"):
        look(context)
    assert [item["track"] for item in aws.items(table.TRIAL_PK)] == ["decision"]


def test_more_messages_than_one_look_reads_ring(
    aws: Aws, context: Context, test: Test, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    went_out(test, "short", 3)
    with pytest.raises(TrialsError):
        look(context)


# what the decision does to the mails


def decided(test: Test, *out: str) -> None:
    trials.save(
        Trial("awareness", test.name, trial_id("awareness", test), NOW, NOW, out=dict.fromkeys(out, "does not perform"))
    )


def sent_item(aws: Aws) -> dict[str, Any]:
    (item,) = send_items(aws)
    return item


def arm_when(aws: Aws, context: Context) -> str:
    enrolled()
    deliver(context, order(), order())
    assert len(mails()) == 1
    return str(sent_item(aws)["arm"])


def test_a_mail_says_which_trial_it_counts_for(aws: Aws, context: Context, test: Test) -> None:
    arm = arm_when(aws, context)
    assert sent_item(aws)["trial"] == trial_id("awareness", test)
    (made,) = nurture_runs.sends_of("awareness", NOW, NOW + 1, most=9)
    assert (made.arm, made.trial) == (arm, trial_id("awareness", test))
    look(context)
    assert kept(test).tallies[arm].sent == 1


@pytest.mark.parametrize(("out", "sent"), [("short", "long"), ("long", "short")])
def test_an_arm_that_is_out_is_sent_no_more(aws: Aws, context: Context, test: Test, out: str, sent: str) -> None:
    decided(test, out)
    assert arm_when(aws, context) == sent


@pytest.mark.parametrize("out", ["short", "long"])
def test_without_drop_what_lost_is_only_named(
    aws: Aws, context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    test = playbook_with(tmp_path, monkeypatch, {**TEST, "drop": False})
    decided(test, out)
    assert arm_when(aws, context) == arm_of(test, "awareness", ADDRESS)


@pytest.mark.parametrize("winner", ["short", "long"])
def test_a_winner_by_hand_goes_to_runs_that_entered_before_too(
    aws: Aws, context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, test: Test, winner: str
) -> None:
    decided(test, winner)
    playbooks.put({**playbook_document(), "bundle": "before"}, by="test")
    enrolled(run=a_run(playbook="before"))
    playbook_with(tmp_path, monkeypatch, {**TEST, "winner": winner})
    deliver(context, order())
    assert sent_item(aws)["arm"] == winner
    assert "trial" not in sent_item(aws)


def test_a_trial_is_read_once_in_five_minutes(
    aws: Aws, context: Context, test: Test, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    get = trials.get_trial

    def counted(*said: str) -> Trial | None:
        read.append(said[2])
        return get(*said)

    monkeypatch.setattr(trials, "get_trial", counted)
    track = tracks_of(playbook_document())["awareness"]
    start = NOW - NOW % 300
    for at in (start, start + 299, start + 300):
        as_decided(track, 0, track, at)
    assert read == [trial_id("awareness", test)] * 2


def test_the_schedule_says_when_it_is(aws: Aws, context: Context, test: Test) -> None:
    handler(sample("schedule_trials"), context)
    assert kept(test).looked_at == parse_instant(sample("schedule_trials")["time"])
