"""MiniStack with the table, the queue and the secret the score function needs, for what it says its calls cost."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.local.emulator import start_emulator
from infra.local.processes import stop
from infra.local.state import State
from shared.aws import clients
from tests.benchmarks.stage import staged
from tests.benchmarks.stub import SECRET, TABLE
from tests.conftest import create_table


@contextmanager
def emulated() -> Iterator[str]:
    """Run MiniStack on a free port, staged like the stub."""
    with TemporaryDirectory() as folder, _free_port() as port, _free_port() as smtp_port:
        state = State(emulator_port=port, smtp_port=smtp_port)
        process = start_emulator(Path(folder), state)
        try:
            with staged(state.endpoint):
                create_table(TABLE)
                clients.secrets().create_secret(Name="identity", SecretString=SECRET)
                yield state.endpoint
        finally:
            stop(process)


@contextmanager
def _free_port() -> Iterator[int]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = int(held.getsockname()[1])
    yield port
