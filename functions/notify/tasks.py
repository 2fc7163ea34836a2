"""A task of a track: told to who has the lead, else to the manager, in Slack and on the alerts topic."""

from functions.notify import slack_channel
from shared import settings
from shared.aws import deliveries, handoffs, owners, playbooks, secret_values, tasks, topics
from shared.aws.leads import get_lead
from shared.contracts import TaskDue
from shared.lead import Lead
from shared.mailing import SendRef
from shared.messages.task_message import TaskFacts, task_facts, task_message, task_text
from shared.rules.handoff import holder
from shared.rules.routing import HandoffPolicy, Person, handoff_policy
from shared.telemetry import logger

ALERT = "alert"


def tell(change: TaskDue, *, attempt: str) -> None:
    """
    Tell the rep. One channel that is down does not keep the other from being tried; an erased person is nobody's task.

    Raises:
        DeliveryError, UnsureDeliveryError: A channel did not take its message; what was delivered is not repeated.
    """
    ref = SendRef(change.lead_id, change.track, change.rotation, change.step)
    task, lead = tasks.get_task(ref), get_lead(change.lead_id)
    if task is None or lead is None:
        logger.info("task is gone", send_id=ref.send_id)
        return
    playbook = playbooks.current()
    policy = handoff_policy(playbook)
    policy = policy.without(owners.time_off(person.id for person in policy.people))
    owner = policy.reachable(_owner(lead, policy).id, change.at)
    facts = task_facts(ref, lead, title=task.title, text=task.text, owner=owner, tracks=playbook["tracks"])
    try:
        _publish(change, facts, attempt)
    finally:
        _post(change, facts, policy, attempt)
    logger.info("task told", send_id=ref.send_id)


def _owner(lead: Lead, policy: HandoffPolicy) -> Person:
    """Return who has the lead or last had it, if they are still there; else the manager, who finds somebody."""
    handoff = handoffs.latest(lead.homes) if lead.settled.qualification else None
    person = None if handoff is None else holder(handoff)
    return policy.person(person) if person is not None and policy.knows(person) else policy.manager


def _publish(change: TaskDue, facts: TaskFacts, attempt: str) -> None:
    recorded = deliveries.get_deliveries(change.lead_id, facts.ref)
    if ALERT in recorded and recorded[ALERT].done:
        return
    attributes = {
        "change_id": change.change_id,
        "detail_type": change.detail_type,
        "lead_id": change.lead_id,
        "track": change.track,
        "owner": facts.owner.id,
    }
    topics.publish(
        settings.required("ALERTS_TOPIC_ARN"),
        subject=f"Task: {facts.title}",
        text=task_text(facts),
        attributes=attributes,
        facts={"change_id": change.change_id, **facts.to_json()},
    )
    deliveries.record(change.lead_id, facts.ref, ALERT, by=attempt)


def _post(change: TaskDue, facts: TaskFacts, policy: HandoffPolicy, attempt: str) -> None:
    secret = secret_values.slack_secret()
    if not secret.bot_token and not secret.webhook_url:
        return
    member = facts.owner.slack if secret.bot_token and policy.tells != "channel" else ""
    about = slack_channel.About(change.lead_id, facts.ref, change.at)
    message = task_message(facts)
    if policy.tells != "owner" or not member:
        place = slack_channel.Place(slack_channel.MESSAGE, channel=policy.channel_for(facts.owner.id))
        slack_channel.post_once(place, message, about, secret, attempt=attempt)
    if member:
        place = slack_channel.Place(f"{slack_channel.MESSAGE}-{facts.owner.id}", member=member)
        slack_channel.post_once(place, message, about, secret, attempt=attempt)
