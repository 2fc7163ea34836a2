"""Reading that needs the rules: the best leads at an instant, and a lead as it stood in the past."""

import heapq
from dataclasses import replace
from itertools import islice

from shared.aws import lead_views, leads, timeline
from shared.lead import Lead, LeadEvent
from shared.rules.attribution import share
from shared.rules.model import ScoringModel
from shared.rules.past import as_it_stood
from shared.rules.scoring import Evaluation, evaluate

PAGE = 50
"""Leads read at a time while walking down the rank index."""

RECENT = 20
"""Newest events that are shown of a lead."""


def ranked(
    bands: tuple[str, ...], limit: int, model: ScoringModel, now: int, *, past: bool
) -> list[tuple[Lead, Evaluation]]:
    """
    Return the leads settled in the bands with the highest totals at `now`, best first.

    The rank index holds an upper bound of each total, so the walk stops where the next bound is under the last score
    that made the list. Bounds are of the present: of the past every lead must be looked at.
    """
    best: list[tuple[int, str, Lead, Evaluation]] = []
    walk = lead_views.by_bound(bands)
    while page := list(islice(walk, PAGE)):
        found = leads.get_leads(lead_id for _, lead_id in page)
        then = [standing_at(lead, model, now) for lead in found.values()]
        scored = [(evaluate(lead, model, now), lead) for lead in then if lead is not None]
        entries = [(evaluation.total, lead.lead_id, lead, evaluation) for evaluation, lead in scored]
        best = heapq.nlargest(limit, [*best, *entries], key=lambda entry: (entry[0], entry[1]))
        if not past and len(best) == limit and page[-1][0] < best[-1][0]:
            break
    return [(lead, evaluation) for _, _, lead, evaluation in best]


def standing_at(lead: Lead, model: ScoringModel, at: int) -> Lead | None:
    """
    Return the lead as it stood at `at` under the playbook; None when the timeline no longer reaches back that far.

    Its own facts say so, unless they are newer, or filed by another playbook's rules: then the timeline does.
    """
    if at < lead.newest_at:
        return folded(lead, model, at)
    return lead if lead.filed in ("", model.filed) else folded(lead, model, at) or lead


def folded(lead: Lead, model: ScoringModel, at: int) -> Lead | None:
    """
    Return the lead as its timeline says it stood at `at`: event time, what is known now, the playbook of today.

    Returns: None when the timeline no longer reaches back that far.
    """
    homes = leads.homes_of(lead)
    past = timeline.past(lead, homes)
    mine, _ = share(lead, past.events, leads.load(past.events))
    then = as_it_stood(lead, mine, model, at)
    return None if then is None else replace(then, complete_since=max(then.complete_since, past.since))


def recent(lead: Lead, *, until: int) -> list[LeadEvent]:
    """Return the lead's newest events up to the instant, newest first; of a device others used too, only its own."""
    own, _ = share(lead, timeline.recent_events(lead, RECENT), leads.load(lead.shared_homes))
    return [event for event in timeline.newest_first(own) if event.occurred_at <= until][:RECENT]
