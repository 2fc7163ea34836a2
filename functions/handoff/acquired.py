"""What reports want to know of a handoff and only its making can say: where the lead came from, first or again."""

from collections.abc import Iterable
from dataclasses import replace

from shared.aws import leads, timeline
from shared.handoff import Handoff
from shared.lead import Lead, LeadEvent
from shared.rules.acquisition import first_touch, returned_from, source_text
from shared.rules.attribution import share
from shared.rules.bots import with_verdict
from shared.rules.model import ScoringModel
from shared.rules.registers import FIRST_TOUCH


def acquired(handoff: Handoff, lead: Lead, model: ScoringModel, before: Iterable[Handoff]) -> Handoff:
    """Return the handoff with the lead's source, and the reason it was sent back for before."""
    touch = lead.value(FIRST_TOUCH)
    if touch is None and not model.touches:
        touch = first_touch(_counted(lead, model))
    return replace(handoff, source=source_text(touch), returned_from=returned_from(before))


def _counted(lead: Lead, model: ScoringModel) -> list[LeadEvent]:
    """Return what the lead did by its timeline, without what machines did."""
    told = timeline.past(lead, leads.homes_of(lead)).events
    mine, _ = share(lead, told, leads.load(told))
    return [event for event in mine if with_verdict(event, model, lead.judgements).verdict not in model.refused]
