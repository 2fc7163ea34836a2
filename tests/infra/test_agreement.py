"""A stage that takes only signed playbooks takes no other, unless somebody says so."""

import json
from datetime import date
from pathlib import Path

import aws_cdk as cdk
import pytest

from infra.app import UnsignedPlaybookError, check_agreement
from infra.packages import compiled
from infra.stages import DEV, LOCAL, PROD, STAGING

SIGNED = {"name": "Head", "on": "2026-11-02"}
TODAY = date(2026, 11, 22)


def document(**agreement):
    return {"name": "ours", "agreement": {"marketing": SIGNED, "sales": SIGNED, "review_by": "2027-02-01"} | agreement}


def warnings(stage, said, *, today=TODAY, context=None):
    """Return what synth warns of, as it stands in the assembly's files: that is where the CDK's CLI reads it."""
    app = cdk.App(context=context or {})
    stack = cdk.Stack(app, "stack")
    check_agreement(stack, stage, said, today)
    folder = Path(app.synth().directory)
    entries = [
        each for path in folder.glob("*.json") for each in _entries(json.loads(path.read_text(encoding="utf-8")))
    ]
    return [str(each["data"]) for each in entries if each["type"] == "aws:cdk:warning"]


def _entries(said):
    if isinstance(said, dict):
        if "type" in said and "data" in said:
            yield said
        for each in said.values():
            yield from _entries(each)
    elif isinstance(said, list):
        for each in said:
            yield from _entries(each)


def test_production_refuses_an_unsigned_playbook_and_says_what_to_do():
    with pytest.raises(UnsignedPlaybookError) as caught:
        warnings(PROD, document(sales=None))
    message = str(caught.value)
    assert "ours is not signed by sales; write agreement.sales" in message
    assert "-c accept_unsigned=true" in message
    assert "marketing" not in message


def test_production_takes_it_with_a_warning_when_somebody_says_so():
    (warning,) = warnings(PROD, document(sales=None), context={"accept_unsigned": "true"})
    assert "not signed by sales" in warning
    with pytest.raises(UnsignedPlaybookError):
        warnings(PROD, document(sales=None), context={"accept_unsigned": "false"})


@pytest.mark.parametrize("stage", [LOCAL, DEV, STAGING], ids=lambda stage: stage.name)
def test_other_stages_only_warn(stage):
    assert len(warnings(stage, document(sales=None, marketing=None))) == 2


def test_an_overdue_review_warns_and_keeps_no_repair_from_production():
    assert warnings(PROD, document(), today=date(2027, 2, 1)) == []
    (warning,) = warnings(PROD, document(), today=date(2027, 2, 2))
    assert "overdue since 2027-02-01" in warning


def test_the_playbooks_of_the_stages_are_signed():
    for stage in (LOCAL, DEV, STAGING, PROD):
        assert warnings(stage, compiled(stage.playbook)) == []
