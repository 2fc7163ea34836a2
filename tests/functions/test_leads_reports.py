"""The report on handoffs through the API: what it reads, who may ask, and for how much."""

import json
import time
from dataclasses import replace
from typing import Any

import pytest

from functions.leads import reports
from functions.leads.handler import handler
from functions.sales.handler import handler as sales
from shared import table
from shared.aws import handoff_weeks, handoffs
from shared.handoff import Clock, Handoff, ScoreLine, ScoreThen
from shared.instants import DAY, HOUR, instant_text, parse_instant
from shared.keys import KeyKind, mint_key
from tests.conftest import SIGNING_SECRET, Aws, Context, sample
from tests.crashes import calls_counted
from tests.handoff_world import LEAD_ID, QUALIFIED_AT, current, handed_off

pytestmark = pytest.mark.usefixtures("playbook")

YEAR_END = parse_instant("2025-12-29T00:00:00Z")  # the Monday on which 2026-W01 begins
SCORE = ScoreThen(75_000, "A", 4, (ScoreLine("demo_request", "Asked for a demo", 40_000),))


def ask(
    context: Context, query: dict[str, str] | None = None, *, kind: KeyKind = "sales"
) -> tuple[int, dict[str, Any]]:
    request = sample("http_report_sla") | {"queryStringParameters": query}
    request["headers"] = {"authorization": f"Bearer {mint_key(kind, 'test', SIGNING_SECRET)}"}
    answer = handler(request, context)  # type: ignore[arg-type]
    return answer["statusCode"], json.loads(answer["body"])


def clock_of(at: int, **said: int) -> Clock:
    return Clock("contact", at + HOUR, **said)


def made(number: int, at: int, **said: Any) -> Handoff:
    handoff = Handoff(
        f"lead{number:012d}"[-16:], 1, 1, "open", "high", "maria", "75 points", at, (clock_of(at),), SCORE
    )  # fmt: skip
    handoff = replace(handoff, **said)
    handoffs.write([handoffs.create_entry(handoff, None)])
    return handoff


def test_a_report_has_the_handoffs_of_its_time_and_no_other(aws: Aws, context: Context) -> None:
    """Across a week, a month, a year and the shards; the first instant is in, the last is not."""
    inside = [made(number, YEAR_END + number * 5 * HOUR) for number in range(40)]
    made(100, YEAR_END - 1)
    made(101, YEAR_END + 200 * HOUR)
    status, said = ask(context, {"from": "2025-12-29", "to": instant_text(YEAR_END + 200 * HOUR)})
    assert (status, said["total"]["handoffs"]) == (200, 40)
    assert {each["lead_id"] for each in said["open"]["listed"]} == {each.lead_id for each in inside}
    assert [(each["week"], each["handoffs"]) for each in said["by"]["week"]] == [("2026-W01", 34), ("2026-W02", 6)]
    assert len({item[table.RANK_KEY] for item in aws.items()}) > 5


def test_an_accepted_lead_is_in_the_report_as_sales_left_it(aws: Aws, context: Context) -> None:
    handed_off(context)
    press = sample("http_handoff_accept") | {"rawPath": f"/v1/handoffs/{LEAD_ID}/1/accept"}
    press["headers"] = {"authorization": f"Bearer {mint_key('sales', 'test', SIGNING_SECRET)}"}
    press["body"] = json.dumps({"by": "maria"})
    assert sales(press, context)["statusCode"] == 200
    assert sales(press, context)["statusCode"] == 200
    _, said = ask(context, {"to": instant_text(QUALIFIED_AT + DAY)})
    assert (said["total"]["accepted"], said["total"]["accepted_rate"]) == (1, 1.0)
    assert [(each["state"], each["owner"]) for each in said["open"]["listed"]] == [("accepted", current().owner)]


def test_a_report_equals_a_recount_of_the_raw_items(aws: Aws, context: Context) -> None:
    codes = ("not_ready", "no_budget", None, None)
    for number in range(30):
        code = codes[number % 4]
        decided = {"state": "rejected", "decided_by": "maria", "decided_at": YEAR_END + DAY, "reason_code": code}
        made(number, YEAR_END + number * HOUR, source=("a", "b", None)[number % 3], **(decided if code else {}))
    _, said = ask(context, {"from": "2025-12-01", "to": "2026-02-01"})
    items = [item for item in aws.items() if item[table.SK].startswith(table.HANDOFF_PREFIX)]
    reasons = [item["reason_code"] for item in items if item["state"] == "rejected"]
    assert said["rejections"]["by_reason"] == [
        {"reason": code, "rejected": reasons.count(code)}
        for code in sorted(set(reasons), key=lambda code: (-reasons.count(code), code))
    ]
    sources = {each["source"]: each["handoffs"] for each in said["by"]["source"]}
    assert sources == {
        name: sum(item.get("source", "unknown") == name for item in items) for name in ("a", "b", "unknown")
    }


@pytest.mark.parametrize(("kind", "status"), [("admin", 200), ("sales", 200), ("server", 401), ("public", 401)])
def test_sales_and_administrators_may_ask(kind: KeyKind, status: int, aws: Aws, context: Context) -> None:
    assert ask(context, kind=kind)[0] == status


def test_a_sales_key_reads_no_lead(aws: Aws, context: Context) -> None:
    request = sample("http_leads")
    request["headers"] = {"authorization": f"Bearer {mint_key('sales', 'test', SIGNING_SECRET)}"}
    assert handler(request, context)["statusCode"] == 401


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({"from": "yesterday"}, "from: must be a day of UTC, as in 2026-01-05, or a time with a zone"),
        ({"to": "2026-01-05T09:00:00"}, "to: must be a day of UTC"),
        ({"to": "1980-01-01"}, "to: must lie between 1990 and 2200"),
        ({"from": "2026-01-05", "to": "2026-01-05"}, "from: must be before `to`"),
        ({"from": "2025-01-01", "to": "2026-01-08"}, "from: must be at most 53 weeks before `to`"),
        ({"by": "country"}, "by: must be one of class, owner, source, week"),
    ],
)
def test_a_query_that_cannot_be_used_says_what_to_write(
    query: dict[str, str], problem: str, aws: Aws, context: Context
) -> None:
    status, said = ask(context, query)
    assert (status, said["message"].startswith(problem)) == (400, True), said


def test_more_than_one_report_reads_is_refused_with_what_to_do(
    aws: Aws, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "MOST", 3)
    for number in range(4):
        made(number, YEAR_END)
    query = {"from": "2025-12-29", "to": "2026-01-05"}
    status, said = ask(context, query)
    assert (status, said["message"]) == (
        400, "from: more than 3 handoffs were made in that time: ask for a shorter time",
    )  # fmt: skip
    monkeypatch.setattr(reports, "MOST", 4)
    assert ask(context, query)[0] == 200


def test_what_is_not_said_is_the_last_thirteen_weeks_and_every_split(aws: Aws, context: Context) -> None:
    now = int(time.time())
    made(1, now - HOUR)
    made(2, now - 13 * 7 * DAY + HOUR)
    made(3, now - 13 * 7 * DAY - HOUR)
    _, said = ask(context)
    assert (said["total"]["handoffs"], sorted(said["by"])) == (2, ["class", "owner", "source", "week"])
    assert list(ask(context, {"by": "week"})[1]["by"]) == ["week"]


def test_a_report_costs_what_its_weeks_hold_whatever_else_there_is(aws: Aws, context: Context) -> None:
    ask(context)  # looks which playbook is in force
    asked = []
    for others in (0, 60):
        for number in range(others):
            made(1000 + number, YEAR_END - 30 * DAY - number * HOUR)
        if not others:
            made(1, YEAR_END)
        with calls_counted() as calls:
            ask(context, {"from": "2025-12-29", "to": "2026-01-05"})
        asked.append(calls)
    assert asked[0] == asked[1]


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        ("2025-12-29T00:00:00Z", "2025-12-29T00:00:01Z", ["2026-W01"]),
        ("2025-12-28T23:59:59Z", "2025-12-29T00:00:00Z", ["2025-W52"]),
        ("2025-12-28T23:59:59Z", "2025-12-29T00:00:01Z", ["2025-W52", "2026-W01"]),
        ("2026-12-31T12:00:00Z", "2027-01-04T12:00:00Z", ["2026-W53", "2027-W01"]),
    ],
)
def test_the_weeks_of_a_time_are_those_with_a_second_in_it(since: str, until: str, expected: list[str]) -> None:
    assert handoff_weeks.weeks(parse_instant(since), parse_instant(until)) == expected
