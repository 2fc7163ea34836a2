"""
`make up`: an embedded AWS with the local stage deployed, the same every time it is called.

What runs already is kept, what ended is started again, what changed is deployed. Tests call `up` with a folder of
their own; several can run side by side.
"""

import argparse
import hashlib
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from infra.local.after_deploy import finish
from infra.local.cdk_cli import CommandLine
from infra.local.emulator import CALLS_LOG, READY, client_environment, start_emulator
from infra.local.errors import LocalError
from infra.local.outputs import FILE, Outputs, read_outputs, write_outputs
from infra.local.processes import answers, free_port, is_free, start, stop, wait_until
from infra.local.state import State, alone, read_state, state_folder, write_state
from infra.names import ROOT

COMPANION_READY = "/_companion/ready"
COMPANION_SECONDS = 20.0
PORT_SECONDS = 3.0
DEPLOYED_SOURCES = ("cdk.json", "functions", "infra", "shared")
COMPANION_SOURCES = ("infra/local/companion",)


def up(folder: Path, *, port: int | None = None, console: Console | None = None) -> Outputs:
    """
    Have the local stage deployed and everything beside it running.

    Args:
        folder: Where this embedded AWS keeps its state; another folder is another AWS.
        port: Where the front door must listen; any free port, and the same one again, when not said.
        console: Where progress is told; nowhere when not said.

    Raises:
        LocalError: it cannot be had; the message says why and what to do.
    """
    say = console or Console(quiet=True)
    with alone(folder):
        state, fresh = _emulator(folder, port=port, say=say)
        state = _companion(folder, state, say)
        context = {
            "stage": "local",
            "public_url": state.front_door,
            "slack_api_url": f"{state.front_door}/slack-api",
            "webhooks_url": f"{state.front_door}/webhooks",
        }
        wanted = _hash(DEPLOYED_SOURCES, without="infra/local", also=json.dumps(context))
        if state.deployed == wanted and (folder / FILE).exists():
            say.print("[green]✓[/] the local stage is deployed and nothing changed")
            return read_outputs(folder)
        stack = _deploy(CommandLine(folder, state), context, bootstrap=fresh, say=say)
        outputs = write_outputs(folder, finish(stack, state))
        write_state(folder, replace(state, deployed=wanted))
        return outputs


def _emulator(folder: Path, *, port: int | None, say: Console) -> tuple[State, bool]:
    """Return the state with a running emulator, and whether it is a new and empty one."""
    state = read_state(folder)
    moved = port is not None and port != state.front_door_port
    if port is not None and (moved or not state.companion.alive()) and not is_free(port):
        raise LocalError(f"port {port} is in use by another program; name a free one, or none to have one chosen")
    mail_cut_off = not state.companion.alive() and not _freed(state.smtp_port)
    if state.emulator.alive() and answers(state.emulator_port, READY) and state.deployed and not mail_cut_off:
        say.print(f"[green]✓[/] the emulator runs at {state.endpoint}")
        if moved:
            stop(state.companion)
            state = write_state(folder, replace(state, front_door_port=port or 0))
        return state, False
    if state.deployed:
        say.print("[yellow]![/] the emulator ended, and with it all it held: starting from scratch")
    stop(state.companion)
    stop(state.emulator)
    for leftover in ("mails", "tmp", "cdk.out"):
        shutil.rmtree(folder / leftover, ignore_errors=True)
    for leftover in (FILE, CALLS_LOG):
        (folder / leftover).unlink(missing_ok=True)
    state = _with_ports(state, port, say)
    with _step(say, f"starting the emulator at {state.endpoint}"):
        write_state(folder, state)
        state = write_state(folder, replace(state, emulator=start_emulator(folder, state)))
    return state, True


def _freed(port: int) -> bool:
    """Tell whether the port is free, or is within the moment that a process takes to end."""
    return bool(wait_until(lambda: is_free(port), seconds=PORT_SECONDS))


def _with_ports(state: State, port: int | None, say: Console) -> State:
    """Return a fresh state with three free ports, the remembered ones where nobody else took them."""
    chosen: list[int] = []
    for remembered in (state.emulator_port, port or state.front_door_port, state.smtp_port):
        chosen.append(free_port(remembered or None, avoid=chosen))
        if remembered and chosen[-1] != remembered:
            say.print(f"[yellow]![/] port {remembered} is in use by another program: taking {chosen[-1]} instead")
    return State(emulator_port=chosen[0], front_door_port=chosen[1], smtp_port=chosen[2])


def _companion(folder: Path, state: State, say: Console) -> State:
    """Return the state with a running companion of the present sources."""
    sources = _hash(COMPANION_SOURCES)
    if (
        state.companion.alive()
        and state.companion_sources == sources
        and answers(state.front_door_port, COMPANION_READY)
    ):
        say.print(f"[green]✓[/] front door, inbox and Slack stand-in run at {state.front_door}")
        return state
    stop(state.companion)
    if not _freed(state.front_door_port):
        taken, chosen = state.front_door_port, free_port(avoid=state.ports)
        say.print(f"[yellow]![/] port {taken} is in use by another program: taking {chosen} instead")
        state = replace(state, front_door_port=chosen)
    log = folder / "companion.log"
    with _step(say, f"starting front door, inbox and Slack stand-in at {state.front_door}"):
        log.unlink(missing_ok=True)
        command = [
            sys.executable, "-m", "infra.local.companion",
            "--front-door-port", str(state.front_door_port),
            "--smtp-port", str(state.smtp_port),
            "--aws-endpoint", state.endpoint,
            "--outputs", str(folder / FILE),
        ]  # fmt: skip
        started = start(command, environment=client_environment(state.endpoint), log=log, folder=ROOT)
        state = write_state(folder, replace(state, companion=started, companion_sources=sources))
        if not wait_until(
            lambda: not started.alive() or answers(state.front_door_port, COMPANION_READY), seconds=COMPANION_SECONDS
        ):
            stop(started)
            raise LocalError(f"the front door did not answer within {COMPANION_SECONDS:.0f} s; its log: {log}")
        if not started.alive():
            raise LocalError(f"the front door ended; the end of {log}:\n{log.read_text(errors='replace')[-800:]}")
    return state


def _deploy(cdk: CommandLine, context: dict[str, str], *, bootstrap: bool, say: Console) -> dict[str, str]:
    if bootstrap:
        with _step(say, "preparing the account and synthesizing the local stage"), ThreadPoolExecutor(2) as both:
            prepared, synthesized = both.submit(cdk.bootstrap), both.submit(cdk.synth, context)
            prepared.result()
            synthesized.result()
    else:
        with _step(say, "synthesizing the local stage"):
            cdk.synth(context)
    with _step(say, "deploying") as tell:

        def told(line: str) -> None:
            stack, _, rest = line.partition(" | ")
            if stack.startswith("ripen-") and rest:
                tell(f"deploying {stack}: {rest.partition(' | ')[0].strip()} resources")

        return cdk.deploy(told)


@contextmanager
def _step(say: Console, what: str) -> Iterator[Callable[[str], None]]:
    began = time.monotonic()
    with say.status(what) as status:
        yield status.update
    say.print(f"[green]✓[/] {what} [dim]{time.monotonic() - began:.1f} s[/]")


def _hash(sources: tuple[str, ...], *, without: str = "-", also: str = "") -> str:
    """Return one hash of all those files."""
    found = hashlib.sha256(also.encode())
    for source in sources:
        start_here = ROOT / source
        for path in sorted([start_here] if start_here.is_file() else start_here.rglob("*")):
            place = path.relative_to(ROOT).as_posix()
            if path.is_file() and "__pycache__" not in path.parts and not place.startswith(without):
                found.update(place.encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.local.up", description="Start the embedded AWS.")
    parser.add_argument("--folder", help="where it keeps its state (.local)")
    parser.add_argument("--port", type=int, help="where the front door must listen")
    asked = parser.parse_args()
    console = Console(highlight=False)
    try:
        outputs = up(state_folder(asked.folder), port=asked.port, console=console)
    except LocalError as error:
        Console(stderr=True, highlight=False).print("[red]make up:[/]", escape(str(error)), soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("interrupted; `make up` again goes on from here, `make down` stops what runs")
        return 130
    console.print(
        f"""
  API        {outputs.api_url}   (write key {outputs.write_key})
  site       {outputs.api_url}/site/
  inbox      {outputs.inbox_url}
  Slack      {outputs.slack_url}
  AWS        {outputs.aws_endpoint_url}
  all else   {state_folder(asked.folder) / FILE}
  stop it    make down""",
        soft_wrap=True,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
