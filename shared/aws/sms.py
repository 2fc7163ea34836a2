"""
Handing a text message to AWS: one attempt, and an honest word about what came of it, as for mails.

Amazon SNS takes it and AWS End User Messaging delivers it: sender ids, registered numbers, the sandbox, the monthly
budget and the list of numbers that answered STOP are kept there, for both alike. There is no idempotency token.
"""

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from shared.aws import clients
from shared.aws.mailer import Accepted, NotNow, Outcome, Refused, Unknown

if TYPE_CHECKING:
    from mypy_boto3_sns.type_defs import MessageAttributeValueTypeDef

NOT_NOW = frozenset({"Throttled", "ThrottledException", "Throttling", "ThrottlingException", "KMSThrottling"})
"""Codes with which SNS says that it did not take the message and would at another time."""

REFUSALS = frozenset(
    {
        "AuthorizationError",
        "AuthorizationErrorException",
        "AccessDenied",
        "AccessDeniedException",
        "EndpointDisabled",
        "EndpointDisabledException",
        "ExpiredToken",
        "InvalidClientTokenId",
        "InvalidParameter",
        "InvalidParameterException",
        "InvalidParameterValue",
        "ParameterValueInvalid",
        "OptedOut",
        "OptedOutException",
        "OptInRequired",
        "SignatureDoesNotMatch",
        "UserError",
        "UserErrorException",
        "Validation",
        "ValidationError",
        "ValidationException",
    }
)
"""Codes with which SNS says that it did not take the message: a number that opted out or is none, no right to send."""


def send(text: str, *, number: str, origin: str) -> Outcome:
    """
    Offer the message to AWS, once.

    Args:
        text: One line.
        number: Whose phone, `+46701234567`.
        origin: Registered number or sender id it comes from; empty lets AWS choose.
    """
    said: dict[str, MessageAttributeValueTypeDef] = {"AWS.SNS.SMS.SMSType": _text("Promotional")}
    if origin:
        said["AWS.MM.SMS.OriginationNumber" if origin[0] in "+0123456789" else "AWS.SNS.SMS.SenderID"] = _text(origin)
    try:
        answer = clients.sns_once().publish(PhoneNumber=number, Message=text, MessageAttributes=said)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in NOT_NOW:
            return NotNow(code)
        return Refused(code) if code in REFUSALS else Unknown(code)
    except BotoCoreError as error:
        return Unknown(type(error).__name__)
    return Accepted(answer["MessageId"])


def _text(value: str) -> "MessageAttributeValueTypeDef":
    return {"DataType": "String", "StringValue": value}
