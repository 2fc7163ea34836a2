"""
The Slack side of a handoff: its message in a channel, with its owner, or both, kept up to date, and what is said to it.

Posting is claimed before and recorded after. A message is posted a second time only if we died between Slack's
acceptance and our record *and* Slack does not show the message when we look for it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from aws_lambda_powertools.metrics import MetricUnit

from functions.notify.gathering import delivery_name, gather, run_told
from shared.aws import deliveries, secret_values, slack
from shared.aws.handoffs import get_handoff
from shared.aws.secret_values import SlackSecret
from shared.aws.slack import Posted
from shared.contracts import HandoffChange, HandoffCreated, HandoffReassigned, SlaBreached, SlaEscalated, SlaWarned
from shared.errors import DeliveryError
from shared.messages.handoff_facts import HandoffFacts
from shared.messages.slack_message import (
    SlackMessage,
    breach_message,
    handoff_message,
    passed_on_message,
    warning_message,
)
from shared.rules.routing import HandoffPolicy
from shared.telemetry import logger, metrics

MESSAGE = "slack"
"""Name of the delivery of the first message itself; those of others begin with it and a hyphen."""

ROUNDS = 5
"""Updates in a row, while the handoff keeps changing, before the change goes back to be delivered again."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is said: a channel, or to one member, and there in a thread; the delivery that records it."""

    name: str
    channel: str = ""
    member: str = ""
    thread: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """What is told: a handoff or a task of a lead, which has been there since."""

    lead_id: str
    of: deliveries.Of
    since: int


def tell(change: HandoffChange, facts: HandoffFacts, policy: HandoffPolicy, *, attempt: str) -> None:
    """
    Say the change in Slack, if Slack is set up; a webhook can post but neither answer nor update.

    Raises:
        DeliveryError, UnsureDeliveryError: Slack did not take it; the change must be delivered again.
    """
    secret = secret_values.slack_secret()
    if not secret.bot_token and not secret.webhook_url:
        return
    about = About(facts.lead_id, facts.number, facts.created_at)
    shown: dict[Posted, int] = {}
    standing = _messages(facts)
    for place in _places(change, facts, policy, bot=bool(secret.bot_token)):
        if place.name == MESSAGE and f"{MESSAGE}-channel-{facts.owner.id}" in standing:
            continue  # it was passed on, and that was told first
        message = handoff_message(facts, dialogs=bool(secret.bot_token))
        posted, posted_now = post_once(place, message, about, secret, attempt=attempt)
        if posted_now:
            shown[posted] = facts.version
    messages = _messages(facts)
    for place, reply in _replies(change, facts, policy, messages):
        post_once(place, reply, about, secret, attempt=attempt)
    if secret.bot_token:
        for posted in messages.values():
            _bring_up_to_date(secret.bot_token, posted, facts, policy, shown=shown.get(posted))


def _messages(facts: HandoffFacts) -> dict[str, Posted]:
    """Return where the messages of the handoff stand, by the names of their deliveries, the channel's first."""
    recorded = deliveries.get_deliveries(facts.lead_id, facts.number)
    return {
        name: Posted(each.channel, each.ts)
        for name, each in sorted(recorded.items())
        if (name == MESSAGE or name.startswith(f"{MESSAGE}-")) and each.done and each.ts
    }


def _places(change: HandoffChange, facts: HandoffFacts, policy: HandoffPolicy, *, bot: bool) -> Iterator[Place]:
    """Yield where the message itself must be posted because of the change: a new handoff, or a new owner."""
    member = facts.owner.slack if bot and policy.tells != "channel" else ""
    channel = policy.channel_for(facts.owner.id)
    if isinstance(change, HandoffCreated):
        if policy.tells != "owner" or not member:
            yield Place(MESSAGE, channel=channel)
        if member:
            yield Place(f"{MESSAGE}-{facts.owner.id}", member=member)
    elif (
        isinstance(change, HandoffReassigned) and change.owner == facts.owner.id and facts.state in ("open", "accepted")
    ):
        moves = policy.channel_for(change.from_owner) != channel and policy.tells != "owner"
        if moves or (policy.tells == "owner" and not member):
            yield Place(f"{MESSAGE}-channel-{facts.owner.id}", channel=channel)
        if member:
            yield Place(f"{MESSAGE}-{facts.owner.id}", member=member)


def _replies(
    change: HandoffChange, facts: HandoffFacts, policy: HandoffPolicy, messages: dict[str, Posted]
) -> Iterator[tuple[Place, SlackMessage]]:
    """Yield what is said besides the message, and where: to the owner under it, to who leads them where they see it."""
    channel = policy.channel_for(facts.owner.id)
    ours = [messages[name] for name in (MESSAGE, f"{MESSAGE}-channel-{facts.owner.id}") if name in messages]
    theirs = messages.get(f"{MESSAGE}-{facts.owner.id}")
    seen = ours[-1] if ours else theirs
    under = Place("", channel=seen.channel, thread=seen.ts) if seen is not None else Place("", channel=channel)
    if isinstance(change, SlaWarned):
        run = run_told(facts, change)
        yield replace(under, name=delivery_name("warned", run)), warning_message(facts, run)
    elif isinstance(change, SlaBreached | SlaEscalated):
        level = change.level if isinstance(change, SlaEscalated) else 1
        run = run_told(facts, change)
        name = delivery_name("breached" if level == 1 else f"escalated{level}", run)
        told = policy.person(change.escalated_to)
        if policy.tells == "owner" and not ours:  # nobody but the owner sees what is said to the owner
            under = Place("", member=told.slack) if told.slack and theirs is not None else Place("", channel=channel)
        yield replace(under, name=name), breach_message(facts, run, told, level)
    elif isinstance(change, HandoffReassigned) and change.owner == facts.owner.id:
        if theirs is not None and _had_it(facts):  # their message stands there since then: an update makes no noise
            under = Place("", channel=theirs.channel, thread=theirs.ts)
        elif theirs is not None:
            return
        yield replace(under, name=f"passed-{change.version}"), passed_on_message(facts, change.version)


def _had_it(facts: HandoffFacts) -> bool:
    """Tell whether the owner had the lead before."""
    handoff = get_handoff(facts.lead_id, facts.number)
    return handoff is not None and any(each.owner == facts.owner.id for each in handoff.handovers)


def post_once(
    place: Place, message: SlackMessage, about: About, secret: SlackSecret, *, attempt: str
) -> tuple[Posted, bool]:
    """Post unless it was posted. Returns where the message stands, and whether it was posted just now."""
    name = place.name
    claim = deliveries.claim(about.lead_id, about.of, name, by=attempt)
    if claim == "done":
        recorded = deliveries.get_deliveries(about.lead_id, about.of)[name]
        return Posted(recorded.channel, recorded.ts), False
    if claim == "elsewhere":
        raise DeliveryError("another delivery may be posting this message: look again at the next retry")
    token, posted = secret.bot_token, None
    try:
        channel = slack.open_direct(token, place.member) if token and place.member else place.channel
    except (DeliveryError, slack.UnsureDeliveryError):
        if claim == "first":
            deliveries.release(about.lead_id, about.of, name, by=attempt)
        raise
    if claim == "again" and token:
        posted = slack.find(
            token, channel, message.block_id, since=about.since, thread=place.thread
        )  # raises when Slack does not say
    found = posted is not None
    if posted is None:
        try:
            if token:
                posted = slack.post(token, channel, text=message.text, blocks=message.blocks, thread=place.thread)
            else:
                posted = slack.post_by_webhook(secret.webhook_url, text=message.text, blocks=message.blocks)
        except DeliveryError:
            deliveries.release(about.lead_id, about.of, name, by=attempt)
            raise
    deliveries.record(about.lead_id, about.of, name, by=attempt, channel=posted.channel, ts=posted.ts)
    if claim == "again" and not found:
        metrics.add_metric(name="SlackMessagesPostedAgain", unit=MetricUnit.Count, value=1)
    logger.info("slack message adopted" if found else "slack message posted", lead_id=about.lead_id, delivery=name)
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
