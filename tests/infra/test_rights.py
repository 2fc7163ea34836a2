"""A function may do what its code calls, and is given what its code reads: no more, no less."""

import pytest

from infra.names import function_names
from tests.infra.calls import reach
from tests.infra.synthesis import logical_id, synthesis

OF_THE_PLATFORM = {"logs", "xray"}
GIVEN_TO_ALL = {"STAGE", "POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_LOG_LEVEL"}
OF_TRIGGERS = {
    "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl",
    "sqs:ReceiveMessage", "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
}  # fmt: skip
"""What the CDK grants so that Lambda can read a source or write to a failure queue."""


def granted(name):
    made = synthesis("prod")
    _, function = made.function(name)
    role = logical_id(function["Role"])
    own_failures = f"{function['Handler'].split('.')[1].replace('_', '')}failures"
    actions = set()
    for policy in made.resources("AWS::IAM::Policy").values():
        if [logical_id(holder) for holder in policy["Properties"]["Roles"]] != [role]:
            continue
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            if own_failures in str(statement.get("Resource", "")).lower():
                continue
            listed = statement["Action"]
            actions |= set(listed if isinstance(listed, list) else [listed])
    return {action for action in actions - OF_TRIGGERS if action.split(":")[0] not in OF_THE_PLATFORM}


@pytest.mark.parametrize("name", function_names())
def test_a_function_may_do_exactly_what_its_code_calls(name):
    assert granted(name) == set(reach(name).actions) - OF_TRIGGERS


@pytest.mark.parametrize("name", function_names())
def test_a_function_is_given_the_settings_its_code_reads(name):
    _, function = synthesis("prod").function(name)
    given = set(function["Environment"]["Variables"])
    read = reach(name)
    assert read.required - given == set()
    assert given - read.required - read.optional - GIVEN_TO_ALL == set()
