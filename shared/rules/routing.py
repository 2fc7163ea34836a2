"""
Who gets the lead: the handoff part of the playbook as plain values, and the owner it names for a lead.

The owner of a lead is the same at every handoff as long as the list of owners is, so a person meets one rep.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.rules.sla import Calendar, Promise, calendar, promises


@dataclass(frozen=True, slots=True)
class Person:
    """A rep or the manager. `slack` is the member id for mentions; empty when they are not in Slack."""

    id: str
    name: str
    email: str = ""
    slack: str = ""


@dataclass(frozen=True, slots=True)
class RejectReason:
    """Why sales sends a lead back; the playbook also says to which track, and how long it cools down."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class HandoffPolicy:
    """What the playbook says about handoffs."""

    channel: str
    owners: tuple[Person, ...]
    manager: Person
    calendar: Calendar
    promises: tuple[Promise, ...]
    reject_reasons: tuple[RejectReason, ...]
    suggested_step: str
    mql: str = ""
    """What MQL means, in the words marketing and sales agreed on."""

    def person(self, person_id: str) -> Person:
        """Return who bears the id; somebody who left the playbook is known by the id alone."""
        for person in (*self.owners, self.manager):
            if person.id == person_id:
                return person
        return Person(person_id, person_id)

    def person_in_slack(self, member_id: str) -> str:
        """Return the person id of a Slack member: ours when the playbook names them, else `slack:<member id>`."""
        for person in (*self.owners, self.manager):
            if person.slack and person.slack == member_id:
                return person.id
        return f"slack:{member_id}"

    def reject_reason(self, code: str) -> RejectReason | None:
        return next((reason for reason in self.reject_reasons if reason.code == code), None)


def handoff_policy(document: Mapping[str, Any]) -> HandoffPolicy:
    """Read the compiled playbook's `handoff` part, and what it says MQL means. It was checked when it was compiled."""
    said = document["handoff"]
    return HandoffPolicy(
        channel=said["channel"],
        owners=tuple(_person(owner) for owner in said["owners"]),
        manager=_person(said["manager"]),
        calendar=calendar(said["calendar"]),
        promises=promises(said["clocks"]),
        reject_reasons=tuple(RejectReason(reason["code"], reason["text"]) for reason in said["reject_reasons"]),
        suggested_step=said["suggested_step"],
        mql=document["agreement"]["mql"],
    )


def _person(said: Mapping[str, str]) -> Person:
    return Person(said["id"], said["name"], said.get("email") or "", said.get("slack") or "")


def owner_of(lead_id: str, owners: Sequence[Person], manager: Person) -> Person:
    """Return the owner of the lead; the manager when nobody else is there."""
    if not owners:
        return manager
    number = int.from_bytes(hashlib.sha256(lead_id.encode()).digest()[:8])
    return owners[number % len(owners)]
