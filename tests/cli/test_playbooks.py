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
        "Excluded (score 0): A competitor: lists is competitors",
        "Excluded (never MQL): Looks for a job with us: job_hunt",
        "Triggers: pricing_spree, return_visit, webinar_no_show",
        "High fit is grade A, B; high engagement is level 1, 2",
        "Grades of fit: A from 35, B from 25, C from 10, else D",
        "once while 3 (by event) lie within",
        "after 60 quiet days; once",
        "loses 25 % each 14 days",
        "Group web (Pages and blog): 60 points at most",
        "employees is >= 200",
        "Form Submitted where form is demo",
        "Track awareness (early; priority 10): awareness-1 at once, awareness-2 or awareness-2-short (test length) after 7 days",
        "Owners: Maria Lindqvist (capacity 2, 16 a day at most), Jonas Weber (team dach, 8 a day at most), Priya Nair",
        "Accounts of priya: northlight retail, northlight.example",
        "Route territory DACH: country is ",
        "Rejected as not_again: never again",
        "Working time: mon-fri 09:00-17:00, Europe/Stockholm",
        "Sales must contact: high priority within 1 hour (of working time, warned 15 minutes before), standard",
        "Rejected as not_ready: not again for 30 days, goes to the track awareness",
        "Track decision (sales_ready; priority 40): decision-1 after 1 hour, decision-2 after 4 days",
        "Mails: 1 a day, 3 a week, 8 a month at most; on mon, tue, wed, thu, fri, not from 20:00 to 08:00",
        "MQL when: (rule demo_request or rule demo_form or (75 points and rule pricing_page))",
    ):
        assert said in " ".join(ran.out.split()), said


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ({"properties": {"path": [{"prefix": "/pricing"}]}}, "path begins with /pricing"),
        ({"properties": {"kind": ["a", 5, None, True]}}, "kind is a or 5 or null or true"),
        ({"traits": {"plan": [{"suffix": {"equals-ignore-case": "Pro"}}]}}, "traits.plan ends with Pro (in any case)"),
        ({"event": ["x"], "properties": {"n": [{"numeric": [">", 1, "<=", 5]}]}}, "event is x and n is > 1 and <= 5"),
        ({"a": [{"anything-but": ["x", "y"]}, {"exists": False}]}, "a is not x or y or is not there"),
        ({"a": [{"anything-but": {"prefix": ["x", "y"]}}]}, "a never begins with x or y"),
        ({"a": [{"equals-ignore-case": "Yes"}, {"exists": True}]}, "a is (in any case) Yes or is there"),
        ({"a": [""], "$or": [{"b": [1]}, {"c": [{"cidr": "10.0.0.0/8"}]}]}, 'a is "" and (b is 1 or c is an address of 10.0.0.0/8)'),
    ],
)  # fmt: skip
def test_a_pattern_is_shown_in_words(where: dict[str, object], words: str) -> None:
    assert playbooks._pattern(where) == words


def test_a_preset_is_shown_by_its_name(ripen: Ripen) -> None:
    assert ripen("playbook", "show", "mid-market").out == ripen("playbook", "show", FOLDER / "mid-market.yaml").out
    assert ripen("playbook", "check", "mid-market").code == 0
    assert "mails: is a folder and no file" in ripen("playbook", "check", FOLDER / "mails").err


def test_nobody_signed_is_said(ripen: Ripen) -> None:
    assert "Signed for sales by nobody yet" in ripen("playbook", "show", FOLDER / "funnel.yaml").out
