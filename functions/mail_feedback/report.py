"""
What Amazon SES reports about a mail, read from either of its dialects.

A configuration set says `eventType` and carries our tags; an identity's notification says `notificationType` and does
not. Anything we do not need is passed over.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.instants import parse_instant

OLD_NEWS = frozenset({"Suppressed", "OnAccountSuppressionList"})
"""Sub-types by which SES says that it did not even try, because of what an earlier bounce or complaint told it."""


@dataclass(frozen=True, slots=True)
class Report:
    """
    One report.

    `kind` is `Send`, `Delivery`, `Bounce`, `Complaint`, `Reject` or another of SES's words; `at` is when it happened, by
    SES's clock; `recipients` are addresses. `permanent` is said of bounces, `news` is false when the report repeats what
    is already known of the mailbox.
    """

    kind: str
    at: int
    message_id: str
    send_id: str | None
    recipients: tuple[str, ...]
    feedback_id: str = ""
    permanent: bool = False
    news: bool = True


def read_report(text: str) -> Report | None:
    """Read the message of an SNS record; None when it is not about a mail (SNS's own test message, for one)."""
    said = json.loads(text)
    kind = said.get("eventType") or said.get("notificationType")
    mail = said.get("mail")
    if not isinstance(kind, str) or not isinstance(mail, Mapping):
        return None
    detail: Mapping[str, Any] = said.get(kind.lower()) or {}
    tags = (mail.get("tags") or {}).get("send_id") or [None]
    sub_type = detail.get("bounceSubType") or detail.get("complaintSubType")
    return Report(
        kind=kind,
        at=parse_instant(detail.get("timestamp") or mail["timestamp"]),
        message_id=mail["messageId"],
        send_id=tags[0],
        recipients=_recipients(detail, mail),
        feedback_id=detail.get("feedbackId", ""),
        permanent=detail.get("bounceType") == "Permanent",
        news=sub_type not in OLD_NEWS and detail.get("complaintFeedbackType") != "not-spam",
    )


def _recipients(detail: Mapping[str, Any], mail: Mapping[str, Any]) -> tuple[str, ...]:
    """Return who the report is about; a report that names nobody is about everybody the mail went to."""
    named = [
        each["emailAddress"]
        for each in (*(detail.get("bouncedRecipients") or ()), *(detail.get("complainedRecipients") or ()))
        if each.get("emailAddress")
    ]
    return tuple(_bare(each) for each in named or mail.get("destination") or ())


def _bare(address: str) -> str:
    """Return the address without the name some reports keep in front of it."""
    return address.rpartition("<")[2].rstrip("> ")
