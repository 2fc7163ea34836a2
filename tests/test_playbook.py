"""What a playbook may say, and how it is told what it may not."""

from pathlib import Path

import pytest

from shared.playbook import DEFAULT, FOLDER, PlaybookError, compile_playbook, read_playbook


def edited(tmp_path: Path, old: str, new: str) -> Path:
    text = DEFAULT.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "edited.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_playbook_compiles_to_the_same_bundle_each_time(path):
    assert compile_playbook(path) == compile_playbook(path)
    assert compile_playbook(path)["name"] == path.stem


REFUSED = [
    ("counts: {every: 5}", "counts: {}", "exactly one of once, every"),
    ("counts: {every: 5}", "counts: {every: true}", "every"),
    ("counts: {every: 5}", "counts: {every: 5, once: true}", "exactly one of"),
    ("counts: {every: 5}", "counts: {every: 51}", "less than or equal to 50"),
    ("points: 40", "points: 40.0001", "more than three decimals"),
    ("points: 40", "points: lots", "no number of points"),
    ("points: 40", "points: .nan", "no number of points"),
    ("half_life: 30 days", "half_life: 30", "write it as in `30 days`"),
    ("half_life: 30 days", "half_life: 0 days", "write half_life"),
    ("half_life: 30 days", "half_life: 30 days, percent: 10", "go together"),
    ("{prefix: /pricing}", "{starts: /pricing}", "unknown operator 'starts'"),
    ("group: web", "group: wob", "group wob is not among groups"),
    ("id: trial_start", "id: demo_request", "used twice: demo_request"),
    ("{rule: pricing_page}", "{rule: pricing}", "no rule is named 'pricing'"),
    ("engaged: 50", "engaged: 90", "thresholds rise"),
    ("zone: Europe/Stockholm, days", "zone: Stockholm, days", "no time zone"),
    ('opens: "09:00"', 'opens: "18:00"', "opens must be before closes"),
    ("warn_before: 15 minutes", "warn_before: 2 hours", "shorter than within"),
    ("returns_to: awareness", "returns_to: nowhere", "no track is named 'nowhere'"),
    ("content: awareness-1", "content: awareness-99", "no mail is named awareness-99"),
    ("count: {n: 3, within: 7 days}", "count: {n: 3, within: 7 days, distinct: asset}", "write asset"),
    ("consent: opt_in", "consent: maybe", "opt_in"),
    ("name: default", "name: default\ncolour: red", "colour"),
    ("name: default", "name: default\nname: again", "stands twice"),
]


@pytest.mark.parametrize(("old", "new", "problem"), REFUSED)
def test_what_cannot_be_used_is_refused_with_the_line_and_the_remedy(tmp_path, old, new, problem):
    path = edited(tmp_path, old, new)
    with pytest.raises(PlaybookError) as caught:
        compile_playbook(path)
    line = DEFAULT.read_text(encoding="utf-8").split(old)[0].count("\n") + 1
    message = str(caught.value)
    assert problem in message
    named = int(message.split(":")[1])
    assert abs(named - line) <= 5 or named < line, message


def test_on_is_a_word_and_not_a_truth_value():
    rule = next(rule for rule in read_playbook(DEFAULT).scoring.engagement if rule.id == "pricing_page")
    assert rule.on == "Page Viewed"


def test_a_rule_that_counts_otherwise_is_filed_under_another_name(tmp_path):
    before = {rule["id"]: rule["filing"] for rule in compile_playbook()["scoring"]["engagement"]}
    path = edited(tmp_path, "counts: {every: 5}", "counts: {every: 6}")
    after = {rule["id"]: rule["filing"] for rule in compile_playbook(path)["scoring"]["engagement"]}
    assert {rule for rule, filing in after.items() if before[rule] != filing} == {"pricing_page"}
    points = edited(tmp_path, "points: 40", "points: 41")
    assert {rule["id"]: rule["filing"] for rule in compile_playbook(points)["scoring"]["engagement"]} == before
