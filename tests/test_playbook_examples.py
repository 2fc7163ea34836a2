"""What the pages show of a playbook can be written so: every YAML example stands in the default playbook, and is checked."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from shared.playbook import DEFAULT, compile_playbook
from shared.playbook_yaml import read_yaml
from tests.source_tree import ROOT

EXAMPLES = {
    f"{page.stem}-{number}": block
    for page in sorted((ROOT / "docs").glob("*.md"))
    for number, block in enumerate(
        re.findall(r"^```yaml\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    )
}


def read(text: str, folder: Path) -> Any:
    (folder / "example.yaml").write_text(text, encoding="utf-8")
    return read_yaml(folder / "example.yaml")[0]


def within(playbook: Any, example: Any) -> Any:
    """The playbook with what the example says; a list takes the place of the one that is there."""
    if not isinstance(playbook, dict) or not isinstance(example, dict):
        return example
    return playbook | {name: within(playbook.get(name), said) for name, said in example.items()}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_of_the_pages_can_be_used(name: str, tmp_path: Path):
    said = read(EXAMPLES[name], tmp_path)
    if isinstance(said, list):
        said = {"tracks": {"awareness": {"steps": said}}}
    document = within(read_yaml(DEFAULT)[0], said)
    path = tmp_path / "mine.yaml"
    path.write_text(json.dumps(document), encoding="utf-8")
    compile_playbook(path)


def test_the_playbooks_page_shows_a_step_of_each_channel(tmp_path: Path):
    shown = [read(said, tmp_path) for name, said in EXAMPLES.items() if name.startswith("playbook-")]
    steps = [step for said in shown for track in said.get("tracks", {}).values() for step in track["steps"]]
    assert {"mail", "sms", "task", "webhook"} == {step.get("channel", "mail") for step in steps}
