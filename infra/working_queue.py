"""The one way a queue is made: what nobody could handle is set aside in a dead-letter queue that rings an alarm."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.stages import Stage

KEPT = cdk.Duration.days(14)
"""The longest SQS keeps a message; time enough to notice, mend and redrive."""


class FailureQueue(Construct):
    """Where messages go that nobody could handle; one is enough to ring."""

    def __init__(self, scope: Construct, construct_id: str, *, stage: Stage, operations: sns.ITopic) -> None:
        super().__init__(scope, construct_id)
        self.queue = sqs.Queue(
            self,
            "Queue",
            retention_period=KEPT,
            enforce_ssl=stage.enforce_tls,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
        )
        self.queue.metric_approximate_number_of_messages_visible(
            period=cdk.Duration.minutes(5), statistic="Maximum"
        ).create_alarm(
            self,
            "Alarm",
            alarm_description=f"{self.node.path}: messages were set aside; see why in the log, then start a DLQ redrive in the SQS console",
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        ).add_alarm_action(actions.SnsAction(operations))


class WorkingQueue(Construct):
    """A queue a function works off, with its failure queue."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        operations: sns.ITopic,
        receive_count: int | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.failures = FailureQueue(self, "Failures", stage=stage, operations=operations)
        self.queue = sqs.Queue(
            self,
            "Queue",
            retention_period=KEPT,
            visibility_timeout=cdk.Duration.seconds(stage.visibility),
            enforce_ssl=stage.enforce_tls,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.failures.queue, max_receive_count=receive_count or stage.receive_count
            ),
        )
