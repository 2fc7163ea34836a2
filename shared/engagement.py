"""
What was done with a mail that went out: a touch, as it travels on the `engagement` queue and rests on the send item.

Plain frozen values; no rule, no clock, no AWS.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from shared.instants import instant_text, parse_instant
from shared.lead import Verdict
from shared.mailing import SendRef, SendState

Kind = Literal["open", "click", "page", "decoy", "head"]
"""
A pixel was loaded; a link followed; the page to unsubscribe looked at; the link followed that no person sees; a link
asked about by HEAD.
"""

By = Literal["links", "ses"]

FOOTER = "unsubscribe"
"""Name of the link to unsubscribe among the links of a mail."""

EVENTS: Mapping[Kind, str] = {"click": "Email Link Clicked", "open": "Email Opened"}
"""What a lead's timeline calls the touches that are told; the others are evidence only."""

AGENT_KEPT = 300
"""Characters of the user agent kept with a click or open, to tell machines from people."""

REASON_KEPT = 120


@dataclass(frozen=True, slots=True)
class Touch:
    """
    One thing done with a mail.

    `link` is the link's name, empty for an open; `sign` and `said` are what the touch says of itself, whatever else was
    done with the mail; `agent` is a key of the user agent. `told` is the verdict the score was last told, empty before.
    """

    id: str
    kind: Kind
    at: int
    link: str = ""
    by: By = "links"
    sign: Verdict = "human"
    said: str = ""
    agent: str = ""
    told: Verdict | Literal[""] = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """
    A touch as whoever saw it reports it.

    `url` is where the link leads, or the link itself when SES reports it; `said` why it is a machine's by itself: a header,
    a network, SES's own flag. The network address is not part of it.
    """

    send_id: str
    id: str
    kind: Kind
    at: int
    url: str = ""
    by: By = "links"
    said: str = ""
    agent: str = ""

    def to_message(self) -> dict[str, Any]:
        """Return the message of the `engagement` queue."""
        said = {name: value for name in ("url", "said", "agent") if (value := getattr(self, name))}
        touch = {"send_id": self.send_id, "id": self.id, "kind": self.kind, "at": instant_text(self.at), "by": self.by}
        return {"schema": 1, "touch": {**touch, **said}}

    @classmethod
    def from_message(cls, said: Mapping[str, Any]) -> "Seen":
        """Read the `touch` of a message. Raises KeyError, TypeError or ValueError when it is not one of ours."""
        if said["kind"] not in get_args(Kind):
            raise ValueError("kind")
        if said["by"] not in get_args(By):
            raise ValueError("by")
        texts = {name: said.get(name, "") for name in ("url", "said", "agent")}
        for name, text in texts.items():
            if not isinstance(text, str):
                raise TypeError(name)
        return cls(
            send_id=str(said["send_id"]),
            id=str(said["id"])[:100],
            kind=said["kind"],
            at=parse_instant(said["at"]),
            by=said["by"],
            url=texts["url"],
            said=texts["said"][:REASON_KEPT],
            agent=texts["agent"][:AGENT_KEPT],
        )


@dataclass(frozen=True, slots=True)
class JudgeAgain:
    """A request to judge what was done with a mail, now that the touch at `at` has waited."""

    send_id: str
    at: int
    as_of: int

    def to_message(self) -> dict[str, Any]:
        """Return the message of the `engagement` queue."""
        said = {"send_id": self.send_id, "at": instant_text(self.at), "as_of": instant_text(self.as_of)}
        return {"schema": 1, "judge": said}

    @classmethod
    def from_message(cls, said: Mapping[str, Any]) -> "JudgeAgain":
        """Read the `judge` of a message. Raises KeyError or ValueError when it is not one of ours."""
        return cls(str(said["send_id"]), parse_instant(said["at"]), parse_instant(said["as_of"]))


@dataclass(frozen=True, slots=True)
class SendMade:
    """
    One planned message of a track as it stands: what it said, by which arm of a test, how it fared, what was done with it.

    Instants are epoch seconds; `reason` is why it was dropped or refused.
    """

    ref: SendRef
    state: SendState
    content: str
    channel: str
    arm: str
    address: str
    playbook: str
    claimed_at: int
    reason: str = ""
    unsubscribed_at: int | None = None
    touches: tuple[Touch, ...] = ()
    trial: str = ""
    """What the arm was tried in; empty for none."""
