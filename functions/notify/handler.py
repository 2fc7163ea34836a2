"""
Tell people what happened to a handoff: sales by Slack and SNS, the manager when a clock ran out. Tell reps their tasks.

Trigger      queue `notices`, which the bus fills with HandoffCreated, HandoffAccepted, HandoffRejected,
             HandoffContacted, HandoffReassigned, HandoffSnoozed, HandoffConverted, HandoffClosed, SlaWarned,
             SlaBreached, SlaEscalated, LeadErased, TaskDue (events/sqs_notice.json)
Reads        the handoff or task, its deliveries, the lead, its newest events, its address; the playbook; the Slack and signing secrets
Writes       deliveries on the handoff item, or on the send that is a task
Emits        SNS messages to the alerts and escalations topics; Slack messages, replies and updates
Repeat-safe  each delivery is recorded on the handoff; a retry that may have posted to Slack looks for its message first
             and adopts it; every copy of an SNS message carries the same change_id. One message of the queue that is
             delivered to two at once may be posted twice
"""

import json
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.notify import erased, slack_channel, tasks
from functions.notify.gathering import delivery_name, gather, run_told
from shared import settings
from shared.aws import deliveries, owners, playbooks, secret_values, topics
from shared.aws.handoffs import get_handoff
from shared.contracts import (
    Change,
    HandoffAccepted,
    HandoffChange,
    HandoffClosed,
    HandoffContacted,
    HandoffConverted,
    HandoffCreated,
    HandoffReassigned,
    HandoffRejected,
    HandoffSnoozed,
    LeadErased,
    SlaBreached,
    SlaEscalated,
    SlaWarned,
    TaskDue,
)
from shared.handoff import Handoff
from shared.links import REP_LINK_LASTS, RepLink, RepPurpose, rep_link_url
from shared.messages.handoff_facts import HandoffFacts
from shared.messages.plain_message import alert_subject, alert_text, breach_subject, breach_text, passed_on_subject
from shared.rules.handoff import holder
from shared.rules.routing import HandoffPolicy, handoff_policy
from shared.telemetry import logger, metrics

HEARD: dict[str, type[Change]] = {
    change.detail_type: change
    for change in (
        HandoffCreated,
        HandoffAccepted,
        HandoffRejected,
        HandoffContacted,
        HandoffReassigned,
        HandoffSnoozed,
        HandoffConverted,
        HandoffClosed,
        SlaWarned,
        SlaBreached,
        SlaEscalated,
        LeadErased,
        TaskDue,
    )
}


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    """Return the messages that failed: each comes again by itself, for more than an hour, and is then set aside."""
    metrics.add_metric(name="ChangesHeard", unit=MetricUnit.Count, value=len(event["Records"]))
    failed: list[dict[str, str]] = []
    for record in event["Records"]:
        try:
            hear(json.loads(record["body"]), attempt=record["messageId"])
        except Exception:  # noqa: BLE001 - whatever is wrong with one, the others are told; it comes again
            failed.append({"itemIdentifier": record["messageId"]})
            logger.exception("change not told", message_id=record["messageId"])
    metrics.add_metric(name="ChangesNotTold", unit=MetricUnit.Count, value=len(failed))
    return {"batchItemFailures": failed}


def hear(event: dict[str, Any], *, attempt: str) -> None:
    """Tell one change as the bus delivers it. Raises what `tell` raises."""
    change = HEARD[event["detail-type"]].model_validate(event["detail"])
    if isinstance(change, LeadErased):
        erased.forget(change)
    elif isinstance(change, TaskDue):
        tasks.tell(change, attempt=attempt)
    elif isinstance(change, HandoffChange):
        tell(change, attempt=attempt)


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
    policy = policy.without(owners.time_off(person.id for person in policy.people))
    facts = gather(handoff, policy)
    try:
        _publish(change, handoff, facts, policy, attempt)
    finally:
        slack_channel.tell(change, facts, policy, attempt=attempt)
    logger.info("change told", lead_id=change.lead_id, number=change.handoff, change_id=change.change_id)


def _links(handoff: Handoff, person: str, change: HandoffChange) -> dict[str, str]:
    """Return the links by which the person answers the handoff from a mail; none when there is nothing to answer."""
    if not handoff.running:
        return {}
    purposes: tuple[RepPurpose, ...] = ("contact",)
    if handoff.state == "open":
        purposes = ("accept", "reject", "contact")
    elif person == holder(handoff):  # whoever accepted it decides about it
        purposes = ("reject", "contact")
    secret, base = secret_values.signing_secrets(), settings.public_url()
    expires = change.at + REP_LINK_LASTS
    return {
        each: rep_link_url(base, RepLink(each, handoff.lead_id, handoff.number, person, expires), secret)
        for each in purposes
    }


def _publish(change: HandoffChange, handoff: Handoff, facts: HandoffFacts, policy: HandoffPolicy, attempt: str) -> None:
    """
    Publish to the topic that the change concerns, once it is not recorded as published.

    Of a lead that was passed on twice, or decided about, before this is told, only the last owner hears, once.
    """
    base = settings.public_url()
    if isinstance(change, HandoffCreated | HandoffReassigned):
        again = isinstance(change, HandoffReassigned)
        if isinstance(change, HandoffReassigned) and not (handoff.running and change.owner == handoff.owner):
            return
        name, topic = f"alert-{change.version}" if again else "alert", settings.required("ALERTS_TOPIC_ARN")
        answers = _links(handoff, handoff.owner, change)
        subject = passed_on_subject(facts) if again else alert_subject(facts)
        text = alert_text(facts, answers, api_url=base)
    elif isinstance(change, SlaBreached | SlaEscalated):
        run = run_told(facts, change)
        level = change.level if isinstance(change, SlaEscalated) else ""
        name, topic = delivery_name(f"escalation{level}", run), settings.required("ESCALATIONS_TOPIC_ARN")
        subject = breach_subject(facts, run)
        answers = _links(handoff, change.escalated_to, change)
        text = breach_text(facts, run, policy.person(change.escalated_to), answers, api_url=base)
    else:
        return
    recorded = {told for told, each in deliveries.get_deliveries(handoff.lead_id, handoff.number).items() if each.done}
    passed_on = name == "alert" and any(told.startswith("alert-") for told in recorded)
    if name in recorded or passed_on:  # who has it now heard so before we came to say that it was made
        return
    attributes = {
        "change_id": change.change_id,
        "detail_type": change.detail_type,
        "lead_id": handoff.lead_id,
        "priority": handoff.priority,
        "owner": handoff.owner,
    }
    if isinstance(change, SlaBreached | SlaEscalated):
        attributes |= {"clock": change.clock, "escalated_to": change.escalated_to}
    topics.publish(
        topic,
        subject=subject,
        text=text,
        attributes=attributes,
        facts={"change_id": change.change_id, **facts.to_json(), "links": answers},
    )
    deliveries.record(handoff.lead_id, handoff.number, name, by=attempt)
