"""Erasing a person: at once for everybody who reads, then item by item, and never by halves."""

import json

import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.sqs.models import sqs_backends

from functions.erase import asking, clearing
from functions.publish.handler import handler as publish
from functions.score.handler import handler as score
from shared import table
from shared.aws import addresses, clients, consent_proofs, leads, timeline
from shared.aws.erasure import MARKED
from shared.aws.items import to_item
from shared.identity import ANONYMOUS, EMAIL, USER, address_hash, home
from shared.instants import DAY, HOUR, MINUTE
from shared.intake.fields import identifier
from shared.lead import Alias, Erased, Lead, LeadEvent, queue_message
from shared.mailing import ConsentProof
from tests.conftest import IDENTITY_SECRET, REGION, Aws, Context
from tests.crashes import Killed, calls_counted, killed_at
from tests.erasure_world import (
    EMAIL_ADDRESS,
    EMAIL_HOME,
    LEAD_ID,
    NOW,
    ORDER,
    PATIENCE,
    USER_ID,
    ada,
    ask,
    call,
    did,
    finish,
    later,
    record,
    work,
)

pytestmark = pytest.mark.usefixtures("playbook", "erasures")

ADDRESS = address_hash(EMAIL_ADDRESS, IDENTITY_SECRET)
DEVICE = home(ANONYMOUS, "anon-canary", IDENTITY_SECRET)
HOMES = (LEAD_ID, EMAIL_HOME, DEVICE)
COUNTS = {"addresses": 1, "changes": 3, "events": 2, "homes": 3, "messages": 2}
"""What there is of Ada: her band, her qualification and a trigger are the changes."""


def put(aws, **values):
    clients.dynamodb().put_item(TableName=aws.table_name, Item=to_item(values))


def held_at(aws, *homes):
    return {
        (item["PK"], item["SK"]) for place in homes for item in aws.items(table.lead_pk(place)) if item["SK"] != "LEAD"
    }


def test_once_it_is_answered_there_is_no_such_lead(aws: Aws, context: Context):
    ada(context)
    erasure_id = ask()
    assert leads.load(HOMES) == {place: Erased(place, NOW + MARKED, version) for place, version in _versions().items()}
    assert leads.get_lead(LEAD_ID) is None
    for place in HOMES:
        (marker,) = [item for item in aws.items(table.lead_pk(place)) if item["SK"] == "LEAD"]
        assert marker == {
            "PK": f"LEAD#{place}",
            "SK": "LEAD",
            "schema": 1,
            "version": marker["version"],
            "erased_until": "2026-12-23T10:00:00Z",
            "erasure": erasure_id,
            "expires_at": NOW + 35 * DAY,
        }
    assert {message["erasure"] for message in aws.messages(_url())} == {erasure_id}


def _versions():
    return {place: entry.version for place, entry in leads.load(HOMES).items()}


def _url():
    return clients.sqs().get_queue_url(QueueName="erasures")["QueueUrl"]


def test_everything_goes_and_the_record_says_what(aws: Aws, context: Context, monkeypatch):
    ada(context)
    put(
        aws,
        PK=f"LEAD#{LEAD_ID}",
        SK=table.track_sk("awareness"),
        status="active",
        due_key="nurture#1",
        due_at="2026-11-20T10:00:00Z",
    )
    put(aws, PK=f"LEAD#{LEAD_ID}", SK=table.send_sk("awareness", 1, 0), state="sent", address=ADDRESS)
    done = finish(ask(), monkeypatch)
    assert held_at(aws, *HOMES) == set()
    assert done.done
    assert done.counts == COUNTS | {"enrollments": 1, "sends": 1}
    assert (done.by, done.reason, done.asked_at, done.finished_at) == ("maria", "asked by mail", NOW, NOW + PATIENCE)
    (kept,) = [item for item in aws.items(f"ERASURE#{done.erasure_id}") if item["SK"] == "ERASURE"]
    assert "work" not in kept
    assert not any(place in json.dumps(kept) for place in HOMES)


def test_the_proof_is_shown_to_who_asks_for_it(context: Context, monkeypatch):
    ada(context)
    erasure_id = ask()
    _, working = call(f"/v1/erasures/{erasure_id}", method="GET")
    assert (working["state"], working["finished_at"]) == ("working", None)
    finish(erasure_id, monkeypatch)
    status, proof = call(f"/v1/erasures/{erasure_id}", method="GET")
    assert status == 200
    assert proof == {
        "erasure": erasure_id,
        "state": "done",
        "asked_at": "2026-11-18T10:00:00Z",
        "by": "maria",
        "reason": "asked by mail",
        "finished_at": "2026-11-18T10:01:30Z",
        "counts": COUNTS,
    }


def test_an_address_keeps_only_what_refuses_mail(aws: Aws, context: Context, monkeypatch):
    ada(context)
    addresses.record_consent(ADDRESS, stopped_at=NOW - DAY)
    finish(ask(), monkeypatch)
    (left,) = [item for item in aws.items(table.address_pk(ADDRESS)) if item["SK"] == "ADDR"]
    assert left == {
        "PK": f"ADDR#{ADDRESS}",
        "SK": "ADDR",
        "schema": 1,
        "version": left["version"],
        "suppressed": "erased",
        "suppressed_at": "2026-11-18T10:00:00Z",
        "stopped_at": "2026-11-17T10:00:00Z",
    }


def test_of_the_trail_of_consent_the_proof_stays_and_nothing_anybody_typed(aws: Aws, context: Context, monkeypatch):
    ada(context)
    wording = {
        "text": "Yes, mail me",
        "version": "2",
        "topic": "news",
        "form": "demo",
        "page": "https://x.example/canary",
        "host": "x",
    }
    for event, by, worded_by in (
        ("k1", "server key", "playbook"),
        ("k2", "server key", "client"),
        ("k3", "public key", "playbook"),
        ("k4", "link in our mail", ""),
    ):
        proof = ConsentProof(ADDRESS, NOW - DAY, event, "agreed", by, worded_by=worded_by, **wording)
        consent_proofs.put(proof)
    mine = {item["SK"] for item in aws.items(table.address_pk(ADDRESS))}
    finish(ask(), monkeypatch)
    left = {
        item["SK"].rpartition("#")[2]: item for item in aws.items(table.address_pk(ADDRESS)) if item["SK"] != "ADDR"
    }
    assert {item["SK"] for item in aws.items(table.address_pk(ADDRESS))} < mine
    assert "k3" not in left
    said = {name: value for name, value in left["k1"].items() if name not in ("PK", "SK", "schema")}
    assert said == {
        "said": "agreed", "by": "server key", "text": "Yes, mail me", "version": "2", "topic": "news", "form": "demo",
        "worded_by": "playbook",
    }  # fmt: skip
    for event in ("k2", "k4"):
        assert set(left[event]) == {"PK", "SK", "schema", "said", "by"}


@pytest.mark.parametrize("why", ["bounced", "complained", "manual"])
def test_an_earlier_refusal_of_an_address_stays(why, context: Context, monkeypatch):
    ada(context)
    addresses.suppress(ADDRESS, why, NOW - DAY)
    finish(ask(), monkeypatch)
    assert addresses.get_address(ADDRESS).suppressed == why


def test_an_address_nothing_was_known_of_refuses_mail_too(aws: Aws, context: Context, monkeypatch):
    did(context, "f1", "Form Submitted", source="public", email="form@canary.example")
    place = home(EMAIL, "form@canary.example", IDENTITY_SECRET)
    finish(ask(place), monkeypatch)
    assert addresses.get_address(address_hash("form@canary.example", IDENTITY_SECRET)).suppressed == "erased"


def test_the_address_of_somebody_else_that_a_browser_merely_said_stays_theirs(context: Context, monkeypatch):
    did(context, "v1", "Identified", user_id="victim", email="victim@northbound.example", traits={"consent": True})
    did(context, "a1", "Identified", source="public", user_id="attacker", email="victim@northbound.example",
        traits={"email": "victim@northbound.example"})  # fmt: skip
    finish(ask(home(USER, "attacker", IDENTITY_SECRET)), monkeypatch)
    theirs = addresses.get_address(address_hash("victim@northbound.example", IDENTITY_SECRET))
    assert theirs.suppressed is None
    assert theirs.opted_in_at is not None
    assert leads.get_lead(home(USER, "victim", IDENTITY_SECRET)) is not None


def test_of_somebody_elses_address_the_persons_mails_and_holds_go(aws: Aws, context: Context, monkeypatch):
    did(context, "v1", "Identified", user_id="victim", email="victim@northbound.example", traits={"consent": True})
    did(context, "a1", "Identified", source="public", user_id="attacker", email="victim@northbound.example",
        traits={"email": "victim@northbound.example"})  # fmt: skip
    victim, attacker = (home(USER, each, IDENTITY_SECRET) for each in ("victim", "attacker"))
    name = address_hash("victim@northbound.example", IDENTITY_SECRET)
    (held,) = [item for item in aws.items(table.address_pk(name)) if item["SK"] == "ADDR"]
    claims = [{"at": "2026-11-18T09:00:00Z", "send": f"{lead_id}-1-0-awareness"} for lead_id in (attacker, victim)]
    put(aws, **held, recent=claims, confirmations=claims[:1], paused_by={f"{attacker}#1", f"{victim}#1"})
    finish(ask(attacker), monkeypatch)
    (left,) = [item for item in aws.items(table.address_pk(name)) if item["SK"] == "ADDR"]
    assert left == held | {
        "version": held["version"] + 1, "recent": claims[1:], "confirmations": [], "paused_by": {f"{victim}#1"},
    }  # fmt: skip


def test_asking_twice_is_one_erasure(aws: Aws, context: Context, monkeypatch):
    ada(context)
    erasure_id = ask()
    assert ask() == erasure_id
    with later(monkeypatch, 5):
        assert ask(EMAIL_HOME) == erasure_id
    finish(erasure_id, monkeypatch)
    before = aws.items()
    assert ask() == erasure_id
    with calls_counted() as made:
        work(erasure_id)
    assert made == ["GetItem"]
    assert aws.items() == before


def test_every_user_id_that_the_intake_takes_can_be_named(context: Context):
    said = "Ada\u00a0Canary"
    did(context, "o1", "Identified", user_id=identifier(said, "userId"))
    assert call("/v1/leads/erase", ORDER | {"user_id": said})[0] == 200


@pytest.mark.parametrize(
    "body",
    [{"email": " Ada.Canary@Northbound.example "}, {"user_id": USER_ID}, {"user_id": f" {USER_ID}\t"}],
    ids=["email", "user id", "user id with blanks around it"],
)
def test_who_is_meant_can_be_said_by_address_or_user_id(body, context: Context):
    ada(context)
    status, said = call("/v1/leads/erase", body | ORDER)
    assert (status, said["success"]) == (200, True)
    assert leads.get_lead(LEAD_ID) is None


def test_any_identitys_home_leads_to_the_lead(context: Context):
    ada(context)
    ask(DEVICE)
    assert leads.get_lead(LEAD_ID) is None


@pytest.mark.parametrize("lead_id", ["aaaaaaaaaaaaaaaa", "nobody"])
def test_an_unknown_lead_is_404_and_queues_nothing(lead_id, aws: Aws):
    assert call(f"/v1/leads/{lead_id}/erase", ORDER)[0] == 404
    assert aws.items() == []
    assert aws.messages(_url()) == []


def test_after_the_markers_end_there_is_nobody_to_erase(context: Context, monkeypatch):
    ada(context)
    finish(ask(), monkeypatch)
    with later(monkeypatch, MARKED):
        assert call(f"/v1/leads/{LEAD_ID}/erase", ORDER)[0] == 404


@pytest.mark.parametrize("kind", ["public", "server", "sales"])
def test_only_an_admin_key_erases(kind, context: Context):
    ada(context)
    assert call(f"/v1/leads/{LEAD_ID}/erase", ORDER, kind=kind)[0] == 401
    assert call("/v1/erasures/00000000000000000000", method="GET", kind=kind)[0] == 401
    assert isinstance(leads.load([LEAD_ID])[LEAD_ID], Lead)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (f"/v1/leads/{LEAD_ID}/erase", "{", "body"),
        (f"/v1/leads/{LEAD_ID}/erase", "[]", "body"),
        (f"/v1/leads/{LEAD_ID}/erase", " " * 9000, "body"),
        (f"/v1/leads/{LEAD_ID}/erase", {"reason": "x"}, "by"),
        (f"/v1/leads/{LEAD_ID}/erase", {"by": "maria@sales.example", "reason": "x"}, "by"),
        (f"/v1/leads/{LEAD_ID}/erase", {"by": "maria"}, "reason"),
        (f"/v1/leads/{LEAD_ID}/erase", {"by": "maria", "reason": "x" * 121}, "reason"),
        (f"/v1/leads/{LEAD_ID}/erase", {"by": "maria", "reason": "asked as ada@x.example"}, "reason"),
        (f"/v1/leads/{LEAD_ID}/erase", {"by": "maria", "reason": "x", "force": True}, "force"),
        (f"/v1/leads/{LEAD_ID}/erase", '{"\\ud800": 1}', "\ud800"),
        ("/v1/leads/erase", ORDER, "email"),
        ("/v1/leads/erase", ORDER | {"email": "a@b.example", "user_id": "u"}, "email"),
        ("/v1/leads/erase", ORDER | {"email": "nobody"}, "email"),
        ("/v1/leads/erase", ORDER | {"email": 5}, "email"),
        ("/v1/leads/erase", ORDER | {"user_id": "anonymous"}, "user_id"),
    ],
)
def test_an_order_that_cannot_be_followed_is_refused_with_the_field(path, body, field, context: Context):
    ada(context)
    status, said = call(path, body)
    assert (status, said["code"]) == (400, "invalid")
    assert said["message"].startswith(f"{field}: ")
    assert leads.get_lead(LEAD_ID) is not None


def test_an_unknown_erasure_is_404():
    assert call("/v1/erasures/00000000000000000000", method="GET")[0] == 404
    assert call("/v1/erasures/x", method="GET")[0] == 404


def test_a_home_joined_between_read_and_write_is_erased_too(context: Context, monkeypatch):
    ada(context)
    raced = []
    original = asking.write

    def write(*arguments):
        if not raced:
            raced.append(did(context, "e9", "Identified", user_id=USER_ID, email="second@canary.example"))
        original(*arguments)

    monkeypatch.setattr(asking, "write", write)
    finish(ask(), monkeypatch)
    second = home(EMAIL, "second@canary.example", IDENTITY_SECRET)
    assert isinstance(leads.load([second])[second], Erased)
    assert addresses.get_address(address_hash("second@canary.example", IDENTITY_SECRET)).suppressed == "erased"


def test_a_lead_merged_into_another_between_read_and_write_goes_with_it(context: Context, monkeypatch):
    did(context, "o1", "Identified", user_id="older", at=NOW - 9 * HOUR)
    ada(context)
    raced = []
    original = asking.write

    def write(*arguments):
        if not raced:
            raced.append(did(context, "e9", "Aliased", user_id="older", properties={"previous_id": USER_ID}))
        original(*arguments)

    monkeypatch.setattr(asking, "write", write)
    ask()
    older = home(USER, "older", IDENTITY_SECRET)
    assert {place: type(entry) for place, entry in leads.load([older, *HOMES]).items()} == dict.fromkeys(
        [older, *HOMES], Erased
    )


def test_a_lead_that_never_rests_is_not_erased_by_halves(aws: Aws, context: Context, monkeypatch):
    ada(context)
    original = asking.write
    events = iter(range(100))

    def write(*arguments):
        number = next(events)
        did(context, f"more{number}", user_id=USER_ID, properties={"path": "/pricing"}, at=NOW - HOUR + number)
        original(*arguments)

    monkeypatch.setattr(asking, "write", write)
    status, said = call(f"/v1/leads/{LEAD_ID}/erase", ORDER)
    assert (status, said["code"]) == (503, "busy")
    assert isinstance(leads.load([LEAD_ID])[LEAD_ID], Lead)
    for message in aws.messages(_url()):  # the messages that were to find the records find none
        work(message["erasure"])
    assert isinstance(leads.load([LEAD_ID])[LEAD_ID], Lead)


def test_what_was_on_its_way_to_the_lead_when_it_was_erased_is_found_in_the_end(
    aws: Aws, context: Context, monkeypatch
):
    ada(context)
    erasure_id = ask()
    work(erasure_id)
    late = LeadEvent("late", "Page Viewed", NOW, NOW, "server", user_id=USER_ID)
    timeline.put_events([timeline.timeline_item(LEAD_ID, "m-late", "server", NOW, [late])])
    put(aws, PK=f"LEAD#{LEAD_ID}", SK=table.track_sk("awareness"), status="active")
    with later(monkeypatch, PATIENCE - 1):
        work(erasure_id)
        assert not record(erasure_id).done
    with later(monkeypatch):
        work(erasure_id)
    assert held_at(aws, *HOMES) == set()


def test_the_wait_is_spent_in_the_queue(aws: Aws, context: Context, monkeypatch):
    ada(context)
    erasure_id = ask()
    aws.messages(_url())
    delays = []
    monkeypatch.setattr(clearing.queue, "send_all", lambda _url, _said, *, delay_seconds: delays.append(delay_seconds))
    with later(monkeypatch, 30):
        work(erasure_id)
    assert delays == [PATIENCE - 30]


def test_work_that_takes_longer_than_an_invocation_goes_on_in_the_next(aws: Aws, context: Context, monkeypatch):
    ada(context)
    monkeypatch.setattr(clearing, "PAGE", 1)
    erasure_id = ask()
    aws.messages(_url())

    class Brief(Context):
        def get_remaining_time_in_millis(self):
            self.remaining_ms -= 10_000
            return self.remaining_ms

    with later(monkeypatch):
        rounds = 0
        while not record(erasure_id).done:
            work(erasure_id, context=Brief())
            rounds += 1
            assert len(aws.messages(_url())) == (not record(erasure_id).done)
    assert rounds > 3
    assert held_at(aws, *HOMES) == set()


def test_however_often_it_is_interrupted_an_erasure_ends_and_counts_each_item_once(
    aws: Aws, context: Context, monkeypatch
):
    ada(context)
    monkeypatch.setattr(clearing, "PAGE", 2)
    erasure_id = ask()
    call_number = 0
    with later(monkeypatch):
        while not record(erasure_id).done:
            for after in (False, True):
                try:
                    with killed_at(call_number % 9, after=after):
                        work(erasure_id)
                except Killed:
                    pass
            call_number += 1
            assert call_number < 200
    assert held_at(aws, *HOMES) == set()
    assert record(erasure_id).counts == COUNTS
    assert len([item for item in aws.items(f"ERASURE#{erasure_id}") if item["SK"] != "ERASURE"]) == 1


def test_asking_interrupted_anywhere_leaves_a_lead_or_an_erasure_that_will_be_worked_on(aws: Aws, context: Context):
    ada(context)
    stored = aws.items()
    ask()  # the secrets are read once
    _restore(aws, stored)
    with calls_counted() as made:
        ask()
    for number in range(len(made)):
        for after in (False, True):
            _restore(aws, stored)
            aws.messages(_url())
            with pytest.raises(Killed), killed_at(number, after=after):
                ask()
            queued = {message["erasure"] for message in _all_messages(aws)}
            if isinstance(leads.load([LEAD_ID])[LEAD_ID], Lead):
                assert aws.items() == stored
            else:
                (item,) = [item for item in aws.items() if item["SK"] == "ERASURE"]
                assert item["PK"].removeprefix("ERASURE#") in queued


def _restore(aws, stored):
    for item in aws.items():
        clients.dynamodb().delete_item(TableName=aws.table_name, Key=to_item({"PK": item["PK"], "SK": item["SK"]}))
    for item in stored:
        clients.dynamodb().put_item(TableName=aws.table_name, Item=to_item(item))


def _all_messages(aws):
    """Also those that are delayed: moto shows them in its backend only."""
    queue = sqs_backends[DEFAULT_ACCOUNT_ID][REGION].queues["erasures"]
    return [json.loads(message.body) for message in queue._messages]


@pytest.mark.parametrize("step", range(5))
def test_two_who_work_on_one_erasure_do_each_step_once(step, aws: Aws, context: Context, monkeypatch):
    ada(context)
    erasure_id = ask()
    original = clearing.write
    steps = []

    def write(*arguments):
        steps.append(arguments)
        if len(steps) == step + 1:
            work(erasure_id)
        original(*arguments)

    monkeypatch.setattr(clearing, "write", write)
    done = finish(erasure_id, monkeypatch)
    assert len(steps) > step
    assert done.counts == COUNTS


def test_of_a_shared_device_only_the_persons_part_goes(aws: Aws, context: Context, monkeypatch):
    kiosk = home(ANONYMOUS, "kiosk", IDENTITY_SECRET)
    bob = home(USER, "bob", IDENTITY_SECRET)
    did(context, "n0", anonymous_id="kiosk", at=NOW - 10 * HOUR, properties={"path": "/ada-first"})
    did(context, "n1", "Identified", user_id=USER_ID, anonymous_id="kiosk", at=NOW - 9 * HOUR)
    did(context, "n2", anonymous_id="kiosk", at=NOW - 8 * HOUR, properties={"path": "/ada"})
    did(context, "n3", "Identified", user_id="bob", anonymous_id="kiosk", at=NOW - 5 * HOUR)
    did(context, "n4", anonymous_id="kiosk", at=NOW - 4 * HOUR, properties={"path": "/pricing"})
    both = [
        LeadEvent(name, "Page Viewed", at, NOW - HOUR, "server", anonymous_id="kiosk", properties={"path": path})
        for name, at, path in (("b1", NOW - 7 * HOUR, "/ada-too"), ("b2", NOW - 3 * HOUR, "/pricing/bob"))
    ]
    body = json.dumps(queue_message("server", NOW - HOUR, both))
    score({"Records": [{"messageId": "both", "body": body}]}, context)
    before = leads.get_lead(bob)
    done = finish(ask(), monkeypatch)
    device = leads.load([kiosk])[kiosk]
    assert isinstance(device, Alias)
    assert device.claims == ((NOW - 9 * HOUR, "-0"), (NOW - 5 * HOUR, bob))
    assert sorted(event.properties["path"] for event in timeline.events_at(kiosk)) == ["/pricing", "/pricing/bob"]
    assert leads.get_lead(bob) == before
    assert done.counts["devices"] == 1
    assert LEAD_ID not in json.dumps(aws.items(f"LEAD#{kiosk}"), default=str)


@pytest.mark.parametrize("at", [NOW - HOUR, NOW + MARKED + DAY], ids=["under the marker", "after it"])
def test_what_arrives_late_of_the_persons_turn_on_a_shared_device_is_nobodys(
    at, aws: Aws, context: Context, monkeypatch
):
    kiosk, bob = home(ANONYMOUS, "kiosk", IDENTITY_SECRET), home(USER, "bob", IDENTITY_SECRET)
    did(context, "n1", "Identified", user_id=USER_ID, anonymous_id="kiosk", at=NOW - 9 * HOUR)
    did(context, "n3", "Identified", user_id="bob", anonymous_id="kiosk", at=NOW - 5 * HOUR)
    finish(ask(), monkeypatch)
    before, score_before = held_at(aws, kiosk, bob), leads.get_lead(bob)
    late = [
        LeadEvent("l1", "Page Viewed", NOW - 8 * HOUR, at, "server", anonymous_id="kiosk", properties={"path": "/pricing"}),
        LeadEvent("l2", "Page Viewed", NOW - 12 * HOUR, at, "server", anonymous_id="kiosk", properties={"path": "/pricing"}),
        LeadEvent("l3", "Mail Clicked", NOW - 8 * HOUR, at, "system", lead_id=kiosk),
    ]  # fmt: skip
    for _ in range(2):
        for each in late:
            body = json.dumps(queue_message(each.source, at, [each]))
            assert score({"Records": [{"messageId": each.event_id, "body": body}]}, context) == {
                "batchItemFailures": []
            }
    assert held_at(aws, kiosk, bob) == before
    assert leads.get_lead(bob) == score_before
    did(context, "n5", anonymous_id="kiosk", at=NOW - 4 * HOUR, properties={"path": "/pricing"})
    assert held_at(aws, kiosk, bob) > before
    assert leads.get_lead(bob).facts != score_before.facts


def test_the_last_of_those_who_shared_a_device_takes_it_along(aws: Aws, context: Context, monkeypatch):
    kiosk, bob = home(ANONYMOUS, "kiosk", IDENTITY_SECRET), home(USER, "bob", IDENTITY_SECRET)
    did(context, "n1", "Identified", user_id=USER_ID, anonymous_id="kiosk", at=NOW - 9 * HOUR)
    did(context, "n3", "Identified", user_id="bob", anonymous_id="kiosk", at=NOW - 5 * HOUR)
    for person in (LEAD_ID, bob):
        finish(ask(person), monkeypatch)
    assert isinstance(leads.load([kiosk])[kiosk], Erased)


def test_a_form_sent_before_with_the_address_a_browser_said_brings_nobody_back(aws: Aws, context: Context, monkeypatch):
    said, place = "said@canary.example", home(EMAIL, "said@canary.example", IDENTITY_SECRET)
    did(context, "b1", "Identified", source="public", user_id=USER_ID, email=said, traits={"email": said})
    assert leads.load([place]) == {place: None}
    finish(ask(), monkeypatch)
    before = aws.items()
    assert isinstance(leads.load([place])[place], Erased)
    for _ in range(2):
        did(context, "f1", "Form Submitted", source="public", email=said, traits={"consent": True})
    assert aws.items() == before


def test_whoever_lives_at_the_address_a_browser_said_stays(context: Context, monkeypatch):
    said, place = "victim@northbound.example", home(EMAIL, "victim@northbound.example", IDENTITY_SECRET)
    did(context, "v1", "Form Submitted", source="public", email=said)
    did(context, "b1", "Identified", source="public", user_id=USER_ID, email=said, traits={"email": said})
    theirs = leads.get_lead(place)
    finish(ask(), monkeypatch)
    assert leads.get_lead(place) == theirs


def test_a_shared_device_names_nobody_in_particular(context: Context):
    kiosk = home(ANONYMOUS, "kiosk", IDENTITY_SECRET)
    did(context, "n1", "Identified", user_id=USER_ID, anonymous_id="kiosk", at=NOW - 9 * HOUR)
    did(context, "n3", "Identified", user_id="bob", anonymous_id="kiosk", at=NOW - 5 * HOUR)
    status, said = call(f"/v1/leads/{kiosk}/erase", ORDER)
    assert (status, said["code"]) == (409, "shared_device")
    assert leads.get_lead(LEAD_ID) is not None


def test_a_device_that_one_person_claimed_under_two_names_names_that_person(context: Context):
    kiosk = home(ANONYMOUS, "kiosk", IDENTITY_SECRET)
    did(context, "n1", "Identified", user_id="bob", anonymous_id="kiosk", at=NOW - 9 * HOUR)
    did(context, "n2", "Identified", email="bob@example.com", anonymous_id="kiosk", at=NOW - 5 * HOUR)
    status, said = call(f"/v1/leads/{kiosk}/erase", ORDER)
    assert (status, said["code"]) == (409, "shared_device")
    did(context, "n3", "Identified", user_id="bob", email="bob@example.com", at=NOW - 4 * HOUR)
    ask(kiosk)
    assert leads.get_lead(home(USER, "bob", IDENTITY_SECRET)) is None


def test_a_lead_with_more_identities_than_it_lists_is_erased_at_all_of_them(aws: Aws, context: Context, monkeypatch):
    devices = [f"device-{number}" for number in range(30)]
    for number, device in enumerate(devices):
        at = NOW - (40 - number) * HOUR
        did(context, f"d{number}", "Identified", user_id=USER_ID, anonymous_id=device, at=at)
        did(context, f"p{number}", anonymous_id=device, at=at + 60, properties={"path": "/pricing"})
    listed = leads.get_lead(LEAD_ID)
    assert len(listed.identities) == 20
    done = finish(ask(), monkeypatch)
    places = [home(ANONYMOUS, device, IDENTITY_SECRET) for device in devices]
    assert {type(entry) for entry in leads.load(places).values()} == {Erased}
    assert held_at(aws, LEAD_ID, *places) == set()
    assert (done.counts["homes"], done.counts["events"]) == (31, 60)


def test_homes_beyond_one_transaction_are_marked_when_it_is_their_turn(aws: Aws, context: Context, monkeypatch):
    monkeypatch.setattr(asking, "MOST_MARKERS", 1)
    ada(context)
    erasure_id = ask()
    assert isinstance(leads.load([LEAD_ID])[LEAD_ID], Erased)
    assert leads.get_lead(EMAIL_HOME) is None
    finish(erasure_id, monkeypatch)
    assert {type(entry) for entry in leads.load(HOMES).values()} == {Erased}


def test_a_change_that_is_published_after_it_was_erased_stays_gone(aws: Aws, context: Context, monkeypatch):
    ada(context)
    images = [to_item(item) for item in aws.items() if item["SK"].startswith(table.CHANGE_PREFIX)]
    finish(ask(), monkeypatch)
    before = aws.items()
    publish({"Records": [{"dynamodb": {"NewImage": image}} for image in images]}, context)
    assert aws.items() == before


def test_an_erased_lead_is_in_no_index(aws: Aws, context: Context):
    ada(context)
    assert any(table.RANK_KEY in item for item in aws.items())
    ask()
    assert not any(table.RANK_KEY in item for item in aws.items())


def test_an_erasure_takes_up_a_bounded_number_of_addresses_that_a_browser_named(context: Context, monkeypatch):
    """Whoever has the key of a page can name thousands as a user's; the record that lists them is one item of 400 KB."""
    monkeypatch.setattr(clearing, "MOST_ADDRESSES", 4)
    ada(context)
    for number in range(6):
        did(context, f"p{number}", source="public", user_id=USER_ID, email=f"a{number}@canary.example")
    own = [f"own{number}@canary.example" for number in range(2)]
    for email in own:
        did(context, email, "Identified", user_id=USER_ID, email=email, at=NOW - 50 * MINUTE)
    done = finish(ask(), monkeypatch)
    assert done.counts["addresses"] == 4
    theirs = [ADDRESS, *(address_hash(email, IDENTITY_SECRET) for email in own)]
    assert {addresses.get_address(name).suppressed for name in theirs} == {"erased"}
