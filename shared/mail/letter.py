"""
One mail to one person: which template, with which words of the lead, and which signed links.

Only proven fields are printed: what a browser said about somebody never travels under our sender.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.lead import Lead
from shared.links import Link, link_url
from shared.mail.message import Envelope
from shared.mail.render import PROFILE_FIELDS, Rendered, presentable, render
from shared.mailing import CONFIRM, SendRef


@dataclass(frozen=True, slots=True)
class Owner:
    """The rep who has the lead, by the playbook."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Office:
    """What is the same for every mail of a deployment: where links lead, what signs them, who sends."""

    public_url: str
    signing_secret: str
    sender: str
    configuration_set: str
    stage: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail ready to be built: its words and its envelope."""

    rendered: Rendered
    envelope: Envelope


def nurture_letter(
    lead: Lead,
    ref: SendRef,
    content: str,
    *,
    address: str,
    playbook: Mapping[str, Any],
    office: Office,
    owner: Owner | None,
) -> Letter:
    """
    Write a mail of a track.

    Args:
        lead: Whom it is to; its address was checked.
        ref: Which mail.
        content: Its template.
        address: Hash of the lead's address, which the unsubscribe link names.
        playbook: The compiled one.
        office: Of the deployment.
        owner: Signs the mail and gets the answers, if there is one.
    Raises: TemplateError.
    """
    mail = playbook["mail"]
    unsubscribe_url = _link(office, Link("unsubscribe", ref.send_id, address))
    fields: dict[str, Any] = {
        "sender_name": mail["from_name"],
        "postal_address": mail["postal_address"],
        "unsubscribe_url": unsubscribe_url,
        "open_url": _link(office, Link("open", ref.send_id)),
        "links": {
            name: _link(office, Link("click", ref.send_id, target)) for name, target in mail.get("links", {}).items()
        },
    }
    for name in PROFILE_FIELDS:
        words = presentable(lead.value(name)) if lead.proven(name) else None
        if words is not None:
            fields[name] = words
    if owner is not None:
        fields["owner_name"] = owner.name
    reply_to = mail["reply_to"] if owner is None or not owner.email else owner.email
    rendered = render(playbook["templates"][content], fields)
    tags = {"send_id": ref.send_id, "track": ref.track}
    envelope = _envelope(lead, mail, office, reply_to=reply_to, unsubscribe_url=unsubscribe_url, tags=tags)
    return Letter(rendered, envelope)


def confirmation_letter(
    lead: Lead, ref: SendRef, *, address: str, playbook: Mapping[str, Any], office: Office
) -> Letter:
    """
    Write a confirmation mail: that somebody asked, and a link to say yes. Nothing else anybody said.

    Raises: TemplateError.
    """
    mail = playbook["mail"]
    unsubscribe_url = _link(office, Link("unsubscribe", ref.send_id, address))
    fields = {
        "sender_name": mail["from_name"],
        "postal_address": mail["postal_address"],
        "unsubscribe_url": unsubscribe_url,
        "confirm_url": _link(office, Link("confirm", ref.send_id, address)),
    }
    rendered = render(playbook["templates"][CONFIRM], fields)
    tags = {"send_id": ref.send_id, "track": CONFIRM}
    envelope = _envelope(lead, mail, office, reply_to=mail["reply_to"], unsubscribe_url=unsubscribe_url, tags=tags)
    return Letter(rendered, envelope)


def _link(office: Office, link: Link) -> str:
    return link_url(office.public_url, link, office.signing_secret)


def _envelope(
    lead: Lead, mail: Mapping[str, Any], office: Office, *, reply_to: str, unsubscribe_url: str, tags: Mapping[str, str]
) -> Envelope:
    return Envelope(
        sender=office.sender,
        sender_name=mail["from_name"],
        recipient=lead.value("email"),
        reply_to=reply_to,
        unsubscribe_url=unsubscribe_url,
        configuration_set=office.configuration_set,
        tags={**tags, "stage": office.stage},
    )
