"""
What a stage makes of a stream of events, in memory: attributed, applied, settled, and swept when time alone moves them.

The same rules in the same rounds as the score function and the sweep that feeds it, with dictionaries for the table.
"""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from shared.identity import address_hash, home, identity_text
from shared.instants import MINUTE
from shared.lead import Entry, Lead, LeadEvent
from shared.rules.attribution import attribute, share
from shared.rules.bots import too_fast
from shared.rules.facts import refiled
from shared.rules.model import ScoringModel
from shared.rules.people import named
from shared.rules.settling import is_fresh, settle
from shared.rules.workspace import Addressed, Name, Workspace, untold, wanted

TICK = 15 * MINUTE
"""Seconds between two sweeps of a stage: what falls due waits for the next one."""


@dataclass(slots=True)
class Replay:
    """
    The leads and timelines of a stage.

    `naming_key` makes lead ids, as the stage's identity secret does; `queue` is a heap of (sweep that settles, lead id),
    in which an entry that a later settling made obsolete stays until it pops.
    """

    model: ScoringModel
    naming_key: str
    homes: dict[str, Entry] = field(default_factory=dict)
    timelines: dict[str, list[LeadEvent]] = field(default_factory=dict)
    queue: list[tuple[int, str]] = field(default_factory=list)

    def leads(self) -> list[Lead]:
        """Return every lead, in the order of their ids."""
        return [entry for _, entry in sorted(self.homes.items()) if isinstance(entry, Lead)]

    def past(self, lead: Lead) -> tuple[list[LeadEvent], frozenset[str]]:
        """Return the events of the lead, and the keys of those in its timelines that are others'."""
        events = {place: self.timelines.get(place, []) for place in lead.homes}
        return share(lead, events, {place: self.homes.get(place) for place in lead.homes})


def gathered(events: Iterable[LeadEvent], model: ScoringModel, naming_key: str) -> Replay:
    """Return the leads that the events make, whatever their order, unsettled."""
    replay = Replay(model, naming_key)
    for event in sorted(events, key=lambda each: (each.occurred_at, each.event_id)):
        apply(replay, [event])
    return replay


def replayed(events: Iterable[LeadEvent], model: ScoringModel, naming_key: str, as_of: int) -> Replay:
    """
    Return a stage as it stands at `as_of` after the events.

    Each is applied and settled when it was received; what falls due in between is settled by the next sweep. Events
    that are received after `as_of` are not there yet.
    """
    replay = Replay(model, naming_key)
    arriving = sorted(events, key=lambda each: (each.received_at, each.occurred_at, each.event_id))
    for event in arriving:
        if event.received_at > as_of:
            break
        sweep(replay, event.received_at)
        workspace, owners = apply(replay, [event])
        for group in workspace.together:
            for place in sorted(group):
                entry = replay.homes.get(place)
                if isinstance(entry, Lead):
                    touched = place in owners
                    _settle(
                        replay,
                        entry,
                        event.received_at if touched else 0,
                        fresh=touched and is_fresh(event),
                        own=touched and event.source != "system",
                    )
    sweep(replay, as_of)
    return replay


def apply(replay: Replay, batch: Iterable[LeadEvent]) -> tuple[Workspace, set[str]]:
    """Apply the events to whom they are about; return what that touched, and the ids of the leads that got one."""
    every = sorted(
        (_addressed(event, replay.naming_key) for event in batch),
        key=lambda each: (each.event.occurred_at, each.event.event_id),
    )
    for each in every:
        replay.timelines.setdefault(each.home, []).append(each.event)
    workspace = Workspace()
    owners: set[str] = set()
    for each in every:
        _look_up(each, workspace, replay)
        lead_id = attribute(each, workspace, replay.model)
        if lead_id is not None:
            owners.add(lead_id)
            _watch(replay, lead_id, each.event, workspace)
    replay.homes.update(workspace.made())
    for group in workspace.together:
        for place in group:
            lead = replay.homes.get(place)
            if not isinstance(lead, Lead):
                continue
            if place in workspace.rebuild or lead.filed not in ("", replay.model.filed):
                replay.homes[place] = refiled(lead, *replay.past(lead), replay.model)
            elif lead.filed == "":
                replay.homes[place] = replace(lead, filed=replay.model.filed)
    return workspace, owners


def _watch(replay: Replay, lead_id: str, event: LeadEvent, workspace: Workspace) -> None:
    lead = workspace.lead_at(lead_id)
    found = None if lead is None else too_fast(lead, event, replay.model)
    if found is not None:
        replay.timelines.setdefault(lead_id, []).append(found)
        attribute(Addressed(found, (), None), workspace, replay.model)


def _look_up(each: Addressed, workspace: Workspace, replay: Replay) -> None:
    while missing := wanted([each], workspace):
        workspace.add({place: replay.homes.get(place) for place in missing})
    for claimant in untold(each, workspace):
        lead = workspace.lead_at(claimant)
        places = () if lead is None else lead.homes
        workspace.told[claimant] = [
            _addressed(event, replay.naming_key) for place in places for event in replay.timelines.get(place, [])
        ]


def sweep(replay: Replay, until: int) -> None:
    """Settle what falls due, at each sweep up to `until`."""
    while replay.queue and replay.queue[0][0] <= until:
        tick, lead_id = heapq.heappop(replay.queue)
        lead = replay.homes.get(lead_id)
        if isinstance(lead, Lead) and lead.due_at is not None and lead.due_at <= tick:
            _settle(replay, lead, tick, swept=True)


def _settle(
    replay: Replay, lead: Lead, as_of: int, *, fresh: bool = False, own: bool = False, swept: bool = False
) -> None:
    settled = settle(lead, replay.model, as_of, fresh=fresh, own=own, swept=swept).lead
    replay.homes[lead.lead_id] = settled
    if settled.due_at is not None and settled.due_at != lead.due_at:
        heapq.heappush(replay.queue, (-(-settled.due_at // TICK) * TICK, lead.lead_id))


def _addressed(event: LeadEvent, naming_key: str) -> Addressed:
    names = tuple(
        Name(identity_text(kind, value, naming_key), home(kind, value, naming_key)) for kind, value in named(event)
    )
    return Addressed(event, names, address_hash(event.email, naming_key) if event.email else None)
