"""Playbooks as they are named on the command line: by the path of a file, or a preset by its name."""

from pathlib import Path
from typing import Any

from shared.playbook import FOLDER, compile_playbook
from shared.playbook_problems import PlaybookError


def compiled(named: Path) -> dict[str, Any]:
    """Return the compiled playbook. Raises `PlaybookError` when there is none, or when it cannot be used."""
    if named.is_file():
        return compile_playbook(named)
    presets = {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}
    if str(named) in presets:
        return compile_playbook(presets[str(named)])
    what = "is a folder and no file" if named.is_dir() else "there is no such file"
    raise PlaybookError(
        [f"{named}: {what}; write the path of a playbook or the name of a preset: {', '.join(presets)}"]
    )
