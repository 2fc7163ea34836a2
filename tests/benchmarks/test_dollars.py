"""The arithmetic of prices, against sums made by hand."""

import pytest

from tests.benchmarks.counting import Counts
from tests.benchmarks.dollars import Work, log_dollars, scoring, taking_in

MILLION = 1_000_000


@pytest.mark.parametrize(
    ("work", "memory", "dollars"),
    [
        (Work(MILLION, 0, 0), 1024, 0.20 + 0.17),
        (Work(MILLION, 1_769, 0), 1769, 0.20 + 0.17 + 1_769 * 1769 / 1024 * 0.0000133334),
        (Work(MILLION, 1_000, 0), 1024, 0.20 + 0.17 + 1_000 * 1769 / 1024 * 0.0000133334),
        (Work(MILLION, 0, 0, calls={"sqs": MILLION}), 1024, 0.20 + 0.17 + 10_000 * 0.0000133334),
        (Work(MILLION, 0, 0, calls={"dynamodb": MILLION}), 512, 0.20 + 0.17 + 6_000 * 0.5 * 0.0000133334),
        (Work(0, 0, 2_000_000_000), 512, 1.00),
    ],
)
def test_a_function_costs_its_requests_its_time_and_its_logs(work: Work, memory: int, dollars: float) -> None:
    assert work.function_dollars(memory) == pytest.approx(dollars)


def test_a_cpu_second_costs_the_same_at_any_memory_below_a_whole_core() -> None:
    assert Work(1, 100, 0).function_dollars(512) == pytest.approx(Work(1, 100, 0).function_dollars(1024))


def test_logs_cost_by_the_gigabyte_with_what_the_platform_writes() -> None:
    assert log_dollars(660, 1) * MILLION == pytest.approx(0.50)


@pytest.mark.parametrize(
    ("queued", "requests_of_sqs"),
    [(MILLION * 1_000, 1.2), (MILLION * 65_536, 1.2), (MILLION * 65_537, 2.3), (MILLION * 200_000, 4.5)],
)
def test_taking_in_costs_the_request_its_lines_and_the_queue(queued: int, requests_of_sqs: float) -> None:
    work = Work(MILLION, 0, 0, queued)

    assert taking_in(work) == pytest.approx(1.00 + 0.085 + requests_of_sqs * 0.40 + work.function_dollars(1024))


def test_scoring_costs_the_units_that_were_spent() -> None:
    work = Work(0, 0, 0)

    assert scoring(work, Counts(write_units=2 * MILLION, read_units=MILLION)) == pytest.approx(1.25 + 0.125)
