"""
What Amazon SNS says over plain HTTPS: the certificates it signs posts with, and yes to a subscription.

Only ever the host of a topic's own region is asked, by an address that is made or checked here, without following
redirects.
"""

import ssl
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

from shared.errors import DeliveryError
from shared.instants import parse_instant

SECONDS = 3
LARGEST = 20_000
"""Bytes of an answer that are read at most: a certificate has two thousand."""

KEPT = 8
"""Certificates a process keeps. A region has one or two at a time."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """Whose signature is believed: an RSA key, and from when until when the certificate is valid."""

    modulus: int
    exponent: int
    valid_from: int
    valid_until: int


class NoCertificateError(ValueError):
    """What stands at the address is no certificate, or nothing does. Whoever named it did not sign with it."""


_certificates: dict[str, Certificate] = {}


def certificate(url: str) -> Certificate:
    """
    Return the certificate at the address, from memory where it was read before.

    Args:
        url: Checked already to be a certificate of Amazon SNS.

    Raises:
        NoCertificateError: There is none.
        DeliveryError: Amazon SNS does not answer. Try again later.
    """
    if url not in _certificates:
        parts = urlsplit(url)
        found = read_certificate(_get(parts.netloc, parts.path))
        if len(_certificates) >= KEPT:
            _certificates.clear()
        _certificates[url] = found
    return _certificates[url]


def read_certificate(pem: bytes) -> Certificate:
    """
    Return the key and the dates of an X.509 certificate as text (RFC 7468).

    Raises:
        NoCertificateError: It is none, or its key is not RSA.
    """
    from pyasn1.codec.der import decoder  # noqa: PLC0415 - most reports come through a topic of our own, and need none
    from pyasn1.error import PyAsn1Error  # noqa: PLC0415 - as above

    try:
        whole, _ = decoder.decode(ssl.PEM_cert_to_DER_cert(pem.decode("ascii").strip() + "\n"))
        signed: Any = whole[0]
        validity, key = signed[4], signed[6]
        if str(key[0][0]) != _RSA:
            raise NoCertificateError("the key of the certificate is not RSA")
        numbers, _ = decoder.decode(key[1].asOctets())
        return Certificate(
            int(numbers[0]),
            int(numbers[1]),
            parse_instant(validity[0].asDateTime.isoformat()),
            parse_instant(validity[1].asDateTime.isoformat()),
        )
    except (PyAsn1Error, ValueError, IndexError, AttributeError, TypeError) as error:
        raise NoCertificateError("it is no X.509 certificate") from error


_RSA = "1.2.840.113549.1.1.1"


def confirm(host: str, topic_arn: str, token: str) -> None:
    """
    Say yes to the subscription that the topic asks about.

    Args:
        host: Of Amazon SNS in the topic's region.
        topic_arn: A topic of our list.
        token: From its signed message.

    Raises:
        DeliveryError: Amazon SNS does not answer, or does not take it. Try again later.
    """
    said = urlencode({"Action": "ConfirmSubscription", "TopicArn": topic_arn, "Token": token})
    try:
        _get(host, f"/?{said}")
    except NoCertificateError as error:
        raise DeliveryError("Amazon SNS does not take the confirmation") from error


def forget() -> None:
    """Drop the certificates that were read."""
    _certificates.clear()


def _get(host: str, path: str) -> bytes:
    """Ask once; a redirect is an answer that is none."""
    connection = HTTPSConnection(host, timeout=SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise DeliveryError(f"Amazon SNS answers {answer.status}")
        if answer.status != HTTPStatus.OK:
            raise NoCertificateError(f"Amazon SNS answers {answer.status}")
        return answer.read(LARGEST)
    except (OSError, HTTPException) as error:
        raise DeliveryError("Amazon SNS does not answer") from error
    finally:
        connection.close()
