"""
The one construct that makes every sweep: a function that a schedule calls with the time it is to act for.

EventBridge fills the event's `time`; a sweep reads no clock, so that past weeks can be swept by hand. A call that
cannot be delivered or handled is set aside in the function's failure queue.
"""

from typing import Literal

import aws_cdk as cdk
from aws_cdk import aws_events as events
from constructs import Construct

from infra.ripen_function import RipenFunction
from infra.stages import Stage


class Sweep(Construct):
    """A schedule for a function: every so many minutes, at 05:30 UTC every day, or at 06:00 on the first of every month."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        function: RipenFunction,
        every: int | Literal["day", "month"],
        stage: Stage,
    ) -> None:
        super().__init__(scope, construct_id)
        events.Rule(
            self,
            "Schedule",
            schedule=_schedule(every),
            enabled=stage.schedules_enabled,
            targets=[function.as_target()],
        )


def _schedule(every: int | Literal["day", "month"]) -> events.Schedule:
    match every:
        case "month":
            return events.Schedule.cron(day="1", hour="6", minute="0")
        case "day":
            return events.Schedule.cron(hour="5", minute="30")
        case minutes:
            return events.Schedule.rate(cdk.Duration.minutes(minutes))
