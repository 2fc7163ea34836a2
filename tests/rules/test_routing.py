"""Who gets a lead: the order of what is asked, turns by capacity, quotas of a day, and who is away."""

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.handoff import Handoff, ScoreThen
from shared.instants import DAY, HOUR
from shared.lead import Lead, Register
from shared.owners import LEAD, Load
from shared.rules.calendars import weekly
from shared.rules.routing import Account, Candidate, HandoffPolicy, Person, Route, candidate, route, today
from shared.rules.routing import given as given_by_hand

AT = 1_767_603_600
"""2026-01-05T09:00:00Z, a Monday."""

EVERYBODY = weekly("Europe/Stockholm", range(7), 0, DAY)
MARIA = Person("maria", "Maria Lindqvist", "maria@ripen.example", capacity=2)
JONAS = Person("jonas", "Jonas Weber", teams=("dach",), daily_quota=8)
PRIYA = Person("priya", "Priya Nair", teams=("dach", "enterprise"), daily_quota=2)
HELENA = Person("helena", "Helena Novak")
ASTRID = Person("astrid", "Astrid Berg")
POLICY = HandoffPolicy(
    channel="#sales",
    owners=(MARIA, JONAS, PRIYA),
    manager=HELENA,
    calendar=EVERYBODY,
    promises=(),
    reject_reasons=(),
    suggested_step="Call.",
    accounts=(
        Account("priya", frozenset({"nordwind logistics"}), frozenset({"nordwind.example"}), frozenset({"key"})),
    ),
    routes=(
        Route("territory DACH", {"country": ["DE", "AT", "CH"]}, "dach"),
        Route("large companies", {"employees": [{"numeric": [">=", 1000]}]}, "enterprise"),
        Route("partners", {"source": ["partner"]}, "maria"),
    ),
)
MONDAY = today(MARIA, POLICY, AT)


def full(person: Person, more: int = 0) -> Load:
    assert person.daily_quota is not None
    return Load(MONDAY, person.daily_quota + more, 0)


def routed(profile=None, policy=POLICY, loads=None, at=AT, **said):
    return route(Candidate(profile or {}, **said), policy, loads or {}, at)


def policy_of(*capacities: int, quota: int | None = None, **said) -> HandoffPolicy:
    people = tuple(
        Person(f"p{number}", f"P {number}", capacity=capacity, daily_quota=quota)
        for number, capacity in enumerate(capacities)
    )
    return replace(POLICY, owners=people, accounts=(), routes=(), **said)


@pytest.mark.parametrize(
    ("profile", "said", "owner", "why"),
    [
        ({}, {"account_owner": "jonas"}, "jonas", "account owner: Jonas Weber has 1 of 8 today"),
        ({}, {"account_owner": "Maria@Ripen.example"}, "maria", "account owner: Maria Lindqvist has 1 today"),
        ({"company": " Nordwind  LOGISTICS"}, {}, "priya", "account owner: Priya Nair has 1 of 2 today"),
        ({"mail_domain": "nordwind.example"}, {}, "priya", "account owner: Priya Nair has 1 of 2 today"),
        ({"lists": ["key"]}, {}, "priya", "account owner: Priya Nair has 1 of 2 today"),
        ({"company": "Nordwind Logistics"}, {"account_owner": "jonas"}, "jonas", "account owner"),
        ({"company": "Nordwind Logistics"}, {"before": ("maria",)}, "priya", "account owner"),
        ({"company": "Nordwind"}, {"account_owner": "nobody"}, "maria", "round robin"),
        ({"company": 5, "mail_domain": None, "lists": ()}, {}, "maria", "round robin"),
        ({"country": "DE"}, {"before": ("gone", "maria", "jonas")}, "maria", "had this lead before: Maria"),
        ({"country": "DE"}, {"before": ("helena",)}, "jonas", "territory DACH"),  # who was only its manager
        ({"country": "DE"}, {}, "jonas", "territory DACH, round robin: Jonas Weber has 1 of 8 today"),
        ({"country": "DE", "employees": 5000}, {}, "jonas", "territory DACH"),
        ({"employees": 5000}, {}, "priya", "large companies: Priya Nair has 1 of 2 today"),
        ({"source": "partner"}, {}, "maria", "partners: Maria Lindqvist has 1 today"),
        ({"country": "SE"}, {}, "maria", "round robin: Maria Lindqvist has 1 today"),
    ],
)
def test_the_first_that_fits_gets_the_lead_and_the_reason_says_so(profile, said, owner, why):
    found = routed(profile, **said)
    assert found.owner == owner
    assert found.why.startswith(why)
    assert not found.over


def test_a_lead_does_not_come_back_to_who_had_it_where_the_playbook_says_so():
    assert routed({"country": "DE"}, replace(POLICY, sticky=False), before=("maria",)).owner == "jonas"


def away(*people: str, until: int = AT + HOUR) -> HandoffPolicy:
    return POLICY.without(dict.fromkeys(people, ((AT - DAY, until),)))


def test_who_is_away_is_passed_over_and_what_is_theirs_goes_on_to_the_next():
    assert routed({"country": "DE"}, away("jonas")).owner == "priya"
    assert routed({}, away("priya"), account_owner="priya").owner == "maria"
    assert routed({"country": "DE"}, away("maria"), before=("maria",)).owner == "jonas"
    assert routed({"employees": 5000}, away("priya")).why.startswith("round robin: Maria")  # a team that is all away
    assert routed({"country": "DE"}, away("jonas", until=AT)).owner == "jonas"  # back at this second


def test_when_nobody_is_there_the_manager_gets_the_lead():
    found = routed({"country": "DE"}, away("maria", "jonas", "priya"))
    assert (found.owner, found.why) == ("helena", "no owner is there: Helena Novak has it as the manager")
    assert routed({}, not_to=frozenset({"maria", "jonas", "priya"})).owner == "helena"
    assert found.load == Load(MONDAY, 1, LEAD)


def test_when_the_manager_is_away_too_who_leads_them_gets_the_lead():
    policy = replace(away("maria", "jonas", "priya", "helena"), leaders=(ASTRID,))
    found = routed({"country": "DE"}, policy)
    assert (found.owner, found.why) == (
        "astrid",
        "no owner is there: Astrid Berg has it in place of Helena Novak, who is away",
    )
    assert routed({}, away("maria", "jonas", "priya", "helena")).owner == "helena"  # somebody must have it


def test_a_lead_that_comes_late_does_not_empty_the_count_of_the_new_day():
    quota = full(PRIYA)
    late = routed({}, loads={"priya": quota}, account_owner="priya", at=AT - DAY)
    assert late.load == replace(quota, count=quota.count + 1, turns=quota.turns + LEAD)
    assert late.over


def test_somebody_whose_quota_is_used_up_is_passed_over_while_a_colleague_has_room():
    assert routed({"country": "DE"}, loads={"jonas": full(JONAS)}).owner == "priya"
    assert routed({"country": "DE"}, loads={"jonas": full(JONAS)}, at=AT + DAY).owner == "jonas"  # a new day


def test_when_all_are_full_the_one_least_over_gets_it_and_it_is_flagged():
    found = routed({"country": "DE"}, loads={"jonas": full(JONAS, 1), "priya": full(PRIYA)})
    assert (found.owner, found.over) == ("priya", True)
    assert found.why == "territory DACH, everybody has their quota: Priya Nair has 3 of 2 today"
    theirs = routed({}, loads={"priya": full(PRIYA)}, account_owner="priya")
    assert (theirs.owner, theirs.over) == ("priya", True)
    assert theirs.why == "account owner, over quota: Priya Nair has 3 of 2 today"


def test_the_day_of_a_quota_is_the_owners_own():
    tokyo = replace(JONAS, calendar=weekly("Asia/Tokyo", range(7), 0, DAY))
    policy = replace(POLICY, owners=(tokyo,))
    at = int(datetime(2026, 1, 5, 23, 59, tzinfo=ZoneInfo("Asia/Tokyo")).timestamp())
    load = routed({}, policy, at=at).load
    assert load.day == (datetime(2026, 1, 5, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days
    assert routed({}, policy, {"jonas": load}, at=at).load.count == 2
    assert routed({}, policy, {"jonas": load}, at=at + 60).load.count == 1


@pytest.mark.parametrize("capacities", [(1, 1, 1), (5, 1, 1), (10, 9, 1, 1, 1, 1), (100, 3, 2, 7, 1, 1), (7,)])
def test_of_ten_thousand_leads_nobody_is_ever_a_whole_lead_away_from_their_share(capacities):
    policy, total = policy_of(*capacities), sum(capacities)
    loads: dict[str, Load] = {}
    had: Counter[str] = Counter()
    for number in range(1, 10_001):
        found = routed({}, policy, loads, AT + number * 97)
        loads[found.owner] = found.load
        had[found.owner] += 1
        assert all(abs(had[person.id] * total - number * person.capacity) < total for person in policy.owners), (
            number,
            had,
        )


def test_of_ten_thousand_random_arrivals_no_quota_is_exceeded_while_a_colleague_has_room():
    chance = random.Random(11)
    policy = replace(POLICY, owners=(replace(MARIA, daily_quota=9), JONAS, PRIYA, Person("ana", "Ana", daily_quota=5)))
    loads: dict[str, Load] = {}
    had: Counter[tuple[str, int]] = Counter()
    at, over = AT, 0
    for _ in range(10_000):
        at += chance.randint(0, 2 * HOUR)
        now = policy.without({person.id: ((at - 1, at + 1),) for person in policy.owners if chance.random() < 0.2})
        profile = {"country": chance.choice(("DE", "SE"))}
        team = [person for person in now.owners if profile["country"] == "SE" or "dach" in person.teams]
        there = [person for person in team if not now.calendar_of(person.id).is_away(at)]
        there = there or [person for person in now.owners if not now.calendar_of(person.id).is_away(at)]
        found = routed(profile, now, loads, at)
        if not there:
            assert found.owner == "helena"
            continue
        room = [each for each in there if had[each.id, today(each, now, at)] < (each.daily_quota or 0)]
        assert found.owner in {person.id for person in room or there}
        assert found.over is not bool(room)
        over += found.over
        loads[found.owner] = found.load
        had[found.owner, found.load.day] += 1
        assert found.load.count == had[found.owner, found.load.day]
    assert 0 < over < 10_000


def test_who_comes_back_from_a_holiday_takes_their_turns_and_does_not_make_up_for_it():
    policy = policy_of(1, 1, 1)
    loads = {"p0": Load(turns=5 * LEAD), "p1": Load(turns=900 * LEAD), "p2": Load(turns=900 * LEAD)}
    had = Counter()
    for _ in range(30):
        found = routed({}, policy, loads)
        loads[found.owner] = found.load
        had[found.owner] += 1
    assert all(abs(had[person.id] - 10) <= 2 for person in policy.owners)
    new = policy_of(1, 1, 4)
    had = Counter()
    loads = {"p0": Load(turns=700 * LEAD), "p1": Load(turns=700 * LEAD)}
    for _ in range(60):
        found = routed({}, new, loads)
        loads[found.owner] = found.load
        had[found.owner] += 1
    assert abs(had["p2"] - 40) <= 2


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(1, 100), min_size=1, max_size=8),
    st.lists(st.integers(0, 10**9), min_size=8, max_size=8),
    st.integers(0, 2**30),
)
def test_whatever_was_kept_somebody_gets_the_lead_and_the_same_one_every_time(capacities, turns, later):
    policy = policy_of(*capacities)
    loads = {f"p{number}": Load(0, 0, held) for number, held in enumerate(turns[: len(capacities)])}
    found = routed({}, policy, loads, AT + later)
    assert found == routed({}, policy, loads, AT + later)
    assert found.owner in loads
    assert found.load.turns >= loads[found.owner].turns + LEAD


def test_a_lead_given_by_hand_counts_like_any_other():
    load = given_by_hand("jonas", POLICY, Load(MONDAY, 2, 5 * LEAD), AT)
    assert load == Load(MONDAY, 3, 6 * LEAD)


def test_only_a_server_names_the_owner_of_an_account_and_the_latest_owner_comes_first():
    def told(*, proven: bool) -> Lead:
        return Lead("l1", profile={"account_owner": Register("jonas", AT, "k", proven)})

    def handoff(number: int, owner: str) -> Handoff:
        return Handoff(
            "l1", number, 1, "closed", "high", owner, "demo", AT + number, clocks=(), score=ScoreThen(0, "A", 1)
        )

    known = [handoff(1, "maria"), handoff(3, "priya"), handoff(2, "jonas")]
    assert candidate(told(proven=True), {}, known) == Candidate({}, "jonas", ("priya", "jonas", "maria"))
    assert candidate(told(proven=False), {}, []) == Candidate({})
    assert candidate(Lead("l1"), {}, []).account_owner == ""
