"""What Amazon SES answers, and what we may conclude from it."""

from collections.abc import Iterator

import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from botocore.stub import Stubber

from shared.aws import clients, mailer
from tests.conftest import Aws
from tests.nurture_world import mails

RAW = b"From: hello@ripen.example\r\nTo: ada@example.com\r\nSubject: s\r\n\r\nt\r\n"


def send(**said) -> mailer.Outcome:
    values = {
        "sender": "hello@ripen.example",
        "recipient": "ada@example.com",
        "configuration_set": "mail",
        "tags": {"send_id": "s"},
    }
    return mailer.send(RAW, **{**values, **said})


def test_an_accepted_mail_has_an_id(aws: Aws):
    outcome = send()
    assert isinstance(outcome, mailer.Accepted)
    assert outcome.message_id
    assert len(mails()) == 1


def test_a_sender_nobody_verified_is_refused(aws: Aws):
    assert send(sender="eve@elsewhere.example") == mailer.Refused("MessageRejected")
    assert mails() == []


@pytest.fixture
def channel(credentials: None) -> Iterator[None]:
    """A client whose answers the test gives."""
    clients.forget()
    yield
    clients.forget()


def answering(code: str, status: int) -> mailer.Outcome:
    with Stubber(clients.ses()) as stub:
        stub.add_client_error("send_raw_email", service_error_code=code, http_status_code=status)
        return send()


def test_a_definite_no_is_a_refusal(channel):
    for code in sorted(mailer.REFUSALS):
        assert answering(code, 400) == mailer.Refused(code)


def test_a_no_for_now_is_not_the_end_of_the_mail(channel):
    for code in sorted(mailer.NOT_NOW):
        assert answering(code, 400) == mailer.NotNow(code)


@pytest.mark.parametrize(
    ("code", "status"),
    [("InternalFailure", 500), ("ServiceUnavailable", 503), ("RequestTimeout", 408), ("SomethingNew", 400)],
)
def test_any_other_answer_leaves_it_unknown(channel, code, status):
    assert answering(code, status) == mailer.Unknown(code)


@pytest.mark.parametrize("error", [ReadTimeoutError, ConnectTimeoutError, EndpointConnectionError])
def test_no_answer_leaves_it_unknown(channel, error, monkeypatch):
    def fail(**_said):
        raise error(endpoint_url="https://email.example")

    monkeypatch.setattr(clients.ses(), "send_raw_email", fail)
    assert send() == mailer.Unknown(error.__name__)


def test_ses_is_asked_once_and_never_again_by_the_sdk(channel):
    asked = []

    def fail(**_said):
        asked.append(1)
        raise ReadTimeoutError(endpoint_url="https://email.example")

    clients.ses().meta.events.register("before-send.ses.SendRawEmail", fail)
    assert isinstance(send(), mailer.Unknown)
    assert len(asked) == 1
    assert clients.dynamodb().meta.config.retries["total_max_attempts"] > 1, "the others do repeat"


def test_a_mistake_of_ours_is_not_an_outcome(channel):
    with pytest.raises(AttributeError):
        send(tags=None)
