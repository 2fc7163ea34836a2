"""
Measure, in one run: `python -m tests.benchmarks`, or only the sections named.

`engine`, `score`, `cost`, `mailing`, `sweep`, `decay`, `rules`, `intake`, `init`; `docs/benchmarks.md` says what each measures.
"""

import argparse
import importlib
import os
import platform
import warnings
from pathlib import Path

from tests.benchmarks import rules
from tests.benchmarks.measuring import ROUNDS, Row, table

SECTIONS = ("engine", "score", "cost", "mailing", "sweep", "decay", "rules", "intake", "init")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "sections", nargs="*", metavar="section", help=f"any of {', '.join(SECTIONS)}; all of them when left out"
    )
    parser.add_argument("--rows", type=Path, help="file for the raw rows, as JSON lines")
    parser.add_argument("--glsm-python", help="an interpreter that has glsm, to compare the rule change with")
    said = parser.parse_args()
    if unknown := set(said.sections) - set(SECTIONS):
        parser.error(f"no such section: {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    warnings.filterwarnings("ignore", message="No application metrics")
    print(
        f"CPython {platform.python_version()}, {os.cpu_count()} cores, {ROUNDS} rounds; median and worst of each\n",
        flush=True,
    )
    measured: list[Row] = []
    for name in said.sections or SECTIONS:
        found = rules.rows(said.glsm_python) if name == "rules" else _section(name)
        print(table(found), end="\n\n", flush=True)
        measured += found
    if said.rows:
        said.rows.write_text("".join(f"{row.to_json()}\n" for row in measured), encoding="utf-8")


def _section(name: str) -> list[Row]:
    found: list[Row] = importlib.import_module(f"tests.benchmarks.{name}").rows()
    return found


if __name__ == "__main__":
    main()
