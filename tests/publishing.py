"""Put a changed playbook in force, as publishing one does before its job has touched any lead."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from shared.aws import playbooks


def publish(change: Callable[[dict[str, Any]], None], *, whole: bool = False) -> str:
    """Change a copy of the document in force by `change(scoring)`, or all of it, put it in force, and return its name."""
    playbooks.seed()
    pointer = playbooks.pointer()
    document: dict[str, Any] = json.loads(json.dumps(playbooks.current()))
    change(document if whole else document["scoring"])
    bundle = f"changed-{hashlib.sha256(json.dumps(document).encode()).hexdigest()[:12]}"
    document["bundle"] = bundle
    playbooks.put(document, by="test")
    playbooks.move(bundle, seen=None if pointer is None else pointer.bundle, by="test")
    playbooks.refresh()
    return bundle
