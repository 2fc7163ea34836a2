"""After a playbook was published every lead is queued to be settled: none is missed, whatever happens on the way."""

import json

import pytest

from functions.resettle.handler import handler
from functions.score.handler import handler as score
from shared import table
from shared.aws import chains, playbooks
from shared.aws.leads import get_leads
from shared.bundle import playbook_document
from shared.instants import instant_text, parse_instant
from shared.lead import Alias, Lead, Naming, Settled
from shared.rules.model import BANDS
from tests.conftest import Aws, Context, sample
from tests.crashes import Killed, calls_counted, killed_at
from tests.lead_items import save

AT = parse_instant("2026-11-18T10:00:00Z")
BUNDLE = "other-1"
LEADS = [f"lead{'abcdefgh'[n % 8]}{n:04d}"[-9:] for n in range(60)]


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(chains, "PAGE", 2)


def keep_leads(lead_ids=LEADS, bands=BANDS):
    """Leads in the bands; many share a bound, as leads do. Beside them an alias, which is nobody."""
    for number, lead_id in enumerate(lead_ids):
        lead = Lead(
            lead_id,
            version=1,
            identities={f"user#{lead_id}": Naming(lead_id, AT, AT)},
            first_seen=AT,
            settled=Settled(AT, bands[number % len(bands)], bands[number % len(bands)]),
        )
        save([lead], bounds={lead_id: 20_000 * (number % 4)})
    save([Alias("alias", lead_ids[0], version=1)])


def publish(bundle=BUNDLE, *, announce=False):
    seen = playbooks.pointer()
    playbooks.put({**playbook_document(), "bundle": bundle}, by="maria", at=AT)
    chains.start(bundle, BANDS, as_of=AT, announce=announce)
    playbooks.move(bundle, seen=None if seen is None else seen.bundle, by="maria", at=AT)
    return [chain.message() for chain in chains.chains(bundle)]


def deliver(body, context):
    handler({"Records": [{"messageId": "m1", "body": json.dumps(body)}]}, context)


def walk(aws, messages, context):
    """Deliver messages, and what they lead to, until none is left."""
    waiting = list(messages)
    while waiting:
        deliver(waiting.pop(0), context)
        waiting += aws.messages(aws.resettle_queue_url)


def queued(aws):
    return [lead_id for body in aws.messages(aws.settle_queue_url) for lead_id in body["settle"]]


def walked(bundle=BUNDLE):
    found = chains.chains(bundle)
    assert len(found) == 24
    assert all(chain.done for chain in found)
    return sum(chain.walked for chain in found)


def test_every_lead_is_queued_once(aws: Aws, context: Context):
    keep_leads()
    walk(aws, publish(), context)
    assert sorted(queued(aws)) == sorted(LEADS)
    assert walked() == len(LEADS)


def test_a_stage_without_leads_is_done_at_once(aws: Aws, context: Context):
    walk(aws, publish(), context)
    assert queued(aws) == []
    assert walked() == 0


def test_every_message_twice_counts_a_lead_once(aws: Aws, context: Context):
    keep_leads()
    walk(aws, [each for each in publish() for _ in range(2)], context)
    assert set(queued(aws)) == set(LEADS)
    assert walked() == len(LEADS)


def test_a_settle_message_says_when_and_whether_to_announce(
    aws: Aws, context: Context, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(chains, "PAGE", 500)
    keep_leads(LEADS[:1])
    walk(aws, publish(), context)
    assert aws.messages(aws.settle_queue_url) == [{"schema": 1, "settle": LEADS[:1], "as_of": instant_text(AT)}]
    walk(aws, publish("other-2", announce=True), context)
    assert aws.messages(aws.settle_queue_url) == [
        {"schema": 1, "settle": LEADS[:1], "as_of": instant_text(AT), "announce": True}
    ]


def test_ten_leads_go_in_a_message(aws: Aws, context: Context, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(chains, "PAGE", 500)
    keep_leads([f"{n:05d}aaaa" for n in range(25)], ["engaged"])  # one chain
    walk(aws, publish(), context)
    assert sorted(len(body["settle"]) for body in aws.messages(aws.settle_queue_url)) == [5, 10, 10]


def test_a_page_of_leads_costs_the_same_however_many_there_are(aws: Aws, context: Context):
    keep_leads([f"{n:05d}aaaa" for n in range(12)], ["early"])
    publish()
    shard = table.shard("aaaa")
    with calls_counted() as made:
        deliver(chains.Chain(BUNDLE, "early", shard, AT).message(), context)
    assert made == ["GetItem", "GetItem", "Query", "SendMessageBatch", "UpdateItem", "SendMessageBatch"]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_stopped_at_any_call_and_delivered_again_no_lead_is_missed(aws: Aws, context: Context, after):
    leads = [f"{n:05d}aaaa" for n in range(5)]  # one chain of three pages
    keep_leads(leads, ["early"])
    for call in range(17):
        bundle = f"other-{call}"
        publish(bundle)
        stopped = walked_although_stopped_at(call, bundle, aws, context, after=after)
        assert stopped
        assert set(queued(aws)) == set(leads), call
        chain = chains.get_chain(bundle, "early", table.shard("aaaa"))
        assert chain is not None
        assert (chain.done, chain.walked) == (True, len(leads)), call


def walked_although_stopped_at(call, bundle, aws, context, *, after):
    """Walk the one chain of the test; the message that is being handled at that call is delivered again."""
    waiting = [chains.Chain(bundle, "early", table.shard("aaaa"), AT).message()]
    stopped, made = False, 0
    while waiting:
        body = waiting.pop(0)
        try:
            with killed_at(call - made, after=after) as calls:
                deliver(body, context)
        except Killed:
            stopped = True
            waiting.insert(0, body)
        made += len(calls)
        waiting += aws.messages(aws.resettle_queue_url)
    return stopped


def test_the_walk_of_a_superseded_playbook_ends(aws: Aws, context: Context):
    keep_leads()
    old = publish()
    new = publish("other-2")
    walk(aws, old, context)
    assert queued(aws) == []
    walk(aws, new, context)
    assert sorted(queued(aws)) == sorted(LEADS)


def test_a_playbook_published_again_is_walked_again(aws: Aws, context: Context):
    keep_leads()
    walk(aws, publish(), context)
    publish("other-2")
    queued(aws)
    walk(aws, publish(), context)
    assert sorted(queued(aws)) == sorted(LEADS)
    assert walked() == len(LEADS)


def test_the_sample_asks_for_a_first_page(aws: Aws, context: Context):
    keep_leads()
    said = json.loads(sample("sqs_resettle")["Records"][0]["body"])
    assert said == chains.Chain(said["bundle"], "early", 0, AT).message()
    publish(said["bundle"])
    handler(sample("sqs_resettle"), context)
    assert queued(aws)


def test_every_lead_ends_up_settled_by_the_published_playbook(aws: Aws, context: Context):
    keep_leads()
    playbooks.seed()
    walk(aws, publish(), context)
    playbooks.refresh()  # in a stage the walk begins after every process has looked again
    messages = aws.messages(aws.settle_queue_url)
    records = [{"messageId": f"m{n}", "body": json.dumps(body)} for n, body in enumerate(messages)]
    assert score({"Records": records}, context) == {"batchItemFailures": []}
    assert {lead.settled.playbook for lead in get_leads(LEADS).values()} == {BUNDLE}
