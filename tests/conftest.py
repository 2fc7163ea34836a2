"""Fixtures every test shares: a compiled playbook, and the AWS services under moto built from the same names as production."""

import copy
import copyreg
import gc
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Condition
from typing import Any, cast
from unittest.mock import patch

import boto3
import moto.core.responses
import pytest
from hypothesis import HealthCheck, settings
from moto import mock_aws
from moto.backends import get_backend
from moto.core.base_backend import BaseBackend
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.serialize import ResponseSerializer
from moto.core.utils import method_names_from_class
from moto.dynamodb.models import DynamoDBBackend
from xdist.remote import Producer  # type: ignore[import-untyped]
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

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


timeless = settings(settings.get_profile("default"), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("random", timeless)
settings.register_profile("repeatable", timeless, derandomize=True, database=None)
settings.load_profile("random" if "RIPEN_CASES" in os.environ else "repeatable")
"""A change turns red by its own mistakes: only a run that asks for a number of cases looks for new ones."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Nothing that imports make is rubbish: looking it through again and again would take half of the tests' time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


HERE = Path(__file__).parent
TOGETHER = ("end_to_end", "infra")
"""Folders that one worker runs whole: their files share a deployed stage, or the templates of every stage."""

FIRST = (
    "end_to_end",
    "infra",
    "functions/test_score_permutations.py",
    "functions/test_handoff_machine.py",
    "functions/test_identity_machine.py",
    "test_public_attacker.py",
    "contracts/test_schemathesis.py",
    "rules/test_permutations.py",
    "rules/test_trials.py",
)
"""What takes long starts first, the longest before the others: no worker waits at the end while another is busy."""


def _folder_and_file(item: pytest.Item) -> tuple[str, str]:
    place = item.path.relative_to(HERE)
    return place.parts[0], place.as_posix()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: min((FIRST.index(e) for e in _folder_and_file(item) if e in FIRST), default=len(FIRST)))


class FilesAndFolders(LoadFileScheduling):  # type: ignore[misc]
    """`--dist loadfile`, but for the folders that stay together. xdist's own groups do nothing with pytest 9.2."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return next((folder for folder in TOGETHER if file.startswith(f"tests/{folder}/")), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FilesAndFolders | None:
    return FilesAndFolders(config, log) if config.getvalue("dist") == "loadfile" else None


@dataclass(frozen=True)
class Aws:
    """What the tests look at besides the handlers: clients and the names of things."""

    table_name: str
    events_queue_url: str
    settle_queue_url: str
    resettle_queue_url: str
    sends_queue_url: str
    erasures_queue_url: str
    engagement_queue_url: str
    bus_name: str
    bus_queue_url: str
    alerts_queue_url: str
    escalations_queue_url: str
    operations_queue_url: str

    def items(self, pk: str | None = None) -> list[dict[str, Any]]:
        """Every item of the table (or of one partition) as plain values, in key order."""
        found = [
            from_item(item.to_json()["Attributes"])
            for key, partition in self._partitions().items()
            for item in partition.values()
            if pk is None or key.value == pk
        ]
        return sorted(found, key=lambda item: (item[table.PK], item[table.SK]))

    def clear(self, *, but: str | None = None) -> None:
        """Empty the table, but for the partitions whose keys start so."""
        partitions = self._partitions()
        for key in list(partitions):
            if but is None or not key.value.startswith(but):
                del partitions[key]

    def _partitions(self) -> dict[Any, dict[Any, Any]]:
        """What moto holds: a scan through the client would take longer than what most tests look at with it."""
        return cast("DynamoDBBackend", _backend("dynamodb")).tables[self.table_name].items

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


SERVICES = ("dynamodb", "events", "secretsmanager", "ses", "sns", "sqs")
QUEUES = (
    "events",
    "settle",
    "resettle",
    "sends",
    "erasures",
    "engagement",
    "bus",
    "alerts",
    "escalations",
    "operations",
)


@dataclass(frozen=True)
class Deployed:
    """The whole stage under moto as it was just made: what moto holds of it, and the environment of its functions."""

    aws: Aws
    environment: dict[str, str]
    held: dict[str, BaseBackend]

    def restore(self) -> None:
        """Give every service a copy of what it held: a thirtieth of the time that making it takes."""
        for service, held in self.held.items():
            backend = _backend(service)
            with COPIED:
                backend.__dict__ = copy.deepcopy(held.__dict__, {id(held): backend})


COPIED = patch.dict(copyreg.dispatch_table, {Condition: lambda _: (Condition, ())})
"""Each queue of moto has a lock, which copies like nothing else."""


def _backend(service: str) -> BaseBackend:
    return get_backend(service)[DEFAULT_ACCOUNT_ID][REGION]  # type: ignore[call-overload,no-any-return]


@cache
def deployed() -> Deployed:
    """Make the stage, once per process: table, queues, bus (watched by a queue), topics (watched by queues), secrets, sender."""
    sqs, sns, events, secrets, ses = (
        clients.sqs(),
        clients.sns(),
        clients.events(),
        clients.secrets(),
        clients.ses(),
    )
    urls = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in QUEUES}
    environment = {f"{name.upper()}_QUEUE_URL": urls[name] for name in QUEUES[:6]}

    def arn(name: str) -> str:
        return sqs.get_queue_attributes(QueueUrl=urls[name], AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    for name in ("alerts", "escalations", "operations"):
        topic = sns.create_topic(Name=name)["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn(name))
        environment[f"{name.upper()}_TOPIC_ARN"] = topic
    events.create_event_bus(Name="ripen")
    events.put_rule(Name="all", EventBusName="ripen", EventPattern=json.dumps({"source": ["ripen"]}))
    events.put_targets(Rule="all", EventBusName="ripen", Targets=[{"Id": "bus", "Arn": arn("bus")}])
    for name, value in (
        ("identity", IDENTITY_SECRET),
        ("signing", SIGNING_SECRET),
        ("slack", json.dumps(SLACK_SECRET)),
    ):
        secrets.create_secret(Name=name, SecretString=value)
        environment[f"{name.upper()}_SECRET"] = name
    ses.verify_email_identity(EmailAddress="hello@ripen.example")
    ses.create_configuration_set(ConfigurationSet={"Name": "mail"})
    environment |= {
        "STAGE": "test",
        "TABLE_NAME": create_table(),
        "BUS_NAME": "ripen",
        "PUBLIC_URL": "https://ripen.example",
        "SENDER": "hello@ripen.example",
        "CONFIGURATION_SET": "mail",
        "CLICK_DELAY_SECONDS": "60",
        "MAIL_TOPIC_ARN": "arn:aws:sns:eu-north-1:123456789012:mail-events",
        "SNS_SIGNATURES": "2",
        "ALLOWED_REDIRECT_HOSTS": "www.example.com",
    }
    looked_at = Aws("ripen-test", bus_name="ripen", **{f"{name}_queue_url": url for name, url in urls.items()})
    with COPIED:
        return Deployed(looked_at, environment, {service: copy.deepcopy(_backend(service)) for service in SERVICES})


methods_of = cache(method_names_from_class)
"""Moto asks this of the same few classes with every call."""

look_up = ResponseSerializer.get_value


def value_of(serializer: Any, value: Any, key: str, shape: Any) -> Any:
    """Of an attribute of DynamoDB moto would look up each of ten kinds under several names; it has one, under its own."""
    if isinstance(value, dict) and getattr(getattr(shape, "parent", None), "name", "") == "AttributeValue":
        return value.get(key)
    return look_up(serializer, value, key, shape)


kept_client = cache(clients._client)
"""Clients that talk to moto stay from test to test: making one reads megabytes of JSON. What a test hangs on one it takes off."""


@pytest.fixture
def aws(credentials: None, playbook: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """The whole stage under moto, for every test as it was just made."""
    monkeypatch.setattr(DynamoDBBackend, "batch_execute_statement", partiql.batch_execute_statement)
    monkeypatch.setattr(moto.core.responses, "method_names_from_class", methods_of)
    monkeypatch.setattr(ResponseSerializer, "get_value", value_of)
    monkeypatch.setattr(clients, "_client", kept_client)
    with mock_aws():
        clients.forget()
        secret_values.forget()
        deployed().restore()
        for name, value in deployed().environment.items():
            monkeypatch.setenv(name, value)
        yield deployed().aws
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
