"""Finding a stage: the local one in its outputs, others in the outputs of their stack; its keys, and its sweeps."""

import io
import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import get_args

import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from infra.local.outputs import Outputs
from shared.aws import clients
from shared.keys import KeyKind, key_kind, outgoing_webhook_secret, webhook_secret
from tests.cli.conftest import Ripen
from tests.conftest import SIGNING_SECRET, Aws, sample

OUTPUTS = {
    "ApiUrl": "https://leads.example.com/",
    "SigningSecretArn": "signing",
    "SlaSweepFunction": "ripen-dev-SlaSweep-1",
}


@pytest.fixture
def stack() -> Iterator[Stubber]:
    """CloudFormation, answering what the test adds."""
    with Stubber(clients.cloudformation()) as stubber:
        yield stubber


def deployed(stack: Stubber, stage: str, outputs: dict[str, str]) -> None:
    found = {
        "StackName": f"ripen-{stage}-stateless",
        "CreationTime": datetime(2026, 1, 5, tzinfo=UTC),
        "StackStatus": "CREATE_COMPLETE",
        "Outputs": [{"OutputKey": name, "OutputValue": value} for name, value in outputs.items()],
    }
    stack.add_response("describe_stacks", {"Stacks": [found]}, {"StackName": found["StackName"]})


def keys_in(out: str) -> list[str]:
    return [line.split()[1] for line in out.splitlines()]


def test_keys_of_a_stage_are_derived_from_its_secret(ripen: Ripen, aws: Aws, stack: Stubber) -> None:
    deployed(stack, "dev", OUTPUTS)
    ran = ripen("keys", "--stage", "dev")
    assert ran.code == 0
    *keys, webhook = keys_in(ran.out)
    assert [key_kind(key, SIGNING_SECRET) for key in keys] == list(get_args(KeyKind))
    assert all("_dev_" in key for key in keys)
    assert webhook == webhook_secret("dev", SIGNING_SECRET)
    deployed(stack, "dev", OUTPUTS)
    other = ripen("keys", "--stage", "dev", "--label", "newsletter")
    *keys, webhook = keys_in(other.out)
    assert all("_newsletter_" in key for key in keys)
    assert [key_kind(key, SIGNING_SECRET) for key in keys] == list(get_args(KeyKind))
    assert webhook == webhook_secret("newsletter", SIGNING_SECRET)
    assert "label=newsletter" in other.out


def test_the_secret_of_a_webhook_is_printed_alone(ripen: Ripen, aws: Aws, stack: Stubber) -> None:
    deployed(stack, "dev", OUTPUTS)
    ran = ripen("keys", "--stage", "dev", "--webhook", "ads", "--number", "2")
    assert (ran.code, ran.out.strip()) == (0, outgoing_webhook_secret("ads", 2, SIGNING_SECRET))


def test_keys_of_the_local_stage_are_those_of_its_outputs(ripen: Ripen, local_stage: Callable[..., Outputs]) -> None:
    outputs = local_stage()
    ran = ripen("keys")
    known = [outputs.public_key, outputs.write_key, outputs.admin_key, outputs.sales_key, outputs.outcomes_key]
    assert keys_in(ran.out) == [*known, outputs.webhook_secret]


def test_a_label_that_cannot_stand_in_a_key_is_refused(ripen: Ripen) -> None:
    ran = ripen("keys", "--label", "My Site")
    assert ran.code == 1
    assert "1 to 32 of a-z, 0-9 and hyphen" in ran.err


def test_without_a_local_stage_make_up_is_named(ripen: Ripen, local_stage: Callable[..., Outputs]) -> None:
    ran = ripen("keys")
    assert ran.code == 1
    assert "make up" in ran.err


def test_a_stage_that_is_not_deployed_is_named(ripen: Ripen, aws: Aws, stack: Stubber) -> None:
    stack.add_client_error("describe_stacks", "ValidationError", "Stack with id ripen-prod-stateless does not exist")
    ran = ripen("keys", "--stage", "prod")
    assert ran.code == 1
    assert ran.err.startswith("ripen: stage prod: cannot look at stack ripen-prod-stateless")
    assert "does not exist" in ran.err


def test_a_stack_without_the_output_is_named(ripen: Ripen, aws: Aws, stack: Stubber) -> None:
    deployed(stack, "dev", {"ApiUrl": "https://leads.example.com/"})
    ran = ripen("keys", "--stage", "dev")
    assert ran.code == 1
    assert "no output SigningSecretArn" in ran.err


def test_the_local_stage_keeps_real_accounts_out_of_reach(ripen: Ripen, local_stage: Callable[..., Outputs]) -> None:
    local_stage(aws_endpoint_url="http://127.0.0.1:9")
    os.environ |= {"AWS_PROFILE": "of-the-person", "AWS_ACCESS_KEY_ID": "of-the-person"}
    assert ripen("keys").code == 0
    assert "AWS_PROFILE" not in os.environ
    assert os.environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:9"
    assert os.environ["AWS_ACCESS_KEY_ID"] == "test"


def answer_of(event: dict[str, object], said: bytes, **more: str) -> Stubber:
    """Answer the one call of the function with that event."""
    stubber = Stubber(clients.lambdas())
    stubber.add_response(
        "invoke",
        {"StatusCode": 200, "Payload": StreamingBody(io.BytesIO(said), len(said)), **more},
        {"FunctionName": "ripen-dev-SlaSweep-1", "Payload": json.dumps(event).encode()},
    )
    return stubber


TICK = {
    "version": "0",
    "id": "by-hand-sla_sweep-2026-01-05T09:30:00Z",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "time": "2026-01-05T09:30:00Z",
    "resources": [],
    "detail": {},
}


def test_a_sweep_runs_with_the_event_of_its_schedule(ripen: Ripen, aws: Aws, stack: Stubber) -> None:
    deployed(stack, "dev", OUTPUTS)
    real = sample("schedule_sla_sweep")
    assert TICK.keys() <= real.keys()
    assert {name: TICK[name] for name in ("detail-type", "source", "time")} == {
        name: real[name] for name in ("detail-type", "source", "time")
    }
    with answer_of(TICK, b'{"breached": 2}') as stubber:
        ran = ripen("sweep", "sla", "--at", "2026-01-05T10:30:00+01:00", "--stage", "dev")
        stubber.assert_no_pending_responses()
    assert ran.code == 0
    assert ran.out.strip() == 'sla_sweep ran at 2026-01-05T09:30:00Z: {"breached": 2}'


def test_a_sweep_that_fails_says_why(ripen: Ripen, aws: Aws, stack: Stubber) -> None:
    deployed(stack, "dev", OUTPUTS)
    with answer_of(TICK, b'{"errorMessage": "2 handoffs not swept"}', FunctionError="Unhandled"):
        ran = ripen("sweep", "sla", "--at", "2026-01-05T09:30:00Z", "--stage", "dev")
    assert ran.code == 1
    assert ran.err.strip() == "ripen: ripen-dev-SlaSweep-1 failed: 2 handoffs not swept"


@pytest.mark.parametrize("at", ["now", "2026-01-05T09:30:00", "yesterday"])
def test_a_time_must_be_one_with_a_zone(ripen: Ripen, at: str) -> None:
    ran = ripen("sweep", "decay", "--at", at)
    assert ran.code == 2
    assert "--at" in ran.err
