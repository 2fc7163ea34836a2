"""What is posted over HTTPS in the name of Amazon SNS: believed from a topic of the list with its signature, and only then."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from functions.mail_feedback import handler as module
from functions.mail_feedback import posted
from functions.mail_feedback.handler import handler
from shared.aws import addresses, sns_https
from shared.aws.sns_https import NoCertificateError, read_certificate
from shared.errors import DeliveryError
from shared.identity import address_hash
from shared.instants import DAY, HOUR, instant_text, parse_instant
from tests.conftest import IDENTITY_SECRET, Aws, Context, sample

TOPIC = "arn:aws:sns:us-east-1:210987654321:mail-events"
HOST = "sns.us-east-1.amazonaws.com"
URL = f"https://{HOST}/SimpleNotificationService-{'0123456789abcdef' * 2}.pem"
NOW = parse_instant("2026-11-18T10:00:10Z")
BOUNCE = sample("ses_event_bounce")["Records"][0]["Sns"]["Message"]
ADDRESS = address_hash("ada@example.com", IDENTITY_SECRET)


def a_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def a_certificate(key: Any, *, since: int = NOW - DAY, until: int = NOW + DAY) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(datetime.fromtimestamp(since, UTC))
        .not_valid_after(datetime.fromtimestamp(until, UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("sns.amazonaws.com")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


KEY = a_key()
OTHER_KEY = a_key()
WEAK_KEY = a_key(1024)


@pytest.fixture(autouse=True)
def https(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Amazon SNS as this machine sees it: certificates by address. Returns what was asked for."""
    asked: list[str] = []
    served = {URL: a_certificate(KEY)}

    def get(host: str, path: str) -> bytes:
        asked.append(f"https://{host}{path}")
        if "Action=ConfirmSubscription" in path:
            return b"<ConfirmSubscriptionResponse/>"
        if f"https://{host}{path}" not in served:
            raise NoCertificateError("Amazon SNS answers 404")
        return served[f"https://{host}{path}"]

    monkeypatch.setattr(sns_https, "_get", get)
    monkeypatch.setattr(module.time, "time", lambda: NOW + 0.4)
    monkeypatch.setenv("MAIL_TOPICS_ELSEWHERE", f"arn:aws:sns:eu-west-1:210987654321:other {TOPIC}")
    sns_https.forget()
    return asked


def message(**said: Any) -> dict[str, Any]:
    usual = {
        "Type": "Notification",
        "MessageId": "95df01b4-ee98-5cb9-9903-4c221d41eb5e",
        "TopicArn": TOPIC,
        "Subject": "Amazon SES Email Event Notification",
        "Message": BOUNCE,
        "Timestamp": "2026-11-18T10:00:03.123Z",
        "SignatureVersion": "2",
        "SigningCertURL": URL,
        "UnsubscribeURL": f"https://{HOST}/?Action=Unsubscribe",
    }
    return {name: value for name, value in {**usual, **said}.items() if value is not None}


def confirmation(**said: Any) -> dict[str, Any]:
    return message(Type="SubscriptionConfirmation", Message="You have chosen to subscribe", Subject=None, Token="t" * 64,
                   SubscribeURL=f"https://{HOST}/?Action=ConfirmSubscription&Token=x", **said)  # fmt: skip


def signed(said: dict[str, Any], key: rsa.RSAPrivateKey = KEY, digest: Any = None) -> dict[str, Any]:
    """Sign as Amazon's developer guide says: the names and values in the order of the names, each on a line."""
    names = ("Message", "MessageId", "SubscribeURL", "Subject", "Timestamp", "Token", "TopicArn", "Type")
    text = "".join(f"{name}\n{said[name]}\n" for name in names if name in said)
    signature = key.sign(text.encode(), padding.PKCS1v15(), digest or hashes.SHA256())
    return {**said, "Signature": base64.b64encode(signature).decode()}


def post(body: Any, **more: Any) -> dict[str, Any]:
    text = body if isinstance(body, str) else json.dumps(body)
    return {"rawPath": "/v1/mail/events", "headers": {"x-amz-sns-message-type": "Notification"}, "body": text,
            "isBase64Encoded": False, "requestContext": {"http": {"method": "POST"}}, **more}  # fmt: skip


def answered(context: Context, body: Any, **more: Any) -> int:
    answer = handler(post(body, **more), context)
    assert answer is not None
    return int(answer["statusCode"])


def test_a_signed_message_of_a_listed_topic_is_followed(aws: Aws, context: Context, https: list[str]):
    for _ in range(2):
        assert answered(context, signed(message())) == 200
    assert addresses.get_address(ADDRESS).suppressed == "bounced"
    assert https == [URL], "the certificate is read once"


def test_a_message_without_a_subject_and_one_in_base64_are_followed(aws: Aws, context: Context):
    assert answered(context, signed(message(Subject=None))) == 200
    text = base64.b64encode(json.dumps(signed(message())).encode()).decode()
    assert answered(context, text, isBase64Encoded=True) == 200


def test_a_subscription_of_a_listed_topic_is_confirmed_at_amazon_alone(aws: Aws, context: Context, https: list[str]):
    said = confirmation()
    said["SubscribeURL"] = "https://evil.example/?Action=ConfirmSubscription"
    assert answered(context, signed(said)) == 200
    certificate, confirmed = https
    assert certificate == URL
    assert confirmed.startswith(f"https://{HOST}/?Action=ConfirmSubscription&TopicArn=arn%3Aaws%3Asns%3Aus-east-1%3A")
    assert confirmed.endswith(f"&Token={'t' * 64}")


def test_the_end_of_a_subscription_is_noted_and_nothing_is_asked(aws: Aws, context: Context, https: list[str]):
    said = {**confirmation(), "Type": "UnsubscribeConfirmation"}
    assert answered(context, signed(said)) == 200
    assert https == [URL]


def tampered(**said: Any) -> Callable[[], Any]:
    return lambda: {**signed(message()), **said}


def resigned(key: rsa.RSAPrivateKey = KEY, **said: Any) -> Callable[[], Any]:
    return lambda: signed(message(**said), key)


def padded(prefix: bytes, fill: int) -> Callable[[], Any]:
    """A signature whose padding is not what PKCS #1 v1.5 makes, by somebody who has the key: what a lenient reader takes."""

    def made() -> Any:
        said = message()
        text = posted._canonical(said, "Notification")
        digest = hashes.Hash(hashes.SHA256())
        digest.update(text)
        told = posted.DIGESTS["2"][1] + digest.finalize()
        block = prefix + b"\xff" * fill + b"\x00" + told
        block += b"\x00" * (256 - len(block))
        numbers = KEY.private_numbers()
        forged = pow(int.from_bytes(block), numbers.d, numbers.public_numbers.n).to_bytes(256)
        return {**said, "Signature": base64.b64encode(forged).decode()}

    return made


def url(text: str) -> Callable[[], Any]:
    return resigned(SigningCertURL=text)


NAME = URL.rpartition("/")[2]

SPOOFS: dict[str, Callable[[], Any]] = {
    "no JSON": lambda: "Type=Notification",
    "no object": lambda: [signed(message())],
    "nested a thousand deep": lambda: "[" * 100_000,
    "too large": lambda: signed(message(Message="x" * 700_000)),
    "no signature": message,
    "an empty signature": tampered(Signature=""),
    "a signature that is no base64": tampered(Signature="***"),
    "a signature that is a number": tampered(Signature=7),
    "a signature cut short": lambda: {**message(), "Signature": signed(message())["Signature"][:-8]},
    "a signature of another message": lambda: {**message(Message="{}"), "Signature": signed(message())["Signature"]},
    "a signature by another key": resigned(OTHER_KEY),
    "a signature with padding that is too short": padded(b"\x00\x01", 8),
    "a signature with padding of another kind": padded(b"\x00\x02", 202),
    "a signature of zeros": tampered(Signature=base64.b64encode(bytes(256)).decode()),
    "a signature beyond the modulus": tampered(Signature=base64.b64encode(b"\xff" * 256).decode()),
    "a changed text": tampered(Message=BOUNCE.replace("ada@", "bob@")),
    "a changed subject": tampered(Subject="another"),
    "a subject that is added": lambda: {**signed(message(Subject=None)), "Subject": "x"},
    "a changed id": tampered(MessageId="1"),
    "a changed time": tampered(Timestamp="2026-11-18T10:00:04.000Z"),
    "another kind than was signed": tampered(Type="SubscriptionConfirmation", Token="t", SubscribeURL="https://x"),
    "a kind that does not exist": resigned(Type="Welcome"),
    "a topic that is not listed": resigned(TopicArn="arn:aws:sns:us-east-1:666666666666:mail-events"),
    "a topic that begins like a listed one": resigned(TopicArn=f"{TOPIC}2"),
    "a topic that is no text": tampered(TopicArn=[TOPIC]),
    "signed by SHA1": lambda: signed(message(SignatureVersion="1"), digest=hashes.SHA1()),
    "signed by SHA1 and called SHA256": lambda: signed(message(), digest=hashes.SHA1()),
    "a version that does not exist": resigned(SignatureVersion="3"),
    "a certificate from elsewhere": url("https://evil.example/SimpleNotificationService.pem"),
    "a certificate over plain HTTP": url(URL.replace("https", "http")),
    "a certificate of another region": url(URL.replace("us-east-1", "eu-west-1")),
    "a host that begins like Amazon's": url(f"https://{HOST}.evil.example/{NAME}"),
    "a host that ends like Amazon's": url(f"https://evil.{HOST}/{NAME}"),
    "a user name before the host": url(f"https://{HOST}@evil.example/{NAME}"),
    "no host": url(f"/{NAME}"),
    "a port": url(f"https://{HOST}:8443/{NAME}"),
    "a bucket of the same name": url(f"https://s3.amazonaws.com/{HOST}/{NAME}"),
    "the host of China": url(f"https://{HOST}.cn/{NAME}"),
    "another file of the host": url(f"https://{HOST}/?Action=Publish&x=.pem"),
    "a path that climbs": url(f"https://{HOST}/a/../{NAME}"),
    "a query after the file": url(f"{URL}?x=1"),
    "a fragment after the file": url(f"{URL}#.pem"),
    "a certificate that is not there": url(URL.replace("0123", "3210")),
    "no certificate named": resigned(SigningCertURL=None),
    "four hours old": resigned(Timestamp=instant_text(NOW - 4 * HOUR)),
    "an hour ahead": resigned(Timestamp=instant_text(NOW + HOUR)),
    "a time without a zone": resigned(Timestamp="2026-11-18T10:00:03"),
    "a time that is none": resigned(Timestamp="now"),
    "half a character": lambda: json.dumps(signed(message())).replace("Amazon SES", "\\ud800"),
}  # fmt: skip


@pytest.mark.parametrize("spoof", SPOOFS)
def test_a_spoof_is_refused_and_does_nothing(aws: Aws, context: Context, https: list[str], spoof: str):
    assert answered(context, SPOOFS[spoof]()) == 403
    assert aws.items() == []
    assert all(asked.startswith(f"https://{HOST}/SimpleNotificationService-") for asked in https)


def test_there_are_spoofs_enough():
    assert len(SPOOFS) >= 30


def test_what_is_refused_for_its_words_alone_asks_nobody(aws: Aws, context: Context, https: list[str]):
    answered(context, SPOOFS["a topic that is not listed"]())
    answered(context, SPOOFS["a certificate from elsewhere"]())
    assert https == []


def test_a_subscription_of_another_topic_is_not_confirmed(aws: Aws, context: Context, https: list[str]):
    other = "arn:aws:sns:us-east-1:666666666666:mail-events"
    assert answered(context, signed(confirmation(TopicArn=other))) == 403
    assert answered(context, signed(confirmation(), OTHER_KEY)) == 403
    assert not [asked for asked in https if "Confirm" in asked]


def test_sha1_is_believed_where_the_stage_says_so(aws: Aws, context: Context, monkeypatch):
    monkeypatch.setenv("SNS_SIGNATURES", "1 2")
    assert answered(context, signed(message(SignatureVersion="1"), digest=hashes.SHA1())) == 200


def test_a_topic_of_china_is_asked_in_china(aws: Aws, context: Context, monkeypatch):
    topic = "arn:aws-cn:sns:cn-north-1:210987654321:mail"
    monkeypatch.setenv("MAIL_TOPICS_ELSEWHERE", topic)
    there = f"https://sns.cn-north-1.amazonaws.com.cn/{NAME}"
    monkeypatch.setattr(sns_https, "_get", lambda host, path: a_certificate(KEY))
    assert answered(context, signed(message(TopicArn=topic, SigningCertURL=there))) == 200
    assert answered(context, signed(message(TopicArn=topic, SigningCertURL=there.replace(".com.cn", ".com")))) == 403


@pytest.mark.parametrize(
    ("key", "days"), [(KEY, (-3, -2)), (KEY, (1, 2)), (WEAK_KEY, (-1, 1))], ids=["expired", "not yet valid", "weak"]
)
def test_a_certificate_that_is_not_good_then_signs_nothing(aws: Aws, context: Context, monkeypatch, key, days):
    pem = a_certificate(key, since=NOW + days[0] * DAY, until=NOW + days[1] * DAY)
    monkeypatch.setattr(sns_https, "_get", lambda host, path: pem)
    assert answered(context, signed(message(), key)) == 403
    assert aws.items() == []


def test_without_a_list_there_is_no_such_route(aws: Aws, context: Context, monkeypatch):
    monkeypatch.setenv("MAIL_TOPICS_ELSEWHERE", "")
    assert answered(context, signed(message())) == 404


def test_when_amazon_does_not_answer_the_post_fails_and_comes_again(aws: Aws, context: Context, monkeypatch):
    def away(host: str, path: str) -> bytes:
        raise DeliveryError("Amazon SNS does not answer")

    monkeypatch.setattr(sns_https, "_get", away)
    with pytest.raises(DeliveryError):
        handler(post(signed(message())), context)


def test_a_report_of_a_topic_that_is_not_ours_is_an_error(aws: Aws, context: Context):
    event = sample("ses_event_bounce")
    event["Records"][0]["Sns"]["TopicArn"] = TOPIC
    with pytest.raises(posted.ForeignMessageError):
        handler(event, context)
    assert aws.items() == []


def test_a_certificate_is_read_as_other_tools_read_it():
    for key in (KEY, OTHER_KEY, a_key(4096)):
        read = read_certificate(a_certificate(key))
        numbers = key.public_key().public_numbers()
        assert (read.modulus, read.exponent) == (numbers.n, numbers.e)
        assert (read.valid_from, read.valid_until) == (NOW - DAY, NOW + DAY)
    far = int(timedelta(days=365 * 40).total_seconds())
    assert read_certificate(a_certificate(KEY, until=NOW + far)).valid_until == NOW + far, (
        "written in another way from 2050"
    )


def test_what_is_no_certificate_is_none():
    pem = a_certificate(KEY)
    curve = a_certificate(ec.generate_private_key(ec.SECP256R1()))
    for text in (b"", b"<html>", b"\xff\xfe", pem[:400], pem.replace(b"CERTIFICATE", b"KEY"), curve):
        with pytest.raises(NoCertificateError):
            read_certificate(text)
