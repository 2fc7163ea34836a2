"""What works: a function for every folder, rights by name, and a place and an alarm for every failure."""

import re

import pytest

from infra import stateless_stack
from infra.names import ROOT, function_names
from infra.stages import STAGES
from shared import contracts, table
from tests.infra.synthesis import DEPLOYED_STAGES, logical_id, synthesis

SCHEDULES = {
    "decay_sweep": "rate(15 minutes)",
    "digest": "cron(0 6 1 * ? *)",
    "nurture_sweep": "rate(5 minutes)",
    "publish": "rate(5 minutes)",
    "sla_sweep": "rate(1 minute)",
    "trials": "cron(30 5 * * ? *)",
}
HEARD = {
    "enroll": {
        "BandChanged", "LeadQualified", "LeadUnqualified", "StageChanged", "RuleTriggered", "TrackEnded", "HandoffAccepted",
        "HandoffRejected", "ConfirmationRequested", "LeadMailable",
    },
    "handoff": {"LeadQualified", "LeadUnqualified", "StageChanged"},
    "NoticesQueue": {
        "HandoffCreated", "HandoffAccepted", "HandoffRejected", "HandoffContacted", "HandoffReassigned", "HandoffSnoozed",
        "HandoffConverted", "HandoffClosed", "SlaWarned", "SlaBreached", "SlaEscalated", "LeadErased", "TaskDue",
    },
    "EventsQueue": {"HandoffAccepted", "HandoffRejected", "HandoffContacted", "HandoffClosed"},
}  # fmt: skip
ASYNCHRONOUS = {
    "decay_sweep", "digest", "enroll", "handoff", "mail_feedback", "nurture_sweep", "publish", "sla_sweep", "trials"
}  # fmt: skip

OF_THE_ACCOUNT = {"ses:GetSendQuota"}
"""Actions that know no resource."""

WRITTEN_BY_THE_CDK = {("xray:PutTelemetryRecords", "xray:PutTraceSegments")}
"""Actions that may name every resource: active tracing knows no other way."""

NAMES_OF_THINGS = {
    "AWS::ApiGatewayV2::Stage": set(),  # $default is not a name we chose
    "AWS::CloudWatch::Alarm": {"AlarmName"},
    "AWS::DynamoDB::GlobalTable": {"TableName"},
    "AWS::Events::Rule": {"Name"},
    "AWS::IAM::Role": {"RoleName"},
    "AWS::Lambda::Function": {"FunctionName"},
    "AWS::Lambda::LayerVersion": {"LayerName"},
    "AWS::Logs::LogGroup": {"LogGroupName"},
    "AWS::SES::ConfigurationSet": {"Name"},
    "AWS::SNS::Topic": {"TopicName"},
    "AWS::SQS::Queue": {"QueueName"},
    "AWS::SecretsManager::Secret": {"Name"},
}


def function_of(made, reference):
    """The folder of the function that a Ref or Fn::GetAtt names; of a queue, its logical id without the hash."""
    target = logical_id(reference)
    resource = made.stateless["Resources"][target]
    if resource["Type"] == "AWS::Lambda::Function":
        return resource["Properties"]["Handler"].split(".")[1]
    return target[:-8]


def queue_of(source):
    """The queue a source takes messages from: its logical id without the hash."""
    return logical_id(source["Properties"]["EventSourceArn"])[:-8]


def failure_queues(made):
    """Logical ids of the queues that ring when something arrives."""
    rung = {
        logical_id(alarm["Properties"]["Dimensions"][0]["Value"])
        for alarm in made.resources("AWS::CloudWatch::Alarm").values()
        if alarm["Properties"]["MetricName"] == "ApproximateNumberOfMessagesVisible"
    }
    return rung & set(made.resources("AWS::SQS::Queue"))


@pytest.mark.parametrize("stage", STAGES)
def test_every_folder_is_a_function_and_every_function_a_folder(stage):
    made = synthesis(stage)
    handlers = {found["Properties"]["Handler"] for found in made.resources("AWS::Lambda::Function").values()}
    assert handlers == {f"functions.{name}.handler.handler" for name in function_names()}
    assert len(function_names()) == 19


@pytest.mark.parametrize("stage", STAGES)
def test_every_function_has_its_own_role_log_and_names(stage):
    made = synthesis(stage)
    functions = [found["Properties"] for found in made.resources("AWS::Lambda::Function").values()]
    assert len({logical_id(function["Role"]) for function in functions}) == len(functions)
    assert len({logical_id(function["LoggingConfig"]["LogGroup"]) for function in functions}) == len(functions)
    for function in functions:
        variables = function["Environment"]["Variables"]
        assert variables["POWERTOOLS_SERVICE_NAME"] == function["Handler"].split(".")[1]
        assert variables["POWERTOOLS_METRICS_NAMESPACE"] == "Ripen"
        assert variables["STAGE"] == stage
        assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["arm64"])
        assert function["TracingConfig"] == {"Mode": "Active"}


@pytest.mark.parametrize("stage", STAGES)
def test_every_log_ends(stage):
    for group in synthesis(stage).resources("AWS::Logs::LogGroup").values():
        assert group["Properties"]["RetentionInDays"] == STAGES[stage].log_days


@pytest.mark.parametrize("stage", STAGES)
def test_every_function_rings_when_it_fails(stage):
    made = synthesis(stage)
    rung = {
        logical_id(alarm["Properties"]["Dimensions"][0]["Value"])
        for alarm in made.resources("AWS::CloudWatch::Alarm").values()
        if alarm["Properties"]["MetricName"] == "Errors"
    }
    assert rung == set(made.resources("AWS::Lambda::Function"))


@pytest.mark.parametrize("stage", STAGES)
def test_every_alarm_reaches_operations(stage):
    made = synthesis(stage)
    for alarm in made.resources("AWS::CloudWatch::Alarm").values():
        (action,) = alarm["Properties"]["AlarmActions"]
        assert logical_id(action).startswith("Operations")


@pytest.mark.parametrize("stage", DEPLOYED_STAGES)
def test_operations_takes_what_alarms_publish(stage):
    """The policy that refuses plain text takes the place of the one that lets alarms in."""
    (policy,) = (
        policy["Properties"]["PolicyDocument"]["Statement"]
        for policy in synthesis(stage).resources("AWS::SNS::TopicPolicy").values()
        if any(logical_id(holder).startswith("Operations") for holder in policy["Properties"]["Topics"])
    )
    (allowed,) = (statement for statement in policy if statement["Effect"] == "Allow")
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allowed["Action"] == "sns:Publish"
    assert allowed["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


@pytest.mark.parametrize("stage", STAGES)
def test_every_queue_sets_failures_aside_where_an_alarm_rings(stage):
    made = synthesis(stage)
    rung = failure_queues(made)
    for name, queue in made.resources("AWS::SQS::Queue").items():
        if name in rung:
            assert queue["Properties"]["MessageRetentionPeriod"] == 14 * 86400
        else:
            redrive = queue["Properties"]["RedrivePolicy"]
            assert logical_id(redrive["deadLetterTargetArn"]) in rung
            notices = name.startswith("Notices")
            counts = (STAGES[stage].receive_count, STAGES[stage].notice_receive_count)
            assert redrive["maxReceiveCount"] == counts[notices]


@pytest.mark.parametrize("stage", STAGES)
def test_every_asynchronous_function_has_a_failure_queue(stage):
    made = synthesis(stage)
    configured = {
        function_of(made, config["Properties"]["FunctionName"]): logical_id(
            config["Properties"]["DestinationConfig"]["OnFailure"]["Destination"]
        )
        for config in made.resources("AWS::Lambda::EventInvokeConfig").values()
    }
    assert set(configured) == ASYNCHRONOUS
    assert set(configured.values()) <= failure_queues(made)
    assert len(set(configured.values())) == len(configured)


@pytest.mark.parametrize("stage", STAGES)
def test_every_rule_retries_and_then_sets_aside(stage):
    made = synthesis(stage)
    for rule in made.resources("AWS::Events::Rule").values():
        for target in rule["Properties"]["Targets"]:
            assert logical_id(target["DeadLetterConfig"]["Arn"]) in failure_queues(made)
            if function_of(made, target["Arn"]) in function_names():
                assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 21600, "MaximumRetryAttempts": 2}


@pytest.mark.parametrize("stage", STAGES)
def test_the_bus_tells_each_consumer_what_it_asked_for(stage):
    made = synthesis(stage)
    heard = {
        function_of(made, rule["Properties"]["Targets"][0]["Arn"]): set(
            rule["Properties"]["EventPattern"]["detail-type"]
        )
        for rule in made.resources("AWS::Events::Rule").values()
        if "EventPattern" in rule["Properties"]
    }
    assert heard == HEARD
    known = {change.detail_type for change in contracts.CHANGES}
    assert set().union(*heard.values()) <= known
    sources = {
        tuple(rule["Properties"]["EventPattern"]["source"])
        for rule in made.resources("AWS::Events::Rule").values()
        if "EventPattern" in rule["Properties"]
    }
    assert sources == {(contracts.SOURCE,)}


@pytest.mark.parametrize("stage", STAGES)
def test_schedules_run_where_time_is_real(stage):
    made = synthesis(stage)
    schedules = [
        rule["Properties"]
        for rule in made.resources("AWS::Events::Rule").values()
        if "ScheduleExpression" in rule["Properties"]
    ]
    found = {function_of(made, rule["Targets"][0]["Arn"]): rule["ScheduleExpression"] for rule in schedules}
    assert found == SCHEDULES
    assert {rule["State"] for rule in schedules} == {"DISABLED" if stage == "local" else "ENABLED"}
    assert all("Input" not in target for rule in schedules for target in rule["Targets"])  # the event brings its time


@pytest.mark.parametrize("stage", STAGES)
def test_queues_are_worked_off_in_batches_that_fail_in_parts(stage):
    made = synthesis(stage)
    sources = {
        (function_of(made, source["Properties"]["FunctionName"]), queue_of(source)): source["Properties"]
        for source in made.resources("AWS::Lambda::EventSourceMapping").values()
        if "StartingPosition" not in source["Properties"]
    }
    assert {
        of: (found["BatchSize"], found.get("MaximumBatchingWindowInSeconds", 0)) for of, found in sources.items()
    } == {
        ("score", "EventsQueue"): (100, 1),
        ("score", "SettleQueue"): (20, 1),
        ("resettle", "ResettleWorkQueue"): (1, 0),
        ("engagement", "EngagementWorkQueue"): (50, 1),
        ("erase", "ErasuresQueue"): (1, 0),
        ("nurture_send", "SendsQueue"): (10, 0),
        ("notify", "NoticesQueue"): (1, 0),
    }
    for (name, _), source in sources.items():
        assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        _, function = made.function(name)
        assert function["Timeout"] <= STAGES[stage].visibility


@pytest.mark.parametrize("stage", STAGES)
def test_leads_settled_in_bulk_take_at_most_half_of_what_live_events_may(stage):
    made = synthesis(stage)
    most = {
        queue_of(source): source["Properties"]["ScalingConfig"]["MaximumConcurrency"]
        for source in made.resources("AWS::Lambda::EventSourceMapping").values()
        if "ScalingConfig" in source["Properties"]
    }
    assert most["SettleQueue"] <= max(2, most["EventsQueue"] / 2)


@pytest.mark.parametrize("stage", STAGES)
def test_the_stream_carries_new_changes_only_and_gives_up_in_the_end(stage):
    made = synthesis(stage)
    (source,) = (
        source["Properties"]
        for source in made.resources("AWS::Lambda::EventSourceMapping").values()
        if "StartingPosition" in source["Properties"]
    )
    (pattern,) = source["FilterCriteria"]["Filters"]
    assert pattern["Pattern"] == (
        '{"eventName":["INSERT"],"dynamodb":{"Keys":{"'
        + table.SK
        + '":{"S":[{"prefix":"'
        + table.CHANGE_PREFIX
        + '"}]}}}}'
    )
    assert source["StartingPosition"] == "TRIM_HORIZON"
    assert source["BisectBatchOnFunctionError"] is True
    assert source["MaximumRetryAttempts"] == 10
    assert "FunctionResponseTypes" not in source
    assert logical_id(source["DestinationConfig"]["OnFailure"]["Destination"]) in failure_queues(made)
    assert source.get("MaximumRecordAgeInSeconds") == (60 if stage == "local" else None)


@pytest.mark.parametrize("stage", STAGES)
def test_rights_name_every_action(stage):
    for policy, statement in synthesis(stage).statements():
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert not [action for action in actions if "*" in action], policy


@pytest.mark.parametrize("stage", STAGES)
def test_rights_name_every_resource_but_those_the_cdk_writes(stage):
    texting = []
    for policy, statement in synthesis(stage).statements():
        if "NotResource" in statement:
            texting.append((policy.partition("Role")[0], statement["Action"], statement["NotResource"]))
            continue
        resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        if any("*" in str(resource) for resource in resources):
            known = [action for action in statement["Action"] if action not in OF_THE_ACCOUNT]
            assert not known or tuple(known) in WRITTEN_BY_THE_CDK, policy
    # IAM knows no name for a phone: whatever `sns:Publish` names that is no topic
    assert texting == [("NurtureSend", "sns:Publish", "arn:*:sns:*:*:*")]


@pytest.mark.parametrize("stage", STAGES)
def test_nobody_scans(stage):
    actions = [action for _, statement in synthesis(stage).statements() for action in statement["Action"]]
    assert "dynamodb:Scan" not in actions


@pytest.mark.parametrize("stage", STAGES)
def test_nothing_has_a_name_of_our_making(stage):
    made = synthesis(stage)
    for kind, properties in NAMES_OF_THINGS.items():
        for name, resource in made.resources(kind).items():
            assert not properties & set(resource["Properties"]), name


@pytest.mark.parametrize("stage", DEPLOYED_STAGES)
def test_queues_and_topics_refuse_plain_text(stage):
    made = synthesis(stage)
    guarded = {
        logical_id(holder)
        for kind, key in (("AWS::SQS::QueuePolicy", "Queues"), ("AWS::SNS::TopicPolicy", "Topics"))
        for policy in made.resources(kind).values()
        for holder in policy["Properties"][key]
        if any(
            statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        )
    }
    assert guarded == {*made.resources("AWS::SQS::Queue"), *made.resources("AWS::SNS::Topic")}


def test_what_an_idle_stage_costs_is_what_the_template_adds_up_to():
    made = synthesis("prod")
    said = " ".join(stateless_stack.__doc__.split())
    month = 30 * 24 * 60
    polled = [
        source
        for source in made.resources("AWS::Lambda::EventSourceMapping").values()
        if "BisectBatchOnFunctionError" not in source["Properties"]  # reading a stream costs nothing
    ]
    every = [
        int(found[1])
        for rule in made.resources("AWS::Events::Rule").values()
        if (found := re.fullmatch(r"rate\((\d+) minutes?\)", rule["Properties"].get("ScheduleExpression", "")))
    ]
    receives = 5 * month * 3  # Lambda asks by five long polls of 20 seconds
    alarms, secrets = len(made.resources("AWS::CloudWatch::Alarm")), len(made.resources("AWS::SecretsManager::Secret"))
    for text in (
        f"{alarms} alarms ${alarms * 0.10:.2f}",
        f"{secrets} secrets ${secrets * 0.40:.2f}",
        f"{len(polled)} queues ${len(polled) * receives * 0.40 / 1_000_000:.2f} ({receives:,} receives each)",
        f"{sum(month // minutes for minutes in every):,} sweeps",
    ):
        assert text in said
    *items, most = (float(each) for each in re.findall(r"\$(\d+(?:\.\d\d)?)", said))
    assert most - 1 <= sum(items) < most
    assert f"under ${most:.0f} a month" in (ROOT / "README.md").read_text(encoding="utf-8")
