"""How many AWS calls each function made on the embedded AWS: what `infra/local/worker` wrote down, added up."""

from collections import Counter
from pathlib import Path

from infra.local.emulator import CALLS_LOG


def mark(folder: Path) -> int:
    """Return where the log ends now, to count from later."""
    try:
        return (folder / CALLS_LOG).stat().st_size
    except FileNotFoundError:
        return 0


def count(folder: Path, *, since: int = 0) -> dict[str, Counter[str]]:
    """
    Return, for each function, how often it sent each request since the mark: `{"score": {"dynamodb.Query": 12}}`.

    Args:
        folder: The folder of the run, .local unless told.
        since: What `mark` said then; 0 counts from the emulator's start.
    """
    counted: dict[str, Counter[str]] = {}
    try:
        with (folder / CALLS_LOG).open("rb") as log:
            log.seek(since)
            lines = log.read().decode().splitlines()
    except FileNotFoundError:
        return counted
    for line in lines:
        function, service, operation = line.split(" ")
        counted.setdefault(function, Counter())[f"{service}.{operation}"] += 1
    return counted
