"""People to erase, and the work of erasing them: what the tests around erasing start from."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from functions.erase.handler import handler as erase
from functions.score.handler import handler as score
from shared.aws.erasure import Erasure, get_erasure
from shared.identity import EMAIL, USER, home
from shared.instants import HOUR, MINUTE
from shared.keys import mint_key
from shared.lead import LeadEvent, queue_message
from tests.conftest import ERASED_AT, IDENTITY_SECRET, PATIENCE, SIGNING_SECRET, Context, sample

NOW = ERASED_AT
EMAIL_ADDRESS = "ada.canary@northbound.example"
USER_ID = "user-canary"
LEAD_ID = home(USER, USER_ID, IDENTITY_SECRET)
EMAIL_HOME = home(EMAIL, EMAIL_ADDRESS, IDENTITY_SECRET)
ORDER = {"by": "maria", "reason": "asked by mail"}


def call(path: str, body: Any = None, *, method: str = "POST", kind: Any = "admin") -> tuple[int, dict[str, Any]]:
    """Call the function as the HTTP API does; return status and answer."""
    request = sample("http_lead_lookup") | {
        "rawPath": path,
        "body": body if isinstance(body, str) or body is None else json.dumps(body),
        "requestContext": {"http": {"method": method, "path": path}},
        "headers": {"authorization": f"Bearer {mint_key(kind, 'test', SIGNING_SECRET)}"},
    }
    answer = erase(request, Context())
    assert answer is not None
    return answer["statusCode"], json.loads(answer["body"].encode())  # as Lambda does: half a sign cannot be sent


def ask(lead_id: str = LEAD_ID) -> str:
    """Ask for the erasure of whoever lives there; return its id."""
    status, said = call(f"/v1/leads/{lead_id}/erase", ORDER)
    assert (status, said["success"]) == (200, True)
    return str(said["erasure"])


def work(erasure_id: str, *, context: Context | None = None) -> None:
    """Hand the function the message of the erasure."""
    body = json.dumps({"schema": 1, "erasure": erasure_id})
    event = {"Records": [{"messageId": "m", "body": body, "eventSource": "aws:sqs"}]}
    erase(event, context or Context())


@contextmanager
def later(monkeypatch: pytest.MonkeyPatch, seconds: int = PATIENCE) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setattr("functions.erase.handler.time.time", lambda: NOW + seconds)
        yield


def finish(erasure_id: str, monkeypatch: pytest.MonkeyPatch) -> Erasure:
    """Have the function do the whole erasure, the wait included."""
    work(erasure_id)
    with later(monkeypatch):
        work(erasure_id)
    return record(erasure_id)


def record(erasure_id: str) -> Erasure:
    found = get_erasure(erasure_id)
    assert found is not None
    return found


def did(
    context: Context,
    event_id: str,
    name: str = "Page Viewed",
    *,
    at: int = NOW - HOUR,
    source: Any = "server",
    **said: Any,
) -> None:
    """Have `score` hear of one event."""
    event = LeadEvent(event_id, name, at, max(at, NOW - 30 * MINUTE), source, **said)
    body = json.dumps(queue_message(source, max(at, NOW - 30 * MINUTE), [event]))
    assert score({"Records": [{"messageId": f"m-{event_id}", "body": body}]}, context) == {"batchItemFailures": []}


def ada(context: Context) -> None:
    """A director with a user id, an address and a device, who asked for a demo."""
    did(context, "e1", anonymous_id="anon-canary", properties={"path": "/pricing"}, at=NOW - 3 * HOUR)
    did(
        context,
        "e2",
        "Demo Requested",
        user_id=USER_ID,
        email=EMAIL_ADDRESS,
        anonymous_id="anon-canary",
        traits={"first_name": "Adacanary", "last_name": "Canarylace", "company": "Canary Freight", "phone": "+4670canary",
                "title": "Director", "consent": True},
    )  # fmt: skip
