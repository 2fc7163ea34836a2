"""A person was erased: the messages about them stay where they stand in Slack, and say no more than that."""

from shared.aws import secret_values, slack
from shared.aws.slack import Posted
from shared.contracts import LeadErased
from shared.messages.slack_message import erased_message
from shared.telemetry import logger


def forget(change: LeadErased) -> None:
    """
    Put "Erased" in the place of every message about the person, if Slack is set up with a bot that may.

    Raises:
        DeliveryError, UnsureDeliveryError: Slack did not take an update; the change must be delivered again.
    """
    token = secret_values.slack_secret().bot_token
    message = erased_message()
    for place in change.messages if token else ():
        if not slack.update(token, Posted(place.channel, place.ts), text=message.text, blocks=message.blocks):
            logger.info("slack message is gone", erasure=change.erasure)
    logger.info("erasure told", erasure=change.erasure, messages=len(change.messages))
