"""
The one construct that makes every function.

Built in: a role of its own that may do nothing until told, a log group that forgets, an alarm on errors, the telemetry
names, tracing, and, with the first asynchronous trigger, a failure queue with an alarm.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.log_group import log_group
from infra.names import pascal
from infra.packages import function_code
from infra.stages import Stage
from infra.working_queue import FailureQueue, WorkingQueue
from shared import contracts, table

ASYNCHRONOUS_RETRIES = 2
EVENT_AGE = cdk.Duration.hours(6)
"""How long Lambda and EventBridge keep trying to deliver; what is older is set aside."""
STREAM_RETRIES = 10


@dataclass(frozen=True, slots=True)
class Platform:
    """What all functions of a stage share."""

    stage: Stage
    operations: sns.ITopic
    layer: lambda_.ILayerVersion | None


class RipenFunction(Construct):
    """One folder of functions/, deployed. Its triggers and rights are added by name."""

    def __init__(self, scope: Construct, *, name: str, platform: Platform, environment: Mapping[str, str]) -> None:
        super().__init__(scope, pascal(name))
        stage = platform.stage
        self.name = name
        self._platform = platform
        self._failures: FailureQueue | None = None
        logs = log_group(self, "Logs", stage=stage)
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        logs.grant_write(self.role)
        self.function = lambda_.Function(
            self,
            "Function",
            description=f"Ripen {stage.name}: {name}",
            handler=f"functions.{name}.handler.handler",
            code=function_code(name, stage.playbook),
            layers=[platform.layer] if platform.layer else [],
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            memory_size=stage.memory_mb_of.get(name, stage.memory_mb),
            timeout=cdk.Duration.seconds(stage.timeout),
            role=self.role,
            log_group=logs,
            tracing=lambda_.Tracing.ACTIVE,
            environment={
                "STAGE": stage.name,
                "POWERTOOLS_SERVICE_NAME": name,
                "POWERTOOLS_METRICS_NAMESPACE": "Ripen",
                "POWERTOOLS_LOG_LEVEL": stage.log_level,
                **environment,
            },
        )
        self.function.metric_errors(period=cdk.Duration.minutes(5)).create_alarm(
            self,
            "Errors",
            alarm_description=f"{name}: invocations fail; the log group {logs.node.path} says why",
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        ).add_alarm_action(actions.SnsAction(platform.operations))

    def may(self, *named: str, on: Sequence[str], only_if: Mapping[str, Mapping[str, str]] | None = None) -> None:
        """Allow the named actions on the resources of those ARNs."""
        self.role.add_to_policy(
            iam.PolicyStatement(actions=list(named), resources=list(on), conditions=dict(only_if or {}))
        )

    def may_text(self) -> None:
        """Allow text messages. IAM knows no name for a phone: it is whatever `sns:Publish` names that is no topic."""
        self.role.add_to_policy(iam.PolicyStatement(actions=["sns:Publish"], not_resources=["arn:*:sns:*:*:*"]))

    @property
    def asynchronous(self) -> bool:
        """Whether nobody waits for its answer, so that it has a failure queue."""
        return self._failures is not None

    @property
    def failures(self) -> FailureQueue:
        """Where an event goes that this function could not handle in all its attempts."""
        if self._failures is None:
            self._failures = FailureQueue(
                self, "Failures", stage=self._platform.stage, operations=self._platform.operations
            )
            self.function.configure_async_invoke(
                on_failure=destinations.SqsDestination(self._failures.queue),
                retry_attempts=ASYNCHRONOUS_RETRIES,
                max_event_age=EVENT_AGE,
            )
        return self._failures

    def as_target(self) -> targets.LambdaFunction:
        """Return the function as the target of a rule; what cannot be delivered is set aside too."""
        return targets.LambdaFunction(
            self.function,
            dead_letter_queue=self.failures.queue,
            retry_attempts=ASYNCHRONOUS_RETRIES,
            max_event_age=EVENT_AGE,
        )

    def works_off(self, working: WorkingQueue, *, batch: int, window: int, concurrency: int) -> None:
        """Take messages off the queue; those that fail come back alone."""
        self.function.add_event_source(
            sources.SqsEventSource(
                working.queue,
                batch_size=batch,
                max_batching_window=cdk.Duration.seconds(window),
                max_concurrency=concurrency,
                report_batch_item_failures=True,
            )
        )

    def hears(self, bus: events.IEventBus, *changes: type[contracts.Change]) -> None:
        """Be called for those changes on the bus."""
        events.Rule(
            self,
            "Rule",
            event_bus=bus,
            event_pattern=events.EventPattern(
                source=[contracts.SOURCE], detail_type=[change.detail_type for change in changes]
            ),
            targets=[self.as_target()],
        )

    def hears_through(self, working: WorkingQueue, bus: events.IEventBus, *changes: type[contracts.Change]) -> None:
        """Find those changes of the bus in a queue that it works off, so that they wait while nobody can be told."""
        events.Rule(
            self,
            "Rule",
            event_bus=bus,
            event_pattern=events.EventPattern(
                source=[contracts.SOURCE], detail_type=[change.detail_type for change in changes]
            ),
            targets=[targets.SqsQueue(working.queue, dead_letter_queue=working.failures.queue)],
        )

    def listens(self, subject: sns.ITopic) -> None:
        """Be called for what is published to the topic."""
        subject.add_subscription(subscriptions.LambdaSubscription(self.function, dead_letter_queue=self.failures.queue))

    def follows_changes(self, store: dynamodb.ITableV2) -> None:
        """Be called for every change item put into the table, in the order of each lead."""
        age = self._platform.stage.stream_record_age
        self.function.add_event_source(
            sources.DynamoEventSource(
                store,
                starting_position=lambda_.StartingPosition.TRIM_HORIZON,
                batch_size=100,
                bisect_batch_on_error=True,
                retry_attempts=STREAM_RETRIES,
                max_record_age=None if age is None else cdk.Duration.seconds(age),
                report_batch_item_failures=False,  # it raises after sending what it can, and is safe to repeat
                on_failure=sources.SqsDlq(self.failures.queue),
                filters=[
                    lambda_.FilterCriteria.filter(
                        {
                            "eventName": lambda_.FilterRule.is_equal("INSERT"),
                            "dynamodb": {
                                "Keys": {table.SK: {"S": lambda_.FilterRule.begins_with(table.CHANGE_PREFIX)}}
                            },
                        }
                    )
                ],
            )
        )
