"""
Notice clocks that are about to run out, and clocks that ran out.

Trigger      schedule, every minute (events/schedule_sla_sweep.json); `time` of the event is now
Reads        the due index (`sla`), the handoffs it names, the playbook
Writes       handoff
Emits        SlaWarned, SlaBreached, through the outbox
Repeat-safe  what was warned about or breached is stamped on the handoff under its version, together with the change
             that says so; a handoff that fails is counted, the others go on, and the failures are raised at the end
"""

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import table
from shared.aws import handoffs, playbooks
from shared.aws.due import Due, due_entries
from shared.errors import ConflictError, RipenError
from shared.instants import instant_text, parse_instant
from shared.rules.routing import handoff_policy
from shared.rules.sla import Tick, next_due, tick
from shared.telemetry import logger, metrics

TRIES = 3
"""Rounds of read, decide and write for a handoff that others are changing too."""


class SlaSweepError(RipenError):
    """Some handoffs could not be looked at. They are still due: sweep again."""


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    metrics.add_metric(name="SlaSweeps", unit=MetricUnit.Count, value=1)
    sweep(parse_instant(event["time"]))


def sweep(now: int) -> None:
    """
    Look at everything due at or before the instant.

    Raises:
        SlaSweepError: Some handoffs failed; the others are done.
    """
    manager = handoff_policy(playbooks.current()).manager.id
    found: list[Tick] = []
    failed = 0
    for entry in due_entries(table.SLA, now):
        try:
            found += _look_at(entry, now, manager)
        except Exception:  # noqa: BLE001 - whatever is wrong with one handoff, the others' clocks run; raised below
            failed += 1
            logger.exception("handoff not swept", pk=entry.pk, sk=entry.sk)
    for kind, name in (("warned", "ClocksWarned"), ("breached", "ClocksBreached")):
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=sum(each.kind == kind for each in found))
    metrics.add_metric(name="HandoffsNotSwept", unit=MetricUnit.Count, value=failed)
    if failed:
        raise SlaSweepError(f"{failed} handoffs not swept")


def _look_at(entry: Due, now: int, manager: str) -> tuple[Tick, ...]:
    lead_id, number = table.lead_id_of(entry.pk), handoffs.number_of(entry.sk)
    for _ in range(TRIES):
        handoff = handoffs.get_handoff(lead_id, number)
        if handoff is None:
            return ()
        after, ticks = tick(handoff, now)
        if not ticks:
            return ()
        try:
            handoffs.write(
                [
                    handoffs.update_entry(after, next_due(after)),
                    *(
                        handoffs.change_entry(
                            after,
                            at=now,
                            detail_type=_detail_type(each),
                            detail=_detail(each, manager),
                            about=f"{each.clock}-{each.kind}",
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


def _detail_type(found: Tick) -> str:
    return "SlaBreached" if found.kind == "breached" else "SlaWarned"


def _detail(found: Tick, manager: str) -> dict[str, Any]:
    detail = {"clock": found.clock, "due_at": instant_text(found.due_at)}
    return {**detail, "escalated_to": manager} if found.kind == "breached" else detail
