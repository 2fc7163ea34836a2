"""The companion as `make up` starts it: a process that listens, says so, and ends when it is told to."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.infra.companion_stand import free_port


def start(folder: Path, *, port: int, smtp_port: int) -> subprocess.Popen[str]:
    asked = {
        "--front-door-port": port,
        "--smtp-port": smtp_port,
        "--aws-endpoint": "http://127.0.0.1:9",
        "--outputs": folder / "outputs.json",
    }
    arguments = [str(part) for pair in asked.items() for part in pair]
    return subprocess.Popen(
        [sys.executable, "-m", "infra.local.companion", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def test_it_says_where_it_listens_and_ends_cleanly(tmp_path: Path) -> None:
    port, smtp_port = free_port(), free_port()
    process = start(tmp_path, port=port, smtp_port=smtp_port)
    with process:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert f"http://127.0.0.1:{port}/_companion" in said
        assert f"127.0.0.1:{smtp_port}" in said
        assert requests.get(f"http://127.0.0.1:{port}/_companion/ready", timeout=5).json()["ready"] is True
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert (tmp_path / "mails").is_dir()


@pytest.mark.parametrize("taken", ["port", "smtp_port"])
def test_a_port_in_use_is_named(tmp_path: Path, taken: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        ports = {"port": free_port(), "smtp_port": free_port(), taken: holder.getsockname()[1]}
        process = start(tmp_path, **ports)
        _, said = process.communicate(timeout=20)
    assert process.returncode == 1
    assert str(ports[taken]) in said
    assert "in use" in said
    assert "Traceback" not in said
