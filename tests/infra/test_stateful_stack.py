"""The table is the one the code knows; what production keeps, it keeps."""

import pytest

from infra.stages import STAGES
from shared import table
from tests.infra.synthesis import DEPLOYED_STAGES, synthesis

KEPT_TYPES = ("AWS::DynamoDB::GlobalTable", "AWS::SecretsManager::Secret", "AWS::SES::EmailIdentity")


@pytest.mark.parametrize("stage", STAGES)
def test_the_table_has_the_keys_and_indexes_of_the_code(stage):
    store = synthesis(stage).only("AWS::DynamoDB::GlobalTable")
    assert store["KeySchema"] == [
        {"AttributeName": table.PK, "KeyType": "HASH"},
        {"AttributeName": table.SK, "KeyType": "RANGE"},
    ]
    indexes = {index["IndexName"]: index for index in store["GlobalSecondaryIndexes"]}
    assert {
        name: ([key["AttributeName"] for key in index["KeySchema"]], index["Projection"])
        for name, index in indexes.items()
    } == {
        table.DUE_INDEX: (
            [table.DUE_KEY, table.DUE_AT],
            {"ProjectionType": "INCLUDE", "NonKeyAttributes": [table.DUE_ATTEMPTS]},
        ),
        table.RANK_INDEX: ([table.RANK_KEY, table.RANK_BOUND], {"ProjectionType": "KEYS_ONLY"}),
    }
    kinds = {attribute["AttributeName"]: attribute["AttributeType"] for attribute in store["AttributeDefinitions"]}
    assert kinds.pop(table.RANK_BOUND) == "N"
    assert set(kinds.values()) == {"S"}


@pytest.mark.parametrize("stage", STAGES)
def test_the_table_streams_expires_and_is_paid_by_use(stage):
    store = synthesis(stage).only("AWS::DynamoDB::GlobalTable")
    assert store["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}
    assert store["TimeToLiveSpecification"] == {"AttributeName": table.TTL, "Enabled": True}
    assert store["BillingMode"] == "PAY_PER_REQUEST"


@pytest.mark.parametrize("stage", DEPLOYED_STAGES)
def test_the_table_can_be_restored_to_a_point_in_time(stage):
    (replica,) = synthesis(stage).only("AWS::DynamoDB::GlobalTable")["Replicas"]
    assert replica["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


@pytest.mark.parametrize("stage", ["staging", "prod"])
def test_a_stage_that_keeps_data_retains_and_protects_it(stage):
    made = synthesis(stage)
    for kind in KEPT_TYPES:
        for resource in made.resources(kind).values():
            assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")
    (replica,) = made.only("AWS::DynamoDB::GlobalTable")["Replicas"]
    assert replica["DeletionProtectionEnabled"] is True
    assert made.termination_protection == {"stateful": True, "stateless": False}


@pytest.mark.parametrize("stage", ["local", "dev"])
def test_a_stage_for_trying_things_leaves_nothing_behind(stage):
    made = synthesis(stage)
    for kind in KEPT_TYPES:
        assert {resource["DeletionPolicy"] for resource in made.resources(kind).values()} == {"Delete"}
    assert made.termination_protection == {"stateful": False, "stateless": False}


@pytest.mark.parametrize("stage", STAGES)
def test_secrets_are_generated_and_never_in_the_template(stage):
    secrets = synthesis(stage).resources("AWS::SecretsManager::Secret")
    assert len(secrets) == 3
    for secret in secrets.values():
        assert "SecretString" not in secret["Properties"]
        assert "GenerateSecretString" in secret["Properties"]


@pytest.mark.parametrize("stage", STAGES)
def test_every_kind_of_mail_event_is_published_but_those_that_would_have_ses_rewrite_our_links(stage):
    destination = synthesis(stage).only("AWS::SES::ConfigurationSetEventDestination")["EventDestination"]
    assert destination["Enabled"] is True
    assert {kind.lower().replace("_", "") for kind in destination["MatchingEventTypes"]} == {
        "send", "reject", "bounce", "complaint", "delivery", "renderingfailure", "deliverydelay",
        "subscription",
    }  # fmt: skip
    assert "TopicARN" in destination["SnsDestination"]
