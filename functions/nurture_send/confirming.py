"""One confirmation mail: who is asked whether the address is theirs, and how often."""

from functions.nurture_send.channels import mail_of, office
from functions.nurture_send.handing_over import give_back, hand_over
from shared.aws import addresses, mailer, playbooks, secret_values, sends
from shared.aws.leads import get_lead
from shared.errors import ConflictError, DeliveryError
from shared.identity import address_hash, normal_number, number_hash
from shared.lead import Lead
from shared.mail.letter import confirmation_letter
from shared.mailing import Address, confirmation_ref
from shared.rules.consent import mailbox_of
from shared.rules.nurture import decide_confirmation
from shared.telemetry import logger

TRIES = 4
"""Rounds of read, decide and write for an address that others are changing too."""


def confirm(lead_id: str, now: int) -> bool:
    """
    Send a confirmation mail to the lead's address, if it may have one.

    Returns: Whether a mail went out, or may have.

    Raises:
        ConflictError: Others kept changing the address; nothing was sent. The message comes again.
        DeliveryError: SES would not take it now; the claim was taken back. The message comes again.
    """
    for _ in range(TRIES):
        lead = get_lead(lead_id)
        address = None if lead is None else address_of(lead)
        mailbox = None if lead is None or address is None else _mailbox(lead, address)
        why_not = "the lead is gone" if lead is None else decide_confirmation(lead, address, mailbox, now)
        if lead is None or address is None or mailbox is None or why_not is not None:
            logger.info("no confirmation mail", lead_id=lead_id, reason=why_not)
            return False
        ref = confirmation_ref(lead.lead_id, address.name, len(address.confirmations) + 1)
        playbook = playbooks.current()
        deliver = mail_of(confirmation_letter(lead, ref, address=address.name, playbook=playbook, office=office()))
        counted = (address,) if mailbox.name == address.name else (address, mailbox)
        claimed = sends.claim_confirmation(ref, at=now, addresses=counted, playbook=playbook["bundle"])
        if claimed == "changed":
            continue
        if claimed == "taken":
            return False
        outcome = hand_over(ref, deliver)
        logger.info("mail handed over", send_id=ref.send_id, outcome=type(outcome).__name__)
        if isinstance(outcome, mailer.NotNow):
            give_back(ref, outcome.code, counted, None)
            raise DeliveryError(f"SES does not send now: {outcome.code}")
        return isinstance(outcome, mailer.Accepted | mailer.Unknown)
    raise ConflictError("the address kept changing")


def address_of(lead: Lead) -> Address | None:
    """Return the address item of the mail address that would be used: its consent, not that of another one."""
    email = lead.value("email")
    if not isinstance(email, str):
        return None
    return addresses.get_address(address_hash(email, secret_values.identity_secret()))


def number_of(lead: Lead) -> Address | None:
    """Return the address item of the lead's phone number; None when there is none that can be called from anywhere."""
    phone = lead.value("phone")
    number = normal_number(phone) if isinstance(phone, str) else None
    return None if number is None else addresses.get_address(number_hash(number, secret_values.identity_secret()))


def _mailbox(lead: Lead, address: Address) -> Address:
    """Return the address item that counts what strangers have us send to the mailbox."""
    name = address_hash(mailbox_of(str(lead.value("email"))), secret_values.identity_secret())
    return address if name == address.name else addresses.get_address(name)
