"""
Tell people what happened to a handoff: sales by Slack and SNS, the manager when a clock ran out.

Trigger      EventBridge: HandoffCreated, HandoffAccepted, HandoffRejected, HandoffContacted, HandoffClosed, SlaWarned,
             SlaBreached (events/handoff_created.json, events/sla_breached.json, ...)
Reads        the handoff, its deliveries, the lead, its newest events; the playbook; the Slack secret
Writes       deliveries on the handoff item
Emits        SNS messages to the alerts and escalations topics; Slack messages, replies and updates
Repeat-safe  each delivery is recorded on the handoff; a retry that may have posted to Slack looks for its message first
             and adopts it; every copy of an SNS message carries the same change_id
"""

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.notify import slack_channel
from functions.notify.gathering import gather
from shared import settings
from shared.aws import deliveries, playbooks, topics
from shared.aws.handoffs import get_handoff
from shared.contracts import (
    HandoffAccepted,
    HandoffChange,
    HandoffClosed,
    HandoffContacted,
    HandoffCreated,
    HandoffRejected,
    SlaBreached,
    SlaWarned,
)
from shared.handoff import Handoff
from shared.messages.handoff_facts import HandoffFacts
from shared.messages.plain_message import alert_subject, alert_text, breach_subject, breach_text
from shared.rules.routing import handoff_policy
from shared.telemetry import logger, metrics

HEARD: dict[str, type[HandoffChange]] = {
    change.detail_type: change
    for change in (
        HandoffCreated,
        HandoffAccepted,
        HandoffRejected,
        HandoffContacted,
        HandoffClosed,
        SlaWarned,
        SlaBreached,
    )
}


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    metrics.add_metric(name="ChangesHeard", unit=MetricUnit.Count, value=1)
    change = HEARD[event["detail-type"]].model_validate(event["detail"])
    tell(change, attempt=context.aws_request_id)


def tell(change: HandoffChange, *, attempt: str) -> None:
    """
    Tell everybody whom the change concerns. One channel that is down does not keep the other from being tried.

    Args:
        change: What happened.
        attempt: The same for every retry of one delivery of the change, another for another copy of it.

    Raises:
        DeliveryError, UnsureDeliveryError: A channel did not take its message; what was delivered is not repeated.
    """
    handoff = get_handoff(change.lead_id, change.handoff)
    if handoff is None:
        logger.info("handoff is gone", lead_id=change.lead_id, number=change.handoff, change_id=change.change_id)
        return
    policy = handoff_policy(playbooks.current())
    facts = gather(handoff, policy)
    try:
        _publish(change, handoff, facts, attempt)
    finally:
        slack_channel.tell(change, facts, policy, attempt=attempt)
    logger.info("change told", lead_id=change.lead_id, number=change.handoff, change_id=change.change_id)


def _publish(change: HandoffChange, handoff: Handoff, facts: HandoffFacts, attempt: str) -> None:
    """Publish to the topic that the change concerns, once it is not recorded as published."""
    if isinstance(change, HandoffCreated):
        name, topic = "alert", settings.required("ALERTS_TOPIC_ARN")
        subject, text = alert_subject(facts), alert_text(facts, settings.public_url())
    elif isinstance(change, SlaBreached):
        name, topic = f"escalation-{change.clock}", settings.required("ESCALATIONS_TOPIC_ARN")
        subject = breach_subject(facts, change.clock)
        text = breach_text(facts, change.clock, settings.public_url())
    else:
        return
    recorded = deliveries.get_deliveries(handoff.lead_id, handoff.number).get(name)
    if recorded is not None and recorded.done:
        return
    attributes = {
        "change_id": change.change_id,
        "detail_type": change.detail_type,
        "lead_id": handoff.lead_id,
        "priority": handoff.priority,
        "owner": handoff.owner,
    }
    if isinstance(change, SlaBreached):
        attributes |= {"clock": change.clock, "escalated_to": change.escalated_to}
    topics.publish(
        topic,
        subject=subject,
        text=text,
        attributes=attributes,
        facts={"change_id": change.change_id, **facts.to_json()},
    )
    deliveries.record(handoff.lead_id, handoff.number, name, by=attempt)
