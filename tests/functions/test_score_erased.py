"""What arrives for people who were erased: dropped without a trace, until the end of the marker at their homes."""

import pytest

from functions.score.handler import handler
from shared import settings, table
from shared.aws import clients, leads, timeline
from shared.aws.items import to_item
from shared.identity import home
from shared.instants import DAY, HOUR, instant_text
from shared.lead import Alias, Erased, Lead, queue_message
from tests.conftest import IDENTITY_SECRET, Aws, Context
from tests.functions.test_score import NOW, event, follow, message, records

pytestmark = pytest.mark.usefixtures("playbook")

UNTIL = NOW + 35 * DAY
ANN = {"user_id": "ann", "email": "ann@example.com"}


def place(kind, value):
    return home(kind, value, IDENTITY_SECRET)


def erase(*homes, until=UNTIL):
    """Put the marker in place of whatever lives at the homes, and delete everything else that rests there."""
    for each in homes:
        found = clients.dynamodb().query(
            TableName=settings.table_name(),
            KeyConditionExpression="PK = :pk",
            ExpressionAttributeValues={":pk": {"S": table.lead_pk(each)}},
        )["Items"]
        for item in found:
            clients.dynamodb().delete_item(
                TableName=settings.table_name(), Key={name: item[name] for name in (table.PK, table.SK)}
            )
        marker = {
            table.PK: table.lead_pk(each),
            table.SK: table.LEAD_SK,
            "schema": table.SCHEMA,
            table.VERSION: 1 + max((int(item["version"]["N"]) for item in found if "version" in item), default=0),
            leads.ERASED_UNTIL: instant_text(until),
            table.TTL: until,
        }
        clients.dynamodb().put_item(TableName=settings.table_name(), Item=to_item(marker))


def deliver(context, name, *events, source="server", at=NOW):
    answer = handler(records((name, queue_message(source, at, list(events)))), context)
    assert answer == {"batchItemFailures": []}


def held(aws):
    return [item for item in aws.items() if item["PK"].startswith("LEAD#")]


HOMES = (place("user", "ann"), place("email", "ann@example.com"), place("anon", "a1"))


@pytest.fixture
def gone(aws: Aws, context: Context):
    """Ann was a lead with a device, and was erased."""
    deliver(context, "m0", event("0", "Demo Requested", NOW - 9 * HOUR, anonymous_id="a1", **ANN))
    erase(*HOMES)
    return held(aws)


def test_the_erased_are_no_leads(gone):
    assert leads.load(HOMES)[HOMES[0]] == Erased(HOMES[0], UNTIL, 2)
    assert leads.get_lead(HOMES[0]) is None
    assert leads.get_leads(HOMES) == {}


@pytest.mark.parametrize(
    "late",
    [
        event("1", "Demo Requested", user_id="ann"),
        event("1", "Identified", email="ann@example.com", traits={"consent": True}),
        event("1", "Page Viewed", anonymous_id="a1"),
        event("1", "Identified", anonymous_id="new phone", **ANN),
        event("1", "Page Viewed", source="public", user_id="ann", email="other@example.com"),
        event("1", "Link Clicked", source="system", lead_id=HOMES[0]),
    ],
    ids=["user", "address", "device", "a further device", "public", "our own"],
)
def test_a_late_event_of_the_erased_leaves_nothing(late, gone, aws: Aws, context: Context):
    for _ in range(2):
        deliver(context, "m1", late, source=late.source)
    assert held(aws) == gone
    assert not [item for item in aws.items() if item["PK"].startswith("ADDR#") and "opted_in_at" in item]


def test_an_event_of_the_erased_and_a_living_person_counts_for_the_living_alone(gone, aws: Aws, context: Context):
    both = event("1", "Demo Requested", user_id="bob", email="ann@example.com", traits={"email": "ann@example.com"})
    other = event("2", "Page Viewed", user_id="bob")
    for _ in range(2):
        deliver(context, "m1", both, other)
    bob = leads.get_lead(place("user", "bob"))
    assert list(bob.identities) == ["user#bob"]
    assert bob.value("email") is None
    assert bob.settled.qualified
    (kept,) = [item["events"] for item in held(aws) if item["SK"].startswith("EVENTS#")]
    assert "ann" not in kept
    assert leads.load(HOMES) == {
        place: Erased(place, UNTIL, version) for place, version in zip(HOMES, (2, 2, 2), strict=True)
    }


def test_a_browser_brings_the_address_of_the_erased_to_nobody(gone, aws: Aws, context: Context):
    said = event("1", "Identified", source="public", user_id="bob", email="ann@example.com",
                 traits={"email": "ann@example.com", "title": "Director"})  # fmt: skip
    deliver(context, "m1", said, source="public")
    bob = leads.get_lead(place("user", "bob"))
    assert (bob.value("email"), bob.value("title")) == (None, "Director")
    assert not [item for item in held(aws) if "ann" in item.get("events", "")]


def test_an_alias_of_the_erased_is_the_erased(gone, aws: Aws, context: Context):
    leads.save_many([leads.Writes([Alias(place("user", "old"), HOMES[0], version=1)], {})])
    before = held(aws)
    deliver(context, "m1", event("1", "Demo Requested", user_id="old"))
    assert held(aws) == before


def test_an_alias_call_does_not_join_the_erased_to_the_living(gone, context: Context):
    call = event("1", "Aliased", user_id="bob", properties={"previous_id": "ann", "why": "new account"})
    deliver(context, "m1", call)
    (kept,) = timeline.events_at(place("user", "bob"))
    assert kept.properties == {"why": "new account"}
    assert list(leads.get_lead(place("user", "bob")).identities) == ["user#bob"]


def test_settling_the_erased_does_nothing(gone, aws: Aws, context: Context):
    asked = {"settle": [HOMES[0]], "as_of": instant_text(NOW)}
    assert handler(records(("m1", asked)), context) == {"batchItemFailures": []}
    assert held(aws) == gone


def test_who_comes_back_after_the_marker_is_somebody_new(gone, aws: Aws, context: Context):
    back = event("1", "Identified", UNTIL, received_at=UNTIL, anonymous_id="a1", **ANN)
    for _ in range(2):
        deliver(context, "m1", back, at=UNTIL)
    lead = follow(aws, "user", "ann")
    assert isinstance(lead, Lead)
    assert (lead.version, lead.first_seen, len(lead.identities)) == (3, UNTIL, 3)
    assert [item["SK"] for item in held(aws) if table.TTL in item and item["SK"] == "LEAD"] == []


def test_a_second_before_the_markers_end_is_still_too_early(gone, aws: Aws, context: Context):
    deliver(context, "m1", event("1", "Page Viewed", NOW, user_id="ann"), at=UNTIL - 1)
    assert held(aws) == gone


def test_a_visitor_after_the_marker_is_a_new_visitor(gone, aws: Aws, context: Context):
    deliver(context, "m1", event("1", "Page Viewed", UNTIL, received_at=UNTIL, anonymous_id="a1"), at=UNTIL)
    assert follow(aws, "anon", "a1").first_seen == UNTIL


def test_on_a_shared_device_the_turn_of_the_erased_is_nobodys(aws: Aws, context: Context):
    deliver(context, "m1", event("1", "Identified", NOW - 9 * HOUR, user_id="ann", anonymous_id="kiosk"))
    deliver(context, "m2", event("2", "Identified", NOW - 5 * HOUR, user_id="bob", anonymous_id="kiosk"))
    erase(place("user", "ann"))
    before = held(aws)
    late = event("3", "Page Viewed", NOW - 8 * HOUR, anonymous_id="kiosk", properties={"path": "/pricing"})
    deliver(context, "m3", late)
    assert held(aws) == before
    view = event("4", "Page Viewed", NOW - 4 * HOUR, anonymous_id="kiosk", properties={"path": "/pricing"})
    deliver(context, "m4", view)
    assert any(filing.startswith("pricing_page") for filing in follow(aws, "user", "bob").facts)


def test_on_a_device_of_the_erased_alone_only_what_names_somebody_counts_until_the_marker_ends(
    gone, aws: Aws, context: Context
):
    pricing = {"properties": {"path": "/pricing"}, "anonymous_id": "a1"}
    deliver(context, "m1", event("1", "Identified", NOW - 5 * HOUR, user_id="bob", anonymous_id="a1"))
    deliver(context, "m2", event("2", "Page Viewed", NOW - 4 * HOUR, **pricing))
    assert not any(filing.startswith("pricing_page") for filing in follow(aws, "user", "bob").facts)
    deliver(context, "m3", event("3", "Page Viewed", NOW - 3 * HOUR, user_id="bob", **pricing))
    assert any(filing.startswith("pricing_page") for filing in follow(aws, "user", "bob").facts)


@pytest.mark.parametrize("cleared", ["before the timeline is written", "after the timeline is written"])
def test_an_erasure_between_timeline_and_lead_leaves_nothing(cleared, aws: Aws, context: Context, monkeypatch):
    deliver(context, "m0", event("0", "Page Viewed", NOW - 9 * HOUR, user_id="ann"))
    raced = []

    def racing(original):
        def once(*arguments):
            if not raced:
                raced.append(erase(place("user", "ann")))
            return original(*arguments)

        return once

    with monkeypatch.context() as patched:
        if cleared.startswith("before"):
            patched.setattr(timeline, "put_events", racing(timeline.put_events))
        else:
            patched.setattr(leads, "save_many", racing(leads.save_many))
        handler(records(("m1", message(event("1", "Demo Requested", user_id="ann")))), context)
    assert raced
    assert [item["SK"] for item in held(aws)] == ["LEAD"]
    assert isinstance(leads.load([place("user", "ann")])[place("user", "ann")], Erased)
