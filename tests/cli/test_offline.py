"""`ripen score`: a file of events, scored with nothing deployed."""

import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from infra.local.demo.audience import SEED, audience
from shared.instants import instant_text, parse_instant
from shared.playbook import FOLDER
from tests.cli.conftest import Ripen
from tests.conftest import sample
from tests.infra.test_demo_audience import events_of

NOON = "2026-01-05T12:00:00Z"


def event(number: int, name: str, **said: Any) -> dict[str, Any]:
    return {"event_id": f"e{number}", "name": name, "occurred_at": NOON, "email": "sarah@logistics.example", **said}


SARAH = [
    event(1, "Identified", traits={"title": "Director of Operations", "employees": 300, "industry": "logistics"}),
    event(2, "Page Viewed", properties={"path": "/pricing"}),
    event(3, "Page Viewed", properties={"path": "/pricing"}),
    event(4, "Webinar Attended", properties={"webinar": "live"}),
    event(5, "Trial Started"),
]


def written(tmp_path: Path, lines: list[Any]) -> Path:
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    return file


def test_the_worked_example_has_115_points(ripen: Ripen, tmp_path: Path) -> None:
    ran = ripen("score", written(tmp_path, SARAH), "--playbook", FOLDER / "mid-market.yaml")
    assert (ran.code, ran.err) == (0, "")
    assert "sarah@logistics.example" in ran.out
    assert "115" in ran.out
    assert f"as of {NOON}" in ran.out


def test_json_has_lines_that_add_up(ripen: Ripen, tmp_path: Path) -> None:
    ran = ripen("score", written(tmp_path, SARAH), "--as-of", "2026-01-20T00:00:00Z", "--json")
    (lead,) = json.loads(ran.out, parse_float=Decimal)["leads"]
    assert sum(line["points"] for line in lead["lines"]) == lead["total"]
    assert lead["band"] == "sales_ready"


def test_a_device_counts_for_who_it_turned_out_to_be(ripen: Ripen, tmp_path: Path) -> None:
    visit = {"event_id": "v", "name": "Page Viewed", "occurred_at": NOON, "anonymous_id": "a1",
             "properties": {"path": "/pricing"}}  # fmt: skip
    named = event(1, "Identified", anonymous_id="a1")
    leads = ripen("score", written(tmp_path, [visit, named, visit]), "--json").json["leads"]
    assert [(lead["who"], lead["total"]) for lead in leads] == [("sarah@logistics.example", 20.0)]


def test_queue_messages_are_read_as_they_are(ripen: Ripen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    messages = [json.loads(record["body"]) for record in sample("sqs_events")["Records"]]
    file = written(tmp_path, messages)
    from_file = ripen("score", file, "--json")
    monkeypatch.setattr("sys.stdin", io.StringIO(file.read_text(encoding="utf-8")))
    assert ripen("score", "-", "--json").json == from_file.json
    assert from_file.json["leads"]


def test_the_demo_audience_is_scored_without_a_stage(ripen: Ripen, tmp_path: Path) -> None:
    now = parse_instant("2026-11-18T14:30:00Z")
    lines = [
        {**each.to_json(), "source": each.source, "received_at": instant_text(now)}
        for each in events_of(audience(SEED, now).calls, now)
    ]
    leads = ripen("score", written(tmp_path, lines), "--as-of", instant_text(now), "--json").json["leads"]
    assert len(leads) == 300
    assert leads[0]["total"] > 100


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("[]", "events.jsonl:2: a line must be a JSON object"),
        ("{", "events.jsonl:2: "),
        ('{"event_id": "1", "occurred_at": "2026-01-05T12:00:00Z"}', "events.jsonl:2: name is missing"),
        ('{"event_id": "1", "name": "x", "occurred_at": "2026-01-05T12:00:00Z"}', "the event names nobody"),
        ('{"event_id": "1", "name": "x", "occurred_at": "2026-01-05T12:00:00", "user_id": "u"}', "has no zone"),
        ('{"event_id": "1", "name": "x", "occurred_at": 5, "user_id": "u"}', "events.jsonl:2: "),
    ],
)
def test_a_bad_line_is_named(ripen: Ripen, tmp_path: Path, line: str, problem: str) -> None:
    file = written(tmp_path, [SARAH[0]])
    file.write_text(f"{file.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")
    ran = ripen("score", file)
    assert ran.code == 1
    assert ran.err.startswith("ripen: ")
    assert problem in ran.err


def test_a_file_without_events_is_no_score(ripen: Ripen, tmp_path: Path) -> None:
    ran = ripen("score", written(tmp_path, []))
    assert ran.code == 1
    assert "there is no event in it" in ran.err
    assert ripen("score", tmp_path / "nowhere.jsonl").code == 1
