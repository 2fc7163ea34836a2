"""`ripen import`: what a row of a file becomes, what is left out and why, and that nothing is lost or counted twice."""

import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cli import import_sending
from functions.ingest.body import parsed_object
from shared.errors import InvalidInputError
from shared.instants import instant_text, parse_instant
from shared.intake.segment import read_batch
from shared.lead import LeadEvent
from tests.cli.conftest import Ran, Ripen

NOW = parse_instant("2026-11-22T12:00:00Z")
KEY = "server_local_key"
PEOPLE = "Email,First Name,Created At\n"


class Stage:
    """A stage's batch route, read by the code that reads it there; it answers as told before it takes anything."""

    def __init__(self, answers: list[tuple[int, dict[str, str]]]) -> None:
        self.answers = answers
        self.batches: list[list[LeadEvent]] = []
        self.connections: set[Any] = set()
        self.slow = 0.0
        self.most = 10_000
        self.refused_ids: set[str] = set()
        self.statuses: list[int] = []

    def take(self, body: bytes) -> tuple[int, dict[str, str], dict[str, Any]]:
        time.sleep(self.slow)
        if self.answers:
            status, headers = self.answers.pop(0)
            return status, headers, {"code": "told", "message": "as the test says"}
        try:
            said = parsed_object(body)
            if len(said["batch"]) > self.most:
                return 413, {}, {"code": "too_large", "message": "too many"}
            events, _ = read_batch(said, intake="server", received_at=NOW)
        except InvalidInputError as error:
            return 400, {}, {"code": "invalid", "message": error.problem, "field": error.field}
        ids = [event.event_id for event in events]
        rejected = [
            {"index": index, "field": "traits.email", "message": "is on fire"}
            for index, name in enumerate(ids)
            if name in self.refused_ids
        ]
        self.batches.append([event for event in events if event.event_id not in self.refused_ids])
        return 200, {}, {"success": True, **({"rejected": rejected} if rejected else {})}

    @property
    def events(self) -> list[LeadEvent]:
        return [event for batch in self.batches for event in batch]

    @property
    def distinct(self) -> dict[str, LeadEvent]:
        return {event.event_id: event for event in self.events}


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(import_sending, "FIRST_WAIT", 0.001)
    told = Stage([])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            told.connections.add(self.client_address)
            body = self.rfile.read(int(self.headers["content-length"]))
            status, headers, said = told.take(body)
            told.statuses.append(status)
            text = json.dumps(said).encode()
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(text))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_address[1]}"  # type: ignore[attr-defined]
    yield told
    server.shutdown()
    server.server_close()
    thread.join()


Import = Callable[..., Ran]


@pytest.fixture
def imported(ripen: Ripen, stage: Any, tmp_path: Path) -> Import:
    """Import a text as a file into the stage."""

    def run(text: str | bytes, *arguments: object, name: str = "people.csv") -> Ran:
        path = tmp_path / name
        data = text if isinstance(text, bytes) else text.encode()
        if not path.exists() or path.read_bytes() != data:
            path.write_bytes(data)
            os.utime(path, (NOW - 1000, NOW - 1000))
        return ripen("import", path, "--url", stage.url, "--key", KEY, *arguments)

    return run


@pytest.fixture
def refused_rows(tmp_path: Path) -> Callable[[], list[list[str]]]:
    def read(name: str = "people.csv") -> list[list[str]]:
        with (tmp_path / f"{name}.rejected.csv").open(encoding="utf-8-sig", newline="") as file:
            return list(csv.reader(file))

    return read


def many(count: int) -> str:
    return PEOPLE + "".join(f"p{n}@example.com,P{n},2024-01-01T00:00:00Z\n" for n in range(count))


# --- people


def test_a_row_is_an_identify_of_its_own_time_and_history(imported: Import, stage: Stage) -> None:
    ran = imported("Email,First Name,Company Size,Created At\nAda@Example.com,Ada,201-500,2024-05-06T10:00:00+02:00\n")
    assert ran.code == 0
    (event,) = stage.events
    assert (event.name, event.email, event.history) == ("Identified", "ada@example.com", True)
    assert event.traits == {"email": "Ada@Example.com", "first_name": "Ada", "employees": 201}
    assert instant_text(event.occurred_at) == "2024-05-06T08:00:00Z"


def test_what_columns_mean_is_shown_before_anything_is_sent(imported: Import) -> None:
    ran = imported("E-Mail Address,Job Title,Shoe Size\nada@example.com,CTO,38\n", "--dry-run")
    assert "E-Mail Address = email  guessed" in ran.out
    assert "Job Title = title  guessed" in ran.out
    assert "Shoe Size  left out" in ran.out
    assert "every row counts as said at 2026-11-22T11:43:20Z" in ran.out


def test_columns_mean_what_is_said_of_them(imported: Import, stage: Stage, tmp_path: Path) -> None:
    pairs = tmp_path / "map.txt"
    pairs.write_text("# ours\nKontakt = email\nStack = tech_stack[]\n", encoding="utf-8")
    text = "Kontakt,Nr,Stack,Title,Wann\nada@example.com,7,aws | python,Dr,2024-01-01\n"
    said = ("--map", "Nr=user_id", "--map", "Title=", "--created-at", "Wann", "--zone", "Europe/Berlin")
    assert imported(text, "--map-file", pairs, *said).code == 0
    (event,) = stage.events
    assert event.user_id == "7"
    assert event.traits == {"email": "ada@example.com", "tech_stack": ["aws", "python"]}
    assert instant_text(event.occurred_at) == "2023-12-31T23:00:00Z"


@pytest.mark.parametrize(
    ("header", "said", "problem"),
    [
        ("Email", ["--map", "Emial=email"], "no column 'Emial': did you mean 'Email'?"),
        ("Mail,Post", ["--map", "Mail=email", "--map", "Post=email"], "both say email"),
        ("Name,Company", [], "no column says who a row is about"),
        ("Email,X", ["--map", "X=with space"], "is no field"),
        ("Email", ["--map", "Email=email[]"], "is one value, not a list"),
        ("Email", ["--map", "Email"], "write a column and a field"),
        ("Email,Consent Date", [], "none whether"),
    ],
)
def test_columns_that_cannot_be_meant_stop_it_before_it_begins(
    header: str, said: list[str], problem: str, imported: Import, stage: Stage
) -> None:
    ran = imported(f"{header}\nada@example.com\n", *said)
    assert ran.code == 1
    assert problem in ran.err
    assert stage.batches == []


def test_a_file_of_columns_that_is_no_text_is_named(imported: Import, tmp_path: Path) -> None:
    said = tmp_path / "columns.txt"
    said.write_bytes("Straße=street".encode("cp1252"))
    ran = imported("Email\nada@example.com\n", "--map-file", str(said))
    assert (ran.code, f"{said}: is no text in UTF-8" in ran.err) == (1, True)


def test_consent_counts_from_when_it_was_given_and_says_where(imported: Import, stage: Stage) -> None:
    text = "Email,Consent,Consent Date,Consent Source,Created At\nada@example.com,yes,2025-02-03T00:00:00Z,fair,2024-01-01T00:00:00Z\n"
    assert imported(text).code == 0
    row, consent = stage.events
    assert "consent" not in row.traits
    assert consent.traits == {"email": "ada@example.com", "consent": True, "consent_source": "fair"}
    assert instant_text(consent.occurred_at) == "2025-02-03T00:00:00Z"


def test_an_empty_consent_says_nothing_and_a_no_says_no(imported: Import, stage: Stage) -> None:
    assert imported("Email,Consent\na@example.com,\nb@example.com,No\n").code == 0
    assert [event.traits.get("consent") for event in stage.events] == [None, False]


def test_a_no_without_a_date_holds_from_when_the_file_was_written(imported: Import, stage: Stage) -> None:
    text = "Email,Consent,Created At\na@example.com,no,2024-01-01T00:00:00Z\nb@example.com,yes,2024-01-01T00:00:00Z\n"
    assert imported(text, "--as-of", "2026-11-20T00:00:00Z").code == 0
    row, no, yes = stage.events
    assert ("consent" in row.traits, instant_text(row.occurred_at)) == (False, "2024-01-01T00:00:00Z")
    assert (no.traits["consent"], instant_text(no.occurred_at)) == (False, "2026-11-20T00:00:00Z")
    assert (yes.traits["consent"], instant_text(yes.occurred_at)) == (True, "2024-01-01T00:00:00Z")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_delimiter_is_found_and_quoted_cells_may_hold_it_and_line_ends(
    delimiter: str, imported: Import, stage: Stage
) -> None:
    text = delimiter.join(["Email", "Company"]) + "\r\n" + f'ada@example.com{delimiter}"Acme{delimiter}\r\nAB"\r\n'
    assert imported(text).code == 0
    assert stage.events[0].traits["company"] == f"Acme{delimiter}\r\nAB"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_a_file_is_read_in_the_encoding_it_is_in(encoding: str, imported: Import, stage: Stage) -> None:
    assert imported("Email,First Name\nada@example.com,Zoë “Z” Müller\n".encode(encoding)).code == 0
    assert stage.events[0].traits["first_name"] == "Zoë “Z” Müller"


@pytest.mark.parametrize(
    ("row", "column", "problem"),
    [
        ("ada@example,com,x,2024-01-01T00:00:00Z", "the row", "has 4 cells and the header 3"),
        ("n/a,Ada,", "Email", "names nobody"),
        ("not an address,Ada,", "Email", "is not an email address"),
        ("ada@example.com,Ada,2024-01-01", "Created At", "has no zone"),
        ("ada@example.com,Ada,01/02/2024", "Created At", "must be a time such as"),
        ("ada@example.com,Ada,1970-01-01T00:00:00Z", "Created At", "lies before 1990"),
    ],
)
def test_a_bad_row_is_told_with_line_column_and_fix_and_stops_no_other(
    row: str, column: str, problem: str, imported: Import, stage: Stage, refused_rows: Callable[[], list[list[str]]]
) -> None:
    ran = imported(f"{PEOPLE}a@example.com,A,\n\n{row}\nb@example.com,B,\n")
    assert ran.code == 3
    assert [event.email for event in stage.events] == ["a@example.com", "b@example.com"]
    header, refused = refused_rows()
    assert header == ["line", "column", "what to do", "Email", "First Name", "Created At"]
    assert refused[:2] == ["4", column]
    assert problem in refused[2]
    assert refused[3:] == row.split(",")


def test_a_quote_that_is_never_closed_takes_one_row_with_it(
    imported: Import, stage: Stage, refused_rows: Callable[[], list[list[str]]]
) -> None:
    swallowed = "".join(f"x{n}@example.com,{'x' * 100},\n" for n in range(2000))
    ran = imported(f'{PEOPLE}a@example.com,A,\nb@example.com,"B,\n{swallowed}')
    assert ran.code == 3
    assert stage.events[0].email == "a@example.com"
    assert "is a quote never closed?" in refused_rows()[1][2]
    assert len(stage.events) > 500  # what came after the 128 KB a cell may have


def test_consent_that_is_neither_yes_nor_no_is_told(
    imported: Import, stage: Stage, refused_rows: Callable[[], list[list[str]]]
) -> None:
    assert imported("Email,Opt-in\nada@example.com,perhaps\n").code == 3
    assert refused_rows()[1][1:3] == ["Opt-in", "must be yes or no, or empty where nobody was asked"]


# --- once


def test_a_row_counts_once_in_whatever_file_it_stands(imported: Import, stage: Stage) -> None:
    rows = ["a@example.com,A,", "b@example.com,B,2024-01-01T00:00:00Z"]
    imported(PEOPLE + "\n".join(rows) + "\n")
    imported(PEOPLE + "\n".join(reversed(rows)) + "\n")
    imported("First Name,Email,Created At,Extra\nA,a@example.com,,9\n", name="other.csv")
    assert len(stage.events) == 5
    assert len(stage.distinct) == 2


def test_a_row_without_a_time_counts_once_whenever_its_file_was_written(imported: Import, stage: Stage) -> None:
    for as_of in ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"):
        imported(f"{PEOPLE}a@example.com,A,\n", "--as-of", as_of)
    assert [instant_text(event.occurred_at)[:7] for event in stage.events] == ["2026-01", "2026-02"]
    assert len(stage.distinct) == 1


def test_rows_that_differ_are_different_events(imported: Import, stage: Stage) -> None:
    imported(f"{PEOPLE}a@example.com,A,\na@example.com,B,\na@example.com,A,2024-01-01T00:00:00Z\n")
    assert len(stage.distinct) == 3


# --- events


CALL = {
    "type": "track", "event": "Webinar Attended", "userId": "u", "timestamp": "2025-01-02T03:04:05Z",
    "sentAt": "2025-01-02T03:04:06Z",
}  # fmt: skip


def test_a_call_keeps_its_time_and_id_whenever_it_was_sent(imported: Import, stage: Stage) -> None:
    lines = [
        CALL,
        {**CALL, "messageId": "own"},
        {"batch": [CALL], "context": {"locale": "sv"}, "sentAt": CALL["sentAt"]},
    ]
    assert imported("\n".join(map(json.dumps, lines)), name="events.jsonl").code == 0
    first, second, third = stage.events
    assert {instant_text(event.occurred_at) for event in stage.events} == {"2025-01-02T03:04:05Z"}
    assert first.event_id.startswith("derived-")
    assert second.event_id == "own"
    assert third.context == {"locale": "sv"}
    assert all(event.history for event in stage.events)


def test_an_event_that_cannot_be_used_is_told_and_stops_no_other(
    imported: Import, stage: Stage, refused_rows: Callable[..., list[list[str]]]
) -> None:
    lines = [
        json.dumps({"batch": [CALL, {**CALL, "type": "dance"}]}),
        "{",
        json.dumps({**CALL, "writeKey": "public_site_x"}),
        json.dumps({"type": "track", "event": "x", "userId": "u"}),
        json.dumps({"event_id": "e", "name": "x", "occurred_at": "2025-01-02T03:04:05Z", "user_id": "u"}),
    ]
    assert imported("\n".join(lines) + "\n", name="events.jsonl").code == 3
    assert len(stage.events) == 1
    told = refused_rows("events.jsonl")[1:]
    assert [(row[0], row[1]) for row in told] == [
        ("1", "batch[1].type"), ("2", "the line"), ("3", "writeKey"), ("4", "timestamp"), ("5", "the line"),
    ]  # fmt: skip


# --- the way there


def test_batches_stay_within_what_a_stage_takes(imported: Import, stage: Stage) -> None:
    assert imported(many(6000)).code == 0
    assert len(stage.distinct) == len(stage.events) == 6000
    assert set(stage.statuses) == {200}


def test_a_batch_has_no_more_events_than_a_stage_takes_when_rows_are_two_each(imported: Import, stage: Stage) -> None:
    rows = "".join(f"p{n}@example.com,yes,2025-01-01T00:00:00Z\n" for n in range(1500))
    assert imported(f"Email,Consent,Consent Date\n{rows}").code == 0
    assert len(stage.events) == 3000
    assert set(stage.statuses) == {200}


def test_connections_are_kept(imported: Import, stage: Stage) -> None:
    imported(many(15_000))
    assert len(stage.batches) >= 6
    assert len(stage.connections) <= 4


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_batch_is_sent_again_until_it_is_taken(status: int, imported: Import, stage: Stage) -> None:
    stage.answers += [(status, {"retry-after": "0"})] * 3
    assert imported(many(10)).code == 0
    assert len(stage.events) == 10


def test_retry_after_is_waited_for(imported: Import, stage: Stage) -> None:
    stage.answers.append((429, {"retry-after": "1"}))
    began = time.monotonic()
    imported(many(1))
    assert time.monotonic() - began >= 1


def test_a_batch_that_is_too_large_for_the_stage_is_sent_in_parts(imported: Import, stage: Stage) -> None:
    stage.most = 3
    assert imported(many(10)).code == 0
    assert [event.email for event in sorted(stage.events, key=lambda each: each.email or "")] == [
        f"p{n}@example.com" for n in range(10)
    ]


def test_batches_hold_no_more_values_than_a_stage_takes(imported: Import, stage: Stage) -> None:
    header = ",".join(["Email", *(f"c{n}" for n in range(30))])
    rows = "".join(f"p{n}@example.com{',x' * 30}\n" for n in range(2000))
    assert imported(f"{header}\n{rows}", *(part for n in range(30) for part in ("--map", f"c{n}=c{n}"))).code == 0
    assert len(stage.events) == 2000
    assert set(stage.statuses) == {200}


def test_an_event_that_no_batch_has_room_for_is_told(
    imported: Import, stage: Stage, refused_rows: Callable[..., list[list[str]]]
) -> None:
    packed = {**CALL, "properties": {"all": [0] * 3000}}
    lines = [json.dumps({"batch": [{**packed, "messageId": f"m{n}"} for n in range(20)]}), json.dumps(CALL)]
    assert imported("\n".join(lines), name="events.jsonl").code == 0
    assert len(stage.distinct) == 21
    stage.most = 0
    assert imported(json.dumps({**CALL, "messageId": "n"}), name="events.jsonl").code == 3
    assert refused_rows("events.jsonl")[1][:3] == ["1", "the row", "too many"]


def test_what_the_stage_refuses_is_told_with_its_line(
    imported: Import, stage: Stage, refused_rows: Callable[[], list[list[str]]]
) -> None:
    imported(many(5))
    stage.most, stage.refused_ids = 2, {stage.events[3].event_id}
    assert imported(many(5)).code == 3
    assert refused_rows()[1][:4] == ["5", "Email", "is on fire", "p3@example.com"]


def test_a_stage_that_refuses_the_key_ends_it_with_its_reason(imported: Import, stage: Stage) -> None:
    stage.answers += [(401, {})] * 8
    ran = imported(many(5))
    assert ran.code == 1
    assert "answered 401: as the test says" in ran.err


@pytest.mark.parametrize(
    ("url", "key", "problem"),
    [
        ("http://api.example.com", KEY, "in the open"),
        ("api.example.com", KEY, "is no address"),
        ("https://api.example.com:abc", KEY, "is no address"),
        ("https://api.example.com:99999", KEY, "is no address"),
        ("http://[::1", KEY, "is no address"),
        ("https://api example.com", KEY, "is no address"),
        ("https://api.example.com", "public_site_x", "needs a server key"),
    ],
)
def test_a_target_that_cannot_be_used_is_refused_unasked(
    url: str, key: str, problem: str, ripen: Ripen, tmp_path: Path
) -> None:
    (tmp_path / "people.csv").write_text(many(1), encoding="utf-8")
    ran = ripen("import", tmp_path / "people.csv", "--url", url, "--key", key)
    assert ran.code == 1
    assert problem in ran.err


def test_a_dry_run_sends_and_writes_nothing(imported: Import, stage: Stage, tmp_path: Path) -> None:
    ran = imported(f"{many(3)}nobody,,\n", "--dry-run")
    assert ran.code == 3
    assert "line 5: Email is not an email address" in ran.out
    assert "4 rows would be 3 events, 1 problems; nothing was sent" in ran.out
    assert stage.batches == []
    assert [path.name for path in tmp_path.iterdir()] == ["people.csv"]


def test_a_rate_is_kept(imported: Import, stage: Stage) -> None:
    began = time.monotonic()
    imported(many(5000), "--rate", 5000)
    assert time.monotonic() - began >= 0.5


# --- going on


def test_an_import_that_stopped_goes_on_where_it_was_acknowledged(
    imported: Import, stage: Stage, tmp_path: Path, refused_rows: Callable[[], list[list[str]]], monkeypatch: Any
) -> None:
    monkeypatch.setattr("cli.import_command.CONNECTIONS", 1)
    text = f"{PEOPLE}nobody,,\n{many(6000).removeprefix(PEOPLE)}nobody,,\n"
    before = stage.take

    def failing(body: bytes) -> Any:
        return before(body) if len(stage.batches) < 1 else (403, {}, {"message": "the test ended it"})

    monkeypatch.setattr(stage, "take", failing)
    ran = imported(text)
    assert ran.code == 1
    assert "go on with --resume" in ran.err
    assert [path.name[:14] for path in tmp_path.iterdir() if path.name.startswith(".")] == [".ripen-import-"]
    first = len(stage.events)
    with (tmp_path / "people.csv.rejected.csv").open("a", encoding="utf-8") as file:
        file.write("9,what a run wrote that was killed before it could note it\n")
    monkeypatch.setattr(stage, "take", before)
    ran = imported(text, "--resume")
    assert ran.code == 3
    assert f"going on after {first + 1:,} rows" in ran.out
    assert len(stage.distinct) == len(stage.events) == 6000
    assert [row[0] for row in refused_rows()] == ["line", "2", "6003"]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_there_is_nothing_to_go_on_from_when_the_file_changed(imported: Import, stage: Stage) -> None:
    stage.answers += [(403, {})]
    imported(many(5))
    ran = imported(many(6), "--resume")
    assert ran.code == 1
    assert "there is nothing to go on from" in ran.err


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_an_import_that_is_ended_loses_and_doubles_nothing(
    ending: signal.Signals, imported: Import, stage: Any, tmp_path: Path
) -> None:
    path = tmp_path / "people.csv"
    path.write_text(many(25_000), encoding="utf-8")
    os.utime(path, (NOW - 1000, NOW - 1000))
    stage.slow = 0.3
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # what a shell started in the background ignores it
    running = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "import", path, "--url", stage.url, "--key", KEY],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    signal.signal(signal.SIGINT, before)
    while len(stage.batches) < 3 or not [each for each in tmp_path.glob(".ripen-*") if each.suffix != ".new"]:
        assert running.poll() is None
        time.sleep(0.02)
    running.send_signal(ending)
    _, told = running.communicate(timeout=30)
    stage.slow = 0
    assert running.returncode == (130 if ending is signal.SIGINT else -9)
    assert len(stage.distinct) < 25_000
    if ending is signal.SIGINT:
        assert "go on with --resume" in told
        assert "Traceback" not in told
    ran = imported(many(25_000), "--resume")
    assert ran.code == 0
    assert len(stage.distinct) == 25_000
    if ending is signal.SIGINT:
        assert len(stage.events) == 25_000


def test_memory_does_not_grow_with_the_file(imported: Import, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.import_command.MAX_EVENTS", 200)
    peaks = []
    for count in (600, 3000):
        tracemalloc.start()
        assert imported(many(count), "--dry-run").code == 0
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 500_000
