"""What a run leaves in its folder for the next: ports, pids, and what was deployed."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from infra.local.errors import LocalError
from infra.local.processes import NOBODY, Started
from infra.names import ROOT

DEFAULT_FOLDER = ".local"


def state_folder(named: str | None = None) -> Path:
    """Return the folder of a run: the one named, or RIPEN_LOCAL_DIR, or .local in the project."""
    return (ROOT / (named or os.environ.get("RIPEN_LOCAL_DIR") or DEFAULT_FOLDER)).resolve()


@dataclass(frozen=True, slots=True)
class State:
    """One embedded AWS: where it listens, which processes it is, and the hash of what it runs."""

    emulator_port: int = 0
    front_door_port: int = 0
    smtp_port: int = 0
    emulator: Started = NOBODY
    companion: Started = NOBODY
    companion_sources: str = ""
    deployed: str = ""

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.emulator_port}"

    @property
    def front_door(self) -> str:
        return f"http://127.0.0.1:{self.front_door_port}"

    @property
    def ports(self) -> tuple[int, int, int]:
        return self.emulator_port, self.front_door_port, self.smtp_port


def read_state(folder: Path) -> State:
    """Return what the last run left; a fresh state when there is none or it cannot be read."""
    try:
        held = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        return replace(State(**held), emulator=Started(**held["emulator"]), companion=Started(**held["companion"]))
    except (OSError, ValueError, KeyError, TypeError):
        return State()


def write_state(folder: Path, state: State) -> State:
    """Keep the state for the next run and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / "state.json.new"
    unfinished.write_text(json.dumps(asdict(state), indent=2) + "\n", encoding="utf-8")
    unfinished.replace(folder / "state.json")
    return state


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """
    Hold the folder, so that two runs do not start the same thing twice.

    Raises:
        LocalError: another run holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LocalError(f"another `make up` or `make down` works in {folder}; wait for it") from error
        yield
