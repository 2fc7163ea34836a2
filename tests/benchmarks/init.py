"""
What a cold start costs: CPU, modules and memory of a process that imports a handler and makes its AWS clients.

Clients are made on first use, in the first request of a cold start, so they are part of it; whichever client a module
that was loaded could make is made. The reference handler makes its own. Ours finds botocore as the layer ships it, the
reference handler as it is installed.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from infra import botocore_data
from tests.benchmarks.measuring import ROUNDS, Row
from tests.source_tree import FUNCTIONS, ROOT

HALF = ("ingest", "score", "decay_sweep", "nurture_sweep", "resettle", "sla_sweep")
"""Functions that start often, or that somebody waits for: at most half of what the reference takes. The others: no more."""

MEASURES = (("CPU", "ms"), ("modules", "modules"), ("memory", "MB"))

_OURS = """
import re
import functions.{name}.handler
from shared.aws import clients
loaded = [module for module in sys.modules.values() if module.__name__.startswith(("shared.", "functions."))]
sources = [open(module.__file__, encoding="utf-8").read() for module in loaded if getattr(module, "__file__", None)]
for made in sorted(set(re.findall(r"clients\\.(\\w+)\\(\\)", "".join(sources))) - {{"forget"}}):
    getattr(clients, made)()
"""
_REFERENCE = """
from tests.benchmarks import reference
reference._leads()
reference._score_once()
"""
_MEASURED = """
import json, pathlib, re, sys, time
start = time.process_time()
{program}
spent = (time.process_time() - start) * 1000
most = re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())  # Linux, as Lambda is
print(json.dumps([spent, len(sys.modules), int(most[1]) / 1024]))
"""


def rows() -> list[Row]:
    programs = {"": _REFERENCE} | {name: _OURS.format(name=name) for name in FUNCTIONS}
    found: dict[str, list[Sequence[float]]] = {name: [] for name in programs}
    with layer() as folder:
        for number in range(1 + ROUNDS):
            for name, program in programs.items():
                measured = started(program, folder if name else None)
                if number:  # the first round writes bytecode and fills the file cache
                    found[name].append(measured)
    return [
        Row(
            "init",
            f"{what} of {name}",
            unit,
            tuple(each[place] for each in found[name]),
            tuple(each[place] for each in found[""]),
            "reference handler",
            "less",
            2 if name in HALF else 1,
        )
        for name in FUNCTIONS
        for place, (what, unit) in enumerate(MEASURES)
    ]


@contextmanager
def layer() -> Iterator[Path]:
    """Yield a folder with botocore as the layer of the functions has it."""
    installed = importlib.util.find_spec("botocore")
    assert installed is not None
    assert installed.origin is not None
    with TemporaryDirectory() as folder:
        shutil.copytree(Path(installed.origin).parent, Path(folder, "botocore"))
        botocore_data.slim(Path(folder, "botocore", "data"))
        yield Path(folder)


def started(program: str, packages: Path | None = None) -> Sequence[float]:
    """Return CPU milliseconds, loaded modules and megabytes of a fresh process; `packages` go before what is installed."""
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED.format(program=program)],
        cwd=ROOT, env=_environment() | ({"PYTHONPATH": str(packages)} if packages else {}), capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    measured: list[float] = json.loads(done.stdout)
    return measured


@cache
def _environment() -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", ""),
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
