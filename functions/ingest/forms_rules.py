"""
What the playbook in force says of a form.

Only this route needs the table, so the others' cold start does not load what reads it. When the table cannot be read
the post fails and is sent again: taken by other rules than the agreed ones it could not be put right later.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.forms import HONEYPOT


@dataclass(frozen=True, slots=True)
class Box:
    """The box that asks for mail: its field by plain name, and what stands beside it."""

    field: str
    text: str
    version: str
    topic: str


@dataclass(frozen=True, slots=True)
class FormRules:
    """
    How one form is read. Without a playbook's word: conventional names, the usual trap, a confirmation mail.

    `fields` maps plain names to places in the event; `event` are properties that every post of the form gets.
    """

    listed: bool = False
    fields: Mapping[str, str] = field(default_factory=dict)
    consent: Box | None = None
    double_opt_in: bool = True
    honeypot: str = HONEYPOT
    min_seconds: int = 0
    next: str | None = None
    event: Mapping[str, Any] = field(default_factory=dict)


UNLISTED = FormRules()


def rules_of(name: str) -> FormRules:
    """Return the rules of the form by the playbook in force."""
    from shared.aws import playbooks  # noqa: PLC0415 - no other route reads the table

    return read_rules(playbooks.current(), name)


def read_rules(document: Mapping[str, Any], name: str) -> FormRules:
    """Read the rules of a form out of a compiled playbook; one that is not listed has the usual ones."""
    said = document.get("forms", {}).get(name)
    if said is None:
        return UNLISTED
    return FormRules(
        listed=True,
        fields=said["fields"],
        consent=None if said["consent"] is None else Box(**said["consent"]),
        double_opt_in=said["double_opt_in"],
        honeypot=said["honeypot"] or HONEYPOT,
        min_seconds=said["min_seconds"],
        next=said["next"],
        event=said["event"],
    )
