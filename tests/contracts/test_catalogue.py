"""The catalogue in `events/README.md` is complete and true, and samples are what the functions they call expect."""

import ast
import json
import re
from typing import Any

import pytest

from functions.score.messages import read_message
from shared.contracts import CHANGES
from tests.contracts.schemas import EVENTS, file_name
from tests.contracts.test_change_contracts import heard
from tests.source_tree import FUNCTIONS, module

CATALOGUE = (EVENTS / "README.md").read_text(encoding="utf-8")
CALLS = dict(re.findall(r"^\| `(\w+\.json)` \| `(\w+)` \|", CATALOGUE, re.MULTILINE))
"""Sample to the function it calls."""

PUBLISHED = {
    row[0]: row[1:]
    for line in CATALOGUE.splitlines()
    if (row := [cell.strip(" `") for cell in line.strip("|").split("|")])[0] in {c.detail_type for c in CHANGES}
}
"""Detail-type to the other cells of its row."""

RULES = {"enroll": "_enroll", "handoff": "_handoff", "notify": "_notify", "score": "_what_sales_did_is_an_event"}


def load(name: str) -> dict[str, Any]:
    return dict(json.loads((EVENTS / name).read_text(encoding="utf-8")))


def names(cell: str) -> set[str]:
    return set(re.findall(r"[a-z_]+", cell))


def routes() -> dict[str, tuple[str, ...]]:
    """Function to its routes, read from the infrastructure without importing the CDK."""
    for node in module("infra.http_api").tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "ROUTES":
            assert node.value is not None
            return dict(ast.literal_eval(node.value))
    raise AssertionError("infra/http_api.py has no ROUTES")


def test_every_sample_is_in_the_catalogue_and_nothing_else():
    published = {file_name(change) for change in CHANGES}
    assert {path.name for path in EVENTS.glob("*.json")} == set(CALLS) | published


def test_every_function_is_called_by_a_sample_or_hears_a_change():
    assert set(CALLS.values()) | (set(RULES) - {"score"}) == set(FUNCTIONS)


def test_every_published_change_is_in_the_catalogue():
    assert list(PUBLISHED) == [change.detail_type for change in CHANGES]
    for change in CHANGES:
        name = file_name(change)
        assert PUBLISHED[change.detail_type][0] == f"[sample]({name}), [schema](schemas/{name})"


def test_the_catalogue_says_who_hears_a_change():
    said = {name: {kind for kind, row in PUBLISHED.items() if name in names(row[2])} for name in RULES}
    assert said == {name: heard(method) for name, method in RULES.items()}


def test_the_catalogue_says_who_writes_a_change():
    for kind, (_, writers, _) in PUBLISHED.items():
        for writer in names(writers):
            assert re.search(
                rf"^Emits .*(?:\n {{5,}}.*)*?\b{kind}\b", module(f"functions.{writer}.handler").docstring, re.MULTILINE
            )


@pytest.mark.parametrize("name", [name for name in CALLS if name.startswith("http_")])
def test_an_http_sample_is_a_request_of_one_of_the_functions_routes(name: str):
    event = load(name)
    assert event["version"] == "2.0"
    assert event["routeKey"] == event["requestContext"]["routeKey"]
    assert event["routeKey"] in routes()[CALLS[name]]
    method, path = event["routeKey"].split(" ")
    said = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path), event["rawPath"])
    assert said is not None
    assert said.groupdict() == event.get("pathParameters", {})
    http = event["requestContext"]["http"]
    assert (http["method"], http["path"]) == (method, event["rawPath"])
    assert all(header == header.lower() for header in event["headers"])


def test_every_function_with_routes_has_a_sample():
    assert {CALLS[name] for name in CALLS if name.startswith("http_")} == set(routes())


@pytest.mark.parametrize("name", [name for name in CALLS if name.startswith("schedule_")])
def test_a_schedule_sample_is_what_eventbridge_sends(name: str):
    event = load(name)
    assert (event["source"], event["detail-type"], event["detail"]) == ("aws.events", "Scheduled Event", {})
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event["time"])


@pytest.mark.parametrize("name", [name for name, function in CALLS.items() if function == "score"])
def test_score_reads_its_samples(name: str):
    for record in load(name)["Records"]:
        message = read_message(record)
        assert message.events or message.settle


def test_the_handoff_change_on_the_queue_is_the_one_on_the_bus():
    (record,) = load("sqs_handoff_change.json")["Records"]
    assert json.loads(record["body"]) == load("handoff_accepted.json")
