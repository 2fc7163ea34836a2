"""`ripen sweep`: a scheduled function, run with the event its schedule would send."""

import argparse
import json

from rich.console import Console

from cli.stage import Stage
from shared.aws import deployments
from shared.instants import instant_text

SWEEPS = {"decay": "decay_sweep", "sla": "sla_sweep", "nurture": "nurture_sweep"}


def run(asked: argparse.Namespace, console: Console) -> None:
    """Run the sweep at the instant and print what it answered."""
    function = SWEEPS[asked.sweep]
    stage = Stage(asked.stage)
    at = instant_text(asked.at)
    answer = deployments.run_function(stage.function(function), tick(function, at))
    console.print(f"{function} ran at {at}{'' if answer is None else f': {json.dumps(answer)}'}")


def tick(function: str, at: str) -> dict[str, object]:
    """Return the event the schedule of the function would send at that instant."""
    return {
        "version": "0",
        "id": f"by-hand-{function}-{at}",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "time": at,
        "resources": [],
        "detail": {},
    }
