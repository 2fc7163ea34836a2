"""
What the event bus carries: one model per detail-type, with ids only and no personal data.

A consumer decides from a consistent read of the lead; the event says what changed and which version of it. The same
change always carries the same `change_id`.
"""

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

SOURCE = "ripen"
"""The `source` of every event we publish."""

Id = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Change(BaseModel):
    """What every published change says."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    detail_type: ClassVar[str]

    change_id: Id
    lead_id: Id
    occurred_at: AwareDatetime
    version: int = Field(ge=1, description="Version of the item that changed: the lead's, or the handoff's.")

    @property
    def at(self) -> int:
        """The instant in whole epoch seconds."""
        moment: datetime = self.occurred_at
        return int(moment.timestamp())


class LeadChange(Change):
    """What every change of a lead's score says: by which playbook, and what brought it."""

    playbook: Id
    cause: str = Field(default="", description="An event's name, `time`, or `playbook`.")


class BandChanged(LeadChange):
    """A lead settled in another band, and this is the first we say of it."""

    detail_type = "BandChanged"
    from_band: str | None = None
    to_band: str
    reason: str
    total: int = Field(description="Milli-points.")
    grade: Literal["A", "B", "C", "D"]
    level: int = Field(ge=1, le=4)


class LeadQualified(LeadChange):
    """A lead became MQL. `qualification` counts the times it did."""

    detail_type = "LeadQualified"
    qualification: int = Field(ge=1)
    priority: Literal["high", "standard"]
    reason: str
    total: int = Field(description="Milli-points.")


class LeadUnqualified(LeadChange):
    """A lead stopped being MQL before sales accepted it."""

    detail_type = "LeadUnqualified"
    qualification: int = Field(ge=1)
    reason: str


class StageChanged(LeadChange):
    """A lead moved on because of sales: to sql, recycled, customer or lost. Becoming MQL is `LeadQualified`."""

    detail_type = "StageChanged"
    from_stage: str
    to_stage: str
    reason: str


class RuleTriggered(LeadChange):
    """One of the playbook's triggers has a new cause: its rule holds, since the oldest fact that satisfies it."""

    detail_type = "RuleTriggered"
    rule: Id
    cause_at: AwareDatetime
    reason: str


class TrackEnded(Change):
    """
    A lead's run through a track of mails ended, and why.

    `lead_id` is who began it; after a merge the run ends under the id it began under. `version` is the enrollment's.
    """

    detail_type = "TrackEnded"
    track: Id
    rotation: int = Field(ge=1, description="The nth run of the lead through the track.")
    status: Literal["done", "exited"]
    reason: str
    exhausted: bool = Field(description="Every message of the track was planned: there is none left.")
    goal: bool = Field(description="What the track is for was reached.")


class TaskDue(Change):
    """
    A rep is to do something about a lead: a step of a track that is no message. Its words stand on the send.

    `lead_id` is who began the run; `version` is the enrollment's.
    """

    detail_type = "TaskDue"
    track: Id
    rotation: int = Field(ge=1, description="The nth run of the lead through the track.")
    step: int = Field(ge=0)
    content: Id


class LeadMailable(Change):
    """A lead may be mailed that could not be before: it has its first address, one that is proven, or said yes to mail."""

    detail_type = "LeadMailable"


class ConfirmationRequested(Change):
    """An unproven source asked for mail to the lead's address; the address must be confirmed first."""

    detail_type = "ConfirmationRequested"


class HandoffChange(Change):
    """What every change of a handoff says."""

    handoff: int = Field(ge=1, description="The qualification it answers.")


class HandoffCreated(HandoffChange):
    """Sales has a lead to call."""

    detail_type = "HandoffCreated"
    priority: Literal["high", "standard"]
    owner: Id
    reason: str


class HandoffAccepted(HandoffChange):
    """A rep took the lead: it is SQL now and marketing mail pauses."""

    detail_type = "HandoffAccepted"
    by: Id


class HandoffContacted(HandoffChange):
    """A rep logged a call, mail or meeting."""

    detail_type = "HandoffContacted"
    by: Id
    means: Literal["call", "mail", "meeting"]


class HandoffRejected(HandoffChange):
    """A rep sent the lead back, with a reason of the playbook."""

    detail_type = "HandoffRejected"
    by: Id
    reason_code: Id


class HandoffReassigned(HandoffChange):
    """The lead was passed on to another owner; its clocks go on."""

    detail_type = "HandoffReassigned"
    by: Id
    owner: Id
    from_owner: Id


class HandoffSnoozed(HandoffChange):
    """A rep put the lead off; every clock that ran was put off with it."""

    detail_type = "HandoffSnoozed"
    by: Id
    until: AwareDatetime


class HandoffConverted(HandoffChange):
    """The lead became an opportunity of the CRM, known there by this id."""

    detail_type = "HandoffConverted"
    by: Id
    opportunity: Id


class HandoffClosed(HandoffChange):
    """
    The handoff ended: won, lost, disqualified, or the lead stopped qualifying before anybody took it.

    `by` is `ripen` when nobody of sales closed it: the lead stopped qualifying, or another system said what became of it.
    """

    detail_type = "HandoffClosed"
    outcome: Literal["won", "lost", "disqualified", "unqualified"]
    by: Id


class SlaWarned(HandoffChange):
    """A clock is about to run out."""

    detail_type = "SlaWarned"
    clock: Id
    due_at: AwareDatetime


class SlaBreached(HandoffChange):
    """A clock ran out; `escalated_to` was told."""

    detail_type = "SlaBreached"
    clock: Id
    due_at: AwareDatetime
    escalated_to: Id


class SlaEscalated(HandoffChange):
    """Nobody acted since the clock ran out; `escalated_to` was told. The breach itself is level 1."""

    detail_type = "SlaEscalated"
    clock: Id
    due_at: AwareDatetime
    level: int = Field(ge=2)
    escalated_to: Id


class SlackPlace(BaseModel):
    """Where a message about the person stands in Slack; neither part says who they are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channel: Id
    ts: Id


class LeadErased(Change):
    """A person was erased: there is no such lead any more. Forget what you hold under its id."""

    detail_type = "LeadErased"
    erasure: Id = Field(description="Names the proof: GET /v1/erasures/{id}.")
    messages: tuple[SlackPlace, ...] = Field(default=(), description="Messages in Slack that named the person.")


CHANGES: tuple[type[Change], ...] = (
    BandChanged,
    LeadQualified,
    LeadUnqualified,
    StageChanged,
    RuleTriggered,
    LeadMailable,
    ConfirmationRequested,
    TrackEnded,
    TaskDue,
    HandoffCreated,
    HandoffAccepted,
    HandoffContacted,
    HandoffRejected,
    HandoffReassigned,
    HandoffSnoozed,
    HandoffConverted,
    HandoffClosed,
    SlaWarned,
    SlaBreached,
    SlaEscalated,
    LeadErased,
)
"""Every detail-type we publish, in the order a lead meets them."""
