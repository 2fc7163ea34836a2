"""What is shipped with a function: its folder, the shared code, the compiled playbook, and nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.names import ROOT, function_names
from infra.packages import LOCK, package_files


@pytest.mark.parametrize("name", function_names())
def test_a_package_holds_its_function_and_what_is_shared(name):
    places = {Path(place) for place in package_files(name, "default")}
    assert {place.parts[0] for place in places} == {"functions", "shared"}
    assert {place.parts[1] for place in places if place.parts[0] == "functions"} == {"__init__.py", name}
    assert not [place for place in places if "__pycache__" in place.parts]


def test_yaml_and_playbook_models_are_left_at_home():
    places = set(package_files("score", "default"))
    assert "shared/bundle.py" in places
    assert "shared/rules/scoring.py" in places
    assert {place for place in places if place.startswith("shared/playbook")} == {"shared/playbook_bundle.json"}


def test_the_playbook_is_shipped_compiled():
    document = json.loads(package_files("score", "default")["shared/playbook_bundle.json"])
    assert document


def test_another_function_changes_no_package():
    score, ingest = package_files("score", "default"), package_files("ingest", "default")
    apart = {place for place in {*score, *ingest} if score.get(place) != ingest.get(place)}
    assert {place.split("/")[1] for place in apart} == {"score", "ingest"}


@pytest.mark.parametrize("name", function_names())
def test_a_package_imports_by_itself(name, tmp_path):
    for place, content in package_files(name, "default").items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(content)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "PLAYBOOK"))}
    checked = subprocess.run(
        [sys.executable, "-c", f"import functions.{name}.handler as it; print(it.__file__); it.handler"],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(tmp_path), "POWERTOOLS_SERVICE_NAME": name},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.strip().startswith(str(tmp_path))


@pytest.mark.parametrize("lock", ["uv.txt", "runtime.txt", "dev.txt"])
def test_locks_pin_by_hash_and_name_no_host(lock):
    text = (ROOT / "requirements" / lock).read_text()
    assert "http" not in text
    assert not [line for line in text.splitlines() if line.startswith(("--index", "--extra", "--find", "-f", "-i"))]
    for block in text.split("\n\n"):
        pins = [line for line in block.splitlines() if "==" in line and not line.lstrip().startswith(("#", "--hash"))]
        assert len(pins) <= block.count("--hash=sha256:")


def test_the_tools_run_the_packages_that_are_deployed():
    def pins(path):
        return {line.split(" ")[0] for line in path.read_text().splitlines() if "==" in line and line[0].isalpha()}

    assert pins(LOCK) <= pins(LOCK.with_name("dev.txt"))
