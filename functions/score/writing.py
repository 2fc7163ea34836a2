"""One round of the score function: timeline first, then load, apply, settle, and write what belongs together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any

from functions.score.hearing import Heard, asks_for_mail, earlier_people, hear, record
from functions.score.messages import Message
from functions.score.models import model_of
from shared.aws import leads, playbooks, timeline
from shared.aws.outbox import change_item
from shared.aws.secret_values import identity_secret
from shared.identity import EMAIL, address_hash, event_key, home, identity_text
from shared.lead import Alias, Entry, Lead, LeadEvent
from shared.rules.attribution import attribute, share
from shared.rules.bots import too_fast
from shared.rules.facts import refiled
from shared.rules.model import ScoringModel
from shared.rules.people import named
from shared.rules.publishing import PLAYBOOK
from shared.rules.settling import Settlement, is_fresh, settle
from shared.rules.sparing import arriving_claims, spared
from shared.rules.workspace import Addressed, Name, Workspace, untold, wanted
from shared.table import PK, SK
from shared.telemetry import logger, metrics

TOGETHER = 12
"""Homes written in one transaction at most, of the 100 items DynamoDB takes: each may bring several changes."""


CAUSE_KEPT = 60
"""Characters of an event's name that the history names as a cause."""


@dataclass(slots=True)
class Touched:
    """What one round did to one lead: the latest instant, and what kinds of cause it had."""

    as_of: int = 0
    fresh: bool = False
    own: bool = False
    asked_at: int = 0
    swept: bool = False
    announce: bool = False
    cause: str = "time"
    news: set[str] = field(default_factory=set)


def apply_messages(messages: Sequence[Message], model: ScoringModel) -> list[Message]:
    """
    Apply the messages once.

    Returns: The messages that touch a lead somebody else wrote meanwhile; apply them again.
    """
    arrived = {message.message_id: [_addressed(event) for event in message.events] for message in messages}
    timeline.put_events(_timeline_items(messages, arrived))
    workspace = _loaded(messages, arrived)
    return _round(messages, _without_erased(messages, arrived, workspace), workspace, model)


def _loaded(messages: Sequence[Message], arrived: dict[str, list[Addressed]]) -> Workspace:
    every = [each for events in arrived.values() for each in events]
    workspace = Workspace()
    workspace.add(leads.load({lead_id for message in messages for lead_id in message.settle}))
    while missing := wanted(every, workspace):
        workspace.add(leads.load(missing))
    return workspace


def _without_erased(
    messages: Sequence[Message], arrived: dict[str, list[Addressed]], workspace: Workspace
) -> dict[str, list[Addressed]]:
    """
    Return the events without what is about the erased, and take that back out of the timeline.

    The timeline is written before a home is read, so whoever erases between the two finds the item when its partition is
    emptied; when the marker was there first, it is us who take it out.
    """
    every = [each for events in arrived.values() for each in events]
    claims = arriving_claims(every, workspace)
    nowhere = _nobodys(every, workspace)
    kept = {
        name: [
            left
            for each in events
            if each.event.lead_id not in nowhere and (left := spared(each, workspace, claims)) is not None
        ]
        for name, events in arrived.items()
    }
    if all(one is other for name in arrived for one, other in zip_longest(arrived[name], kept[name])):
        return arrived
    before = {(item[PK], item[SK]): item for item in _timeline_items(messages, arrived)}
    after = {(item[PK], item[SK]): item for item in _timeline_items(messages, kept)}
    timeline.put_events([item for key, item in after.items() if before.get(key) != item])
    timeline.drop_items(sorted(before.keys() - after.keys()))
    for place in sorted(nowhere):
        logger.info("event that is nobody's", home=place)
    dropped = sum(len(arrived[name]) - len(kept[name]) for name in arrived)
    dropped -= sum(each.event.lead_id in nowhere for each in every)
    if dropped:
        metrics.add_metric("EventsOfErased", "Count", dropped)
    return kept


def _nobodys(every: Sequence[Addressed], workspace: Workspace) -> set[str]:
    """
    Return the homes where our own events look for a lead and nobody lives, nor moves in by an event that comes along.

    What rests there would be found by nobody: no lead's export, and no erasure.
    """
    asked = {place for each in every if (place := each.event.lead_id) is not None and workspace.now.get(place) is None}
    return asked - {name.home for each in every for name in each.names} if asked else asked


def _round(
    messages: Sequence[Message], arrived: dict[str, list[Addressed]], workspace: Workspace, model: ScoringModel
) -> list[Message]:
    """Apply, settle and write; events that would tie too many homes together are halved until they do not."""
    every = sorted(
        (each for events in arrived.values() for each in events),
        key=lambda each: (each.event.occurred_at, each.event.event_id),
    )
    owners, touched = _apply(every, workspace, model)
    if len(every) > 1 and any(len(group) > TOGETHER for group in workspace.together):
        return _halves(messages, every, arrived, model)
    for message in messages:
        for lead_id in message.settle:
            lead = workspace.lead_at(lead_id)
            if lead is not None:
                workspace.link(lead.lead_id)
                mark = touched.setdefault(lead.lead_id, Touched())
                mark.as_of = max(mark.as_of, message.as_of)
                mark.swept = True
                mark.announce |= message.announce
    if _is_superseded(workspace, model):
        return list(messages)
    _rebuild(workspace, model)
    writes = [(group, _writes(group, workspace, touched, model)) for group in workspace.together]
    if len(every) > 1 and any(len(each.written) + len(each.changes) > leads.TRANSACTION for _, each in writes):
        return _halves(messages, every, arrived, model)
    lost = _write(writes)
    return [message for message in messages if lost & _homes(message, arrived[message.message_id], owners, workspace)]


def _halves(
    messages: Sequence[Message], every: Sequence[Addressed], arrived: dict[str, list[Addressed]], model: ScoringModel
) -> list[Message]:
    """Do the earlier half of the events, then the later one: together they tie too much for one transaction."""
    earlier = {id(each) for each in every[: len(every) // 2]}
    again: dict[str, Message] = {}
    for half in (True, False):
        part = {name: [each for each in events if (id(each) in earlier) is half] for name, events in arrived.items()}
        workspace = _loaded(messages, part)
        claims = arriving_claims((each for events in arrived.values() for each in events), workspace)
        if any(spared(each, workspace, claims) is not each for events in part.values() for each in events):
            return list(messages)  # somebody was erased since: the whole message says what its timeline item holds
        again |= {each.message_id: each for each in _round(messages, part, workspace, model)}
    return list(again.values())


def _is_superseded(workspace: Workspace, model: ScoringModel) -> bool:
    """Tell whether a lead was settled by a playbook that is newer than ours: this process has not heard of it yet."""
    by = {lead.settled.playbook for lead in workspace.stored.values() if isinstance(lead, Lead)}
    if not by - {"", model.bundle}:
        return False
    playbooks.refresh()
    return bool(playbooks.current()["bundle"] != model.bundle)


def _addressed(event: LeadEvent) -> Addressed:
    secret = identity_secret()
    names = tuple(Name(identity_text(kind, value, secret), home(kind, value, secret)) for kind, value in named(event))
    if not event.email:
        return Addressed(event, names, None)
    place = home(EMAIL, event.email, secret)
    mentioned = None if any(name.home == place for name in names) else place
    return Addressed(event, names, address_hash(event.email, secret), mentioned)


def _timeline_items(messages: Sequence[Message], arrived: dict[str, list[Addressed]]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    for message in messages:
        by_home: dict[str, list[LeadEvent]] = {}
        for each in arrived[message.message_id]:
            by_home.setdefault(each.home, []).append(each.event)
        items.extend(
            timeline.timeline_item(place, message.message_id, message.source, message.as_of, events)
            for place, events in sorted(by_home.items())
        )
    return items


def _apply(
    every: Iterable[Addressed], workspace: Workspace, model: ScoringModel
) -> tuple[dict[str, set[str]], dict[str, Touched]]:
    """Apply the events, oldest first; return the lead of each event id, and what was done to each lead."""
    owners: dict[str, set[str]] = {}
    touched: dict[str, Touched] = {}
    heard = Heard()
    for each in every:
        while missing := wanted([each], workspace):
            workspace.add(leads.load(missing))
        for claimant in untold(each, workspace):
            lead = workspace.lead_at(claimant)
            told = {} if lead is None else timeline.past(lead, _homes_of(lead, workspace)).events
            workspace.told[claimant] = [_addressed(event) for events in told.values() for event in events]
        before = workspace.lead_at(each.home)
        earlier = earlier_people(each, workspace)
        lead_id = attribute(each, workspace, model)
        if lead_id is None:
            logger.info("event that is nobody's", home=each.home)
            continue
        _watch(lead_id, each.event, workspace, model)
        owners.setdefault(each.event.event_id, set()).add(lead_id)
        mark = touched.setdefault(lead_id, Touched())
        mark.as_of = max(mark.as_of, each.event.received_at)
        mark.fresh |= is_fresh(each.event)
        mark.own |= each.event.source != "system"
        mark.cause = each.event.name[:CAUSE_KEPT]
        mark.news.add(event_key(each.event.event_id))
        lead = workspace.lead_at(lead_id)
        if asks_for_mail(each, lead, model):
            mark.asked_at = max(mark.asked_at, each.event.received_at)
        hear(heard, each, before, lead, earlier)
    record(heard)
    return owners, touched


def _watch(lead_id: str, event: LeadEvent, workspace: Workspace, model: ScoringModel) -> None:
    """Judge a visit whose pages come too fast: the timeline holds the judgement before the lead follows it."""
    lead = workspace.lead_at(lead_id)
    found = None if lead is None else too_fast(lead, event, model)
    if found is None:
        return
    timeline.put_events([timeline.timeline_item(lead_id, found.event_id, "system", found.received_at, [found])])
    attribute(Addressed(found, (), None), workspace, model)
    logger.info("visit judged by its speed", lead_id=lead_id, event_id=found.event_id)


def _rebuild(workspace: Workspace, model: ScoringModel) -> None:
    """File again, from the timeline, the leads whose rules or whose share of a device changed."""
    for group in workspace.together:
        for home_id in sorted(group):
            lead = workspace.now.get(home_id)
            if not isinstance(lead, Lead):
                continue
            if home_id in workspace.rebuild or lead.filed not in ("", model.filed):
                workspace.now[home_id] = _refiled(lead, workspace, model)
            elif lead.filed == "":
                workspace.now[home_id] = replace(lead, filed=model.filed)


def _refiled(lead: Lead, workspace: Workspace, model: ScoringModel) -> Lead:
    places = _homes_of(lead, workspace)
    changed = [place for place in places if workspace.now.get(place) is not workspace.stored.get(place)]
    past = timeline.past(lead, places, first=changed)
    unchanged = past.events.keys() - changed
    entries = {**workspace.now, **(leads.load(unchanged) if unchanged else {})}
    mine, others = share(lead, past.events, entries)
    return refiled(lead, mine, others, model, past.since)


def _homes_of(lead: Lead, workspace: Workspace) -> tuple[str, ...]:
    return leads.homes_of(lead, workspace.further.get(lead.lead_id))


def _write(writes: Iterable[tuple[set[str], leads.Writes]]) -> set[str]:
    """Write each group of homes that change together; return the homes somebody else was faster with."""
    written = [(group, each) for group, each in writes if each.written]
    lost: set[str] = set()
    for (group, _), was_lost in zip(written, leads.save_many([each for _, each in written]), strict=True):
        if was_lost:
            lost |= group
    return lost


def _writes(group: set[str], workspace: Workspace, touched: dict[str, Touched], model: ScoringModel) -> leads.Writes:
    written: list[Lead | Alias] = []
    changes: list[dict[str, Any]] = []
    bounds: dict[str, int] = {}
    for home_id in sorted(group):
        entry = workspace.now.get(home_id)
        before = workspace.stored.get(home_id)
        if isinstance(entry, Lead):
            mark = touched.get(home_id, Touched())
            earlier, settlement = _settled(entry, before, mark, model)
            settled = settlement.lead
            if mark.asked_at > entry.asked_at:
                settled = replace(settled, asked_at=mark.asked_at)
            bounds[home_id] = settlement.bound
            if settled != before:
                settled = replace(settled, version=entry.version + 1)
                changes += _changes(earlier, settled, "0#") if earlier is not None else []
                changes += _changes(settlement, settled)
                changes += _asked(entry, settled, mark)
                changes += _mailable(before, settlement, settled, mark)
                further = workspace.further.get(home_id, {})
                changes += [leads.further_home(home_id, place, more=more) for place, more in sorted(further.items())]
                written.append(settled)
        elif isinstance(entry, Alias) and entry != before:
            written.append(replace(entry, version=entry.version + 1))
    seen = {home_id: entry.version for home_id in group if (entry := workspace.stored.get(home_id)) is not None}
    return leads.Writes(written, seen, changes, bounds)


def _settled(
    entry: Lead, before: Entry | None, mark: Touched, model: ScoringModel
) -> tuple[Settlement | None, Settlement]:
    """
    Settle the lead; return what the playbook it was settled by last made of it, if that is another, and what ours does.

    What only the new playbook changes is settled in silence, unless the lead has just done something itself. An event
    that changes nothing is one we knew: a copy announces nothing.
    """
    loud = mark.announce or (mark.fresh and entry != before)
    if entry.settled.playbook in ("", model.bundle):
        return None, settle(entry, model, mark.as_of, fresh=loud, own=mark.own, swept=mark.swept, cause=mark.cause)
    earlier = None
    if isinstance(before, Lead) and before.settled == entry.settled:
        earlier = _settled_before(before, mark)
    if earlier is not None:
        entry = replace(entry, settled=earlier.lead.settled)
    return earlier, settle(
        entry,
        model,
        mark.as_of,
        fresh=loud,
        own=mark.own,
        swept=True,
        silent=not loud,
        news=None if mark.announce else frozenset(mark.news),
        cause=mark.cause if mark.own else PLAYBOOK,
    )


def _settled_before(before: Lead, mark: Touched) -> Settlement | None:
    """Settle the stored lead by the playbook that settled it last; None when that playbook is nowhere."""
    try:
        model = model_of(before.settled.playbook)
    except playbooks.UnknownPlaybookError:
        return None
    return settle(before, model, mark.as_of, fresh=False, own=False, swept=True)


def _changes(settlement: Settlement, entry: Lead, step: str = "") -> list[dict[str, Any]]:
    return [
        change_item(
            lead_id=entry.lead_id,
            at=settlement.lead.settled.at,
            unique=f"{entry.version:08d}#{step}{said.detail_type}{said.about and '#'}{said.about}",
            detail_type=said.detail_type,
            detail={"version": entry.version, **said.detail},
            silent=said.silent,
            record={"lines": [[line.rule, line.points, line.facts] for line in settlement.evaluation.lines]},
        )
        for said in settlement.announcements
    ]


def _asked(lead: Lead, written: Lead, mark: Touched) -> list[dict[str, Any]]:
    """Ask for a confirmation mail when an unproven source asked for mail to an address nobody has proved."""
    if mark.asked_at <= lead.asked_at or lead.address_hash is None:
        return []
    return [
        change_item(
            lead_id=lead.lead_id,
            at=mark.asked_at,
            unique=f"{written.version:08d}#ConfirmationRequested",
            detail_type="ConfirmationRequested",
            detail={"version": written.version},
        )
    ]


def _mailable(before: Entry | None, settlement: Settlement, written: Lead, mark: Touched) -> list[dict[str, Any]]:
    """
    Tell of a first address, its proof, or a yes to mail: the band may have been told when nobody could be mailed yet.

    Not beside a band that is told now, which says as much to whoever enrolls.
    """
    news = _allows(written) - (_allows(before) if isinstance(before, Lead) else set())
    told = any(said.detail_type == "BandChanged" and not said.silent for said in settlement.announcements)
    if not mark.fresh or not news or told:
        return []
    return [
        change_item(
            lead_id=written.lead_id,
            at=mark.as_of,
            unique=f"{written.version:08d}#LeadMailable",
            detail_type="LeadMailable",
            detail={"version": written.version},
        )
    ]


def _allows(lead: Lead) -> set[str]:
    """Return what is known of a lead that mail waits for; nothing while there is no address."""
    known = {"address": True, "proof": lead.proven("email"), "yes": lead.value("consent") is True}
    return set() if lead.value("email") is None else {name for name, holds in known.items() if holds}


def _homes(
    message: Message, arrived: Sequence[Addressed], owners: dict[str, set[str]], workspace: Workspace
) -> set[str]:
    """Return every home the message had a part in."""
    places = {name.home for each in arrived for name in each.names}
    places |= {lead_id for each in arrived for lead_id in owners.get(each.event.event_id, ())}
    places |= {lead.lead_id for lead_id in message.settle if (lead := workspace.lead_at(lead_id)) is not None}
    return places
