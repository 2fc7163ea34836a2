"""The score function under moto: what a message does to the table, once and again."""

import itertools
import json
from typing import Any

import pytest

from functions.score import writing
from functions.score.handler import handler
from shared.aws import addresses, consent_proofs
from shared.aws.leads import read_entry
from shared.identity import home
from shared.instants import DAY, HOUR, instant_text, parse_instant
from shared.lead import Alias, Lead, LeadEvent, queue_message
from shared.mailing import TopicConsent
from tests.conftest import IDENTITY_SECRET, Aws, Context
from tests.crashes import calls_counted

NOW = parse_instant("2026-11-18T10:00:00Z")


pytestmark = pytest.mark.usefixtures("playbook")


def event(event_id, name, at=NOW - HOUR, *, source="server", received_at=NOW, **said):
    return LeadEvent(event_id, name, at, received_at, source, **said)


def records(*messages):
    return {
        "Records": [
            {"messageId": message_id, "body": json.dumps(body), "eventSource": "aws:sqs"}
            for message_id, body in messages
        ]
    }


def message(*events, source="server", received_at=NOW):
    return queue_message(source, received_at, list(events))


def lead_item(aws, kind, value):
    return next(item for item in aws.items(f"LEAD#{home(kind, value, IDENTITY_SECRET)}") if item["SK"] == "LEAD")


def lead_of(aws, kind, value):
    return read_entry(lead_item(aws, kind, value))


def test_a_demo_request_makes_one_lead_with_timeline_and_two_changes(aws: Aws, context: Context):
    batch = records(("m1", message(event("e1", "Demo Requested", user_id="u1", email="ada@example.com"))))
    assert handler(batch, context) == {"batchItemFailures": []}
    place = f"LEAD#{home('user', 'u1', IDENTITY_SECRET)}"
    kinds = [item["SK"].split("#")[0] for item in aws.items(place)]
    assert kinds == ["CHANGE", "CHANGE", "LEAD"]
    address = f"LEAD#{home('email', 'ada@example.com', IDENTITY_SECRET)}"
    assert [item["SK"].split("#")[0] for item in aws.items(address)] == ["EVENTS", "LEAD"]
    details = {item["detail_type"] for item in aws.items(place) if item["SK"].startswith("CHANGE")}
    assert details == {"BandChanged", "LeadQualified"}
    alias = lead_item(aws, "email", "ada@example.com")
    assert alias["alias_of"] == home("user", "u1", IDENTITY_SECRET)


def test_the_same_batch_twice_changes_no_item(aws: Aws, context: Context):
    batch = records(
        ("m1", message(event("e1", "Demo Requested", user_id="u1", email="ada@example.com"))),
        ("m2", message(event("e2", "Page Viewed", anonymous_id="a1", properties={"path": "/pricing"}))),
    )
    handler(batch, context)
    before = aws.items()
    handler(batch, context)
    assert aws.items() == before


def test_anonymous_pages_count_for_whoever_the_visitor_turns_out_to_be_in_either_order(aws: Aws, context: Context):
    page = (
        "m1",
        message(event("e1", "Page Viewed", NOW - 2 * HOUR, anonymous_id="a1", properties={"path": "/pricing"})),
    )
    login = ("m2", message(event("e2", "Identified", user_id="u1", anonymous_id="a1")))
    for suffix, order in (("x", [page, login]), ("y", [login, page])):
        for message_id, said in order:
            body = json.loads(json.dumps(said).replace('"u1', f'"u1{suffix}').replace('"a1', f'"a1{suffix}'))
            handler(records((message_id + suffix, body)), context)
    one, other = lead_of(aws, "user", "u1x"), lead_of(aws, "user", "u1y")
    assert one.facts == other.facts != {}


def test_a_poison_message_fails_alone(aws: Aws, context: Context):
    batch = records(("bad", {"schema": 1}), ("m1", message(event("e1", "Page Viewed", user_id="u1"))))
    batch["Records"].append({"messageId": "worse", "body": "{"})
    answer = handler(batch, context)
    assert {failure["itemIdentifier"] for failure in answer["batchItemFailures"]} == {"bad", "worse"}
    assert lead_item(aws, "user", "u1")["version"] == 1


def test_history_is_settled_in_silence_and_announced_by_the_next_own_event(aws: Aws, context: Context):
    old = event("e1", "Demo Requested", NOW - 20 * DAY, user_id="u1")
    handler(records(("m1", message(old))), context)
    changes = [item for item in aws.items() if item["SK"].startswith("CHANGE")]
    assert changes
    assert all(item["silent"] and "due_key" not in item for item in changes)
    handler(records(("m2", message(event("e2", "Page Viewed", user_id="u1", properties={"path": "/blog/a"})))), context)
    told = [item["detail_type"] for item in aws.items() if item["SK"].startswith("CHANGE") and not item.get("silent")]
    assert sorted(told) == ["BandChanged", "LeadQualified"]
    handler(records(("m3", message(event("e3", "Page Viewed", user_id="u1", properties={"path": "/blog/b"})))), context)
    again = [item["detail_type"] for item in aws.items() if item["SK"].startswith("CHANGE") and not item.get("silent")]
    assert sorted(again) == sorted(told)


def mailable(aws: Aws) -> int:
    """How often it was told that somebody can be mailed who could not be before."""
    return sum(item.get("detail_type") == "LeadMailable" for item in aws.items())


def test_a_first_address_and_a_yes_to_mail_are_told_once_when_the_band_was_told_before(aws: Aws, context: Context):
    """Nobody is enrolled without an address, and the band of whoever visits is told before there is one."""
    page = event("e1", "Page Viewed", user_id="u1", properties={"path": "/blog/a"})
    named = event("e2", "Identified", user_id="u1", email="ada@example.com", traits={"email": "ada@example.com"})
    agreed = event("e3", "Identified", user_id="u1", email="ada@example.com", traits={"consent": True})
    again = event("e4", "Identified", user_id="u1", email="ada@example.com", traits={"consent": True})
    for number, (said, times) in enumerate(((page, 0), (named, 1), (agreed, 2), (again, 2))):
        for _ in range(2):
            handler(records((f"m{number}", message(said))), context)
            assert mailable(aws) == times
    assert [item["version"] for item in aws.items() if item["SK"] == "LEAD" and "version" in item]


def test_the_proof_of_an_address_is_told_and_an_address_that_comes_with_the_band_is_not(aws: Aws, context: Context):
    given = event("e1", "Form Submitted", source="public", anonymous_id="a1", email="ada@example.com")
    handler(records(("m1", message(given, source="public"))), context)
    assert mailable(aws) == 0
    assert [item for item in aws.items() if item.get("detail_type") == "BandChanged"]
    proved = event("e2", "Identified", anonymous_id="a1", email="ada@example.com", user_id="u1")
    handler(records(("m2", message(proved))), context)
    assert mailable(aws) == 1


def test_an_address_from_a_file_of_history_tells_nobody(aws: Aws, context: Context):
    handler(records(("m1", message(event("e1", "Page Viewed", user_id="u1", properties={"path": "/blog/a"})))), context)
    named = event("e2", "Identified", NOW - 20 * DAY, user_id="u1", email="ada@example.com", history=True)
    handler(records(("m2", message(named))), context)
    assert mailable(aws) == 0


def test_a_settle_message_cools_a_quiet_lead_and_a_second_one_is_a_no_op(aws: Aws, context: Context):
    handler(
        records(
            ("m1", message(event("e1", "Trial Started", user_id="u1"), event("e2", "Demo Requested", user_id="u1")))
        ),
        context,
    )
    lead = lead_of(aws, "user", "u1")
    assert lead.settled.band == "engaged"
    settle = ("s1", {"schema": 1, "settle": [home("user", "u1", IDENTITY_SECRET)], "as_of": "2027-01-20T00:00:00Z"})
    handler(records(settle), context)
    cooled = lead_of(aws, "user", "u1")
    assert cooled.settled.band == "early"
    assert cooled.due_at != lead.due_at
    before = aws.items()
    handler(records(settle), context)
    assert aws.items() == before


def test_two_people_on_one_browser_keep_what_each_did_in_either_order(aws: Aws, context: Context):
    def story(suffix):
        person = {"anonymous_id": f"shared{suffix}"}
        return [
            message(event(f"1{suffix}", "Identified", NOW - 9 * HOUR, user_id=f"ann{suffix}", **person)),
            message(event(f"2{suffix}", "Page Viewed", NOW - 8 * HOUR, properties={"path": "/pricing"}, **person)),
            message(event(f"3{suffix}", "Identified", NOW - 7 * HOUR, user_id=f"bob{suffix}", **person)),
            message(event(f"4{suffix}", "Page Viewed", NOW - 6 * HOUR, properties={"path": "/product/a"}, **person)),
            message(event(f"5{suffix}", "Identified", NOW - 5 * HOUR, user_id=f"ann{suffix}", **person)),
            message(event(f"6{suffix}", "Page Viewed", NOW - 4 * HOUR, properties={"path": "/product/b"}, **person)),
        ]

    for number, order in enumerate(itertools.permutations(range(6))):
        if number % 97:
            continue
        suffix = f"-{number}"
        bodies = story(suffix)
        for place in order:
            handler(records((f"{place}{suffix}", bodies[place])), context)
        ann, bob = (lead_of(aws, "user", f"{who}{suffix}").facts for who in ("ann", "bob"))
        viewed = {"pricing_page", "product_page"}
        names = [sorted(viewed & {filing.split(".")[0] for filing in facts}) for facts in (ann, bob)]
        assert names == [["pricing_page", "product_page"], ["product_page"]], order
        assert instant_text(ann[next(iter(key for key in ann if key.startswith("product")))][0].at) == instant_text(
            NOW - 4 * HOUR
        )


def test_what_there_is_no_time_for_goes_back_to_the_queue_and_the_rest_is_done(aws: Aws, context: Context):
    context.remaining_ms = 2_999
    batch = records(("m1", message(event("e1", "Page Viewed", user_id="u1"))))
    assert handler(batch, context) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert aws.items() == []


def test_a_batch_of_many_events_is_applied_in_parts(aws: Aws, context: Context):
    crowd = [
        (f"m{m}", message(*(event(f"e{m}-{n}", "Page Viewed", user_id=f"u{n % 3}") for n in range(100))))
        for m in range(12)
    ]
    with calls_counted() as made:
        assert handler(records(*crowd), context) == {"batchItemFailures": []}
    assert made.count("BatchGetItem") == 6  # parts of 200 events


def test_an_event_that_a_rule_cannot_take_fails_its_message_alone(aws: Aws, context: Context, monkeypatch):
    apply = writing.attribute

    def picky(each, workspace, model):
        if each.event.event_id == "poison":
            raise TypeError("a value nobody thought of")
        return apply(each, workspace, model)

    monkeypatch.setattr(writing, "attribute", picky)
    crowd = [(f"m{n}", message(event(f"e{n}", "Page Viewed", user_id=f"u{n}"))) for n in range(9)]
    poison = ("bad", message(event("poison", "Page Viewed", user_id="u3")))
    answer = handler(records(*crowd[:4], poison, *crowd[4:]), context)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "bad"}]}
    assert all(lead_of(aws, "user", f"u{n}").days for n in range(9))


def test_a_kiosk_that_many_people_use_in_one_batch_loses_nobody_and_takes_nobody_along(aws: Aws, context: Context):
    people = [
        event(
            f"k{n}",
            "Identified",
            NOW - (99 - n) * 60,
            user_id=f"guest{n}",
            anonymous_id="kiosk",
            email=f"g{n}@fair.example",
        )
        for n in range(40)
    ]
    bystander = ("m2", message(event("b", "Demo Requested", user_id="bystander")))
    answer = handler(records(("m1", message(*people)), bystander), context)
    assert answer == {"batchItemFailures": []}
    assert all(isinstance(follow(aws, "user", f"guest{n}"), Lead) for n in range(40))
    assert lead_of(aws, "user", "bystander").settled.qualified


def follow(aws, kind, value):
    entry = lead_of(aws, kind, value)
    while isinstance(entry, Alias):
        entry = read_entry(next(item for item in aws.items(f"LEAD#{entry.alias_of}") if item["SK"] == "LEAD"))
    return entry


@pytest.mark.parametrize(
    "wrong",
    [{"properties": 5}, {"traits": [1]}, {"email": 5}, {"context": "x"}, {"verdict": "maybe"}, {"user_id": ["u"]}],
)
def test_an_event_of_wrong_types_fails_its_message_alone(wrong, aws: Aws, context: Context):
    body = message(event("p", "Page Viewed", user_id="p"))
    body["events"][0] |= wrong
    answer = handler(records(("bad", body), ("m1", message(event("e1", "Page Viewed", user_id="u1")))), context)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "bad"}]}
    assert lead_of(aws, "user", "u1").version == 1


def test_a_body_nested_beyond_reading_fails_alone(aws: Aws, context: Context):
    batch = records(("m1", message(event("e1", "Page Viewed", user_id="u1"))))
    batch["Records"].append({"messageId": "deep", "body": "[" * 100_000})
    assert handler(batch, context) == {"batchItemFailures": [{"itemIdentifier": "deep"}]}


def address_of(aws):
    (item,) = [item for item in aws.items() if item["SK"] == "ADDR"]
    return item


def test_consent_said_again_does_not_subscribe_anew_whoever_stopped(aws: Aws, context: Context):
    who = {"user_id": "v", "email": "v@example.com"}
    first = event("e1", "Identified", traits={"consent": True}, **who)
    handler(records(("m1", message(first))), context)
    addresses.record_consent(address_of(aws)["PK"].removeprefix("ADDR#"), stopped_at=NOW + 60)
    later = NOW + 3600
    for number, again in enumerate([first, event("e2", "Identified", NOW + 3000, traits={"consent": True}, **who)]):
        handler(records((f"m{number + 2}", queue_message("server", later, [again]))), context)
    item = address_of(aws)
    assert item["opted_in_at"] < item["stopped_at"]
    no, yes = ({"consent": said} for said in (False, True))
    handler(
        records(("m8", queue_message("server", later + 9, [event("e3", "Identified", later, traits=no, **who)]))),
        context,
    )
    handler(
        records(("m9", queue_message("server", later + 99, [event("e4", "Identified", later + 5, traits=yes, **who)]))),
        context,
    )
    item = address_of(aws)
    assert item["opted_in_at"] > item["stopped_at"]


def box(said: bool | None, topic: str = "product_news") -> dict[str, Any]:
    return {"consent": {"topic": topic} if said is None else {"topic": topic, "agreed": said}}


def test_what_a_server_says_of_a_topic_is_kept_by_topic_with_its_proof(aws: Aws, context: Context):
    who = {"user_id": "v", "email": "v@example.com"}
    said = [
        event("e1", "Form Submitted", NOW, traits={"consent": True}, properties=box(None), **who),
        event("e2", "Preferences", NOW + 1, properties=box(said=False, topic="events"), **who),
        event("e3", "Preferences", NOW + 2, properties=box(said=True, topic="Not a topic!"), **who),
        event("e4", "Preferences", NOW + 3, properties={"consent": {"topic": "other", "agreed": "maybe"}}, **who),
    ]
    for number in range(2):
        at = NOW + 10 + number
        assert handler(records((f"m{number}", queue_message("server", at, said))), context) == {"batchItemFailures": []}
    known = addresses.get_address(address_of(aws)["PK"].removeprefix("ADDR#"))
    assert set(known.topics) == {"product_news", "events"}
    assert known.topics["product_news"] == TopicConsent(opted_in_at=NOW)
    assert known.topics["events"].stopped_at is not None
    assert (known.stopped_at, known.opted_in_at is None) == (None, False)
    proofs = {(proof.topic, proof.said) for proof in consent_proofs.trail(known.name)}
    assert {("product_news", "agreed"), ("events", "declined")} <= proofs


def test_a_yes_to_a_topic_that_is_sent_again_undoes_no_stop_said_since(aws: Aws, context: Context):
    said = event("e1", "Preferences", NOW, user_id="v", email="v@example.com", properties=box(said=True))
    handler(records(("m1", queue_message("server", NOW, [said]))), context)
    name = address_of(aws)["PK"].removeprefix("ADDR#")
    addresses.record_consent(name, topics={"product_news": TopicConsent(stopped_at=NOW + 60)})
    handler(records(("m2", queue_message("server", NOW + 3600, [said]))), context)
    assert addresses.get_address(name).topics["product_news"] == TopicConsent(NOW, NOW + 60)


def test_a_topic_from_a_public_key_is_a_wish_and_nothing_more(aws: Aws, context: Context):
    for said in (True, False):
        wish = event(f"e{said}", "Form Submitted", email="v@example.com", source="public", properties=box(said=said))
        handler(records((f"m{said}", message(wish, source="public"))), context)
    assert [item for item in aws.items() if item["SK"] == "ADDR"] == []


def test_who_changes_the_address_keeps_the_topics_that_were_stopped(aws: Aws, context: Context):
    first = event("e1", "Identified", user_id="v", email="old@example.com", traits={"consent": True})
    handler(records(("m1", message(first))), context)
    old = address_of(aws)["PK"].removeprefix("ADDR#")
    addresses.record_consent(old, topics={"product_news": TopicConsent(opted_in_at=NOW, stopped_at=NOW + 60)})
    moved = event("e2", "Identified", NOW + 90, user_id="v", email="new@example.com", traits={})
    handler(records(("m2", queue_message("server", NOW + 90, [moved]))), context)
    (new,) = {item["PK"].removeprefix("ADDR#") for item in aws.items() if item["SK"] == "ADDR"} - {old}
    assert addresses.get_address(new).topics == {"product_news": TopicConsent(stopped_at=NOW + 60)}


def test_a_stop_without_an_address_reaches_the_address_of_the_lead(aws: Aws, context: Context):
    handler(
        records(
            (
                "m1",
                message(
                    event("e1", "Identified", NOW - HOUR, user_id="c", email="c@example.com", traits={"consent": True})
                ),
            )
        ),
        context,
    )
    handler(records(("m2", message(event("e2", "Identified", NOW, user_id="c", traits={"consent": False})))), context)
    assert address_of(aws)["stopped_at"]


def test_a_confirmed_mailbox_does_not_become_the_proven_address_of_a_user_a_browser_named(aws: Aws, context: Context):
    handler(
        records(("m1", message(event("e1", "Identified", user_id="1042", traits={"first_name": "Olivia"})))), context
    )
    claim = event("e2", "Form Submitted", source="public", user_id="1042", email="mallory@evil.example")
    handler(records(("m2", message(claim, source="public"))), context)
    lead = lead_of(aws, "user", "1042")
    confirmed = event(
        "e3", "Address Confirmed", source="system", lead_id=lead.lead_id, properties={"address": lead.address_hash}
    )
    handler(records(("m3", message(confirmed, source="system"))), context)
    assert not lead_of(aws, "user", "1042").proven("email")


@pytest.mark.parametrize("cause", ["a page on a shared device", "an alias call"])
def test_an_event_that_says_nothing_of_consent_subscribes_nobody_anew(cause, aws: Aws, context: Context):
    ann = {"user_id": "ann", "anonymous_id": "kiosk"}
    first = event("e1", "Identified", NOW - 9 * HOUR, email="ann@example.com", traits={"consent": True}, **ann)
    handler(records(("m1", message(first))), context)
    handler(
        records(("m2", message(event("e2", "Identified", NOW - 5 * HOUR, user_id="bob", anonymous_id="kiosk")))),
        context,
    )
    addresses.record_consent(address_of(aws)["PK"].removeprefix("ADDR#"), stopped_at=NOW + 60)
    page = event("e3", "Page Viewed", NOW - 8 * HOUR, anonymous_id="kiosk")
    alias = event("e3", "Aliased", NOW, user_id="new", properties={"previous_id": "ann"})
    said = page if cause.startswith("a page") else alias
    handler(records(("m3", queue_message("server", NOW + 3600, [said]))), context)
    item = address_of(aws)
    assert item["opted_in_at"] < item["stopped_at"]
