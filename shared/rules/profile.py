"""
What a lead's profile says to fit rules and exclusions: its fields, and what follows from them.

A field that a client said wins over what is derived from others. Only what the playbook's patterns ask for is derived.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from shared.lead import Lead
from shared.rules.model import ScoringModel
from shared.rules.titles import department_of, seniority_of


def profile_values(lead: Lead, model: ScoringModel, asked: frozenset[str] | None = None) -> dict[str, Any]:
    """
    Return the values a pattern of the playbook can look at; `asked` is what to derive, where scoring's is not enough.

    Besides the fields: `seniority` and `department` of the title, `mail_domain` and `mailbox` of the address, and
    `lists`, the names of the playbook's lists the lead is in, in order. What cannot be told is missing.
    """
    values = {name: register.value for name, register in lead.profile.items()}
    derived = model.derived if asked is None else asked
    if not derived:
        return values
    title, email = values.get("title"), values.get("email")
    if isinstance(title, str):
        if "seniority" in derived and "seniority" not in values:
            _put(values, "seniority", seniority_of(title))
        if "department" in derived and "department" not in values:
            _put(values, "department", department_of(title))
    if isinstance(email, str) and not derived.isdisjoint(("mail_domain", "mailbox")):
        mailbox, _, domain = email.lower().rpartition("@")
        values.setdefault("mail_domain", domain.rstrip("."))
        values.setdefault("mailbox", mailbox.partition("+")[0])
    if "lists" in derived:
        values["lists"] = list(_lists(values, model))
    return values


def _put(values: dict[str, Any], name: str, value: str | None) -> None:
    if value is not None:
        values[name] = value


def _lists(values: Mapping[str, Any], model: ScoringModel) -> Iterator[str]:
    for known in model.lists:
        value = values.get(known.field)
        if isinstance(value, list):
            if any(str(each).lower() in known.values for each in value):
                yield known.name
        elif str(value).lower() in known.values:
            yield known.name
