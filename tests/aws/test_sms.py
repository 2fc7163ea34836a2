"""Text messages under moto: one attempt, and what each answer means."""

import pytest
from botocore.exceptions import ReadTimeoutError
from moto.core import DEFAULT_ACCOUNT_ID
from moto.sns.models import sns_backends

from shared.aws import clients, sms
from shared.aws.mailer import Accepted, NotNow, Refused, Unknown
from tests.conftest import REGION

NUMBER = "+46701234567"


def failing(code):
    def fail(**_said):
        if code is None:
            raise ReadTimeoutError(endpoint_url="https://sns.example")
        raise clients.sns_once().exceptions.ClientError({"Error": {"Code": code, "Message": ""}}, "Publish")

    return fail


def test_a_text_goes_to_the_number_as_it_is(aws):
    outcome = sms.send("Hello", number=NUMBER, origin="")
    assert isinstance(outcome, Accepted)
    assert sns_backends[DEFAULT_ACCOUNT_ID][REGION].sms_messages[outcome.message_id] == (NUMBER, "Hello")


@pytest.mark.parametrize(
    ("origin", "named"),
    [
        ("", {}),
        ("Ripen", {"AWS.SNS.SMS.SenderID": "Ripen"}),
        ("+4671000", {"AWS.MM.SMS.OriginationNumber": "+4671000"}),
    ],
)
def test_it_comes_from_the_registered_number_or_sender_id(aws, monkeypatch, origin, named):
    asked = []
    monkeypatch.setattr(clients.sns_once(), "publish", lambda **said: asked.append(said) or {"MessageId": "m"})
    sms.send("Hello", number=NUMBER, origin=origin)
    (said,) = asked
    values = {name: value["StringValue"] for name, value in said["MessageAttributes"].items()}
    assert values == {"AWS.SNS.SMS.SMSType": "Promotional", **named}


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("OptedOut", Refused("OptedOut")),
        ("InvalidParameter", Refused("InvalidParameter")),
        ("AuthorizationError", Refused("AuthorizationError")),
        ("Throttled", NotNow("Throttled")),
        ("InternalError", Unknown("InternalError")),
        ("SomethingNew", Unknown("SomethingNew")),
        (None, Unknown("ReadTimeoutError")),
    ],
)
def test_only_a_clear_no_counts_as_refused(aws, monkeypatch, code, outcome):
    monkeypatch.setattr(clients.sns_once(), "publish", failing(code))
    assert sms.send("Hello", number=NUMBER, origin="") == outcome


def test_the_sdk_makes_one_attempt_by_itself(aws):
    assert clients.sns_once().meta.config.retries["total_max_attempts"] == 1
