"""One planned mail: read, decide, claim, send, record. The order is the promise: nothing is sent that is not claimed."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, assert_never

from shared import settings
from shared.aws import addresses, enrollments, handoffs, mailer, playbooks, secret_values, sends
from shared.aws.leads import get_lead
from shared.errors import ConflictError, DeliveryError
from shared.identity import address_hash
from shared.lead import Lead
from shared.mail.letter import Letter, Office, Owner, confirmation_letter, nurture_letter
from shared.mail.message import build
from shared.mailing import Address, Enrollment, PastSend, SendRef, confirmation_ref
from shared.rules.consent import mailbox_of
from shared.rules.nurture import (
    Decision,
    MailPolicy,
    Send,
    Skip,
    Stop,
    Wait,
    advanced,
    decide_confirmation,
    decide_send,
    mail_policy,
    postponed,
    remembered,
    stopped,
    waiting,
)
from shared.rules.routing import handoff_policy
from shared.rules.tracks import Track, one_per_track, superseded, tracks_of
from shared.telemetry import logger

TRIES = 4
"""Rounds of read, decide and write for an address or run that others are changing too."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What one attempt goes by, from the playbook in force when it began."""

    playbook: dict[str, Any]
    policy: MailPolicy
    tracks: dict[str, Track]


def rules() -> Rules:
    return _rules(playbooks.current()["bundle"])


@lru_cache(maxsize=1)
def _rules(bundle: str) -> Rules:
    playbook = playbooks.document(bundle)
    return Rules(playbook, mail_policy(playbook), tracks_of(playbook))


def send(ref: SendRef, now: int) -> None:
    """
    Carry out the decision about one planned mail of a track.

    Raises:
        ConflictError: Others kept changing what it rests on; nothing was sent. The message comes again.
    """
    for _ in range(TRIES):
        try:
            if _attempt(ref, now) != "changed":
                return
        except ConflictError:
            continue
    raise ConflictError("the address or the run kept changing")


def confirm(lead_id: str, now: int) -> None:
    """
    Send a confirmation mail to the lead's address, if it may have one.

    Raises:
        ConflictError: Others kept changing the address; nothing was sent. The message comes again.
        DeliveryError: SES would not take it now; the claim was taken back. The message comes again.
    """
    for _ in range(TRIES):
        lead = get_lead(lead_id)
        address = None if lead is None else _address(lead)
        mailbox = None if lead is None or address is None else _mailbox(lead, address)
        why_not = "the lead is gone" if lead is None else decide_confirmation(lead, address, mailbox, now)
        if lead is None or address is None or mailbox is None or why_not is not None:
            logger.info("no confirmation mail", lead_id=lead_id, reason=why_not)
            return
        ref = confirmation_ref(lead.lead_id, address.name, len(address.confirmations) + 1)
        playbook = playbooks.current()
        letter = confirmation_letter(lead, ref, address=address.name, playbook=playbook, office=_office())
        raw = build(letter.rendered, letter.envelope)
        counted = (address,) if mailbox.name == address.name else (address, mailbox)
        claimed = sends.claim_confirmation(ref, at=now, addresses=counted, playbook=playbook["bundle"])
        if claimed == "claimed":
            outcome = _hand_over(ref, letter, raw)
            if isinstance(outcome, mailer.NotNow):
                _give_back(ref, outcome.code, counted, None)
                raise DeliveryError(f"SES does not send now: {outcome.code}")
        if claimed != "changed":
            return
    raise ConflictError("the address kept changing")


def _attempt(ref: SendRef, now: int) -> sends.Claim:
    lead = get_lead(ref.lead_id)
    homes = (ref.lead_id,) if lead is None else tuple(dict.fromkeys((ref.lead_id, *lead.homes)))
    runs = enrollments.get_runs(homes, ref.track)
    run = next((each for each in runs if each.lead_id == ref.lead_id), None)
    if run is None or run.status != "active" or run.next_send != ref:
        logger.info("the run is elsewhere by now", send_id=ref.send_id)
        return "taken"
    if lead is None:
        enrollments.save(stopped(run, Stop("exited", "the lead is gone"), now))
        return "claimed"
    if run in one_per_track(runs)[1]:
        enrollments.save(superseded(run, now))
        return "claimed"
    address, by = _address(lead), rules()
    decision = decide_send(lead, run, by.tracks.get(ref.track), address, policy=by.policy, now=now)
    outcome = _follow(decision, lead, run, address, by, now=now)
    logger.info(
        "mail decided",
        send_id=ref.send_id, decision=type(decision).__name__, reason=decision.reason, outcome=outcome,
    )  # fmt: skip
    return outcome


def _follow(
    decision: Decision, lead: Lead, run: Enrollment, address: Address | None, by: Rules, *, now: int
) -> sends.Claim:
    match decision:
        case Send():
            return _send(decision, lead, run, address, by, now=now)
        case Skip():
            return _skip(decision, run, address, by, now=now)
        case Wait():
            held = waiting(run, decision)
            if held != run:
                enrollments.save(held)
        case Stop(status="paused") if address is not None:
            return sends.pause(stopped(run, decision, now), address)
        case Stop():
            enrollments.save(stopped(run, decision, now))
        case _:
            assert_never(decision)
    return "claimed"


def _send(decision: Send, lead: Lead, run: Enrollment, address: Address | None, by: Rules, *, now: int) -> sends.Claim:
    assert address is not None, "the rules send only to an address"
    ref, playbook = run.next_send, by.playbook
    letter = nurture_letter(
        lead,
        ref,
        decision.content,
        address=address.name,
        playbook=playbook,
        office=_office(),
        owner=_owner(lead, playbook),
    )
    raw = build(letter.rendered, letter.envelope)
    claimed = sends.claim(
        ref,
        content=decision.content,
        at=now,
        address=address,
        recent=remembered(address.recent, PastSend(now, ref.send_id)),
        run=advanced(run, by.tracks[run.track], at=now, counted_from=now),
        playbook=playbook["bundle"],
    )
    if claimed == "claimed":
        outcome = _hand_over(ref, letter, raw)
        if isinstance(outcome, mailer.NotNow):
            later = replace(postponed(run, outcome.code, now), version=run.version + 1)
            _give_back(ref, outcome.code, (address,), later)
    return claimed


def _skip(decision: Skip, run: Enrollment, address: Address | None, by: Rules, *, now: int) -> sends.Claim:
    assert address is not None, "only what an address received is skipped"
    return sends.skip(
        run.next_send,
        content=decision.content,
        at=now,
        address=address,
        run=advanced(run, by.tracks[run.track], at=now, counted_from=decision.as_if_at),
        playbook=by.playbook["bundle"],
        reason=decision.reason,
    )


def _hand_over(ref: SendRef, letter: Letter, raw: bytes) -> mailer.Outcome:
    """Offer a claimed mail to SES, once, and record the answer; `NotNow` is left to the caller."""
    envelope = letter.envelope
    outcome = mailer.send(
        raw,
        sender=envelope.sender,
        recipient=envelope.recipient,
        configuration_set=envelope.configuration_set,
        tags=envelope.tags,
    )
    logger.info("mail handed over", send_id=ref.send_id, outcome=type(outcome).__name__)
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


def _give_back(ref: SendRef, code: str, addresses: tuple[Address, ...], run: Enrollment | None) -> None:
    """Take back the claim of a mail that SES did not take; when that is no longer possible, record the refusal."""
    if not sends.release(ref, addresses=addresses, run=run, reason=code):
        sends.settle(ref, "refused", reason=code)


def _address(lead: Lead) -> Address | None:
    """Return the address item of the mail address that would be used: its consent, not that of another one."""
    email = lead.value("email")
    if not isinstance(email, str):
        return None
    return addresses.get_address(address_hash(email, secret_values.identity_secret()))


def _mailbox(lead: Lead, address: Address) -> Address:
    """Return the address item that counts what strangers have us send to the mailbox."""
    name = address_hash(mailbox_of(str(lead.value("email"))), secret_values.identity_secret())
    return address if name == address.name else addresses.get_address(name)


def _owner(lead: Lead, playbook: dict[str, Any]) -> Owner | None:
    """Return the rep who has the lead, when sales has been given it."""
    if not lead.settled.qualified:
        return None
    handoff = handoffs.get_handoff(lead.lead_id, lead.settled.qualification)
    if handoff is None or not handoff.running:
        return None
    person = handoff_policy(playbook).person(handoff.owner)
    return Owner(person.name, person.email) if person.name != person.id else None


def _office() -> Office:
    return Office(
        public_url=settings.public_url(),
        signing_secret=secret_values.signing_secret(),
        sender=settings.required("SENDER"),
        configuration_set=settings.required("CONFIGURATION_SET"),
        stage=settings.required("STAGE"),
    )
