"""Whether mailing is paused, or must pause by itself, and that operations hear of it."""

from shared import settings
from shared.aws import mail_control, playbooks, topics
from shared.instants import instant_text
from shared.rules.send_rate import WATCHED, stop_reason
from shared.telemetry import count


def is_paused(now: int) -> bool:
    """
    Tell whether no mail may go, after a look at what came back of those that went.

    Told before it is remembered as told: who dies in between tells it twice, and nobody is left in the dark.
    """
    control = mail_control.control()
    if not control.paused:
        counted = mail_control.counted(max(now - WATCHED, control.counted_from), now)
        why = stop_reason(counted, playbooks.current()["mail"])
        if why is None:
            return False
        mail_control.pause(now, by=mail_control.BY_ITSELF, reason=why)
        count("MailingPaused", 1)
        control = mail_control.control()
    if control.paused and not control.told:
        _tell(control, now)
        mail_control.told()
    return control.paused


def _tell(control: mail_control.Control, now: int) -> None:
    topics.publish(
        settings.required("OPERATIONS_TOPIC_ARN"),
        subject="Mailing paused by itself",
        text=(
            f"No more mails go out: {control.reason}.\n\nWhat is due stays due. Look at where the addresses came from and "
            "at what went out; then `ripen mail resume --by NAME`. What came back until then does not count again."
        ),
        attributes={"kind": "mailing_paused", "stage": settings.required("STAGE")},
        facts={"reason": control.reason, "as_of": instant_text(now)},
    )
