"""
What Amazon SES reports about a mail, read from either of its dialects.

A configuration set says `eventType` and carries our tags; an identity's notification says `notificationType` and does
not. Anything we do not need is passed over.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.instants import parse_instant

OLD_NEWS = frozenset({"Suppressed", "OnAccountSuppressionList", "UnsubscribedRecipient"})
"""Sub-types by which SES says that it did not even try, because of what it was told of the address before."""

OF_THE_MAIL = frozenset({"MessageTooLarge", "ContentRejected", "AttachmentRejected"})
"""Sub-types of a bounce that may pass which are about what we sent, and say nothing of the mailbox."""


_USUAL = frozenset({
    "commonHeaders", "destination", "eventType", "headers", "headersTruncated", "mail", "messageId", "notificationType",
    "sendingAccountId", "source", "sourceArn", "tags", "timestamp",
})  # fmt: skip
"""Parts of a report, and of what it says of the mail, that SES documents: in them stand our words and the recipient's."""


@dataclass(frozen=True, slots=True)
class Report:
    """
    One report.

    `kind` is `Send`, `Delivery`, `Bounce`, `Complaint`, `Reject` or another of SES's words; `at` is when it happened, by
    SES's clock; `recipients` are addresses. `permanent` and `soft` are said of bounces, for good and ones that may pass;
    `news` is false when the report says nothing of the mailbox, or nothing that is not known. `detail` is what SES says of
    this kind of report alone.
    """

    kind: str
    at: int
    message_id: str
    send_id: str | None
    recipients: tuple[str, ...]
    feedback_id: str = ""
    permanent: bool = False
    soft: bool = False
    news: bool = True
    detail: Mapping[str, Any] = field(default_factory=dict)
    beside: Mapping[str, Any] = field(default_factory=dict)
    """What SES says beside that and beside the mail's usual parts, as it does of late."""


def read_report(text: str) -> Report | None:
    """
    Read the message of an SNS record; None when it is not about a mail.

    Amazon SES greets a new topic, in JSON for an identity, in a plain sentence for a configuration set.
    """
    if not text.lstrip().startswith("{"):
        return None
    said = json.loads(text)
    kind = said.get("eventType") or said.get("notificationType")
    mail = said.get("mail")
    if not isinstance(kind, str) or not isinstance(mail, Mapping):
        return None
    detail: Mapping[str, Any] = said.get(kind[:1].lower() + kind[1:]) or {}
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
        soft=detail.get("bounceType") == "Transient",
        news=not (
            sub_type in OLD_NEWS
            or (sub_type in OF_THE_MAIL and detail.get("bounceType") == "Transient")
            or detail.get("complaintFeedbackType") == "not-spam"
        ),
        detail=detail,
        beside={
            name: value
            for part in (mail, said)
            for name, value in part.items()
            if name not in _USUAL and value is not detail
        },
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
