"""What CloudFormation on the emulator leaves out, set by hand; each step changes nothing the second time."""

import json
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING

import boto3

from infra.cors import ALLOWED_HEADERS, EXPOSED_HEADERS
from infra.local.emulator import CREDENTIAL, REGION
from infra.local.outputs import Outputs
from infra.local.state import State
from infra.names import function_names, pascal
from infra.stages import LOCAL
from shared import table
from shared.keys import mint_key, webhook_secret

if TYPE_CHECKING:
    from mypy_boto3_apigatewayv2 import ApiGatewayV2Client
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_ses import SESClient
    from mypy_boto3_ses.literals import NotificationTypeType


def finish(stack: Mapping[str, str], state: State) -> Outputs:
    """Set what the emulator dropped, give the stage its local secrets, and return what it offers."""
    session = boto3.Session(region_name=REGION, aws_access_key_id=CREDENTIAL, aws_secret_access_key=CREDENTIAL)
    _allow_browsers(stack["ApiId"], session.client("apigatewayv2", endpoint_url=state.endpoint))
    _let_items_expire(stack["TableName"], session.client("dynamodb", endpoint_url=state.endpoint))
    _tell_what_became_of_mails(stack["MailEventsTopicArn"], session.client("ses", endpoint_url=state.endpoint))
    held = session.client("secretsmanager", endpoint_url=state.endpoint)
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
        outcomes_key=mint_key("outcomes", "local", signing_secret),
        webhook_secret=webhook_secret("local", signing_secret),
        aws_endpoint_url=state.endpoint,
        aws_region=REGION,
        api_id=stack["ApiId"],
        direct_api_url=f"{state.endpoint}/_aws/execute-api/{stack['ApiId']}/$default",
        table_name=stack["TableName"],
        bus_name=stack["BusName"],
        events_queue_url=stack["EventsQueueUrl"],
        settle_queue_url=stack["SettleQueueUrl"],
        resettle_queue_url=stack["ResettleQueueUrl"],
        sends_queue_url=stack["SendsQueueUrl"],
        engagement_queue_url=stack["EngagementQueueUrl"],
        notices_queue_url=stack["NoticesQueueUrl"],
        functions={name: stack[f"{pascal(name)}Function"] for name in functions},
        failure_queues={
            name: stack[f"{pascal(name)}FailuresUrl"]
            for name in (*functions, "events", "settle", "sends", "engagement", "erasures", "notices")
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


def _allow_browsers(api_id: str, gateway: "ApiGatewayV2Client") -> None:
    """The emulator stores the template's CORS settings under names it does not read."""
    gateway.update_api(
        ApiId=api_id,
        CorsConfiguration={
            "AllowOrigins": list(LOCAL.allowed_origins),
            "AllowMethods": ["GET", "POST", "OPTIONS"],
            "AllowHeaders": list(ALLOWED_HEADERS),
            "ExposeHeaders": list(EXPOSED_HEADERS),
            "MaxAge": 7200,
        },
    )


def _let_items_expire(table_name: str, dynamodb: "DynamoDBClient") -> None:
    """The emulator drops the time to live of a global table."""
    held = dynamodb.describe_time_to_live(TableName=table_name)["TimeToLiveDescription"]
    if held.get("TimeToLiveStatus") != "ENABLED":
        dynamodb.update_time_to_live(
            TableName=table_name, TimeToLiveSpecification={"Enabled": True, "AttributeName": table.TTL}
        )


def _tell_what_became_of_mails(topic_arn: str, ses: "SESClient") -> None:
    """The emulator's configuration sets never fire; identity topics do, in the older shape."""
    ses.verify_email_identity(EmailAddress=LOCAL.sender)
    kinds: tuple[NotificationTypeType, ...] = ("Bounce", "Complaint", "Delivery")
    for kind in kinds:
        ses.set_identity_notification_topic(Identity=LOCAL.sender, NotificationType=kind, SnsTopic=topic_arn)


def _slack_stand_in(held: "SecretsManagerClient", secret_id: str) -> str:
    """Give the stage a Slack that is the stand-in beside it; return what requests are signed with."""
    value = json.loads(held.get_secret_value(SecretId=secret_id)["SecretString"])
    if not value.get("bot_token"):
        value = {"bot_token": "xoxb-local", "signing_secret": secrets.token_hex(16), "webhook_url": ""}
        held.put_secret_value(SecretId=secret_id, SecretString=json.dumps(value))
    return str(value["signing_secret"])
