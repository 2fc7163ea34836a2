"""Who may be mailed: consent, suppression, pause and proof of an address."""

import itertools
from dataclasses import replace

import pytest

from shared.instants import DAY
from shared.mailing import Address, PastSend, TopicConsent
from shared.rules.consent import (
    confirmation_refusal,
    gets,
    is_given_up,
    is_withdrawn,
    joined_topic,
    mailbox_of,
    preference_changes,
    refusal,
)

NOW = 1_800_000_000


def address(**said) -> Address:
    return Address("1.abc", version=1, **said)


@pytest.mark.parametrize(
    ("known", "opt_in", "implied"),
    [
        ({}, "unproven", "unproven"),
        ({"proven_at": 1}, "no opt-in", None),
        ({"proven_at": 1, "opted_in_at": 2}, None, None),
        ({"opted_in_at": 2}, "unproven", "unproven"),
        ({"proven_at": 1, "opted_in_at": 2, "stopped_at": 3}, "stopped", "stopped"),
        ({"proven_at": 1, "opted_in_at": 3, "stopped_at": 3}, "stopped", "stopped"),
        ({"proven_at": 1, "opted_in_at": 4, "stopped_at": 3}, None, None),
        ({"proven_at": 1, "stopped_at": 3}, "stopped", "stopped"),
        ({"proven_at": 1, "opted_in_at": 4, "suppressed": "bounced"}, "suppressed", "suppressed"),
        ({"proven_at": 1, "opted_in_at": 4, "paused_by": frozenset({"h"})}, "paused", "paused"),
    ],
)
def test_silence_stop_and_proof_under_both_policies(known, opt_in, implied):
    assert refusal(address(**known), silence_is_consent=False) == opt_in
    assert refusal(address(**known), silence_is_consent=True) == implied


def test_nothing_but_a_proved_later_opt_in_allows_whatever_else_is_known():
    times = (None, 1, 2)
    for proven, opted, stopped, suppressed, held in itertools.product(
        times, times, times, (None, "bounced", "complained", "manual"), (frozenset(), frozenset({"h"}))
    ):
        known = address(proven_at=proven, opted_in_at=opted, stopped_at=stopped, suppressed=suppressed, paused_by=held)
        allowed = (
            suppressed is None and not held and proven is not None
            and opted is not None and (stopped is None or opted > stopped)
        )  # fmt: skip
        assert (refusal(known, silence_is_consent=False) is None) is allowed


def test_a_topic_is_mailed_exactly_when_its_latest_yes_is_later_than_every_no_that_concerns_it():
    """Against the sentence itself, over every order of four events."""
    times = (None, 1, 2, 3)
    for opted, stopped, topic_in, topic_out in itertools.product(times, repeat=4):
        said = TopicConsent(opted_in_at=topic_in, stopped_at=topic_out)
        known = address(proven_at=1, opted_in_at=opted, stopped_at=stopped, topics={"news": said})
        latest_yes = max((at for at in (opted, topic_in) if at is not None), default=None)
        after_global = stopped is None or (latest_yes is not None and latest_yes > stopped)
        after_topic = topic_out is None or (topic_in is not None and topic_in > topic_out)
        for silence in (False, True):
            allowed = after_global and after_topic and (silence or latest_yes is not None)
            assert (refusal(known, topic="news", silence_is_consent=silence) is None) is allowed
            globally = replace(known, topics={})
            for other in (None, "events"):
                said_of_other = refusal(known, topic=other, silence_is_consent=silence)
                assert said_of_other == refusal(globally, silence_is_consent=silence), "a topic says nothing of others"


def test_a_topic_never_lifts_what_is_no_matter_of_consent():
    topics = {"news": TopicConsent(opted_in_at=9)}
    assert refusal(address(topics=topics), topic="news", silence_is_consent=True) == "unproven"
    for known, why in (({"suppressed": "complained"}, "suppressed"), ({"paused_by": frozenset({"h"})}, "paused")):
        held = address(proven_at=1, topics=topics, **known)
        assert refusal(held, topic="news", silence_is_consent=True) == why


def test_which_stop_it_was_is_told_apart():
    only_topic = address(proven_at=1, opted_in_at=1, topics={"news": TopicConsent(stopped_at=2)})
    assert refusal(only_topic, topic="news", silence_is_consent=False) == "topic stopped"
    assert refusal(replace(only_topic, stopped_at=3), topic="news", silence_is_consent=False) == "stopped"


def test_a_later_yes_to_everything_does_not_bring_back_a_topic_that_was_stopped():
    known = address(proven_at=1, opted_in_at=9, topics={"news": TopicConsent(opted_in_at=1, stopped_at=2)})
    assert refusal(known, topic="news", silence_is_consent=True) == "topic stopped"


def test_saving_a_page_changes_exactly_what_differs_and_then_nothing():
    times = (None, 1, 2, 3)
    for opted, stopped, topic_in, topic_out in itertools.product(times, repeat=4):
        said = TopicConsent(opted_in_at=topic_in, stopped_at=topic_out)
        known = address(proven_at=1, opted_in_at=opted, stopped_at=stopped, topics={"news": said})
        for yes, silence in itertools.product((True, False), repeat=2):
            changes = preference_changes(known, {"news": yes}, silence_is_consent=silence, now=NOW)
            after = replace(known, topics={"news": joined_topic(said, changes.get("news", TopicConsent()))})
            assert gets(after, "news", silence_is_consent=silence) is yes
            assert preference_changes(after, {"news": yes}, silence_is_consent=silence, now=NOW + 1) == {}


@pytest.mark.parametrize(
    ("days", "given_up"),
    [
        ((), False),
        ((0, 1, 2, 3), False),
        ((0, 0.1, 0.2, 0.3, 2.9), False),
        ((0, 0.1, 0.2, 0.3, 3), True),
        ((0, 7, 14, 21, 29.9), True),
        ((0, 7, 14, 21, 30), False),
        ((-40, -39, 0, 7, 14, 21, 29), True),
        ((-40, 0, 7, 14, 21), False),
    ],
)
def test_five_soft_bounces_over_three_days_within_thirty_are_the_end(days, given_up):
    assert is_given_up({f"r{number}": NOW + int(day * DAY) for number, day in enumerate(days)}) is given_up


def asked(*days_ago: int) -> Address:
    return address(confirmations=tuple(PastSend(NOW - each, "s") for each in days_ago))


def refused(asked_at: Address, mailbox: Address | None = None) -> str | None:
    return confirmation_refusal(asked_at, asked_at if mailbox is None else mailbox, NOW)


def test_an_unproven_address_may_be_asked_once_a_day_and_three_times_ever():
    assert refused(asked()) is None
    assert refused(asked(DAY - 1)) == "asked less than a day ago"
    assert refused(asked(DAY)) is None
    assert refused(asked(900 * DAY, 800 * DAY, 700 * DAY)) == "asked three times"


@pytest.mark.parametrize(
    ("known", "why"),
    [
        ({"proven_at": 1, "opted_in_at": 1}, "already proven and opted in"),
        ({"suppressed": "complained"}, "suppressed"),
        ({"stopped_at": 1}, "stopped"),
        ({"stopped_at": 1, "opted_in_at": 2}, "stopped"),
    ],
)
def test_who_said_no_or_yes_is_not_asked(known, why):
    assert refused(address(**known)) == why


def test_another_name_of_a_mailbox_counts_what_the_mailbox_got():
    assert refused(asked(), asked(DAY - 1)) == "asked less than a day ago"
    assert refused(asked(DAY - 1), asked()) == "asked less than a day ago"
    assert refused(asked(), asked(9 * DAY, 8 * DAY, 7 * DAY)) == "asked three times"
    assert refused(asked(9 * DAY, 8 * DAY, 7 * DAY), asked()) == "asked three times"
    assert refused(asked(), address(stopped_at=1)) == "stopped"
    assert refused(asked(), address(suppressed="bounced")) == "suppressed"
    assert refused(asked(), address(proven_at=1, opted_in_at=1)) is None


@pytest.mark.parametrize(
    ("known", "asked_at", "withdrawn"),
    [
        ({}, 5, False),
        ({}, None, False),
        ({"stopped_at": 4}, 5, False),
        ({"stopped_at": 5}, 5, True),
        ({"stopped_at": 6, "opted_in_at": 7}, 5, True),
        ({"stopped_at": 4}, None, True),
        ({"suppressed": "bounced"}, 5, False),
        ({"suppressed": "complained"}, 5, True),
        ({"suppressed": "erased"}, 5, True),
        ({"topics": {"news": TopicConsent(stopped_at=9)}}, 5, False),
    ],
)
def test_a_wish_is_withdrawn_by_a_stop_since_it_was_asked_about(known, asked_at, withdrawn):
    assert is_withdrawn(address(**known), asked_at) is withdrawn


def test_of_a_topic_its_own_stop_withdraws_the_wish():
    known = address(topics={"news": TopicConsent(opted_in_at=6, stopped_at=9)})
    assert [is_withdrawn(known, at, topic="news") for at in (8, 9, 10, None)] == [True, True, False, True]
    assert not is_withdrawn(known, 5, topic="tips")


@pytest.mark.parametrize(
    ("email", "mailbox"),
    [
        ("Ada@Example.com", "ada@example.com"),
        ("ada+a@example.com", "ada@example.com"),
        ("ada+a+b@example.com", "ada@example.com"),
        ("a.d.a@example.com", "a.d.a@example.com"),
        ("a.d.a+x@gmail.com", "ada@gmail.com"),
        ("a.da@googlemail.com", "ada@gmail.com"),
        ("+x@example.com", "+x@example.com"),
        ("...@gmail.com", "...@gmail.com"),
        ("ada@gmail.com.evil.example", "ada@gmail.com.evil.example"),
    ],
)
def test_a_mailbox_has_one_name_for_counting(email, mailbox):
    assert mailbox_of(email) == mailbox
