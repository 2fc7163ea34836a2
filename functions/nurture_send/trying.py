"""The test of a step as it stands: what the playbook in force decides of it, and which arms the trial took out."""

from functools import lru_cache

from shared.aws import trials
from shared.instants import MINUTE
from shared.rules.arms import test_in_force, trial_id, with_test
from shared.rules.tracks import Track

KEPT = 5 * MINUTE
"""How long a process goes by a trial it has read: an arm that is stopped goes on for so long at most."""


def as_decided(track: Track, step: int, current: Track, now: int) -> Track:
    """
    Return the track of a run with the test of its step as it is decided by now; the same track where nothing is tested.

    Args:
        track: As in the playbook the run entered under.
        step: That the run is at.
        current: The track as in the playbook in force.
        now: The instant the order carries.
    """
    test = test_in_force(track, step, current)
    if test is None:
        return track
    asks = test.drop and test.winner is None
    out = arms_out(track.name, test.name, trial_id(track.name, test), now // KEPT) if asks else frozenset()
    return with_test(track, step, test, out)


@lru_cache(maxsize=64)
def arms_out(track: str, test: str, trial: str, _period: int) -> frozenset[str]:
    found = trials.get_trial(track, test, trial)
    return frozenset() if found is None else frozenset(found.out)
