"""
What follows an erasure, step by step: each is one transaction of what goes and of the record that counts it.

Four rounds over the homes. *clearing* removes all but handoffs. Then the work waits until no function that had read the
lead before the markers stood can still be writing. *handoffs* takes those, and notes where Slack messages about the
person stand: deliveries of the last minute are on record by now. *finishing* looks once more for what was written
meanwhile, takes the person's claims off shared devices, and tells the bus.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from functions.erase.asking import patience
from functions.erase.leftovers import left_of_address
from shared import settings, table
from shared.aws import leads, partitions, queue, timeline
from shared.aws.erasure import (
    Erasure,
    Place,
    announcement_entry,
    delete_entry,
    device_entry,
    get_erasure,
    item_entry,
    marker_entry,
    write,
)
from shared.aws.secret_values import identity_secret
from shared.errors import ConflictError
from shared.identity import address_hash, number_hash
from shared.lead import Alias, Erased, LeadEvent
from shared.rules.erasing import belonging, is_first, left_over, numbers_said, parted, to_look_at
from shared.telemetry import logger, metrics

PAGE = 25
"""Items of one step; with the marker or the device they stay far under the 100 of a transaction."""

MOST_ADDRESSES = 2_000
"""Addresses of an erasure, which its record lists, that it takes up because a browser said them: the record is one item."""

TRIES = 5
"""Rounds for a step whose items others are writing too."""

KINDS = {
    table.EVENTS_PREFIX: "messages",
    table.CHANGE_PREFIX: "changes",
    table.HANDOFF_PREFIX: "handoffs",
    table.TRACK_PREFIX: "enrollments",
    table.SEND_PREFIX: "sends",
}
"""What the record counts an item as, by the beginning of its sort key."""


@dataclass(slots=True)
class Step:
    """What one page makes of its items, and what it says of the person."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    events: list[LeadEvent] = field(default_factory=list)
    addresses: set[str] = field(default_factory=set)
    messages: list[Place] = field(default_factory=list)


def work_on(erasure_id: str, *, now: int, may_go_on: Callable[[], bool]) -> None:
    """
    Do what is left of the erasure, or as much as time allows, and queue the rest.

    Raises:
        ConflictError: Others kept writing what a step rests on. The message comes again.
    """
    erasure = get_erasure(erasure_id)
    if erasure is None:
        logger.info("an erasure that was not begun", erasure=erasure_id)
        return
    if erasure.state == "done":
        return
    tries = 0
    while not erasure.done:
        wait = max(0, erasure.asked_at + patience() - now) if erasure.state == "waiting" else 0
        if wait or not may_go_on():
            queue.send_all(settings.erasures_queue_url(), [{"schema": 1, "erasure": erasure_id}], delay_seconds=wait)
            return
        try:
            erasure = _step(erasure, now)
            tries = 0
        except ConflictError:
            fresh = get_erasure(erasure_id)
            if fresh is None or fresh.version != erasure.version:
                logger.info("somebody else works on the erasure", erasure=erasure_id)
                return
            tries += 1
            if tries == TRIES:
                raise
    metrics.add_metric("ErasuresDone", "Count", 1)
    logger.info("erased", erasure=erasure_id, counts=dict(erasure.counts))


def _step(erasure: Erasure, now: int) -> Erasure:
    """Do one step, and return the record as it is then."""
    if erasure.address < len(erasure.addresses):
        after, entries = _address(erasure)
    elif erasure.home < len(erasure.homes):
        after, entries = _page(erasure)
    else:
        after, entries = _next_round(erasure, now)
    write(after, entries)
    return replace(after, version=after.version + 1)


def _next_round(erasure: Erasure, now: int) -> tuple[Erasure, list[dict[str, Any]]]:
    match erasure.state:
        case "clearing":
            return replace(erasure, state="waiting"), []
        case "waiting":
            return replace(erasure, state="handoffs", home=0), []
        case "handoffs":
            return replace(erasure, state="finishing", home=0), []
        case _:
            return replace(erasure, state="done", finished_at=now), [announcement_entry(erasure)]


def _page(erasure: Erasure) -> tuple[Erasure, list[dict[str, Any]]]:
    """Remove the next items of the home that it is the turn of."""
    place = erasure.homes[erasure.home]
    homes = frozenset(erasure.homes)
    entry = leads.load([place])[place]
    whose = belonging(entry, homes)
    if whose == "foreign":
        return replace(erasure, home=erasure.home + 1, after=""), []
    device = entry if isinstance(entry, Alias) and whose == "shared" else None
    items, after = partitions.page(table.lead_pk(place), after=erasure.after, limit=PAGE)
    step = Step()
    for item in items:
        _remove(item, step, state=erasure.state, device=device, homes=homes)
    if device is None and not isinstance(entry, Erased):
        step.entries.append(marker_entry(erasure, place, 0 if entry is None else entry.version))
    if device is not None and erasure.state == "finishing" and not after:
        step.entries.append(device_entry(left_over(device, homes)))
        step.counts["devices"] += 1
    if device is None and erasure.state == "clearing" and not after:
        step.counts["homes"] += 1
    secret = identity_secret()
    step.addresses |= {
        address_hash(each.email, secret) for each in step.events if each.email and each.source != "public"
    }
    claimed = {address_hash(each.email, secret) for each in step.events if each.email and each.source == "public"}
    step.addresses |= {number_hash(number, secret) for number in numbers_said(step.events)}
    new = to_look_at(erasure.addresses, step.addresses, claimed, most=MOST_ADDRESSES)
    return replace(
        erasure,
        home=erasure.home if after else erasure.home + 1,
        after=after,
        addresses=(*erasure.addresses, *new),
        messages=(*erasure.messages, *step.messages),
        counts=_added(erasure.counts, step.counts),
    ), step.entries


def _remove(item: Mapping[str, Any], step: Step, *, state: str, device: Alias | None, homes: frozenset[str]) -> None:
    """Note what becomes of one item, and what it says of the person."""
    sk = item[table.SK]
    if sk == table.LEAD_SK:
        return
    if sk.startswith(table.EVENTS_PREFIX):
        if state != "handoffs":
            _remove_events(item, step, device, homes)
        return
    if device is not None and not is_first(device.claims, homes):
        return
    if "deliveries" in item:  # of a handoff, or of a task
        step.addresses |= set(item.get("paused", ()))
        if state == "clearing":
            return
        step.messages += [
            (delivery["channel"], delivery["ts"]) for delivery in item["deliveries"].values() if delivery["ts"]
        ]
    elif state == "handoffs":
        return
    if sk.startswith(table.SEND_PREFIX):
        step.addresses.add(item["address"])
    step.entries.append(delete_entry(item))
    if not sk.startswith(table.HOME_PREFIX):
        step.counts[next((kind for prefix, kind in KINDS.items() if sk.startswith(prefix)), "others")] += 1


def _remove_events(item: Mapping[str, Any], step: Step, device: Alias | None, homes: frozenset[str]) -> None:
    mine, others = timeline.events_of(item), list[LeadEvent]()
    if device is not None:
        mine, others = parted(mine, device.claims, homes)
    if not mine and others:
        return
    step.events += mine
    step.counts["events"] += len(mine)
    if others:
        step.entries.append(item_entry({**item, "events": timeline.packed_events(others)}))
        return
    step.entries.append(delete_entry(item))
    step.counts["messages"] += 1


def _address(erasure: Erasure) -> tuple[Erasure, list[dict[str, Any]]]:
    """Leave of an address only what refuses mail; of somebody else's, all but what this person left there."""
    name = erasure.addresses[erasure.address]
    items, after = partitions.page(table.address_pk(name), after=erasure.address_after, limit=PAGE)
    begins = not erasure.address_after
    entries = left_of_address(
        name, items, asked_at=erasure.asked_at, homes=frozenset(erasure.homes), foreign=partitions.is_foreign(name, erasure.homes),
        begins=begins,
    )  # fmt: skip
    counted = _added(erasure.counts, Counter() if after else Counter(addresses=1))
    return replace(
        erasure, address=erasure.address if after else erasure.address + 1, address_after=after, counts=counted
    ), entries


def _added(counts: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    return {kind: counts.get(kind, 0) + more.get(kind, 0) for kind in sorted({*counts, *more})}
