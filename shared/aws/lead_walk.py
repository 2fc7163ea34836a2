"""Reading every lead of a stage, and a lead's whole past: for whoever must look at all of them by hand, never a function."""

from collections.abc import Iterator, Mapping
from itertools import islice

from shared import table
from shared.aws import lead_views, leads, timeline
from shared.lead import Entry, Lead, LeadEvent

TOGETHER = 100
"""Leads read at a time: the keys one BatchGetItem takes."""


def every_lead(bands: tuple[str, ...]) -> Iterator[list[Lead]]:
    """
    Yield the leads settled in the bands, some at a time, each once.

    The walk goes down the rank index band by band and takes what it finds there: a lead that changes band while the
    walk is under way can be missed.
    """
    seen: set[str] = set()
    ids = (
        lead_id
        for band in bands
        for shard in range(table.DUE_SHARDS)
        for _, lead_id in lead_views.rank_page(band, shard)
    )
    while page := list(islice(ids, TOGETHER)):
        found = leads.get_leads(lead_id for lead_id in page if lead_id not in seen)
        seen.update(page)
        yield [found[lead_id] for lead_id in sorted(found)]


def past(lead: Lead) -> tuple[Mapping[str, list[LeadEvent]], Mapping[str, Entry | None]]:
    """Return the events at each home of the lead that its timeline still holds, and what lives at each home."""
    homes = leads.homes_of(lead)
    return {place: timeline.events_at(place) for place in homes}, leads.load(homes)
