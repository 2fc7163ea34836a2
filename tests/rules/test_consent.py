"""Who may be mailed: consent, suppression, pause and proof of an address."""

import itertools

import pytest

from shared.instants import DAY
from shared.mailing import Address, PastSend
from shared.rules.consent import confirmation_refusal, mailbox_of, refusal

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
