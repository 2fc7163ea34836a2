"""
Which arm of a test an address is in, and what names a test.

An address stays in its arm as long as that is sent at all: in another run, after a merge, and when another arm is out.
"""

import json
from collections.abc import Collection
from dataclasses import replace
from hashlib import blake2b

from shared.rules.tracks import Test, Track, sticky

ROUNDS = 100
"""Draws over all arms before one is drawn among those that are left alone."""


def arm_of(test: Test, track: str, key: str) -> str:
    """
    Return the name of the arm that the address is in.

    Whoever is in an arm that is out is drawn anew, by the same weights, until the arm is one that is left.

    Args:
        test: Of a step.
        track: Names the draw, so that tests are independent of each other.
        key: The name of the address: merges keep it.
    """
    if test.winner is not None:
        return test.winner
    weights = {arm.name: arm.weight for arm in test.arms}
    left = {name: weight for name, weight in weights.items() if name not in test.out} or weights
    draw = f"test {track} {test.name}"
    for number in range(ROUNDS):
        name = sticky(draw if number == 0 else f"{draw} {number}", key, weights)
        if name in left:
            return name
    return sticky(f"{draw} left", key, left)


def trial_id(track: str, test: Test) -> str:
    """
    Return what names the trial that the test is: twelve characters, of its track, name, measure and arms.

    What decides (`least`, `confidence`, `guard`, `drop`) may change while it goes on; with other arms or weights another
    trial begins, because what was counted before says nothing of them.
    """
    arms = [[arm.name, arm.content, arm.at, arm.weight] for arm in test.arms]
    said = json.dumps([track, test.name, test.measure, arms])
    return blake2b(said.encode(), digest_size=6).hexdigest()


def tests_of(track: Track) -> dict[str, Test]:
    """Return the tests of a track by the id of the trial that each is."""
    return {trial_id(track.name, step.test): step.test for step in track.steps if step.test is not None}


def trial_at(track: Track | None, step: int) -> str:
    """Return the id of the trial that a message of the step counts for; empty when it is none, or was decided by hand."""
    test = None if track is None or step >= len(track.steps) else track.steps[step].test
    return "" if track is None or test is None or test.winner is not None else trial_id(track.name, test)


def test_in_force(track: Track, step: int, current: Track) -> Test | None:
    """
    Return the test of a run's step: its arms as the run entered under, what decides as the playbook in force has it.

    Args:
        track: As in the playbook the run entered under.
        step: Number of the step; there may be none.
        current: The track as in the playbook in force. Where it has no such test, all is as the run entered under.
    """
    test = None if step >= len(track.steps) else track.steps[step].test
    return None if test is None else tests_of(current).get(trial_id(track.name, test), test)


def with_test(track: Track, step: int, test: Test, out: Collection[str]) -> Track:
    """Return the track as the step is sent now: with that test, some of whose arms are out."""
    steps = list(track.steps)
    steps[step] = replace(steps[step], test=replace(test, out=frozenset(out)))
    return replace(track, steps=tuple(steps))
