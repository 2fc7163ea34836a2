"""Stages are values: the same things everywhere, only bigger, stricter or quieter."""

import aws_cdk as cdk
import pytest

from infra.app import UnknownStageError, stage_of
from infra.stages import LOCAL, PROD, STAGES
from tests.infra.synthesis import DEPLOYED_STAGES, synthesis

ABSENT_LOCALLY = {"AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy", "AWS::Lambda::LayerVersion"}
"""Policies that only refuse plain text, and the layer, whose packages the emulator's Python has."""


def things(stage, *, without=frozenset()):
    made = synthesis(stage)
    both = {**made.stateful["Resources"], **made.stateless["Resources"]}
    kinds = [resource["Type"] for resource in both.values() if resource["Type"] not in without]
    return sorted(kinds)


def test_stages_differ_only_in_values():
    dev, staging, prod = (things(stage) for stage in DEPLOYED_STAGES)
    assert dev == staging == prod


def test_the_local_stage_is_the_same_application():
    assert things("local", without=ABSENT_LOCALLY) == things("prod", without=ABSENT_LOCALLY)


@pytest.mark.parametrize("stage", STAGES)
def test_functions_get_the_same_settings_in_every_stage(stage):
    for name, function in synthesis(stage).resources("AWS::Lambda::Function").items():
        there = synthesis("prod").resources("AWS::Lambda::Function")
        same = next(
            other for other in there.values() if other["Properties"]["Handler"] == function["Properties"]["Handler"]
        )
        variables = function["Properties"]["Environment"]["Variables"]
        assert set(variables) == set(same["Properties"]["Environment"]["Variables"]), name


def test_context_names_the_stage_and_the_addresses_of_the_embedded_aws():
    app = cdk.App(
        context={"stage": "local", "public_url": "http://127.0.0.1:1", "slack_api_url": "http://127.0.0.1:1/s"}
    )
    stage = stage_of(app)
    assert (stage.name, stage.public_url, stage.slack_api_url) == (
        "local", "http://127.0.0.1:1", "http://127.0.0.1:1/s"
    )  # fmt: skip
    assert stage_of(cdk.App(context={"stage": "prod"})) == PROD


@pytest.mark.parametrize("context", [{}, {"stage": "production"}])
def test_an_unknown_stage_is_refused_with_those_there_are(context):
    with pytest.raises(UnknownStageError, match="local, dev, staging, prod"):
        stage_of(cdk.App(context=context))


def test_a_failed_message_of_the_local_stage_comes_back_within_a_test():
    assert LOCAL.visibility * LOCAL.receive_count <= 30
