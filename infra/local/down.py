"""`make down`: ends what `make up` started, by pid. Ports are remembered; what the emulator held is gone."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from infra.local.errors import LocalError
from infra.local.outputs import FILE
from infra.local.processes import NOBODY, stop
from infra.local.state import alone, read_state, state_folder, write_state


def down(folder: Path) -> list[str]:
    """End the companion and the emulator of that folder. Returns what was ended, for a person to read."""
    with alone(folder):
        state = read_state(folder)
        ended = [
            f"{name} (pid {started.pid})"
            for name, started in (
                ("front door, inbox and Slack stand-in", state.companion),
                ("emulator", state.emulator),
            )
            if stop(started)
        ]
        write_state(folder, replace(state, companion=NOBODY, emulator=NOBODY, deployed=""))
        (folder / FILE).unlink(missing_ok=True)
        return ended


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.local.down", description="Stop the embedded AWS.")
    parser.add_argument("--folder", help="where it keeps its state (.local)")
    console = Console(highlight=False)
    try:
        ended = down(state_folder(parser.parse_args().folder))
    except LocalError as error:
        Console(stderr=True, highlight=False).print("[red]make down:[/]", escape(str(error)), soft_wrap=True)
        return 1
    for what in ended:
        console.print(f"[green]✓[/] stopped {what}")
    if not ended:
        console.print("nothing was running")
    return 0


if __name__ == "__main__":
    sys.exit(main())
