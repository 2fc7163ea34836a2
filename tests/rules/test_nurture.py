"""One planned mail, one decision: who gets it, who waits, and who never does."""

from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.instants import DAY, HOUR, MINUTE, parse_instant
from shared.lead import Lead, Register, Settled
from shared.mailing import Address, Enrollment, PastSend, TopicConsent
from shared.playbook import compile_playbook
from shared.rules import tracks
from shared.rules.model import ScoringModel, scoring_model
from shared.rules.nurture import (
    MailPolicy,
    Send,
    Skip,
    Stop,
    Wait,
    decide_confirmation,
    decide_send,
    is_mailable,
    mail_policy,
)
from shared.rules.planning import advanced, claiming, postponed, remembered, stopped, waiting
from shared.rules.send_window import window_of
from shared.rules.tracks import Arm, Choice, Step, Track

NOW = parse_instant("2026-11-18T10:00:00Z")


def step(content: str, delay: int = 0, **said) -> Step:
    return Step(delay, choices=(Choice(None, content),), **said)


TRACK = Track("awareness", frozenset({"early"}), 180 * DAY, (step("a-1"), step("a-2", 7 * DAY), step("a-3", 14 * DAY)))
POLICY = MailPolicy(
    zone="Europe/Stockholm",
    window=window_of({"quiet": {"from": "20:00", "to": "08:00"}, "days": ["mon", "tue", "wed", "thu", "fri"]}),
    caps={"day": 1, "week": 3, "month": 8},
    silence_is_consent=False,
)
ADDRESS = Address("1.abc", proven_at=1, opted_in_at=2, version=3)
RUN = Enrollment("aaaaaaaaaaaaaaaa", "awareness", 1, "active", 0, "p", "c1", "aaaaaaaaaaaaaaaa", 1, NOW, due_at=NOW)


def lead(email="ada@example.com", band="early", stage="lead", timezone=None, proven=True) -> Lead:
    said = {"email": email, "timezone": timezone}
    profile = {name: Register(value, 1, "k", proven=proven) for name, value in said.items() if value is not None}
    return Lead("aaaaaaaaaaaaaaaa", version=1, profile=profile, settled=Settled(band=band, stage=stage))


@cache
def model() -> ScoringModel:
    return scoring_model(compile_playbook())


def decide(who=None, run=RUN, track=TRACK, address=ADDRESS, now=NOW, policy=POLICY):
    return decide_send(who or lead(), run, track, address, policy=policy, model=model(), now=now)


def test_a_hold_that_outlives_the_handoff_for_a_moment_pauses_nobody():
    """The CRM said that the lead is lost: its run goes on at once, and the handoff frees the address a little later."""
    held = replace(ADDRESS, paused_by=frozenset({"aaaaaaaaaaaaaaaa#1"}))
    waits = Wait(NOW + DAY, "sales has the lead", anew=True)
    assert decide(lead(stage="lost"), address=held) == waits
    assert decide(lead(stage="sql"), address=held) == Stop("paused", "sales has the lead")


def test_a_due_mail_goes_to_who_consented_at_a_humane_hour():
    assert decide() == Send("a-1")


@pytest.mark.parametrize(
    ("address", "decision"),
    [
        (replace(ADDRESS, suppressed="bounced"), Stop("exited", "suppressed: bounced")),
        (replace(ADDRESS, suppressed="complained"), Stop("exited", "suppressed: complained")),
        (replace(ADDRESS, stopped_at=2), Stop("exited", "unsubscribed")),
        (replace(ADDRESS, paused_by=frozenset({"aaaaaaaaaaaaaaaa#1"})), Stop("paused", "sales has the lead")),
        (
            replace(ADDRESS, paused_by=frozenset({"bbbbbbbbbbbbbbbb#1"})),
            Wait(NOW + DAY, "sales has the lead", anew=True),
        ),
        (replace(ADDRESS, proven_at=None), Wait(NOW + DAY, "unproven", anew=True)),
        (replace(ADDRESS, opted_in_at=None), Wait(NOW + DAY, "no opt-in", anew=True)),
        (None, Stop("exited", "no address that can be mailed")),
    ],
)
def test_what_the_address_says_decides_first(address, decision):
    assert decide(address=address) == decision


def test_an_address_somebody_else_proved_is_not_proved_to_be_this_leads():
    assert decide(lead(proven=False)) == Wait(NOW + DAY, "unproven", anew=True)


def test_silence_is_consent_where_the_playbook_says_so():
    assert decide(address=replace(ADDRESS, opted_in_at=None), policy=replace(POLICY, silence_is_consent=True)) == Send(
        "a-1"
    )


def test_a_run_waits_a_month_for_proof_and_no_longer():
    unproven = replace(ADDRESS, proven_at=None)
    patient = replace(RUN, entered_at=NOW - 30 * DAY + 1)
    assert decide(run=patient, address=unproven) == Wait(NOW + DAY, "unproven", anew=True)
    assert decide(run=replace(RUN, entered_at=NOW - 30 * DAY), address=unproven) == Stop(
        "exited", "unproven for 30 days"
    )


def test_who_moved_on_gets_no_stale_mail():
    assert decide(lead(band="engaged")) == Stop("exited", "band engaged")
    assert decide(lead(stage="customer")) == Stop("exited", "the lead is a customer")
    assert decide(track=None) == Stop("exited", "the track is no longer in the playbook")


def test_who_was_sent_back_by_sales_is_nurtured_whatever_the_band():
    back = replace(RUN, by="sales")
    assert decide(lead(band="engaged", stage="recycled"), run=back) == Send("a-1")
    for asks in ({"goal": {"band": ["engaged"]}}, {"exits": {"any": [{"band": ["engaged"]}]}}):
        track = replace(TRACK, bands=frozenset({"early", "engaged"}), **asks)
        assert decide(lead(band="engaged", stage="recycled"), run=back, track=track) == Send("a-1")
        assert isinstance(decide(lead(band="engaged"), track=track), Stop)


def test_a_lead_whose_stage_says_sales_has_it_waits_though_its_address_is_not_held():
    assert decide(lead(stage="sql")) == Wait(NOW + DAY, "sales has the lead", anew=True)


def test_a_run_that_has_no_further_step_ends():
    assert decide(run=replace(RUN, step=3)) == Stop("done", "every mail of the track was planned")


def test_no_content_comes_twice_within_the_cool_down_whatever_track_sent_it():
    received = replace(ADDRESS, sent={"a-1": NOW - 180 * DAY + 1})
    assert decide(address=received) == Skip("a-1", NOW - 180 * DAY + 1, "the address has received it already")
    assert decide(address=replace(ADDRESS, sent={"a-1": NOW - 180 * DAY})) == Send("a-1")
    assert decide(address=replace(ADDRESS, sent={"a-2": NOW})) == Send("a-1")


def test_quiet_hours_hold_a_mail_until_the_window_opens_where_the_person_is():
    evening = parse_instant("2026-11-18T20:30:00Z")
    assert decide(now=evening) == Wait(parse_instant("2026-11-19T07:00:00Z"), "quiet hours or weekday")
    assert decide(lead(timezone="America/New_York"), now=evening) == Send("a-1")
    assert decide(lead(timezone="Asia/Tokyo")) == Send("a-1")
    assert decide(lead(timezone="Asia/Tokyo"), now=NOW + 2 * HOUR) == Wait(
        parse_instant("2026-11-18T23:00:00Z"), "quiet hours or weekday"
    )


def claims(*ages: int) -> Address:
    return replace(ADDRESS, recent=tuple(PastSend(NOW - age, "s") for age in sorted(ages, reverse=True)))


@pytest.mark.parametrize(
    ("ages", "until"),
    [
        ([DAY], NOW),
        ([DAY - 1], NOW + 1),
        ([2 * HOUR], NOW + 22 * HOUR),
        ([2 * DAY, 3 * DAY, 4 * DAY], parse_instant("2026-11-23T07:00:00Z")),  # free on Saturday, held till Monday
        ([DAY * each + 18 * DAY for each in range(8)], parse_instant("2026-11-23T10:00:00Z")),
    ],
)
def test_caps_hold_a_mail_until_one_more_fits_and_the_window_is_open(ages, until):
    decision = decide(address=claims(*ages))
    assert decision == (Send("a-1") if until == NOW else Wait(until, "frequency cap"))


@settings(max_examples=300, deadline=None)
@given(
    ages=st.lists(st.integers(0, 40 * DAY), max_size=12),
    zone=st.sampled_from([None, "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
    offset=st.integers(0, 14 * DAY),
)
def test_a_mail_that_waited_is_sent_when_its_wait_is_over(ages, zone, offset):
    """The instant a wait names is never another wait: nothing polls."""
    address = replace(ADDRESS, recent=tuple(PastSend(NOW - age, "s") for age in sorted(ages, reverse=True)))
    patient = replace(POLICY, stale_after=90 * DAY)
    first = decide(lead(timezone=zone), address=address, now=NOW + offset, policy=patient)
    if isinstance(first, Wait):
        assert first.until > NOW + offset
        assert decide(lead(timezone=zone), address=address, now=first.until, policy=patient) == Send("a-1")
        just_before = decide(lead(timezone=zone), address=address, now=first.until - 1, policy=patient)
        assert isinstance(just_before, Wait)
        assert just_before.until == first.until
    else:
        assert first == Send("a-1")


def test_the_next_mail_counts_from_this_one():
    after = advanced(RUN, TRACK, at=NOW, counted_from=NOW)
    assert (after.step, after.due_at, after.status) == (1, NOW + 7 * DAY, "active")


def test_the_mail_after_a_skipped_one_counts_from_when_that_was_received_and_is_never_in_the_past():
    assert advanced(RUN, TRACK, at=NOW, counted_from=NOW - 2 * DAY).due_at == NOW + 5 * DAY
    assert advanced(RUN, TRACK, at=NOW, counted_from=NOW - 90 * DAY).due_at == NOW


def test_the_last_mail_ends_the_run_only_once_the_channel_has_answered():
    after = claiming(replace(RUN, step=2, first_due=1), TRACK, at=NOW)
    assert (after.step, after.due_at, after.first_due, after.status) == (3, NOW + 15 * MINUTE, None, "active")
    assert decide(run=after) == Stop("done", "every mail of the track was planned")
    assert claiming(RUN, TRACK, at=NOW) == advanced(RUN, TRACK, at=NOW, counted_from=NOW)


def test_a_run_that_pauses_remembers_what_was_due():
    leased = replace(RUN, due_at=NOW + 15 * MINUTE, first_due=NOW)
    assert stopped(leased, Stop("paused", "sales has the lead"), NOW).planned_at == NOW
    assert stopped(leased, Stop("exited", "unsubscribed"), NOW).planned_at is None


def test_the_last_dropped_mail_ends_the_run():
    after = advanced(replace(RUN, step=2), TRACK, at=NOW, counted_from=NOW)
    assert (after.step, after.due_at, after.status, after.ended_at) == (3, None, "done", NOW)


def test_a_mail_the_channel_would_not_take_now_is_planned_again():
    after = postponed(RUN, "Throttling", NOW)
    assert (after.step, after.due_at, after.reason) == (0, NOW + 15 * MINUTE, "the channel said Throttling")


def test_an_address_remembers_what_a_cap_can_still_count():
    old = tuple(PastSend(NOW - each * DAY, f"s{each}") for each in (31, 30, 29, 1))
    kept = remembered(old, PastSend(NOW, "new"))
    assert [each.send_id for each in kept] == ["s29", "s1", "new"]
    many = tuple(PastSend(NOW - 100 + each, f"s{each}") for each in range(60))
    assert len(remembered(many, PastSend(NOW, "new"))) == 40


@pytest.mark.parametrize(
    "address",
    ["a@b.co", "first.last+tag@sub.example-site.com", "o'hara@example.ie", "x" * 64 + "@example.com"],
)
def test_plain_addresses_are_mailable(address):
    assert is_mailable(address)


@pytest.mark.parametrize(
    "address",
    [None, 7, "", "ada", "ada@", "@example.com", "ada@localhost", "a b@example.com", "ada@example.com\r\nBcc: x@y.zz",
     "ada@example.com,eve@example.com", "Ada <ada@example.com>", "å@example.com", "ada@exämple.com", ".a@b.co", "a..b@c.co",
     "a.@b.co", "a@-b.co", "a@b-.co", "a@b..co", "x" * 65 + "@example.com", "a@" + "b" * 64 + ".com",
     "a@" + "b." * 130 + "com", "a@b.co\n", '"a b"@example.com', "a@[127.0.0.1]"],
)  # fmt: skip
def test_what_could_break_out_of_a_header_is_not_mailable(address):
    assert not is_mailable(address)
    assert decide(lead(email=address)) == Stop("exited", "no address that can be mailed")


def test_a_confirmation_needs_an_address_and_leave_to_ask():
    assert decide_confirmation(lead(), Address("1.abc"), Address("1.abc"), NOW) is None
    assert decide_confirmation(lead(), None, None, NOW) == "no address that can be mailed"
    assert (
        decide_confirmation(lead(email="nobody"), Address("1.abc"), Address("1.abc"), NOW)
        == "no address that can be mailed"
    )
    assert decide_confirmation(lead(), ADDRESS, ADDRESS, NOW) == "already proven and opted in"


GOAL = {"any": [{"band": ["sales_ready"]}, {"qualified": True}]}
EXITS = {"stage": ["recycled"]}


def test_who_reached_what_the_track_is_for_gets_no_more_of_it():
    track = replace(TRACK, goal=GOAL, bands=frozenset({"early", "sales_ready"}))
    met = decide(lead(band="sales_ready"), track=track)
    assert met == Stop("exited", "goal met", goal=True)
    assert stopped(RUN, met, NOW).goal_at == NOW
    assert decide(lead(band="sales_ready", stage="customer"), track=track) == met
    assert decide(track=track) == Send("a-1")


def test_an_exit_of_the_track_ends_the_run_with_its_reason():
    track = replace(TRACK, exits=EXITS)
    assert decide(lead(stage="recycled"), track=track) == Stop("exited", "exit: stage recycled")
    assert decide(track=track) == Send("a-1")


def test_who_is_held_out_gets_nothing_and_is_done():
    assert decide(run=replace(RUN, arm="holdout")) == Stop("done", "held out")
    goal = replace(TRACK, goal={"band": ["early"]})
    assert decide(run=replace(RUN, arm="holdout"), track=goal) == Stop("exited", "goal met", goal=True)


def test_a_stop_of_the_topic_ends_its_tracks_and_no_other():
    stopped_topic = replace(ADDRESS, topics={"news": TopicConsent(stopped_at=5)})
    about_news = replace(TRACK, topic="news")
    assert decide(address=stopped_topic, track=about_news) == Stop("exited", "unsubscribed from news")
    assert decide(address=stopped_topic) == Send("a-1")
    assert decide(address=stopped_topic, track=replace(TRACK, topic="tips")) == Send("a-1")


def trying(*weights: int, **said) -> Track:
    arms = tuple(Arm(f"arm{number}", f"t-{number}", weight) for number, weight in enumerate(weights))
    test = tracks.Test("subject", "clicks", arms, least=100, confidence=95, guard=1, **said)
    return replace(TRACK, steps=(Step(0, test=test),))


def test_an_address_is_always_in_the_same_arm_of_a_test():
    addresses = [replace(ADDRESS, name=f"1.{number}") for number in range(400)]
    sends = [decide(address=each, track=trying(1, 3)) for each in addresses]
    assert sends == [decide(address=each, track=trying(1, 3)) for each in addresses]
    assert {(each.content, each.arm) for each in sends} == {("t-0", "arm0"), ("t-1", "arm1")}
    assert 60 < sum(each.arm == "arm0" for each in sends) < 140


def test_the_winner_of_a_test_goes_to_everybody():
    addresses = [replace(ADDRESS, name=f"1.{number}") for number in range(50)]
    assert {decide(address=each, track=trying(1, 1, winner="arm1")).arm for each in addresses} == {"arm1"}


def test_a_step_or_an_arm_with_a_time_of_day_goes_within_the_hour_that_begins_then():
    nine = replace(TRACK, steps=(step("a-1", at="09:00"),))
    tomorrow_at_nine = parse_instant("2026-11-19T08:00:00Z")
    assert decide(track=nine) == Wait(tomorrow_at_nine, "its time of day")
    assert decide(track=nine, now=tomorrow_at_nine + 59 * MINUTE) == Send("a-1")
    assert decide(track=nine, now=tomorrow_at_nine + HOUR) == Wait(tomorrow_at_nine + DAY, "its time of day")
    arm = replace(TRACK, steps=(Step(0, test=replace(trying(1).steps[0].test, arms=(Arm("late", "t", at="15:00"),))),))
    assert decide(track=arm) == Wait(parse_instant("2026-11-18T14:00:00Z"), "its time of day")
    quiet = replace(TRACK, steps=(step("a-1", at="23:00"),))
    assert decide(track=quiet) == Send("a-1")  # the quiet hours outweigh what a pinned playbook once said


def test_a_channel_is_part_of_the_decision():
    assert decide(track=replace(TRACK, steps=(step("w", channel="webhook", to="chat"),))) == Send(
        "w", channel="webhook", to="chat"
    )


def test_a_mail_that_waited_too_long_is_dropped_and_the_next_counts_from_when_it_was_due():
    due = replace(RUN, first_due=NOW - 7 * DAY)
    assert decide(run=due) == Skip("a-1", NOW - 7 * DAY, "stale: first due 7 days ago")
    assert decide(run=replace(RUN, first_due=NOW - 7 * DAY + 1)) == Send("a-1")
    assert advanced(due, TRACK, at=NOW, counted_from=NOW - 7 * DAY).due_at == NOW


def test_a_mail_waits_no_longer_than_it_stays_fresh():
    full = claims(*[DAY * each for each in range(8)])
    assert decide(address=full) == Wait(NOW + 7 * DAY, "frequency cap")
    assert decide(address=full, run=replace(RUN, first_due=NOW - 2 * DAY)) == Wait(NOW + 5 * DAY, "frequency cap")


def test_waiting_for_the_person_makes_no_mail_stale():
    late = replace(RUN, first_due=NOW - 20 * DAY, entered_at=NOW - 20 * DAY)
    wait = decide(run=late, address=replace(ADDRESS, opted_in_at=None))
    assert waiting(late, wait).first_due is None
    held = decide(run=replace(RUN, first_due=NOW - DAY), now=NOW + 10 * HOUR)
    assert waiting(replace(RUN, first_due=NOW - DAY), held).first_due == NOW - DAY


def test_a_content_is_dropped_when_its_last_day_is_over_where_the_person_is():
    policy = replace(POLICY, until={"a-1": "2026-11-18"})
    assert decide(policy=policy) == Send("a-1")
    evening = parse_instant("2026-11-18T20:30:00Z")  # could only go on the 19th
    assert decide(policy=policy, now=evening) == Skip("a-1", evening, "its last day is over: 2026-11-18")
    assert decide(lead(timezone="America/New_York"), policy=policy, now=evening) == Send("a-1")


def test_a_policy_from_before_its_newer_parts_can_be_read():
    mail = {"zone": "Europe/Stockholm", "quiet": {"from": "20:00", "to": "08:00"}, "days": ["mon"], "consent": "opt_in",
            "caps": {"day": 1, "week": None, "month": 8}}  # fmt: skip
    policy = mail_policy({"mail": mail})
    assert (policy.stale_after, policy.until, policy.caps) == (7 * DAY, {}, {"day": 1, "month": 8})
