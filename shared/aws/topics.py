"""Publishing to SNS topics: a text for people, and the same facts as attributes for machines."""

import json
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shared.aws import clients

if TYPE_CHECKING:
    from mypy_boto3_sns.type_defs import MessageAttributeValueTypeDef

SUBJECT_LENGTH = 99
"""SNS takes fewer than 100 ASCII characters, in one line."""


def publish(topic_arn: str, *, subject: str, text: str, attributes: Mapping[str, str], facts: Mapping[str, Any]) -> str:
    """
    Publish one message and return its id.

    Args:
        topic_arn: Where.
        subject: First line of a mail; brought to what SNS takes.
        text: What a person reads.
        attributes: What a subscription may filter by; empty values are left out.
        facts: The same facts for machines, as the attribute `facts` in JSON.
    """
    values = {**attributes, "facts": json.dumps(facts, separators=(",", ":"), ensure_ascii=False)}
    said: dict[str, MessageAttributeValueTypeDef] = {
        name: {"DataType": "String", "StringValue": value} for name, value in values.items() if value
    }
    answer = clients.sns().publish(
        TopicArn=topic_arn, Subject=plain_subject(subject), Message=text, MessageAttributes=said
    )
    return answer["MessageId"]


def plain_subject(text: str) -> str:
    """Return the text as one line of printable ASCII that SNS takes: accents go, other scripts become nothing."""
    decomposed = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    printable = "".join(character if character.isprintable() else " " for character in decomposed)
    return " ".join(printable.split())[:SUBJECT_LENGTH] or "Ripen"
