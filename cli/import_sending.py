"""
Sending batches to a stage: kept connections, repeats while it is out of breath, and no batch taken for sent that is not.

A batch may be sent any number of times: its events count once by their message ids.
"""

import base64
import email.utils
import http.client
import json
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from shared.errors import RipenError

TRIES = 8
"""Times a batch is sent before the import stops: some two minutes of an outage."""

FIRST_WAIT = 0.5
LONGEST_WAIT = 60.0
"""Seconds before a batch is sent again, doubled each time; what Retry-After asks for comes first."""

TIMEOUT = 60.0
"""Seconds to wait for an answer; the API's own limit is half of it."""

_OPENING = b'{"history":true,"batch":['
_CLOSING = b"]}"
WRAPPING = len(_OPENING) + len(_CLOSING)

_HERE = ("localhost", "127.0.0.1", "::1")


class SendError(RipenError):
    """The stage refused a batch, or did not answer in all its tries."""


class StoppedError(RipenError):
    """The import was stopped while the batch waited for its next try."""


@dataclass(frozen=True, slots=True)
class Refused:
    """One event that the stage did not take: its place in the batch, the field, and what to do."""

    index: int
    field: str
    problem: str


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    retry_after: str | None


@dataclass
class Sender:
    """The way to one stage: its address, its key, and the kept connections that no thread uses just now."""

    url: str
    key: str
    stop: threading.Event = field(default_factory=threading.Event)
    idle: list[http.client.HTTPConnection] = field(default_factory=list)

    def close(self) -> None:
        """Close the kept connections; nothing may be under way."""
        for connection in self.idle:
            connection.close()


def check_target(url: str, key: str) -> None:
    """Raises SendError when the address is none, would carry the key in the open, or the key is of another kind."""
    if not _is_address(url):
        raise SendError(f"{url!r} is no address: write it as in https://api.example.com")
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in _HERE:
        raise SendError(f"{url!r} would carry the key in the open: write https://")
    if not key.startswith("server_"):
        raise SendError("history needs a server key (server_...): ripen keys prints one")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # a port that is none is told when it is asked for
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and url.isprintable() and " " not in url


def send(sender: Sender, events: Sequence[bytes]) -> list[Refused]:
    """
    Send the events as one batch, or as several when the stage finds it too large; return those it refused.

    Raises:
        SendError: The stage refuses the batch, or does not take it in all its tries.
        StoppedError: The import was stopped.
    """
    answer = _posted(sender, _OPENING + b",".join(events) + _CLOSING)
    if _is_too_much(answer):
        if len(events) == 1:
            return [Refused(0, "the row", _message(answer.body))]
        half = len(events) // 2
        later = send(sender, events[half:])
        return send(sender, events[:half]) + [Refused(each.index + half, each.field, each.problem) for each in later]
    if answer.status != http.HTTPStatus.OK:
        raise SendError(f"{sender.url} answered {answer.status}: {_message(answer.body)}")
    try:
        said = json.loads(answer.body)
        taken = said["success"] is True
        refused = [Refused(int(each["index"]), each["field"], each["message"]) for each in said.get("rejected", ())]
    except (ValueError, KeyError, TypeError) as error:
        raise SendError(f"{sender.url} answers 200 and is no stage of Ripen: is the address right?") from error
    if not taken or any(not 0 <= each.index < len(events) for each in refused):
        raise SendError(f"{sender.url} answers 200 and is no stage of Ripen: is the address right?")
    return refused


def _is_too_much(answer: Answer) -> bool:
    """Tell whether the stage would take the same events in smaller parts."""
    if answer.status == http.HTTPStatus.BAD_REQUEST:
        return _said(answer.body, "field") == "body"
    return answer.status == http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def _posted(sender: Sender, body: bytes) -> Answer:
    """Return the first answer that repeating the batch would not change."""
    problem = ""
    tried = 0
    while tried < TRIES:
        wait = min(FIRST_WAIT * 2**tried, LONGEST_WAIT)
        tried += 1
        try:
            answer = _ask(sender, body)
        except (OSError, http.client.HTTPException) as error:
            problem = f"does not answer: {error or type(error).__name__}"
        else:
            throttled = answer.status == http.HTTPStatus.TOO_MANY_REQUESTS
            if not throttled and answer.status < http.HTTPStatus.INTERNAL_SERVER_ERROR:
                return answer
            if throttled and answer.retry_after is not None:
                tried = 0  # it is there, and says when it has room again
            problem = f"answered {answer.status}: {_message(answer.body)}"
            wait = max(wait, _asked_wait(answer.retry_after))
        if tried < TRIES and sender.stop.wait(wait):
            raise StoppedError("the import was stopped")
    raise SendError(f"{sender.url} {problem} ({TRIES} tries)")


def _ask(sender: Sender, body: bytes) -> Answer:
    """Ask once. Raises OSError or HTTPException when there is no whole answer; that connection is not kept."""
    try:
        connection = sender.idle.pop()
    except IndexError:
        connection = _connection(sender.url)
    try:
        connection.request(
            "POST",
            f"{urlsplit(sender.url).path.rstrip('/')}/v1/batch",
            body,
            {
                "authorization": "Basic " + base64.b64encode(f"{sender.key}:".encode()).decode(),
                "content-type": "application/json",
                "user-agent": "ripen-import",
            },
        )
        answer = connection.getresponse()
        told = Answer(answer.status, answer.read(), answer.headers.get("retry-after"))
    except BaseException:
        connection.close()
        raise
    sender.idle.append(connection)
    return told


def _connection(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        return http.client.HTTPSConnection(host, parts.port, timeout=TIMEOUT, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT)


def _asked_wait(retry_after: str | None) -> float:
    """Return the seconds that a Retry-After header asks for, in either of its forms; never over five minutes."""
    if retry_after is None:
        return 0.0
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time()
        except ValueError:
            return 0.0
    return min(max(seconds, 0.0), 300.0)


def _message(body: bytes) -> str:
    return _said(body, "message") or "no reason given"


def _said(body: bytes, field: str) -> str:
    try:
        return str(json.loads(body)[field])
    except (ValueError, KeyError, TypeError):
        return ""
