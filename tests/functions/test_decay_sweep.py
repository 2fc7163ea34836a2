"""The decay sweep queues what is due, once, and looks at nothing else."""

from dataclasses import replace
from itertools import count

import pytest

from functions.decay_sweep import handler as sweep
from functions.decay_sweep.handler import handler
from functions.score.handler import handler as score
from shared import table
from shared.aws import clients, due, leads
from shared.aws.leads import Writes, save_many
from shared.instants import DAY, HOUR, MINUTE, instant_text, parse_instant
from shared.lead import Lead
from tests.conftest import Aws, Context, sample
from tests.crashes import Killed, calls_counted, killed_at
from tests.functions.test_score import NOW, event, message, records

AT = NOW + 60 * DAY
DELIVERY = count()


def scored(context, number):
    """Leads as `score` leaves them, each due some day."""
    demo = [
        message(event(f"d{n}", "Demo Requested", user_id=f"u{n}"), event(f"t{n}", "Trial Started", user_id=f"u{n}"))
        for n in range(number)
    ]
    score(records(*((f"m{n}", body) for n, body in enumerate(demo))), context)


def waiting(*due_at, start=0):
    """Leads that wait for these instants, spread over the shards."""
    save_many(
        [
            Writes([Lead(f"{number:08d}", version=1, due_at=instant)], {})
            for number, instant in enumerate(due_at, start=start)
        ]
    )


def tick(at):
    return sample("schedule_decay_sweep") | {"time": instant_text(at)}


def run(context, at, queued, again=0, more=False):
    assert handler(tick(at), context) == {"queued": queued, "again": again, "more": more}


def taken(aws):
    return [lead_id for body in aws.messages(aws.settle_queue_url) for lead_id in body["settle"]]


def settle(aws, context):
    queued = aws.messages(aws.settle_queue_url)
    score(records(*((f"s{next(DELIVERY)}", body) for body in queued)), context)
    return sum(len(body["settle"]) for body in queued)


def written(aws):
    """Versions and leases of every lead."""
    return {item[table.PK]: (item[table.VERSION], item.get(table.DUE_ATTEMPTS)) for item in aws.items()}


def ids(*numbers):
    return [f"{number:08d}" for number in numbers]


def test_due_leads_are_queued_once_and_settled(aws: Aws, context: Context):
    scored(context, 12)
    run(context, AT, queued=12)
    run(context, AT, queued=0)
    assert settle(aws, context) == 12
    cooled = [
        item
        for item in aws.items()
        if item.get("detail_type") == "BandChanged" and '"to_band":"early"' in item["detail"]
    ]
    assert len(cooled) == 12


def test_sweeping_again_after_settling_changes_nothing(aws: Aws, context: Context):
    scored(context, 3)
    handler(tick(AT), context)
    settle(aws, context)
    before = aws.items()
    handler(tick(AT), context)
    handler(tick(AT + HOUR), context)
    settle(aws, context)
    assert aws.items() == before


def test_queueing_writes_nothing_to_the_leads(aws: Aws, context: Context):
    waiting(*range(NOW, NOW + 30))
    before = written(aws)
    with calls_counted() as made:
        run(context, NOW + HOUR, queued=30)
    after = written(aws)
    assert {pk: after[pk] for pk in before} == before
    assert made.count("UpdateItem") == 1


def test_leads_go_ten_a_message_and_a_hundred_a_call(aws: Aws, context: Context):
    waiting(*range(NOW, NOW + 250))
    with calls_counted() as made:
        run(context, NOW + HOUR, queued=250)
    assert made.count("SendMessageBatch") == 3
    bodies = aws.messages(aws.settle_queue_url)
    assert [len(body["settle"]) for body in bodies] == [10] * 25
    assert {body["as_of"] for body in bodies} == {instant_text(NOW + HOUR)}


def test_a_lead_whose_settling_was_lost_comes_back_when_it_has_waited_long_enough(aws: Aws, context: Context):
    waiting(NOW)
    run(context, NOW, queued=1)
    run(context, NOW + 14 * MINUTE, queued=0)
    run(context, NOW + 15 * MINUTE, queued=0, again=1)
    assert taken(aws) == ids(0, 0)


def test_what_is_still_queued_is_not_queued_again_while_newer_leads_are(aws: Aws, context: Context):
    waiting(NOW, NOW, NOW + 5 * MINUTE, NOW + 10 * MINUTE)
    run(context, NOW, queued=2)
    run(context, NOW + 5 * MINUTE, queued=1)
    run(context, NOW + 10 * MINUTE, queued=1)
    assert taken(aws) == ids(0, 1, 2, 3)


def test_a_lead_that_keeps_failing_comes_back_with_growing_delay(aws: Aws, context: Context):
    waiting(NOW)
    came = [
        minutes
        for minutes in range(0, 24 * 60, 15)
        if (said := handler(tick(NOW + minutes * MINUTE), context))["queued"] + said["again"]
    ]
    assert came == [0, 15, 30, 60, 120, 240, 480, 960]


def test_settling_ends_the_growing_delay(aws: Aws, context: Context):
    waiting(NOW)
    for minutes in (0, 15, 30):
        handler(tick(NOW + minutes * MINUTE), context)
    assert written(aws)["LEAD#00000000"] == (1, 2)
    save_many([Writes([Lead("00000000", version=2, due_at=NOW + DAY)], {"00000000": 1})])
    assert written(aws)["LEAD#00000000"] == (2, None)
    run(context, NOW + DAY, queued=1)


def test_an_instant_written_late_behind_what_was_swept_is_found(aws: Aws, context: Context):
    waiting(*[NOW + DAY] * 8)
    run(context, NOW + DAY, queued=8)
    for lead in leads.get_leads(ids(*range(8))).values():
        save_many([Writes([replace(lead, version=2, due_at=None)], {lead.lead_id: 1})])
    waiting(NOW, NOW + HOUR, start=8)
    taken(aws)
    run(context, NOW + DAY + 15 * MINUTE, queued=0, again=2)
    assert sorted(taken(aws)) == ids(8, 9)


def test_a_run_for_an_earlier_time_than_the_last_finds_what_is_due_then(aws: Aws, context: Context):
    waiting(*[NOW + 60 * DAY] * 8)
    run(context, NOW + 60 * DAY, queued=8)
    waiting(NOW, start=8)
    run(context, NOW + MINUTE, queued=0, again=1)
    before = due.swept(table.SETTLE)
    assert min(before.queued) == NOW + 60 * DAY
    run(context, NOW + 2 * MINUTE, queued=0)
    assert due.swept(table.SETTLE) == before


def test_a_run_that_must_stop_goes_on_with_the_next(aws: Aws, context: Context, monkeypatch):
    monkeypatch.setattr(sweep, "MOST", 200)
    waiting(*(NOW + number for number in range(450)))
    found = []
    for queued in (200, 200, 50):
        run(context, NOW + HOUR, queued=queued, more=queued == 200)
        found += taken(aws)
    assert sorted(found) == ids(*range(450))


def test_leads_that_share_an_instant_are_found_although_the_run_stopped_among_them(aws: Aws, context, monkeypatch):
    monkeypatch.setattr(sweep, "MOST", 100)
    waiting(*[NOW] * 300)
    found, at = [], NOW
    while handler(tick(at), context)["more"]:
        done = taken(aws)
        save_many([Writes([Lead(lead_id, version=2)], {lead_id: 1}) for lead_id in done])
        found += done
        at += 15 * MINUTE
    assert sorted(found + taken(aws)) == ids(*range(300))


def test_a_run_without_time_left_says_so_and_queues_nothing(aws: Aws, context: Context):
    waiting(NOW)
    context.remaining_ms = sweep.LEFT_FOR_A_HUNDRED - 1
    run(context, NOW, queued=0, more=True)
    context.remaining_ms = 30_000
    run(context, NOW, queued=1)


def test_another_run_that_was_faster_is_not_set_back(aws: Aws, context: Context):
    seen = due.swept(table.SETTLE)
    assert due.remember(table.SETTLE, seen.moved((NOW + 5,) * 8, NOW))
    assert not due.remember(table.SETTLE, seen.moved((NOW,) * 8, NOW))
    assert due.swept(table.SETTLE).queued == (NOW + 5,) * 8


def test_calls_follow_what_is_due_and_not_how_many_leads_there_are(aws: Aws, context: Context):
    waiting(NOW, NOW)
    with calls_counted() as few:
        run(context, NOW, queued=2)
    waiting(*[NOW + DAY] * 400, start=2)
    waiting(NOW + 1, NOW + 1, start=402)
    with calls_counted() as many:
        run(context, NOW + 1, queued=2)
    assert many == few
    with calls_counted() as none:
        run(context, NOW + 2, queued=0)
    assert none == ["GetItem"] + ["Query"] * 8


def test_nothing_is_read_but_the_index_when_nothing_is_due(aws: Aws, context: Context):
    scored(context, 5)
    with calls_counted() as made:
        handler(tick(parse_instant("2026-11-18T10:00:01Z")), context)
    assert made == ["GetItem"] + ["Query"] * 8


def test_stopping_at_any_call_and_running_again_queues_every_due_lead(aws: Aws, context: Context):
    """Leads due for the first time, two whose lease has run out, and one written late."""

    def anew():
        for item in aws.items():
            key = {name: {"S": item[name]} for name in (table.PK, table.SK)}
            clients.dynamodb().delete_item(TableName=aws.table_name, Key=key)
        waiting(NOW, NOW)
        for minutes in (0, 15):
            handler(tick(NOW + minutes * MINUTE), context)
        waiting(NOW + 16 * MINUTE, NOW + 17 * MINUTE, NOW + 18 * MINUTE, start=2)
        waiting(NOW, start=8)  # in the shard of the first
        taken(aws)

    at = NOW + HOUR
    anew()
    with calls_counted() as made:
        run(context, at, queued=3, again=3)
    truth = sorted(taken(aws))
    assert truth == ids(0, 1, 2, 3, 4, 8)
    for number in range(len(made)):
        for after in (False, True):
            anew()
            with pytest.raises(Killed), killed_at(number, after=after):
                handler(tick(at), context)
            handler(tick(at), context)
            handler(tick(at + HOUR), context)
            assert sorted(set(taken(aws))) == truth, (number, after, made[number])
    assert {"GetItem", "Query", "UpdateItem", "SendMessageBatch"} == set(made)
