"""Changes reach the bus once they are recorded, and again only as copies with the same id."""

import json

import pytest

from functions.publish.handler import handler
from shared import settings
from shared.aws import clients
from shared.aws.items import to_item
from shared.aws.outbox import change_item
from shared.errors import DeliveryError
from shared.instants import HOUR, instant_text, parse_instant
from tests.conftest import Aws, Context, sample

AT = parse_instant("2026-11-18T10:00:00Z")


def record(number=1, *, silent=False):
    item = change_item(
        lead_id=f"lead{number}",
        at=AT,
        unique="00000001#BandChanged",
        detail_type="BandChanged",
        detail={"version": 1},
        silent=silent,
    )
    clients.dynamodb().put_item(TableName=settings.table_name(), Item=to_item(item))
    return {"eventName": "INSERT", "dynamodb": {"NewImage": to_item(item)}}


def test_a_recorded_change_reaches_the_bus_and_leaves_the_due_index(aws: Aws, context: Context):
    handler({"Records": [record()]}, context)
    (told,) = aws.messages(aws.bus_queue_url)
    assert (told["source"], told["detail-type"]) == ("ripen", "BandChanged")
    assert told["detail"]["change_id"] == "lead1:2026-11-18T10:00:00Z:00000001#BandChanged"
    (item,) = aws.items()
    assert item["published_at"] == "2026-11-18T10:00:00Z"
    assert "due_key" not in item


def test_the_same_stream_batch_twice_gives_copies_with_one_id(aws: Aws, context: Context):
    batch = {"Records": [record()]}
    handler(batch, context)
    handler(batch, context)
    assert len({told["detail"]["change_id"] for told in aws.messages(aws.bus_queue_url)}) == 1


def test_a_silent_change_is_history_only(aws: Aws, context: Context):
    handler({"Records": [record(silent=True)]}, context)
    assert aws.messages(aws.bus_queue_url) == []


def test_the_schedule_publishes_what_the_stream_missed_once(aws: Aws, context: Context):
    for number in range(25):
        record(number)
    tick = sample("schedule_decay_sweep") | {"time": instant_text(AT + HOUR)}
    handler(tick, context)
    handler(tick, context)
    assert len(aws.messages(aws.bus_queue_url)) == 25


def test_the_schedule_leaves_young_changes_to_the_stream(aws: Aws, context: Context):
    record()
    handler(sample("schedule_decay_sweep") | {"time": instant_text(AT + 60)}, context)
    assert aws.messages(aws.bus_queue_url) == []


def test_a_refused_change_raises_and_stays_due_while_the_others_are_out(aws: Aws, context: Context, monkeypatch):
    records = [record(1), record(2)]
    put = clients.events().put_events

    def refuse_one(**said):
        answer = put(Entries=said["Entries"][:1])
        answer["Entries"].append({"ErrorCode": "ThrottlingException"})
        return answer

    monkeypatch.setattr(clients.events(), "put_events", refuse_one)
    with pytest.raises(DeliveryError):
        handler({"Records": records}, context)
    assert ["due_key" in item for item in aws.items()] == [False, True]


def test_the_sample_is_a_change_of_the_stream():
    event = sample("dynamodb_stream_change")
    assert json.loads(event["Records"][0]["dynamodb"]["NewImage"]["detail"]["S"])["lead_id"]
