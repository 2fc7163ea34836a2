"""Which arm wins, loses or is stopped; and that chance alone rarely decides, however often it is looked at."""

import math
import random
from bisect import bisect
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import accumulate

import pytest

from shared.engagement import SendMade, Touch
from shared.instants import DAY, HOUR
from shared.mailing import Enrollment, PastRun, SendRef
from shared.rules.arms import trial_id
from shared.rules.proportions import Share
from shared.rules.tracks import Arm, Test
from shared.rules.trials import (
    MOST_LOOKS,
    WAIT,
    begun,
    compare,
    decide,
    fisher,
    goals_of,
    guard,
    notices,
    trial_results,
    z_test,
)
from shared.trial import Tally, Trial

Test.__test__ = False  # type: ignore[attr-defined]

RUNS = 2000
NOW = 1_790_000_000
TEST = Test("subject", "clicks", (Arm("short", "t-a"), Arm("long", "t-b")), least=200, confidence=95, guard=1)
THREE = replace(TEST, arms=(*TEST.arms, Arm("plain", "t-c")))
ID = trial_id("awareness", TEST)


def a_trial(test: Test = TEST, *tallies: Tally, **said: object) -> Trial:
    by_arm = {arm.name: tally for arm, tally in zip(test.arms, tallies, strict=False)}
    return replace(begun("awareness", test, NOW), tallies=by_arm, **said)  # type: ignore[arg-type]


def made(number: int, arm: str = "short", *, at: int = NOW, **said: object) -> SendMade:
    ref = SendRef(f"lead{number}", "awareness", 1, 0)
    one = SendMade(ref, "delivered", "t", "mail", arm, f"1.{number}", "b1", at, trial=ID)
    return replace(one, **said)  # type: ignore[arg-type]


def click(at: int, told: str = "human", kind: str = "click") -> tuple[Touch, ...]:
    return (Touch("t1", kind, at, told=told),)  # type: ignore[arg-type]


# what is counted


def counts(*every: SendMade, test: Test = TEST, goals: dict[tuple[str, int], int | None] | None = None) -> dict[str, object]:  # fmt: skip
    found = trial_results(every, test, track="awareness", goals=goals)
    return {arm["arm"]: (arm["sent"], arm["reached"]["count"], arm["harmed"]["count"]) for arm in found["arms"]}


def test_what_a_person_did_in_time_counts_and_nothing_else() -> None:
    in_time, late = NOW + WAIT["clicks"], NOW + WAIT["clicks"] + 1
    every = [
        made(1, touches=click(in_time)),
        made(2, touches=click(late)),
        made(3, touches=click(in_time, "machine")),
        made(4, touches=click(in_time, "unsure")),
        made(5, touches=click(in_time, "")),
        made(6, touches=click(in_time, kind="open")),
        made(7, touches=(*click(in_time), replace(click(in_time)[0], id="t2"))),
    ]
    assert counts(*every) == {"short": (7, 2, 0), "long": (0, 0, 0)}


def test_opens_count_where_they_are_measured() -> None:
    opens = replace(TEST, measure="opens")
    trial = trial_id("awareness", opens)
    one = made(1, touches=click(NOW, kind="open"), trial=trial)
    assert counts(one, made(2, touches=click(NOW), trial=trial), test=opens)["short"] == (2, 1, 0)


def test_a_goal_counts_for_the_run_that_reached_it_after_the_message() -> None:
    goal = replace(TEST, measure="goal")
    every = [made(number, trial=trial_id("awareness", goal)) for number in range(6)]
    times = [NOW, NOW - 1, NOW + WAIT["goal"], NOW + WAIT["goal"] + 1, None]
    goals = {(f"lead{number}", 1): at for number, at in enumerate(times)} | {("lead5", 2): NOW}
    assert counts(*every, test=goal, goals=goals)["short"] == (6, 2, 0)


def test_goals_are_those_of_runs_and_of_the_runs_before_them() -> None:
    run = Enrollment("l", "awareness", 3, "active", 0, "b", "c", "l", 1, NOW, goal_at=7, past=(
        PastRun(1, 1, 2, "exited", goal_at=2), PastRun(2, 3, 4, "done")))  # fmt: skip
    assert goals_of([run]) == {("l", 1): 2, ("l", 2): None, ("l", 3): 7}


def test_what_went_out_counts_whether_or_not_it_arrived() -> None:
    states = ("sent", "delivered", "bounced", "complained", "claimed", "unknown", "parked", "refused", "skipped")
    every = [made(number, state=state) for number, state in enumerate(states)]
    assert counts(*every)["short"] == (4, 0, 1)


def test_whoever_unsubscribed_and_complained_is_harmed_once() -> None:
    assert counts(made(1, state="complained", unsubscribed_at=NOW), made(2, unsubscribed_at=NOW))["short"] == (2, 0, 2)


def test_messages_of_other_trials_do_not_count() -> None:
    assert counts(made(1, trial="other"), made(2, trial=""), made(3, "gone")) == {"short": (0, 0, 0), "long": (0, 0, 0)}


def test_results_have_wilsons_intervals_of_the_tests_confidence() -> None:
    every = [made(number, touches=click(NOW) if number < 10 else ()) for number in range(100)]
    short, long = trial_results(every, TEST, track="awareness")["arms"]
    assert (short["reached"]["rate"], short["reached"]["interval"]) == (0.1, [0.0552, 0.1744])
    assert (long["reached"]["rate"], long["reached"]["interval"]) == (None, None)
    assert trial_results(every, TEST, track="awareness", now=NOW + WAIT["clicks"])["arms"][0]["sent"] == 0
    assert trial_results(every, TEST, track="awareness", now=NOW + WAIT["clicks"] + 1)["arms"][0]["sent"] == 100


# a look


def day_by_day(every: list[SendMade], days: int, *, twice: bool = False) -> Trial:
    trial = begun("awareness", TEST, NOW)
    for day in range(days):
        now = NOW + day * DAY
        read = [each for each in every if trial.counted_until <= each.claimed_at < now]
        trial = decide(trial, TEST, read, goals={}, now=now)
        if twice:
            assert decide(trial, TEST, read, goals={}, now=now) is trial
    return trial


def test_every_message_is_counted_once_when_its_time_is_over() -> None:
    every = [
        made(number, at=NOW - DAY + number * HOUR, touches=click(NOW - DAY + number * HOUR)) for number in range(48)
    ]
    until = NOW + 3 * DAY - WAIT["clicks"]
    ripe = sum(each.claimed_at < until for each in every)
    assert 0 < ripe < 48
    assert day_by_day(every, 4, twice=True).tallies["short"] == Tally(ripe, ripe, 0)
    assert day_by_day(every, 9).tallies["short"] == Tally(48, 48, 0)


def test_the_first_look_finds_what_went_out_since_the_test_began() -> None:
    trial = decide(begun("awareness", TEST, NOW), TEST, [made(1, at=NOW - WAIT["clicks"] - DAY)], goals={}, now=NOW)
    assert trial.tallies["short"].sent == 1
    assert trial.guard_looks == 0  # the other arm has nothing to compare with


def test_harm_counts_at_once() -> None:
    every = [
        *(made(number, at=NOW - HOUR, unsubscribed_at=NOW - 1) for number in range(20)),
        *(made(100 + number, "long", at=NOW - HOUR) for number in range(100)),
    ]
    trial = decide(begun("awareness", TEST, NOW), TEST, every, goals={}, now=NOW)
    assert list(trial.out) == ["short"]
    assert trial.out["short"].startswith("stopped: 100.0 percent points more")
    assert (trial.winner, trial.ended) == ("long", True)


def test_a_trial_that_ended_is_not_looked_at() -> None:
    ended = a_trial(ended=True)
    assert decide(ended, TEST, [made(1, at=NOW - DAY)], goals={}, now=NOW) is ended


# winners and losers


def test_nothing_is_compared_before_every_arm_has_the_least() -> None:
    early = a_trial(TEST, Tally(900, 400), Tally(199, 2))
    assert compare(early, TEST) == early
    after = compare(a_trial(TEST, Tally(900, 400), Tally(200, 2)), TEST)
    assert (after.winner, after.ended, after.looks) == ("short", True, 1)
    assert after.out == {"long": "does not perform: 2 of 200, short 400 of 900"}


def test_the_next_comparison_waits_until_the_smallest_arm_has_doubled() -> None:
    first = compare(a_trial(TEST, Tally(250, 50), Tally(300, 60)), TEST)
    assert (first.looks, first.next_look, first.out, first.winner) == (1, 500, {}, "")
    grown = replace(first, tallies={"short": Tally(499, 200), "long": Tally(600, 60)})
    assert compare(grown, TEST) == grown
    assert compare(replace(grown, tallies={**grown.tallies, "short": Tally(500, 200)}), TEST).winner == "short"


def test_each_comparison_asks_for_more_than_the_one_before() -> None:
    """At z = 2.30: enough for the first comparison, which asks for 2.24, and not for the second, which asks for 2.50."""
    tallies = (Tally(1000, 132), Tally(1000, 99))
    assert compare(a_trial(TEST, *tallies), TEST).winner == "short"
    assert compare(a_trial(TEST, *tallies, looks=1, next_look=1000), TEST).winner == ""


def test_of_three_arms_the_one_that_loses_is_named_and_the_others_go_on() -> None:
    after = compare(a_trial(THREE, Tally(400, 80), Tally(400, 79), Tally(400, 20)), THREE)
    assert (list(after.out), after.winner, after.ended) == (["plain"], "", False)
    later = replace(after, tallies={**after.tallies, "short": Tally(800, 200), "long": Tally(800, 100)})
    final = compare(later, THREE)  # plain is sent no more and is waited for no more
    assert (set(final.out), final.winner) == ({"plain", "long"}, "short")


def test_what_was_stopped_cannot_win() -> None:
    trial = a_trial(THREE, Tally(400, 80), Tally(400, 20), Tally(400, 200), out={"plain": "stopped: it"})
    assert compare(trial, THREE).winner == "short"


def test_a_test_without_a_difference_comes_to_an_end() -> None:
    trial, sent = a_trial(), TEST.least
    for look in range(1, MOST_LOOKS + 1):
        trial = compare(
            replace(trial, tallies={"short": Tally(sent, sent // 10), "long": Tally(sent, sent // 10)}), TEST
        )
        assert (trial.looks, trial.ended) == (look, look == MOST_LOOKS)
        sent *= 2
    assert list(notices(trial)) == ["no winner"]


def test_of_few_cases_nothing_is_concluded() -> None:
    assert z_test(Share(9, 200), Share(0, 200)) == 1
    assert z_test(Share(200, 200), Share(191, 200)) == 1
    assert z_test(Share(10, 200), Share(0, 200)) == pytest.approx(0.00068, abs=1e-5)
    assert z_test(Share(120, 1000), Share(100, 1000)) == pytest.approx(0.0765, abs=1e-4)


# the guard


def test_fishers_test_is_the_exact_one() -> None:
    assert fisher(Share(3, 4), Share(1, 4)) == pytest.approx(17 / 70)  # the lady who tastes tea
    assert fisher(Share(0, 40), Share(0, 40)) == pytest.approx(1)
    assert fisher(Share(5, 50), Share(0, 50)) == pytest.approx(math.comb(50, 5) / math.comb(100, 5))


def test_an_arm_is_stopped_only_when_the_harm_is_large_and_sure() -> None:
    def out(short: Tally, long: Tally, limit: float = 1, looks: int = 0) -> list[str]:
        test = replace(TEST, guard=limit)
        return list(guard(a_trial(test, guard_looks=looks), test, {"short": short, "long": long}).out)

    assert out(Tally(500, 0, 20), Tally(500, 0, 2)) == ["short"]
    assert out(Tally(500, 0, 20), Tally(500, 0, 2), limit=4) == []
    assert out(Tally(50, 0, 2), Tally(50, 0, 0)) == []
    assert out(Tally(500, 0, 20), Tally(500, 0, 2), looks=40) == []  # by then it takes more to be sure
    assert out(Tally(), Tally(500, 0, 2)) == []


def test_an_arm_is_held_against_the_best_of_the_others() -> None:
    tallies = {"short": Tally(900, 0, 40), "long": Tally(900, 0, 38), "plain": Tally(900, 0, 3)}
    assert set(guard(a_trial(THREE), THREE, tallies).out) == {"short", "long"}


# what is said


def test_operations_hear_of_a_winner_a_loser_and_what_was_stopped() -> None:
    after = compare(a_trial(TEST, Tally(900, 400), Tally(200, 2)), TEST)
    assert notices(after) == {
        "out long": "Arm long does not perform: 2 of 200, short 400 of 900.",
        "winner": "Winner: short.",
    }
    assert notices(begun("awareness", TEST, NOW)) == {}


# chance


def cumulated(n: int, p: float) -> list[float]:
    return list(accumulate(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)))


def grown(chance: random.Random, test: Test, a_day: int, rates: Mapping[str, float], harm: float) -> Iterator[dict[str, Tally]]:  # fmt: skip
    """Tallies day by day, when each arm is sent so many times a day."""
    tables = {name: cumulated(a_day, rate) for name, rate in rates.items()}
    harmed = cumulated(a_day, harm)
    tallies = {arm.name: Tally() for arm in test.arms}
    while True:
        for name, was in tallies.items():
            more = bisect(tables[name], chance.random()), bisect(harmed, chance.random())
            tallies[name] = Tally(was.sent + a_day, was.reached + more[0], was.harmed + more[1])
        yield dict(tallies)


def carried_out(chance: random.Random, test: Test, rates: Mapping[str, float], harm: float) -> Trial:
    trial = begun("awareness", test, NOW)
    for tallies in grown(chance, test, test.least // 2, rates, harm):
        trial = compare(guard(replace(trial, tallies=tallies), test, tallies), test)
        if trial.ended:
            return trial
    raise AssertionError


@pytest.mark.parametrize(
    ("test", "rate", "harm"),
    [
        (TEST, 0.2, 0.01),
        (replace(TEST, least=20), 0.3, 0.05),
        (replace(TEST, least=40, confidence=80, guard=0.01), 0.5, 0.05),
        (replace(THREE, least=60), 0.1, 0.01),
    ],
)
def test_without_a_difference_a_winner_a_loser_or_a_stop_is_rarer_than_promised(
    test: Test, rate: float, harm: float
) -> None:
    chance = random.Random(6)
    rates = dict.fromkeys((arm.name for arm in test.arms), rate)
    ends = [carried_out(chance, test, rates, harm) for _ in range(RUNS)]
    promised = 1 - test.confidence / 100
    assert sum(any("perform" in why for why in each.out.values()) for each in ends) / RUNS <= promised
    assert sum(any("stopped" in why for why in each.out.values()) for each in ends) / RUNS <= promised
    assert sum(bool(each.winner) for each in ends) / RUNS <= promised


def test_looking_every_day_at_one_level_would_break_the_promise() -> None:
    """That the simulation sees what looking again and again does."""
    chance = random.Random(6)
    false = 0
    for _ in range(300):
        for day, tallies in enumerate(grown(chance, TEST, 50, {"short": 0.2, "long": 0.2}, 0.01), start=1):
            short, long = (Share(tally.reached, tally.sent) for tally in tallies.values())
            if min(z_test(short, long), z_test(long, short)) <= 0.025:
                false += 1
                break
            if day == 128:
                break
    assert false / 300 > 0.15


def test_a_difference_that_matters_is_found() -> None:
    chance = random.Random(6)
    ends = [carried_out(chance, TEST, {"short": 0.06, "long": 0.03}, 0.01) for _ in range(300)]
    assert sum(each.winner == "short" for each in ends) / 300 > 0.95
    assert sum(each.winner == "long" for each in ends) == 0
