"""Whose an event is does not depend on the order in which events arrive."""

import itertools
import json
import random

import pytest

from shared.identity import home
from shared.instants import HOUR, parse_instant
from shared.lead import Alias, Lead, LeadEvent, Naming
from shared.rules.model import scoring_model
from shared.rules.workspace import NAMES_TOGETHER, Addressed, Name, Workspace, wanted
from tests.rules.world import SECRET, World

NOW = parse_instant("2026-11-18T10:00:00Z")


@pytest.fixture(scope="module")
def model(bundle_path):
    return scoring_model(json.loads(bundle_path.read_text()))


def said(event_id, name, hours, *, source="server", path=None, **who):
    properties = {} if path is None else {"path": path}
    return LeadEvent(event_id, name, NOW - int(hours * HOUR), NOW, source, properties=properties, **who)


SHARED_BROWSER = [
    said("1", "Identified", 9, user_id="ann", anonymous_id="a"),
    said("2", "Page Viewed", 8, anonymous_id="a", path="/pricing"),
    said("3", "Identified", 7, user_id="bob", anonymous_id="a"),
    said("4", "Page Viewed", 6, anonymous_id="a", path="/product/a"),
    said("5", "Identified", 5, user_id="ann", anonymous_id="a"),
    said("6", "Page Viewed", 4, anonymous_id="a", path="/product/b"),
]


def test_two_people_on_one_browser_keep_what_each_did_in_every_order(model):
    for order in itertools.permutations(SHARED_BROWSER):
        world = World(model)
        for event in order:
            world.apply([event])
        ann, bob = world.lead("user", "ann"), world.lead("user", "bob")
        viewed = {"pricing_page", "product_page"}
        rules = [sorted(viewed & {filing.split(".")[0] for filing in lead.facts}) for lead in (ann, bob)]
        assert rules == [["pricing_page", "product_page"], ["product_page"]], [event.event_id for event in order]


LATE_BETWEEN = [
    said("1", "Identified", 9, user_id="ann", anonymous_id="a"),
    said("2", "Identified", 7, user_id="bob", anonymous_id="a"),
    said("3", "Page Viewed", 6, anonymous_id="a", path="/pricing"),
    said("4", "Identified", 5, user_id="ann", anonymous_id="a"),
    said("5", "Page Viewed", 4, anonymous_id="a", path="/product/b"),
    said("6", "Identified", 3, user_id="ann", anonymous_id="a"),
]


def test_somebody_who_turns_up_late_between_two_visits_of_another_takes_only_their_own_time(model):
    for order in itertools.permutations(LATE_BETWEEN):
        world = World(model)
        for event in order:
            world.apply([event])
        ann, bob = world.lead("user", "ann"), world.lead("user", "bob")
        viewed = {"pricing_page", "product_page"}
        rules = [sorted(viewed & {filing.split(".")[0] for filing in lead.facts}) for lead in (ann, bob)]
        assert rules == [["product_page"], ["pricing_page"]], [event.event_id for event in order]
        assert (ann.first_seen, bob.first_seen) == (NOW - 9 * HOUR, NOW - 7 * HOUR)


JOINED_BEFORE_SHARED = {
    "two people who turn out to be one": [
        *(said(f"s{hours}", "Identified", hours, user_id="smith", anonymous_id="laptop") for hours in (20, 15, 10)),
        LeadEvent("join", "Aliased", NOW - 9 * HOUR, NOW, "server", user_id="ann", properties={"previous_id": "smith"}),
    ],
    "an address that becomes hers": [
        said("join", "Identified", 25, user_id="ann", email="ann@example.com"),
        *(
            said(f"s{hours}", "Identified", hours, email="ann@example.com", anonymous_id="laptop")
            for hours in (20, 15, 10)
        ),
    ],
}


@pytest.mark.parametrize("joined", JOINED_BEFORE_SHARED)
def test_what_was_read_of_somebody_is_read_again_once_they_have_another_name(joined, model):
    """Her timelines are read for the tablet; what she says under the other name matters for the laptop."""
    batch = [
        said("1", "Identified", 30, user_id="ann", anonymous_id="tablet"),
        said("2", "Identified", 29, user_id="bob", anonymous_id="tablet"),
        *JOINED_BEFORE_SHARED[joined],
        said("3", "Identified", 8, user_id="bob", anonymous_id="laptop"),
    ]
    late = said("4", "Identified", 17, user_id="carl", anonymous_id="laptop")
    view = said("5", "Page Viewed", 14, anonymous_id="laptop", path="/pricing")
    claims = []
    for batches in ([batch, [late], [view]], [*([event] for event in batch), [late], [view]]):
        world = World(model)
        for each in batches:
            world.apply(each)
        ann, carl = world.lead("user", "ann"), world.lead("user", "carl")
        saw = [any(filing.startswith("pricing_page") for filing in lead.facts) for lead in (ann, carl)]
        assert saw == [True, False]
        claims.append(world.homes[home("anon", "laptop", SECRET)].claims)
    assert claims[0] == claims[1]
    assert len(claims[0]) == 5


def test_logins_under_an_earlier_name_that_nothing_made_us_load_are_claims_too(model):
    """The device was claimed as ann, then used as smith, who had turned out to be ann; only her timelines say when."""
    world = World(model)
    address = "ann@example.com"
    world.apply([said(user, "Identified", 30, user_id=user, email=address) for user in ("ann", "smith")])
    world.apply([said("1", "Identified", 20, user_id="ann", anonymous_id="laptop")])
    for hours in (18, 15, 10):
        login = said(f"s{hours}", "Identified", hours, user_id="smith", email=address, anonymous_id="laptop")
        world.apply([login])
    world.apply([said("v", "Page Viewed", 14, anonymous_id="laptop", path="/pricing")])
    world.apply([said("2", "Identified", 17, user_id="carl", anonymous_id="laptop")])
    saw = [any("pricing_page" in filing for filing in world.lead("user", who).facts) for who in ("ann", "carl")]
    assert saw == [True, False]
    who = [(20, "ann"), (18, "smith"), (17, "carl"), (15, "smith"), (10, "smith")]
    claims = world.homes[home("anon", "laptop", SECRET)].claims
    assert claims == tuple((NOW - hours * HOUR, home("user", user, SECRET)) for hours, user in who)


def test_logins_with_a_user_id_that_joins_nobody_claim_for_the_address(model):
    world = World(model)
    for number in range(NAMES_TOGETHER):
        world.apply([said(f"t{number}", "Identified", 30 - number, user_id="team", email=f"p{number}@example.com")])
    for hours in (15, 12, 8):
        last = said(f"l{hours}", "Identified", hours, user_id="team", email="last@example.com", anonymous_id="laptop")
        world.apply([last])
    world.apply([said("v", "Page Viewed", 11, anonymous_id="laptop", path="/pricing")])
    world.apply([said("c", "Identified", 14, user_id="carl", anonymous_id="laptop")])
    assert world.lead("email", "last@example.com") != world.lead("user", "team")
    for kind, who, saw in (("email", "last@example.com", True), ("user", "carl", False), ("user", "team", False)):
        assert any("pricing_page" in filing for filing in world.lead(kind, who).facts) is saw, who


def test_what_a_device_of_eight_people_did_before_the_oldest_of_their_claims_is_nobodys(model):
    people = [said(f"p{n}", "Identified", 20 - n, user_id=f"u{n}", anonymous_id="kiosk") for n in range(10)]
    early = said("e", "Page Viewed", 30, anonymous_id="kiosk", path="/pricing")
    late = said("l", "Page Viewed", 10.5, anonymous_id="kiosk", path="/product/a")
    for order in ([early, late, *people], [*people[::-1], late, early], [*people[5:], early, *people[:5], late]):
        world = World(model)
        for event in order:
            world.apply([event])
        viewed = {
            n: sorted(filing.split(".")[0] for filing in world.lead("user", f"u{n}").facts if "_page" in filing)
            for n in range(10)
        }
        assert viewed == {n: ["product_page"] if n == 9 else [] for n in range(10)}


def test_a_shared_device_keeps_the_newest_claims_also_while_all_it_keeps_are_one_persons(model):
    world = World(model)
    world.apply([said("b20", "Identified", 20, user_id="bob", anonymous_id="a")])
    for hours in range(18, 7, -1):
        world.apply([said(f"a{hours}", "Identified", hours, user_id="ann", anonymous_id="a")])
    world.apply([said("b7", "Identified", 7, user_id="bob", anonymous_id="a")])
    claims = world.homes[home("anon", "a", SECRET)].claims
    assert [(NOW - at) // HOUR for at, _ in claims] == [14, 13, 12, 11, 10, 9, 8, 7]


ONE_PERSON = [
    said("1", "Page Viewed", 9, anonymous_id="phone", path="/pricing"),
    said("2", "Page Viewed", 8, anonymous_id="laptop", path="/product/a"),
    said("3", "Identified", 7, user_id="u", anonymous_id="laptop"),
    said("4", "Identified", 6, email="u@example.com", anonymous_id="phone"),
    said("5", "Identified", 5, user_id="u", email="u@example.com"),
    said("6", "Trial Started", 4, user_id="u"),
]


def test_devices_address_and_user_id_of_one_person_become_one_lead_in_every_order_and_batching(model):
    chance = random.Random(7)
    seen = set()
    for order in itertools.permutations(ONE_PERSON):
        world = World(model)
        cuts = sorted(chance.sample(range(1, 6), chance.randint(0, 5)))
        for start, end in itertools.pairwise([0, *cuts, 6]):
            world.apply(list(order[start:end]))
        (result,) = world.leads().items()
        seen.add(repr((sorted(result[0]), sorted(result[1][0].items()), sorted(result[1][1]), result[1][2])))
    assert len(seen) == 1


def test_a_public_key_joins_no_known_leads_and_changes_no_known_field(model):
    world = World(model)
    world.apply([said("1", "Identified", 9, user_id="victim", email="v@example.com", traits={"title": "Director"})])
    world.apply([said("2", "Identified", 8, user_id="attacker")])
    world.apply(
        [
            said(
                "3",
                "Identified",
                7,
                source="public",
                user_id="attacker",
                email="v@example.com",
                traits={"title": "Fool", "company": "Mallory"},
            ),
            said(
                "4", "Identified", 7, source="public", email="v@example.com", traits={"title": "Fool", "company": "M"}
            ),
        ]
    )
    victim, attacker = world.lead("user", "victim"), world.lead("user", "attacker")
    assert victim.lead_id != attacker.lead_id
    assert victim.value("title") == "Director"
    assert victim.value("company") == "M"
    assert not victim.proven("company")
    assert not attacker.proven("email")


def test_an_unproven_value_is_not_replaced_by_a_later_unproven_one(model):
    world = World(model)
    first = said("1", "Identified", 9, source="public", email="v@example.com", traits={"title": "Director"})
    world.apply([first])
    later = LeadEvent(
        "2", "Identified", NOW - 20 * HOUR, NOW + 5, "public", email="v@example.com", traits={"title": "X"}
    )
    world.apply([later])
    assert world.lead("email", "v@example.com").value("title") == "Director"


def test_a_proven_value_replaces_what_a_browser_said(model):
    world = World(model)
    world.apply([said("1", "Identified", 1, source="public", email="v@example.com", traits={"title": "X"})])
    world.apply([said("2", "Identified", 9, email="v@example.com", traits={"title": "Director"})])
    lead = world.lead("email", "v@example.com")
    assert (lead.value("title"), lead.proven("title")) == ("Director", True)


def test_an_identifier_becomes_an_alias_that_leads_to_its_person(model):
    world = World(model)
    world.apply([said("1", "Identified", 9, user_id="u", email="u@example.com", anonymous_id="a")])
    kinds = [type(entry) for entry in world.homes.values()]
    assert kinds.count(Lead) == 1
    assert kinds.count(Alias) == 2
    assert world.lead("anon", "a") == world.lead("user", "u") == world.lead("email", "u@example.com")


def test_an_alias_call_joins_the_former_id_whether_a_visitor_or_a_user_had_it(model):
    for kind in ("anon", "user"):
        world = World(model)
        who = {"anonymous_id": "old"} if kind == "anon" else {"user_id": "old"}
        events = [
            said("1", "Page Viewed", 9, path="/pricing", **who),
            LeadEvent("2", "Aliased", NOW, NOW, "server", user_id="new", properties={"previous_id": "old"}),
        ]
        for order in (events, events[::-1]):
            world = World(model)
            for event in order:
                world.apply([event])
            assert world.lead(kind, "old") == world.lead("user", "new")
            assert any(filing.startswith("pricing_page") for filing in world.lead("user", "new").facts)


def test_a_public_alias_call_joins_no_user(model):
    world = World(model)
    world.apply([said("1", "Identified", 9, user_id="victim")])
    alias = LeadEvent("2", "Aliased", NOW, NOW, "public", user_id="attacker", properties={"previous_id": "victim"})
    world.apply([alias])
    assert world.lead("user", "victim") != world.lead("user", "attacker")


def test_a_device_that_counts_anew_since_its_marker_ended_is_read_again_once():
    device = Alias("kiosk", "bob", ((5, "bob"),), version=1)
    bob = Lead("bob", 3, {"anon#k": Naming("kiosk", 1, 5, shared=7)})
    event = LeadEvent("e1", "Page Viewed", 10, 10, "server", anonymous_id="k")
    visit = Addressed(event, (Name("anon#k", "kiosk"),), None)
    workspace = Workspace()
    workspace.add({"kiosk": device, "bob": bob})
    assert wanted([visit], workspace) == {"kiosk"}
    workspace.add({"kiosk": device})
    assert wanted([visit], workspace) == set()
