"""
The released SDKs of the server side, unmodified, pointed at the deployed stage by host and key alone.

Each tells the same story: an anonymous visitor looks at prices and takes a comparison, turns out to be Ada, a director
at a company that fits, and asks for a demo. Whatever happens on the way, it must count once.
"""

import atexit
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from segment.analytics.client import Client

from infra.names import ROOT
from tests.browser.conftest import MODULES
from tests.end_to_end.between import Between, CutOff, Fault, Refused
from tests.end_to_end.conftest import Platform
from tests.end_to_end.story import COMPANY, GUIDE, TITLE, address, assert_counted_once

pytestmark = pytest.mark.embedded

Calls = list[tuple[str, dict[str, Any]]]

BATCH_BYTES = 500 * 1024
"""Segment's limit of a request, which its SDKs stay under."""


def assert_tried_until_taken(between: Between, trouble: tuple[Fault, ...]) -> None:
    """Every fault befell the same messages, which came again until they were taken, and not before they were asked."""
    attempts = between.posts[: len(trouble) + 1]
    assert [each.fault for each in attempts] == [*trouble, None]
    assert len({tuple(each.message_ids) for each in attempts}) == 1
    assert attempts[-1].at - attempts[-2].at >= trouble[-1].retry_after


# Python


def python_calls(who: str) -> Calls:
    device = {"anonymous_id": f"{who}-device"}
    return [
        ("page", {**device, "name": "Pricing", "properties": {"path": "/pricing"}}),
        ("page", {**device, "name": "Pricing", "properties": {"path": "/pricing"}}),
        ("track", {**device, "event": "Asset Downloaded", "properties": GUIDE}),
        ("alias", {"previous_id": f"{who}-device", "user_id": who}),
        ("identify", {"user_id": who, "traits": {"email": address(who), "title": TITLE}}),
        ("screen", {"user_id": who, "category": "App", "name": "Home"}),
        ("group", {"user_id": who, "group_id": "northbound", "traits": COMPANY}),
        ("track", {"user_id": who, "event": "Demo Requested"}),
    ]


PYTHON_PROGRAM = """
import json, sys
import segment.analytics as analytics
analytics.write_key, analytics.host = sys.argv[1:3]
for method, parameters in json.loads(sys.argv[3]):
    getattr(analytics, method)(**parameters)
"""


@pytest.fixture
def python_client(platform: Platform) -> Iterator[Any]:
    """How to make a client that is shut down with the test, and not at the end of the process; and what it lost."""
    clients: list[Client] = []
    lost: list[Exception] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(atexit, "register", lambda end: end)

        def make(host: str, *, write_key: str = platform.outputs.write_key, **settings: Any) -> Client:
            clients.append(Client(write_key, host=host, on_error=lambda error, batch: lost.append(error), **settings))
            return clients[-1]

        make.lost = lost  # type: ignore[attr-defined]
        yield make
    for client in clients:
        if client.consumers:
            client.shutdown()


def make_calls(client: Any, calls: Calls) -> None:
    for method, parameters in calls:
        getattr(client, method)(**parameters)


@pytest.mark.parametrize("settings", [{}, {"gzip": True}, {"sync_mode": True}], ids=["batches", "gzip", "sync"])
def test_python_every_call_counts_once(platform, python_client, settings):
    who = "-".join(["python", *settings]).replace("_", "-")
    client = python_client(platform.outputs.api_url, **settings)
    make_calls(client, python_calls(who))
    if client.consumers:
        client.flush()
    assert python_client.lost == []
    assert_counted_once(platform, who)


def test_python_what_is_sent_again_counts_once(platform, between, python_client):
    trouble = (Refused(500), CutOff(taken=False), CutOff(taken=True), Refused(503), Refused(429, retry_after=2))
    between.befall(trouble)
    client = python_client(between.url)
    make_calls(client, python_calls("python-again"))
    client.flush()
    assert python_client.lost == []
    assert_tried_until_taken(between, trouble)
    assert [each.headers.get("x-retry-count") for each in between.posts[:3]] == [None, "1", "2"]
    assert_counted_once(platform, "python-again")
    between.send_all_again()
    assert_counted_once(platform, "python-again")


def test_python_a_program_that_just_ends_has_sent(platform):
    calls = json.dumps(python_calls("python-exit"))
    command = [sys.executable, "-c", PYTHON_PROGRAM, platform.outputs.write_key, platform.outputs.api_url, calls]
    assert said_by(command) == ""
    assert_counted_once(platform, "python-exit")


def test_python_a_wrong_key_is_told_and_not_tried_again(between, python_client):
    client = python_client(between.url, write_key="server_local_wrong")
    client.track("nobody", "Demo Requested")
    client.flush()
    assert [(error.status, error.code) for error in python_client.lost] == [(401, "unauthorized")]
    assert len(between.posts) == 1


def test_python_batches_as_large_as_they_come_are_taken_whole(platform, between, python_client):
    client = python_client(between.url, upload_size=2_500, upload_interval=2)
    for number in range(1_500):
        client.track("python-large", "Report Opened", {"number": number, "text": "ä" * 60})
    client.flush()
    assert python_client.lost == []
    assert max(len(each.body) for each in between.posts) > 0.9 * BATCH_BYTES
    platform.settle_down("two large batches")
    sent = between.message_ids()
    assert len(sent) == 1_500
    assert sent <= platform.deployed.event_ids()


# Node


def node_calls(who: str) -> Calls:
    device = {"anonymousId": f"{who}-device"}
    return [
        ("page", {**device, "name": "Pricing", "properties": {"path": "/pricing"}}),
        ("page", {**device, "name": "Pricing", "properties": {"path": "/pricing"}}),
        ("track", {**device, "event": "Asset Downloaded", "properties": GUIDE}),
        ("alias", {"previousId": f"{who}-device", "userId": who}),
        ("identify", {"userId": who, "traits": {"email": address(who), "title": TITLE}}),
        ("screen", {"userId": who, "category": "App", "name": "Home"}),
        ("group", {"userId": who, "groupId": "northbound", "traits": COMPANY}),
        ("track", {"userId": who, "event": "Demo Requested"}),
    ]


def node(calls: Calls, *, flush: bool, **settings: Any) -> str:
    """Run a program with the Node SDK; return what it said it lost."""
    told = json.dumps({"settings": settings, "calls": calls, "flush": flush})
    return said_by([str(Path(sys.executable).with_name("node")), str(MODULES.parent / "node_sdk.mjs"), told])


def said_by(command: list[str]) -> str:
    """Return what a program printed until it ended by itself, without an error."""
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=90, check=True
    )
    return done.stdout


def test_node_every_call_counts_once_when_it_closes_and_flushes(platform):
    calls = node_calls("node")
    lost = node(calls, flush=True, writeKey=platform.outputs.write_key, host=platform.outputs.api_url)
    assert lost == ""
    assert_counted_once(platform, "node")


def test_node_a_program_that_just_ends_has_sent(platform):
    settings = {"writeKey": platform.outputs.write_key, "host": platform.outputs.api_url, "flushInterval": 500}
    assert node(node_calls("node-exit"), flush=False, **settings) == ""
    assert_counted_once(platform, "node-exit")


def test_node_what_is_sent_again_counts_once(platform, between):
    trouble = (CutOff(taken=True), Refused(503), Refused(429, retry_after=2))
    between.befall(trouble)
    settings = {"writeKey": platform.outputs.write_key, "host": between.url, "flushInterval": 60_000}
    assert node(node_calls("node-again"), flush=True, **settings) == ""
    assert_tried_until_taken(between, trouble)
    assert_counted_once(platform, "node-again")
    between.send_all_again()
    assert_counted_once(platform, "node-again")


def test_node_a_wrong_key_is_told_and_not_tried_again(between):
    lost = node([("track", {"userId": "nobody", "event": "x"})], flush=True, writeKey="wrong", host=between.url)
    assert "delivery_failure" in lost
    assert "401" in lost
    assert len(between.posts) == 1
