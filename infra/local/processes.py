"""Starting and stopping what runs beside us, by pid and never by name."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from infra.local.errors import LocalError

HOST = "127.0.0.1"
GRACE = 5.0
"""Seconds a process gets to end by itself."""


@dataclass(frozen=True, slots=True)
class Started:
    """A process we started: its pid, and when it began, since a pid comes back."""

    pid: int
    began: str

    def alive(self) -> bool:
        return self.began != "" and _began(self.pid) == self.began


NOBODY = Started(0, "")
"""Stands for a process that was never started, or was ended."""


def start(command: Sequence[str], *, environment: Mapping[str, str], log: Path, folder: Path) -> Started:
    """Start the command as the leader of its own group, its output in the log file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=folder,
            start_new_session=True,
        )
    _CHILDREN.append(process)
    return Started(process.pid, _began(process.pid))


_CHILDREN: list[subprocess.Popen[bytes]] = []
"""Kept so that one that ended is reaped and does not look alive."""


def stop(started: Started) -> bool:
    """End the process and what it started. Returns whether it was running."""
    if not started.alive():
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(started.pid, signal.SIGTERM)
    ended = wait_until(lambda: not started.alive(), seconds=GRACE)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(started.pid, signal.SIGKILL)
    if not ended:
        wait_until(lambda: not started.alive(), seconds=GRACE)
    return True


def wait_until(holds: Callable[[], bool], *, seconds: float, pause: float = 0.05) -> bool:
    """Return True as soon as it holds, False when it did not in that time."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True


def answers(port: int, path: str) -> bool:
    """Return whether a GET of the path on that port is answered with 200."""
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def free_port(wanted: int | None = None, *, avoid: Sequence[int] = ()) -> int:
    """
    Return a port nobody listens on: the wanted one if it is free, else any.

    Raises:
        LocalError: no port at all could be had.
    """
    if wanted is not None and is_free(wanted):
        return wanted
    for _ in range(20):
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port = int(probe.getsockname()[1])
        if port not in avoid:
            return port
    raise LocalError(f"no free port on {HOST}")


def _began(pid: int) -> str:
    """Return when the process began, in whatever text the system has; empty when there is no such process."""
    for child in _CHILDREN:
        if child.pid == pid and child.poll() is not None:
            return ""
    stat = Path(f"/proc/{pid}/stat")
    if stat.parent.parent.joinpath("self").exists():
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            return ""
        return "" if fields[0] == "Z" else fields[19]
    asked = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return asked.stdout.strip()
