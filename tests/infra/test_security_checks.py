"""cdk-nag runs on every deployed stage, finds nothing that is not acknowledged, and would find something."""

from dataclasses import replace

import pytest

from infra.stages import PROD
from tests.infra.synthesis import DEPLOYED_STAGES, synthesis, synthesize

PACKS = {"AwsSolutions", "Serverless"}


def packs(made):
    return {report["pluginName"]: report for report in made.report["pluginReports"] if report["pluginName"] in PACKS}


@pytest.mark.parametrize("stage", DEPLOYED_STAGES)
def test_no_finding_is_left_without_a_reason(stage):
    reports = packs(synthesis(stage))
    assert set(reports) == PACKS
    for report in reports.values():
        assert report["violations"] == []
        assert all(len(found["reason"]) > 10 for found in report["suppressedViolations"])


def test_no_other_validation_complains():
    for report in synthesis("prod").report["pluginReports"]:
        assert report["violations"] == [], report["pluginName"]


@pytest.mark.parametrize("rule", ["AwsSolutions-SQS4", "AwsSolutions-SNS3"])
def test_plain_text_would_be_found(rule):
    with pytest.raises(RuntimeError, match=rule):
        synthesize(replace(PROD, enforce_tls=False))
