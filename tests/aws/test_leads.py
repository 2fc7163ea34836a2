"""Lead items: what is written is what is read, only over what was read, and small."""

import json

import pytest
from hypothesis import given, settings

from shared.aws import leads
from shared.aws.items import from_item, to_item
from shared.errors import ConflictError
from shared.lead import Alias, Lead
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
    return settle(lead, model, NOW, fresh=True, own=True).lead


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


@settings(max_examples=200, deadline=None)
@given(models(), lives())
def test_what_is_written_is_what_is_read(model, events):
    lead = lead_of(events, model)
    assert read_back(lead) == lead


def test_every_lead_of_the_audience_reads_back_as_written(bundle_path):
    model = scoring_model(json.loads(bundle_path.read_text()))
    world = World(model)
    world.apply([lead_event(call) for call in calls_of(range(40))])
    for lead in world.homes.values():
        if isinstance(lead, Lead):
            settled = settle(lead, model, NOW, fresh=True, own=True).lead
            assert read_back(settled) == settled


def test_an_entry_is_written_only_over_the_version_that_was_read(aws: Aws):
    leads.save([Lead("l", version=1)], {}, [], {})
    with pytest.raises(ConflictError):
        leads.save([Lead("l", version=1)], {}, [], {})
    leads.save([Lead("l", version=2)], {"l": 1}, [], {})
    with pytest.raises(ConflictError):
        leads.save([Lead("l", version=2)], {"l": 1}, [], {})
    assert leads.get_lead("l").version == 2


def test_entries_that_belong_together_are_written_all_or_not_at_all(aws: Aws):
    leads.save([Alias("a", "l", version=1)], {}, [], {})
    with pytest.raises(ConflictError):
        leads.save([Lead("l", version=1), Alias("a", "l", version=1)], {}, [], {})
    assert leads.get_lead("l") is None


def test_a_lead_is_found_through_a_chain_of_aliases(aws: Aws):
    leads.save([Lead("l", version=1)], {}, [], {})
    leads.save([Alias("b", "l", version=1)], {}, [], {})
    leads.save([Alias("a", "b", ((5, "b"),), version=1)], {}, [], {})
    assert leads.get_lead("a").lead_id == "l"
    assert leads.load(["a"])["a"] == Alias("a", "b", ((5, "b"),), version=1)
    assert leads.load(["nobody"]) == {"nobody": None}
