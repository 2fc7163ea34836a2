"""Lead items: what is written is what is read, and small."""

import json
import zlib
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.aws import leads
from shared.aws.items import from_item, to_item
from shared.identity import event_key
from shared.lead import Adjustment, Alias, Fact, Judgement, Lead, Settled, View
from shared.rules.model import scoring_model
from shared.rules.settling import settle
from tests.audience_events import NOW, calls_of, everybody, lead_event
from tests.conftest import Aws
from tests.rules.models import lead_of, lives, models
from tests.rules.world import World


def typical(bundle_path):
    """The director of the demo's audience: ten kinds of fact over four weeks, a full profile, three identities."""
    model = scoring_model(json.loads(bundle_path.read_text()))
    world = World(model)
    (sarah,) = everybody().who("sarah")
    number = everybody().people.index(sarah)
    world.apply([lead_event(call) for call in calls_of([number])])
    lead = world.lead("user", sarah.user_id)
    lead = settle(lead, model, NOW, fresh=True, own=True).lead
    return replace(lead, settled=lead.settled._replace(playbook=model.bundle))


def read_back(lead):
    return leads.read_entry(from_item(to_item(leads._lead_values(lead, 0))))


def stored_bytes(lead):
    item = leads._lead_values(lead, 180_000)
    return sum(
        len(name) + len(value if isinstance(value, bytes) else str(value).encode()) for name, value in item.items()
    )


def test_a_typical_active_lead_stays_under_a_kilobyte(bundle_path):
    lead = typical(bundle_path)
    assert len(lead.facts) >= 8
    assert len(lead.profile) >= 8
    size = stored_bytes(lead)
    print(f"typical lead: {size} bytes, {sum(map(len, lead.facts.values()))} facts, {len(lead.days)} active days")
    assert size < 1000
    reading = replace(lead, views=(View(NOW, event_key("e")[:6], event_key("a")[:6]),))
    print(f"while a page is read: {stored_bytes(reading)} bytes")
    assert stored_bytes(reading) < 1000


@settings(max_examples=200, deadline=None)
@given(models(), lives())
def test_what_is_written_is_what_is_read(model, events):
    lead = lead_of(events, model)
    assert read_back(lead) == lead


instants = st.integers(0, 2**33)
words = st.text(max_size=12)
facts = st.builds(
    Fact,
    at=instants,
    event=words,
    asset=words,
    verdict=st.sampled_from(["human", "unsure", "machine"]),
    late=st.booleans(),
)
adjustments = st.builds(
    Adjustment,
    at=instants,
    event=words,
    points=st.integers(-(10**6), 10**6),
    by=words,
    reason=words,
    until=st.just(0) | instants,
)
judgements = st.builds(
    Judgement,
    instants,
    words,
    instants,
    instants,
    st.sampled_from(["human", "machine"]),
    words,
    by=words,
    visitor=words,
)
views = st.builds(View, instants, words, words)
settleds = st.builds(
    Settled,
    at=instants,
    band=st.sampled_from([None, "early", "engaged"]),
    qualified=st.booleans(),
    qualification=st.integers(0, 9),
    announced_band=st.sampled_from([None, "early", "engaged"]),
    announced_qualification=st.integers(0, 9),
    lapse_unsaid=st.booleans(),
    stage=st.sampled_from(["lead", "mql", "sql"]),
    playbook=words,
    triggers=st.dictionaries(words, st.tuples(instants, words), max_size=3),
)


@settings(max_examples=200, deadline=None)
@given(
    facts=st.dictionaries(words, st.lists(facts, max_size=4).map(tuple), max_size=3),
    adjustments=st.lists(adjustments, max_size=3).map(tuple),
    judgements=st.lists(judgements, max_size=3).map(tuple),
    views=st.lists(views, max_size=3).map(tuple),
    settled=settleds,
)
def test_what_was_settled_triggered_adjusted_judged_or_came_late_is_read_as_written(
    facts, adjustments, judgements, views, settled
):
    lead = Lead("l", facts=facts, adjustments=adjustments, judgements=judgements, views=views, settled=settled)
    assert read_back(lead) == lead


def test_an_item_without_playbook_triggers_adjustments_or_late_facts_still_reads():
    state = {
        "identities": {"user#u": ["", 1, 2]},
        "profile": [[5, "e", 1, {"title": "Director"}]],
        "facts": {"demo.1": [[1, "e"], [2, "f", "", "unsure"]]},
        "days": [19_000],
        "first_seen": 1,
        "filed": "x",
        "complete_since": 0,
        "asked_at": 0,
        "settled": [9, "engaged", "early", "mql", 1, 2, 1],
    }
    item = {"PK": "LEAD#l", "SK": "LEAD", "version": 3, "state": zlib.compress(json.dumps(state).encode())}
    lead = leads.read_entry(item)
    assert lead.facts == {"demo.1": (Fact(1, "e"), Fact(2, "f", "", "unsure"))}
    assert lead.settled == Settled(
        9, "engaged", "early", "mql", qualified=True, qualification=2, announced_qualification=1
    )
    assert lead.adjustments == ()
    assert json.loads(zlib.decompress(leads._lead_values(lead, 0)["state"])) == state


def test_every_lead_of_the_audience_reads_back_as_written(bundle_path):
    model = scoring_model(json.loads(bundle_path.read_text()))
    world = World(model)
    world.apply([lead_event(call) for call in calls_of(range(40))])
    for lead in world.homes.values():
        if isinstance(lead, Lead):
            settled = settle(lead, model, NOW, fresh=True, own=True).lead
            assert read_back(settled) == settled


def test_a_lead_is_found_through_a_chain_of_aliases(aws: Aws):
    entries = (Lead("l", version=1), Alias("b", "l", version=1), Alias("a", "b", ((5, "b"),), version=1))
    leads.save_many([leads.Writes([entry], {}) for entry in entries])
    assert leads.get_lead("a").lead_id == "l"
    assert leads.load(["a"])["a"] == Alias("a", "b", ((5, "b"),), version=1)
    assert leads.load(["nobody"]) == {"nobody": None}
