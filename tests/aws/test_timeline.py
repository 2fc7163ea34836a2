"""The timeline items of what one person did, small however many events came together."""

import pytest

from shared.aws.items import to_item
from shared.aws.timeline import events_of, timeline_item
from shared.lead import LeadEvent
from tests.benchmarks.units import item_bytes

AT = 1_790_000_000


def events(number):
    return [
        LeadEvent(
            event_id=f"event-{each}",
            name="Page Viewed",
            occurred_at=AT - each,
            received_at=AT,
            source="server",
            user_id="ada",
            properties={"path": "/resources/comparison", "title": "Résumé of a comparison", "n": each},
        )
        for each in range(number)
    ]


@pytest.mark.parametrize(("number", "held"), [(1, str), (3, str), (4, bytes), (20, bytes)])
def test_events_come_back_as_they_were_put_and_a_visit_fits_a_write_unit(number, held):
    item = timeline_item("h" * 16, "message-" + "m" * 36, "server", AT, events(number))
    assert isinstance(item["events"], held)
    assert item_bytes(to_item(item)) <= 1024
    assert events_of(item) == events(number)
    assert item == timeline_item("h" * 16, "message-" + "m" * 36, "server", AT, events(number))
