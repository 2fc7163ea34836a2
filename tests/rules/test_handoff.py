"""Which moves are legal in which state, and what follows from each."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.handoff import Clock, Handoff, ScoreThen
from shared.instants import DAY, HOUR
from shared.lead import Lead, Settled
from shared.rules.handoff import (
    ACTIONS,
    MEANS,
    SAME_CONTACT,
    Move,
    decide_move,
    decide_opening,
    decide_unqualified,
    open_handoff,
)
from shared.rules.routing import HandoffPolicy, Person, RejectReason, handoff_policy, owner_of
from shared.rules.sla import Calendar, Promise, next_due, tick

MARIA = Person("maria", "Maria Lindqvist", "maria@ripen.example", "U0MARIA")
JONAS = Person("jonas", "Jonas Weber")
HELENA = Person("helena", "Helena Novak", slack="U0HELENA")
POLICY = HandoffPolicy(
    channel="#sales-alerts",
    owners=(MARIA, JONAS),
    manager=HELENA,
    calendar=Calendar("Europe/Stockholm", frozenset(range(7)), 0, DAY),
    promises=(
        Promise("contact", "high", "calendar", HOUR, 900),
        Promise("decide", "high", "calendar", 2 * DAY, 4 * HOUR),
        Promise("contact", "standard", "calendar", DAY, HOUR),
    ),
    reject_reasons=(RejectReason("not_ready", "Not ready"), RejectReason("no_budget", "No budget")),
    suggested_step="Call.",
)
AT = 1_767_603_600
OPEN = open_handoff(
    "l1", number=1, priority="high", reason="demo", at=AT, score=ScoreThen(90_000, "A", 4), policy=POLICY
)
QUALIFIED = Lead("l1", version=7, settled=Settled(qualified=True, qualification=1))


def moved(handoff: Handoff, action, by="maria", after=60, **said) -> Handoff:
    decision = decide_move(handoff, Move(action, by, AT + after, **said), POLICY)
    assert decision.verdict == "moved", decision
    return decision.handoff


ACCEPTED = moved(OPEN, "accept")
REJECTED = moved(OPEN, "reject", reason_code="not_ready")
CLOSED = moved(ACCEPTED, "won", after=120)


def test_a_handoff_opens_with_the_clocks_of_its_priority_and_its_leads_owner():
    assert [clock.name for clock in OPEN.clocks] == ["contact", "decide"]
    assert OPEN.clocks[0] == Clock("contact", AT + HOUR, AT + HOUR - 900)
    assert OPEN.owner == owner_of("l1", POLICY.owners, HELENA).id
    standard = open_handoff(
        "l1", number=2, priority="standard", reason="75 points", at=AT, score=OPEN.score, policy=POLICY
    )
    assert [clock.due_at for clock in standard.clocks] == [AT + DAY]


def test_owners_share_the_leads_and_keep_theirs():
    owners = [owner_of(f"lead{n}", POLICY.owners, HELENA).id for n in range(400)]
    assert owners == [owner_of(f"lead{n}", POLICY.owners, HELENA).id for n in range(400)]
    assert 140 < owners.count("maria") < 260


def test_without_owners_the_manager_gets_the_lead():
    assert owner_of("l1", (), HELENA) == HELENA


def test_somebody_who_left_is_known_by_id():
    assert POLICY.person("gone") == Person("gone", "gone")


def test_a_slack_member_is_who_the_playbook_says():
    assert POLICY.person_in_slack("U0MARIA") == "maria"
    assert POLICY.person_in_slack("U0OTHER") == "slack:U0OTHER"
    assert POLICY.person_in_slack("") == "slack:"  # a rep without a member id is nobody's press


def test_the_policy_is_read_from_the_compiled_playbook(playbook):
    policy = handoff_policy(playbook)
    assert policy.owners[0] == Person("maria", "Maria Lindqvist", "maria@ripen.example", "U0MARIA")
    assert {(promise.clock, promise.priority) for promise in policy.promises} == {
        (clock, priority) for clock in ("contact", "decide") for priority in ("high", "standard")
    }


@pytest.mark.parametrize(
    ("lead", "known", "opens", "why"),
    [
        (QUALIFIED, [], True, "first"),
        (None, [], False, "gone"),
        (QUALIFIED, [OPEN], False, "has its handoff"),
        (QUALIFIED, [REJECTED], False, "has its handoff"),
        (replace(QUALIFIED, settled=Settled(qualified=False, qualification=1)), [], False, "does not qualify"),
        (replace(QUALIFIED, settled=Settled(qualified=True, qualification=2)), [], False, "at qualification 2"),
        (QUALIFIED, [replace(OPEN, number=9)], False, "handoff 9 is still open"),
        (QUALIFIED, [replace(ACCEPTED, number=9)], False, "still accepted"),
        (QUALIFIED, [replace(REJECTED, number=9), replace(CLOSED, number=8)], True, "first"),
        (QUALIFIED, [replace(OPEN, lead_id="merged")], False, "still open"),
        (QUALIFIED, [replace(REJECTED, lead_id="merged")], True, "first"),  # another lead's number 1
    ],
)
def test_when_a_qualification_becomes_a_handoff(lead, known, opens, why):
    opening = decide_opening(lead, 1, known)
    assert opening.opens is opens
    assert why in opening.reason


UNQUALIFIED = replace(QUALIFIED, settled=Settled(qualified=False, qualification=1))


@pytest.mark.parametrize("lead", [UNQUALIFIED, None])
def test_a_lead_that_stops_qualifying_closes_its_open_handoff(lead):
    decision = decide_unqualified(lead, OPEN, AT + 9)
    assert decision is not None
    assert (decision.verdict, decision.handoff.state, decision.handoff.outcome) == ("moved", "closed", "unqualified")
    assert decision.announce is not None
    assert decision.announce.detail_type == "HandoffClosed"
    assert decision.announce.detail == {"outcome": "unqualified", "by": "ripen"}


@pytest.mark.parametrize("handoff", [ACCEPTED, REJECTED, CLOSED])
def test_what_sales_decided_stays_when_the_lead_stops_qualifying(handoff):
    decision = decide_unqualified(UNQUALIFIED, handoff, AT + 9)
    assert decision is not None
    assert decision.verdict == "refused"


def test_a_lead_that_qualifies_again_keeps_its_open_handoff():
    """Its newer qualification got none, because this one was still open; closing it would lose the lead."""
    again = replace(QUALIFIED, settled=Settled(qualified=True, qualification=2))
    decision = decide_unqualified(again, OPEN, AT + 9)
    assert decision is not None
    assert decision.verdict == "refused"
    assert not decide_opening(again, 2, [OPEN]).opens


def test_nothing_to_close():
    assert decide_unqualified(UNQUALIFIED, None, AT) is None


LEGAL = {
    ("open", "accept"): "accepted",
    ("open", "reject"): "rejected",
    ("open", "contact"): "open",
    ("accepted", "reject"): "rejected",
    ("accepted", "contact"): "accepted",
    ("accepted", "won"): "closed",
    ("accepted", "lost"): "closed",
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("handoff", [OPEN, ACCEPTED, REJECTED, CLOSED], ids=lambda handoff: handoff.state)
def test_every_move_is_legal_or_refused_with_a_reason(handoff, action):
    by = "maria" if (handoff.state, action) == ("accepted", "reject") else "jonas"
    decision = decide_move(handoff, Move(action, by, AT + 500, reason_code="no_budget"), POLICY)
    state = LEGAL.get((handoff.state, action))
    if state is None:
        assert decision.verdict == "refused"
        assert decision.handoff == handoff
        assert decision.announce is None
        assert decision.reason
    else:
        assert decision.verdict == "moved"
        assert decision.handoff.state == state
        assert decision.handoff.version == handoff.version + 1
        assert decision.announce is not None
        assert decision.announce.detail["by"] == by


def test_accept_meets_the_decide_clock_and_pauses_mail():
    decision = decide_move(OPEN, Move("accept", "maria", AT + 60), POLICY)
    assert [clock.met_at for clock in decision.handoff.clocks] == [None, AT + 60]
    assert decision.mail == "pause"
    assert decision.announce is not None
    assert decision.announce.detail_type == "HandoffAccepted"


def test_who_is_second_is_told_who_was_first_and_when():
    decision = decide_move(ACCEPTED, Move("accept", "jonas", AT + 61), POLICY)
    assert decision.verdict == "refused"
    assert decision.reason == "this handoff was accepted by Maria Lindqvist on Mon 5 Jan 2026 10:01 CET"
    late = decide_move(ACCEPTED, Move("reject", "jonas", AT + 61, reason_code="not_ready"), POLICY)
    assert late.verdict == "refused"
    assert "Maria Lindqvist" in late.reason


def test_reject_takes_a_reason_of_the_playbook_and_resumes_mail():
    decision = decide_move(replace(ACCEPTED, paused=("1.a",)), Move("reject", "maria", AT, "not_ready"), POLICY)
    assert (decision.mail, decision.handoff.paused) == ("resume", ())
    assert decision.announce is not None
    assert decision.announce.detail == {"by": "maria", "reason_code": "not_ready"}
    for reason_code in (None, "", "made_up"):
        assert decide_move(OPEN, Move("reject", "maria", AT, reason_code), POLICY).verdict == "unknown_reason"


def test_lost_resumes_mail_and_won_does_not():
    assert decide_move(ACCEPTED, Move("lost", "jonas", AT), POLICY).mail == "resume"
    assert decide_move(ACCEPTED, Move("won", "jonas", AT), POLICY).mail == "leave"


@pytest.mark.parametrize(
    ("handoff", "move"),
    [
        (ACCEPTED, Move("accept", "maria", AT + 99)),
        (REJECTED, Move("reject", "maria", AT + 99, "not_ready")),
        (CLOSED, Move("won", "maria", AT + 9999)),
        (moved(OPEN, "contact"), Move("contact", "maria", AT + 60 + SAME_CONTACT - 1)),
    ],
)
def test_the_same_move_again_is_a_repeat(handoff, move):
    decision = decide_move(handoff, move, POLICY)
    assert (decision.verdict, decision.handoff) == ("repeat", handoff)


@pytest.mark.parametrize(
    "move",
    [
        Move("contact", "maria", AT + 60 + SAME_CONTACT),
        Move("contact", "jonas", AT + 61),
        Move("contact", "maria", AT + 61, means="mail"),
    ],
)
def test_another_contact_is_a_contact_of_its_own(move):
    once = moved(OPEN, "contact")
    again = decide_move(once, move, POLICY)
    assert again.verdict == "moved"
    assert again.handoff.clocks == once.clocks  # the first one met the clock


moves = st.builds(
    Move,
    action=st.sampled_from(ACTIONS),
    by=st.sampled_from(["maria", "jonas"]),
    at=st.just(0),
    reason_code=st.sampled_from([None, "not_ready", "made_up"]),
    means=st.sampled_from(MEANS),
)


@settings(max_examples=300, deadline=None)
@given(steps=st.lists(st.tuples(st.integers(0, DAY), st.one_of(moves, st.sampled_from(["sweep", "unqualify"])))))
def test_no_history_leads_to_an_illegal_state(steps):
    handoff, now, said = OPEN, AT, []
    for wait, step in steps:
        before, now = handoff, now + wait
        if step == "sweep":
            handoff, found = tick(handoff, now)
            said += [(each.clock, each.kind) for each in found]
        elif step == "unqualify":
            decision = decide_unqualified(UNQUALIFIED, handoff, now)
            assert decision is not None
            handoff = decision.handoff
        else:
            decision = decide_move(handoff, replace(step, at=now), POLICY)
            handoff = decision.handoff
            assert (decision.announce is not None) == (decision.verdict == "moved") == (handoff != before)
        assert handoff.version == before.version + (handoff != before)
        assert before.running or handoff == before  # what ended stays ended
        assert (handoff.state == "closed") == (handoff.outcome is not None)
        assert (handoff.decided_by is None) == (handoff.state == "open" or handoff.outcome == "unqualified")
        assert handoff.running or next_due(handoff) is None
    assert len(said) == len(set(said))
