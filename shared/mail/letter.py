"""
One mail to one person: which template, with which words of the lead, and which signed links.

Only proven fields are printed: what a browser said about somebody never travels under our sender.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.lead import Lead
from shared.links import Keys, Link, link_url
from shared.mail.message import Envelope
from shared.mail.render import PROFILE_FIELDS, Rendered, presentable, render
from shared.mailing import CONFIRM, SendRef

_ALSO_SAID = {"role": "department"}
"""Where a field that is missing may stand by another name."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The rep who has the lead, by the playbook."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Office:
    """What is the same for every mail of a deployment: where links lead, what signs them, who sends."""

    public_url: str
    signing_secret: Keys
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
    links = {name: _link(office, Link("click", ref.send_id, target)) for name, target in mail.get("links", {}).items()}
    watched = {
        "open_url": _link(office, Link("open", ref.send_id)),
        "decoy_url": _link(office, Link("decoy", ref.send_id)),
    }
    rendered = render(
        playbook["templates"][content],
        {**printed_fields(lead, mail, owner), **watched, "unsubscribe_url": unsubscribe_url, "links": links},
    )
    tags = {"send_id": ref.send_id, "track": ref.track}
    envelope = _envelope(
        lead, mail, office, reply_to=_reply_to(mail, owner), unsubscribe_url=unsubscribe_url, tags=tags
    )
    return Letter(rendered, envelope)


def specimen(
    lead: Lead, content: str, *, playbook: Mapping[str, Any], unsubscribe_url: str, owner: Owner | None
) -> Rendered:
    """
    Return the words of a mail of a track as the lead would get them, with plain links and nothing that is counted.

    Raises: TemplateError.
    """
    mail = playbook["mail"]
    fields = {**printed_fields(lead, mail, owner), "unsubscribe_url": unsubscribe_url, "links": mail.get("links", {})}
    return render(playbook["templates"][content], fields)


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


def printed_fields(lead: Lead, mail: Mapping[str, Any], owner: Owner | None) -> dict[str, Any]:
    """Return what is printed of the sender, the lead and its owner; what is not known is missing."""
    fields: dict[str, Any] = {"sender_name": mail["from_name"], "postal_address": mail["postal_address"]}
    for name in PROFILE_FIELDS:
        words = _printed(lead, name) or _printed(lead, _ALSO_SAID.get(name, name))
        if words is not None:
            fields[name] = words
    if owner is not None:
        fields["owner_name"] = owner.name
    return fields


def _printed(lead: Lead, name: str) -> str | None:
    return presentable(lead.value(name)) if lead.proven(name) else None


def _reply_to(mail: Mapping[str, Any], owner: Owner | None) -> str:
    return str(mail["reply_to"]) if owner is None or not owner.email else owner.email


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
