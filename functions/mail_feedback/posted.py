"""
A message that Amazon SNS posts over HTTPS, for a topic of another account: whose it is, before a word of it is believed.

Anybody can post here. What is believed names a topic of our list, is signed by Amazon SNS in that topic's region, and is
not old. The address of the certificate stands in the message and is not signed itself: it must be the place where the
region publishes its own.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from shared.aws.sns_https import Certificate, NoCertificateError
from shared.errors import NaiveTimeError, RipenError
from shared.instants import HOUR, MINUTE, parse_instant

MAX_BODY = 600_000
"""Characters of a post: a message of SNS has 256 KB at most, and is escaped once more."""

OLDEST = 3 * HOUR
"""How old a message may be. SNS tries to deliver one to an address for an hour at most."""

NEWEST = 5 * MINUTE
"""How far our clock may be behind that of SNS."""

SIGNED: Mapping[str, tuple[str, ...]] = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
"""Kinds of message, and what of each is signed, in this order. Only `Subject` may be missing."""

DIGESTS: Mapping[str, tuple[str, bytes]] = {
    "1": ("sha1", bytes.fromhex("3021300906052b0e03021a05000414")),
    "2": ("sha256", bytes.fromhex("3031300d060960864801650304020105000420")),
}
"""By version of the signature: the digest, and how PKCS #1 v1.5 names it before its bytes."""

LEAST_BITS = 2048

_TOPIC = re.compile(r"arn:(aws|aws-cn|aws-us-gov):sns:([a-z]{2}(?:-[a-z]+)+-[0-9]{1,2}):[0-9]{12}:[A-Za-z0-9_-]{1,256}")
_CERTIFICATE = re.compile(r"/SimpleNotificationService-[0-9a-f]{32}\.pem")


class ForeignMessageError(RipenError):
    """The message is not one of Amazon SNS for a topic of ours. It is refused for good, and nothing of it is used."""


@dataclass(frozen=True, slots=True)
class Posted:
    """
    A message that may be believed once its signature is verified.

    `host` is the one of Amazon SNS in the topic's region; `version` that of the signature; `token` confirms a subscription.
    """

    kind: str
    topic: str
    text: str
    token: str
    at: int
    host: str
    certificate_url: str
    version: str
    signature: bytes
    signed: bytes


def plain_body(event: Mapping[str, Any]) -> str:
    """
    Return the body of the request as text.

    Raises:
        ForeignMessageError: It is too large, or no text.
    """
    body: str = event.get("body") or ""
    if len(body) > MAX_BODY:
        raise ForeignMessageError("the body is too large")
    try:
        return base64.b64decode(body, validate=True).decode() if event.get("isBase64Encoded") else body
    except (binascii.Error, ValueError) as error:
        raise ForeignMessageError("the body is no text") from error


def read_post(body: str, *, topics: Collection[str], versions: Collection[str], now: int) -> Posted:
    """
    Read a post, and refuse what cannot be one of ours without asking anybody.

    Args:
        body: The body of the request.
        topics: ARNs of the topics that are believed.
        versions: Versions of signatures that are.
        now: The receive time.

    Raises:
        ForeignMessageError: Saying what is wrong.
    """
    said = _object(body)
    kind, topic, version = _text(said, "Type"), _text(said, "TopicArn"), _text(said, "SignatureVersion")
    if kind not in SIGNED:
        raise ForeignMessageError("Type is none of Amazon SNS")
    arn = _TOPIC.fullmatch(topic)
    if topic not in topics or arn is None:
        raise ForeignMessageError("TopicArn is not on our list")
    if version not in versions or version not in DIGESTS:
        raise ForeignMessageError(f"SignatureVersion must be {' or '.join(sorted(versions))}: set it for the topic")
    host = f"sns.{arn[2]}.amazonaws.com{'.cn' if arn[1] == 'aws-cn' else ''}"
    url = _text(said, "SigningCertURL")
    if not url.startswith(f"https://{host}/") or _CERTIFICATE.fullmatch(url.removeprefix(f"https://{host}")) is None:
        raise ForeignMessageError("SigningCertURL is no certificate of the topic's region")
    at = _instant(_text(said, "Timestamp"))
    if not now - OLDEST <= at <= now + NEWEST:
        raise ForeignMessageError("Timestamp is too old, or in the future")
    return Posted(
        kind=kind,
        topic=topic,
        text=_text(said, "Message"),
        token="" if kind == "Notification" else _text(said, "Token"),
        at=at,
        host=host,
        certificate_url=url,
        version=version,
        signature=_bytes(_text(said, "Signature")),
        signed=_canonical(said, kind),
    )


def check_signature(posted: Posted, certificate: Certificate) -> None:
    """
    Raises ForeignMessageError unless the certificate's key signed the message, and was valid then.

    What must come out of the signature is made whole and compared (RFC 8017, 8.2.2), so nothing in it is read leniently.
    """
    if not certificate.valid_from <= posted.at <= certificate.valid_until:
        raise ForeignMessageError("the certificate was not valid then")
    length = (certificate.modulus.bit_length() + 7) // 8
    if certificate.modulus.bit_length() < LEAST_BITS or certificate.exponent < 3:
        raise ForeignMessageError("the key of the certificate is too weak")
    number = int.from_bytes(posted.signature)
    if len(posted.signature) != length or number >= certificate.modulus:
        raise ForeignMessageError("the signature is not of the certificate's key")
    digest, prefix = DIGESTS[posted.version]
    told = prefix + hashlib.new(digest, posted.signed, usedforsecurity=posted.version != "1").digest()
    expected = b"\x00\x01" + b"\xff" * (length - len(told) - 3) + b"\x00" + told
    found = pow(number, certificate.exponent, certificate.modulus).to_bytes(length)
    if not hmac.compare_digest(found, expected):
        raise ForeignMessageError("the signature does not fit")


def no_certificate(error: NoCertificateError) -> ForeignMessageError:
    return ForeignMessageError(f"SigningCertURL: {error}")


def _object(body: str) -> Mapping[str, Any]:
    try:
        said = json.loads(body)
    except (RecursionError, ValueError) as error:
        raise ForeignMessageError("the body is no JSON") from error
    if not isinstance(said, dict):
        raise ForeignMessageError("the body is no JSON object")
    return said


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name)
    if not isinstance(value, str):
        raise ForeignMessageError(f"{name} is missing")
    return value


def _instant(text: str) -> int:
    try:
        return parse_instant(text)
    except (NaiveTimeError, OverflowError, ValueError) as error:
        raise ForeignMessageError("Timestamp is no time") from error


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ForeignMessageError("Signature is no base64") from error


def _canonical(said: Mapping[str, Any], kind: str) -> bytes:
    names = [name for name in SIGNED[kind] if name != "Subject" or said.get(name) is not None]
    try:
        return "".join(f"{name}\n{_text(said, name)}\n" for name in names).encode()
    except UnicodeEncodeError as error:
        raise ForeignMessageError("the text is no Unicode") from error
