"""The demo's audience through the real handler in fifty orders: no raw evaluation depends on how its events arrive."""

import random

from functions.score.handler import handler
from functions.score.models import in_force as model
from shared.aws.leads import read_entry
from shared.lead import Lead, queue_message
from shared.rules.scoring import evaluate
from tests.audience_events import AS_OF, NOW, events_of, rearranged
from tests.conftest import Aws, Context
from tests.functions.test_score import records
from tests.functions.test_score_crashes import anew

WAYS = 50
PEOPLE = 6


def batch(events, name):
    by_source = {}
    for number, event in enumerate(events):
        by_source.setdefault((event.source, number // 7), []).append(event)
    return records(
        *(
            (f"{name}-{number}", queue_message(source, NOW, chunk))
            for number, ((source, _), chunk) in enumerate(sorted(by_source.items(), key=lambda each: each[0]))
        )
    )


def evaluations(aws):
    entries = [read_entry(item) for item in aws.items() if item["SK"] == "LEAD"]
    return {
        tuple(sorted(lead.identities)): evaluate(lead, model(), AS_OF) for lead in entries if isinstance(lead, Lead)
    }


def test_fifty_orders_batchings_and_repetitions_give_one_evaluation(aws: Aws, context: Context, playbook):
    chance = random.Random(50)
    for way in range(WAYS):
        crowd = events_of(range(way * PEOPLE, (way + 1) * PEOPLE))
        anew(aws)
        assert handler(batch(crowd, "straight"), context) == {"batchItemFailures": []}
        straight = evaluations(aws)
        anew(aws)
        for number, part in enumerate(rearranged(crowd, chance, batches=3)):
            assert handler(batch(part, f"mixed{number}"), context) == {"batchItemFailures": []}
        assert evaluations(aws) == straight, f"way {way}"
        assert straight
