"""
How a message reaches a person: one function a channel.

Each writes its message first, so that what cannot be written is never claimed, and returns how it is handed over, which is
called once, after the claim.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from shared import settings
from shared.aws import handoffs, mailer, secret_values, sms, webhooks
from shared.aws.tasks import Task
from shared.identity import normal_number
from shared.instants import MINUTE, instant_text
from shared.keys import outgoing_webhook_secret
from shared.lead import Lead
from shared.mail.letter import Letter, Office, Owner, nurture_letter
from shared.mail.message import build
from shared.mail.text_message import others_words, text_message
from shared.mailing import Address, SendRef
from shared.rules.nurture import Send
from shared.rules.routing import handoff_policy

Deliver = Callable[[], mailer.Outcome]

WEBHOOK_TRIES = 8
FIRST_WAIT = 15 * MINUTE
"""How often a webhook is posted before it is parked, and the first wait in between; each is twice the one before: 32 hours."""


@dataclass(frozen=True, slots=True)
class Job:
    """
    One planned message: to whom, which, what was decided, and the compiled playbook that its words are from.

    `at` is the instant it was decided for; `tries` says how often the channel would not take it before.
    """

    lead: Lead
    ref: SendRef
    decision: Send
    address: Address
    playbook: Mapping[str, Any]
    at: int
    tries: int = 0


def by_mail(job: Job) -> Deliver:
    letter = nurture_letter(
        job.lead,
        job.ref,
        job.decision.content,
        address=job.address.name,
        playbook=job.playbook,
        office=office(),
        owner=_owner(job.lead, job.playbook),
    )
    return mail_of(letter)


def by_sms(job: Job) -> Deliver:
    number = normal_number(str(job.lead.value("phone")))
    assert number is not None, "the rules send only to a number"
    text = text_message(
        job.lead, job.ref, job.decision.content,
        playbook=job.playbook, office=office(), owner=_owner(job.lead, job.playbook),
    )  # fmt: skip
    origin = settings.optional("SMS_ORIGIN")

    def deliver() -> mailer.Outcome:
        return sms.send(text, number=number, origin=origin)

    return deliver


def by_webhook(job: Job) -> Deliver:
    name, ref = str(job.decision.to), job.ref
    webhook = job.playbook["mail"]["webhooks"][name]
    secret = secret_values.signing_secret()
    fields = {field: job.lead.value(field) for field in webhook["sends"] if job.lead.proven(field)}
    payload = {
        "type": "nurture.step",
        "timestamp": instant_text(job.at),
        "data": {
            "send_id": ref.send_id,
            "lead_id": ref.lead_id,
            "track": ref.track,
            "step": ref.step,
            "content": job.decision.content,
            "text": others_words(
                job.lead, ref, job.decision.content, playbook=job.playbook, office=office(), only=webhook["sends"]
            ).text,
            "fields": fields,
        },
    }
    instead = settings.optional("WEBHOOKS_URL")

    def deliver() -> mailer.Outcome:
        outcome = webhooks.post(
            webhook["url"],
            payload,
            webhook_id=ref.send_id,
            secrets=[outgoing_webhook_secret(name, number, secret) for number in webhook["secrets"]],
            through=f"{instead}/{name}" if instead else "",
        )
        if not isinstance(outcome, mailer.NotNow):
            return outcome
        if job.tries + 1 >= WEBHOOK_TRIES:
            return mailer.Unknown(outcome.code)
        return replace(outcome, after=FIRST_WAIT * 2**job.tries)

    return deliver


CHANNELS: Mapping[str, Callable[[Job], Deliver]] = {"mail": by_mail, "sms": by_sms, "webhook": by_webhook}


def task_of(job: Job) -> Task:
    """Write what the rep is to do. Nobody is asked to deliver it: the change that it is due tells of it."""
    words = others_words(
        job.lead, job.ref, job.decision.content,
        playbook=job.playbook, office=office(), owner=_owner(job.lead, job.playbook),
    )  # fmt: skip
    return Task(words.subject, words.text)


def mail_of(letter: Letter) -> Deliver:
    """Build the mail, and return how it is offered to SES."""
    raw, envelope = build(letter.rendered, letter.envelope), letter.envelope

    def deliver() -> mailer.Outcome:
        return mailer.send(
            raw,
            sender=envelope.sender,
            recipient=envelope.recipient,
            configuration_set=envelope.configuration_set,
            tags=envelope.tags,
        )

    return deliver


def office() -> Office:
    return Office(
        public_url=settings.public_url(),
        signing_secret=secret_values.signing_secrets(),
        sender=settings.required("SENDER"),
        configuration_set=settings.required("CONFIGURATION_SET"),
        stage=settings.required("STAGE"),
    )


def _owner(lead: Lead, playbook: Mapping[str, Any]) -> Owner | None:
    """Return the rep who has the lead, when sales has been given it."""
    if not lead.settled.qualified:
        return None
    handoff = handoffs.get_handoff(lead.lead_id, lead.settled.qualification)
    if (handoff is None or not handoff.running) and len(lead.homes) > 1:
        handoff = handoffs.latest(lead.homes)  # made before a merge, it has the number it had there
    if handoff is None or not handoff.running:
        return None
    person = handoff_policy(playbook).person(handoff.owner)
    return Owner(person.name, person.email) if person.name != person.id else None
