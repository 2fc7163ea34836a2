"""The stage the benchmarks run our handlers in: its settings, and a Lambda context that has time."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3

from shared.aws import clients, playbooks, secret_values
from shared.bundle import playbook_document
from shared.playbook import compile_playbook
from tests.benchmarks.stub import QUEUE, TABLE

REGION = "eu-north-1"
"""That of the tests, whose table the emulator gets."""


@dataclass(frozen=True)
class Context:
    """What a handler may ask of its Lambda context."""

    function_name: str = "benchmark"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:000000000000:function:benchmark"
    aws_request_id: str = "00000000-0000-4000-8000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@contextmanager
def staged(address: str, *, table_name: str = TABLE) -> Iterator[dict[str, Any]]:
    """Point the handlers at the endpoint with the default playbook, which is handed out; put everything back after."""
    before = dict(os.environ)
    with TemporaryDirectory() as folder:
        bundle = Path(folder) / "playbook_bundle.json"
        bundle.write_text(json.dumps(compile_playbook()), encoding="utf-8")
        kept = {name: value for name, value in before.items() if not name.startswith("AWS_")}
        os.environ.clear()
        os.environ.update(
            kept
            | {
                "AWS_ENDPOINT_URL": address,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_DEFAULT_REGION": REGION,
                "AWS_REGION": REGION,
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
                "POWERTOOLS_SERVICE_NAME": "benchmark",
                "POWERTOOLS_METRICS_NAMESPACE": "Ripen",
                "POWERTOOLS_TRACE_DISABLED": "true",
                "PLAYBOOK_PATH": str(bundle),
                "STAGE": "benchmark",
                "TABLE_NAME": table_name,
                "EVENTS_QUEUE_URL": QUEUE,
                "SETTLE_QUEUE_URL": QUEUE,
                "RESETTLE_QUEUE_URL": QUEUE,
                "IDENTITY_SECRET": "identity",
            }
        )
        _forget()
        try:
            yield playbook_document()
        finally:
            os.environ.clear()
            os.environ.update(before)
            _forget()


def _forget() -> None:
    """Drop what a process reads once: clients, secrets, the playbook."""
    boto3.DEFAULT_SESSION = None  # the reference handler's
    clients.forget()
    secret_values.forget()
    playbook_document.cache_clear()
    playbooks.forget()


@contextmanager
def hushed() -> Iterator[None]:
    """Send what handlers print to nowhere; printing costs them what it costs them."""
    out, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(out, 1)
        os.close(out)
        os.close(nowhere)
