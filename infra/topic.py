"""The one way a topic is made."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.stages import Stage


def topic(scope: Construct, construct_id: str, *, stage: Stage) -> sns.Topic:
    """Return a topic that refuses publishers without TLS where the stage has TLS."""
    return sns.Topic(scope, construct_id, enforce_ssl=stage.enforce_tls)


def alarms_may_ring(subject: sns.Topic, *, stage: Stage) -> None:
    """
    Let the alarms of the account publish to the topic.

    A topic without a policy lets them, but the policy that refuses plain text takes the place of that one.
    """
    if not stage.enforce_tls:
        return
    subject.add_to_resource_policy(
        iam.PolicyStatement(
            actions=["sns:Publish"],
            principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
            resources=[subject.topic_arn],
            conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(subject).account}},
        )
    )
