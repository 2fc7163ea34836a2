"""Touches on the send item: there and back, once whatever comes at once, and nothing for nobody."""

from dataclasses import replace

import pytest

from shared.aws import clients, sends, touches, unsubscribes
from shared.engagement import Touch
from shared.instants import parse_instant
from tests.conftest import Aws, Context
from tests.engagement_world import SEND
from tests.nurture_world import LEAD_ID, deliver, enrolled, forget, order, use_playbook

AT = parse_instant("2026-11-18T10:01:40Z")
CLICK = Touch("click:x:1", "click", AT, "guide", sign="unsure", said="why", agent="abc", told="human")
OPEN = Touch("open:x:1", "open", AT - 5)


@pytest.fixture
def sent(aws: Aws, context: Context, tmp_path, monkeypatch):
    use_playbook(tmp_path, monkeypatch)
    enrolled()
    deliver(context, order())
    yield touches.get_touched(SEND)
    forget()


def test_a_mail_just_sent_was_touched_by_nobody(sent):
    assert (sent.content, sent.touches, sent.stopped, sent.version) == ("awareness-1", (), False, 0)


def test_touches_come_back_as_they_were_written(sent):
    written = replace(sent, touches=(OPEN, CLICK), agents={"abc": "Mozilla/5.0"}, links={"guide": "https://a.example"})
    assert touches.save(written)
    assert touches.get_touched(SEND) == replace(written, version=1)


def test_of_two_who_write_at_once_the_second_reads_again(sent):
    assert touches.save(replace(sent, touches=(OPEN,)))
    assert not touches.save(replace(sent, touches=(CLICK,)))
    again = touches.get_touched(SEND)
    assert again is not None
    assert again.touches == (OPEN,)
    assert touches.save(replace(again, touches=(OPEN, CLICK)))


def test_a_send_that_is_not_there_is_not_made(aws: Aws, sent):
    nobody = replace(SEND, step=7)
    assert touches.get_touched(nobody) is None
    assert not touches.save(replace(sent, ref=nobody, touches=(OPEN,)))
    assert not any(item["SK"].endswith("#007") for item in aws.items(f"LEAD#{LEAD_ID}"))


def test_the_state_of_the_mail_and_its_touches_do_not_get_into_each_other_s_way(sent):
    touches.save(replace(sent, touches=(CLICK,)))
    assert sends.settle(SEND, "delivered")
    assert unsubscribes.note(SEND, AT)
    again = touches.get_touched(SEND)
    assert again is not None
    assert (again.touches, again.stopped) == ((CLICK,), True)
    assert touches.save(replace(again, touches=()))
    item = sends.get_send(SEND)
    assert item is not None
    assert item.state == "delivered"


def test_a_mail_that_is_touched_all_the_time_stays_small(sent):
    every = tuple(replace(CLICK, id=f"click:{'x' * 22}:{number}", said="w" * 60) for number in range(30))
    agents = {f"{number:08d}": "M" * 300 for number in range(30)}
    touches.save(replace(sent, touches=every, agents=agents))
    item = clients.dynamodb().get_item(TableName="ripen-test", Key=touches._key(SEND))["Item"]
    assert len(item["touches"]["S"]) < 9_000
