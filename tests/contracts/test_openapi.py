"""The OpenAPI document: complete, valid, the same as what is checked in, and true of the code and of the samples."""

import ast
import gzip
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from schemathesis import openapi as reader

from functions.ingest import answers, static_files
from shared.lead import LeadEvent, queue_message
from tests.contracts import openapi
from tests.contracts.openapi_schemas import CODES, calls, components, lead_event_message
from tests.source_tree import ROOT, dotted, within

DOCUMENT: dict[str, Any] = json.loads(openapi.DOCUMENT.read_text(encoding="utf-8"))
INTAKE = sorted(openapi.INTAKE.glob("*.json"))


def test_what_is_checked_in_is_what_the_code_says():
    """After a change of routes, limits or answers: `make openapi`."""
    made = openapi.files()
    there = {path.relative_to(ROOT).as_posix() for path in (*INTAKE, openapi.DOCUMENT)}
    assert there == set(made)
    for place, content in made.items():
        assert (ROOT / place).read_text(encoding="utf-8") == content, place


def test_the_document_is_openapi():
    reader.from_dict(DOCUMENT).validate()


def test_every_route_is_in_it_and_nothing_else():
    told = {f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert told == {route for served in openapi.routes().values() for route in served}
    assert set(openapi.operations()) == told


def test_operations_have_names_of_their_own():
    names = [said["operationId"] for methods in DOCUMENT["paths"].values() for said in methods.values()]
    assert len(names) == len(set(names))


def test_parameters_of_a_path_are_described():
    for path, methods in DOCUMENT["paths"].items():
        for method, said in methods.items():
            named = {each["name"] for each in said.get("parameters", []) if each["in"] == "path"}
            assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}, (method, path)


def test_every_schema_is_one_and_is_used():
    written = json.dumps(DOCUMENT)
    for name, schema in DOCUMENT["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert f'"#/components/schemas/{name}"' in written, name
    for kind in ("responses", "requestBodies", "securitySchemes"):
        for name in DOCUMENT["components"][kind]:
            assert f'"#/components/{kind}/{name}"' in written or f'"{name}": []' in written, name


def bodies() -> list[tuple[str, dict[str, Any]]]:
    """Every request body, those the operations share once."""
    shared = [(name, said) for name, said in DOCUMENT["components"]["requestBodies"].items()]
    own = [
        (said["operationId"], said["requestBody"])
        for methods in DOCUMENT["paths"].values()
        for said in methods.values()
        if "$ref" not in said.get("requestBody", {"$ref": ""})
    ]
    return shared + own


@pytest.mark.parametrize("body", [said for _, said in bodies()], ids=[name for name, _ in bodies()])
def test_an_example_fits_its_schema(body: dict[str, Any]):
    for content in body["content"].values():
        validator = Draft202012Validator({**content["schema"], "components": DOCUMENT["components"]})
        for shown in content.get("examples", {}).values():
            validator.validate(shown["value"])


def test_it_is_served_with_a_tag_and_small():
    answer = static_files.static_file("openapi.json", {})
    assert json.loads(answer["body"]) == DOCUMENT
    assert answer["headers"]["content-type"] == "application/json"
    assert static_files.static_file("openapi.json", {"if-none-match": answer["headers"]["etag"]})["statusCode"] == 304
    assert len(gzip.compress(answer["body"].encode())) < 20_000


def test_every_code_of_an_error_is_told_and_no_other():
    said: set[str] = set()
    for function in openapi.routes():
        for found in within(f"functions.{function}"):
            for node in ast.walk(found.tree):
                if isinstance(node, ast.Call) and dotted(node.func) in ("_refuse", "RefusedError", "_error", "refused"):
                    texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
                    said |= {text for text in texts[:2] if isinstance(text, str) and " " not in text}
                if isinstance(node, ast.Dict):
                    said |= {
                        value.value
                        for key, value in zip(node.keys, node.values, strict=True)
                        if isinstance(key, ast.Constant) and key.value == "code" and isinstance(value, ast.Constant)
                    }
    said |= {json.loads(answers.throttled(1, 0, "wait")["body"])["code"]}
    assert said == set(CODES)


@pytest.mark.parametrize("path", INTAKE, ids=lambda path: path.stem)
def test_a_schema_of_the_intake_stands_alone(path):
    schema = json.loads(path.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    assert "#/components" not in json.dumps(schema)


SAMPLES = {
    "http_browser_identify": "Identify", "http_browser_page": "Page", "http_browser_track": "Track",
    "http_browser_group": "Group", "http_browser_alias": "Alias", "http_python_batch": "Batch", "http_curl_track": "Track",
    "http_outcome": "Outcome", "http_outcome_webhook": "Outcomes", "http_adjustment": "Adjustment",
    "http_verdict": "Judgement", "http_erase": "EraseOrder", "http_erase_by_identity": "EraseByIdentity",
    "http_handoff_accept": "Move", "http_lead_lookup": "Lookup", "http_form_urlencoded": "Form",
}  # fmt: skip


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_fits_its_schema(name: str):
    Draft202012Validator(openapi.alone(name, components()[SAMPLES[name]])).validate(openapi.example(name))


def test_the_calls_of_the_schemas_are_those_of_the_code():
    assert {name.lower() for name in calls()} >= set(openapi.segment.CALLS)
    assert set(openapi.BODIES) == {name.capitalize() for name in (*openapi.segment.CALLS, "batch", "call")}


_texts = st.text(max_size=20)
_events = st.builds(
    LeadEvent,
    event_id=st.text(min_size=1, max_size=20),
    name=st.text(min_size=1, max_size=20),
    occurred_at=st.integers(631_152_000, 4_000_000_000),
    received_at=st.just(1_767_602_400),
    source=st.just("server"),
    anonymous_id=st.none() | _texts,
    user_id=_texts,
    email=st.none() | _texts,
    lead_id=st.none() | st.from_regex(r"\A[a-z2-7]{16}\Z"),
    properties=st.dictionaries(_texts, _texts),
    traits=st.dictionaries(_texts, st.integers()),
    context=st.dictionaries(_texts, st.booleans()),
    verdict=st.sampled_from(["human", "unsure", "machine"]),
    verdict_reason=_texts,
    history=st.booleans(),
)


@given(st.lists(_events, max_size=3))
@settings(derandomize=True, max_examples=50, deadline=None)
def test_every_message_of_lead_events_fits_its_schema(events: list[LeadEvent]):
    message = queue_message("server", 1_767_602_400, events)
    Draft202012Validator(lead_event_message()).validate(json.loads(json.dumps(message)))


def test_a_message_with_a_field_nobody_knows_does_not_fit():
    event = LeadEvent("e1", "Demo Requested", 1_767_602_400, 1_767_602_400, "server", user_id="u1")
    message = queue_message("server", 1_767_602_400, [event])
    validator = Draft202012Validator(lead_event_message())
    assert validator.is_valid(message)
    message["events"][0]["ip"] = "203.0.113.7"
    assert not validator.is_valid(message)
    message["events"][0].pop("ip")
    message["events"][0].pop("user_id")
    assert not validator.is_valid(message)
