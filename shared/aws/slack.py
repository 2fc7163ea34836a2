"""
Slack: posting and updating messages, finding one already posted, answering a press, and proving who pressed.

One attempt per call and short timeouts: the function that calls is itself retried. What is told apart is what the
caller must do: a *refused* message was certainly not posted, an *unsure* one may have been.
"""

import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from typing import Any, NoReturn

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import Clock, SignatureVerifier
from slack_sdk.webhook import WebhookClient

from shared import settings
from shared.errors import DeliveryError, RipenError

TIMEOUT = 5
"""Seconds to wait for Slack."""

PROMPT = 2
"""Seconds to wait when somebody pressed: Slack shows them an error after three."""

PAGE = 200
"""Messages asked for at a time when looking for one; Slack recommends no more."""

GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
"""Slack's answers to an update of a message that a person deleted or that may not be changed any more."""

PERHAPS = frozenset({"internal_error", "fatal_error", "request_timeout", "service_unavailable"})
"""Slack's answers after which, by its own words, some of the work may have been done."""

FAILURES = (SlackApiError, OSError, HTTPException, ValueError)
"""What a call can raise: a refusal, no connection or no answer, half an answer, no JSON."""

_SECONDS = re.compile(r"[0-9]{1,12}")
_ERROR_CODE = re.compile(r"[a-z_]{1,60}")

Blocks = Sequence[dict[str, Any]]


class UnsureDeliveryError(RipenError):
    """Slack may or may not have taken the message. Look for it before posting again."""


@dataclass(frozen=True, slots=True)
class Posted:
    """Where a message stands; a webhook does not say, so `ts` is empty."""

    channel: str
    ts: str


def post(token: str, channel: str, *, text: str, blocks: Blocks, thread: str = "") -> Posted:
    """
    Post a message, as an answer in a thread when one is named.

    Raises:
        DeliveryError: Slack refused or was not reached: it is not there.
        UnsureDeliveryError: It may be there.
    """
    try:
        answer = _client(token).chat_postMessage(
            channel=channel,
            text=text,
            blocks=list(blocks),
            thread_ts=thread or None,
            unfurl_links=False,
            unfurl_media=False,
        )
    except FAILURES as error:
        _raise(error)
    return Posted(str(answer["channel"]), str(answer["ts"]))


def post_by_webhook(url: str, *, text: str, blocks: Blocks) -> Posted:
    """Post through an incoming webhook, which cannot say where the message stands. Raises as `post` does."""
    try:
        answer = WebhookClient(url, timeout=TIMEOUT, retry_handlers=[]).send(text=text, blocks=list(blocks))
    except FAILURES as error:
        _raise(error)
    _check_status(answer.status_code)
    return Posted("", "")


def update(token: str, posted: Posted, *, text: str, blocks: Blocks) -> bool:
    """
    Bring a message up to date. Repeating it changes nothing.

    Returns: False when a person deleted the message, or it may not be changed any more.
    Raises: DeliveryError or UnsureDeliveryError: do it again.
    """
    try:
        _client(token).chat_update(channel=posted.channel, ts=posted.ts, text=text, blocks=list(blocks))
    except SlackApiError as error:
        if _code(error) in GONE:
            return False
        _raise(error)
    except FAILURES as error:
        _raise(error)
    return True


def find(token: str, channel: str, block_id: str, *, since: int, thread: str = "") -> Posted | None:
    """
    Return the message that has a block of that id, looking through the channel, or the thread, since the instant.

    Raises: DeliveryError or UnsureDeliveryError: Slack did not say; nothing is known.
    """
    client = _client(token)
    try:
        place = _channel_id(client, channel)
        if place is None:
            return None
        pages: Any
        if thread:
            pages = client.conversations_replies(channel=place, ts=thread, limit=PAGE)
        else:
            pages = client.conversations_history(channel=place, oldest=str(since), limit=PAGE)
        for page in pages:
            for message in page["messages"] or ():
                if any(block.get("block_id") == block_id for block in message.get("blocks", ())):
                    return Posted(place, str(message["ts"]))
    except FAILURES as error:
        _raise(error)
    return None


def open_direct(token: str, member: str) -> str:
    """Return the channel of direct messages with the member; asking again gives the same. Raises as `post` does."""
    try:
        answer = _client(token).conversations_open(users=member)
        return str(answer["channel"]["id"])
    except FAILURES as error:
        _raise(error)


def open_view(token: str, trigger: str, view: Mapping[str, Any]) -> None:
    """
    Show a dialog to whoever pressed; Slack takes the trigger of a press once, for three seconds.

    Raises: DeliveryError or UnsureDeliveryError: they may see none. They must press again.
    """
    try:
        _client(token, PROMPT).views_open(trigger_id=trigger, view=dict(view))
    except FAILURES as error:
        _raise(error)


def whisper(response_url: str, text: str) -> None:
    """Tell the one person who pressed a button. Raises DeliveryError or UnsureDeliveryError."""
    try:
        answer = WebhookClient(response_url, timeout=PROMPT, retry_handlers=[]).send(
            text=text, response_type="ephemeral", replace_original=False
        )
    except FAILURES as error:
        _raise(error)
    _check_status(answer.status_code)


def is_genuine(body: bytes, headers: Mapping[str, str], *, secret: str, now: int) -> bool:
    """
    Tell whether Slack signed this request within the last five minutes.

    Args:
        body: The raw bytes as received; a parsed and rebuilt body has another signature.
        headers: With names in lower case.
        secret: The Slack app's signing secret; an empty one trusts nobody.
        now: Receive time.
    """
    timestamp = headers.get("x-slack-request-timestamp", "")
    signature = headers.get("x-slack-signature", "")
    plain = _SECONDS.fullmatch(timestamp) and signature.isascii() and signature.startswith("v0=")
    if not plain or not secret.strip():
        return False
    verifier = SignatureVerifier(secret, clock=_At(now))
    try:
        return verifier.is_valid(body, timestamp, signature)
    except UnicodeDecodeError:
        return False


class _At(Clock):
    """The receive time, as the SDK's clock."""

    def __init__(self, now: int) -> None:
        self._now = now

    def now(self) -> float:
        return self._now


def _client(token: str, timeout: int | None = None) -> WebClient:
    base = settings.optional("SLACK_API_URL", WebClient.BASE_URL)
    return WebClient(token, base_url=base, timeout=timeout or TIMEOUT, retry_handlers=[])


def _channel_id(client: WebClient, channel: str) -> str | None:
    """
    Return the channel's id: reading a channel, unlike posting to it, does not take a name.

    None when the bot sees no such channel, so it cannot have posted there.
    """
    if not channel.startswith("#"):
        return channel
    pages: Any = client.conversations_list(exclude_archived=True, limit=PAGE)
    for page in pages:
        for known in page["channels"] or ():
            if known["name"] == channel[1:]:
                return str(known["id"])
    return None


def _code(error: SlackApiError) -> str:
    """Return Slack's error code; empty when the answer was none of Slack's (a gateway's page, say)."""
    code = str(error.response.get("error", ""))
    return code if _ERROR_CODE.fullmatch(code) else ""


def _raise(error: Exception) -> NoReturn:
    """Raise what the caller must do. The text names Slack's error code and never the message."""
    if isinstance(error, SlackApiError):
        status, code = error.response.status_code, _code(error)
        refused = status < HTTPStatus.INTERNAL_SERVER_ERROR and code and code not in PERHAPS
        if refused or status == HTTPStatus.TOO_MANY_REQUESTS:
            raise DeliveryError(f"Slack answered {status} {code}") from None
        raise UnsureDeliveryError(f"Slack answered {status} {code}") from None
    if isinstance(getattr(error, "reason", error), ConnectionRefusedError | socket.gaierror):
        raise DeliveryError("Slack was not reached") from None
    raise UnsureDeliveryError(f"no answer from Slack: {type(error).__name__}") from None


def _check_status(status: int) -> None:
    if status == HTTPStatus.OK:
        return
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        raise DeliveryError(f"Slack answered {status}")
    raise UnsureDeliveryError(f"Slack answered {status}")
