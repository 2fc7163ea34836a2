"""A handoff that goes to somebody else: what becomes of its clocks, and when it goes by itself."""

from dataclasses import replace

import pytest

from shared.handoff import SYSTEM, Clock, Escalation, Handoff, Handover, ScoreThen
from shared.instants import DAY, HOUR
from shared.rules.calendars import weekly
from shared.rules.reassigning import goes_to_manager, moved_detail, must_pass_on, not_again, pass_on
from shared.rules.routing import HandoffPolicy, Person
from shared.rules.sla import Promise, Tick, next_due

AT = 1_767_603_600
MARIA, JONAS, HELENA = Person("maria", "Maria"), Person("jonas", "Jonas"), Person("helena", "Helena")
POLICY = HandoffPolicy(
    channel="#sales",
    owners=(MARIA, JONAS),
    manager=HELENA,
    calendar=weekly("Europe/Stockholm", range(7), 0, DAY),
    promises=(
        Promise("contact", "high", "business", HOUR, 900, reassigns=True),
        Promise("decide", "high", "business", DAY, 0),
        Promise("contact", "standard", "business", DAY, HOUR),
    ),
    reject_reasons=(),
    suggested_step="Call.",
)
HELD = Handoff(
    "l1", 1, 3, "open", "high", "maria", "demo", AT, routed="round robin",
    clocks=(Clock("contact", AT + HOUR, AT + HOUR - 900, AT + HOUR - 900), Clock("decide", AT + DAY)),
    score=ScoreThen(0, "A", 1),
)  # fmt: skip
BROKEN = replace(HELD, clocks=(replace(HELD.clocks[0], breached_at=AT + HOUR), HELD.clocks[1]))
BREACH = Tick("breached", "contact", AT + HOUR, "")


def test_a_handoff_that_is_passed_on_starts_what_ran_out_anew_and_keeps_who_let_it_run_out():
    late = replace(BROKEN.clocks[0], escalations=(Escalation(AT + 9 * HOUR, "helena"),))
    moved = pass_on(
        replace(BROKEN, clocks=(late, BROKEN.clocks[1])),
        "jonas",
        by=SYSTEM,
        at=AT + HOUR,
        policy=POLICY,
        why="Maria did not act",
    )
    assert moved.clocks == (Clock("contact", AT + 2 * HOUR, AT + 2 * HOUR - 900), BROKEN.clocks[1])
    assert moved.handovers == (Handover("maria", AT + HOUR, "ripen", (late,)),)
    assert (moved.owner, moved.version, moved.routed) == ("jonas", 4, "Maria did not act")
    assert Handoff.from_json("l1", moved.to_json()) == moved
    assert moved_detail(moved) == {"by": "ripen", "owner": "jonas", "from_owner": "maria"}
    assert next_due(moved) == AT + 2 * HOUR - 900
    gone = replace(POLICY, promises=())
    assert pass_on(BROKEN, "jonas", by=SYSTEM, at=AT + HOUR, policy=gone, why="x").clocks == BROKEN.clocks


@pytest.mark.parametrize(
    ("handoff", "ticks", "policy", "cause"),
    [
        (BROKEN, (BREACH,), POLICY, "clock"),
        (BROKEN, (replace(BREACH, kind="warned"),), POLICY, None),
        (BROKEN, (replace(BREACH, clock="decide"),), POLICY, None),  # only told
        (replace(BROKEN, priority="standard"), (BREACH,), POLICY, None),
        (replace(BROKEN, state="accepted"), (BREACH,), POLICY, None),
        (replace(BROKEN, state="closed"), (BREACH,), POLICY, None),
        (replace(BROKEN, owner="helena"), (BREACH,), POLICY, None),
        (replace(BROKEN, owner="astrid"), (BREACH,), replace(POLICY, leaders=(Person("astrid", "Astrid Berg"),)), None),
        (replace(HELD, owner="gone"), (replace(BREACH, kind="warned"),), POLICY, "left"),
        (replace(HELD, owner="gone", state="accepted"), (BREACH,), POLICY, "left"),
        (replace(HELD, owner="gone", state="rejected"), (BREACH,), POLICY, None),
    ],
)
def test_when_a_handoff_goes_to_the_next_one_by_itself(handoff, ticks, policy, cause):
    assert must_pass_on(handoff, ticks, policy) == cause


def test_the_manager_gets_what_was_passed_on_often_enough_and_what_somebody_who_left_had_accepted():
    once = replace(HELD, handovers=(Handover("jonas", AT, "ripen"), Handover("priya", AT, "helena")))
    assert not goes_to_manager(once, POLICY)
    assert goes_to_manager(once, replace(POLICY, passes=1))
    assert goes_to_manager(replace(HELD, state="accepted"), POLICY)


def test_it_never_goes_back_to_who_did_not_act():
    handed = (Handover("jonas", AT, "ripen"), Handover("priya", AT, "helena"))
    assert not_again(replace(HELD, handovers=handed)) == {"maria", "jonas"}
