"""One planned mail, one decision: who gets it, who waits, and who never does."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.instants import DAY, HOUR, MINUTE, parse_instant
from shared.lead import Lead, Register, Settled
from shared.mailing import Address, Enrollment, PastSend
from shared.rules.nurture import (
    MailPolicy,
    Send,
    Skip,
    Stop,
    Wait,
    advanced,
    decide_confirmation,
    decide_send,
    is_mailable,
    postponed,
    remembered,
)
from shared.rules.send_window import window_of
from shared.rules.tracks import Step, Track

NOW = parse_instant("2026-11-18T10:00:00Z")
TRACK = Track(
    "awareness", frozenset({"early"}), 180 * DAY, (Step("a-1", 0), Step("a-2", 7 * DAY), Step("a-3", 14 * DAY))
)
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


def decide(who=None, run=RUN, track=TRACK, address=ADDRESS, now=NOW, policy=POLICY):
    return decide_send(who or lead(), run, track, address, policy=policy, now=now)


def test_a_due_mail_goes_to_who_consented_at_a_humane_hour():
    assert decide() == Send("a-1")


@pytest.mark.parametrize(
    ("address", "decision"),
    [
        (replace(ADDRESS, suppressed="bounced"), Stop("exited", "suppressed: bounced")),
        (replace(ADDRESS, suppressed="complained"), Stop("exited", "suppressed: complained")),
        (replace(ADDRESS, stopped_at=2), Stop("exited", "unsubscribed")),
        (replace(ADDRESS, paused_by=frozenset({"h"})), Stop("paused", "sales has the lead")),
        (replace(ADDRESS, proven_at=None), Wait(NOW + DAY, "unproven")),
        (replace(ADDRESS, opted_in_at=None), Wait(NOW + DAY, "no opt-in")),
        (None, Stop("exited", "no address that can be mailed")),
    ],
)
def test_what_the_address_says_decides_first(address, decision):
    assert decide(address=address) == decision


def test_an_address_somebody_else_proved_is_not_proved_to_be_this_leads():
    assert decide(lead(proven=False)) == Wait(NOW + DAY, "unproven")


def test_silence_is_consent_where_the_playbook_says_so():
    assert decide(address=replace(ADDRESS, opted_in_at=None), policy=replace(POLICY, silence_is_consent=True)) == Send(
        "a-1"
    )


def test_a_run_waits_a_month_for_proof_and_no_longer():
    unproven = replace(ADDRESS, proven_at=None)
    patient = replace(RUN, entered_at=NOW - 30 * DAY + 1)
    assert decide(run=patient, address=unproven) == Wait(NOW + DAY, "unproven")
    assert decide(run=replace(RUN, entered_at=NOW - 30 * DAY), address=unproven) == Stop(
        "exited", "unproven for 30 days"
    )


def test_who_moved_on_gets_no_stale_mail():
    assert decide(lead(band="engaged")) == Stop("exited", "band engaged")
    assert decide(lead(stage="customer")) == Stop("exited", "the lead is a customer")
    assert decide(track=None) == Stop("exited", "the track is no longer in the playbook")


def test_who_was_sent_back_by_sales_is_nurtured_whatever_the_band():
    assert decide(lead(band="engaged", stage="recycled"), run=replace(RUN, by="sales")) == Send("a-1")


def test_a_lead_whose_stage_says_sales_has_it_waits_though_its_address_is_not_held():
    assert decide(lead(stage="sql")) == Wait(NOW + DAY, "sales has the lead")


def test_a_step_the_playbook_no_longer_has_ends_the_run():
    assert decide(run=replace(RUN, step=3)) == Stop("done", "the playbook's track has no further step")


def test_no_mail_of_a_track_comes_twice_within_its_cool_down():
    received = replace(ADDRESS, sent={"awareness#a-1": NOW - 180 * DAY + 1})
    assert decide(address=received) == Skip("a-1", NOW - 180 * DAY + 1, "the address received it in an earlier run")
    assert decide(address=replace(ADDRESS, sent={"awareness#a-1": NOW - 180 * DAY})) == Send("a-1")
    assert decide(address=replace(ADDRESS, sent={"decision#a-1": NOW})) == Send("a-1")


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
        ([DAY * each + 12 * DAY for each in range(8)], parse_instant("2026-11-30T07:00:00Z")),  # free on Sunday
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
    first = decide(lead(timezone=zone), address=address, now=NOW + offset)
    if isinstance(first, Wait):
        assert first.until > NOW + offset
        assert decide(lead(timezone=zone), address=address, now=first.until) == Send("a-1")
        just_before = decide(lead(timezone=zone), address=address, now=first.until - 1)
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


def test_the_last_mail_ends_the_run():
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
