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
    assert sum(line["points"] for line in lead["score"]["lines"]) == lead["score"]["total"]
    assert lead["score"]["band"] == "sales_ready"


def test_a_device_counts_for_who_it_turned_out_to_be(ripen: Ripen, tmp_path: Path) -> None:
    visit = {"event_id": "v", "name": "Page Viewed", "occurred_at": NOON, "anonymous_id": "a1",
             "properties": {"path": "/pricing"}}  # fmt: skip
    named = event(1, "Identified", anonymous_id="a1")
    leads = ripen("score", written(tmp_path, [visit, named, visit]), "--json").json["leads"]
    assert [(lead["who"], lead["score"]["total"]) for lead in leads] == [("sarah@logistics.example", 20.0)]


def test_queue_messages_are_read_as_they_are(ripen: Ripen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    messages = [json.loads(record["body"]) for record in sample("sqs_events")["Records"]]
    file = written(tmp_path, messages)
    from_file = ripen("score", file, "--json")
    monkeypatch.setattr("sys.stdin", io.StringIO(file.read_text(encoding="utf-8")))
    assert ripen("score", "-", "--json").json == from_file.json
    assert from_file.json["leads"]


def said_by_an_sdk(number: int, call: str, **said: Any) -> dict[str, Any]:
    return {"type": call, "messageId": f"m{number}", "timestamp": NOON, **said}


SARAH_BY_SDK = [
    said_by_an_sdk(
        1,
        "identify",
        userId="sarah",
        traits={"email": "Sarah@Logistics.example", "title": "Director of Operations", "employees": 300,
                "industry": "logistics"},
    ),
    said_by_an_sdk(2, "page", userId="sarah", context={"page": {"path": "/pricing"}}),
    said_by_an_sdk(3, "page", userId="sarah", properties={"url": "https://ripen.example/pricing?ref=1"}),
    said_by_an_sdk(4, "track", userId="sarah", event="Webinar Attended", properties={"webinar": "live"}),
    said_by_an_sdk(5, "track", userId="sarah", event="Trial Started"),
]  # fmt: skip


def test_calls_as_an_sdk_says_them_score_the_same_as_lead_events(ripen: Ripen, tmp_path: Path) -> None:
    by_event = ripen("score", written(tmp_path, SARAH), "--json").json["leads"]
    by_call = ripen("score", written(tmp_path, SARAH_BY_SDK), "--json").json["leads"]
    in_a_batch = ripen("score", written(tmp_path, [{"batch": SARAH_BY_SDK, "sentAt": NOON}]), "--json").json["leads"]
    assert by_event == by_call == in_a_batch


def test_what_a_batch_would_be_refused_of_is_told_and_the_rest_counts(ripen: Ripen, tmp_path: Path) -> None:
    nobody = said_by_an_sdk(6, "track", event="Trial Started")
    timeless = {"type": "track", "userId": "sarah", "event": "Trial Started"}
    ran = ripen("score", written(tmp_path, [{"batch": [nobody, *SARAH_BY_SDK, 5, timeless]}]), "--json")
    assert ran.code == 0
    assert ran.json["leads"] == ripen("score", written(tmp_path, SARAH_BY_SDK), "--json").json["leads"]
    assert "events.jsonl:1: batch[0]: userId nobody is named" in ran.err
    assert "events.jsonl:1: batch[6]: body must be an object" in ran.err
    assert "events.jsonl:1: batch[7]: timestamp is missing" in ran.err


def test_a_call_sent_with_a_public_key_proves_nothing(ripen: Ripen, tmp_path: Path) -> None:
    proven = said_by_an_sdk(1, "identify", userId="u", traits={"email": "a@a.example", "title": "Director"})
    claimed = said_by_an_sdk(2, "identify", userId="u", traits={"title": "Student"}, writeKey="public_web_x")
    claimed["timestamp"] = "2026-01-06T12:00:00Z"
    lines = ripen("score", written(tmp_path, [claimed, proven]), "--json").json["leads"][0]["score"]["lines"]
    assert [line["rule"] for line in lines] == ["title_leads"]


def test_a_clock_that_is_off_is_set_right_by_when_the_call_was_sent(ripen: Ripen, tmp_path: Path) -> None:
    late = said_by_an_sdk(1, "track", userId="u", event="Trial Started", timestamp="2026-01-03T12:00:00Z")
    body = {"batch": [late], "sentAt": "2026-01-03T12:00:00Z", "receivedAt": NOON}
    ran = ripen("score", written(tmp_path, [body]), "--json")
    assert ran.json["as_of"] == NOON


def test_a_sign_that_only_looks_like_a_line_end_ends_no_line(ripen: Ripen, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    said = json.dumps(event(1, "Identified", traits={"company": "A\u2028B"}), ensure_ascii=False)
    file.write_text(said, encoding="utf-8")
    assert ripen("score", file).code == 0


def test_the_demo_audience_is_scored_without_a_stage(ripen: Ripen, tmp_path: Path) -> None:
    now = parse_instant("2026-11-18T14:30:00Z")
    lines = [
        {**each.to_json(), "source": each.source, "received_at": instant_text(now)}
        for each in events_of(audience(SEED, now).calls, now)
    ]
    leads = ripen("score", written(tmp_path, lines), "--as-of", instant_text(now), "--json").json["leads"]
    assert len(leads) == 300
    assert leads[0]["score"]["total"] > 100


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("[]", "events.jsonl:2: a line must be a JSON object"),
        ("{", "events.jsonl:2: "),
        ('{"event_id": "1", "occurred_at": "2026-01-05T12:00:00Z"}', "events.jsonl:2: name is missing"),
        ('{"event_id": "1", "name": "x", "occurred_at": "2026-01-05T12:00:00Z"}', "the event names nobody"),
        ('{"event_id": "1", "name": "x", "occurred_at": "2026-01-05T12:00:00", "user_id": "u"}', "has no zone"),
        ('{"event_id": "1", "name": "x", "occurred_at": 5, "user_id": "u"}', "events.jsonl:2: "),
        ('{"type": "track", "userId": "u", "timestamp": "2026-01-05T12:00:00Z"}', "events.jsonl:2: event must be text"),
        (
            '{"type": "bought", "userId": "u", "timestamp": "2026-01-05T12:00:00Z"}',
            "events.jsonl:2: type must be one of",
        ),
        ('{"type": "track", "userId": "u", "event": "x"}', "events.jsonl:2: timestamp is missing"),
        ('{"batch": {}}', "events.jsonl:2: batch must be a list"),
        ("{,}", "events.jsonl:2: the line is no JSON in column 2"),
        ('{"event_id": "1", "name": "x", "occurred_at": "2026-01-05T12:00:00Z", "user_id": "u", "properties": {"n": NaN}}',
         "events.jsonl:2: properties.n must be a finite number"),
        ("[" * 100_000, "events.jsonl:2: the line is nested too deep"),
        ('{"events": 5}', "events.jsonl:2: events must be a list of events"),
        ('{"events": [5]}', "events.jsonl:2: events[0] must be an object"),
        ('{"events": [{"event_id": "1", "name": "x", "occurred_at": 5}]}', "events.jsonl:2: events[0].occurred_at must be"),
        ('{"event_id": "1", "name": "x", "occurred_at": null, "user_id": "u"}', "events.jsonl:2: occurred_at must be an ISO"),
        ('{"event_id": "1", "name": "x", "occurred_at": "2026-01-05T12:00:00Z", "email": 5}', "events.jsonl:2: email must be text"),
        ('{"event_id": "1", "name": "x", "occurred_at": "2026-01-05T12:00:00Z", "email": "\\ud800@x.example"}',
         "events.jsonl:2: email holds half a character"),
        ('{"event_id": "1", "name": ["x"], "occurred_at": "2026-01-05T12:00:00Z", "user_id": "u"}', "name must be text"),
        ('{"event_id": "1", "name": "x", "occurred_at": "2026-01-05T12:00:00Z", "user_id": "u", "properties": []}',
         "events.jsonl:2: properties must be an object"),
        ('{"event_id": "1", "name": "x", "occurred_at": "2026-01-05T12:00:00Z", "user_id": "u", "verdict": "dog"}',
         "events.jsonl:2: verdict must be one of human"),
        ('{"event_id": "1", "name": "x", "occurred_at": "2026-01-05T12:00:00Z", "user_id": "u", "source": "x"}',
         "events.jsonl:2: source must be one of"),
    ],
)  # fmt: skip
def test_a_bad_line_is_named(ripen: Ripen, tmp_path: Path, line: str, problem: str) -> None:
    file = written(tmp_path, [SARAH[0]])
    file.write_text(f"{file.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")
    ran = ripen("score", file)
    assert ran.code == 1
    assert ran.err.startswith("ripen: ")
    assert problem in ran.err


def test_a_file_that_begins_with_a_byte_order_mark_is_read(ripen: Ripen, tmp_path: Path) -> None:
    file = written(tmp_path, SARAH)
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert ripen("score", file).code == 0


def test_a_file_that_is_not_utf_8_is_told_with_the_line(ripen: Ripen, tmp_path: Path) -> None:
    file = written(tmp_path, SARAH)
    file.write_bytes(file.read_bytes() + b'\n{"name": "\xe5sa"}')
    ran = ripen("score", file)
    assert (ran.code, "events.jsonl:6: is no text in UTF-8; save the file as UTF-8" in ran.err) == (1, True)


def test_standard_input_is_called_so(ripen: Ripen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("{}"))
    assert "standard input:1: occurred_at is missing" in ripen("score", "-").err


def test_before_the_first_event_there_is_nobody(ripen: Ripen, tmp_path: Path) -> None:
    ran = ripen("score", written(tmp_path, SARAH), "--as-of", "2025-01-01T00:00:00Z")
    assert ran.code == 1
    assert "nobody had done anything by 2025-01-01T00:00:00Z; the first event is of 2026-01-05T12:00:00Z" in ran.err


def test_a_preset_is_named_without_its_path(ripen: Ripen, tmp_path: Path) -> None:
    file = written(tmp_path, SARAH)
    by_name = ripen("score", file, "--playbook", "mid-market", "--json")
    assert by_name.json == ripen("score", file, "--playbook", FOLDER / "mid-market.yaml", "--json").json
    ran = ripen("score", file, "--playbook", "midmarket")
    assert ran.code == 1
    assert "midmarket: there is no such file" in ran.err
    assert "the name of a preset: default, fit-behavior, funnel, mid-market, signals, two-factors" in ran.err


def test_a_file_without_events_is_no_score(ripen: Ripen, tmp_path: Path) -> None:
    ran = ripen("score", written(tmp_path, []))
    assert ran.code == 1
    assert "there is no event in it" in ran.err
    assert ripen("score", tmp_path / "nowhere.jsonl").code == 1


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ({"event_id": "1", "name": "x", "email": "a@b.example", "occurred_at": "9999-12-31T23:59:59-14:00"}, "occurred_at"),
        ({"event_id": "1", "name": "x", "email": "a@b.example", "occurred_at": NOON,
          "received_at": "0001-01-01T00:00:00+14:00"}, "received_at"),
        ({"type": "track", "event": "x", "userId": "u", "timestamp": "9999-12-31T23:59:59-14:00"}, "timestamp"),
    ],
)  # fmt: skip
def test_a_time_that_could_not_be_written_again_is_told_with_its_line(
    line: dict[str, Any], field: str, ripen: Ripen, tmp_path: Path
) -> None:
    ran = ripen("score", written(tmp_path, [line]))
    assert (ran.code, ran.out) == (1, "")
    assert f"events.jsonl:1: {field} must lie in one of the years 1000 to 9999" in ran.err
