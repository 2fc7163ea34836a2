"""Who may be mailed: consent, suppression, pause and proof of an address."""

import itertools

import pytest

from shared.instants import DAY
from shared.mailing import Address, PastSend
from shared.rules.consent import confirmation_refusal, refusal

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


def test_an_unproven_address_may_be_asked_once_a_day_and_three_times_ever():
    assert confirmation_refusal(asked(), NOW) is None
    assert confirmation_refusal(asked(DAY - 1), NOW) == "asked less than a day ago"
    assert confirmation_refusal(asked(DAY), NOW) is None
    assert confirmation_refusal(asked(900 * DAY, 800 * DAY, 700 * DAY), NOW) == "asked three times"


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
    assert confirmation_refusal(address(**known), NOW) == why
