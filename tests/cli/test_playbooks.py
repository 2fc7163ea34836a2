"""`ripen playbook`: usable or not, and what it says."""

from pathlib import Path

import pytest

from shared.playbook import DEFAULT, FOLDER
from tests.cli.conftest import Ripen


@pytest.mark.parametrize("name", ["default", "mid-market"])
def test_the_presets_can_be_used(ripen: Ripen, name: str) -> None:
    ran = ripen("playbook", "check", FOLDER / f"{name}.yaml")
    assert (ran.code, ran.err) == (0, "")
    assert "can be used" in ran.out


def test_every_problem_is_named_with_its_line(ripen: Ripen, tmp_path: Path) -> None:
    text = DEFAULT.read_text(encoding="utf-8")
    broken = text.replace("points: 40", "points: many", 1).replace("half_life: 30 days", "half_life: a month", 1)
    file = tmp_path / "broken.yaml"
    file.write_text(broken, encoding="utf-8")
    ran = ripen("playbook", "check", file)
    assert ran.code == 1
    assert ran.out == ""
    lines = broken.splitlines()
    for wrong in ("points: many", "half_life: a month"):
        line = next(number for number, each in enumerate(lines, start=1) if wrong in each)
        assert f"broken.yaml:{line}: " in ran.err


def test_a_file_that_is_not_there_is_said_so(ripen: Ripen) -> None:
    ran = ripen("playbook", "check", "nowhere.yaml")
    assert ran.code == 1
    assert "nowhere.yaml: there is no such file" in ran.err


def test_the_default_playbook_is_shown_when_none_is_named(ripen: Ripen) -> None:
    ran = ripen("playbook", "show")
    assert ran.code == 0
    for said in (
        "Viewed the pricing page",
        "+20",
        "halves in 30 days",
        "once for each path, 5 at most",
        "engaged from 50",
    ):
        assert said in ran.out
