"""boto3 clients, one per process and service, made on first use so that importing costs nothing and moto can patch."""

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_ses import SESClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

_REPEATABLE = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
_CHECKED_BY_DYNAMODB = _REPEATABLE.merge(Config(parameter_validation=False))
"""botocore's own check of every nested attribute is a fifth of what a batched call costs; DynamoDB checks them anyway."""

_CALLED_BY_HAND = Config(connect_timeout=2, read_timeout=60, retries={"total_max_attempts": 1})
_ONE_ATTEMPT = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1})


@cache
def dynamodb() -> "DynamoDBClient":
    return boto3.client("dynamodb", config=_CHECKED_BY_DYNAMODB)


@cache
def sqs() -> "SQSClient":
    return boto3.client("sqs", config=_REPEATABLE)


@cache
def sns() -> "SNSClient":
    return boto3.client("sns", config=_REPEATABLE)


@cache
def events() -> "EventBridgeClient":
    return boto3.client("events", config=_REPEATABLE)


@cache
def ses() -> "SESClient":
    """SES has no idempotency token: a silent retry of the SDK is a second mail, so there is one attempt."""
    return boto3.client("ses", config=_ONE_ATTEMPT)


@cache
def secrets() -> "SecretsManagerClient":
    return boto3.client("secretsmanager", config=_REPEATABLE)


@cache
def cloudformation() -> "CloudFormationClient":
    return boto3.client("cloudformation", config=_REPEATABLE)


@cache
def lambdas() -> "LambdaClient":
    """A sweep called by hand runs once: a silent retry would run it beside itself."""
    return boto3.client("lambda", config=_CALLED_BY_HAND)


def forget() -> None:
    """Drop every client; the next use makes new ones (tests that start a new emulator call this)."""
    for client in (dynamodb, sqs, sns, events, ses, secrets, cloudformation, lambdas):
        client.cache_clear()
