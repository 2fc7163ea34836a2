"""
The Slack side of a handoff: one message in the channel, kept up to date, and answers to it about clocks.

Posting is claimed before and recorded after. A message is posted a second time only if we died between Slack's
acceptance and our record *and* Slack does not show the message when we look for it.
"""

from aws_lambda_powertools.metrics import MetricUnit

from functions.notify.gathering import gather
from shared.aws import deliveries, secret_values, slack
from shared.aws.handoffs import get_handoff
from shared.aws.secret_values import SlackSecret
from shared.aws.slack import Posted
from shared.contracts import HandoffChange, HandoffCreated, SlaBreached, SlaWarned
from shared.errors import DeliveryError
from shared.messages.handoff_facts import HandoffFacts
from shared.messages.slack_message import SlackMessage, breach_message, handoff_message, warning_message
from shared.rules.routing import HandoffPolicy
from shared.telemetry import logger, metrics

MESSAGE = "slack"
"""Name of the delivery of the message itself."""

ROUNDS = 5
"""Updates in a row, while the handoff keeps changing, before the change goes back to be delivered again."""


def tell(change: HandoffChange, facts: HandoffFacts, policy: HandoffPolicy, *, attempt: str) -> None:
    """
    Say the change in Slack, if Slack is set up; a webhook can post but neither answer nor update.

    Raises:
        DeliveryError, UnsureDeliveryError: Slack did not take it; the change must be delivered again.
    """
    secret = secret_values.slack_secret()
    if not secret.bot_token and not secret.webhook_url:
        return
    message: Posted | None
    shown: int | None = None
    if isinstance(change, HandoffCreated):
        message, posted_now = _post_once(MESSAGE, handoff_message(facts), facts, policy, secret, attempt=attempt)
        shown = facts.version if posted_now else None
    else:
        recorded = deliveries.get_deliveries(facts.lead_id, facts.number).get(MESSAGE)
        message = Posted(recorded.channel, recorded.ts) if recorded is not None and recorded.done else None
    if isinstance(change, SlaWarned):
        reply = warning_message(facts, change.clock)
        _post_once(f"warned-{change.clock}", reply, facts, policy, secret, attempt=attempt, under=message)
    elif isinstance(change, SlaBreached):
        reply = breach_message(facts, change.clock)
        _post_once(f"breached-{change.clock}", reply, facts, policy, secret, attempt=attempt, under=message)
    if message is not None and message.ts and secret.bot_token:
        _bring_up_to_date(secret.bot_token, message, facts, policy, shown=shown)


def _post_once(
    name: str,
    message: SlackMessage,
    facts: HandoffFacts,
    policy: HandoffPolicy,
    secret: SlackSecret,
    *,
    attempt: str,
    under: Posted | None = None,
) -> tuple[Posted, bool]:
    """Post unless it was posted. Returns where the message stands, and whether it was posted just now."""
    claim = deliveries.claim(facts.lead_id, facts.number, name, by=attempt)
    if claim == "done":
        recorded = deliveries.get_deliveries(facts.lead_id, facts.number)[name]
        return Posted(recorded.channel, recorded.ts), False
    if claim == "elsewhere":
        raise DeliveryError("another delivery may be posting this message: look again at the next retry")
    thread = under.ts if under is not None else ""
    channel = under.channel if under is not None and under.channel else policy.channel
    posted = None
    if claim == "again" and secret.bot_token:
        posted = slack.find(
            secret.bot_token, channel, message.block_id, since=facts.created_at, thread=thread
        )  # raises when Slack does not say
    found = posted is not None
    if posted is None:
        try:
            if secret.bot_token:
                posted = slack.post(secret.bot_token, channel, text=message.text, blocks=message.blocks, thread=thread)
            else:
                posted = slack.post_by_webhook(secret.webhook_url, text=message.text, blocks=message.blocks)
        except DeliveryError:
            deliveries.release(facts.lead_id, facts.number, name, by=attempt)
            raise
    deliveries.record(facts.lead_id, facts.number, name, by=attempt, channel=posted.channel, ts=posted.ts)
    if claim == "again" and not found:
        metrics.add_metric(name="SlackMessagesPostedAgain", unit=MetricUnit.Count, value=1)
    logger.info("slack message adopted" if found else "slack message posted", lead_id=facts.lead_id, delivery=name)
    return posted, not found


def _bring_up_to_date(
    token: str, posted: Posted, facts: HandoffFacts, policy: HandoffPolicy, *, shown: int | None
) -> None:
    """
    Update the message until it shows the newest version of the handoff.

    Two changes may be told at once: whoever finds, after its own update, that the handoff moved on updates again, so
    the last one to write shows the newest state.
    """
    for _ in range(ROUNDS):
        handoff = get_handoff(facts.lead_id, facts.number)
        if handoff is None or handoff.version == shown:
            return
        message = handoff_message(gather(handoff, policy))
        if not slack.update(token, posted, text=message.text, blocks=message.blocks):
            logger.info("slack message is gone", lead_id=facts.lead_id, number=facts.number)
            return
        shown = handoff.version
    raise DeliveryError("the handoff kept changing while its message was updated")
