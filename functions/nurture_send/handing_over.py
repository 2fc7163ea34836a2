"""What follows a claim: the message is offered to its channel, once, and the answer is recorded."""

from typing import assert_never

from functions.nurture_send.channels import Deliver
from shared.aws import mailer, sends
from shared.mailing import Address, Enrollment, SendRef


def hand_over(ref: SendRef, deliver: Deliver) -> mailer.Outcome:
    """Offer a claimed message to its channel, once, and record the answer; `NotNow` is left to the caller."""
    outcome = deliver()
    match outcome:
        case mailer.Accepted(message_id):
            sends.settle(ref, "sent", message_id=message_id)
        case mailer.Refused(code):
            sends.settle(ref, "refused", reason=code)
        case mailer.Unknown(reason):
            sends.settle(ref, "unknown", reason=reason)
        case mailer.NotNow():
            pass
        case _:
            assert_never(outcome)
    return outcome


def give_back(ref: SendRef, code: str, addresses: tuple[Address, ...], run: Enrollment | None) -> None:
    """Take back the claim of a mail that SES did not take; when that is no longer possible, record the refusal."""
    if not sends.release(ref, addresses=addresses, run=run, reason=code):
        sends.settle(ref, "refused", reason=code)
