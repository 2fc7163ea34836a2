"""Stages are values: the same things everywhere, only bigger, stricter or quieter."""

from dataclasses import replace

import aws_cdk as cdk
import pytest

from infra import app
from infra.app import UnknownStageError, stage_of
from infra.stage_check import StageMistakeError, check, left_to_fill_in
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


@pytest.mark.parametrize("stage", STAGES.values(), ids=lambda stage: stage.name)
def test_the_stages_hold_no_mistake(stage):
    check(stage)


@pytest.mark.parametrize(
    ("filled_in", "told"),
    [
        ({"allowed_origins": "https://www.acme.com"}, 'allowed_origins is a single text; .* ("https://www.acme.com",)'),
        ({"redirect_hosts": "www.acme.com"}, 'redirect_hosts is a single text; .* ("www.acme.com",)'),
        ({"mail_topics_elsewhere": "arn:aws:sns:eu-west-1:1:x"}, "mail_topics_elsewhere is a single text"),
        ({"allowed_origins": ("www.acme.com",)}, "allowed_origins: 'www.acme.com' is no origin"),
        ({"allowed_origins": ("https://www.acme.com/",)}, "allowed_origins: 'https://www.acme.com/' is no origin"),
        ({"redirect_hosts": ("https://www.acme.com",)}, "redirect_hosts: 'https://www.acme.com' is no host"),
        ({"mail_domain": "acme.com"}, "sender: hello@example.com is not of mail_domain acme.com"),
        ({"sender": "hello@notexample.com"}, "sender: hello@notexample.com is not of mail_domain example.com"),
        ({"api_domain": "api.acme.com"}, "certificate_arn is empty"),
        ({"certificate_arn": "arn:aws:acm:eu-west-1:1:certificate/1"}, "api_domain is empty"),
        ({"log_days": 14}, "log_days: 14 is no retention here; write one of 7, 30, 90, 365"),
    ],
)
def test_what_would_deploy_and_then_not_work_is_told_by_its_field(filled_in, told):
    with pytest.raises(StageMistakeError) as caught:
        check(replace(PROD, **filled_in))
    begins, _, ends = told.partition(" .* ")
    assert str(caught.value).startswith(f"infra/stages.py: stage prod: {begins}")
    assert ends in str(caught.value)


def test_a_sender_may_be_of_a_subdomain_of_the_mail_domain():
    check(replace(PROD, mail_domain="acme.com", sender="hello@news.acme.com"))


def deploying(stage, monkeypatch):
    """What the CDK application says of the stage instead of synthesizing it."""
    monkeypatch.setattr(app, "STAGES", {stage.name: stage})
    made = cdk.App(context={"stage": stage.name, "aws:cdk:bundling-stacks": []})
    monkeypatch.setattr(app.cdk, "App", lambda: made)
    with pytest.raises(SystemExit) as ended:
        app.main()
    return ended.value.code


def test_a_stage_with_a_mistake_is_not_synthesized(monkeypatch):
    said = deploying(replace(PROD, log_days=14, mail_domain="acme.com"), monkeypatch)
    assert [line.split(": ")[2] for line in said.splitlines()] == ["sender", "log_days"]


def test_a_playbook_with_a_mistake_is_told_as_the_check_tells_it(monkeypatch, tmp_path):
    (tmp_path / "mine.yaml").write_text("name: mine\nscoring: []\n", encoding="utf-8")
    said = deploying(replace(PROD, playbook=str(tmp_path / "mine")), monkeypatch)
    assert "mine.yaml:2: scoring: " in said


def test_a_failed_message_of_the_local_stage_comes_back_within_a_test():
    assert LOCAL.visibility * LOCAL.receive_count <= 30


def test_a_stage_says_what_nobody_has_filled_in_yet():
    domain, alarms = left_to_fill_in(PROD)
    assert "mail_domain is example.com" in domain
    assert "alarms_mail is empty" in alarms
    own = {"mail_domain": "acme.com", "sender": "hello@acme.com", "alarms_mail": "ops@acme.com"}
    assert list(left_to_fill_in(replace(PROD, **own))) == []
    assert list(left_to_fill_in(LOCAL)) == []
