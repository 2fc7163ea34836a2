"""A score is the sum of its lines, and time alone does to it only what the rules say."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shared.instants import DAY
from shared.lead import Adjustment
from shared.rules.facts import ANSWERS_KEPT
from shared.rules.horizon import _boundaries
from shared.rules.model import Exclusion, FitRule
from shared.rules.scoring import bound_of, counting_facts, evaluate, grounds_of, standing_of, sums, total_of
from tests.rules.models import START, a_model, a_rule, cases, did, later, lead_of, lives, models, newest_of


@cases
@given(models(), lives(), later)
def test_lines_add_up_to_the_total_and_the_bound_is_never_passed(model, events, quiet):
    lead = lead_of(events, model)
    now = newest_of(events)
    bound = bound_at(lead, model, now)
    for at in (now, *(now + seconds for seconds in quiet)):
        evaluation = evaluate(lead, model, at)
        assert sum(line.points for line in evaluation.lines) == evaluation.total
        assert sum(line.points for line in evaluation.lines if line.kind == "fit") == evaluation.fit
        kinds = ("engagement", "cap", "inactivity")
        assert sum(line.points for line in evaluation.lines if line.kind in kinds) == evaluation.engagement
        assert 0 <= evaluation.total <= bound


@cases
@given(models(), lives(), st.integers(-40 * DAY, 0), later)
def test_the_sums_a_horizon_looks_at_make_the_total_of_the_lines(model, events, before, quiet):
    lead = lead_of(events, model)
    now = newest_of(events)
    for at in (now + before, now, *(now + seconds for seconds in quiet)):
        standing = standing_of(lead, model, at)
        assert total_of(standing, *sums(standing, model, at)) == evaluate(lead, model, at).total


@cases
@given(models(), lives(), st.lists(st.integers(0, 60 * DAY), min_size=2, max_size=6))
def test_between_two_boundaries_gains_only_fall_and_losses_only_rise(model, events, quiet):
    lead = lead_of(events, model)
    now = newest_of(events)
    instants = sorted(
        {now, *(now + seconds for seconds in quiet), *_boundaries(lead, model, grounds_of(lead, model), now)}
    )
    edges = set(_boundaries(lead, model, grounds_of(lead, model), now))
    for earlier, at in pairwise(instants):
        standing = standing_of(lead, model, earlier)
        end = at - 1 if at in edges else at
        assert standing_of(lead, model, end) == standing
        (gains, losses), (gains_then, losses_then) = sums(standing, model, earlier), sums(standing, model, end)
        assert gains_then <= gains
        assert losses <= losses_then <= 0


@cases
@given(models(gains=True), lives(), later)
def test_without_penalties_engagement_never_rises_with_time_alone(model, events, quiet):
    # What fails to happen in time is worth points later, by intent: such rules are left out.
    lead = lead_of(events, model)
    now = newest_of(events)
    instants = sorted(now + seconds for seconds in (0, *quiet))
    engagements = [evaluate(lead, model, at).engagement for at in instants]
    assert engagements == sorted(engagements, reverse=True)


def bound_at(lead, model, now):
    return bound_of(lead, standing_of(lead, model, now), model, now)


def lines_of(lead, model, now):
    return [tuple(line) for line in evaluate(lead, model, now).lines]


def test_a_cap_is_a_line_of_its_own_that_takes_back_what_is_too_much():
    model = a_model(a_rule("view", 10_000, day_cap=15_000, cap=25_000))
    lead = lead_of([*(did("view", START + n, n) for n in range(3)), did("view", START + DAY, 9)], model)
    assert lines_of(lead, model, START + DAY) == [
        ("view", "Did view", "engagement", 40_000, 4, None),
        ("view", "Did view: most it can earn in a day", "cap", -15_000, 0, None),
    ]
    lead = lead_of([*(did("view", START + n * DAY, n) for n in range(4)), did("view", START + DAY, 9)], model)
    assert lines_of(lead, model, START + 3 * DAY) == [
        ("view", "Did view", "engagement", 50_000, 5, None),
        ("view", "Did view: most it can earn in a day", "cap", -5_000, 0, None),
        ("view", "Did view: most it can earn", "cap", -20_000, 0, None),
    ]


def test_a_penalty_is_capped_too_and_stands_after_every_gain():
    rules = a_rule("leave", -10_000, cap=15_000, day_cap=12_000), a_rule("come", 40_000)
    lead = lead_of([*(did("leave", START + n, n) for n in range(2)), did("come", START)], a_model(*rules))
    assert lines_of(lead, a_model(*rules), START + 5) == [
        ("come", "Did come", "engagement", 40_000, 1, None),
        ("leave", "Did leave", "engagement", -20_000, 2, None),
        ("leave", "Did leave: most it can earn in a day", "cap", 8_000, 0, None),
    ]
    late = lead_of([did("leave", START), did("leave", START + DAY, 1)], a_model(*rules))
    assert lines_of(late, a_model(*rules), START + DAY)[-2:] == [
        ("leave", "Did leave: most it can earn", "cap", 5_000, 0, None),
        ("floor", "A score is never below 0", "floor", 15_000, 0, None),
    ]


def test_a_group_earns_no_more_than_its_cap_after_the_caps_of_its_rules():
    rules = a_rule("a", 20_000, cap=15_000, group="g"), a_rule("b", 18_000, group="g"), a_rule("c", 1_000)
    events = [did("a", START), did("b", START), did("c", START)]
    lead = lead_of(events, a_model(*rules))
    assert lines_of(lead, a_model(*rules), START)[-1] == (
        "g",
        "Pages: most the group can earn",
        "cap",
        -3_000,
        0,
        None,
    )
    assert evaluate(lead, a_model(*rules), START).total == 31_000
    assert bound_at(lead, a_model(*rules), START) == 31_000
    exactly = a_model(*rules, groups={"g": ("Pages", 33_000)})
    assert [line[2] for line in lines_of(lead, exactly, START)].count("cap") == 1
    assert all(
        line.kind != "cap" for line in evaluate(lead_of(events[1:], a_model(*rules)), a_model(*rules), START).lines
    )


def test_what_a_fact_was_worth_when_new_is_told_once_it_fades():
    model = a_model(a_rule("half", 10_000, half_life=100), a_rule("steps", 8_000, percent=25, period=10))
    lead = lead_of([did("half", START), did("half", START, 1), did("steps", START)], model)
    assert lines_of(lead, model, START + 100) == [
        ("half", "Did half", "engagement", 10_000, 2, 20_000),
        ("steps", "Did steps", "engagement", 451, 1, 8_000),
    ]


def test_a_count_is_worth_its_points_once_from_its_newest_fact_on():
    model = a_model(a_rule("spree", 10_000, "count", most=2, within=50, half_life=100))
    lead = lead_of([did("spree", START), did("spree", START + 40, 1)], model)
    assert lines_of(lead, model, START + 49) == [("spree", "Did spree", "engagement", 9_395, 2, 10_000)]
    assert lines_of(lead, model, START + 50) == []
    assert bound_at(lead, model, START + 40) == 10_000


def test_inactivity_counts_whole_days_since_the_last_active_one_and_the_longest_step_reached():
    model = a_model(a_rule("view", 50_000), inactivity=((2, -5_000), (4, -9_000)))
    lead = lead_of([did("view", START + 7)], model)
    said = [
        [line for line in lines_of(lead, model, START + day * DAY) if line[2] == "inactivity"] for day in (1, 2, 3, 4)
    ]
    one = ("inactivity", "No activity for 2 days", "inactivity", -5_000, 0, None)
    assert said == [[], [one], [one], [("inactivity", "No activity for 4 days", "inactivity", -9_000, 0, None)]]
    assert evaluate(lead, model, START + 4 * DAY).engagement == 41_000


def test_what_people_added_counts_until_its_instant_and_is_no_engagement():
    model = a_model(a_rule("view", 10_000))
    lead = replace(
        lead_of([did("view", START)], model),
        adjustments=(
            Adjustment(START + 1, "a", 20_000, "ann", "met at a fair", START + 9),
            Adjustment(START + 5, "b", -4_000, "bo", "wrong person"),
        ),
    )
    assert [evaluate(lead, model, START + at).total for at in (0, 1, 5, 8, 9)] == [
        10_000,
        30_000,
        26_000,
        26_000,
        6_000,
    ]
    assert lines_of(lead, model, START + 5)[1:] == [
        ("adjustment", "Adjusted by ann: met at a fair", "adjustment", 20_000, 0, None),
        ("adjustment", "Adjusted by bo: wrong person", "adjustment", -4_000, 0, None),
    ]
    assert evaluate(lead, model, START + 5).engagement == 10_000
    assert [bound_at(lead, model, START + at) for at in (0, 8, 9)] == [30_000, 30_000, 10_000]


ROLES = {"role": ["student"]}


def test_who_is_excluded_has_a_line_that_takes_everything_and_the_first_reason_is_told():
    zero = Exclusion("students", "students", ROLES), Exclusion("doers", "doers", {}, "view", "zero")
    model = a_model(a_rule("view", 70_000), exclusions=zero)
    both = lead_of([did("view", START, traits={"role": "student"})], model)
    evaluation = evaluate(both, model, START)
    assert lines_of(both, model, START)[-1] == ("students", "Excluded: students", "exclusion", -70_000, 0, None)
    assert (evaluation.total, evaluation.excluded, evaluation.blocked, evaluation.band) == (
        0,
        "students",
        None,
        "early",
    )
    assert (evaluation.engagement, bound_at(both, model, START)) == (70_000, 0)
    lead = lead_of([did("view", START)], model)
    one = evaluate(lead, model, START)
    assert (one.total, one.excluded, bound_at(lead, model, START)) == (0, "doers", 70_000)


def test_who_is_blocked_keeps_the_score():
    model = a_model(a_rule("view", 70_000), exclusions=(Exclusion("s", "students", ROLES, None, "block"),))
    evaluation = evaluate(lead_of([did("view", START, traits={"role": "student"})], model), model, START)
    assert (evaluation.total, evaluation.excluded, evaluation.blocked) == (70_000, None, "students")
    assert evaluate(lead_of([did("view", START)], model), model, START).blocked is None


def test_fit_and_engagement_make_the_quadrant():
    model = a_model(
        a_rule("view", 30_000), fit=(FitRule("f", "Buyer", {"role": ["buyer"]}, 15_000),), high_levels=frozenset({2})
    )
    found = {
        (traits.get("role"), bool(views)): evaluate(
            lead_of(
                [did("view", START, traits=traits)][: 1 if views else 0] or [did("x", START, traits=traits)], model
            ),
            model,
            START,
        )
        for traits in ({"role": "buyer"}, {"role": "other"})
        for views in (0, 1)
    }
    assert {key: each.quadrant for key, each in found.items()} == {
        ("buyer", True): "high_fit_high_engagement",
        ("buyer", False): "high_fit_low_engagement",
        ("other", True): "low_fit_high_engagement",
        ("other", False): "low_fit_low_engagement",
    }
    best = found["buyer", True]
    assert (best.fit, best.engagement, best.grade, best.level, best.rules) == (15_000, 30_000, "B", 2, {"view", "f"})
    assert best.lines[0] == ("f", "Buyer", "fit", 15_000, 0, None)


def test_an_expiry_ends_at_its_second_and_the_future_has_not_begun():
    model = a_model(a_rule("view", 10_000, expires=100))
    lead = lead_of([did("view", START)], model)
    assert [evaluate(lead, model, START + at).total for at in (-1, 0, 99, 100)] == [0, 10_000, 10_000, 0]


def test_a_machine_takes_no_human_s_slot_and_what_is_unsure_counts_beside():
    model = a_model(a_rule("view", 10_000, most=2))
    crowd = [did("view", START + n, n, verdict="machine") for n in range(5)]
    lead = lead_of([did("view", START - 1, 7), did("view", START - 2, 8, verdict="unsure"), *crowd], model)
    assert evaluate(lead, model, START + 9).total == 20_000
    suspect = a_model(a_rule("view", 10_000, most=2), refused=frozenset({"machine", "unsure"}))
    assert evaluate(lead, suspect, START + 9).total == 10_000


def test_a_copy_that_turns_out_to_be_a_machine_s_counts_no_more():
    model = a_model(a_rule("view", 10_000))
    copies = [did("view", START), replace(did("view", START), occurred_at=START - 5, verdict="machine")]
    assert evaluate(lead_of(copies, model), model, START + 9).total == 0


def test_a_question_counts_when_its_time_has_run_out_unless_something_answered_since():
    ask = a_rule("ask", 10_000, "missing", within=50, answer=(frozenset({"answer"}), {}))
    model = replace(a_model(ask), by_event={"ask": (ask,), "answer": (ask,)})
    asked = [did("ask", START), did("ask", START + 10, 1)]

    def total(*events, at):
        return evaluate(lead_of([*asked, *events], model), model, START + at).total

    assert [total(at=at) for at in (49, 50, 59, 60)] == [0, 10_000, 10_000, 20_000]
    assert total(did("answer", START), at=60) == 10_000
    assert total(did("answer", START + 9, 1), at=60) == 20_000
    assert total(did("answer", START + 10, 1), at=60) == 10_000
    assert [total(did("answer", START + 70, 1), at=at) for at in (69, 70)] == [20_000, 10_000]
    assert total(did("answer", START + 20, 1, verdict="machine"), at=60) == 20_000


def test_after_as_many_answers_as_are_kept_only_later_questions_are_sure_to_be_unanswered():
    ask = a_rule("ask", 10_000, "missing", within=5, answer=(frozenset({"answer"}), {}))
    model = replace(a_model(ask), by_event={"ask": (ask,), "answer": (ask,)})
    asked = [did("ask", START, 900), did("ask", START + 100, 901)]
    answers = [did("answer", START + 50 + n, n) for n in range(ANSWERS_KEPT)]
    assert evaluate(lead_of([*asked, *answers[1:]], model), model, START + 999).total == 20_000
    assert evaluate(lead_of([*asked, *answers], model), model, START + 999).total == 10_000
    then = did("ask", START + 50, 902)  # at the oldest answer kept: what answered it would be kept too
    assert evaluate(lead_of([*asked, then, *answers], model), model, START + 999).total == 20_000


def test_coming_back_counts_after_more_days_than_the_silence_and_not_at_all_when_nothing_came_before():
    rule = a_rule("view", 10_000, "once", most=400, silence=3)
    model = a_model(rule)

    def total(*days):
        lead = lead_of([did("view", START + day * DAY, day) for day in days], model)
        return evaluate(lead, model, START + days[-1] * DAY).total

    assert [total(0), total(0, 3), total(0, 4), total(0, 4, 5), total(0, 4, 9)] == [0, 0, 10_000, 10_000, 10_000]


def test_the_bound_passes_over_penalties_and_rules_without_facts():
    rules = a_rule("leave", -5_000), a_rule("never", 9_000), a_rule("view", 10_000)
    lead = lead_of([did("leave", START), did("view", START)], a_model(*rules))
    assert bound_at(lead, a_model(*rules), START) == 10_000


def test_a_copy_of_an_event_on_another_day_counts_once_at_the_later_time():
    later_copy = replace(did("view", START), occurred_at=START + 2 * DAY)
    for counts in ("every", "per_day", "per_asset"):
        rule = a_rule("view", 10_000, counts, half_life=DAY)
        lead = lead_of([later_copy, did("view", START), did("view", START + DAY, 1)], a_model(rule))
        (line,) = evaluate(lead, a_model(rule), START + 2 * DAY).lines
        assert (counts, line.facts, line.points) == (counts, 2, 15_000)


def test_what_counts_stands_in_the_order_it_happened_also_after_a_copy_took_a_later_place():
    rule = a_rule("view", 10_000, "per_day")
    events = [did("view", START), did("view", START + DAY, 1), replace(did("view", START), occurred_at=START + 2 * DAY)]
    facts = counting_facts(rule, lead_of(events, a_model(rule)), a_model(rule), START + 3 * DAY)
    assert [fact.at for fact in facts] == [START + DAY, START + 2 * DAY]
