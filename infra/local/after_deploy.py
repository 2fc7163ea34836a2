"""What CloudFormation on the emulator leaves out, set by hand; each step changes nothing the second time."""

import json
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import boto3

from infra.local.emulator import REGION
from infra.local.outputs import Outputs
from infra.local.state import State
from infra.packages import function_names
from infra.ripen_function import pascal
from infra.stages import LOCAL
from shared import table
from shared.keys import mint_key

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


def finish(stack: Mapping[str, str], state: State) -> Outputs:
    """Set what the emulator dropped, give the stage its local secrets, and return what it offers."""
    _allow_browsers(stack["ApiId"], state)
    _let_items_expire(stack["TableName"], state)
    _tell_what_became_of_mails(stack["MailEventsTopicArn"], state)
    held: SecretsManagerClient = _client("secretsmanager", state)
    signing_secret = held.get_secret_value(SecretId=stack["SigningSecretArn"])["SecretString"]
    functions = function_names()
    return Outputs(
        stage=LOCAL.name,
        api_url=state.front_door,
        inbox_url=f"{state.front_door}/inbox",
        slack_url=f"{state.front_door}/slack",
        write_key=mint_key("server", "local", signing_secret),
        public_key=mint_key("public", "local", signing_secret),
        admin_key=mint_key("admin", "local", signing_secret),
        sales_key=mint_key("sales", "local", signing_secret),
        aws_endpoint_url=state.endpoint,
        aws_region=REGION,
        api_id=stack["ApiId"],
        direct_api_url=f"{state.endpoint}/_aws/execute-api/{stack['ApiId']}/$default",
        table_name=stack["TableName"],
        bus_name=stack["BusName"],
        events_queue_url=stack["EventsQueueUrl"],
        sends_queue_url=stack["SendsQueueUrl"],
        functions={name: stack[f"{pascal(name)}Function"] for name in functions},
        failure_queues={
            name: stack[f"{pascal(name)}FailuresUrl"]
            for name in (*functions, "events", "sends")
            if f"{pascal(name)}FailuresUrl" in stack
        },
        alerts_topic_arn=stack["AlertsTopicArn"],
        escalations_topic_arn=stack["EscalationsTopicArn"],
        operations_topic_arn=stack["OperationsTopicArn"],
        mail_events_topic_arn=stack["MailEventsTopicArn"],
        identity_secret=stack["IdentitySecretArn"],
        signing_secret=stack["SigningSecretArn"],
        slack_secret=stack["SlackSecretArn"],
        slack_signing_secret=_slack_stand_in(held, stack["SlackSecretArn"]),
        sender=LOCAL.sender,
    )


def _client(service: str, state: State) -> Any:
    return boto3.client(
        service,
        endpoint_url=state.endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the emulator takes any
    )


def _allow_browsers(api_id: str, state: State) -> None:
    """The emulator stores the template's CORS settings under names it does not read."""
    _client("apigatewayv2", state).update_api(
        ApiId=api_id,
        CorsConfiguration={
            "AllowOrigins": list(LOCAL.allowed_origins),
            "AllowMethods": ["GET", "POST", "OPTIONS"],
            "AllowHeaders": ["authorization", "content-type"],
            "MaxAge": 7200,
        },
    )


def _let_items_expire(table_name: str, state: State) -> None:
    """The emulator drops the time to live of a global table."""
    dynamodb = _client("dynamodb", state)
    held = dynamodb.describe_time_to_live(TableName=table_name)["TimeToLiveDescription"]
    if held.get("TimeToLiveStatus") != "ENABLED":
        dynamodb.update_time_to_live(
            TableName=table_name, TimeToLiveSpecification={"Enabled": True, "AttributeName": table.TTL}
        )


def _tell_what_became_of_mails(topic_arn: str, state: State) -> None:
    """The emulator's configuration sets never fire; identity topics do, in the older shape."""
    ses = _client("ses", state)
    ses.verify_email_identity(EmailAddress=LOCAL.sender)
    for kind in ("Bounce", "Complaint", "Delivery"):
        ses.set_identity_notification_topic(Identity=LOCAL.sender, NotificationType=kind, SnsTopic=topic_arn)


def _slack_stand_in(held: "SecretsManagerClient", secret_id: str) -> str:
    """Give the stage a Slack that is the stand-in beside it; return what requests are signed with."""
    value = json.loads(held.get_secret_value(SecretId=secret_id)["SecretString"])
    if not value.get("bot_token"):
        value = {"bot_token": "xoxb-local", "signing_secret": secrets.token_hex(16), "webhook_url": ""}
        held.put_secret_value(SecretId=secret_id, SecretString=json.dumps(value))
    return str(value["signing_secret"])
