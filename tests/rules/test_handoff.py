"""Which moves are legal in which state, and what follows from each."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.handoff import Clock, Escalation, Handoff, Handover, ScoreThen
from shared.instants import DAY, HOUR
from shared.lead import Lead, Settled
from shared.rules.calendars import weekly
from shared.rules.handoff import (
    ACTIONS,
    LEAST_SNOOZE,
    MEANS,
    MOST_HANDOVERS,
    MOST_SNOOZED,
    SAME_CONTACT,
    Move,
    decide_closed_elsewhere,
    decide_move,
    decide_opening,
    decide_unqualified,
    holder,
    open_handoff,
    refusal,
    snoozes,
)
from shared.rules.routing import HandoffPolicy, Person, RejectReason, handoff_policy
from shared.rules.sla import Promise, next_due, tick

MARIA = Person("maria", "Maria Lindqvist", "maria@ripen.example", "U0MARIA")
JONAS = Person("jonas", "Jonas Weber")
HELENA = Person("helena", "Helena Novak", slack="U0HELENA")
POLICY = HandoffPolicy(
    channel="#sales-alerts",
    owners=(MARIA, JONAS),
    manager=HELENA,
    calendar=weekly("Europe/Stockholm", range(7), 0, DAY),
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
    "l1", number=1, priority="high", reason="demo", at=AT, score=ScoreThen(90_000, "A", 4), owner="maria", policy=POLICY
)
QUALIFIED = Lead("l1", version=7, settled=Settled(qualified=True, qualification=1))


def moved(handoff: Handoff, action, by="maria", after=60, **said) -> Handoff:
    decision = decide_move(handoff, Move(action, by, AT + after, **said), POLICY)
    assert decision.verdict == "moved", decision
    return decision.handoff


ACCEPTED = moved(OPEN, "accept")
REJECTED = moved(OPEN, "reject", reason_code="not_ready")
CLOSED = moved(ACCEPTED, "won", after=120)
OTHER = next(person.id for person in POLICY.owners if person.id != OPEN.owner)


def test_a_handoff_opens_with_the_clocks_of_its_priority():
    assert [clock.name for clock in OPEN.clocks] == ["contact", "decide"]
    assert OPEN.clocks[0] == Clock("contact", AT + HOUR, AT + HOUR - 900)
    standard = open_handoff(
        "l1", number=2, priority="standard", reason="75 points", at=AT, score=OPEN.score, owner="maria", policy=POLICY
    )
    assert [clock.due_at for clock in standard.clocks] == [AT + DAY]


def test_somebody_who_left_is_known_by_id():
    assert POLICY.person("gone") == Person("gone", "gone")


def test_a_slack_member_is_who_the_playbook_says():
    assert POLICY.person_in_slack("U0MARIA") == "maria"
    assert POLICY.person_in_slack("U0OTHER") == "slack:U0OTHER"
    assert POLICY.person_in_slack("") == "slack:"  # a rep without a member id is nobody's press


def test_the_policy_is_read_from_the_compiled_playbook(playbook):
    policy = handoff_policy(playbook)
    assert policy.owners[0] == Person(
        "maria", "Maria Lindqvist", "maria@ripen.example", "U0MARIA", capacity=2, daily_quota=16
    )
    assert {(promise.clock, promise.priority) for promise in policy.promises} == {
        (clock, priority) for clock in ("contact", "decide", "follow_up") for priority in ("high", "standard")
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
    assert (decision.verdict, decision.handoff.state, decision.handoff.outcome) == ("moved", "closed", "unqualified")
    assert decision.announce is not None
    assert decision.announce.detail_type == "HandoffClosed"
    assert decision.announce.detail == {"outcome": "unqualified", "by": "ripen"}


@pytest.mark.parametrize("handoff", [ACCEPTED, REJECTED, CLOSED])
def test_what_sales_decided_stays_when_the_lead_stops_qualifying(handoff):
    decision = decide_unqualified(UNQUALIFIED, handoff, AT + 9)
    assert decision.verdict == "refused"


def test_a_lead_that_qualifies_again_keeps_its_open_handoff():
    """Its newer qualification got none, because this one was still open; closing it would lose the lead."""
    again = replace(QUALIFIED, settled=Settled(qualified=True, qualification=2))
    decision = decide_unqualified(again, OPEN, AT + 9)
    assert decision.verdict == "refused"
    assert not decide_opening(again, 2, [OPEN]).opens


LEGAL = {
    ("open", "accept"): "accepted",
    ("open", "reject"): "rejected",
    ("open", "contact"): "open",
    ("open", "reassign"): "open",
    ("open", "snooze"): "open",
    ("accepted", "reject"): "rejected",
    ("accepted", "contact"): "accepted",
    ("accepted", "reassign"): "accepted",
    ("accepted", "snooze"): "accepted",
    ("accepted", "convert"): "accepted",
    ("accepted", "won"): "closed",
    ("accepted", "lost"): "closed",
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("handoff", [OPEN, ACCEPTED, REJECTED, CLOSED], ids=lambda handoff: handoff.state)
def test_every_move_is_legal_or_refused_with_a_reason(handoff, action):
    by = "maria" if (handoff.state, action) == ("accepted", "reject") else "jonas"
    said = {"reason_code": "no_budget", "to": "helena", "until": AT + DAY, "opportunity": "006-1"}
    decision = decide_move(handoff, Move(action, by, AT + 500, **said), POLICY)
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


# Passing on


def test_a_lead_passed_on_is_the_others_with_the_clocks_as_they_were():
    decision = decide_move(OPEN, Move("reassign", "helena", AT + 60, to=OTHER), POLICY)
    after = decision.handoff
    assert (after.owner, after.clocks, after.state) == (OTHER, OPEN.clocks, "open")
    assert after.handovers == (Handover(OPEN.owner, AT + 60, "helena"),)
    assert decision.announce is not None
    assert decision.announce.detail == {"by": "helena", "owner": OTHER, "from_owner": OPEN.owner}
    assert decide_move(after, Move("reassign", "helena", AT + 90, to=OTHER), POLICY).verdict == "repeat"
    refused = decide_move(after, Move("reassign", "maria", AT + 90, to=OTHER), POLICY)
    assert refused.verdict == "refused"
    assert POLICY.person(OTHER).name in refused.reason


@pytest.mark.parametrize("to", [None, "", "nobody"])
def test_a_lead_is_passed_on_only_to_people_of_the_playbook(to):
    decision = decide_move(OPEN, Move("reassign", "maria", AT, to=to), POLICY)
    assert (decision.verdict, decision.field, decision.handoff) == ("unusable", "to", OPEN)
    assert "helena" in decision.reason


def test_a_lead_is_not_passed_on_to_somebody_who_is_away():
    away = replace(JONAS, calendar=POLICY.calendar.without([(AT, AT + DAY)]))
    policy = replace(POLICY, owners=(MARIA, away))
    owned = replace(OPEN, owner="maria")
    decision = decide_move(owned, Move("reassign", "maria", AT + 60, to="jonas"), policy)
    assert (decision.verdict, decision.field) == ("unusable", "to")
    assert "Jonas Weber is away" in decision.reason
    assert decide_move(owned, Move("reassign", "maria", AT + DAY, to="jonas"), policy).verdict == "moved"


def test_a_lead_whose_owner_left_can_be_passed_on():
    left = replace(OPEN, owner="somebody_who_left")
    assert moved(left, "reassign", "helena", to="maria").handovers[0].owner == "somebody_who_left"


def test_a_lead_is_not_passed_on_for_ever():
    handoff = OPEN
    for number in range(MOST_HANDOVERS):
        to = next(each for each in ("maria", "jonas") if each != handoff.owner)
        handoff = moved(handoff, "reassign", "helena", number, to=to)
    other = next(each for each in ("maria", "jonas") if each != handoff.owner)
    assert decide_move(handoff, Move("reassign", "helena", AT + 99, to=other), POLICY).verdict == "refused"


def test_who_is_given_a_lead_by_hand_after_a_clock_ran_out_has_a_clock_of_their_own():
    broken, _ = tick(OPEN, AT + 30 * DAY)
    late = moved(broken, "reassign", "helena", 30 * DAY, to=OTHER)
    contact = next(clock for clock in late.clocks if clock.name == "contact")
    assert contact.breached_at is None
    assert contact.due_at > AT + 30 * DAY
    assert [clock.name for clock in late.handovers[0].clocks] == [clock.name for clock in OPEN.clocks]


def test_who_got_an_accepted_lead_may_send_it_back_and_who_gave_it_may_not():
    passed = moved(ACCEPTED, "reassign", "maria", 90, to="helena")
    assert holder(passed) == "helena"
    assert decide_move(passed, Move("reject", "maria", AT + 99, "not_ready"), POLICY).verdict == "refused"
    assert decide_move(passed, Move("reject", "helena", AT + 99, "not_ready"), POLICY).verdict == "moved"


def test_a_lead_passed_on_before_it_was_accepted_is_whose_who_accepted_it():
    passed = moved(moved(OPEN, "reassign", "helena", 10, to=OTHER), "accept", "maria", 20)
    assert holder(passed) == "maria"


# Putting off


def test_a_lead_put_off_has_every_running_clock_put_off_by_as_much():
    after = moved(OPEN, "snooze", until=AT + DAY)
    by = DAY - 60
    assert [clock.due_at - before.due_at for clock, before in zip(after.clocks, OPEN.clocks, strict=True)] == [by, by]
    assert (after.snoozed_until, after.snoozed_for, after.snoozed_by) == (AT + DAY, by, "maria")
    further = moved(after, "snooze", "jonas", 120, until=AT + 2 * DAY)
    assert further.clocks[0].due_at == after.clocks[0].due_at + DAY  # only what it is put off further
    assert further.snoozed_for == by + DAY
    later = moved(after, "snooze", "jonas", 2 * DAY, until=AT + 3 * DAY)
    assert later.snoozed_for == by + DAY


def test_a_clock_that_ran_out_is_not_put_off():
    late, _ = tick(OPEN, AT + HOUR)
    after = moved(late, "snooze", after=HOUR, until=AT + DAY)
    assert after.clocks[0] == late.clocks[0]
    assert after.clocks[1].due_at > late.clocks[1].due_at


def test_nobody_hears_that_nothing_was_done_while_a_lead_is_put_off_on_purpose():
    """The clock ran out before, and stays broken; who would be told next is told as much later."""
    steps = (Escalation(AT + HOUR, "helena", told_at=AT + HOUR), Escalation(AT + 2 * HOUR, "astrid"))
    late = replace(OPEN, clocks=(replace(OPEN.clocks[0], breached_at=AT + HOUR, escalations=steps), OPEN.clocks[1]))
    after = moved(late, "snooze", after=HOUR, until=AT + DAY)
    by = after.clocks[1].due_at - late.clocks[1].due_at
    assert after.clocks[0].escalations == (steps[0], Escalation(AT + 2 * HOUR + by, "astrid"))
    assert (after.clocks[0].due_at, after.clocks[0].breached_at) == (late.clocks[0].due_at, AT + HOUR)


@pytest.mark.parametrize("until", [None, AT, AT + LEAST_SNOOZE - 1, AT + MOST_SNOOZED + 1])
def test_a_lead_is_put_off_neither_for_nothing_nor_for_long(until):
    decision = decide_move(OPEN, Move("snooze", "maria", AT, until=until), POLICY)
    assert (decision.verdict, decision.field, decision.handoff) == ("unusable", "until", OPEN)


def test_a_lead_is_put_off_by_seven_days_in_all():
    after = moved(OPEN, "snooze", after=0, until=AT + MOST_SNOOZED)
    again = Move("snooze", "maria", AT + MOST_SNOOZED + HOUR, until=AT + MOST_SNOOZED + 2 * HOUR)
    assert decide_move(after, again, POLICY).field == "until"


def test_a_lead_put_off_till_later_is_not_put_off_till_sooner():
    after = moved(OPEN, "snooze", until=AT + 2 * DAY)
    decision = decide_move(after, Move("snooze", "jonas", AT + 120, until=AT + DAY), POLICY)
    assert decision.verdict == "refused"
    assert "Wed 7 Jan 2026" in decision.reason


@pytest.mark.parametrize(
    ("action", "said"), [("accept", {}), ("contact", {}), ("reject", {"reason_code": "no_budget"})]
)
def test_whatever_is_done_with_it_ends_the_putting_off(action, said):
    after = moved(moved(OPEN, "snooze", until=AT + DAY), action, "maria", 120, **said)
    assert (after.snoozed_until, after.snoozed_by) == (None, None)


# Opportunities


def test_an_accepted_lead_becomes_one_opportunity():
    after = moved(ACCEPTED, "convert", "maria", 120, opportunity="006-1")
    assert (after.opportunity, after.converted_by, after.state) == ("006-1", "maria", "accepted")
    assert after.clocks[0].met_at == AT + 120  # nobody makes an opportunity of somebody they did not talk to
    assert decide_move(after, Move("convert", "jonas", AT + 200, opportunity="006-1"), POLICY).verdict == "repeat"
    other = decide_move(after, Move("convert", "jonas", AT + 200, opportunity="006-2"), POLICY)
    assert (other.verdict, other.reason) == ("refused", "Maria Lindqvist made it opportunity 006-1")
    assert decide_move(ACCEPTED, Move("convert", "maria", AT + 120), POLICY).field == "opportunity"
    assert moved(after, "won", after=300).opportunity == "006-1"


# What another system says became of the lead


@pytest.mark.parametrize("handoff", [OPEN, ACCEPTED], ids=lambda handoff: handoff.state)
@pytest.mark.parametrize(
    ("stage", "outcome", "mail"),
    [("customer", "won", "leave"), ("lost", "lost", "resume"), ("disqualified", "disqualified", "resume")],
)
def test_a_lead_that_is_done_with_elsewhere_takes_its_handoff_along(handoff, stage, outcome, mail):
    lead = replace(QUALIFIED, settled=Settled(stage=stage))
    decision = decide_closed_elsewhere(lead, handoff, AT + 9)
    assert (decision.handoff.state, decision.handoff.outcome, decision.mail) == ("closed", outcome, mail)
    assert decision.announce is not None
    assert decision.announce.detail == {"outcome": outcome, "by": "ripen"}
    assert next_due(decision.handoff) is None


@pytest.mark.parametrize("stage", ["lead", "mql", "sql", "recycled"])
def test_a_lead_that_goes_on_keeps_its_handoff(stage):
    assert decide_closed_elsewhere(replace(QUALIFIED, settled=Settled(stage=stage)), OPEN, AT).verdict == "refused"


@pytest.mark.parametrize("handoff", [REJECTED, CLOSED], ids=lambda handoff: handoff.state)
def test_what_ended_is_not_ended_again_from_elsewhere(handoff):
    lead = replace(QUALIFIED, settled=Settled(stage="lost"))
    assert decide_closed_elsewhere(lead, handoff, AT + 9).verdict == "refused"


moves = st.builds(
    Move,
    action=st.sampled_from(ACTIONS),
    by=st.sampled_from(["maria", "jonas"]),
    at=st.just(0),
    reason_code=st.sampled_from([None, "not_ready", "made_up"]),
    means=st.sampled_from(MEANS),
    to=st.sampled_from([None, "maria", "jonas", "helena", "left"]),
    until=st.one_of(st.none(), st.integers(AT, AT + 9 * DAY)),
    opportunity=st.sampled_from([None, "006-1", "006-2"]),
)


@settings(max_examples=300, deadline=None)
@given(steps=st.lists(st.tuples(st.integers(0, DAY), st.one_of(moves, st.sampled_from(["sweep", "unqualify"])))))
def test_no_history_leads_to_an_illegal_state(steps):
    handoff, now, said = OPEN, AT, []
    for wait, step in steps:
        before, now = handoff, now + wait
        if step == "sweep":
            handoff, found = tick(handoff, now)
            said += [(each.clock, each.kind, len(before.handovers)) for each in found]  # once for each who had it
        elif step == "unqualify":
            handoff = decide_unqualified(UNQUALIFIED, handoff, now).handoff
        else:
            decision = decide_move(handoff, replace(step, at=now), POLICY)
            handoff = decision.handoff
            assert (decision.announce is not None) == (decision.verdict == "moved") == (handoff != before)
        assert handoff.version == before.version + (handoff != before)
        assert before.running or handoff == before  # what ended stays ended
        assert (handoff.state == "closed") == (handoff.outcome is not None)
        assert (handoff.snoozed_for or 0) <= MOST_SNOOZED
        assert Handoff.from_json(handoff.lead_id, handoff.to_json()) == handoff
        assert (handoff.decided_by is None) == (handoff.state == "open" or handoff.outcome == "unqualified")
        assert handoff.running or next_due(handoff) is None
    assert len(said) == len(set(said))


# What is offered


def test_a_lead_may_be_put_off_for_two_hours_or_till_the_owners_next_mornings():
    office = replace(POLICY, calendar=weekly("Europe/Stockholm", range(5), 9 * HOUR, 17 * HOUR))
    offered = [text for _, text in snoozes(OPEN, office, AT)]  # a Monday morning
    assert offered == [
        "Mon 5 Jan 2026 12:00 CET", "Tue 6 Jan 2026 09:00 CET", "Wed 7 Jan 2026 09:00 CET", "Thu 8 Jan 2026 09:00 CET",
        "Fri 9 Jan 2026 09:00 CET",
    ]  # fmt: skip
    for until, _ in snoozes(OPEN, office, AT):
        assert decide_move(OPEN, Move("snooze", "maria", AT, until=until), office).verdict == "moved"
    later = moved(OPEN, "snooze", until=AT + 3 * DAY)
    for until, _ in snoozes(later, office, AT + DAY):
        assert decide_move(later, Move("snooze", "maria", AT + DAY, until=until), office).verdict == "moved"


def test_who_put_a_lead_off_for_days_may_put_it_off_further():
    office = replace(POLICY, calendar=weekly("Europe/Stockholm", range(5), 9 * HOUR, 17 * HOUR))
    later = moved(OPEN, "snooze", until=AT + 4 * DAY)  # a Friday morning; three days are left
    assert refusal(later, "snooze", "maria", office, AT + 2 * HOUR) is None
    offered = snoozes(later, office, AT + 2 * HOUR)
    assert offered[0] == (AT + 4 * DAY + 2 * HOUR, "Fri 9 Jan 2026 12:00 CET")
    (_, text), *_ = snoozes(moved(OPEN, "snooze", until=AT + 3 * DAY), office, AT + 2 * HOUR)[1:]
    assert text == "Fri 9 Jan 2026 09:00 CET"
    for until, _ in offered:
        assert decide_move(later, Move("snooze", "maria", AT + 2 * HOUR, until=until), office).verdict == "moved"
    all_of_it = moved(OPEN, "snooze", after=0, until=AT + MOST_SNOOZED)
    assert snoozes(all_of_it, office, AT + 2 * HOUR) == ()


def test_what_would_come_to_nothing_is_said_before_it_is_asked():
    assert refusal(OPEN, "reject", "maria", POLICY, AT) is None
    assert "accepted by Maria Lindqvist" in (refusal(ACCEPTED, "reject", "jonas", POLICY, AT) or "")
    assert refusal(ACCEPTED, "reject", "maria", POLICY, AT) is None
    assert "accept it first" in (refusal(OPEN, "convert", "maria", POLICY, AT) or "")
    for action in ("reject", "snooze", "reassign", "convert"):
        assert "closed as won" in (refusal(CLOSED, action, "maria", POLICY, AT + 999) or "")
