"""Reading that needs the rules: the best leads at an instant, and a lead as it stood in the past."""

import heapq
from dataclasses import replace
from itertools import islice

from shared.aws import lead_views, leads, timeline
from shared.instants import DAY
from shared.lead import Lead
from shared.rules.attribution import share
from shared.rules.facts import apply_event
from shared.rules.model import ScoringModel
from shared.rules.scoring import Evaluation, evaluate

PAGE = 50
"""Leads read at a time while walking down the rank index."""


def ranked(bands: tuple[str, ...], limit: int, model: ScoringModel, now: int) -> list[tuple[Lead, Evaluation]]:
    """
    Return the leads settled in the bands with the highest totals at `now`, best first.

    The rank index holds an upper bound of each total, so the walk stops where the next bound is under the last score
    that made the list.
    """
    best: list[tuple[int, str, Lead, Evaluation]] = []
    walk = lead_views.by_bound(bands)
    while page := list(islice(walk, PAGE)):
        found = leads.get_leads(lead_id for _, lead_id in page)
        then = [lead if now >= lead.newest_at else folded(lead, model, now) for lead in found.values()]
        scored = [(evaluate(lead, model, now), lead) for lead in then if lead is not None]
        entries = [(evaluation.total, lead.lead_id, lead, evaluation) for evaluation, lead in scored]
        best = heapq.nlargest(limit, [*best, *entries], key=lambda entry: (entry[0], entry[1]))
        if len(best) == limit and page[-1][0] < best[-1][0]:
            break
    return [(lead, evaluation) for _, _, lead, evaluation in best]


def folded(lead: Lead, model: ScoringModel, at: int) -> Lead | None:
    """
    Return the lead as its timeline says it stood at `at`: event time, what is known now, the playbook of today.

    Returns: None when the timeline no longer reaches back that far.
    """
    entries = leads.load(lead.homes)
    mine, _ = share(lead, {place: timeline.events_at(place) for place in lead.homes}, entries)
    events = [event for event in reversed(timeline.newest_first(mine)) if event.occurred_at <= at]
    if not events:
        return None
    facts = {filing: tuple(fact for fact in kept if fact.at <= at) for filing, kept in lead.facts.items()}
    profile = {name: register for name, register in lead.profile.items() if register.at <= at}
    days = frozenset(day for day in lead.days if day * DAY <= at)
    then = replace(lead, facts=facts, days=days, profile=profile)
    for event in events:
        then = apply_event(then, event, model, address=lead.address_hash)
    oldest = events[0].occurred_at
    return replace(then, complete_since=oldest if lead.first_seen < oldest else lead.complete_since)
