"""
What an event says of consent, as it can be shown years later: what was agreed to, when, where, and what that proves.

A wish that anybody can post proves nothing and is kept as what it is. What proves is a customer's server, or the person
who presses the button in our mail.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from shared.forms import WORDING
from shared.identity import event_key
from shared.lead import LeadEvent, Register
from shared.mailing import ConsentProof
from shared.rules.registers import consent_said

Channel = Literal["mail", "sms"]

TOPIC_NAME = re.compile("[a-z][a-z0-9_]{0,59}")
"""What a playbook can call a topic. Any other text is part of the proof, and opts in to nothing."""

_VERSION = 40
_TOPIC = 60
_FORM = 64
_PAGE = 300
_HOST = 253


def consent_proof(event: LeadEvent, address: str, *, channel: Channel = "mail") -> ConsentProof | None:
    """
    Return what the event says of messages to the address through the channel, or None when it says nothing.

    `properties.consent` has the wording: `text`, `version`, `topic`. That the box was ticked is the trait; a form that
    asks for no confirmation mail says it by `agreed` instead. A server's event that says no trait is about its topic alone.
    """
    box = _box(event, channel)
    agreed = consent_said(event) if channel == "mail" else number_said(event)
    if agreed is None and isinstance(box.get("agreed"), bool) and (event.source == "public" or topic_said(event)):
        agreed = box["agreed"]
    if agreed is None or event.source == "system":
        return None
    listed = event.context.get("form")
    form = _text(listed, _FORM) or _text(event.properties.get("form"), _FORM)
    page = event.context.get("page")
    url = page.get("url") if isinstance(page, Mapping) else event.properties.get("url")
    text = _text(box.get("text"), WORDING)
    return ConsentProof(
        address=address,
        at=event.received_at,
        event=event_key(event.event_id),
        said="agreed" if agreed else "declined",
        by="public key" if event.source == "public" else "server key",
        text=text,
        version=_text(box.get("version"), _VERSION),
        topic=_text(box.get("topic"), _TOPIC),
        worded_by="" if not text else "playbook" if listed else "client",
        form=form,
        page=_page(url),
        host=_host(url),
    )


def number_said(event: LeadEvent) -> bool | None:
    """
    Return whether the event says yes or no to text messages; None when it says nothing of them.

    Only `properties.consent` with `channel: sms` and `agreed` does. The trait `consent` is about mail.
    """
    agreed = _box(event, "sms").get("agreed")
    return agreed if isinstance(agreed, bool) else None


def topic_said(event: LeadEvent, *, channel: Channel = "mail") -> tuple[str, bool] | None:
    """Return the topic that the event is about and whether messages about it are wanted, or None when it says neither."""
    box = _box(event, channel)
    topic = box.get("topic")
    agreed = consent_said(event) if channel == "mail" else number_said(event)
    if agreed is None:
        agreed = box.get("agreed")
    if not isinstance(topic, str) or not TOPIC_NAME.fullmatch(topic) or not isinstance(agreed, bool):
        return None
    return topic, agreed


def _box(event: LeadEvent, channel: Channel) -> Mapping[str, Any]:
    """Return what stood beside the box that was ticked; nothing where that was about another channel."""
    wording = event.properties.get("consent")
    return wording if isinstance(wording, Mapping) and wording.get("channel", "mail") == channel else {}


def carried_proof(register: Register, address: str) -> ConsentProof:
    """Return what an address gets that became the lead's after the lead had said so: the same word, without the wording."""
    return ConsentProof(
        address=address,
        at=register.at,
        event=register.key,
        said="agreed" if register.value else "declined",
        by="server key",
    )


def _text(value: Any, longest: int) -> str:
    return " ".join(value[: 4 * longest].split())[:longest] if isinstance(value, str) else ""


def _page(url: Any) -> str:
    """Return the page without what may be personal: query, fragment, user name; no path that holds an address."""
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        host = parts.hostname if parts else None
    except ValueError:
        return ""
    if parts is None or not host or parts.scheme not in ("http", "https"):
        return ""
    path = "" if "@" in parts.path or "%40" in parts.path else parts.path
    return f"{parts.scheme}://{host}{path}"[:_PAGE]


def _host(url: Any) -> str:
    page = _page(url)
    return (urlsplit(page).hostname or "")[:_HOST] if page else ""
