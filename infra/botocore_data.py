"""
What the layer ships of botocore's data: the services that functions call, without the words for people.

A start lists the folders of four hundred services for each client, and parses the model of its own, documentation
included, and a megabyte of endpoints.
"""

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

SERVICES = ("dynamodb", "events", "secretsmanager", "ses", "sns", "sqs")
"""What functions make clients of."""

_ENDPOINTS = {*SERVICES, "email"}
"""Their names in botocore's list of endpoints, where SES is `email`."""


def slim(data: Path) -> None:
    """Leave in the folder what our clients read. Files are replaced, never written to: an installer may have linked them."""
    for folder in data.iterdir():
        if folder.is_dir() and folder.name not in SERVICES:
            shutil.rmtree(folder)
    for path in sorted(data.glob("*/*/*.json*")):
        packed = path.read_bytes()
        said = json.loads(gzip.decompress(packed) if path.suffix == ".gz" else packed)
        path.unlink()
        _write_json(path.with_suffix("") if path.suffix == ".gz" else path, _undocumented(said))
    endpoints = data / "endpoints.json"
    said = json.loads(endpoints.read_bytes())
    for partition in said["partitions"]:
        partition["services"] = {name: each for name, each in partition["services"].items() if name in _ENDPOINTS}
    endpoints.unlink()
    _write_json(endpoints, said)


def _undocumented(said: Any) -> Any:
    if isinstance(said, dict):
        return {
            name: _undocumented(each)
            for name, each in said.items()
            if not (name == "documentation" and isinstance(each, str))
        }
    return [_undocumented(each) for each in said] if isinstance(said, list) else said


def _write_json(path: Path, said: Any) -> None:
    path.write_text(json.dumps(said, separators=(",", ":")), encoding="utf-8")
