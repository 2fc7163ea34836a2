"""Synthesizes a stage once a session and answers questions about its templates."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import aws_cdk as cdk

from infra.app import add_stacks
from infra.names import ROOT
from infra.stages import STAGES, Stage

Resource = Mapping[str, Any]
DEPLOYED_STAGES = ("dev", "staging", "prod")


@dataclass(frozen=True)
class Synthesis:
    """Both templates of one stage, the security report, and what the assembly says of the stacks."""

    stateful: dict[str, Any]
    stateless: dict[str, Any]
    report: dict[str, Any]
    termination_protection: Mapping[str, bool]

    def resources(self, kind: str) -> dict[str, Resource]:
        """Every resource of the type in both stacks, by logical id."""
        both = {**self.stateful["Resources"], **self.stateless["Resources"]}
        return {name: resource for name, resource in both.items() if resource["Type"] == kind}

    def only(self, kind: str) -> dict[str, Any]:
        """The properties of the one resource of the type."""
        (resource,) = self.resources(kind).values()
        return dict(resource["Properties"])

    def function(self, name: str) -> tuple[str, dict[str, Any]]:
        """Logical id and properties of the function of that folder."""
        ((logical_id, resource),) = (
            (logical_id, resource)
            for logical_id, resource in self.resources("AWS::Lambda::Function").items()
            if resource["Properties"]["Handler"] == f"functions.{name}.handler.handler"
        )
        return logical_id, dict(resource["Properties"])

    def statements(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every statement of every role's policy, with the policy's logical id."""
        for name, policy in self.resources("AWS::IAM::Policy").items():
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
                yield name, statement


def synthesize(stage: Stage) -> Synthesis:
    """Synthesize the stage without bundling: no network, no wheels."""
    with tempfile.TemporaryDirectory() as folder:
        context = json.loads((ROOT / "cdk.json").read_text())["context"]
        app = cdk.App(outdir=folder, context={**context, "aws:cdk:bundling-stacks": []})
        stacks = add_stacks(app, stage)
        assembly = app.synth()
        stateful, stateless = (assembly.get_stack_by_name(stack.stack_name) for stack in stacks)
        report = Path(folder, "validation-report.json")
        return Synthesis(
            stateful=stateful.template,
            stateless=stateless.template,
            report=json.loads(report.read_text()) if report.exists() else {},
            termination_protection={
                "stateful": bool(stateful.termination_protection),
                "stateless": bool(stateless.termination_protection),
            },
        )


@cache
def synthesis(name: str) -> Synthesis:
    return synthesize(STAGES[name])


def logical_id(reference: Any) -> str:
    """The logical id that a Ref or the Arn of Fn::GetAtt points to."""
    if "Ref" in reference:
        return str(reference["Ref"])
    return str(reference["Fn::GetAtt"][0])
