"""An embedded AWS of the tests' own, with the local stage deployed, and what the tests ask of it."""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import pytest
import requests

from infra.local.demo.deployed import Deployed
from infra.local.down import down
from infra.local.outputs import Outputs
from infra.local.up import up
from shared.aws import clients, playbooks
from shared.aws.items import from_item
from shared.instants import instant_text
from tests.cli.conftest import Ripen, ripen  # noqa: F401 - a fixture
from tests.conftest import sample
from tests.end_to_end.between import Between

pytest.register_assert_rewrite("tests.end_to_end.story")

WAIT = 40.0
"""Seconds a consequence may take; a cold start of every function on two busy cores is included."""


@dataclass(frozen=True)
class Platform:
    """The deployed stage as its users meet it, and as the tests look into it."""

    outputs: Outputs
    folder: Path
    bus_queue_url: str
    alerts_queue_url: str
    escalations_queue_url: str
    seen: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.outputs.aws_endpoint_url,
            region_name=self.outputs.aws_region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def post(self, path: str, body: Any, *, key: str | None = None) -> requests.Response:
        auth = (key or self.outputs.write_key, "")
        return requests.post(f"{self.outputs.api_url}{path}", json=body, auth=auth, timeout=30)

    def ask(self, path: str, **query: str) -> Any:
        answer = requests.get(f"{self.outputs.api_url}{path}", params=query, headers=self._admin(), timeout=30)
        return answer.json()

    def look_up(self, email: str, **query: str) -> dict[str, Any]:
        answer = requests.post(
            f"{self.outputs.api_url}/v1/leads/lookup",
            params=query,
            json={"email": email},
            headers=self._admin(),
            timeout=30,
        )
        return dict(answer.json())

    def _admin(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.outputs.admin_key}"}

    def items(self) -> list[dict[str, Any]]:
        pages = self.client("dynamodb").get_paginator("scan").paginate(TableName=self.outputs.table_name)
        return [from_item(item) for page in pages for item in page["Items"]]

    def mails(self, to: str) -> list[dict[str, Any]]:
        return list(requests.get(f"{self.outputs.api_url}/inbox.json", params={"to": to}, timeout=30).json())

    def slack_messages(self) -> list[dict[str, Any]]:
        return list(requests.get(f"{self.outputs.api_url}/slack.json", timeout=30).json()["messages"])

    def sweep(self, function: str, at: int) -> dict[str, Any]:
        """Run a scheduled function as its rule would at that instant."""
        tick = sample("schedule_decay_sweep") | {"time": instant_text(at)}
        answer = self.client("lambda").invoke(
            FunctionName=self.outputs.functions[function], Payload=json.dumps(tick).encode()
        )
        said = answer["Payload"].read().decode()
        assert "FunctionError" not in answer, said
        return dict(json.loads(said) or {})

    def settle_down(self, what: str) -> None:
        """Return when nothing waits or runs any more; fail when that takes long or work was set aside."""
        self.deployed.settle_down(what, seconds=90)

    @cached_property
    def deployed(self) -> Deployed:
        """One for all: its connections are closed when it goes, with a warning each."""
        return Deployed(self.outputs, self.folder)

    def taken(self, queue_url: str) -> list[dict[str, Any]]:
        """Return everything that ever lay on the queue while the tests looked."""
        sqs = self.client("sqs")
        seen = self.seen.setdefault(queue_url, [])
        while batch := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages"):
            for message in batch:
                seen.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        return list(seen)


def eventually(look: Callable[[], Any], what: str, *, seconds: float = WAIT, pause: float = 0.3) -> Any:
    """Return the first true answer of `look`; fail naming what was waited for."""
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
        time.sleep(pause)


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder: Path = tmp_path_factory.mktemp("embedded")
    outputs = up(folder)
    try:
        yield _watched(outputs, folder)
    finally:
        down(folder)


def _watched(outputs: Outputs, folder: Path) -> Platform:
    """Watch the bus and the topics that people hear from with queues."""
    bare = Platform(outputs, folder, "", "", "")
    sqs, sns, events = bare.client("sqs"), bare.client("sns"), bare.client("events")
    watched = ("bus", "alerts", "escalations")
    urls = {name: sqs.create_queue(QueueName=f"watch-{name}")["QueueUrl"] for name in watched}

    def arn(name: str) -> str:
        answer = sqs.get_queue_attributes(QueueUrl=urls[name], AttributeNames=["QueueArn"])
        return str(answer["Attributes"]["QueueArn"])

    events.put_rule(Name="watch", EventBusName=outputs.bus_name, EventPattern=json.dumps({"source": ["ripen"]}))
    events.put_targets(Rule="watch", EventBusName=outputs.bus_name, Targets=[{"Id": "watch", "Arn": arn("bus")}])
    sns.subscribe(TopicArn=outputs.alerts_topic_arn, Protocol="sqs", Endpoint=arn("alerts"))
    sns.subscribe(TopicArn=outputs.escalations_topic_arn, Protocol="sqs", Endpoint=arn("escalations"))
    return Platform(outputs, folder, urls["bus"], urls["alerts"], urls["escalations"])


@pytest.fixture
def between(platform: Platform) -> Iterator[Between]:
    """Where a client is pointed that is to meet trouble on its way to the stage."""
    with Between(platform.outputs.api_url).running() as running:
        yield running


@pytest.fixture
def ripen_here(platform: Platform, ripen: Ripen) -> Iterator[Ripen]:  # noqa: F811 - the fixture
    """The command line, turned to the embedded AWS of these tests, and this process turned back afterwards."""

    def forget() -> None:
        clients.forget()
        playbooks.forget()

    forget()
    with patch.dict(os.environ, RIPEN_LOCAL_DIR=str(platform.folder)):
        yield ripen
    forget()
