"""Reading what a message about a handoff needs."""

from shared.aws.leads import get_lead
from shared.aws.timeline import recent_events
from shared.handoff import Handoff
from shared.messages.handoff_facts import EVENTS_READ, HandoffFacts, handoff_facts
from shared.rules.routing import HandoffPolicy


def gather(handoff: Handoff, policy: HandoffPolicy) -> HandoffFacts:
    """Return the facts of the handoff as it stands, with the lead and its newest events as they are now."""
    lead = get_lead(handoff.lead_id)
    events = [] if lead is None else recent_events(lead, EVENTS_READ)
    return handoff_facts(handoff, lead, events, policy)
