"""
What schemathesis makes of the OpenAPI document, put to the handlers: no 5xx, and no answer the document does not have.

Every operation gets data that fits the document and data that does not, with a key that is good and without one. The
same cases come every time.
"""

import json
import time
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from werkzeug.test import Client

from functions.ingest import handler as ingest
from functions.sales import handler as sales
from functions.score.handler import handler as score
from shared.aws import slack
from shared.instants import DAY, MINUTE, parse_instant
from shared.lead import LeadEvent, queue_message
from shared.links import PATHS, Link, RepLink, mint, rep_link_url
from tests.conftest import SIGNING_SECRET, Aws, Context
from tests.contracts.api_stand import KEYS, Api
from tests.contracts.openapi import document, example, routes
from tests.handoff_world import ADDRESS, EMAIL_ADDRESS, LEAD_ID, QUALIFIED_AT, handed_off

NOW = parse_instant("2026-11-22T12:00:00Z")
"""After everything the samples speak of."""

MOST_SECONDS = 60
CASES = 5
"""Of each kind of data, for each operation, with a key and without."""

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
TIME_OFF = "POST /v1/owners/{id}/time-off"
"""Two days in order and to come are not found by chance: some cases get those of the sample."""

LAST = ("erase", "/u/", "/y/")
"""Parts of routes that take away what the others need."""


@pytest.fixture
def api(aws: Aws, erasures: str, context: Context, monkeypatch: pytest.MonkeyPatch) -> Api:
    """The API at an instant, with a lead that has something of everything."""
    monkeypatch.setattr(ingest, "time", SimpleNamespace(time=lambda: NOW))
    monkeypatch.setattr(sales, "time", SimpleNamespace(time=lambda: NOW))
    monkeypatch.setattr(slack, "whisper", lambda *_: None)  # is told at an address that Slack gives
    handed_off(context)
    said = [
        LeadEvent(
            f"e{number}", name, QUALIFIED_AT - number * MINUTE, QUALIFIED_AT, "server", email=EMAIL_ADDRESS,
            properties={"path": "/pricing"}, traits={"consent": True, "title": "Director"},
        )
        for number, name in enumerate(["Demo Requested", "Page Viewed", "Identified"])
    ]  # fmt: skip
    body = json.dumps(queue_message("server", QUALIFIED_AT, said))
    assert score({"Records": [{"messageId": "m1", "body": body}]}, context) == {"batchItemFailures": []}
    return Api(NOW)


def known(route: str, number: int) -> dict[str, Any]:
    """Return path parameters of what there is, for every other case: else nothing but 404 would come."""
    path = route.partition(" ")[2]
    said: dict[str, Any] = {}
    if number % 2:
        return said
    if "/leads/{" in path or "/handoffs/" in path:
        said["id" if "{id}" in path else "lead_id"] = LEAD_ID
    if "/owners/" in path:
        said["id"] = "maria"
    if "{n}" in path:
        said["n"] = 1
    if "{key}" in path:
        said["key"] = KEYS["public"]
    if path.startswith("/s/"):
        url = rep_link_url("", RepLink("accept", LEAD_ID, 1, "maria", NOW + DAY), SIGNING_SECRET)
        return {"action": "accept", "token": url.rpartition("/")[2]}
    if "{token}" in path:
        purpose = next(purpose for purpose, letter in PATHS.items() if path.startswith(f"/{letter}/"))
        target = {"click": "https://www.example.com/guide", "open": ""}.get(purpose, ADDRESS)
        said["token"] = mint(Link(purpose, f"{LEAD_ID}-1-0-awareness", target), SIGNING_SECRET)
    return said


def _put(label: str, api: Api, tried: Counter[str], cases: st.SearchStrategy[schemathesis.Case]) -> None:
    @seed(20260105)
    @settings(
        max_examples=CASES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def put(case: schemathesis.Case) -> None:
        case.path_parameters = {**(case.path_parameters or {}), **known(label, tried[label] // 2)}
        if label == TIME_OFF and tried[label] % 4 == 0:
            case.body = example("http_time_off")
        for keyed in (True, False):
            api.keyed = keyed
            tried[label] += 1
            case.call_and_validate(checks=CHECKS)

    put()


def test_no_request_brings_a_5xx_and_every_answer_is_one_of_the_document(api: Api, aws: Aws) -> None:
    started = time.process_time()
    schema = schemathesis.openapi.from_wsgi("/openapi.json", api)
    found: dict[str, str] = {}
    tried: Counter[str] = Counter()
    operations = sorted(
        (each.ok() for each in schema.get_all_operations()), key=lambda each: any(part in each.label for part in LAST)
    )
    for operation in operations:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            try:
                _put(operation.label, api, tried, operation.as_strategy(mode))
            except (Failure, FailureGroup) as failure:
                found[f"{operation.label} {mode.value}"] = str(failure)
            except Unsatisfiable:  # nothing that does not fit: the operation takes nothing
                assert mode is GenerationMode.NEGATIVE, operation.label
    print(f"{sum(tried.values())} requests, {time.process_time() - started:.1f} seconds of CPU")
    assert api.raised == []
    assert found == {}
    tried["GET /openapi.json"] += CASES  # by loading it
    assert set(tried) == {route for served in routes().values() for route in served}
    assert min(tried.values()) >= 2
    assert time.process_time() - started < MOST_SECONDS


def test_every_example_is_taken(api: Api) -> None:
    """The document's own: what people paste first."""
    api.keyed = True
    client = Client(api)
    said = document()
    tried = 0
    for path, methods in said["paths"].items():
        if path == "/v1/mail/events":  # signed by Amazon SNS, for a topic that the stage lists
            continue
        for operation in methods.values():
            body = operation.get("requestBody", {"content": {}})
            body = said["components"]["requestBodies"][body["$ref"].rpartition("/")[2]] if "$ref" in body else body
            for media, content in body["content"].items():
                for shown in content.get("examples", {}).values():
                    who = "jonas" if "/owners/" in path else LEAD_ID
                    place = path.format(form="demo", lead_id=LEAD_ID, id=who, n=1, action="accept", call="batch")
                    fields = {"json": shown["value"]} if "json" in media else {"data": shown["value"]}
                    answer = client.post(place, headers={"accept": "application/json"}, **fields)
                    assert answer.status_code == 200, (path, answer.text)
                    tried += 1
    assert tried > 20
    assert api.raised == []
