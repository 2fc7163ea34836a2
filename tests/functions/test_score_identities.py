"""Rules of identity under moto: limits of names, a changed address, devices beyond the list, reading through an alias."""

import json

import pytest

from functions.leads import handler as reading
from functions.score.handler import handler
from shared import settings
from shared.aws import addresses, clients, leads, timeline
from shared.aws.items import to_item
from shared.identity import address_hash, home, normal_email
from shared.instants import HOUR, instant_text
from shared.keys import mint_key
from shared.lead import IDENTITIES_KEPT, Lead, LeadEvent, queue_message
from shared.rules.attribution import share
from shared.rules.consent import refusal
from shared.rules.workspace import NAMES_TOGETHER
from tests.conftest import IDENTITY_SECRET, SIGNING_SECRET, Aws, Context
from tests.functions.test_score import NOW, event, follow, records
from tests.publishing import publish

pytestmark = pytest.mark.usefixtures("playbook")


def deliver(context, name, *events, source="server", at=NOW):
    for _ in range(2):
        answer = handler(records((name, queue_message(source, at, list(events)))), context)
        assert answer == {"batchItemFailures": []}


def place(kind, value):
    return home(kind, value, IDENTITY_SECRET)


def lead_at(kind, value):
    return leads.get_lead(place(kind, value))


def test_a_user_id_that_names_many_addresses_joins_ten_people_and_no_more(aws: Aws, context: Context):
    many = NAMES_TOGETHER + 5
    for number in range(many):
        said = event(
            f"e{number}", "Identified", NOW - (90 - number) * HOUR, user_id="team", email=f"p{number}@x.example"
        )
        deliver(context, f"m{number}", said)
    team = lead_at("user", "team")
    people = [lead_at("email", f"p{number}@x.example").lead_id for number in range(many)]
    assert people.count(team.lead_id) == NAMES_TOGETHER
    assert len(set(people)) == 6
    deliver(context, "own", event("own", "Demo Requested", email=f"p{many - 1}@x.example"))
    assert lead_at("email", f"p{many - 1}@x.example").settled.qualified
    assert not lead_at("user", "team").settled.qualified


def test_an_address_that_many_users_share_joins_ten_of_them_and_no_more(aws: Aws, context: Context):
    many = NAMES_TOGETHER + 3
    for number in range(many):
        deliver(context, f"m{number}", event(f"e{number}", "Identified", user_id=f"u{number}", email="info@x.example"))
    deliver(context, "late", event("late", "Page Viewed", user_id=f"u{many - 1}"))
    users = [leads.get_lead(place("user", f"u{number}")) for number in range(many)]
    shared = lead_at("email", "info@x.example").lead_id
    assert [lead is not None and lead.lead_id == shared for lead in users] == [True] * 10 + [False] * 3
    assert list(users[-1].identities) == [f"user#u{many - 1}"]


def test_devices_beyond_the_list_lead_to_the_lead_and_are_read_when_it_is_rebuilt_or_erased(aws: Aws, context: Context):
    many = 24
    for number in range(many):
        at = NOW - (90 - number) * HOUR
        view = event(f"v{number}", "Page Viewed", at, anonymous_id=f"d{number}", properties={"path": "/pricing"})
        deliver(context, f"v{number}", view)
        deliver(
            context, f"m{number}", event(f"e{number}", "Identified", at + 60, user_id="u", anonymous_id=f"d{number}")
        )
    lead = lead_at("user", "u")
    assert len(lead.identities) == 20
    assert "anon#d0" not in lead.identities
    homes = leads.homes_of(lead)
    assert set(homes) == {place("user", "u"), *(place("anon", f"d{number}") for number in range(many))}
    mine, others = share(lead, {each: timeline.events_at(each) for each in homes}, leads.load(homes))
    assert ({each.event_id for each in mine if each.name == "Page Viewed"}, others) == (
        {f"v{number}" for number in range(many)},
        frozenset(),
    )
    deliver(context, "back", event("back", "Page Viewed", NOW, anonymous_id="d0"))
    assert lead_at("anon", "d0").lead_id == lead.lead_id


def test_a_lead_of_hundreds_of_devices_is_rebuilt_from_a_hundred_homes_and_says_so(
    aws: Aws, context: Context, monkeypatch
):
    for part in range(3):
        logins = [
            event(f"e{number}", "Identified", NOW - (90 - number) * HOUR, user_id="u", anonymous_id=f"d{number}")
            for number in range(part * 8, part * 8 + 8)
        ]
        deliver(context, f"m{part}", *logins)
    demo = event("own", "Demo Requested", NOW - HOUR, user_id="u")
    deliver(context, "own", demo, event("doc", "Page Viewed", NOW, anonymous_id="d23", properties={"path": "/docs"}))
    lead = lead_at("user", "u")
    for number in range(24, 300):
        item = leads.further_home(lead.lead_id, place("anon", f"d{number}"), more=False)
        clients.dynamodb().put_item(TableName=settings.table_name(), Item=to_item(item))
    assert len(leads.homes_of(lead)) == 301, "an erasure must still find them all"

    def documentation_counts(scoring):
        (rule,) = (rule for rule in scoring["engagement"] if rule["id"] == "pricing_page")
        rule["where"] = {"properties": {"path": ["/docs"]}}
        rule["filing"] = "pricing_page.docs"
        scoring["filed"] = "docs"

    publish(documentation_counts)
    asked: list[str] = []
    monkeypatch.setattr(timeline, "events_at", lambda home, events_at=timeline.events_at, **most: (
        asked.append(home) or events_at(home, **most)
    ))  # fmt: skip
    settle = {"schema": 1, "settle": [lead.lead_id], "as_of": instant_text(NOW)}
    assert handler(records(("s", settle)), context) == {"batchItemFailures": []}
    rebuilt = lead_at("user", "u")
    assert asked[:2] == [lead.lead_id, place("anon", "d23")], "its own first, then the device listed last"
    assert len(asked) == len(set(asked)) == timeline.HOMES_READ
    assert len(rebuilt.facts["pricing_page.docs"]) == 1
    assert rebuilt.complete_since == lead.newest_at + 1
    assert (rebuilt.first_seen, rebuilt.days) == (lead.first_seen, lead.days)


def test_the_events_of_all_homes_together_are_bounded(aws: Aws, context: Context, monkeypatch):
    for number in range(3):
        said = event(f"e{number}", "Identified", NOW - (9 - number) * HOUR, user_id="u", anonymous_id=f"d{number}")
        views = [event(f"v{number}{each}", "Page Viewed", NOW + number, anonymous_id=f"d{number}") for each in range(5)]
        deliver(context, f"m{number}", said, *views)
    lead = lead_at("user", "u")
    whole = timeline.past(lead, leads.homes_of(lead))
    assert ([len(events) for events in whole.events.values()], whole.since) == ([3, 5, 5, 5], 0)
    monkeypatch.setattr(timeline, "MOST", 8)
    cut = timeline.past(lead, leads.homes_of(lead))
    assert list(cut.events) == [lead.lead_id, place("anon", "d2")]
    assert cut.since == lead.newest_at + 1
    moved = place("anon", "d0")
    assert next(iter(timeline.past(lead, leads.homes_of(lead), first=[moved]).events)) == moved


@pytest.mark.parametrize("name", ["Adjusted", "Opportunity Won"])
def test_what_we_say_of_a_lead_that_nobody_is_leaves_nothing(name, aws: Aws, context: Context):
    source = "system"
    deliver(context, "m", event("e", name, lead_id="a" * 16, properties={"points": 5}, source=source), source=source)
    assert [item for item in aws.items() if item["PK"].startswith("LEAD#")] == []
    deliver(context, "n", event("n", "Identified", user_id="u"))
    lead = lead_at("user", "u")
    both = [event(f"{number}", name, lead_id=each, properties={"points": 5}, source=source)
            for number, each in enumerate(["b" * 16, lead.lead_id])]  # fmt: skip
    deliver(context, "o", *both, source=source)
    assert {item["PK"] for item in aws.items() if item["SK"].startswith("EVENTS#")} == {f"LEAD#{lead.lead_id}"}
    assert "1" in {each.event_id for each in timeline.events_at(lead.lead_id)}


def test_further_homes_are_found_after_their_lead_was_merged(aws: Aws, context: Context):
    deliver(context, "first", event("first", "Identified", NOW - 200 * HOUR, user_id="a", email="a@x.example"))
    for number in range(23):
        said = event(f"e{number}", "Identified", NOW - (90 - number) * HOUR, user_id="b", anonymous_id=f"d{number}")
        deliver(context, f"m{number}", said)
    deliver(context, "join", event("join", "Identified", NOW - HOUR, user_id="b", email="a@x.example"))
    lead = lead_at("user", "b")
    assert lead.lead_id == place("user", "a")
    assert {place("anon", f"d{number}") for number in range(23)} <= set(leads.homes_of(lead))


def test_a_device_that_falls_off_the_list_for_one_that_others_claimed_is_still_found(aws: Aws, context: Context):
    logins = [
        event(f"e{number}", "Identified", NOW - (90 - number) * HOUR, user_id="u", anonymous_id=f"d{number}")
        for number in range(IDENTITIES_KEPT - 1)
    ]
    for start in (0, 10):
        deliver(context, f"m{start}", *logins[start : start + 10])
    assert len(lead_at("user", "u").identities) == IDENTITIES_KEPT
    deliver(context, "c", event("c", "Identified", NOW - 3 * HOUR, user_id="c", anonymous_id="kiosk"))
    deliver(context, "u", event("u", "Identified", NOW - HOUR, user_id="u", anonymous_id="kiosk"))
    lead = lead_at("user", "u")
    assert {"anon#d0", "anon#kiosk"} - lead.identities.keys() == {"anon#d0"}
    assert place("anon", "d0") in leads.homes_of(lead)


def test_an_event_that_merges_names_a_device_the_two_have_no_room_for_together(aws: Aws, context: Context):
    deliver(context, "a", event("a", "Identified", NOW - 99 * HOUR, user_id="a", email="a@x.example"))
    for start in (0, 9):
        logins = [
            event(f"e{number}", "Identified", NOW - (90 - number) * HOUR, user_id="a", anonymous_id=f"d{number}")
            for number in range(start, start + 9)
        ]
        deliver(context, f"m{start}", *logins)
    deliver(context, "b", event("b", "Identified", NOW - 9 * HOUR, user_id="b", anonymous_id="phone"))
    assert "anon#d0" in lead_at("user", "a").identities
    said = {"user_id": "b", "email": "a@x.example", "anonymous_id": "d0"}
    deliver(context, "join", event("join", "Demo Requested", NOW - 95 * HOUR, **said))
    lead = lead_at("user", "b")
    assert lead.settled.qualified
    assert "anon#d0" not in lead.identities
    assert place("anon", "d0") in leads.homes_of(lead)
    assert lead_at("user", "a").lead_id == lead_at("anon", "d0").lead_id == lead.lead_id


def test_an_event_whose_user_id_joins_nobody_claims_that_users_device_for_the_address(aws: Aws, context: Context):
    for number in range(NAMES_TOGETHER):
        said = event(f"e{number}", "Identified", user_id="team", email=f"p{number}@x.example", anonymous_id="kiosk")
        deliver(context, f"m{number}", said)
    named = {"user_id": "team", "email": "last@x.example", "anonymous_id": "kiosk"}
    both = [event("own", "Page Viewed", NOW - 90, user_id="team"), event("last", "Identified", NOW - 60, **named)]
    deliver(context, "last", *both)
    deliver(
        context, "view", event("view", "Page Viewed", anonymous_id="kiosk", at=NOW, properties={"path": "/pricing"})
    )
    last, team = lead_at("email", "last@x.example"), lead_at("user", "team")
    assert ["pricing_page" in str(lead.facts) for lead in (last, team)] == [True, False]


def test_a_device_that_only_the_merged_lead_remembered_is_read_in_the_batch_of_the_merge(aws: Aws, context: Context):
    deliver(context, "first", event("first", "Identified", NOW - 200 * HOUR, user_id="a", email="a@x.example"))
    for number in range(23):
        said = event(f"e{number}", "Identified", NOW - (90 - number) * HOUR, user_id="b", anonymous_id=f"d{number}")
        deliver(context, f"m{number}", said)
    view = event("view", "Page Viewed", NOW - 60 * HOUR, anonymous_id="d0", properties={"path": "/pricing"})
    deliver(context, "view", view)
    assert "pricing_page" in str(lead_at("user", "b").facts)
    join = event("join", "Identified", NOW - 80 * HOUR, user_id="b", email="a@x.example")
    deliver(context, "both", join, event("c", "Identified", NOW - 70 * HOUR, user_id="c", anonymous_id="d0"))
    merged, other = lead_at("user", "b"), lead_at("user", "c")
    assert merged.lead_id == place("user", "a")
    assert ["pricing_page" in str(lead.facts) for lead in (merged, other)] == [False, True]


def test_a_server_moves_the_address_and_the_old_one_keeps_its_own_consent(aws: Aws, context: Context):
    old, new = ("old@x.example", "new@x.example")
    first = event("1", "Identified", NOW - 9 * HOUR, user_id="u", email=old, traits={"consent": True})
    deliver(context, "m1", first)
    addresses.record_consent(address_hash(old, IDENTITY_SECRET), stopped_at=NOW - HOUR)
    deliver(context, "m2", event("2", "Identified", NOW, user_id="u", email=new), at=NOW + 60)
    assert lead_at("user", "u").value("email") == new
    before, after = (addresses.get_address(address_hash(each, IDENTITY_SECRET)) for each in (old, new))
    assert (before.stopped_at, before.opted_in_at) == (NOW - HOUR, NOW - 9 * HOUR)
    assert after.stopped_at == NOW - HOUR >= after.opted_in_at
    yes = event("3", "Identified", NOW + HOUR, user_id="u", email=new, traits={"consent": False})
    deliver(context, "m3", yes, at=NOW + HOUR)
    yes = event("4", "Identified", NOW + 2 * HOUR, user_id="u", email=new, traits={"consent": True})
    deliver(context, "m4", yes, at=NOW + 2 * HOUR)
    after = addresses.get_address(address_hash(new, IDENTITY_SECRET))
    assert after.opted_in_at > after.stopped_at


def test_a_browser_does_not_move_the_address(aws: Aws, context: Context):
    deliver(context, "m1", event("1", "Identified", NOW - 9 * HOUR, user_id="u", email="old@x.example"))
    said = event("2", "Identified", source="public", user_id="u", email="new@x.example", traits={"consent": True})
    deliver(context, "m2", said, source="public")
    lead = lead_at("user", "u")
    assert (lead.value("email"), lead_at("email", "new@x.example")) == ("old@x.example", None)
    assert addresses.get_address(address_hash("new@x.example", IDENTITY_SECRET)).opted_in_at is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Ann@X.Example", " ann@x.example ", True),
        ("ann+news@x.example", "ann@x.example", False),
        ("a.nn@x.example", "ann@x.example", False),
    ],
)
def test_case_is_no_difference_between_addresses_and_a_plus_part_is(one, other, same):
    homes = {home("email", normal_email(each), IDENTITY_SECRET) for each in (one, other)}
    assert (len(homes) == 1) is same


def test_an_alias_answers_with_the_survivor_its_whole_history_and_timeline(aws: Aws, context: Context, monkeypatch):
    deliver(context, "m1", event("1", "Demo Requested", NOW - 9 * HOUR, user_id="a"))
    deliver(context, "m2", event("2", "Demo Requested", NOW - 8 * HOUR, user_id="b"))
    deliver(context, "m3", event("3", "Aliased", NOW - 7 * HOUR, user_id="a", properties={"previous_id": "b"}))
    monkeypatch.setattr(reading.time, "time", lambda: NOW)
    survivor = follow(aws, "user", "a")
    assert isinstance(survivor, Lead)
    answers = []
    for each in (place("user", "a"), place("user", "b")):
        for path, query in (("", {}), ("/history", {}), ("", {"as_of": "2026-11-18T02:30:00Z"})):
            request = {
                "rawPath": f"/v1/leads/{each}{path}",
                "headers": {"authorization": f"Bearer {mint_key('admin', 'x', SIGNING_SECRET)}"},
                "pathParameters": {"id": each},
                "queryStringParameters": query,
                "requestContext": {"http": {"method": "GET"}},
            }
            answer = reading.handler(request, context)
            assert answer["statusCode"] == 200
            answers.append(answer["body"])
    assert answers[:3] == answers[3:]
    assert all(survivor.lead_id in body for body in answers[:2])
    changes = json.loads(answers[1])["changes"]
    assert [each["type"] for each in changes].count("LeadQualified") == 2
    assert {each["lead_id"] for each in changes} == {place("user", "a"), place("user", "b")}


@pytest.mark.parametrize("source", ["server", "public"])
def test_a_former_id_longer_than_any_id_is_nobodys_and_costs_no_event(source, aws: Aws, context: Context):
    said = event("a", "Aliased", user_id="u", source=source, properties={"previous_id": "x" * 257})
    deliver(context, "m", said, event("d", "Demo Requested", user_id="u", source=source), source=source)
    lead = lead_at("user", "u")
    assert list(lead.identities) == ["user#u"]
    assert lead.settled.qualified


def test_what_is_nobodys_is_dropped_and_its_name_is_in_no_log(aws: Aws, context: Context, caplog):
    for number in range(8):
        login = event(f"l{number}", "Identified", NOW - HOUR + number, user_id=f"u{number}", anonymous_id="kiosk")
        deliver(context, f"m{number}", login)
    deliver(context, "x", event("x", "Wrote to ada@canary.example", NOW - 5 * HOUR, anonymous_id="kiosk"))
    logged = [vars(each) for each in caplog.records if each.getMessage() == "event that is nobody's"]
    assert len(logged) == 2
    assert "canary" not in str(logged)


@pytest.mark.parametrize("known", ["nobody", "a stranger's form", "an address from before"])
def test_who_said_stop_and_gets_another_address_has_said_stop(known, aws: Aws, context: Context):
    first, other = (address_hash(f"{name}@x.example", IDENTITY_SECRET) for name in ("first", "other"))
    if known == "an address from before":
        before = event(
            "b", "Identified", NOW - 99 * HOUR, received_at=NOW - 99 * HOUR, user_id="u", email="other@x.example"
        )
        deliver(context, "m0", before, at=NOW - 99 * HOUR)
    agreed = event("a", "Identified", NOW - 90 * HOUR, received_at=NOW - 90 * HOUR, user_id="u", email="first@x.example",
                   traits={"consent": True})  # fmt: skip
    deliver(context, "m1", agreed, at=NOW - 90 * HOUR)
    addresses.record_consent(first, stopped_at=NOW - 50 * HOUR)
    if known == "a stranger's form":
        form = event("f", "Form Submitted", NOW - 30 * HOUR, source="public", email="other@x.example")
        deliver(context, "m2", form, source="public", at=NOW - 30 * HOUR)
    deliver(context, "m3", event("c", "Identified", NOW, user_id="u", email="other@x.example"))
    assert lead_at("user", "u").value("email") == "other@x.example"
    assert refusal(addresses.get_address(other), silence_is_consent=True) == "stopped"


def test_who_stops_by_a_mail_to_an_address_from_before_is_not_mailed_at_the_new_one(aws: Aws, context: Context):
    first, other = (address_hash(f"{name}@x.example", IDENTITY_SECRET) for name in ("first", "other"))
    for hours, name in ((90, "first"), (30, "other")):
        at = NOW - hours * HOUR
        said = event(
            name, "Identified", at, received_at=at, user_id="u", email=f"{name}@x.example", traits={"consent": True}
        )
        deliver(context, name, said, at=at)
    assert refusal(addresses.get_address(other), silence_is_consent=False) is None
    addresses.record_consent(first, stopped_at=NOW)  # as the link does before it answers
    pressed = LeadEvent("un", "Unsubscribed", NOW, NOW, "system", lead_id=lead_at("user", "u").lead_id)
    deliver(context, "stop", pressed, source="system")
    assert refusal(addresses.get_address(other), silence_is_consent=False) == "stopped"
    later = NOW + HOUR
    again = event("again", "Identified", later, received_at=later, user_id="u", traits={"consent": False})
    yes = event("yes", "Identified", later + 1, received_at=later + 1, user_id="u", traits={"consent": True})
    deliver(context, "again", again, yes, at=later + 1)
    deliver(context, "stop", pressed, source="system")
    assert refusal(addresses.get_address(other), silence_is_consent=False) is None


@pytest.mark.parametrize("traits", [{"consent": True}, {}], ids=["said again", "not said again"])
@pytest.mark.parametrize("known", ["nobody's", "somebody's by proof"])
def test_a_yes_from_before_the_stop_opts_no_other_address_in(known, traits, aws: Aws, context: Context):
    """Clients repeat every trait they know; whoever pressed stop in a mail, their records still say yes."""
    first, other = (address_hash(f"{name}@x.example", IDENTITY_SECRET) for name in ("first", "other"))
    agreed = event("a", "Identified", NOW - 90 * HOUR, user_id="u", email="first@x.example", traits={"consent": True})
    deliver(context, "m1", agreed, at=NOW - 90 * HOUR)
    addresses.record_consent(first, stopped_at=NOW - 50 * HOUR)
    if known == "somebody's by proof":
        deliver(context, "m2", event("b", "Identified", NOW - 30 * HOUR, user_id="v", email="other@x.example"))
    for number, at in enumerate((NOW - 9 * HOUR, NOW - 8 * HOUR)):
        moved = event(f"c{number}", "Identified", at, user_id="u", email="other@x.example", traits=traits)
        for _ in range(2):
            deliver(context, f"n{number}", moved, at=at)
            assert refusal(addresses.get_address(other), silence_is_consent=False) in ("stopped", "no opt-in")
    no, yes = ({"consent": said} for said in (False, True))
    deliver(context, "x1", event("d", "Identified", NOW, user_id="u", email="other@x.example", traits=no), at=NOW)
    again = event("e", "Identified", NOW + 60, user_id="u", email="other@x.example", traits=yes)
    deliver(context, "x2", again, at=NOW + 60)
    assert refusal(addresses.get_address(other), silence_is_consent=False) is None


def test_who_agreed_again_after_the_stop_and_changes_the_address_has_agreed(aws: Aws, context: Context):
    first, other = (address_hash(f"{name}@x.example", IDENTITY_SECRET) for name in ("first", "other"))
    agreed = event("a", "Identified", NOW - 90 * HOUR, user_id="u", email="first@x.example", traits={"consent": True})
    deliver(context, "m1", agreed, at=NOW - 90 * HOUR)
    addresses.record_consent(first, stopped_at=NOW - 50 * HOUR)
    addresses.record_consent(first, opted_in_at=NOW - 40 * HOUR)
    moved = event("b", "Identified", NOW, user_id="u", email="other@x.example", traits={"consent": True})
    deliver(context, "m2", moved, at=NOW)
    assert refusal(addresses.get_address(other), silence_is_consent=False) is None


def test_a_yes_that_one_person_gave_undoes_no_stop_of_an_address_that_turns_out_to_be_theirs(
    aws: Aws, context: Context
):
    other = address_hash("other@x.example", IDENTITY_SECRET)
    deliver(context, "m1", event("a", "Identified", NOW - 90 * HOUR, user_id="two", email="other@x.example"))
    addresses.record_consent(other, stopped_at=NOW - 50 * HOUR)
    yes = {"traits": {"consent": True}}
    deliver(context, "m2", event("b", "Identified", NOW - 20 * HOUR, user_id="one", email="first@x.example", **yes))
    deliver(context, "m3", event("c", "Identified", NOW - HOUR, user_id="one", email="other@x.example"))
    assert refusal(addresses.get_address(other), silence_is_consent=True) == "stopped"
    again = event("d", "Identified", NOW - 120, user_id="one", email="other@x.example", **yes)
    deliver(context, "m4", again)
    assert refusal(addresses.get_address(other), silence_is_consent=True) == "stopped"
    deliver(context, "m5", event("e", "Identified", NOW, user_id="one", traits={"consent": False}))
    deliver(
        context,
        "m6",
        event("f", "Identified", NOW + 60, user_id="one", email="other@x.example", received_at=NOW + 60, **yes),
        at=NOW + 60,
    )
    assert refusal(addresses.get_address(other), silence_is_consent=True) is None


@pytest.mark.parametrize("batches", [[[0, 1, 2]], [[0], [1, 2]], [[0], [1], [2]]])
def test_a_yes_of_one_address_is_no_opt_in_of_another_that_said_stop_in_one_batch_or_in_three(
    batches, aws: Aws, context: Context
):
    said = [
        event("a", "Identified", NOW - 9 * HOUR, user_id="u", email="stop@x.example", traits={"consent": False}),
        event("b", "Identified", NOW - 8 * HOUR, user_id="u", email="yes@x.example", traits={"consent": True}),
        event("c", "Identified", NOW - 7 * HOUR, user_id="u", email="stop@x.example"),
    ]
    for batch in batches:
        deliver(context, f"m{batch}", *(said[number] for number in batch))
    stop, yes = (addresses.get_address(address_hash(f"{each}@x.example", IDENTITY_SECRET)) for each in ("stop", "yes"))
    assert (stop.stopped_at, stop.opted_in_at) == (NOW - 9 * HOUR, None)
    assert yes.opted_in_at == NOW - 8 * HOUR


def test_of_two_people_who_turn_out_to_be_one_each_address_keeps_what_it_allows(aws: Aws, context: Context):
    for number, name in enumerate(("first", "other")):
        agreed = event(f"a{number}", "Identified", NOW - 90 * HOUR, user_id=name, email=f"{name}@x.example",
                       traits={"consent": True})  # fmt: skip
        deliver(context, f"m{number}", agreed)
    first, other = (address_hash(f"{name}@x.example", IDENTITY_SECRET) for name in ("first", "other"))
    addresses.record_consent(first, stopped_at=NOW - 50 * HOUR)
    deliver(context, "m3", event("c", "Identified", NOW, user_id="first", email="other@x.example"))
    assert refusal(addresses.get_address(first), silence_is_consent=True) == "stopped"
    assert refusal(addresses.get_address(other), silence_is_consent=True) is None
