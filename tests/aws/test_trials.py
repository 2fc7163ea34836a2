"""Trials as they are kept: everything comes back, and nobody overwrites what they did not read."""

from dataclasses import replace

import pytest

from shared import table
from shared.aws import trials
from shared.errors import ConflictError
from shared.trial import Tally, Trial
from tests.conftest import Aws
from tests.nurture_world import NOW

TRIAL = Trial("awareness", "subject", "0123456789ab", began_at=NOW, counted_until=NOW - 5)
FULL = replace(
    TRIAL,
    looked_at=NOW,
    tallies={"short": Tally(20, 3, 1), "long": Tally()},
    looks=2,
    next_look=400,
    guard_looks=9,
    out={"long": "does not perform: it"},
    winner="short",
    ended=True,
    told=frozenset({"winner"}),
)


@pytest.mark.parametrize("trial", [TRIAL, FULL])
def test_a_trial_comes_back_as_it_was_saved(aws: Aws, trial: Trial) -> None:
    assert trials.get_trial(trial.track, trial.test, trial.id) is None
    assert trials.save(trial) == replace(trial, version=1)
    assert trials.get_trial(trial.track, trial.test, trial.id) == replace(trial, version=1)
    (item,) = aws.items(table.TRIAL_PK)
    assert (item[table.SK], item["schema"]) == ("awareness#subject#0123456789ab", table.SCHEMA)


def test_a_trial_that_somebody_else_wrote_is_not_overwritten(aws: Aws) -> None:
    first = trials.save(TRIAL)
    second = trials.save(replace(first, looks=1))
    for stale in (TRIAL, first):
        with pytest.raises(ConflictError):
            trials.save(replace(stale, looks=7))
    assert trials.get_trial("awareness", "subject", TRIAL.id) == second
