"""What the bus carries: one sample and one schema for each detail-type, and code, rules and contracts that agree."""

import ast
import json
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from functions.enroll.handler import HEARD as ENROLL_HEARS
from functions.notify.handler import HEARD as NOTIFY_HEARS
from functions.score.messages import CLOSING_EVENTS, OUTCOME_EVENTS
from shared import handoff
from shared.aws import bus
from shared.contracts import CHANGES, SOURCE, BandChanged, Change, HandoffClosed, HandoffContacted, LeadQualified
from shared.rules.model import GRADES
from tests.contracts.schemas import EVENTS, SCHEMAS, file_name, schema_text
from tests.source_tree import dotted, module, within

ENVELOPE = {"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"}
BY_TYPE = {change.detail_type: change for change in CHANGES}
all_changes = pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.detail_type)


def sample(change: type[Change]) -> dict[str, Any]:
    return dict(json.loads((EVENTS / file_name(change)).read_text(encoding="utf-8")))


def heard(method: str) -> set[str]:
    """The changes that a method of the stateless stack names: what its rule lets through."""
    (stack,) = [node for node in module("infra.stateless_stack").tree.body if isinstance(node, ast.ClassDef)]
    (made,) = [node for node in stack.body if isinstance(node, ast.FunctionDef) and node.name == method]
    named = {dotted(node) for node in ast.walk(made) if isinstance(node, ast.Attribute)}
    return {name.removeprefix("contracts.") for name in named if name.startswith("contracts.")} & set(BY_TYPE)


def test_detail_types_are_the_names_of_their_models_and_none_comes_twice():
    assert [change.detail_type for change in CHANGES] == [change.__name__ for change in CHANGES]
    assert len(BY_TYPE) == len(CHANGES)


def test_every_change_model_is_published():
    def below(change: type[Change]) -> set[type[Change]]:
        return {change, *(each for child in change.__subclasses__() for each in below(child))}

    assert {change for change in below(Change) if "detail_type" in vars(change)} == set(CHANGES)


def test_every_detail_type_has_exactly_one_sample():
    ours = [
        (path.name, event["detail-type"])
        for path in sorted(EVENTS.glob("*.json"))
        if (event := json.loads(path.read_text(encoding="utf-8"))).get("source") == SOURCE
    ]
    assert sorted(ours) == sorted((file_name(change), change.detail_type) for change in CHANGES)


@all_changes
def test_a_sample_is_an_envelope_as_eventbridge_delivers_it(change: type[Change]):
    event = sample(change)
    assert set(event) == ENVELOPE
    assert (event["version"], event["source"], event["detail-type"]) == ("0", SOURCE, change.detail_type)


@all_changes
def test_a_sample_parses_and_comes_back_the_same(change: type[Change]):
    detail = sample(change)["detail"]
    parsed = change.model_validate(detail)
    assert parsed.model_dump(mode="json", exclude_unset=True) == detail
    assert change.model_validate_json(parsed.model_dump_json()) == parsed


@all_changes
def test_a_sample_leaves_nothing_out(change: type[Change]):
    assert set(sample(change)["detail"]) == set(change.model_fields)


@all_changes
def test_a_change_id_names_lead_and_instant(change: type[Change]):
    detail = sample(change)["detail"]
    assert detail["change_id"].startswith(f"{detail['lead_id']}:{detail['occurred_at']}:")


@all_changes
def test_a_sample_fits_its_schema(change: type[Change]):
    schema = json.loads((SCHEMAS / file_name(change)).read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(sample(change)["detail"])


@all_changes
def test_what_is_missing_or_unknown_is_refused(change: type[Change]):
    detail = sample(change)["detail"]
    for name, field in change.model_fields.items():
        if field.is_required():
            with pytest.raises(ValidationError):
                change.model_validate({key: value for key, value in detail.items() if key != name})
    with pytest.raises(ValidationError):
        change.model_validate({**detail, "email": "ada@example.com"})
    with pytest.raises(ValidationError):
        change.model_validate({**detail, "occurred_at": "2026-01-05T08:30:00"})


def test_schema_files_are_the_models_export():
    """After a change of the models: `python -m tests.contracts.schemas`."""
    written = {path.name: path.read_text(encoding="utf-8") for path in SCHEMAS.glob("*.json")}
    assert written == {file_name(change): schema_text(change) for change in CHANGES}


def test_a_function_hears_exactly_what_its_rule_lets_through():
    assert heard("_enroll") == set(ENROLL_HEARS)
    assert heard("_notify") == set(NOTIFY_HEARS)
    assert heard("_handoff") == {"LeadQualified", "LeadUnqualified", "StageChanged"}
    assert heard("_what_sales_did_is_an_event") == {*OUTCOME_EVENTS, "HandoffClosed"}


def test_score_knows_every_outcome_that_sales_can_report():
    reported = set(get_args(HandoffClosed.model_fields["outcome"].annotation))
    assert reported == {*CLOSING_EVENTS, "disqualified", "unqualified"}  # the last two are no news to the lead


def test_contracts_and_models_know_the_same_words():
    def words(change: type[Change], field: str) -> tuple[Any, ...]:
        return get_args(change.model_fields[field].annotation)

    assert bus.SOURCE == SOURCE  # said twice so that publishing does not load pydantic
    assert words(LeadQualified, "priority") == get_args(handoff.Priority)
    assert words(HandoffContacted, "means") == get_args(handoff.Means)
    assert words(HandoffClosed, "outcome") == get_args(handoff.Outcome)
    assert words(BandChanged, "grade") == GRADES


def test_every_detail_type_the_code_writes_is_a_contract():
    written: set[str] = set()
    for package in ("functions", "shared.rules", "shared.aws"):
        for found in within(package):
            for node in ast.walk(found.tree):
                if not isinstance(node, ast.Call):
                    continue
                said = [keyword.value for keyword in node.keywords if keyword.arg == "detail_type"]
                if dotted(node.func) == "Announcement":
                    said += node.args[:1]
                written |= {value.value for value in said if isinstance(value, ast.Constant)}
    assert written
    assert written <= set(BY_TYPE)
