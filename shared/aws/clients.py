"""
AWS clients, one per process and service, made on first use so that importing costs nothing and moto can patch.

They are botocore's, as boto3 would hand them out: what boto3 adds for resources and for S3 a start would pay for.
"""

from functools import cache
from typing import TYPE_CHECKING, Any, cast

from botocore import __version__ as botocore_version
from botocore.config import Config
from botocore.session import Session, get_session

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_ses import SESClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

_USER_AGENT = f"ripen botocore/{botocore_version}"
"""botocore would put its own together anew for every call: a tenth of what a call costs."""

_REPEATABLE = Config(
    user_agent=_USER_AGENT, connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3}
)
_CHECKED_BY_DYNAMODB = _REPEATABLE.merge(Config(parameter_validation=False))
"""botocore's own check of every nested attribute is a fifth of what a batched call costs; DynamoDB checks them anyway."""

_CALLED_BY_HAND = Config(user_agent=_USER_AGENT, connect_timeout=2, read_timeout=60, retries={"total_max_attempts": 1})
_ONE_ATTEMPT = Config(user_agent=_USER_AGENT, connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1})


@cache
def _session() -> Session:
    return get_session()


def _client(service: str, config: Config) -> Any:
    return _session().create_client(service, config=config)


@cache
def dynamodb() -> "DynamoDBClient":
    return cast("DynamoDBClient", _client("dynamodb", _CHECKED_BY_DYNAMODB))


@cache
def sqs() -> "SQSClient":
    return cast("SQSClient", _client("sqs", _REPEATABLE))


@cache
def sns() -> "SNSClient":
    return cast("SNSClient", _client("sns", _REPEATABLE))


@cache
def events() -> "EventBridgeClient":
    return cast("EventBridgeClient", _client("events", _REPEATABLE))


@cache
def ses() -> "SESClient":
    """SES has no idempotency token: a silent retry of the SDK is a second mail, so there is one attempt."""
    return cast("SESClient", _client("ses", _ONE_ATTEMPT))


@cache
def sns_once() -> "SNSClient":
    """A text message has no idempotency token either: one attempt."""
    return cast("SNSClient", _client("sns", _ONE_ATTEMPT))


@cache
def secrets() -> "SecretsManagerClient":
    return cast("SecretsManagerClient", _client("secretsmanager", _REPEATABLE))


@cache
def cloudformation() -> "CloudFormationClient":
    return cast("CloudFormationClient", _client("cloudformation", _REPEATABLE))


@cache
def lambdas() -> "LambdaClient":
    """A sweep called by hand runs once: a silent retry would run it beside itself."""
    return cast("LambdaClient", _client("lambda", _CALLED_BY_HAND))


def forget() -> None:
    """Drop every client; the next use makes new ones (tests that start a new emulator call this)."""
    for made in (_session, dynamodb, sqs, sns, sns_once, events, ses, secrets, cloudformation, lambdas):
        made.cache_clear()
