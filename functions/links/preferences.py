"""
What the reader of a mail says of further ones: nothing more at all, these topics only, or yes to a first one.

Everything is written to the address before anybody is answered, and by the address alone, so it holds whatever became
of the lead since. Whatever is posted stops everything unless it is the page's own form: mail programs post
`List-Unsubscribe=One-Click` in one encoding or another (RFC 8058), and nobody who posts here wants more mail.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import parse_qs

from functions.links import pages
from functions.links.pages import Answer, Topic
from shared import settings
from shared.aws import addresses, consent_proofs, playbooks, queue, unsubscribes
from shared.identity import event_key
from shared.lead import LeadEvent, queue_message
from shared.links import Link
from shared.mailing import ConsentProof, SendRef, TopicConsent
from shared.rules.consent import gets, is_withdrawn, preference_changes
from shared.telemetry import logger

LONGEST_FORM = 10_000
"""Characters of the page's form at most: what is longer is something else."""


def shown(link: Link) -> Answer:
    """Return the page that says what the address gets, and asks. It changes nothing, whoever looks at it."""
    return _page(link.target, saved=False)


def answered(link: Link, ref: SendRef, event: Mapping[str, Any], *, name: str, now: int) -> Answer:
    """Do what was posted: save the topics where the page's form says so, else stop everything."""
    form = _own_form(event)
    ticked, listed = form.get("topic", []), form.get("listed", [])
    if not ticked or not listed:
        return _stop(link, ref, name=name, now=now)
    return _save(link, ref, {topic: topic in ticked for topic in listed}, name=name, now=now)


def confirmed(link: Link, ref: SendRef, *, name: str, now: int) -> Answer:
    """
    Whoever presses the button reads this mailbox: the address is proved, and opted in, to the topic of the form too.

    Where they said stop after they were asked, nothing changes: an old mail is no way around a stop.
    """
    known = addresses.get_address(link.target)
    asked_at = next((mail.at for mail in known.confirmations if mail.send_id == link.send_id), None)
    if is_withdrawn(known, asked_at):
        logger.info("confirmation is older than the stop", send_id=link.send_id)
        return pages.stopped_since()
    event_id = f"confirm:{name}"
    proof = consent_proofs.confirmed(
        ConsentProof(link.target, now, event_key(event_id), "confirmed", "link in our mail"), asked_at
    )
    agreed = proof.topic and proof.worded_by == "playbook" and not is_withdrawn(known, asked_at, topic=proof.topic)
    topics = {proof.topic: TopicConsent(opted_in_at=now)} if agreed else {}
    addresses.record_consent(link.target, proven_at=now, opted_in_at=now, topics=topics)
    consent_proofs.put(proof)
    _tell(event_id, "Address Confirmed", ref, now, {"address": link.target})
    logger.info("address confirmed", send_id=link.send_id)
    return pages.confirmed()


def _stop(link: Link, ref: SendRef, *, name: str, now: int) -> Answer:
    """Stop first, then tell the score, then answer: once the page is seen, nothing is sent any more."""
    known = addresses.get_address(link.target)
    addresses.record_consent(link.target, stopped_at=now)
    event_id = _again(f"unsubscribe:{name}", known.opted_in_at, *(said.opted_in_at for said in known.topics.values()))
    consent_proofs.put(ConsentProof(link.target, now, event_key(event_id), "unsubscribed", "link in our mail"))
    unsubscribes.note(ref, now)
    _tell(event_id, "Unsubscribed", ref, now, {"send_id": link.send_id, "track": ref.track})
    logger.info("unsubscribed", send_id=link.send_id)
    return pages.stopped()


def _save(link: Link, ref: SendRef, wanted: Mapping[str, bool], *, name: str, now: int) -> Answer:
    """Record what is news. Only topics of the playbook are, so nobody fills an address with made-up ones."""
    policy = _policy()
    topics = {topic: yes for topic, yes in wanted.items() if topic in policy.get("topics", {})}
    changes = preference_changes(
        addresses.get_address(link.target), topics, silence_is_consent=policy["consent"] == "implied", now=now
    )
    started = sorted(topic for topic, said in changes.items() if said.opted_in_at is not None)
    left = sorted(changes.keys() - set(started))

    def prove(topic: str, said: Literal["agreed", "unsubscribed"]) -> None:
        key, words = event_key(f"preferences:{name}:{now}:{topic}"), policy["topics"][topic]["label"]
        consent_proofs.put(
            ConsentProof(link.target, now, key, said, "link in our mail", text=words, topic=topic, worded_by="playbook")
        )

    # Saved again after a crash, nothing is news: no opt-in may be in force by then that nobody can show.
    for topic in started:
        prove(topic, "agreed")
    if changes:
        addresses.record_consent(link.target, proven_at=now if started else None, topics=changes)
    for topic in left:
        prove(topic, "unsubscribed")
    if left:
        unsubscribes.note(ref, now)
    if changes:
        said = {"send_id": link.send_id, "track": ref.track, "started": started, "stopped": left}
        _tell(f"preferences:{name}:{now}", "Mail Preferences Saved", ref, now, said)
    logger.info("mail preferences saved", send_id=link.send_id, started=started, stopped=left)
    return _page(link.target, saved=True)


def _again(event_id: str, *undone_at: int | None) -> str:
    """
    Return the id of what is said now: a copy of a post has the same, and what is said anew has not.

    Args:
        event_id: Of what the link says.
        undone_at: When the opposite was said last, before which a link of the same mail may have been used as well.
    """
    last = max((at for at in undone_at if at is not None), default=None)
    return event_id if last is None else f"{event_id}:{last}"


def _page(address: str, *, saved: bool) -> Answer:
    policy = _policy()
    known = addresses.get_address(address)
    silence = policy["consent"] == "implied"
    topics = [
        Topic(topic, said["label"], said["about"], gets(known, topic, silence_is_consent=silence))
        for topic, said in policy.get("topics", {}).items()
    ]
    if not topics:
        return pages.ask_to_stop()
    if known.suppressed is not None:
        return pages.nothing_sent()
    return pages.preferences(topics, saved=saved)


def _policy() -> Mapping[str, Any]:
    policy: Mapping[str, Any] = playbooks.current()["mail"]
    return policy


def _own_form(event: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the fields of the page's form; none where something else was posted."""
    body = event.get("body") or ""
    if len(body) > LONGEST_FORM:
        return {}
    try:
        text = base64.b64decode(body, validate=True).decode() if event.get("isBase64Encoded") else body
        form = parse_qs(text, keep_blank_values=True)
    except (ValueError, binascii.Error):
        return {}
    return form if form.get("save") == ["topics"] and "List-Unsubscribe" not in form else {}


def _tell(event_id: str, name: str, ref: SendRef, now: int, said: Mapping[str, Any]) -> None:
    told = LeadEvent(
        event_id=event_id,
        name=name,
        occurred_at=now,
        received_at=now,
        source="system",
        lead_id=ref.lead_id,
        properties=dict(said),
    )
    queue.send_all(settings.events_queue_url(), [queue_message("system", now, [told])])
