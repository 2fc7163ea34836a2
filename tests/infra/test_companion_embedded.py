"""The companion beside the real emulator: what its API, its mail relay and its SES notifications do."""

import base64
import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests

from tests.infra.companion_stand import Stand, free_port, running_companion

pytestmark = pytest.mark.embedded

ECHO = """
import json
def handler(event, context):
    if event["rawPath"] == "/cookies":
        return {"statusCode": 200, "cookies": ["a=1; Path=/", "b=2"], "body": "ok"}
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(event)}
"""


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """Run the emulator. Returns its address and the port it relays mail to."""
    port, smtp_port, folder = free_port(), free_port(), tmp_path_factory.mktemp("emulator")
    environment = {
        **os.environ,
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "SMTP_HOST": f"127.0.0.1:{smtp_port}",
        "TMPDIR": str(folder),
        "LAMBDA_WARM_TTL_SECONDS": "5",
    }
    endpoint = f"http://127.0.0.1:{port}"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ministack"], env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            _wait_until_ready(endpoint)
            yield endpoint, smtp_port
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@pytest.fixture
def stand(aws: tuple[str, int], tmp_path: Path) -> Iterator[Stand]:
    endpoint, smtp_port = aws
    with running_companion(tmp_path, endpoint=endpoint, smtp_port=smtp_port) as running:
        yield running


def _wait_until_ready(endpoint: str) -> None:
    for _ in range(200):
        try:
            if requests.get(f"{endpoint}/_ministack/ready", timeout=2).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise TimeoutError(endpoint)


def client(name: str, endpoint: str) -> Any:
    return boto3.client(
        name, endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )


def deploy_echo(endpoint: str) -> str:
    """Deploy an HTTP API that answers with the event its function got. Returns its id."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("echo.py", ECHO)
    function = client("lambda", endpoint).create_function(
        FunctionName="echo",
        Runtime="python3.13",
        Role="arn:aws:iam::000000000000:role/echo",
        Handler="echo.handler",
        Code={"ZipFile": code.getvalue()},
    )["FunctionArn"]
    gateway = client("apigatewayv2", endpoint)
    cors = {"AllowOrigins": ["*"], "AllowMethods": ["*"]}
    api = gateway.create_api(Name="echo", ProtocolType="HTTP", CorsConfiguration=cors)["ApiId"]
    integration = gateway.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=function, PayloadFormatVersion="2.0"
    )["IntegrationId"]
    gateway.create_route(ApiId=api, RouteKey="$default", Target=f"integrations/{integration}")
    gateway.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    return str(api)


def test_requests_reach_a_function_whole_and_come_back(aws: tuple[str, int], stand: Stand) -> None:
    stand.write_outputs(api_id=deploy_echo(aws[0]))
    body = gzip.compress(json.dumps({"batch": ["é"] * 50}).encode())
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip", "Origin": "https://shop.example"}
    answer = stand.post("/v1/batch?a=1&a=2", data=body, headers=headers)
    event = answer.json()
    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == body
    assert event["rawPath"] == "/v1/batch"
    assert event["rawQueryString"] == "a=1&a=2"
    assert event["headers"]["x-forwarded-content-encoding"] == "gzip"
    assert answer.headers["access-control-allow-origin"]

    preflight = requests.options(
        f"{stand.url}/v1/t",
        headers={"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"},
        timeout=10,
    )
    assert preflight.status_code == 204
    cookies = stand.get("/cookies").raw.headers.getlist("set-cookie")
    assert [cookie.partition(";")[0] for cookie in cookies] == ["a=1", "b=2"]


def test_each_mail_has_one_send_event_and_what_became_of_it(aws: tuple[str, int], stand: Stand) -> None:
    endpoint, _ = aws
    sns, sqs, ses = (client(name, endpoint) for name in ("sns", "sqs", "ses"))
    topic = sns.create_topic(Name="mail-events")["TopicArn"]
    queue = sqs.create_queue(QueueName="mail-events")["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
    ses.verify_domain_identity(Domain="ripen.example")
    for kind in ("Bounce", "Complaint", "Delivery"):
        ses.set_identity_notification_topic(Identity="ripen.example", NotificationType=kind, SnsTopic=topic)
    configuration = client("sesv2", endpoint)
    configuration.create_configuration_set(ConfigurationSetName="ripen")
    configuration.create_configuration_set_event_destination(
        ConfigurationSetName="ripen",
        EventDestinationName="topic",
        EventDestination={
            "Enabled": True,
            "MatchingEventTypes": ["SEND", "DELIVERY", "BOUNCE", "COMPLAINT"],
            "SnsDestination": {"TopicArn": topic},
        },
    )
    stand.write_outputs(mail_events_topic_arn=topic)

    sent = {}
    for recipient in ("anna@lead.example", "bounce@simulator.amazonses.com", "complaint@simulator.amazonses.com"):
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "Maria <hello@ripen.example>", recipient, "Hälsning"
        mail["X-SES-MESSAGE-TAGS"] = f"send_id={recipient.partition('@')[0]}.1"
        mail.set_content("Hej då", cte="quoted-printable")
        answer = ses.send_raw_email(
            Source="hello@ripen.example",
            Destinations=[recipient],
            RawMessage={"Data": mail.as_bytes()},
            ConfigurationSetName="ripen",
            Tags=[{"Name": "send_id", "Value": f"{recipient.partition('@')[0]}.1"}],
        )
        sent[answer["MessageId"]] = recipient.partition("@")[0]

    seen = sorted(_events(sqs, queue, sent, expected=7))
    assert seen == [
        ("anna", "Delivery"),
        ("anna", "Send"),
        ("bounce", "Bounce"),
        ("bounce", "Send"),
        ("complaint", "Complaint"),
        ("complaint", "Delivery"),
        ("complaint", "Send"),
    ]
    assert [mail["subject"] for mail in stand.get("/inbox.json").json()] == ["Hälsning"] * 3


def _events(sqs: Any, queue: str, sent: dict[str, str], *, expected: int) -> list[tuple[str, str]]:
    """Collect what reached the queue: until there is as much as expected, and one more look for too much."""
    seen: list[tuple[str, str]] = []
    last_look = False
    for _ in range(20):
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in answer.get("Messages", []):
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            event = json.loads(json.loads(message["Body"])["Message"])
            name = sent[event["mail"]["messageId"]]
            if event.get("eventType") == "Send":
                assert event["mail"]["tags"]["send_id"] == [f"{name}.1"]
            seen.append((name, event.get("eventType") or event["notificationType"]))
        if last_look:
            break
        last_look = len(seen) >= expected
    return seen
