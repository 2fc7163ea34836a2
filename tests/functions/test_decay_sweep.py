"""The decay sweep queues what is due, once, and looks at nothing else."""

import pytest

from functions.decay_sweep.handler import handler
from functions.score.handler import handler as score
from functions.score.handler import model
from shared.instants import DAY, instant_text, parse_instant
from tests.conftest import Aws, Context, sample
from tests.crashes import calls_counted
from tests.functions.test_score import NOW, event, message, records


@pytest.fixture(autouse=True)
def _playbook(playbook):
    model.cache_clear()
    yield
    model.cache_clear()


def leads(context, count):
    demo = [
        message(event(f"d{n}", "Demo Requested", user_id=f"u{n}"), event(f"t{n}", "Trial Started", user_id=f"u{n}"))
        for n in range(count)
    ]
    score(records(*((f"m{n}", body) for n, body in enumerate(demo))), context)


def tick(at):
    return sample("schedule_decay_sweep") | {"time": instant_text(at)}


def settle(aws, context):
    queued = aws.messages(aws.events_queue_url)
    score(records(*((f"s{n}", body) for n, body in enumerate(queued))), context)
    return sum(len(body["settle"]) for body in queued)


def test_due_leads_are_queued_once_and_settled(aws: Aws, context: Context):
    leads(context, 12)
    at = NOW + 60 * DAY
    assert handler(tick(at), context) == {"queued": 12}
    assert handler(tick(at), context) == {"queued": 0}
    assert settle(aws, context) == 12
    cooled = [
        item
        for item in aws.items()
        if item.get("detail_type") == "BandChanged" and '"to_band":"early"' in item["detail"]
    ]
    assert len(cooled) == 12


def test_sweeping_again_after_settling_changes_nothing(aws: Aws, context: Context):
    leads(context, 3)
    at = NOW + 60 * DAY
    handler(tick(at), context)
    settle(aws, context)
    before = aws.items()
    handler(tick(at), context)
    settle(aws, context)
    assert aws.items() == before


def test_a_lead_whose_settling_was_lost_comes_back_after_its_lease(aws: Aws, context: Context):
    leads(context, 1)
    at = NOW + 60 * DAY
    handler(tick(at), context)
    aws.messages(aws.events_queue_url)
    assert handler(tick(at + 14 * 60), context) == {"queued": 0}
    assert handler(tick(at + 15 * 60), context) == {"queued": 1}


def test_nothing_is_read_but_the_index_when_nothing_is_due(aws: Aws, context: Context):
    leads(context, 5)
    with calls_counted() as made:
        handler(tick(parse_instant("2026-11-18T10:00:01Z")), context)
    assert made == ["Query"] * 8
