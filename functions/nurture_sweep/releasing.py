"""Queue the mails that are due: in due order, fairly over the tracks, and no more than SES takes."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

from shared import settings, table
from shared.aws import enrollments, mailer, playbooks, queue
from shared.aws.due import Due, due_between
from shared.instants import instant_text
from shared.rules.send_rate import in_turn, room, warm_up_limit
from shared.telemetry import count, logger

LOOKED_AT = 10_000
"""Most entries of a shard that one sweep looks at, the oldest: more than any account sends in five minutes."""


def queue_due(now: int) -> tuple[int, int]:
    """Queue what is due and may go. Returns how many mails were queued, and how many entries failed."""
    due = [entry for number in range(table.DUE_SHARDS) for entry in islice(_due(number, now), LOOKED_AT)]
    if not due:
        return 0, 0
    seconds = int(settings.optional("RELEASE_SECONDS", "0"))
    if not seconds:
        return _queue(sorted(due, key=_order), now, rate=None)
    account = mailer.account()
    limit = warm_up_limit(playbooks.current()["mail"], now)
    most = room(account, limit, queued=queue.waiting(settings.sends_queue_url()), seconds=seconds)
    chosen = _chosen(due, most)
    count("MailsHeldBack", len(due) - len(chosen))
    return _queue(chosen, now, rate=account.rate)


def _due(shard_number: int, now: int) -> Any:
    return due_between(table.NURTURE, shard_number, -1, now)


def _order(entry: Due) -> tuple[str, str, str]:
    return entry.due_at, entry.pk, entry.sk


def _chosen(due: Sequence[Due], most: int) -> list[Due]:
    """Return what goes now: everything in due order when there is room, else of each track in turn."""
    oldest_first = sorted(due, key=_order)
    if len(due) <= most:
        return oldest_first
    by_track: dict[str, list[Due]] = {}
    for entry in oldest_first:
        by_track.setdefault(entry.sk, []).append(entry)
    return in_turn(by_track, most)


def _queue(entries: Sequence[Due], now: int, *, rate: float | None) -> tuple[int, int]:
    """
    Lease and queue the entries, so many a second as the rate says. Returns how many were queued, and how many failed.

    Each message says the instant it comes off the queue: what is humane is decided for then.
    """
    size = queue.BATCH if rate is None else max(1, min(queue.BATCH, int(rate)))
    queued = failed = 0
    for start in range(0, len(entries), size):
        delay = 0 if rate is None else int(start / rate)
        messages: list[dict[str, Any]] = []
        for entry in entries[start : start + size]:
            try:
                message = _leased(entry, now, delay)
            except Exception:  # noqa: BLE001 - one lead's trouble must not keep the others' mail back; raised by the handler
                failed += 1
                logger.exception("mail not leased", pk=entry.pk, sk=entry.sk)
                continue
            messages += [] if message is None else [message]
        sent = _sent(messages, delay)
        queued, failed = queued + sent, failed + len(messages) - sent
    return queued, failed


def _leased(entry: Due, now: int, delay: int) -> dict[str, Any] | None:
    """Lease the entry and return the message that asks for its mail; None when somebody else has it, or it is over."""
    run = enrollments.lease(table.lead_id_of(entry.pk), enrollments.track_of(entry.sk), now)
    if run is None:
        return None
    return {
        "schema": 1,
        "lead_id": run.lead_id,
        "track": run.track,
        "rotation": run.rotation,
        "step": run.step,
        "as_of": instant_text(now + delay),
    }


def _sent(messages: list[dict[str, Any]], delay: int) -> int:
    """Queue up to ten messages; returns how many. What was not queued comes back when its lease ends."""
    if not messages:
        return 0
    try:
        queue.send_all(settings.sends_queue_url(), messages, delay_seconds=delay)
    except Exception:  # noqa: BLE001 - the next ones may fare better; raised by the handler
        logger.exception("mails not queued", count=len(messages))
        return 0
    return len(messages)
