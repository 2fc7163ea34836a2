"""The one way a log group is made: with an end to its memory."""

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.stages import Stage

RETENTION = {
    7: logs.RetentionDays.ONE_WEEK,
    30: logs.RetentionDays.ONE_MONTH,
    90: logs.RetentionDays.THREE_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
}


def log_group(scope: Construct, construct_id: str, *, stage: Stage) -> logs.LogGroup:
    """Return a log group that forgets after the stage's days."""
    return logs.LogGroup(
        scope,
        construct_id,
        retention=RETENTION[stage.log_days],
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )
