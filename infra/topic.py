"""The one way a topic is made."""

from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.stages import Stage


def topic(scope: Construct, construct_id: str, *, stage: Stage) -> sns.Topic:
    """Return a topic that refuses publishers without TLS where the stage has TLS."""
    return sns.Topic(scope, construct_id, enforce_ssl=stage.enforce_tls)
