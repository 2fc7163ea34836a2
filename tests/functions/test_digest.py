"""The monthly review of rejections: what is counted in which month, and what operations reads."""

import json
from typing import Any

import pytest

from functions.digest import handler as module
from functions.digest.handler import handler
from shared.aws import topics
from shared.errors import TooManyError
from shared.handoff import ScoreLine, ScoreThen
from shared.instants import DAY, HOUR, parse_instant
from shared.rules.rejections import LATE
from tests.conftest import Aws, Context, sample
from tests.functions.test_leads_reports import made

pytestmark = pytest.mark.usefixtures("playbook")

JANUARY = parse_instant("2026-01-01T00:00:00Z")
FEBRUARY = parse_instant("2026-02-01T00:00:00Z")
PAPER = ScoreThen(75_000, "B", 3, (ScoreLine("paper", "Downloaded a paper", 20_000),))


def rejected(number: int, at: int, code: str = "not_ready", /, *, after: int = HOUR, **said: Any) -> None:
    made(
        number, at - after, state="rejected", decided_by="maria", decided_at=at, reason_code=code, score=PAPER, **said
    )  # fmt: skip


def accepted(number: int, at: int, **said: Any) -> None:
    made(number, at - HOUR, state="accepted", decided_by="maria", decided_at=at, score=PAPER, **said)


def sent(aws: Aws) -> list[dict[str, Any]]:
    return aws.messages(aws.operations_queue_url)


def facts(message: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(message["MessageAttributes"]["facts"]["Value"]))


def test_the_review_is_of_the_month_before_beside_the_one_before_it(aws: Aws, context: Context) -> None:
    rejected(1, JANUARY, source="google / cpc")
    rejected(2, FEBRUARY - 1, "no_budget", source="google / cpc")
    rejected(3, FEBRUARY)  # the next review's
    rejected(4, JANUARY - 1)
    rejected(5, JANUARY - 31 * DAY)  # the first instant of December
    rejected(6, JANUARY - 31 * DAY - 1)
    accepted(7, JANUARY + DAY)
    made(8, JANUARY + DAY)  # nobody decided yet
    text = handler(sample("schedule_digest"), context)["text"]
    (message,) = sent(aws)
    assert message["Message"] == text
    assert message["Subject"] == "Rejected leads in 2026-01: 2 of 3"
    said = facts(message)
    numbers = {name: said[name] for name in ("month", "accepted", "rejected", "accepted_before", "rejected_before")}
    assert numbers == {
        "month": "2026-01", "accepted": 1, "rejected": 2, "accepted_before": 0, "rejected_before": 2,
    }  # fmt: skip
    assert said["by_reason"] == [
        {"reason": "no_budget", "rejected": 1, "before": 0}, {"reason": "not_ready", "rejected": 1, "before": 2},
    ]  # fmt: skip
    assert [(each["rule"], each["rejected"], each["accepted"], each["rejected_before"]) for each in said["by_rule"]] == [
        ("paper", 2, 1, 2)
    ]  # fmt: skip
    assert [(each["source"], each["rejected"], each["rejected_before"]) for each in said["by_source"]] == [
        ("google / cpc", 2, 0)
    ]  # fmt: skip


def test_the_review_says_in_words_what_was_agreed_and_what_changed(
    aws: Aws, context: Context, playbook: dict[str, Any]
) -> None:
    rejected(1, JANUARY + DAY)
    rejected(2, JANUARY - DAY)
    rejected(3, JANUARY - DAY, "gone_reason")
    text = handler(sample("schedule_digest"), context)["text"]
    for line in (
        "What sales rejected in 2026-01, and what it teaches",
        "2026-01: sales decided on 1: 0 accepted, 1 rejected (100%)",
        "2025-12: sales decided on 2: 0 accepted, 2 rejected (100%)",
        f"MQL means: {playbook['agreement']['mql']}",
        f"SQL means: {playbook['agreement']['sql']}",
        "(not_ready): 1, as the month before",
        "- no longer in the playbook (gone_reason): 0, 1 fewer than the month before",
        "- Downloaded a paper: 1 of 1 rejected; 2 of 2 rejected the month before",
        "- unknown: 1 of 1 rejected; 2 of 2 rejected the month before",
    ):
        assert line in text, text


def test_a_month_without_handoffs_is_reviewed_too(aws: Aws, context: Context) -> None:
    text = handler(sample("schedule_digest"), context)["text"]
    assert "2026-01: sales decided on 0: 0 accepted, 0 rejected\n" in text
    assert len(sent(aws)) == 1


def test_the_same_call_twice_sends_the_same_review(aws: Aws, context: Context) -> None:
    rejected(1, JANUARY + DAY)
    before = aws.items()
    handler(sample("schedule_digest"), context)
    handler(sample("schedule_digest"), context)
    one, other = sent(aws)
    assert (one["Message"], facts(one)) == (other["Message"], facts(other))
    assert aws.items() == before


def test_a_rejection_a_month_after_the_handoff_is_still_in_the_review(aws: Aws, context: Context) -> None:
    rejected(1, JANUARY + DAY, after=LATE)
    rejected(2, JANUARY - 31 * DAY, after=LATE)
    handler(sample("schedule_digest"), context)
    said = facts(sent(aws)[0])
    assert (said["rejected"], said["rejected_before"]) == (1, 1)


def test_when_the_topic_does_not_take_it_the_call_fails_and_comes_again(
    aws: Aws, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any, **__: Any) -> str:
        raise TimeoutError

    with monkeypatch.context() as broken:
        broken.setattr(topics, "publish", failing)
        with pytest.raises(TimeoutError):
            handler(sample("schedule_digest"), context)
    handler(sample("schedule_digest"), context)
    assert len(sent(aws)) == 1


def test_more_handoffs_than_a_call_can_read_fail_aloud(
    aws: Aws, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 1)
    rejected(1, JANUARY + DAY)
    rejected(2, JANUARY + DAY)
    with pytest.raises(TooManyError, match="more than 1 handoffs"):
        handler(sample("schedule_digest"), context)
    assert sent(aws) == []


def test_many_rules_and_sources_fit_what_a_topic_takes(aws: Aws, context: Context) -> None:
    lines = tuple(ScoreLine(f"rule_{number:03d}" + "x" * 60, "Label " + "é" * 100, 1_000) for number in range(150))
    for number in range(60):
        made(
            number, JANUARY + DAY, state="rejected", decided_by="m", decided_at=JANUARY + 2 * DAY,
            reason_code=f"reason_{number}", score=ScoreThen(75_000, "B", 3, lines if number < 3 else ()), source=f"{number}" + "é" * 58,
        )  # fmt: skip
    text = handler(sample("schedule_digest"), context)["text"]
    assert "- and 140 more" in text
    (message,) = sent(aws)
    assert len(text.encode()) + len(message["MessageAttributes"]["facts"]["Value"].encode()) < 200_000
