"""
The CDK application: `cdk deploy --all -c stage=prod`. The only reader of context and of the target account.

Two stacks a stage: what must outlive a deployment, and what works on it.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import aws_cdk as cdk

from infra import acknowledgements, stage_check
from infra.packages import compiled
from infra.stage_check import StageMistakeError
from infra.stages import STAGES, Stage
from infra.stateful_stack import StatefulStack
from infra.stateless_stack import StatelessStack
from shared.playbook import reservations, unsigned
from shared.playbook_problems import PlaybookError


class UnknownStageError(ValueError):
    """The context names no stage we have, or none at all."""


class UnsignedPlaybookError(ValueError):
    """The stage takes only a signed playbook, and its own is not."""


def stage_of(app: cdk.App) -> Stage:
    """
    Return the stage that `-c stage=` names, with the two addresses only a running embedded AWS knows.

    Raises:
        UnknownStageError: no such stage; the message lists them.
    """
    name = app.node.try_get_context("stage")
    if name not in STAGES:
        raise UnknownStageError(f"say which stage: -c stage=NAME with one of {', '.join(STAGES)} (given: {name})")
    stage = STAGES[name]
    return replace(
        stage,
        public_url=app.node.try_get_context("public_url") or stage.public_url,
        slack_api_url=app.node.try_get_context("slack_api_url") or stage.slack_api_url,
        webhooks_url=app.node.try_get_context("webhooks_url") or stage.webhooks_url,
    )


def add_stacks(app: cdk.App, stage: Stage) -> tuple[StatefulStack, StatelessStack]:
    """Add the stage's two stacks to the app."""
    account, region = os.environ.get("CDK_DEFAULT_ACCOUNT"), os.environ.get("CDK_DEFAULT_REGION")
    environment = cdk.Environment(account=account, region=region)
    stateful = StatefulStack(
        app,
        f"ripen-{stage.name}-stateful",
        stage=stage,
        env=environment,
        termination_protection=stage.keeps_data,
        description=f"Ripen {stage.name}: table, secrets, mail identity",
    )
    stateless = StatelessStack(
        app,
        f"ripen-{stage.name}-stateless",
        stage=stage,
        state=stateful,
        env=environment,
        description=f"Ripen {stage.name}: API, queues, functions, bus, schedules",
    )
    for stack in (stateful, stateless):
        cdk.Tags.of(stack).add("application", "ripen")
        cdk.Tags.of(stack).add("stage", stage.name)
    if stage.security_checks:
        acknowledgements.check(app, stateful=stateful, stateless=stateless)
    return stateful, stateless


def check_agreement(stack: cdk.Stack, stage: Stage, document: Mapping[str, Any], today: date) -> None:
    """
    Warn of what should be settled before the stage's playbook is relied on.

    An overdue review only warns: it must not keep a repair from being deployed.

    Raises:
        UnsignedPlaybookError: The stage takes only a signed playbook, and nobody said `-c accept_unsigned=true`.
    """
    accepted = str(stack.node.try_get_context("accept_unsigned")).lower() == "true"
    if stage.signed_playbook_only and not accepted and (missing := unsigned(document)):
        refusal = f"stage {stage.name} takes only a signed playbook; to deploy it all the same: -c accept_unsigned=true"
        raise UnsignedPlaybookError("\n".join([*missing, refusal]))
    for number, reservation in enumerate(reservations(document, today), start=1):
        cdk.Annotations.of(stack).add_warning_v2(f"ripen:playbook-{number}", reservation)


def main() -> None:
    app = cdk.App()
    try:
        stage = stage_of(app)
        stage_check.check(stage)
        _, stateless = add_stacks(app, stage)
        for number, each in enumerate(stage_check.left_to_fill_in(stage), start=1):
            text = f"infra/stages.py: stage {stage.name}: {each}"
            cdk.Annotations.of(stateless).add_warning_v2(f"ripen:stage-{number}", text)
        check_agreement(stateless, stage, compiled(stage.playbook), datetime.now(UTC).date())
    except (UnknownStageError, StageMistakeError, PlaybookError, UnsignedPlaybookError) as error:
        sys.exit(str(error))
    app.synth()


if __name__ == "__main__":
    main()
