"""
Handing a mail to Amazon SES: one attempt, and an honest word about what came of it.

SES has no idempotency token, so a second attempt can be a second mail. Only an answer that says the mail was not
taken counts as refused; a timeout, a broken connection, a server error or a code we do not know leaves it unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from shared.aws import clients
from shared.mailing import Account

NOT_NOW = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "AccountSendingPaused",
        "AccountSendingPausedException",
        "ConfigurationSetSendingPaused",
        "ConfigurationSetSendingPausedException",
    }
)
"""Codes with which SES says that it did not take the mail and would at another time: rate, quota, paused sending."""

REFUSALS = frozenset(
    {
        "MessageRejected",
        "MailFromDomainNotVerified",
        "MailFromDomainNotVerifiedException",
        "ConfigurationSetDoesNotExist",
        "ConfigurationSetDoesNotExistException",
        "InvalidParameterValue",
        "ValidationError",
        "AccessDenied",
        "AccessDeniedException",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "SignatureDoesNotMatch",
        "ExpiredToken",
        "ExpiredTokenException",
        "OptInRequired",
    }
)
"""Codes with which SES says that it did not take the mail (API reference: SendRawEmail, and the common errors)."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """SES has the mail, under this id."""

    message_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """SES did not take the mail, and says why."""

    code: str


@dataclass(frozen=True, slots=True)
class NotNow:
    """The channel did not take the message, and would take the same one later; `after` seconds, if it matters when."""

    code: str
    after: int = 0


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows whether SES took the mail; its send event will tell, or nothing will."""

    reason: str


Outcome = Accepted | Refused | NotNow | Unknown


def send(raw: bytes, *, sender: str, recipient: str, configuration_set: str, tags: Mapping[str, str]) -> Outcome:
    """
    Offer the message to SES, once.

    Args:
        raw: The whole message, ASCII.
        sender: Envelope sender.
        recipient: The one address it goes to.
        configuration_set: Publishes what becomes of it.
        tags: Come back in every such event; also in a header, which is what a relay shows.
    """
    try:
        answer = clients.ses().send_raw_email(
            Source=sender,
            Destinations=[recipient],
            RawMessage={"Data": raw},
            ConfigurationSetName=configuration_set,
            Tags=[{"Name": name, "Value": value} for name, value in tags.items()],
        )
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in NOT_NOW:
            return NotNow(code)
        return Refused(code) if code in REFUSALS else Unknown(code)
    except BotoCoreError as error:
        return Unknown(type(error).__name__)
    return Accepted(answer["MessageId"])


def account() -> Account:
    """Return what SES lets this account send, in this region. Raises ClientError or BotoCoreError: it does not say."""
    said = clients.ses().get_send_quota()
    daily = int(said["Max24HourSend"])
    return Account(rate=said["MaxSendRate"], daily=None if daily < 0 else daily, sent=int(said["SentLast24Hours"]))
