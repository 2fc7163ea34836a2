"""Everything held about one person, as the API gives it out."""

import base64
import json

import pytest

from functions.leads import export
from functions.leads.handler import handler
from functions.score.handler import handler as score
from shared import table
from shared.aws import addresses, clients
from shared.aws.items import to_item
from shared.identity import ANONYMOUS, EMAIL, USER, address_hash, home, number_hash
from shared.instants import HOUR, MINUTE
from shared.keys import mint_key
from shared.lead import LeadEvent, queue_message
from shared.mailing import SendRef
from tests.conftest import IDENTITY_SECRET, SIGNING_SECRET, Aws, Context, sample
from tests.erasure_world import EMAIL_ADDRESS, EMAIL_HOME, LEAD_ID, NOW, USER_ID, ada, did

pytestmark = pytest.mark.usefixtures("aws")

ADDRESS = address_hash(EMAIL_ADDRESS, IDENTITY_SECRET)


def page(lead_id=LEAD_ID, cursor=None, kind="admin"):
    request = sample("http_lead_export") | {
        "rawPath": f"/v1/leads/{lead_id}/export",
        "pathParameters": {"id": lead_id},
        "queryStringParameters": None if cursor is None else {"cursor": cursor},
        "headers": {"authorization": f"Bearer {mint_key(kind, 'test', SIGNING_SECRET)}"},
    }
    answer = handler(request, Context())
    return answer["statusCode"], json.loads(answer["body"])


def every_item(lead_id=LEAD_ID):
    found, cursor = [], None
    while True:
        status, said = page(lead_id, cursor)
        assert (status, said["schema"]) == (200, 1)
        found += said["items"]
        if (cursor := said["next"]) is None:
            return found


def kinds(items):
    return sorted(item["kind"] for item in items)


def put(aws, **values):
    clients.dynamodb().put_item(TableName=aws.table_name, Item=to_item(values))


def test_an_export_holds_every_item_of_every_home_and_address(aws: Aws, context: Context):
    ada(context)
    put(aws, PK=f"LEAD#{LEAD_ID}", SK=table.send_sk("awareness", 1, 0), state="sent", address=ADDRESS, expires_at=NOW)
    put(aws, PK=f"LEAD#{LEAD_ID}", SK="NEW#1", what="a kind nobody thought of")
    addresses.pause_entry(ADDRESS, f"{LEAD_ID}#1")
    items = every_item()
    theirs = [item for item in aws.items() if item["PK"].startswith(("LEAD#", "ADDR#"))]
    assert sorted((item.get("home") or item["address"], item.get("key", "LEAD")) for item in items) == sorted(
        (item["PK"].partition("#")[2], item["SK"]) for item in theirs
    )
    assert kinds(items) == [
        "address", "change", "change", "change", "consent", "lead", "lead", "lead", "other", "send", "timeline", "timeline",
    ]  # fmt: skip


def test_an_export_is_readable_and_says_who_in_clear(aws: Aws, context: Context):
    ada(context)
    put(aws, PK=f"LEAD#{LEAD_ID}", SK=table.send_sk("awareness", 1, 0), state="sent", address=ADDRESS, expires_at=NOW)
    items = every_item()
    (lead,) = [item for item in items if "profile" in item]
    assert lead["profile"]["first_name"] == {
        "value": "Adacanary", "at": "2026-11-18T09:00:00Z", "key": lead["profile"]["first_name"]["key"], "proven": True,
    }  # fmt: skip
    assert lead["days"] == ["2026-11-18"]
    assert lead["first_seen"] == "2026-11-18T07:00:00Z"
    assert lead["settled"]["at"] == "2026-11-18T09:30:00Z"
    assert {fact["at"] for facts in lead["facts"].values() for fact in facts} <= {
        "2026-11-18T07:00:00Z",
        "2026-11-18T09:00:00Z",
    }
    events = [event for item in items if item["kind"] == "timeline" for event in item["events"]]
    assert {event.get("email") for event in events} == {None, EMAIL_ADDRESS}
    assert {event["anonymous_id"] for event in events} == {"anon-canary"}
    (change, *_) = [item for item in items if item["kind"] == "change"]
    assert change["detail"]["lead_id"] == change["home"]
    (send,) = [item for item in items if item["kind"] == "send"]
    assert send["expires_at"] == "2026-11-18T10:00:00Z"


def test_pages_together_say_what_one_page_says(context: Context, monkeypatch):
    ada(context)
    whole = every_item()
    monkeypatch.setattr(export, "PAGE", 1)
    assert sorted(every_item(), key=str) == sorted(whole, key=str)


def test_an_alias_gives_the_export_of_the_lead(context: Context):
    ada(context)
    assert sorted(every_item(EMAIL_HOME), key=str) == sorted(every_item(), key=str)


def test_of_a_shared_device_only_the_persons_part_is_shown(context: Context):
    did(context, "n1", "Identified", user_id=USER_ID, anonymous_id="kiosk", at=NOW - 9 * HOUR)
    did(context, "n2", anonymous_id="kiosk", at=NOW - 8 * HOUR, properties={"path": "/ada"})
    did(context, "n3", "Identified", user_id="bob", anonymous_id="kiosk", at=NOW - 5 * HOUR)
    did(context, "n4", anonymous_id="kiosk", at=NOW - 4 * HOUR, properties={"path": "/bob"})
    said = json.dumps(every_item())
    assert "/ada" in said
    assert "/bob" not in said
    assert home(USER, "bob", IDENTITY_SECRET) not in said
    theirs = json.dumps(every_item(home(USER, "bob", IDENTITY_SECRET)))
    assert ("/bob" in theirs, "/ada" in theirs, LEAD_ID in theirs) == (True, False, False)


def test_the_address_of_somebody_else_is_not_shown(context: Context):
    did(context, "v1", "Identified", user_id="victim", email="victim@northbound.example", traits={"consent": True})
    did(context, "a1", "Identified", source="public", user_id="attacker", email="victim@northbound.example")
    items = every_item(home(USER, "attacker", IDENTITY_SECRET))
    assert "address" not in kinds(items)
    assert "address" in kinds(every_item(home(USER, "victim", IDENTITY_SECRET)))


@pytest.mark.parametrize("timeline", [True, False])
def test_what_is_held_of_a_phone_number_is_shown(timeline, aws: Aws, context: Context):
    """Who may text it and since when; also when only the profile still says whose number it is."""
    ada(context)
    said = {"channel": "sms", "agreed": True, "text": "Text me"}
    did(context, "s1", user_id=USER_ID, at=NOW - 50 * MINUTE, traits={"phone": "+46 70 123 45 67"}, properties={"consent": said})  # fmt: skip
    for item in aws.items():
        if not timeline and item["SK"].startswith(table.EVENTS_PREFIX):
            clients.dynamodb().delete_item(TableName=aws.table_name, Key=to_item({n: item[n] for n in ("PK", "SK")}))
    number = number_hash("+46701234567", IDENTITY_SECRET)
    assert kinds([item for item in every_item() if item.get("address") == number]) == ["address", "consent"]


def test_of_a_number_that_two_people_have_only_the_persons_own_messages_are_shown(aws: Aws, context: Context):
    number = number_hash("+46701234567", IDENTITY_SECRET)
    for user_id in ("ada", "bob"):
        did(context, f"n-{user_id}", "Identified", user_id=user_id, traits={"phone": "+46701234567"})
    ids = {user_id: home(USER, user_id, IDENTITY_SECRET) for user_id in ("ada", "bob")}
    sends = [{"at": "2026-11-18T09:00:00Z", "send": SendRef(each, "decision", 1, 0).send_id} for each in ids.values()]
    holds = {f"{each}#1" for each in ids.values()}
    put(aws, PK=table.address_pk(number), SK=table.ADDRESS_SK, version=1, recent=sends, paused_by=holds)
    for user_id, lead_id in ids.items():
        (held,) = [item for item in every_item(lead_id) if item.get("address") == number]
        assert ([each["send"] for each in held["recent"]], held["paused_by"]) == (
            [SendRef(lead_id, "decision", 1, 0).send_id],
            [f"{lead_id}#1"],
        ), user_id


def test_however_many_addresses_a_browser_names_the_next_page_can_be_asked_for(context: Context):
    """API Gateway takes 10 KB of address and headers; whoever has the key of a page can name thousands."""
    said = [
        LeadEvent(f"m{number}", "Identified", NOW - HOUR, NOW - HOUR, "public", user_id=USER_ID, email=f"a{number}@x.example")
        for number in range(400)
    ]  # fmt: skip
    body = json.dumps(queue_message("public", NOW - HOUR, said))
    assert score({"Records": [{"messageId": "m", "body": body}]}, context) == {"batchItemFailures": []}
    did(context, "own", "Identified", user_id=USER_ID, email=EMAIL_ADDRESS, at=NOW - 50 * MINUTE)
    shown, cursor = set(), None
    while True:
        _, answer = page(cursor=cursor)
        shown |= {item.get("address") for item in answer["items"]}
        if (cursor := answer["next"]) is None:
            break
        assert len(cursor) < 8_000
    assert ADDRESS in shown


def test_a_number_that_only_a_browser_named_is_not_shown(context: Context):
    said = {"channel": "sms", "agreed": True, "text": "Text me"}
    did(context, "s1", user_id=USER_ID, traits={"phone": "+46 70 123 45 67"}, properties={"consent": said})
    did(context, "p1", source="public", user_id="other", traits={"phone": "+46701234567"})
    assert "address" not in kinds(every_item(home(USER, "other", IDENTITY_SECRET)))


def test_a_place_that_is_gone_between_two_pages_hides_nothing_of_the_next(context: Context):
    ada(context)
    gone = base64.urlsafe_b64encode(json.dumps(["LEAD#2222222222222222", "Z", []]).encode()).decode()
    _, first = page(cursor=gone)
    assert first["items"] != []


def test_homes_and_addresses_that_only_events_name_are_shown(context: Context):
    for number in range(25):
        at = NOW - (40 - number) * HOUR
        did(context, f"d{number}", "Identified", user_id=USER_ID, anonymous_id=f"device-{number}", at=at)
    did(context, "m", "Identified", user_id=USER_ID, email="old@northbound.example", at=NOW - 50 * HOUR)
    items = every_item()
    shown = {item["home"] for item in items if item["kind"] == "lead"}
    assert shown >= {home(ANONYMOUS, f"device-{number}", IDENTITY_SECRET) for number in range(25)}
    assert home(EMAIL, "old@northbound.example", IDENTITY_SECRET) in shown
    assert address_hash("old@northbound.example", IDENTITY_SECRET) in {item.get("address") for item in items}


def test_nobody_is_404(aws: Aws):
    assert page("aaaaaaaaaaaaaaaa")[0] == 404


@pytest.mark.parametrize("kind", ["public", "server", "sales"])
def test_only_an_admin_key_exports(kind, context: Context, aws: Aws):
    ada(context)
    assert page(kind=kind)[0] == 401


@pytest.mark.parametrize(
    "cursor",
    ["x", "", "W10=", *(base64.urlsafe_b64encode(json.dumps(said).encode()).decode() for said in (
        ["PLAYBOOK", "", []], ["", "", []], ["LEAD#aaaaaaaaaaaaaaaa", 5, []], ["LEAD#aaaaaaaaaaaaaaaa", "", ["SWEEP"]], [5, "", []],
        ["LEAD#aaaaaaaaaaaaaaaa", "E" * 1_025, []], ["LEAD#aaaaaaaaaaaaaaaa", "\ud800", []],
        {"a": 1},
    ))],
)  # fmt: skip
def test_a_cursor_of_nobody_is_refused(cursor, context: Context, aws: Aws):
    ada(context)
    status, said = page(cursor=cursor)
    assert (status, said["message"]) == (400, "cursor: must be the `next` of the page before")
