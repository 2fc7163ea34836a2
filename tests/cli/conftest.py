"""How the tests run the command: as a person does, from its arguments to what it prints."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from cli.main import main
from infra.local.outputs import Outputs, write_outputs
from shared.keys import mint_key
from tests.conftest import SIGNING_SECRET


@dataclass(frozen=True)
class Ran:
    """What one run of the command left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Ripen = Callable[..., Ran]


@pytest.fixture
def ripen(capsys: pytest.CaptureFixture[str]) -> Ripen:
    def run(*arguments: object) -> Ran:
        capsys.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return run


@pytest.fixture
def local_stage(tmp_path: Path) -> Iterator[Callable[..., Outputs]]:
    """Write the outputs of a deployed local stage; values of no interest are their own names."""

    def write(**values: str) -> Outputs:
        texts = {name: name for name in Outputs.__dataclass_fields__}
        keys = {
            f"{name}_key": mint_key(kind, "local", SIGNING_SECRET)
            for name, kind in (("write", "server"), ("public", "public"), ("admin", "admin"), ("sales", "sales"))
        }
        functions = {"functions": {"decay_sweep": "decay-1"}, "failure_queues": {}}
        return write_outputs(tmp_path, Outputs(**{**texts, **keys, **functions, **values}))  # type: ignore[arg-type]

    with patch.dict(os.environ, RIPEN_LOCAL_DIR=str(tmp_path)):  # the command changes the environment
        yield write
