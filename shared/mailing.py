"""
What nurturing speaks about: a lead's run through a track, one send, and what an address allows.

Plain frozen values; no rule, no clock, no AWS.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Status = Literal["active", "held", "paused", "done", "exited"]
"""Of a run. `held`: it waits while a track that goes first mails the same person; `paused`: while sales has the lead."""

SendState = Literal[
    "claimed", "skipped", "refused", "released", "unknown", "parked", "sent", "delivered", "bounced", "complained"
]
"""
How a planned mail ended. `claimed`: reserved, the channel not asked or its answer not recorded; `skipped`: dropped
with a reason; `refused`: the channel said no; `released`: it said not now, and the mail is planned again; `unknown`: no
answer; `parked`: nobody will ever know, a person was told; the others are what the channel reported.
"""

CONFIRM = "confirm"
"""Content id of the confirmation mail."""

_SEND_ID = re.compile(r"([a-z2-7]{16})-([0-9]{1,6})-([0-9]{1,3})-([a-z0-9_-]{1,40})")


@dataclass(frozen=True, slots=True)
class SendRef:
    """Which planned mail: of whom, of what, which round, which step. Its text is the send id."""

    lead_id: str
    track: str
    rotation: int
    step: int

    @property
    def send_id(self) -> str:
        """The id a mail carries in tags and links: letters, digits, hyphen and underscore only, nothing personal."""
        return f"{self.lead_id}-{self.rotation}-{self.step}-{self.track}"

    @classmethod
    def parse(cls, send_id: str) -> "SendRef | None":
        """Read a send id; None when it is not one of ours."""
        found = _SEND_ID.fullmatch(send_id)
        if found is None:
            return None
        return cls(found[1], found[4], int(found[2]), int(found[3]))


PAST_KEPT = 10
"""Earlier runs through a track that its enrollment remembers."""


@dataclass(frozen=True, slots=True)
class PastRun:
    """An earlier run of the same lead through the same track, and how it ended."""

    rotation: int
    entered_at: int
    ended_at: int
    status: Status
    reason: str = ""
    goal_at: int | None = None
    arm: str = ""


@dataclass(frozen=True, slots=True)
class Enrollment:
    """
    A lead's run through a track; one item per lead and track, so there is one run at a time by construction.

    `playbook` is the bundle it entered under, whose steps, goal and exits it goes by. `cause` is the change that began
    the run; `cause_lead` and `cause_version` are the lead it was last decided from. `by` says what brought it here: the
    lead's band, a rule, the end of the track before, or sales, in which case its band does not matter. `handoff` is the
    newest handoff change acted on (number, version). `ended_at` is when a run stopped: done, exited or paused;
    `planned_at` is what was due when it was held or paused. `arm` is `holdout` for a run that gets nothing. `goal_at`:
    when what the track is for was reached. `past` are the earlier runs, oldest first.
    """

    lead_id: str
    track: str
    rotation: int
    status: Status
    step: int
    playbook: str
    cause: str
    cause_lead: str
    cause_version: int
    entered_at: int
    by: Literal["band", "rule", "track", "sales"] = "band"
    due_at: int | None = None
    ended_at: int | None = None
    reason: str = ""
    handoff: tuple[int, int] = (0, 0)
    version: int = 0
    arm: str = ""
    planned_at: int | None = None
    goal_at: int | None = None
    past: tuple[PastRun, ...] = ()
    tries: int = 0
    """How often the channel would not take the next message just now."""
    first_due: int | None = field(default=None, compare=False)
    """When the mail it plans next was first due, whatever held it since; the adapter fills it in when it is not said."""

    @property
    def next_send(self) -> SendRef:
        """The mail this run plans next."""
        return SendRef(self.lead_id, self.track, self.rotation, self.step)


@dataclass(frozen=True, slots=True)
class PastSend:
    """That a mail was claimed for an address."""

    at: int
    send_id: str


@dataclass(frozen=True, slots=True)
class TopicConsent:
    """What was said of one topic: receive times of the latest proved opt-in and of the latest stop."""

    opted_in_at: int | None = None
    stopped_at: int | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """
    What one address of one channel allows, whoever the leads are that use it: a mailbox, or a phone number.

    `proven_at`, `opted_in_at` and `stopped_at` are receive times, and of everything; `topics` has what was said of one
    topic. `suppressed` is `bounced`, `soft_bounced`, `complained`, `manual` or `erased`; `soft_bounces` are the instants
    of bounces that may pass, by the id of the report, none older than the newest delivery; `paused_by` names the handoffs
    that hold it; `sent` maps `<track>#<content>` to the newest claim; `recent` are the newest claims, oldest first;
    `confirmations` the confirmation mails.
    """

    name: str
    proven_at: int | None = None
    opted_in_at: int | None = None
    stopped_at: int | None = None
    topics: Mapping[str, TopicConsent] = field(default_factory=dict)
    suppressed: str | None = None
    suppressed_at: int | None = None
    soft_bounces: Mapping[str, int] = field(default_factory=dict)
    paused_by: frozenset[str] = frozenset()
    sent: Mapping[str, int] = field(default_factory=dict)
    recent: tuple[PastSend, ...] = ()
    confirmations: tuple[PastSend, ...] = ()
    version: int = 0


@dataclass(frozen=True, slots=True)
class ConsentProof:
    """
    One entry of an address's trail of consent.

    `at` is the receive time, `event` the key of the event; `worded_by` says whether the playbook or the sender of the
    event says what the text was, `by` what the entry rests on: what comes with a public key proves nothing. `who` is the
    colleague who suppressed the address or took that back; `topic` is empty where it is about every mail.
    """

    address: str
    at: int
    event: str
    said: Literal["agreed", "declined", "confirmed", "unsubscribed", "complained", "suppressed", "allowed again"]
    by: Literal["public key", "server key", "link in our mail", "mail service", "a colleague"]
    text: str = ""
    version: str = ""
    topic: str = ""
    worded_by: Literal["", "playbook", "client"] = ""
    form: str = ""
    page: str = ""
    host: str = ""
    who: str = ""


def confirmation_ref(lead_id: str, address: str, number: int) -> SendRef:
    """
    Name the nth confirmation mail of an address.

    In place of the track stands `confirm-` and the end of the address hash: a lead can change its address, and no track
    of a playbook has a hyphen.
    """
    return SendRef(lead_id, f"{CONFIRM}-{address[-12:]}", number, 0)


@dataclass(frozen=True, slots=True)
class Account:
    """What the mail service allows: mails a second, mails in 24 hours (None: no limit), and those of the last 24 hours."""

    rate: float
    daily: int | None
    sent: int


@dataclass(frozen=True, slots=True)
class Counted:
    """Mails that went out, and how many of them bounced for good or were complained about."""

    sent: int = 0
    bounced: int = 0
    complained: int = 0
