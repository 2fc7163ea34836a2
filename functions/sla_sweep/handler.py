"""
Notice clocks that are about to run out, clocks that ran out, and those that nobody cared for since.

Trigger      schedule, every minute (events/schedule_sla_sweep.json); `time` of the event is now
Reads        the due index (`sla`), the handoffs it names, the people of sales, the playbook; of a handoff that goes to
             the next one, the lead
Writes       handoff; with one that goes to the next one, the owner it is counted on
Emits        SlaWarned, SlaBreached, SlaEscalated, HandoffReassigned, through the outbox
Repeat-safe  what was warned about, breached or escalated is stamped on the handoff under its version, together with the change
             that says so; a handoff that fails is counted, the others go on, and the failures are raised at the end
"""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.sla_sweep.passing import pass_to_next
from shared import table
from shared.aws import handoffs, owners, playbooks
from shared.aws.due import Due, due_entries
from shared.errors import ConflictError, RipenError
from shared.instants import instant_text, parse_instant
from shared.rules.routing import HandoffPolicy, handoff_policy
from shared.rules.sla import Tick, next_due, tick
from shared.telemetry import count, logger, metrics

TRIES = 3
"""Rounds of read, decide and write for a handoff that others are changing too."""


DETAIL_TYPES = {"warned": "SlaWarned", "breached": "SlaBreached", "escalated": "SlaEscalated"}
METRICS = {"warned": "ClocksWarned", "breached": "ClocksBreached", "escalated": "ClocksEscalated"}


class SlaSweepError(RipenError):
    """Some handoffs could not be looked at. They are still due: sweep again."""


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    sweep(parse_instant(event["time"]))


def sweep(now: int) -> None:
    """
    Look at everything due at or before the instant.

    Raises:
        SlaSweepError: Some handoffs failed; the others are done.
    """
    policy = handoff_policy(playbooks.current())
    policy = policy.without(owners.time_off(person.id for person in policy.people))
    found: list[Tick] = []
    failed = 0
    for entry in due_entries(table.SLA, now):
        try:
            found += _look_at(entry, now, policy)
        except Exception:  # noqa: BLE001 - whatever is wrong with one handoff, the others' clocks run; raised below
            failed += 1
            logger.exception("handoff not swept", pk=entry.pk, sk=entry.sk)
    for kind, name in METRICS.items():
        count(name, sum(each.kind == kind for each in found))
    count("HandoffsNotSwept", failed)
    if failed:
        raise SlaSweepError(f"{failed} handoffs not swept")


def _look_at(entry: Due, now: int, policy: HandoffPolicy) -> tuple[Tick, ...]:
    lead_id, number = table.lead_id_of(entry.pk), handoffs.number_of(entry.sk)
    for _ in range(TRIES):
        handoff = handoffs.get_handoff(lead_id, number)
        if handoff is None:
            return ()
        after, ticks = tick(handoff, now)
        if not ticks:
            return ()
        after, passing = pass_to_next(after, ticks, policy, now)
        try:
            handoffs.write(
                [
                    handoffs.update_entry(after, next_due(after)),
                    *passing,
                    *(
                        handoffs.change_entry(
                            after,
                            at=now,
                            detail_type=DETAIL_TYPES[each.kind],
                            detail=_detail(each, policy, now),
                            about=f"{each.clock}-{each.kind}{each.level or ''}",
                        )
                        for each in ticks
                    ),
                ]
            )
        except ConflictError:
            continue
        for each in ticks:
            logger.info(each.reason, lead_id=lead_id, number=number, clock=each.clock, kind=each.kind)
        return ticks
    raise ConflictError("the handoff kept changing")


def _detail(found: Tick, policy: HandoffPolicy, now: int) -> dict[str, Any]:
    detail: dict[str, Any] = {"clock": found.clock, "due_at": instant_text(found.due_at)}
    if found.kind == "breached":
        detail["escalated_to"] = policy.reachable(policy.manager.id, now).id
    if found.kind == "escalated":
        detail |= {"level": found.level, "escalated_to": policy.reachable(found.to, now).id}
    return detail
