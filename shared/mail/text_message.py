"""
Words for channels other than mail, above all a text message: one line in the letters every phone has, with short links.

A letter outside the GSM alphabet makes the whole message cost twice as much, so what is known of the lead is only
printed where it can be written in it; else the fallback of the template stands there.
"""

import unicodedata
from collections.abc import Collection, Mapping
from typing import Any

from shared.lead import Lead
from shared.links import Link, link_url
from shared.mail.letter import Office, Owner, printed_fields
from shared.mail.render import OPTIONAL_FIELDS, Rendered, one_line, render
from shared.mailing import SendRef
from shared.short_links import ShortLink, can_be_short, short_token

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The GSM 7-bit alphabet (3GPP TS 23.038)."""

TWICE = frozenset("^{}\\[~]|€\f")
"""Characters of its extension: each takes the room of two."""

ONE_PART, EACH_PART = 160, 153
"""Characters of a message that is one part, and of each part of a longer one."""

MOST_PARTS = 6

SHORT_LINK = 60
"""Characters of a link under a domain of one's own, as in https://links.example.com/c/ and a token."""


def text_message(
    lead: Lead, ref: SendRef, content: str, *, playbook: Mapping[str, Any], office: Office, owner: Owner | None
) -> str:
    """
    Write a text message of a track.

    Args:
        lead: Whose number it goes to.
        ref: Which message.
        content: Its template.
        playbook: The compiled one.
        office: Of the deployment.
        owner: The rep who has the lead, if there is one.
    Raises: TemplateError.
    """
    mail = playbook["mail"]
    known = printed_fields(lead, mail, owner)
    fields = {name: said for name, value in known.items() if (said := in_gsm(str(value))) is not None}
    links = {name: _link(name, page, ref, office) for name, page in mail.get("links", {}).items()}
    return written(playbook["templates"][content], {**fields, "links": links}, mail)


def others_words(
    lead: Lead,
    ref: SendRef,
    content: str,
    *,
    playbook: Mapping[str, Any],
    office: Office,
    owner: Owner | None = None,
    only: Collection[str] | None = None,
) -> Rendered:
    """
    Write what goes through a channel that has its own form: a task, a webhook.

    `only` names the fields of the lead that may be printed; None allows every field of a mail. Raises TemplateError.
    """
    mail = playbook["mail"]
    known = printed_fields(lead, mail, owner)
    if only is not None:
        known = {name: value for name, value in known.items() if name not in OPTIONAL_FIELDS or name in only}
    pages = mail.get("links", {})
    links = {
        name: link_url(office.public_url, Link("click", ref.send_id, page), office.signing_secret)
        for name, page in pages.items()
    }
    return render(playbook["templates"][content], {**known, "links": links})


def written(template: Mapping[str, str], fields: Mapping[str, Any], mail: Mapping[str, Any]) -> str:
    """Return the message in one line, with the playbook's words that say how to stop them at its end. Raises TemplateError."""
    stop_words = (mail.get("sms") or {}).get("stop_words")
    return one_line(f"{render(template, fields).text} {stop_words or ''}")


def in_gsm(text: str) -> str | None:
    """Return the text in letters of the GSM alphabet, without accents that it does not have; None when it cannot be."""
    folded = "".join(each if is_gsm(each) else _without_accent(each) for each in text)
    return folded if all(map(is_gsm, folded)) else None


def is_gsm(character: str) -> bool:
    return character in BASIC or character in TWICE


def parts(text: str) -> int:
    """Return how many parts a message of GSM letters is sent and paid as."""
    size = len(text) + sum(each in TWICE for each in text)
    return 1 if size <= ONE_PART else -(-size // EACH_PART)


def _without_accent(character: str) -> str:
    alike = _ALIKE.get(character)
    if alike is not None:
        return alike
    return "".join(each for each in unicodedata.normalize("NFKD", character) if not unicodedata.combining(each))


_ALIKE = {"Ł": "L", "ł": "l", "Đ": "D", "đ": "d", "‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "ı": "i"}
"""Letters and signs that are no composition, and what is written for them where they are missing."""


def _link(name: str, page: str, ref: SendRef, office: Office) -> str:
    """Return the link to a page: 32 characters where the message can be named so, else one like those of mails."""
    if can_be_short(ref):
        return f"{office.public_url}/c/{short_token(ShortLink(ref, name), office.signing_secret)}"
    return link_url(office.public_url, Link("click", ref.send_id, page), office.signing_secret)
