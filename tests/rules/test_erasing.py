"""Whose an item is when one person is erased, or asks what is held."""

import pytest

from shared.lead import Alias, Erased, Lead, LeadEvent
from shared.rules.erasing import belonging, is_first, left_over, parted, to_look_at
from shared.rules.people import first_claimants

HOMES = ("ada", "ada-mail", "kiosk")
CLAIMS = ((10, "ada"), (20, "bob"), (30, "ada"))


@pytest.mark.parametrize(
    ("entry", "whose"),
    [
        (None, "theirs"),
        (Erased("ada-mail", 5), "theirs"),
        (Lead("ada"), "theirs"),
        (Lead("bob"), "foreign"),
        (Alias("ada-mail", "ada"), "theirs"),
        (Alias("ada-mail", "bob"), "foreign"),
        (Alias("kiosk", "ada", ((10, "ada"), (20, "ada-mail"))), "theirs"),
        (Alias("kiosk", "bob", CLAIMS[:2]), "shared"),
        (Alias("kiosk", "bob", CLAIMS[1:2]), "foreign"),
        (Alias("kiosk", "-0", ((5, "-0"), *CLAIMS[2:])), "theirs"),
        (Alias("kiosk", "-0", ((5, "-0"), *CLAIMS)), "shared"),
        (Alias("kiosk", "-0", ((5, "-0"), *CLAIMS[1:2])), "foreign"),
    ],
)
def test_a_home_is_whose_lead_or_claims_stand_there(entry, whose):
    assert belonging(entry, HOMES) == whose


def at(instant, **said):
    return LeadEvent(f"e{instant}", "Page Viewed", instant, instant, "server", **said)


def test_an_event_of_a_shared_device_belongs_to_the_claim_in_force():
    events = [at(instant, anonymous_id="kiosk") for instant in (5, 10, 20, 29, 30)]
    mine, others = parted(events, CLAIMS, HOMES)
    assert [event.occurred_at for event in mine] == [5, 10, 30]
    assert [event.occurred_at for event in others] == [20, 29]


def test_what_names_somebody_at_a_shared_device_is_not_touched():
    assert parted([at(10, user_id="carl", anonymous_id="kiosk")], CLAIMS, HOMES)[0] == []


@pytest.mark.parametrize(("claims", "mine"), [(CLAIMS, 1), (CLAIMS[1:], 0), ((), 0)])
def test_our_own_events_at_a_device_are_whose_visitor_it_first_was(claims, mine):
    assert is_first(claims, HOMES) == bool(mine)
    assert len(parted([at(25, lead_id="kiosk")], claims, HOMES)[0]) == mine


def test_a_shared_device_is_left_to_the_others_and_keeps_whose_turn_was_nobodys():
    device = Alias("kiosk", "ada", (*CLAIMS[:2], (25, "carl"), CLAIMS[2]), version=4)
    left = left_over(device, HOMES)
    assert left == Alias("kiosk", "-0", ((10, "-0"), (20, "bob"), (25, "carl"), (30, "-0")), version=5)
    assert belonging(left, HOMES) == "foreign"
    then = left_over(left, ("bob", "carl"))
    assert then.claims == ((10, "-0"), (20, "-1"), (25, "-2"), (30, "-0"))


def test_a_device_leads_to_who_claimed_it_first_also_when_somebody_else_is_erased():
    assert left_over(Alias("kiosk", "bob", CLAIMS[1:], version=1), HOMES).alias_of == "bob"


def test_as_many_names_claim_a_shared_device_as_before():
    claims = tuple((at, f"home{at}") for at in range(8))
    assert first_claimants(claims) is None
    assert first_claimants(left_over(Alias("kiosk", "home0", claims), ("home3", "home5")).claims) is None


def test_what_is_sure_is_always_looked_at_and_what_is_only_claimed_while_there_is_room():
    assert to_look_at(["a"], ["c", "a", "b"], ["e", "d", "b"], most=4) == ["b", "c", "d"]
    assert to_look_at(["a"], ["c", "a", "b"], ["e", "d", "b"], most=2) == ["b", "c"]
    assert to_look_at(["a", "b"], [], ["a", "c"], most=1) == []
