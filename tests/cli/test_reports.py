"""`ripen report`, against the deployed function behind a real HTTP server."""

import threading
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from typing import Any

import pytest

from cli import reports
from infra.local.outputs import Outputs
from shared.aws.secret_values import signing_secret
from shared.handoff import Handover
from shared.instants import DAY, HOUR, MINUTE
from tests.cli.conftest import Ripen
from tests.cli.test_leads import Api
from tests.conftest import Aws
from tests.functions.test_leads_reports import YEAR_END, clock_of, made

DATES = ("--from", "2025-12-29", "--to", "2026-01-05")


@pytest.fixture
def stage(aws: Aws, playbook: dict[str, Any], local_stage: Callable[..., Outputs]) -> Iterator[None]:
    """Three handoffs at an API of its own: one accepted and called, one rejected, one over its time."""
    at = YEAR_END + 9 * HOUR
    accepted = {"state": "accepted", "decided_by": "maria", "decided_at": at + MINUTE, "source": "[red]google / cpc"}
    made(1, at, **accepted, clocks=(clock_of(at, met_at=at + 20 * MINUTE),))
    made(2, at, state="rejected", decided_by="jonas", decided_at=at + DAY, reason_code="not_ready", owner="jonas")
    made(3, at, handovers=(Handover("jonas", at + 2 * HOUR, "ripen"),))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    local_stage(api_url=f"http://127.0.0.1:{server.server_port}")
    signing_secret()  # asked before the command turns the AWS clients of its process to the stage
    yield
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.usefixtures("stage")
def test_a_report_is_printed_split_by_split(ripen: Ripen) -> None:
    ran = ripen("report", "sla", *DATES)
    assert (ran.code, ran.err) == (0, "")
    for said in ("By class", "By owner", "By source", "By week", "2026-W01", "[red]google / cpc", "unknown", "50%"):
        assert said in ran.out
    for said in ("20 min", "1/2", "1 rejected, 1 accepted: not_ready 1", "Asked for a demo", "2 that sales has now"):
        assert said in ran.out
    assert "over by" in ran.out


@pytest.mark.usefixtures("stage")
def test_json_is_what_the_api_says(ripen: Ripen) -> None:
    said = ripen("report", "sla", *DATES, "--by", "owner", "--json").json
    assert [(each["owner"], each["handoffs"]) for each in said["by"]["owner"]] == [("maria", 2), ("jonas", 1)]
    assert said["by"]["owner"][1]["clocks"]["contact"]["breached"] == 2  # his own, and the one he passed on
    assert list(said["by"]) == ["owner"]


@pytest.mark.usefixtures("stage")
def test_a_time_without_handoffs_says_so(ripen: Ripen) -> None:
    assert "None." in ripen("report", "sla", "--from", "2025-01-01", "--to", "2025-02-01").out


@pytest.mark.usefixtures("stage")
def test_a_time_that_cannot_be_used_is_refused_with_the_reason(ripen: Ripen) -> None:
    ran = ripen("report", "sla", "--from", "soon")
    assert (ran.code, "from: must be a day of UTC" in ran.err) == (1, True)


def test_a_digest_runs_the_deployed_function_for_the_month_before(
    ripen: Ripen, local_stage: Callable[..., Outputs], monkeypatch: pytest.MonkeyPatch
) -> None:
    local_stage(functions={"digest": "digest-1"})  # type: ignore[arg-type]
    called = []

    def run(name: str, event: dict[str, Any]) -> dict[str, str]:
        called.append((name, event["time"]))
        return {"text": "Review of [2026-01]"}

    monkeypatch.setattr(reports.deployments, "run_function", run)
    ran = ripen("report", "digest", "--at", "2026-02-01T06:00:00Z")
    assert (ran.code, ran.out.strip(), called) == (0, "Review of [2026-01]", [("digest-1", "2026-02-01T06:00:00Z")])
