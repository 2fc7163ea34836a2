"""
Which arm of a test is better, and which does harm: counted, compared and decided here.

Arms are compared pair by pair with the two-proportion z test, a few times only: first when each has `least` messages, then
each time the smallest has twice as many as the time before. Comparison n spends 2 to the minus n of what `confidence` leaves
(2.5, 1.25, 0.6 ... of 5 percent), split over all ordered pairs. What they spend adds up to less than the whole, so
that a test without any difference ends with a winner or a loser in at most that share of cases, however often it is looked
at. Messages count once they had the same time to be acted upon.

Who was driven away is looked at every day, by Fisher's exact test, which is right for few cases too; day n spends
1/(n(n+1)) of what `confidence` leaves. That adds up to the whole of it, apart from the comparisons'.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from statistics import NormalDist
from typing import Any

from shared.engagement import SendMade
from shared.instants import DAY
from shared.mailing import Enrollment
from shared.rules.arms import trial_id
from shared.rules.nurture_report import WENT_OUT
from shared.rules.proportions import Share, wilson
from shared.rules.tracks import Test
from shared.trial import Tally, Trial

WAIT = {"clicks": 3 * DAY, "opens": 3 * DAY, "goal": 14 * DAY}
"""How long a message has to do what is measured. The same for all: an arm sent in the evening is no worse for that."""

FIRST_LOOK_BACK = 2 * DAY
"""How old the messages may be that the first look at a test finds: they began with the playbook, at most a day ago."""

MOST_LOOKS = 6
"""Comparisons of a test; the last is made of 32 times `least` messages an arm. Then there is no difference worth more."""

EXPECTED = 5
"""Least messages of each arm that must be expected to do what is measured, and not to, for the z test to hold."""

Goals = Mapping[tuple[str, int], int | None]
"""When the goal was reached, by lead and rotation of the run."""


def begun(track: str, test: Test, now: int) -> Trial:
    """Return a trial that nobody looked at yet."""
    start = now - WAIT[test.measure] - FIRST_LOOK_BACK
    return Trial(track, test.name, trial_id(track, test), began_at=now, counted_until=start)


def goals_of(runs: Iterable[Enrollment]) -> dict[tuple[str, int], int | None]:
    """Return when runs, and those before them, reached what the track is for."""
    goals: dict[tuple[str, int], int | None] = {}
    for run in runs:
        goals |= {(run.lead_id, past.rotation): past.goal_at for past in run.past}
        goals[run.lead_id, run.rotation] = run.goal_at
    return goals


def tallied(
    made: Iterable[SendMade], trial: str, test: Test, *, goals: Goals, since: int, until: int
) -> dict[str, Tally]:
    """
    Return what the trial's messages that were claimed at or after `since` and before `until` did, by arm.

    What was handed over counts, not what arrived: that may be the arm's own doing.
    """
    counts = {arm.name: Tally() for arm in test.arms}
    for each in made:
        if each.trial == trial and each.state in WENT_OUT and since <= each.claimed_at < until and each.arm in counts:
            one = Tally(1, int(_reached(each, test.measure, goals)), int(_harmed(each)))
            counts[each.arm] = _sum(counts[each.arm], one)
    return counts


def _reached(made: SendMade, measure: str, goals: Goals) -> bool:
    """Tell whether it did what is measured in time. A touch counts when the score was told that it is a person's."""
    latest = made.claimed_at + WAIT[measure]
    if measure == "goal":
        goal_at = goals.get((made.ref.lead_id, made.ref.rotation))
        return goal_at is not None and made.claimed_at <= goal_at <= latest
    kind = {"clicks": "click", "opens": "open"}[measure]
    return any(touch.kind == kind and touch.told == "human" and touch.at <= latest for touch in made.touches)


def _harmed(made: SendMade) -> bool:
    return made.unsubscribed_at is not None or made.state == "complained"


def _sum(one: Tally, other: Tally) -> Tally:
    return Tally(one.sent + other.sent, one.reached + other.reached, one.harmed + other.harmed)


def decide(trial: Trial, test: Test, made: Iterable[SendMade], *, goals: Goals, now: int) -> Trial:
    """
    Return the trial after the look of this day.

    Args:
        trial: As it was left.
        test: As in the playbook in force.
        made: The track's messages since `counted_until`; others of the track may be among them.
        goals: Of the runs they belong to, where the test measures the goal.
        now: The instant of the look. One that is not later than the last changes nothing.
    """
    if trial.ended or now <= trial.looked_at:
        return trial
    every = list(made)
    until = max(now - WAIT[test.measure], trial.counted_until)
    ripe = tallied(every, trial.id, test, goals=goals, since=trial.counted_until, until=until)
    fresh = tallied(every, trial.id, test, goals={}, since=until, until=now)
    tallies = {name: _sum(trial.tallies.get(name, Tally()), tally) for name, tally in ripe.items()}
    counted = replace(trial, tallies=tallies, counted_until=until, looked_at=now)
    guarded = guard(counted, test, {name: _sum(tally, fresh[name]) for name, tally in tallies.items()})
    return compare(guarded, test)


def guard(trial: Trial, test: Test, tallies: Mapping[str, Tally]) -> Trial:
    """
    Return the trial without the arms that drive people away: more than the best other one does, by `guard` and surely.

    Args:
        trial: Before.
        test: As in the playbook in force.
        tallies: Of all messages, the newest too: whom a message drives away goes at once.
    """
    standing = [arm.name for arm in test.arms if arm.name not in trial.out and tallies[arm.name].sent]
    if len(standing) < 2:
        return trial
    looks = trial.guard_looks + 1
    level = _pair_level(test) / (looks * (looks + 1))
    out = dict(trial.out)
    for name in standing:
        share = _harm(tallies[name])
        best = min((_harm(tallies[other]) for other in standing if other != name), key=lambda each: each.value)
        points = 100 * (share.value - best.value)
        if points >= test.guard and fisher(share, best) <= level:
            out[name] = (
                f"stopped: {points:.1f} percent points more unsubscribed or complained than of the best other arm"
            )
    return replace(trial, guard_looks=looks, out=out)


def compare(trial: Trial, test: Test) -> Trial:
    """Return the trial after the comparison that is due, if one is; it has ended once one arm is left."""
    standing = {arm.name: _share(trial.tallies[arm.name]) for arm in test.arms if arm.name not in trial.out}
    if len(standing) > 1:
        least = min(share.whole for share in standing.values())
        if least < (trial.next_look or test.least):
            return trial
        looks = trial.looks + 1
        level = _pair_level(test) / 2**looks
        best = max(standing, key=lambda name: standing[name].value)
        lost = {
            name: f"does not perform: {share.part} of {share.whole}, {best} {standing[best].part} of {standing[best].whole}"
            for name, share in standing.items()
            if name != best and z_test(standing[best], share) <= level
        }
        trial = replace(trial, looks=looks, next_look=2 * least, out={**trial.out, **lost}, ended=looks >= MOST_LOOKS)
        standing = {name: share for name, share in standing.items() if name not in lost}
    if len(standing) == 1:
        return replace(trial, winner=next(iter(standing)), ended=True)
    return trial


def _pair_level(test: Test) -> float:
    """Return the chance of a mistake that all looks together have at one arm against one other."""
    return (1 - test.confidence / 100) / (len(test.arms) * (len(test.arms) - 1))


def _share(tally: Tally) -> Share:
    return Share(tally.reached, tally.sent)


def _harm(tally: Tally) -> Share:
    return Share(tally.harmed, tally.sent)


def z_test(better: Share, other: Share) -> float:
    """
    Return how likely the one is as much above the other as it is, or more, if they are equal.

    Of fewer than what the test holds for it says 1: nothing is concluded.
    """
    n, m = better.whole, other.whole
    pooled = (better.part + other.part) / (n + m)
    if min(n, m) * min(pooled, 1 - pooled) < EXPECTED:
        return 1.0
    error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return 1 - NormalDist().cdf((better.value - other.value) / error)


def fisher(worse: Share, other: Share) -> float:
    """Return how likely so many of all cases, or more, are in the first, if they fall anywhere alike (exact, one side)."""
    n, m, cases = worse.whole, other.whole, worse.part + other.part
    whole = _log_choose(n + m, cases)
    terms = (
        math.exp(_log_choose(n, part) + _log_choose(m, cases - part) - whole)
        for part in range(max(worse.part, cases - m), min(cases, n) + 1)
    )
    return min(1.0, math.fsum(terms))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def notices(trial: Trial) -> dict[str, str]:
    """Return what operations should hear of a trial, by a key that says what it is about."""
    said = {f"out {name}": f"Arm {name} {why}." for name, why in trial.out.items()}
    if trial.winner:
        said["winner"] = f"Winner: {trial.winner}."
    elif trial.ended:
        said["no winner"] = f"No difference was found in {trial.looks} comparisons; the test is not looked at any more."
    return said


def trial_results(
    made: Iterable[SendMade], test: Test, *, track: str, goals: Goals | None = None, now: int | None = None
) -> dict[str, Any]:
    """
    Return what each arm did, with intervals of the test's confidence.

    Args:
        made: The track's messages; others of it may be among them.
        test: One of the track's.
        track: Its name.
        goals: Where the test measures the goal, when the runs reached it.
        now: Leave out what had too little time by then; None counts everything.
    """
    until = 2**62 if now is None else now - WAIT[test.measure]
    counts = tallied(made, trial_id(track, test), test, goals=goals or {}, since=0, until=until)
    return results(counts, test)


def results(tallies: Mapping[str, Tally], test: Test) -> dict[str, Any]:
    """Return tallies with rates and Wilson's intervals, of 0 to 1; None where nothing went out."""
    arms = [{"arm": arm.name, "content": arm.content, "at": arm.at, **_figures(tallies.get(arm.name, Tally()), test)}
            for arm in test.arms]  # fmt: skip
    return {"test": test.name, "measure": test.measure, "confidence": test.confidence, "arms": arms}


def _figures(tally: Tally, test: Test) -> dict[str, Any]:
    said: dict[str, Any] = {"sent": tally.sent}
    for name, share in (("reached", _share(tally)), ("harmed", _harm(tally))):
        known = share.whole > 0
        said[name] = {
            "count": share.part,
            "rate": round(share.value, 4) if known else None,
            "interval": [round(end, 4) for end in wilson(share, test.confidence)] if known else None,
        }
    return said
