"""`ripen report nurture` and `ripen lead why`, against the deployed function behind a real HTTP server."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from infra.local.outputs import Outputs
from shared.aws import clients, enrollments, sends, touches
from shared.aws.secret_values import identity_secret, signing_secret
from shared.engagement import Touch
from shared.instants import DAY, instant_text
from shared.mailing import SendRef
from tests.aws.test_nurture_runs import OTHERS, claimed, kept
from tests.cli.conftest import Ripen
from tests.cli.test_leads import Api
from tests.conftest import Aws, Context
from tests.nurture_world import (
    EMAIL_ADDRESS,
    LEAD_ID,
    NOW,
    deliver,
    enrolled,
    forget,
    order,
    run_of,
    use_playbook,
)

DATES = ("--from", instant_text(NOW), "--to", instant_text(NOW + DAY))


@pytest.fixture
def stage(
    aws: Aws, playbook: Any, local_stage: Callable[..., Outputs], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Ada got her first mail and clicked, as a machine did; others are held out, or left, or got nothing."""
    use_playbook(tmp_path, monkeypatch)
    enrolled()
    deliver(Context(), order())
    touched = touches.get_touched(SendRef(LEAD_ID, "awareness", 1, 0))
    assert touched is not None
    told = (Touch("1", "click", NOW, told="human"), Touch("2", "open", NOW, told="machine"))
    touches.save(replace(touched, touches=told))
    for number, lead_id in enumerate(OTHERS[:4]):
        kept(lead_id, arm="holdout", due_at=None, status="done", ended_at=NOW, goal_at=NOW if number == 0 else None)
    kept(OTHERS[5], status="exited", due_at=None, ended_at=NOW, reason="band [red]engaged")
    sends.settle(claimed(OTHERS[6]), "refused", reason="MessageRejected")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    local_stage(api_url=f"http://127.0.0.1:{server.server_port}")
    signing_secret(), identity_secret(), clients.ses()  # asked before the command turns this process to the stage
    yield
    server.shutdown()
    thread.join()
    server.server_close()
    forget()


@pytest.mark.usefixtures("stage")
def test_a_report_is_printed_track_by_track_and_message_by_message(ripen: Ripen) -> None:
    ran = ripen("report", "nurture", *DATES)
    assert (ran.code, ran.err) == (0, "")
    for said in (
        "Awareness",
        "1 awareness-1",
        "-25 points",
        "may be chance",
        "band [red]engaged 1",
        "0 (1)",
        "1, 100 %",
    ):
        assert said in ran.out, ran.out
    assert "Decision" not in ran.out


@pytest.mark.usefixtures("stage")
def test_json_is_what_the_api_says(ripen: Ripen) -> None:
    said = ripen("report", "nurture", *DATES, "--track", "awareness", "--json").json
    (track,) = said["tracks"]
    assert (track["runs"]["entered"], track["runs"]["held_out"], track["messages"][0]["planned"]) == (7, 4, 2)


@pytest.mark.usefixtures("stage")
def test_a_time_in_which_nothing_was_sent_says_so(ripen: Ripen) -> None:
    assert "Nobody entered a track" in ripen("report", "nurture", "--from", "2025-01-01", "--to", "2025-02-01").out


@pytest.mark.usefixtures("stage")
@pytest.mark.parametrize("who", [LEAD_ID, EMAIL_ADDRESS])
def test_why_somebody_is_not_mailed_is_told_by_id_and_by_address(who: str, ripen: Ripen) -> None:
    ran = ripen("lead", "why", who, "--as-of", instant_text(NOW + 60))
    assert (ran.code, ran.err) == (0, "")
    for said in (
        f"Awareness: message 2 is not due yet, until {instant_text(NOW + 7 * DAY)}", "Address: may be mailed",
        "1 of 1 a day", "Europe/Stockholm", "never entered: its band is early", "awareness 1: awareness-1, mail, sent",
        "Guides and checklists: yes",
    ):  # fmt: skip
        assert said in ran.out, ran.out


@pytest.mark.usefixtures("stage")
def test_why_is_json_too(ripen: Ripen) -> None:
    enrollments.save(replace(run_of(), reason="[bold]because"))
    assert "[bold]because" in ripen("lead", "why", LEAD_ID).out
    assert ripen("lead", "why", LEAD_ID, "--json").json["lead_id"] == LEAD_ID


@pytest.mark.usefixtures("stage")
def test_nobody_is_an_error(ripen: Ripen) -> None:
    ran = ripen("lead", "why", "bbbbbbbbbbbbbbbb")
    assert (ran.code, "no such lead" in ran.err) == (1, True)
