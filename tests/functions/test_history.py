"""Imported history, from the batch that says so to the score: it counts as what happened then, and tells nobody."""

import json

import pytest

from functions.score.handler import handler
from shared.aws import addresses
from shared.errors import InvalidInputError
from shared.identity import address_hash
from shared.instants import DAY, HOUR, instant_text
from shared.intake.segment import read_batch
from shared.lead import LeadEvent, queue_message
from shared.rules.consent import refusal
from tests.conftest import IDENTITY_SECRET, Aws, Context
from tests.functions.test_score import NOW, event, lead_of, message, records

DEMO = {
    "type": "track",
    "event": "Demo Requested",
    "userId": "u",
    "messageId": "d",
    "timestamp": instant_text(NOW - HOUR),
}

pytestmark = pytest.mark.usefixtures("playbook")


def read(*calls, history=True, intake="server"):
    return read_batch({"history": history, "batch": list(calls)}, intake=intake, received_at=NOW)


def queued(*calls, history=True):
    """Return the message that a batch of these calls becomes."""
    events, rejections = read(*calls, history=history)
    assert rejections == []
    return json.loads(json.dumps(queue_message("server", NOW, events)))


def told(aws):
    """Return the types of change that were announced."""
    found = [item for item in aws.items() if item["SK"].startswith("CHANGE")]
    return [item["detail_type"] for item in found if not item.get("silent")]


def facts_of(lead):
    return [fact for facts in lead.facts.values() for fact in facts]


# --- what a batch may say


def test_every_event_of_a_batch_of_history_says_so_on_the_queue() -> None:
    said = queued(DEMO, {**DEMO, "messageId": "e"})["events"]
    assert [each["history"] for each in said] == [True, True]
    events = [LeadEvent.from_json(each, source="server", received_at=NOW) for each in said]
    assert [each.history for each in events] == [True, True]


@pytest.mark.parametrize("said", [None, False])
def test_a_batch_that_is_no_history_says_nothing_of_it(said) -> None:
    events, _ = read(DEMO, history=said, intake="public")
    assert "history" not in events[0].to_json()


def test_a_public_key_cannot_say_that_its_batch_is_history() -> None:
    with pytest.raises(InvalidInputError, match="needs a server key") as refusal:
        read(DEMO, intake="public")
    assert refusal.value.field == "history"


@pytest.mark.parametrize("said", ["true", 1, "yes", [], {}])
def test_history_is_true_or_false(said) -> None:
    with pytest.raises(InvalidInputError, match="must be true or false"):
        read(DEMO, history=said)


def test_when_history_was_sent_says_nothing_of_a_clock() -> None:
    then = instant_text(NOW - 300 * DAY)
    events, _ = read({**DEMO, "timestamp": then, "sentAt": then})
    assert events[0].occurred_at == NOW - 300 * DAY


def test_an_event_on_the_queue_with_another_kind_of_history_is_not_ours(context: Context) -> None:
    odd = queue_message("server", NOW, [event("e", "Demo Requested", user_id="u")])
    odd["events"][0]["history"] = "yes"
    assert handler(records(("m", odd)), context) == {"batchItemFailures": [{"itemIdentifier": "m"}]}


# --- what it does


def test_history_of_an_hour_ago_scores_and_tells_nobody(aws: Aws, context: Context) -> None:
    for _ in range(2):
        handler(records(("m", queued(DEMO))), context)
    lead = lead_of(aws, "user", "u")
    assert lead.settled.qualified
    assert lead.settled.announced_qualification == 0
    assert all(fact.late for fact in facts_of(lead))
    assert told(aws) == []


def test_what_history_reached_is_announced_by_the_next_own_event(aws: Aws, context: Context) -> None:
    handler(records(("m1", queued(DEMO))), context)
    handler(records(("m2", message(event("p", "Page Viewed", NOW, user_id="u", properties={"path": "/"})))), context)
    assert sorted(told(aws)) == ["BandChanged", "LeadQualified"]


def test_history_in_one_batch_with_anothers_news_tells_nobody(aws: Aws, context: Context) -> None:
    news = message(event("p", "Page Viewed", NOW, user_id="other", properties={"path": "/"}))
    handler(records(("m1", queued(DEMO)), ("m2", news)), context)
    assert "LeadQualified" not in told(aws)


def test_history_imported_after_it_was_received_live_changes_nothing(aws: Aws, context: Context) -> None:
    handler(records(("m1", queued(DEMO, history=False))), context)
    lead, before = lead_of(aws, "user", "u"), told(aws)
    handler(records(("m2", queued(DEMO))), context)
    assert lead_of(aws, "user", "u") == lead
    assert told(aws) == before == ["BandChanged", "LeadQualified"]


def test_a_live_copy_of_what_was_imported_is_one_event_and_is_news(aws: Aws, context: Context) -> None:
    handler(records(("m1", queued(DEMO))), context)
    for name in ("m2", "m3"):
        handler(records((name, queued(DEMO, history=False))), context)
    lead = lead_of(aws, "user", "u")
    assert [(fact.event, fact.late) for fact in facts_of(lead)] == [(facts_of(lead)[0].event, False)]
    assert told(aws) == ["BandChanged", "LeadQualified"]


def test_imported_consent_counts_from_its_own_time_and_no_later_stop_is_undone(aws: Aws, context: Context) -> None:
    address = address_hash("ada@example.com", IDENTITY_SECRET)
    addresses.record_consent(address, stopped_at=NOW - 10 * DAY)
    said = {
        "type": "identify", "messageId": "c", "timestamp": instant_text(NOW - 100 * DAY),
        "traits": {"email": "ada@example.com", "consent": True},
    }  # fmt: skip
    handler(records(("m", queued(said))), context)
    known = addresses.get_address(address)
    assert (known.opted_in_at, known.stopped_at) == (NOW - 100 * DAY, NOW - 10 * DAY)
    assert told(aws) == []


def test_a_yes_of_a_file_that_was_written_after_the_stop_undoes_it_no_more(aws: Aws, context: Context) -> None:
    address = address_hash("ada@example.com", IDENTITY_SECRET)
    addresses.record_consent(address, proven_at=NOW - 20 * DAY, opted_in_at=NOW - 20 * DAY, stopped_at=NOW - 10 * DAY)
    said = {
        "type": "identify", "messageId": "c", "timestamp": instant_text(NOW - DAY),
        "traits": {"email": "ada@example.com", "consent": True},
    }  # fmt: skip
    for _ in range(2):
        handler(records(("m", queued(said))), context)
    assert refusal(addresses.get_address(address), silence_is_consent=True) == "stopped"
