"""What every command has in common: how it ends when it is stopped, and when nobody reads what it prints."""

import os
import subprocess
import sys

import pytest

from cli.main import STOPPED
from tests.cli.conftest import Ripen
from tests.source_tree import ROOT


def test_a_command_that_is_stopped_says_so_and_shows_nothing_of_the_program(
    ripen: Ripen, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cli.offline.read_events", stopped)
    ran = ripen("score", "events.jsonl")
    assert (ran.code, ran.err.strip()) == (STOPPED, "ripen: stopped")


@pytest.mark.parametrize("command", [["playbook", "show"], ["playbook", "schema"]])
def test_a_command_whose_output_nobody_reads_on_ends_without_a_word(command: list[str]) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "wb") as nobody:
        ran = subprocess.run(
            [sys.executable, "-m", "cli.main", *command], cwd=ROOT, stdout=nobody, stderr=subprocess.PIPE, check=False
        )
    assert (ran.returncode, ran.stderr) == (1, b"")


@pytest.mark.parametrize("said", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_that_cannot_be_written_is_no_time(said: str, ripen: Ripen) -> None:
    ran = ripen("score", "events.jsonl", "--as-of", said)
    assert (ran.code, "write one of the years 1000 to 9999 in UTC" in ran.err) == (2, True)


@pytest.mark.parametrize("said", ["abc", "0", "-1", "nan", "inf"])
def test_a_rate_is_a_number_above_0(said: str, ripen: Ripen) -> None:
    ran = ripen("import", "people.csv", "--rate", said)
    assert (ran.code, "write a number above 0" in ran.err) == (2, True)


def test_who_has_no_login_name_is_asked_for_one(ripen: Ripen, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 2**31 - 5)
    ran = ripen("mail", "pause", "--reason", "the wrong list")
    assert (ran.code, "say who asks, as in --by maria" in ran.err) == (1, True)
