"""The embedded AWS comes up, stays, comes back and goes, and says so when it cannot."""

import os
import signal
import socket
import time

import boto3
import pytest

from infra.local import aws_calls
from infra.local.down import down
from infra.local.emulator import CALLS_LOG, client_environment
from infra.local.errors import LocalError
from infra.local.outputs import read_outputs
from infra.local.processes import HOST, NOBODY, free_port, is_free
from infra.local.state import State, alone, read_state, state_folder, write_state
from infra.local.up import up


@pytest.fixture
def taken_port():
    with socket.socket() as holder:
        holder.bind((HOST, 0))
        holder.listen()
        yield holder.getsockname()[1]


def test_a_wanted_port_is_kept_and_a_taken_one_replaced(taken_port):
    free = free_port()
    assert free_port(free) == free
    assert free_port(taken_port) != taken_port
    assert not is_free(taken_port)


def test_a_port_named_by_a_person_must_be_free(tmp_path, taken_port):
    with pytest.raises(LocalError, match=f"port {taken_port} is in use by another program"):
        up(tmp_path, port=taken_port)
    assert read_state(tmp_path) == State()


def test_a_folder_is_worked_on_by_one_run_at_a_time(tmp_path):
    with alone(tmp_path), pytest.raises(LocalError, match="another `make up` or `make down`"), alone(tmp_path):
        pass


def test_state_survives_and_a_broken_one_is_a_fresh_start(tmp_path):
    state = State(emulator_port=1, front_door_port=2, smtp_port=3, emulator=NOBODY, deployed="x")
    assert read_state(tmp_path) == State()
    assert write_state(tmp_path, state) == read_state(tmp_path) == state
    (tmp_path / "state.json").write_text("{")
    assert read_state(tmp_path) == State()


def test_nothing_deployed_says_what_to_do(tmp_path):
    with pytest.raises(LocalError, match="make up"):
        read_outputs(tmp_path)


def test_nothing_to_stop_is_no_mistake(tmp_path):
    assert down(tmp_path) == []


def test_the_folder_can_be_named_by_hand_or_by_the_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("RIPEN_LOCAL_DIR", raising=False)
    assert state_folder().name == ".local"
    monkeypatch.setenv("RIPEN_LOCAL_DIR", str(tmp_path))
    assert state_folder() == tmp_path.resolve()
    assert state_folder(str(tmp_path / "other")) == (tmp_path / "other").resolve()


def test_nothing_of_a_real_account_reaches_the_emulated_one(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "real")
    environment = client_environment("http://127.0.0.1:1")
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN"} & set(environment)
    assert environment["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull


def test_aws_calls_are_added_up_by_function_from_a_mark_on(tmp_path):
    assert aws_calls.count(tmp_path) == {}
    (tmp_path / CALLS_LOG).write_text("score dynamodb Query\nscore dynamodb Query\n")
    mark = aws_calls.mark(tmp_path)
    with (tmp_path / CALLS_LOG).open("a") as log:
        log.write("publish eventbridge PutEvents\nscore dynamodb Query\n")
    assert aws_calls.count(tmp_path) == {"score": {"dynamodb.Query": 3}, "publish": {"eventbridge.PutEvents": 1}}
    assert aws_calls.count(tmp_path, since=mark) == {
        "score": {"dynamodb.Query": 1},
        "publish": {"eventbridge.PutEvents": 1},
    }


@pytest.mark.embedded
def test_up_twice_changes_nothing_and_a_killed_emulator_comes_back(tmp_path):
    try:
        first = up(tmp_path)
        state = read_state(tmp_path)

        began = time.monotonic()
        assert up(tmp_path) == first
        assert time.monotonic() - began < 15
        assert read_state(tmp_path) == state

        os.kill(state.companion.pid, signal.SIGKILL)
        assert up(tmp_path) == first
        assert read_state(tmp_path).emulator == state.emulator

        os.kill(state.emulator.pid, signal.SIGKILL)
        again = up(tmp_path)
        assert (again.api_url, again.aws_endpoint_url) == (first.api_url, first.aws_endpoint_url)
        assert read_state(tmp_path).emulator != state.emulator

        settings = boto3.client(
            "dynamodb",
            endpoint_url=again.aws_endpoint_url,
            region_name=again.aws_region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        ).describe_time_to_live(TableName=again.table_name)["TimeToLiveDescription"]
        assert settings["TimeToLiveStatus"] == "ENABLED"
    finally:
        ended = down(tmp_path)
    assert len(ended) == 2
    assert read_state(tmp_path).emulator == NOBODY
    assert not (tmp_path / "outputs.json").exists()
