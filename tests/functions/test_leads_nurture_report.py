"""The report on nurturing through the API: what it reads, who may ask, and for how much."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from functions.leads import nurture_reports
from functions.leads.handler import handler
from shared import table
from shared.aws import enrollments, playbooks, sends, touches
from shared.engagement import Touch
from shared.instants import DAY, instant_text
from shared.keys import KeyKind, mint_key
from shared.mailing import PastRun, SendRef
from shared.rules.arms import trial_at
from shared.rules.tracks import tracks_of
from tests.aws.test_nurture_runs import OTHERS, claimed, kept
from tests.conftest import SIGNING_SECRET, Aws, Context, sample
from tests.nurture_world import ADDRESS, LEAD_ID, NOW, TRACKS, deliver, enrolled, forget, order, use_playbook

TIME = {"from": instant_text(NOW), "to": instant_text(NOW + DAY)}


@pytest.fixture(autouse=True)
def in_force(playbook: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    use_playbook(tmp_path, monkeypatch)
    yield
    forget()


def ask(context: Context, query: dict[str, str] | None = None, *, kind: KeyKind = "sales") -> tuple[int, Any]:
    request = sample("http_report_nurture") | {"queryStringParameters": query}
    request["headers"] = {"authorization": f"Bearer {mint_key(kind, 'test', SIGNING_SECRET)}"}
    answer = handler(request, context)  # type: ignore[arg-type]
    return answer["statusCode"], json.loads(answer["body"])


def track_of(said: Any, name: str = "awareness") -> Any:
    return next(each for each in said["tracks"] if each["track"] == name)


def test_a_mail_that_went_out_is_in_the_report_with_what_was_done_with_it(aws: Aws, context: Context) -> None:
    enrolled()
    deliver(context, order(), order())
    touched = touches.get_touched(SendRef(LEAD_ID, "awareness", 1, 0))
    assert touched is not None
    touches.save(
        replace(touched, touches=(Touch("1", "click", NOW, told="human"), Touch("2", "open", NOW, told="machine")))
    )
    status, said = ask(context, TIME)
    awareness = track_of(said)
    assert (status, [each["track"] for each in said["tracks"]]) == (200, ["awareness", "decision"])
    assert (awareness["label"], awareness["runs"]["entered"], awareness["runs"]["active"]) == ("Awareness", 1, 1)
    (mail,) = awareness["messages"]
    assert (mail["step"], mail["content"], mail["planned"], mail["sent"]) == (1, "awareness-1", 1, 1)
    assert (mail["clicked"]["human"], mail["opened"]["machine"], mail["opened"]["human"]) == (1, 1, 0)
    assert track_of(said, "decision")["messages"] == []


def test_a_report_equals_a_recount_of_the_raw_items(aws: Aws, context: Context) -> None:
    for number, lead_id in enumerate(OTHERS):
        status = ("active", "held", "paused", "exited")[number % 4]
        past = (PastRun(1, NOW + number - 3, NOW + number, "exited", "band early", arm="holdout" * (number % 2)),)
        kept(lead_id, rotation=2, entered_at=NOW + 5 * number, past=past)
        sends.settle(claimed(lead_id, NOW + number), ("sent", "delivered", "bounced", "unknown")[number % 4])
        run = enrollments.get_enrollment(lead_id, "awareness")
        assert run is not None
        ended = {} if status == "active" else {"due_at": None, "ended_at": NOW + 91}
        enrollments.save(replace(run, status=status, goal_at=NOW + 90 if number % 3 else None, **ended))  # type: ignore[arg-type]
    _, said = ask(context, {**TIME, "track": "awareness"})
    items = aws.items()
    runs = [item for item in items if item[table.SK] == table.track_sk("awareness")]
    begun = [each for item in runs for each in (item, *item.get("past", ())) if each["entered_at"] >= instant_text(NOW)]
    mailed = [each for each in begun if each.get("arm") != "holdout"]
    report = track_of(said)
    assert report["runs"]["entered"] == len(begun)
    assert report["runs"]["held_out"] == len(begun) - len(mailed)
    for status, name in (("active", "active"), ("held", "held"), ("paused", "paused"), ("exited", "exited")):
        assert report["runs"][name] == sum(each["status"] == status for each in mailed)
    assert report["runs"]["goal"]["count"] == sum("goal_at" in each for each in mailed) > 0
    planned = [item for item in items if item[table.SK].startswith(table.SEND_PREFIX)]
    (mail,) = report["messages"]
    assert (mail["planned"], mail["waiting"]) == (len(planned), sum(item["state"] == "unknown" for item in planned))
    assert mail["sent"] == sum(item["state"] in ("sent", "delivered", "bounced") for item in planned)


def test_a_goal_of_a_run_that_began_before_the_time_counts_for_its_messages(aws: Aws, context: Context) -> None:
    kept(OTHERS[0], entered_at=NOW - 30 * DAY)
    sends.settle(claimed(OTHERS[0]), "sent")
    run = enrollments.get_enrollment(OTHERS[0], "awareness")
    assert run is not None
    enrollments.save(replace(run, status="exited", due_at=None, ended_at=NOW + 9, goal_at=NOW + 9))
    _, said = ask(context, TIME)
    report = track_of(said)
    assert (report["runs"]["entered"], report["messages"][0]["goal_after"]["count"]) == (0, 1)


@pytest.mark.parametrize(("kind", "status"), [("admin", 200), ("sales", 200), ("server", 401), ("public", 401)])
def test_sales_and_administrators_may_ask(kind: KeyKind, status: int, aws: Aws, context: Context) -> None:
    assert ask(context, kind=kind)[0] == status


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({"from": "yesterday"}, "from: must be a day of UTC"),
        ({"from": "2026-01-05", "to": "2026-01-05"}, "from: must be before `to`"),
        ({"track": "none"}, "track: must be one of awareness, decision, or be left out for all of them"),
    ],
)
def test_a_query_that_cannot_be_used_says_what_to_write(
    query: dict[str, str], problem: str, aws: Aws, context: Context
) -> None:
    status, said = ask(context, query)
    assert (status, said["message"].startswith(problem)) == (400, True), said


def test_more_than_one_report_reads_is_refused_with_what_to_do(
    aws: Aws, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the tracks hold together counts: two of one, two of the other."""
    for number, lead_id in enumerate(OTHERS[:4]):
        claimed(lead_id, track=("awareness", "decision")[number % 2])
    monkeypatch.setattr(nurture_reports, "MOST", 3)
    status, said = ask(context, TIME)
    less = "from: more than 3 leads or messages: ask for one track, or a shorter time"
    assert (status, said["message"]) == (400, less)
    assert ask(context, {**TIME, "track": "decision"})[0] == 200
    monkeypatch.setattr(nurture_reports, "MOST", 1)
    assert "ask for a shorter time" in ask(context, {**TIME, "track": "decision"})[1]["message"]


def test_a_report_names_nobody(aws: Aws, context: Context) -> None:
    enrolled()
    deliver(context, order())
    said = json.dumps(ask(context, TIME)[1])
    assert not any(name in said for name in (LEAD_ID, ADDRESS, "ada@"))


def test_a_test_of_the_playbook_in_force_is_told_arm_by_arm(
    aws: Aws, context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arms = [{"name": name, "content": f"awareness-1-{name}", "weight": 1} for name in ("long", "short")]
    test = {"name": "length", "measure": "clicks", "arms": arms, "least": 200, "confidence": 95, "guard": 1,
            "winner": None, "drop": False}  # fmt: skip
    step = {"delay_seconds": 0, "channel": "mail", "choices": [], "test": test}
    use_playbook(tmp_path, monkeypatch, tracks={"awareness": {**TRACKS["awareness"], "steps": [step]}})
    trial = trial_at(tracks_of(playbooks.current())["awareness"], 0)
    for number, lead_id in enumerate(OTHERS[:3]):
        ref = claimed(lead_id, arm="long" if number else "short", trial=trial)
        sends.settle(ref, "sent")
    touched = touches.get_touched(SendRef(OTHERS[1], "awareness", 1, 0))
    assert touched is not None
    touches.save(replace(touched, touches=(Touch("1", "click", NOW, told="human"),)))
    (told,) = track_of(ask(context, TIME)[1])["tests"]
    assert (told["test"], told["measure"]) == ("length", "clicks")
    assert [(arm["arm"], arm["sent"], arm["reached"]["count"]) for arm in told["arms"]] == [
        ("long", 2, 1),
        ("short", 1, 0),
    ]
