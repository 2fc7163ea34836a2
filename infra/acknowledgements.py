"""The security checks every deployed stage must pass, and the findings we accept, each with its reason."""

from collections.abc import Iterable, Mapping

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks, ServerlessChecks
from constructs import IConstruct

from infra.stateful_stack import StatefulStack
from infra.stateless_stack import StatelessStack

API = {
    "AwsSolutions::AwsSolutions-APIG4": "API Gateway authorizes nobody because each function does, in constant time and "
    "without a read: API keys and mail links are MACs, Slack signs its requests.",
}

FUNCTIONS = {
    "AwsSolutions::AwsSolutions-IAM5[Resource::*]": "Written by the CDK for active tracing: "
    "xray:PutTraceSegments and PutTelemetryRecords know no resource; nor does ses:GetSendQuota, which the nurture sweep "
    "asks. tests/infra proves that nothing else names *.",
    "AwsSolutions::AwsSolutions-L1": "Python 3.13 is what the locked wheels are built for; the runtime moves together "
    "with requirements/runtime.txt, not with the newest that AWS offers.",
    "Serverless::Serverless-LambdaLatestVersion": "As AwsSolutions-L1.",
    "Serverless::Serverless-LambdaDLQ": "A failure queue is the on-failure destination of every asynchronous function, "
    "which also keeps the error; HTTP and SQS callers see the failure themselves.",
    "Serverless::Serverless-LambdaEventSourceMappingDestination": "SQS sources have none: the redrive policy of the "
    "queue sets failing messages aside. The stream source has one.",
}

FAILURE_QUEUES = {
    "AwsSolutions::AwsSolutions-SQS3": "This queue is where failures go: it is the end of the line, and an alarm rings.",
    "Serverless::Serverless-SQSRedrivePolicy": "As AwsSolutions-SQS3.",
}

SECRETS = {
    "AwsSolutions::AwsSolutions-SMG4": "Rotation would orphan every lead and suppression (identity), break the "
    "unsubscribe links of mails already sent (signing), or is Slack's to do (slack).",
}


def check(app: cdk.App, *, stateful: StatefulStack, stateless: StatelessStack) -> None:
    """Check both stacks against the AWS Solutions and Serverless packs when the app is synthesized."""
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))
    _acknowledge(API, [stateless.api])
    _acknowledge(FUNCTIONS, stateless.functions)
    _acknowledge(FAILURE_QUEUES, stateless.failure_queues)
    _acknowledge(SECRETS, stateful.secrets)


def _acknowledge(findings: Mapping[str, str], places: Iterable[IConstruct]) -> None:
    for place in places:
        cdk.Validations.of(place).acknowledge(
            *(cdk.Acknowledgment(id=finding, reason=reason) for finding, reason in findings.items())
        )
