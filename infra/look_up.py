"""The outputs of a deployment: what people and tools look for by name."""

from typing import TYPE_CHECKING

import aws_cdk as cdk

from infra.names import pascal

if TYPE_CHECKING:
    from infra.stateless_stack import StatelessStack


def name_what_people_look_for(stack: "StatelessStack") -> None:
    """Give the stack its outputs."""
    outputs = {
        "ApiUrl": stack.api.public_url,
        "ApiId": stack.api.api.api_id,
        "TableName": stack.state.table.table_name,
        "BusName": stack.bus.event_bus_name,
        "EventsQueueUrl": stack.events.queue.queue_url,
        "EventsFailuresUrl": stack.events.failures.queue.queue_url,
        "SettleQueueUrl": stack.settle.queue.queue_url,
        "SettleFailuresUrl": stack.settle.failures.queue.queue_url,
        "ResettleQueueUrl": stack.resettle.queue.queue_url,
        "ResettleFailuresUrl": stack.resettle.failures.queue.queue_url,
        "SendsQueueUrl": stack.sends.queue.queue_url,
        "SendsFailuresUrl": stack.sends.failures.queue.queue_url,
        "EngagementQueueUrl": stack.engagement.queue.queue_url,
        "EngagementFailuresUrl": stack.engagement.failures.queue.queue_url,
        "ErasuresQueueUrl": stack.erasures.queue.queue_url,
        "ErasuresFailuresUrl": stack.erasures.failures.queue.queue_url,
        "NoticesQueueUrl": stack.notices.queue.queue_url,
        "NoticesFailuresUrl": stack.notices.failures.queue.queue_url,
        "AlertsTopicArn": stack.alerts.topic_arn,
        "EscalationsTopicArn": stack.escalations.topic_arn,
        "OperationsTopicArn": stack.operations.topic_arn,
        "MailEventsTopicArn": stack.state.mail_events.topic_arn,
        "SigningSecretArn": stack.state.signing_secret.secret_arn,
        "IdentitySecretArn": stack.state.identity_secret.secret_arn,
        "SlackSecretArn": stack.state.slack_secret.secret_arn,
    }
    for function in stack.functions:
        outputs[f"{pascal(function.name)}Function"] = function.function.function_name
        if function.asynchronous:
            outputs[f"{pascal(function.name)}FailuresUrl"] = function.failures.queue.queue_url
    for name, value in outputs.items():
        cdk.CfnOutput(stack, name, value=value)
