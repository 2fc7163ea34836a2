"""
Look at the tests of steps: count what their arms did, stop the arm that does harm, find the one that is better.

Trigger      schedule, every day (events/schedule_trials.json); `time` of the event is now
Reads        the playbook; of each test the trial; the sends of its track since the last look; where it measures the goal,
             the runs they belong to
Writes       trials
Emits        one message to the operations topic for each test in which something was decided
Repeat-safe  a trial says which sends it has counted, and until when it was looked at: a call that comes twice finds nothing
             to count. Operations are told before that is remembered: who dies in between tells it twice
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.trials.telling import tell
from shared.aws import enrollments, nurture_runs, playbooks, trials
from shared.engagement import SendMade
from shared.errors import RipenError
from shared.instants import parse_instant
from shared.rules.arms import tests_of
from shared.rules.tracks import Test, Track, tracks_of
from shared.rules.trials import Goals, begun, decide, goals_of, notices
from shared.telemetry import count, logger, metrics
from shared.trial import Trial

MOST = 15_000
"""Messages of a track since the last look, those that still have time included. Of more it fails, and the alarm says so."""


class TrialsError(RipenError):
    """Some tracks could not be looked at; the others are done. What was not counted is counted the next time."""


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    look_at_all(parse_instant(event["time"]))


def look_at_all(now: int) -> None:
    """
    Look at every test of the playbook in force that nobody decided by hand.

    Raises:
        TrialsError: Some tracks failed; the others are done.
    """
    failed = 0
    for track in tracks_of(playbooks.current()).values():
        tests = {trial: test for trial, test in tests_of(track).items() if test.winner is None}
        try:
            _look_at(track, tests, now)
        except Exception:  # noqa: BLE001 - one track's trouble must not keep the others' arms going; raised below
            failed += 1
            logger.exception("tests not looked at", track=track.name)
    count("TrialsNotLookedAt", failed)
    if failed:
        raise TrialsError(f"the tests of {failed} tracks were not looked at")


def _look_at(track: Track, tests: dict[str, Test], now: int) -> None:
    known = {
        trial: trials.get_trial(track.name, test.name, trial) or begun(track.name, test, now)
        for trial, test in tests.items()
    }
    going = {trial: each for trial, each in known.items() if not each.ended and each.looked_at < now}
    made: list[SendMade] = []
    if going:
        since = min(each.counted_until for each in going.values())
        made = [each for each in nurture_runs.sends_of(track.name, since, now, most=MOST) if each.trial in going]
    goals = _goals(track, made) if any(tests[trial].measure == "goal" for trial in going) else {}
    for trial, before in known.items():
        after = before
        if trial in going:
            after = trials.save(decide(before, tests[trial], made, goals=goals, now=now))
        _tell(after, tests[trial], now)


def _goals(track: Track, made: Sequence[SendMade]) -> Goals:
    return goals_of(enrollments.get_runs(sorted({each.ref.lead_id for each in made}), track.name))


def _tell(trial: Trial, test: Test, now: int) -> None:
    """Tell operations what they have not heard of the trial, and remember that they have."""
    said = notices(trial)
    news = [text for key, text in said.items() if key not in trial.told]
    if not news:
        return
    tell(trial, test, news, now)
    count("TrialsTold", 1)
    logger.info("something was decided", track=trial.track, test=trial.test, winner=trial.winner, out=sorted(trial.out))
    trials.save(replace(trial, told=frozenset(said)))
