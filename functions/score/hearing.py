"""
What the events of a round say of consent: of the address or number they name, of the lead's, and of an address from before.

What a proving source says holds at once, so it is written on the address in the same round; what anybody says leaves an
entry in the trail.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.aws import addresses, consent_proofs
from shared.aws.secret_values import identity_secret
from shared.identity import normal_number, number_hash
from shared.lead import Lead, LeadEvent
from shared.mailing import ConsentProof, TopicConsent
from shared.rules.bots import judged
from shared.rules.consent import joined_topic, refusal
from shared.rules.consent_proof import carried_proof, consent_proof, number_said, topic_said
from shared.rules.model import ScoringModel
from shared.rules.registers import consent_said
from shared.rules.settling import is_fresh
from shared.rules.workspace import Addressed, Workspace


@dataclass(slots=True)
class Said:
    """What proving sources of one round said of one address: receive times, of opt-in and stop the latest."""

    proven_at: int
    opted_in_at: int | None = None
    stopped_at: int | None = None
    topics: dict[str, TopicConsent] = field(default_factory=dict)


@dataclass(slots=True)
class Heard:
    """What a round heard, by address hash: what is said, the entries of trails, and stops by links in mails."""

    said: dict[str, Said] = field(default_factory=dict)
    proofs: list[ConsentProof] = field(default_factory=list)
    stops: dict[str, int] = field(default_factory=dict)


def hear(heard: Heard, each: Addressed, before: Lead | None, lead: Lead | None, earlier: Mapping[str, Lead]) -> None:
    """
    Hear what one event says.

    Args:
        heard: What the round heard so far; it grows.
        each: The event.
        before: Who stood at its home before it was applied.
        lead: Whose it is, as they are after it.
        earlier: As `earlier_people` said before it was applied.
    """
    known = heard.said.get(each.address or "")
    agreed_before = None if known is None else known.opted_in_at
    heard.proofs += _hear_number(each, lead, heard.said)
    heard.proofs += _hear_consent(each, before, lead, heard.said)
    if each.address in heard.said:
        _carry_stop(heard.said[each.address], each, before, earlier, agreed_before)
    if _stops(each.event) and lead is not None and lead.address_hash is not None:
        heard.stops[lead.address_hash] = max(heard.stops.get(lead.address_hash, 0), each.event.received_at)


def record(heard: Heard) -> None:
    """Write what was heard: stops first, then the trails, then what the addresses allow."""
    for address, stopped_at in sorted(heard.stops.items()):
        addresses.record_consent(address, stopped_at=stopped_at)
    for proof in heard.proofs:
        consent_proofs.put(proof)
    for address, said in sorted(heard.said.items()):
        addresses.record_consent(
            address,
            proven_at=said.proven_at,
            opted_in_at=said.opted_in_at,
            stopped_at=said.stopped_at,
            topics=said.topics,
        )


def asks_for_mail(each: Addressed, lead: Lead | None, model: ScoringModel) -> bool:
    """Tell whether an unproven source just said that mail to its address is wanted: the address must be confirmed."""
    if lead is None or each.event.source != "public" or each.address is None or not consent_said(each.event):
        return False
    by_machine = judged(each.event, model, lead.judgements)[0] == "machine"
    return consent_proof(each.event, each.address) is not None and is_fresh(each.event) and not by_machine


def _stops(event: LeadEvent) -> bool:
    """Tell of a link to unsubscribe, also in a mail to an address that the person has no longer: the new one stops with it."""
    return event.source == "system" and event.name == "Unsubscribed"


def _hear_consent(
    each: Addressed, before: Lead | None, lead: Lead | None, consents: dict[str, Said]
) -> list[ConsentProof]:
    """
    What a proving source says of an address holds at once; what an unproven one says must be confirmed by mail.

    The `consent` trait is a state that clients repeat with every login, so only its change is news: said again, it does
    not subscribe anew whoever has said stop in between. An address that becomes the lead's gets the state it finds. It
    counts from the time it was said at, not from when a copy or a merge brought it here.

    Returns: What the trail of the address is to keep of it.
    """
    if lead is None or each.event.source == "system":
        return []
    received_at = each.event.received_at
    if each.event.source == "public":
        proof = None if each.address is None else consent_proof(each.event, each.address)
        return [] if proof is None else [proof]
    address = each.address or (lead.address_hash if lead.proven("address") else None)
    register = lead.profile.get("consent")
    held = before.value("consent") if before is not None else None
    speaks = each.address is not None or consent_said(each.event) is not None
    news = speaks and register is not None and register.value is not held
    moved = each.address is not None and (
        before is None or not before.proven("address") or before.address_hash != each.address
    )
    about_topic = address is not None and _hear_topic(each.event, address, consents)
    if address is None or not (news or moved or about_topic):
        return []
    if not (news or moved):
        proof = consent_proof(each.event, address)
        return [] if proof is None else [proof]
    heard = consents.setdefault(address, Said(received_at))
    heard.proven_at = min(heard.proven_at, received_at)
    if register is not None and register.value is True:
        opted_in_at = _opted_in_at(register.at, each.event, address, heard)
        if opted_in_at is not None:
            heard.opted_in_at = max(heard.opted_in_at or 0, opted_in_at)
    if register is not None and register.value is False:
        heard.stopped_at = max(heard.stopped_at or 0, register.at)
    if register is None or not isinstance(register.value, bool):
        return []
    return [(consent_proof(each.event, address) if news else None) or carried_proof(register, address)]


def _hear_number(each: Addressed, lead: Lead | None, consents: dict[str, Said]) -> list[ConsentProof]:
    """
    What a server says of text messages to a number holds at once; what a browser says of them is kept, and proves nothing.

    The number is the event's own, or the lead's where that is proven. It is said of that number alone: never a state that
    is repeated, and nothing that goes over to the next number.
    """
    event, wanted = each.event, number_said(each.event)
    if lead is None or wanted is None or event.source == "system":
        return []
    phone = event.traits.get("phone") or (lead.value("phone") if lead.proven("phone") else None)
    number = normal_number(phone) if isinstance(phone, str) else None
    if number is None:
        return []
    name = number_hash(number, identity_secret())
    if event.source == "server":
        at = event.occurred_at if event.history else event.received_at
        heard, about = consents.setdefault(name, Said(event.received_at)), topic_said(event, channel="sms")
        if about is not None:
            said = TopicConsent(opted_in_at=at) if wanted else TopicConsent(stopped_at=at)
            heard.topics[about[0]] = joined_topic(heard.topics.get(about[0]), said)
        elif wanted:
            heard.opted_in_at = max(heard.opted_in_at or 0, at)
        else:
            heard.stopped_at = max(heard.stopped_at or 0, at)
    proof = consent_proof(event, name, channel="sms")
    return [] if proof is None else [proof]


def _hear_topic(event: LeadEvent, address: str, consents: dict[str, Said]) -> bool:
    """
    Hear what a server says of one topic.

    A stop counts from when it is received, a yes from when it was said, so that an event that is sent again undoes no stop
    said since.
    """
    said = topic_said(event)
    if said is None:
        return False
    topic, wanted = said
    heard = consents.setdefault(address, Said(event.received_at))
    if not wanted:
        stop = TopicConsent(stopped_at=event.occurred_at if event.history else event.received_at)
        heard.topics[topic] = joined_topic(heard.topics.get(topic), stop)
        return True
    known = addresses.get_address(address)
    stops = (heard.stopped_at, known.stopped_at, known.topics.get(topic, TopicConsent()).stopped_at)
    if not event.history or all(stopped_at is None for stopped_at in stops):
        yes = TopicConsent(opted_in_at=min(event.occurred_at, event.received_at))
        heard.topics[topic] = joined_topic(heard.topics.get(topic), yes)
    return True


def _opted_in_at(said_at: int, event: LeadEvent, address: str, heard: Said) -> int | None:
    """
    Return from when a yes holds for the address; None where a stop of it, known or just `heard`, outweighs the yes.

    Only a yes that is said now, of this address, undoes a stop: one the person gave before the address became theirs does
    not, and a file of history says yes as of its own date, whenever it was meant.
    """
    if consent_said(event) is not None and not event.history:
        return said_at
    stops = (heard.stopped_at, addresses.get_address(address).stopped_at)
    return None if any(stopped_at is not None and stopped_at < said_at for stopped_at in stops) else said_at


def earlier_people(each: Addressed, workspace: Workspace) -> dict[str, Lead]:
    """Return the people to whom the event brings another address, by the proven one they have."""
    if each.event.source == "public" or each.address is None:
        return {}
    people = [lead for name in each.names if not name.anonymous and (lead := workspace.lead_at(name.home)) is not None]
    return {
        lead.address_hash: lead
        for lead in people
        if lead.address_hash not in (None, each.address) and lead.proven("address")
    }


def _carry_stop(
    said: Said, each: Addressed, holder: Lead | None, earlier: Mapping[str, Lead], agreed_before: int | None
) -> None:
    """
    Whoever said stop and changes the address has said stop: only what they say afterwards opts the new one in.

    A yes that they had said before the stop, and that comes along with the new address again, is nothing they say
    afterwards. Where the address is already somebody's own by proof, two people turn out to be one, and what each address
    allows stays.

    Args:
        said: Of the new address, this event's word included.
        each: The event that brings it.
        holder: Who had it before.
        earlier: Who it comes to, by the address they have.
        agreed_before: The opt-in that `said` held before the event.
    """
    is_somebodys = holder is not None and holder.proven("address") and holder.address_hash == each.address
    for address, lead in sorted(earlier.items()):
        known = addresses.get_address(address)
        stops = known.stopped_at is not None and refusal(known, silence_is_consent=True) == "stopped"
        is_later = (said.opted_in_at or 0) > (known.stopped_at or 0)
        if lead.value("consent") is True and stops and (is_somebodys or is_later):
            said.opted_in_at = agreed_before
        if is_somebodys:
            continue
        if known.stopped_at is not None:
            said.stopped_at = max(said.stopped_at or 0, known.stopped_at)
        for topic, its in known.topics.items():
            if its.stopped_at is not None:
                stop = TopicConsent(stopped_at=its.stopped_at)
                said.topics[topic] = joined_topic(said.topics.get(topic), stop)
