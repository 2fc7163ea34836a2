"""What a track did: every figure from runs and messages alone."""

import random
from dataclasses import replace
from typing import Any

import pytest

from shared.engagement import SendMade, Touch
from shared.instants import DAY, HOUR
from shared.mailing import Enrollment, PastRun, SendRef
from shared.rules.nurture_report import MOST_REASONS, OTHERS, nurture_report

SINCE = 1_800_000_000
UNTIL = SINCE + 30 * DAY


def run(lead_id: str = "a", at: int = SINCE, **said: Any) -> Enrollment:
    plain = Enrollment(
        lead_id=lead_id, track="t", rotation=1, status="active", step=0, playbook="p", cause="c", cause_lead=lead_id,
        cause_version=1, entered_at=at,
    )  # fmt: skip
    return replace(plain, **said)


def send(lead_id: str = "a", step: int = 0, at: int = SINCE, **said: Any) -> SendMade:
    plain = SendMade(
        SendRef(lead_id, "t", said.pop("rotation", 1), step), "sent", f"t-{step + 1}", "mail", "", "x", "p", at
    )
    return replace(plain, **said)


def report(runs: list[Enrollment], made: list[SendMade] | None = None) -> dict[str, Any]:
    return nurture_report(runs, made or [], since=SINCE, until=UNTIL)


def people(*runs: Enrollment) -> dict[str, Any]:
    return dict(report(list(runs))["runs"])


def message(*made: SendMade, runs: list[Enrollment] | None = None) -> dict[str, Any]:
    (only,) = report(runs or [], list(made))["messages"]
    return dict(only)


def test_each_run_of_the_time_is_in_one_state() -> None:
    said = people(
        run("a"), run("b", status="held"), run("c", status="paused"), run("d", status="done"),
        run("e", status="exited", reason="unsubscribed"), run("f", arm="holdout"),
        run("before", SINCE - 1), run("after", UNTIL),
    )  # fmt: skip
    states = ("held_out", "active", "held", "paused", "exhausted", "exited")
    assert (said["entered"], [said[name] for name in states]) == (6, [1] * 6)
    assert said["exited_by_reason"] == {"unsubscribed": 1}


def test_earlier_runs_of_a_lead_count_when_they_began_in_the_time() -> None:
    past = (
        PastRun(1, SINCE - DAY, SINCE, "done"),
        PastRun(2, SINCE, SINCE + DAY, "exited", "goal met", SINCE + DAY),
        PastRun(3, SINCE + 2 * DAY, SINCE + 3 * DAY, "done", arm="holdout"),
    )
    said = people(run(rotation=4, at=UNTIL, past=past))
    assert (said["entered"], said["held_out"], said["exited"], said["exhausted"]) == (2, 1, 1, 0)
    assert said["goal"]["count"] == 1


def test_the_goal_is_compared_with_those_who_got_nothing() -> None:
    mailed = [run(f"m{n}", status="exited", goal_at=SINCE + 5 if n < 30 else None) for n in range(100)]
    without = [run(f"h{n}", arm="holdout", goal_at=SINCE + 5 if n < 2 else None) for n in range(40)]
    said = people(*mailed, *without)
    assert (said["goal"]["rate"], said["goal_held_out"]["rate"]) == (0.3, 0.05)
    assert said["lift"] == {"difference": 0.25, "interval": [0.1093, 0.3524], "significant": True}
    assert people(*mailed[:10], *without[:10])["lift"]["significant"] is True
    assert people(*mailed[28:35], *without[:4])["lift"]["significant"] is False
    assert people(*mailed)["lift"] is None


def test_what_is_compared_is_the_other_way_round_where_the_track_does_harm() -> None:
    mailed = [run(f"m{n}") for n in range(50)]
    without = [run(f"h{n}", arm="holdout", goal_at=SINCE) for n in range(50)]
    lift = people(*mailed, *without)["lift"]
    assert (lift["difference"], lift["significant"]) == (-1.0, True)


def test_reasons_with_numbers_in_them_are_one_reason() -> None:
    reasons = ("handoff 1 accepted", "handoff 22 accepted", "band engaged", "")
    said = people(*(run(str(n), status="exited", reason=reason) for n, reason in enumerate(reasons)))
    assert said["exited_by_reason"] == {"sales accepted the lead": 2, "(none said)": 1, "band engaged": 1}
    skipped = [
        send(str(n), state="skipped", reason=reason)
        for n, reason in enumerate(("stale: first due 8 days ago", "stale: first due 9 days ago"))
    ]
    assert message(*skipped)["skipped_by_reason"] == {"stale": 2}


def test_many_reasons_are_listed_by_number_and_all_are_counted() -> None:
    runs = [run(str(n), status="exited", reason=f"r{n % (MOST_REASONS + 5):02}") for n in range(200)]
    said = people(*runs)["exited_by_reason"]
    assert (len(said), sum(said.values()), list(said)[-1]) == (MOST_REASONS + 1, 200, OTHERS)


def test_a_message_is_in_one_state_and_what_came_back_was_sent() -> None:
    states = (
        "claimed", "unknown", "skipped", "refused", "parked", "sent", "delivered", "bounced", "complained",
    )  # fmt: skip
    said = message(*(send(str(n), state=state) for n, state in enumerate(states)))
    assert said["planned"] == 9
    assert (said["waiting"], said["sent"], said["delivered"]) == (2, 4, 2)
    assert [said[name] for name in ("bounced", "complained", "refused", "parked", "skipped")] == [1] * 5
    assert said["waiting"] + said["sent"] + said["refused"] + said["parked"] + said["skipped"] == said["planned"]


def test_machines_are_counted_beside_people_and_what_nobody_judged_is_neither() -> None:
    click = Touch("1", "click", SINCE, told="human")
    said = message(
        send("a", touches=(click, replace(click, id="2"), replace(click, id="3", told="machine"))),
        send("b", touches=(replace(click, told="machine"), Touch("4", "open", SINCE, told="unsure"))),
        send("c", touches=(replace(click, told=""), Touch("5", "decoy", SINCE))),
        send("d"),
    )
    assert said["clicked"] == {"human": 1, "unsure": 0, "machine": 2}
    assert said["opened"] == {"human": 0, "unsure": 1, "machine": 0}
    assert (said["click_rate"]["rate"], said["click_rate"]["of"]) == (0.25, 4)


def test_a_goal_counts_for_the_messages_of_its_run_that_went_out_before_it() -> None:
    runs = [
        run("a", SINCE - 60 * DAY, rotation=2, goal_at=SINCE + 2 * HOUR, past=(PastRun(1, 0, 1, "done"),)),
        run("b", SINCE),
    ]
    made = [
        send("a", 0, SINCE + HOUR, rotation=2), send("a", 1, SINCE + 3 * HOUR, rotation=2), send("a", 2, rotation=1),
        send("a", 3, state="skipped", rotation=2), send("b", 0),
    ]  # fmt: skip
    said = report(runs, made)
    assert [(each["step"], each["goal_after"]["count"]) for each in said["messages"]] == [
        (1, 1),
        (2, 0),
        (3, 0),
        (4, 0),
    ]
    assert said["runs"]["entered"] == 1


def test_what_a_step_says_to_different_people_is_told_apart() -> None:
    made = [
        send("a"), send("b", content="t-1-short", arm="short"), send("c", content="t-1-long", arm="long"),
        send("d", 1, unsubscribed_at=SINCE + 5), send("e", 1, content="text", channel="sms"), send("f", 1, SINCE - 1),
        send("g", 1, UNTIL),
    ]  # fmt: skip
    found = report([], made)["messages"]
    assert [(each["step"], each["arm"], each["content"], each["channel"]) for each in found] == [
        (1, None, "t-1", "mail"), (1, "long", "t-1-long", "mail"), (1, "short", "t-1-short", "mail"),
        (2, None, "t-2", "mail"), (2, None, "text", "sms"),
    ]  # fmt: skip
    assert [each["unsubscribed"]["count"] for each in found] == [0, 0, 0, 1, 0]


@pytest.mark.parametrize("seed", range(20))
def test_whatever_there_is_the_parts_add_up_to_the_whole(seed: int) -> None:
    chance = random.Random(seed)
    states = ("claimed", "skipped", "refused", "unknown", "parked", "sent", "delivered", "bounced", "complained")
    runs = [
        run(str(n), SINCE + chance.randrange(-5, 5), status=chance.choice(("active", "held", "paused", "done", "exited")),
            arm=chance.choice(("", "", "holdout")), goal_at=chance.choice((None, SINCE + DAY)))
        for n in range(60)
    ]  # fmt: skip
    made = [
        send(
            str(n % 60), n // 60, SINCE + chance.randrange(-5, 60), state=chance.choice(states), arm=chance.choice("ab")
        )
        for n in range(180)
    ]
    said = report(runs, made)
    inside = [each for each in runs if each.entered_at >= SINCE]
    who = said["runs"]
    assert (
        who["entered"]
        == len(inside)
        == sum(who[name] for name in ("held_out", "active", "held", "paused", "exhausted", "exited"))
    )
    assert who["goal"]["count"] + who["goal_held_out"]["count"] == sum(each.goal_at is not None for each in inside)
    assert sum(who["exited_by_reason"].values()) == who["exited"]
    assert sum(each["planned"] for each in said["messages"]) == sum(each.claimed_at >= SINCE for each in made)
    for each in said["messages"]:
        assert sum(each[name] for name in ("waiting", "sent", "refused", "parked", "skipped")) == each["planned"]
    assert report(runs[::-1], made[::-1]) == said
