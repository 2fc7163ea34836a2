"""The past: a lead as it stood, by event time, what is known now, and the playbook one asks with."""

from collections.abc import Sequence
from dataclasses import replace

from shared.identity import event_key
from shared.instants import DAY
from shared.lead import Lead, LeadEvent
from shared.rules.bots import joined_copies
from shared.rules.facts import apply_event
from shared.rules.model import ScoringModel


def as_it_stood(lead: Lead, events: Sequence[LeadEvent], model: ScoringModel, at: int) -> Lead | None:
    """
    Return the lead as its events say it stood at `at`.

    Args:
        lead: As it is known now: whose events they are was decided by everything known now.
        events: Every event of the lead that the timeline holds, each once.
        model: The playbook's scoring part.
        at: Whole epoch seconds.
    Returns: None when no event is that old: there was no such lead, or the timeline no longer reaches back.
    """
    earlier = sorted(
        (event for event in joined_copies(events) if event.occurred_at <= at),
        key=lambda event: (event.occurred_at, event.event_id),
    )
    if not earlier:
        return None
    told = {event_key(event.event_id) for event in earlier}
    facts = {
        filing: tuple(fact for fact in kept if fact.at <= at and fact.event not in told)
        for filing, kept in lead.facts.items()
    }
    profile = {name: register for name, register in lead.profile.items() if register.at <= at}
    days = frozenset(day for day in lead.days if (day + 1) * DAY <= at)
    adjustments = tuple(each for each in lead.adjustments if each.at <= at)
    then = replace(lead, facts=facts, days=days, profile=profile, adjustments=adjustments)
    for event in earlier:
        then = apply_event(then, event, model, address=lead.address_hash)
    oldest = earlier[0].occurred_at
    return replace(then, complete_since=oldest if lead.first_seen < oldest else lead.complete_since)
