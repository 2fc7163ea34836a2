"""
Every Python on every machine gives the same scores, bit for bit: three hundred lives against one stored digest.

The digest changes with any rule, and with the generator. Run this file by two versions of Python before it is stored
again: they must print the same.
"""

import hashlib
import json
import random

from shared.instants import DAY
from shared.rules.decay import _TABLE, halved, stepped
from shared.rules.horizon import next_change_at, settling_watch
from shared.rules.scoring import bound_of, evaluate, standing_of
from tests.rules.models import lead_of, life_of, model_of, newest_of

LIVES = 300
LOOKS = (0, 1, 12_345, 3 * DAY, 40 * DAY, 365 * DAY)

SCORES = "4daf52dad3e5950202c019c90a1ee07a146ba5deb305cc1e72143502879cd86b"
FADING = "e0e3ee79dd3681f28ab60c226cd5a1b765f66364aa1c7765bfe72307dafced26"


def digest(parts):
    told = hashlib.sha256()
    for part in parts:
        told.update(json.dumps(part, sort_keys=True).encode())
    return told.hexdigest()


def lives():
    for seed in range(LIVES):
        chance = random.Random(seed)
        model, events = model_of(chance), life_of(chance)
        lead, now = lead_of(events, model), newest_of(events)
        for seconds in LOOKS:
            found = evaluate(lead, model, now + seconds)
            said = {**found._asdict(), "lines": [line._asdict() for line in found.lines], "rules": sorted(found.rules)}
            yield {**said, "bound": bound_of(lead, standing_of(lead, model, now + seconds), model, now + seconds)}
        yield next_change_at(lead, model, now, settling_watch(model, lead.settled))


def fading():
    yield _TABLE
    for points in (1, -333, 500, 82_500, 100_000_000):
        for age in (0, 1, 59, 86_399, 1_000_000, 123_456_789):
            for span in (1, 60, 86_400, 2_592_000):
                yield [halved(points, age, span), *(stepped(points, age, percent, span) for percent in (1, 25, 100))]


def test_scores_of_three_hundred_lives_are_the_same_on_every_python():
    assert digest(lives()) == SCORES


def test_what_is_left_of_points_is_the_same_on_every_python():
    assert digest(fading()) == FADING
