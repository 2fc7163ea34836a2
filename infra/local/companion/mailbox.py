"""
The mailbox behind the inbox pages: every mail the emulator relays by SMTP, newest 5,000, in memory and as .eml files.

Each mail is kept as it came, with the envelope written in front as delivering mail servers do (`Return-Path`,
`Delivered-To`), so that a restart loses nothing.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path
from threading import Lock
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

NEWEST_KEPT = 5_000

PREVIEW_CHARACTERS = 140

INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u034f\u200b\u200c\u200d\u2007\ufeff"))
"""Characters that mails pad their preheader with."""


@dataclass(frozen=True, slots=True)
class MailContent:
    """What a mail says, decoded."""

    headers: tuple[tuple[str, str], ...]
    text: str
    html: str

    def header(self, name: str) -> str:
        """Return the first header of that name, or nothing."""
        return next((value for known, value in self.headers if known.lower() == name.lower()), "")

    def header_values(self, name: str) -> list[str]:
        return [value for known, value in self.headers if known.lower() == name.lower()]


@dataclass(frozen=True)
class Mail:
    """One received mail. Read when first looked at: the newest few of many thousands are."""

    number: int
    received_at: float
    raw: bytes

    @cached_property
    def content(self) -> MailContent:
        message = message_from_bytes(self.raw, _class=EmailMessage, policy=policy.default)
        text, html = message.get_body(("plain",)), message.get_body(("html",))
        return MailContent(
            headers=tuple((name, str(value)) for name, value in message.items()),
            text=str(text.get_content()) if text else "",
            html=str(html.get_content()) if html else "",
        )

    @property
    def recipients(self) -> list[str]:
        """The addresses of the envelope: who got it, whatever `To` says."""
        return self.content.header_values("Delivered-To")

    @property
    def preview(self) -> str:
        """The first words a mail client would show: the preheader, if there is one."""
        shown = visible_text(self.content.html) or self.content.text
        words = " ".join(shown.translate(INVISIBLE).split())
        return words if len(words) <= PREVIEW_CHARACTERS else words[: PREVIEW_CHARACTERS - 1].rstrip() + "…"


class Mailbox:
    """The mails received, oldest first."""

    def __init__(self, folder: Path, *, on_mail: Callable[[Mail], None]) -> None:
        self._folder = folder
        self._on_mail = on_mail
        self._lock = Lock()
        folder.mkdir(parents=True, exist_ok=True)
        files = sorted(folder.glob("*.eml"))[-NEWEST_KEPT:]
        self._mails = deque(Mail(int(file.stem), file.stat().st_mtime, file.read_bytes()) for file in files)
        self._last_number = self._mails[-1].number if self._mails else 0

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        self.keep(sender=envelope.mail_from or "", recipients=envelope.rcpt_tos, raw=envelope.original_content or b"")
        return "250 OK"

    def keep(self, *, sender: str, recipients: list[str], raw: bytes) -> Mail:
        """Store one mail, drop the oldest beyond the limit, and tell who listens."""
        envelope = [f"Return-Path: <{sender}>", *(f"Delivered-To: {recipient}" for recipient in recipients)]
        delivered = "".join(f"{line}\r\n" for line in envelope).encode() + raw
        with self._lock:
            self._last_number += 1
            mail = Mail(self._last_number, time.time(), delivered)
            self._file(mail).write_bytes(delivered)
            self._mails.append(mail)
            while len(self._mails) > NEWEST_KEPT:
                self._file(self._mails.popleft()).unlink(missing_ok=True)
        self._on_mail(mail)
        return mail

    def mails(self) -> list[Mail]:
        """Return all mails in the order received."""
        with self._lock:
            return list(self._mails)

    def mail(self, number: int) -> Mail | None:
        with self._lock:
            return next((mail for mail in reversed(self._mails) if mail.number == number), None)

    def clear(self) -> None:
        """Forget every mail. Numbers go on, so that an old address never shows a new mail."""
        with self._lock:
            for mail in self._mails:
                self._file(mail).unlink(missing_ok=True)
            self._mails.clear()

    def _file(self, mail: Mail) -> Path:
        return self._folder / f"{mail.number:06d}.eml"


class _VisibleText(HTMLParser):
    """Collects the text of a page without what is never shown."""

    UNSEEN = frozenset({"head", "script", "style", "title"})

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - HTMLParser's signature
        self._unseen += tag in self.UNSEEN

    def handle_endtag(self, tag: str) -> None:
        self._unseen -= tag in self.UNSEEN and self._unseen > 0

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.words.append(data)


def visible_text(html: str) -> str:
    """Return the text of an HTML document, tags and styles left out."""
    parser = _VisibleText()
    parser.feed(html)
    parser.close()
    return " ".join(parser.words).strip()


def mail_json(mail: Mail, *, received_at: str) -> dict[str, Any]:
    """Return the mail as /inbox.json gives it."""
    content = mail.content
    return {
        "id": mail.number,
        "received_at": received_at,
        "from": content.header("From"),
        "to": mail.recipients,
        "subject": content.header("Subject"),
        "preview": mail.preview,
        "headers": [list(pair) for pair in content.headers],
        "text": content.text,
        "html": content.html,
    }
