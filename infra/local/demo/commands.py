"""The command line as the demo uses it: as a person would, on the local stage."""

import os
import subprocess
import sys

from rich.console import Console

from infra.local.demo.deployed import Deployed
from infra.local.errors import LocalError
from infra.names import ROOT

SECONDS = 120.0
"""How long one command may take, the walk over all leads included."""


def ripen(stage: Deployed, *arguments: str, console: Console | None = None) -> str:
    """
    Run the command as a person would; with a console what it prints goes there, otherwise it is returned.

    Raises:
        LocalError: It failed; the message is the command's.
    """
    if console is not None:
        console.file.flush()
    command = [sys.executable, "-m", "cli.main", *arguments]
    try:
        ran = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | {"RIPEN_LOCAL_DIR": str(stage.folder)},
            stdout=subprocess.PIPE if console is None else None,
            stderr=subprocess.PIPE,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise LocalError(f"ripen {' '.join(arguments[:2])} was not done within {SECONDS:.0f} s") from error
    if ran.returncode:
        raise LocalError(f"ripen {' '.join(arguments[:2])} ended with {ran.returncode}: {ran.stderr.strip()}")
    return ran.stdout or ""
