"""Sending the audience's calls: the official Segment SDK with a server key, HTML form posts with the public one."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests
from segment.analytics.client import Client  # type: ignore[import-untyped]  # the SDK carries no types

from infra.local.demo.audience import Call
from infra.local.errors import LocalError
from infra.local.outputs import Outputs
from infra.local.processes import wait_until
from shared.instants import instant_text

UPLOADERS = 2
"""Threads of the SDK that send batches, beside one that posts forms: each may cost a cold function."""

TOGETHER = 50
"""Calls in one request of the SDK. The emulator hands `score` ten messages at a time, whatever they hold."""

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
"""What posts forms: a program that names itself would be taken for a machine."""

SECONDS = 90.0
"""How long the SDK may take to have all its batches accepted."""


@dataclass(frozen=True, slots=True)
class Posted:
    """How many calls were accepted, by what way, and how long it took."""

    sdk: int
    forms: int
    seconds: float


def post_all(calls: Sequence[Call], outputs: Outputs) -> Posted:
    """
    Send every call, in order as far as several senders keep one, and return when the API has accepted all.

    Raises:
        LocalError: something was refused, or not accepted in time.
    """
    began = time.monotonic()
    by_form = [call for call in calls if call.kind == "form"]
    with ThreadPoolExecutor(1) as browser:
        forms = [browser.submit(_post_form, call, outputs) for call in by_form]
        sdk = _post_by_sdk([call for call in calls if call.kind != "form"], outputs)
        for form in forms:
            form.result()
    return Posted(sdk, len(by_form), time.monotonic() - began)


def enqueue(client: Client, call: Call) -> Any:
    """Hand the call to the SDK as a customer's server does. Returns whether it was taken, and the message."""
    common = {
        "user_id": call.user_id,
        "anonymous_id": call.anonymous_id,
        "timestamp": datetime.fromtimestamp(call.at, UTC),
        "message_id": call.message_id,
    }
    said = dict(call.said)
    match call.kind:
        case "identify":
            return client.identify(traits=said, **common)
        case "group":
            return client.group(group_id=said["name"], traits=said, **common)
        case "page":
            return client.page(name=said["title"], properties=said, **common)
        case "track":
            return client.track(event=call.name, properties=said, **common)
        case "form":
            raise ValueError("a form is posted, not tracked")


def form_fields(call: Call, write_key: str) -> dict[str, str]:
    """Return the fields a browser would post, the hidden ones of a replayed form among them."""
    hidden = {
        "write-key": write_key,
        "anonymous-id": call.anonymous_id,
        "message-id": call.message_id,
        "timestamp": instant_text(call.at),
    }
    return {**hidden, **{name: str(value) for name, value in call.said.items()}}


def _post_by_sdk(calls: Sequence[Call], outputs: Outputs) -> int:
    failures: list[str] = []
    client = Client(
        outputs.write_key,
        host=outputs.api_url,
        on_error=lambda error, batch: failures.append(f"{len(batch)} calls: {error}"),
        thread=UPLOADERS,
        upload_size=TOGETHER,
        max_retries=3,
        max_total_backoff_duration=30,
    )
    for call in calls:
        enqueue(client, call)
    if not wait_until(lambda: client.queue.unfinished_tasks == 0, seconds=SECONDS):
        raise LocalError(f"the API did not accept {client.queue.unfinished_tasks} calls within {SECONDS:.0f} s")
    client.shutdown()
    if failures:
        raise LocalError(f"the API refused calls of the SDK: {failures[0]}")
    return len(calls)


def _post_form(call: Call, outputs: Outputs) -> None:
    answer = requests.post(
        f"{outputs.api_url}/forms/{call.name}",
        data=form_fields(call, outputs.public_key),
        headers={"accept": "application/json", "user-agent": BROWSER},
        timeout=30,
    )
    if answer.status_code != requests.codes.ok:
        raise LocalError(f"form {call.name} was refused with {answer.status_code}: {answer.text[:200]}")
