"""
The compiled playbook a deployment brings: plain JSON, so a cold start pays for neither YAML nor pydantic.

A stage that has no playbook yet starts with it; which one is in force then is in the table (`shared/aws/playbooks.py`).
The file lies beside this module in every function's package; `shared/playbook.py` compiles it.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from shared import settings

FILE = "playbook_bundle.json"


@cache
def playbook_document() -> dict[str, Any]:
    """Return the packaged playbook as plain JSON values; read once per process."""
    path = Path(settings.optional("PLAYBOOK_PATH", str(Path(__file__).with_name(FILE))))
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document
