"""Leads and letters for the tests of mails: what `nurture_letter` needs, without AWS."""

from collections.abc import Mapping
from typing import Any

from shared.lead import Lead, Register
from shared.mail.letter import Letter, Office, Owner, nurture_letter
from shared.mailing import SendRef

OFFICE = Office(
    public_url="https://ripen.example", signing_secret="a-secret", sender="hello@ripen.example",
    configuration_set="mail", stage="test",
)  # fmt: skip
OWNER = Owner("Maria Lindqvist", "maria@ripen.example")
EVERY_FIELD = ("first_name", "company", "industry", "title", "role", "last_asset")
PLAIN = {
    "subject": "Hi {% for x in (1..1) %}{{ first_name | default: 'you' }} {{ company | default: 'x' }} {{ owner_name | default: 'y' }}"
    " {{ industry | default: '' }}{{ title | default: '' }}{{ role | default: '' }}{{ last_asset | default: '' }}{% endfor %}",
    "preheader": "{{ company | default: 'x' }}",
    "html": "<p title=\"{{ company | default: 'x' }}\">{{ preheader }}: {{ first_name | default: 'you' }}</p>",
    "text": "{{ first_name | default: 'you' }} of {{ company | default: 'x' }}\n{{ unsubscribe_url }}",
}
"""A mail that prints every field in its subject too."""


def a_lead(fields: Mapping[str, Any], *, lead_id: str = "a" * 16, email: str = "ada@example.com", proven: bool = True) -> Lead:  # fmt: skip
    said = {name: Register(value, 1, "k", proven) for name, value in fields.items()}
    return Lead(lead_id, profile={**said, "email": Register(email, 1, "k", proven=True)})


def a_playbook(templates: Mapping[str, Mapping[str, str]], links: Mapping[str, str], **mail: Any) -> dict[str, Any]:
    said = {
        "from_name": "Ripen", "reply_to": "hello@ripen.example", "postal_address": "Street 1, Town", "links": links,
    }  # fmt: skip
    return {"templates": templates, "mail": {**said, **mail}}


def letter(lead: Lead, content: str, playbook: Mapping[str, Any], owner: Owner | None = None) -> Letter:
    ref = SendRef(lead.lead_id, "awareness", 1, 0)
    return nurture_letter(lead, ref, content, address="b" * 20, playbook=playbook, office=OFFICE, owner=owner)
