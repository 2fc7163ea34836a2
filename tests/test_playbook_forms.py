"""What a playbook may say of forms, and how it is told what it may not."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from functions.ingest.forms_rules import UNLISTED, read_rules
from shared.playbook import DEFAULT, FOLDER, compile_playbook
from shared.playbook_editor import editor_schema
from shared.playbook_problems import PlaybookError

FORMS = """
forms:
  demo-request:
    fields: {Your Name: first_name, firma: company, budget: properties.money, Stack: tech_stack, work: email}
    consent: {field: News-Letter, text: "Yes, send me the letter", version: "2026-11", topic: guides}
    double_opt_in: false
    honeypot: url2
    min_seconds: 3
    next: https://www.example.com/thanks
    event: {product: ripen, worth: 5, hot: true}
  plain: {}
"""


def written(tmp_path: Path, old: str = "", new: str = "") -> Path:
    assert old in FORMS
    path = tmp_path / "forms.yaml"
    before, heading, after = DEFAULT.read_text(encoding="utf-8").partition("\nforms:\n")
    assert heading
    path.write_text(f"{before}{FORMS.replace(old, new, 1)}{after}", encoding="utf-8")
    return path


def test_a_form_is_compiled_to_what_the_intake_reads(tmp_path):
    document = json.loads(json.dumps(compile_playbook(written(tmp_path))))
    rules = read_rules(document, "demo-request")
    assert rules.fields == {
        "yourname": "traits.first_name", "firma": "traits.company", "budget": "properties.money",
        "stack": "traits.tech_stack", "work": "email",
    }  # fmt: skip
    assert rules.consent is not None
    assert (rules.consent.field, rules.consent.text) == ("newsletter", "Yes, send me the letter")
    assert (rules.double_opt_in, rules.honeypot, rules.min_seconds) == (False, "url2", 3)
    assert rules.event == {"product": "ripen", "worth": 5, "hot": True}
    plain = read_rules(document, "plain")
    assert plain.listed
    assert (plain.double_opt_in, plain.honeypot, plain.min_seconds, plain.next) == (True, "website", 0, None)
    assert read_rules(document, "other") == UNLISTED


def test_a_playbook_without_forms_stays_what_it_was():
    document = compile_playbook(FOLDER / "mid-market.yaml")
    assert "forms" not in document
    assert read_rules(document, "demo") == UNLISTED


def test_a_profile_field_that_is_read_from_a_part_is_put_there(tmp_path):
    path = written(tmp_path)
    path.write_text(
        path.read_text("utf-8").replace("company: [company.name, company]", "company: [company.name]"), "utf-8"
    )
    assert compile_playbook(path)["forms"]["demo-request"]["fields"]["firma"] == "traits.company.name"


MISTAKES = [
    ("demo-request:", "Demo_Request:", "forms.Demo_Request", "1 to 64 of a-z, 0-9 and hyphen"),
    ("firma: company", "firma: compny", "forms.demo-request.fields.firma", "write company, or properties.compny"),
    ("firma: company", "firma: Company", "forms.demo-request.fields.firma", "write a field of scoring.profile"),
    ("firma: company", "firma: properties.a.b", "forms.demo-request.fields.firma", "write a field of scoring.profile"),
    ("firma: company", "firma: properties.consent", "forms.demo-request.fields.firma", "filled by itself"),
    ("firma: company", "your_name: company", "forms.demo-request.fields.your_name", "same field as 'Your Name'"),
    ("firma: company", "write_key: company", "forms.demo-request.fields.write_key", "steers the post"),
    ("firma: company", "started-at: company", "forms.demo-request.fields.started-at", "steers the post"),
    ("firma: company", "url2: company", "forms.demo-request.honeypot", "same field as 'url2'"),
    ("field: News-Letter", "field: firma", "forms.demo-request.consent.field", "same field as 'firma'"),
    ("field: News-Letter", "field: next", "forms.demo-request.consent.field", "steers the post"),
    ('version: "2026-11"', "version: 2", "forms.demo-request.consent.version", "write it in quotes"),
    ('text: "Yes, send me the letter"', 'text: ""', "forms.demo-request.consent.text", "write a text"),
    ('text: "Yes, send me the letter", ', "", "forms.demo-request.consent.text", "is missing; add it"),
    ("topic: guides", "topic: News letter", "forms.demo-request.consent.topic", "write a name"),
    ("topic: guides", "topic: guide", "forms.demo-request.consent.topic", "no topic of mail.topics is named 'guide'"),
    ("double_opt_in: false", "double_opt_in: maybe", "forms.demo-request.double_opt_in", "write true or false"),
    ("double_opt_in: false", "double_optin: false", "forms.demo-request.double_optin", "write double_opt_in"),
    ("min_seconds: 3", "min_seconds: 0", "forms.demo-request.min_seconds", "write at least 1"),
    ("min_seconds: 3", "min_seconds: 90", "forms.demo-request.min_seconds", "write at most 60"),
    ("next: https", "next: javascript", "forms.demo-request.next", "begins with https://"),
    ("worth: 5", "worth: [5]", "forms.demo-request.event.worth", "write a text of at most 200 characters, a number"),
    ("worth: 5", "form: x", "forms.demo-request.event.form", "filled by itself"),
    ("plain: {}", "plain: yes", "forms.plain", "no mapping"),
]


@pytest.mark.parametrize(("old", "new", "place", "instead"), MISTAKES)
def test_a_mistake_is_told_with_line_place_and_remedy(tmp_path, old, new, place, instead):
    path = written(tmp_path, old, new)
    with pytest.raises(PlaybookError) as caught:
        compile_playbook(path)
    (problem,) = caught.value.problems
    line = int(problem.split(":")[1])
    assert f": {place}: " in problem
    assert instead in problem
    missing = "is missing" in problem
    assert missing or new.split(":")[0].strip('{"') in path.read_text("utf-8").splitlines()[line - 1]


def test_the_schema_for_editors_knows_forms():
    schema = jsonschema.Draft202012Validator(json.loads(editor_schema()))
    document = json.loads(
        json.dumps(yaml.safe_load(DEFAULT.read_text("utf-8").replace(" on:", ' "on":') + FORMS), default=str)
    )
    assert not [each.json_path for each in schema.iter_errors(document) if each.json_path.startswith("$.forms")]
    document["forms"]["plain"]["min_seconds"] = 0
    assert [each.json_path for each in schema.iter_errors(document) if each.json_path.startswith("$.forms")] == [
        "$.forms.plain.min_seconds"
    ]
