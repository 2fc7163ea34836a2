"""`ripen keys`: the API keys of a stage."""

import argparse
import re
from typing import get_args

from rich.console import Console

from cli.stage import Stage, StageError
from shared.keys import KeyKind

USES: dict[KeyKind, str] = {
    "public": "in web pages and forms: may add what people do, proves nothing",
    "server": "on your servers: also proves who somebody is",
    "admin": "reads, adjusts, judges, exports and erases leads",
    "sales": "works handoffs, reads reports, sets time off",
    "outcomes": "in your CRM: says who was won, lost, disqualified or became a customer",
}

_LABEL = re.compile(r"[a-z0-9-]{1,32}")


def show(asked: argparse.Namespace, console: Console) -> None:
    """
    Print one key of each kind, and the secret that webhooks to us are signed with; or the one that we sign a webhook with.

    Raises:
        StageError: The label cannot stand in a key.
    """
    if asked.label is not None and _LABEL.fullmatch(asked.label) is None:
        raise StageError(f"label {asked.label!r}: use 1 to 32 of a-z, 0-9 and hyphen")
    stage = Stage(asked.stage)
    if asked.webhook is not None:
        console.print(stage.outgoing_webhook_secret(asked.webhook, asked.number), soft_wrap=True)
        return
    for kind in get_args(KeyKind):
        console.print(f"{kind:<8} {stage.key(kind, asked.label)}  [dim]{USES[kind]}[/]", soft_wrap=True)
    label = asked.label or asked.stage
    use = f"instead, where the CRM signs its webhooks: POST /v1/outcomes?label={label}"
    console.print(f"{'webhook':<8} {stage.webhook_secret(asked.label)}  [dim]{use}[/]", soft_wrap=True)
