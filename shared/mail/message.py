"""
From a mail's words and addresses to the bytes that go out: pure ASCII, headers that cannot be broken out of.

Headers are built by the standard library, which refuses line breaks in every value, and yet decodes encoded words in
them (`=?utf-8?Q?=0D=0A?=` is a line break): none gets in, and what comes out is counted. Links stand unfolded on one
line: folding at 78 characters would turn them into encoded words that no mail program unsubscribes with.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, Policy

from shared.mail.render import Rendered, one_line


class _Whole(UnstructuredHeader, BaseHeader):
    """A header of ASCII that is written on one line, however long."""

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


_registry = HeaderRegistry()
for _name in ("list-unsubscribe", "list-unsubscribe-post", "x-ses-configuration-set", "x-ses-message-tags"):
    _registry.map_to_type(_name, _Whole)
_NAME = re.compile(rb"^([!-9;-~]+):", re.MULTILINE)
_ENCODED_WORD = "=?"
_POLICY = SMTP.clone(header_factory=_registry)


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who a mail is from and to, how to stop it, and what the channel is told about it."""

    sender: str
    sender_name: str
    recipient: str
    reply_to: str
    unsubscribe_url: str
    configuration_set: str
    tags: Mapping[str, str] = field(default_factory=dict)


def build(rendered: Rendered, envelope: Envelope) -> bytes:
    """
    Return the message.

    Raises:
        ValueError: A value cannot stand in a header, or the result would not be ASCII; nothing was sent.
    """
    message = EmailMessage(policy=_POLICY)
    message["From"] = Address(_words(envelope.sender_name), addr_spec=envelope.sender)
    message["To"] = Address(addr_spec=envelope.recipient)
    message["Reply-To"] = Address(addr_spec=envelope.reply_to)
    message["Subject"] = _words(rendered.subject)
    message["List-Unsubscribe"] = f"<{envelope.unsubscribe_url}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message["X-SES-CONFIGURATION-SET"] = envelope.configuration_set
    message["X-SES-MESSAGE-TAGS"] = ", ".join(f"{name}={value}" for name, value in envelope.tags.items())
    message.set_content(rendered.text, cte="quoted-printable")
    message.add_alternative(rendered.html, subtype="html", cte="quoted-printable")
    raw = message.as_bytes()
    raw.decode("ascii")
    if _NAME.findall(raw.partition(b"\r\n\r\n")[0]) != [name.encode() for name in message.keys()]:  # noqa: SIM118 - a message iterates header names only by keys()
        raise ValueError("a header value holds what would be another header")
    return raw


def _words(text: str) -> str:
    """Return the text as one line in which nothing is taken for an encoded word."""
    return one_line(text).replace(_ENCODED_WORD, "= ?")
