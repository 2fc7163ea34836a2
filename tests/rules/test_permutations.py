"""The demo's audience in five hundred orders: no raw evaluation depends on how its events arrive."""

import json
import random

from shared.lead import Lead
from shared.rules.model import scoring_model
from shared.rules.scoring import evaluate
from tests.audience_events import AS_OF, events_of, everybody, rearranged
from tests.rules.world import World

WAYS = 500
PEOPLE = 10
"""People in one way; five hundred ways meet everybody about sixteen times."""


def evaluations(world):
    return {
        tuple(sorted(lead.identities)): evaluate(lead, world.model, AS_OF)
        for lead in world.homes.values()
        if isinstance(lead, Lead)
    }


def test_five_hundred_orders_batchings_and_repetitions_give_one_evaluation(bundle_path):
    model = scoring_model(json.loads(bundle_path.read_text()))
    chance = random.Random(500)
    count = len(everybody().people)
    events = 0
    for way in range(WAYS):
        crowd = events_of(range(way * PEOPLE, (way + 1) * PEOPLE))
        straight, mixed = World(model), World(model)
        straight.apply(crowd)
        for batch in rearranged(crowd, chance, batches=12):
            mixed.apply(batch)
        assert evaluations(mixed) == evaluations(straight), f"way {way}"
        events += len(crowd)
    print(f"{WAYS} ways, {count} people, {events} events")
