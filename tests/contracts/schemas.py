"""
The JSON Schemas of what the bus carries: `python -m tests.contracts.schemas` writes them, a test compares.

One file for each detail-type, in `events/schemas/`, of the event's `detail`.
"""

import json
import re
from pathlib import Path

from shared.contracts import CHANGES, Change

EVENTS = Path(__file__).resolve().parents[2] / "events"
SCHEMAS = EVENTS / "schemas"


def file_name(change: type[Change]) -> str:
    """Name of the change's sample and of its schema: `BandChanged` is `band_changed.json`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", change.detail_type).lower() + ".json"


def schema_text(change: type[Change]) -> str:
    """The schema file's content."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **change.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def write() -> None:
    """Write every schema, and remove those of changes that are no more."""
    SCHEMAS.mkdir(exist_ok=True)
    for left in SCHEMAS.glob("*.json"):
        left.unlink()
    for change in CHANGES:
        (SCHEMAS / file_name(change)).write_text(schema_text(change), encoding="utf-8")


if __name__ == "__main__":
    write()
