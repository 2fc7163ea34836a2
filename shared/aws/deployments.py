"""
A deployed stage as the command line finds it: the outputs of its stack, its secrets, its functions, its queues.

No function uses this: what they need is in their environment.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from shared.aws import clients
from shared.errors import RipenError


class DeploymentError(RipenError):
    """The stage cannot be reached as asked: no such stack, no rights, no answer. The message says which."""


@contextmanager
def asking(stage: str) -> Iterator[None]:
    """Name the stage in what goes wrong within: whatever AWS refuses is raised as a `DeploymentError`."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise DeploymentError(f"stage {stage}: {error}") from error


def stack_outputs(stage: str) -> dict[str, str]:
    """
    Return what the stage's stateless stack says of itself: `ApiUrl`, `SigningSecretArn`, `DecaySweepFunction`, ...

    Raises:
        DeploymentError: There is no such stack in this account and region, or it may not be looked at.
    """
    name = f"ripen-{stage}-stateless"
    try:
        (stack,) = clients.cloudformation().describe_stacks(StackName=name)["Stacks"]
    except (BotoCoreError, ClientError) as error:
        raise DeploymentError(f"stage {stage}: cannot look at stack {name}: {error}") from error
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def secret_value(secret_id: str) -> str:
    """
    Return the secret.

    Raises:
        DeploymentError: It is not there, or may not be read.
    """
    try:
        return clients.secrets().get_secret_value(SecretId=secret_id)["SecretString"]
    except (BotoCoreError, ClientError) as error:
        raise DeploymentError(f"cannot read the signing secret: {error}") from error


def run_function(name: str, event: Mapping[str, Any]) -> Any:
    """
    Run a function with the event and return its answer.

    Raises:
        DeploymentError: It cannot be called, or it failed.
    """
    try:
        answer = clients.lambdas().invoke(FunctionName=name, Payload=json.dumps(event).encode())
    except (BotoCoreError, ClientError) as error:
        raise DeploymentError(f"cannot call {name}: {error}") from error
    said = json.loads(answer["Payload"].read() or b"null")
    if answer.get("FunctionError"):
        problem = said.get("errorMessage", said) if isinstance(said, dict) else said
        raise DeploymentError(f"{name} failed: {problem}")
    return said


def function_environment(name: str) -> dict[str, str]:
    """
    Return what the function finds in its environment.

    Raises:
        DeploymentError: There is no such function, or it may not be looked at.
    """
    try:
        return clients.lambdas().get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    except (BotoCoreError, ClientError) as error:
        raise DeploymentError(f"cannot look at {name}: {error}") from error


def sender_verified(address: str) -> bool:
    """
    Tell whether SES sends from the address: it is verified itself, or its domain or one above is.

    Raises:
        DeploymentError: SES cannot be asked.
    """
    parts = address.rpartition("@")[2].split(".")
    names = [address, *(".".join(parts[start:]) for start in range(len(parts) - 1))]
    try:
        told = clients.ses().get_identity_verification_attributes(Identities=names)["VerificationAttributes"]
    except (BotoCoreError, ClientError) as error:
        raise DeploymentError(f"cannot ask SES about {address}: {error}") from error
    return any(each["VerificationStatus"] == "Success" for each in told.values())


def messages_left(queue_url: str) -> int:
    """Return about how many messages wait in the queue or are being worked on."""
    held = clients.sqs().get_queue_attributes(
        QueueUrl=queue_url,
        AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    )["Attributes"]
    return sum(map(int, held.values()))
