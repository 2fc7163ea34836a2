"""
Follow what became of our mails: sent, delivered, bounced, complained about; and who is never mailed because people say so.

Trigger      SNS: Amazon SES events of the configuration set, or notifications of the identity
             (events/ses_event_bounce.json, events/ses_notification_delivery.json, ...); HTTP POST /v1/mail/events: the
             same from a topic of another account, signed by Amazon SNS (events/http_mail_events.json); HTTP POST
             /v1/suppressions, /v1/suppressions/remove and /v1/suppressions/lookup with an admin key
             (events/http_suppressions.json, ...)
Reads        address items; send items, only when a report carries no tags; the certificate of Amazon SNS, for what is
             posted
Writes       address: suppression, before anything else; then its trail of consent; the send's state; how many bounced
Emits        Email Bounced, Email Marked as Spam on the queue `events`; what SES saw opened and clicked on `engagement`
Repeat-safe  a suppression stays; a send's state only moves forward; event ids are made from SES's feedback id; bounces
             that may pass are a set by that id
"""

import json
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.mail_feedback import suppressions
from functions.mail_feedback.following import follow
from functions.mail_feedback.posted import (
    ForeignMessageError,
    Posted,
    check_signature,
    no_certificate,
    plain_body,
    read_post,
)
from functions.mail_feedback.suppressions import RefusedError
from shared import settings
from shared.aws import sns_https
from shared.aws.secret_values import signing_secret
from shared.aws.sns_https import NoCertificateError
from shared.errors import InvalidInputError
from shared.intake.body import read_body
from shared.keys import key_kind
from shared.telemetry import logger, metrics

POSTED = "/v1/mail/events"

Answer = dict[str, Any]


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: LambdaContext) -> Answer | None:
    now = int(time.time())
    if "Records" not in event:
        return _posted(event, now) if event["rawPath"].rstrip("/") == POSTED else _asked(event, now)
    for record in event["Records"]:
        if record["Sns"]["TopicArn"] != settings.required("MAIL_TOPIC_ARN"):
            raise ForeignMessageError("the report comes from a topic that is not ours")
        follow(record["Sns"]["Message"], now)
    return None


def _posted(event: Mapping[str, Any], now: int) -> Answer:
    """Answer a post of Amazon SNS for a topic of another account; who else posts here is told nothing but no."""
    topics = settings.optional("MAIL_TOPICS_ELSEWHERE").split()
    if not topics:
        return _answer(HTTPStatus.NOT_FOUND, {"code": "not_found", "message": "there is no such route"})
    try:
        post = read_post(
            plain_body(event), topics=topics, versions=settings.required("SNS_SIGNATURES").split(), now=now
        )
        _check(post)
    except ForeignMessageError as error:
        metrics.add_metric(name="MailPostsRefused", unit=MetricUnit.Count, value=1)
        logger.warning("a post that is none of Amazon SNS for us", why=str(error))
        return _answer(HTTPStatus.FORBIDDEN, {"code": "forbidden", "message": str(error)})
    if post.kind == "SubscriptionConfirmation":
        sns_https.confirm(post.host, post.topic, post.token)
        logger.info("subscription confirmed", topic=post.topic)
    elif post.kind == "Notification":
        follow(post.text, now)
    else:
        logger.error("the topic tells us nothing any more", topic=post.topic)
    return _answer(HTTPStatus.OK, {})


def _check(post: Posted) -> None:
    try:
        check_signature(post, sns_https.certificate(post.certificate_url))
    except NoCertificateError as error:
        raise no_certificate(error) from error


def _asked(event: Mapping[str, Any], now: int) -> Answer:
    """Answer a colleague. Errors are `{"code", "message"}`."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "bearer" or key_kind(token.strip(), signing_secret()) != "admin":
        said = {"code": "unauthorized", "message": "send Authorization: Bearer <admin key>"}
        return _answer(HTTPStatus.UNAUTHORIZED, said)
    try:
        said = read_body(event, longest=suppressions.MAX_BODY, example=suppressions.BODY)
        path = event["rawPath"].rstrip("/")
        if path.endswith("/lookup"):
            return _answer(HTTPStatus.OK, suppressions.look_up(said))
        if path.endswith("/remove"):
            return _answer(HTTPStatus.OK, suppressions.remove(said, now))
        return _answer(HTTPStatus.OK, suppressions.add(said, now))
    except InvalidInputError as error:
        return _answer(HTTPStatus.BAD_REQUEST, {"code": "invalid", "message": str(error)})
    except RefusedError as error:
        return _answer(error.status, {"code": error.code, "message": str(error)})


def _answer(status: int, body: Mapping[str, Any]) -> Answer:
    return {
        "statusCode": int(status),
        "headers": {"content-type": "application/json", "cache-control": "no-store"},
        "body": json.dumps(body),
    }
