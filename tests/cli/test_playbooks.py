"""`ripen playbook`: usable or not, and what it says."""

from datetime import date
from pathlib import Path

import pytest

from cli import playbooks
from shared.playbook import DEFAULT, FOLDER
from shared.playbook_editor import editor_schema
from tests.cli.conftest import Ripen


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playbooks, "_today", lambda: date(2026, 11, 22))


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_presets_can_be_used(ripen: Ripen, path: Path) -> None:
    ran = ripen("playbook", "check", path)
    assert (ran.code, ran.err) == (0, "")
    assert "can be used" in ran.out


def test_a_signed_playbook_has_no_warnings(ripen: Ripen) -> None:
    ran = ripen("playbook", "check", DEFAULT, "--strict")
    assert (ran.code, ran.err) == (0, "")
    assert "warning" not in ran.out


def test_missing_signatures_are_warnings_unless_strict(ripen: Ripen) -> None:
    ran = ripen("playbook", "check", FOLDER / "mid-market.yaml")
    assert ran.code == 0
    assert [line.split(";")[0] for line in ran.out.splitlines()[1:]] == [
        "warning: mid-market is not signed by marketing",
        "warning: mid-market is not signed by sales",
    ]
    strict = ripen("playbook", "check", FOLDER / "mid-market.yaml", "--strict")
    assert (strict.code, strict.out) == (1, "")
    assert "mid-market is not signed by sales" in strict.err


def test_an_overdue_review_is_a_warning(ripen: Ripen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playbooks, "_today", lambda: date(2027, 2, 2))
    ran = ripen("playbook", "check", DEFAULT)
    assert ran.code == 0
    assert "warning: the review of default is overdue since 2027-02-01" in ran.out
    assert ripen("playbook", "check", DEFAULT, "--strict").code == 1


def test_the_schema_is_printed_as_it_is(ripen: Ripen) -> None:
    ran = ripen("playbook", "schema")
    assert (ran.code, ran.out) == (0, editor_schema())


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
        "MQL means: 75 points with a visit to a sales page, or a request for a demo.",
        "SQL means: A rep has accepted the lead and is talking to it.",
        "Signed for marketing by Head of Marketing on 2026-11-02",
        "List competitors: mail_domain is other-rival.example, rival.example",
        'Excluded (score 0): A competitor: {"lists": ["competitors"]}',
        "Excluded (never MQL): Looks for a job with us: job_hunt",
        "Triggers: pricing_spree, return_visit, webinar_no_show",
        "High fit is grade A, B; high engagement is level 1, 2",
        "Grades of fit: A from 35, B from 25, C from 10, else D",
        "once while 3 (by event) lie within",
        "after 60 quiet days; once",
        "loses 25 % each 14 days",
        "Group web (Pages and blog): 60 points at most",
        "MQL when: (rule demo_request or rule demo_form or (75 points and rule pricing_page))",
    ):
        assert said in " ".join(ran.out.split()), said


def test_nobody_signed_is_said(ripen: Ripen) -> None:
    assert "Signed for sales by nobody yet" in ripen("playbook", "show", FOLDER / "funnel.yaml").out
