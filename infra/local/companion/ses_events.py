"""
The SES `Send` events that the emulator does not send.

On AWS the configuration set publishes one event per accepted mail to the mail events topic; `mail.tags` in it names the
claim that the mail belongs to. The emulator stores configuration sets and never fires them, but it relays the header
that carries the tags, and writes the id that SES answered with into `Message-ID`. Delivery, bounce and complaint come
from the emulator itself, through the notification topics of the sending identity.
"""

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import getaddresses, parseaddr
from functools import cached_property
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from mypy_boto3_sns.client import SNSClient

from infra.local.companion.mailbox import Mail
from infra.local.companion.outputs import NotDeployedError, Outputs

TAGS_HEADER = "X-SES-MESSAGE-TAGS"
CONFIGURATION_SET_HEADER = "X-SES-CONFIGURATION-SET"
ENVELOPE_HEADERS = frozenset({"return-path", "delivered-to"})
ACCOUNT = "000000000000"

EMULATOR_KEY = "test"
"""The emulator takes any; naming it here keeps the machine's own AWS credentials out of reach."""

logger = logging.getLogger("companion")


def message_tags(header: str) -> dict[str, list[str]]:
    """Read `name=value, name2=value2` as SES does: each name has a list of values."""
    tags: dict[str, list[str]] = {}
    for pair in header.split(","):
        name, equals, value = pair.partition("=")
        if equals and name.strip():
            tags.setdefault(name.strip(), []).append(value.strip())
    return tags


def send_event(mail: Mail, *, region: str = "us-east-1") -> dict[str, Any] | None:
    """Return the event a configuration set publishes when SES has accepted the mail, or None for an untagged mail."""
    content = mail.content
    tags = message_tags(content.header(TAGS_HEADER))
    if not tags:
        return None
    source = parseaddr(content.header("Return-Path"))[1] or parseaddr(content.header("From"))[1]
    message_id = content.header("Message-ID").strip().strip("<>")
    headers = [(name, value) for name, value in content.headers if name.lower() not in ENVELOPE_HEADERS]
    moment = datetime.fromtimestamp(mail.received_at, UTC)
    return {
        "eventType": "Send",
        "mail": {
            "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z",
            "source": source,
            "sourceArn": f"arn:aws:ses:{region}:{ACCOUNT}:identity/{source.rpartition('@')[2]}",
            "sendingAccountId": ACCOUNT,
            "messageId": message_id,
            "destination": mail.recipients,
            "headersTruncated": False,
            "headers": [{"name": name, "value": value} for name, value in headers],
            "commonHeaders": {
                "from": [content.header("From")],
                "to": [address for _, address in getaddresses(content.header_values("To"))],
                "messageId": message_id,
                "subject": content.header("Subject"),
            },
            "tags": {
                "ses:configuration-set": [content.header(CONFIGURATION_SET_HEADER) or "local"],
                "ses:source-ip": ["127.0.0.1"],
                "ses:from-domain": [source.rpartition("@")[2]],
                "ses:caller-identity": ["local"],
                **tags,
            },
        },
        "send": {},
    }


class SendEvents:
    """Publishes the event of each mail to the mail events topic, off the SMTP thread and in the order received."""

    def __init__(self, *, endpoint: str, outputs: Outputs) -> None:
        self._endpoint = endpoint
        self._outputs = outputs
        self._queue = ThreadPoolExecutor(max_workers=1, thread_name_prefix="send-events")

    def close(self) -> None:
        self._queue.shutdown(wait=True, cancel_futures=True)

    def submit(self, mail: Mail) -> None:
        self._queue.submit(self._publish, mail)

    @cached_property
    def _sns(self) -> SNSClient:
        region = self._outputs.text("mail_events_topic_arn").split(":")[3]
        return boto3.client(
            "sns",
            endpoint_url=self._endpoint,
            region_name=region,
            aws_access_key_id=EMULATOR_KEY,
            aws_secret_access_key=EMULATOR_KEY,
        )

    def _publish(self, mail: Mail) -> None:
        try:
            topic = self._outputs.text("mail_events_topic_arn")
            event = send_event(mail, region=topic.split(":")[3])
            if event is not None:
                self._sns.publish(
                    TopicArn=topic, Subject="Amazon SES Email Event Notification", Message=json.dumps(event)
                )
        except (NotDeployedError, BotoCoreError, ClientError) as error:
            # The mail is in the inbox; without its event the claim stays unknown, which the application must survive.
            logger.warning("The Send event of mail %d was not published: %s", mail.number, error)
