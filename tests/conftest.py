"""Fixtures every test shares: a compiled playbook, and the AWS services under moto built from the same names as production."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.dynamodb.models import DynamoDBBackend

from shared import table
from shared.aws import clients, playbooks, secret_values
from shared.aws.items import from_item
from shared.bundle import playbook_document
from shared.instants import parse_instant
from shared.playbook import FOLDER, compile_playbook
from tests import partiql

REGION = "eu-north-1"
IDENTITY_SECRET = "identity-secret-of-the-tests"
SIGNING_SECRET = "signing-secret-of-the-tests"
ERASED_AT = parse_instant("2026-11-18T10:00:00Z")
PATIENCE = 90
"""Seconds an erasure waits for what is under way."""
SLACK_SECRET = {"bot_token": "xoxb-test", "signing_secret": "slack-signing-secret-of-the-tests", "webhook_url": ""}


@dataclass(frozen=True)
class Aws:
    """What the tests look at besides the handlers: clients and the names of things."""

    table_name: str
    events_queue_url: str
    settle_queue_url: str
    resettle_queue_url: str
    sends_queue_url: str
    erasures_queue_url: str
    bus_name: str
    bus_queue_url: str
    alerts_queue_url: str
    escalations_queue_url: str
    operations_queue_url: str

    def items(self, pk: str | None = None) -> list[dict[str, Any]]:
        """Every item of the table (or of one partition) as plain values, in key order."""
        pages = clients.dynamodb().get_paginator("scan").paginate(TableName=self.table_name)
        found = [from_item(item) for page in pages for item in page["Items"]]
        return sorted(
            (item for item in found if pk is None or item[table.PK] == pk),
            key=lambda item: (item[table.PK], item[table.SK]),
        )

    def messages(self, queue_url: str) -> list[dict[str, Any]]:
        """Take every message off a queue; bodies as JSON."""
        taken = []
        while found := clients.sqs().receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                taken.append(json.loads(message["Body"]))
                clients.sqs().delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        return taken


@pytest.fixture(scope="session")
def bundle_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "playbook_bundle.json"
    path.write_text(json.dumps(compile_playbook()), encoding="utf-8")
    return path


@pytest.fixture
def playbook(bundle_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The compiled default playbook, in force for whatever reads the bundle."""
    monkeypatch.setenv("PLAYBOOK_PATH", str(bundle_path))
    playbook_document.cache_clear()
    playbooks.forget()
    yield playbook_document()
    playbook_document.cache_clear()
    playbooks.forget()


@pytest.fixture(scope="session")
def mid_market() -> dict[str, Any]:
    """The compiled preset with the classic point model."""
    return compile_playbook(FOLDER / "mid-market.yaml")


def create_table(name: str = "ripen-test") -> str:
    """Create the table with the keys and indexes production has."""
    texts = (table.PK, table.SK, table.DUE_KEY, table.DUE_AT, table.RANK_KEY)
    boto3.client("dynamodb", region_name=REGION).create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": table.PK, "KeyType": "HASH"}, {"AttributeName": table.SK, "KeyType": "RANGE"}],
        AttributeDefinitions=[
            *({"AttributeName": text, "AttributeType": "S"} for text in texts),
            {"AttributeName": table.RANK_BOUND, "AttributeType": "N"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": table.DUE_INDEX,
                "KeySchema": [
                    {"AttributeName": table.DUE_KEY, "KeyType": "HASH"},
                    {"AttributeName": table.DUE_AT, "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": [table.DUE_ATTEMPTS]},
            },
            {
                "IndexName": table.RANK_INDEX,
                "KeySchema": [
                    {"AttributeName": table.RANK_KEY, "KeyType": "HASH"},
                    {"AttributeName": table.RANK_BOUND, "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            },
        ],
    )
    return name


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Ripen")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "test")


@pytest.fixture
def aws(credentials: None, playbook: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """The whole stage under moto: table, queues, bus (watched by a queue), topics (watched by queues), secrets, sender."""
    monkeypatch.setattr(DynamoDBBackend, "batch_execute_statement", partiql.batch_execute_statement)
    with mock_aws():
        clients.forget()
        secret_values.forget()
        sqs = boto3.client("sqs", region_name=REGION)
        sns = boto3.client("sns", region_name=REGION)
        events = boto3.client("events", region_name=REGION)
        secrets = boto3.client("secretsmanager", region_name=REGION)
        urls = {
            name: sqs.create_queue(QueueName=name)["QueueUrl"]
            for name in (
                "events",
                "settle",
                "resettle",
                "sends",
                "erasures",
                "bus",
                "alerts",
                "escalations",
                "operations",
            )
        }

        def arn(name: str) -> str:
            return sqs.get_queue_attributes(QueueUrl=urls[name], AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

        for name in ("alerts", "escalations", "operations"):
            topic = sns.create_topic(Name=name)["TopicArn"]
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn(name))
            monkeypatch.setenv(f"{name.upper()}_TOPIC_ARN", topic)
        events.create_event_bus(Name="ripen")
        events.put_rule(Name="all", EventBusName="ripen", EventPattern=json.dumps({"source": ["ripen"]}))
        events.put_targets(Rule="all", EventBusName="ripen", Targets=[{"Id": "bus", "Arn": arn("bus")}])
        for name, value in (
            ("identity", IDENTITY_SECRET),
            ("signing", SIGNING_SECRET),
            ("slack", json.dumps(SLACK_SECRET)),
        ):
            secrets.create_secret(Name=name, SecretString=value)
            monkeypatch.setenv(f"{name.upper()}_SECRET", name)
        ses = boto3.client("ses", region_name=REGION)
        ses.verify_email_identity(EmailAddress="hello@ripen.example")
        ses.create_configuration_set(ConfigurationSet={"Name": "mail"})
        for name, value in (
            ("STAGE", "test"),
            ("TABLE_NAME", create_table()),
            ("EVENTS_QUEUE_URL", urls["events"]),
            ("SETTLE_QUEUE_URL", urls["settle"]),
            ("RESETTLE_QUEUE_URL", urls["resettle"]),
            ("SENDS_QUEUE_URL", urls["sends"]),
            ("ERASURES_QUEUE_URL", urls["erasures"]),
            ("BUS_NAME", "ripen"),
            ("PUBLIC_URL", "https://ripen.example"),
            ("SENDER", "hello@ripen.example"),
            ("CONFIGURATION_SET", "mail"),
            ("CLICK_DELAY_SECONDS", "60"),
            ("ALLOWED_REDIRECT_HOSTS", "www.example.com"),
        ):
            monkeypatch.setenv(name, value)
        yield Aws(
            table_name="ripen-test",
            events_queue_url=urls["events"],
            settle_queue_url=urls["settle"],
            resettle_queue_url=urls["resettle"],
            sends_queue_url=urls["sends"],
            erasures_queue_url=urls["erasures"],
            bus_name="ripen",
            bus_queue_url=urls["bus"],
            alerts_queue_url=urls["alerts"],
            escalations_queue_url=urls["escalations"],
            operations_queue_url=urls["operations"],
        )
        clients.forget()
        secret_values.forget()


@pytest.fixture
def erasures(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> str:
    """The queue of erasures; its address. The function's clock stands at `ERASED_AT`."""
    monkeypatch.setenv("ERASURE_PATIENCE_SECONDS", str(PATIENCE))
    monkeypatch.setattr("functions.erase.handler.time.time", lambda: ERASED_AT)
    return aws.erasures_queue_url


@dataclass
class Context:
    """What a handler may ask of its Lambda context."""

    function_name: str = "test"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-north-1:123456789012:function:test"
    aws_request_id: str = "00000000-0000-4000-8000-000000000000"
    remaining_ms: int = 30_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


@pytest.fixture
def context() -> Context:
    return Context()


def sample(name: str) -> dict[str, Any]:
    """Return the sample event `events/<name>.json`."""
    path = Path(__file__).parents[1] / "events" / f"{name}.json"
    return dict(json.loads(path.read_text(encoding="utf-8")))
