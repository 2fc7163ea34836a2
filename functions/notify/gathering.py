"""Reading what a message about a handoff needs, and what it is about."""

from functools import lru_cache

from shared.aws import playbooks
from shared.aws.addresses import get_address
from shared.aws.leads import get_lead, load
from shared.aws.timeline import newest_first, recent_events
from shared.contracts import SlaBreached, SlaEscalated, SlaWarned
from shared.handoff import Handoff
from shared.instants import instant_text
from shared.messages.handoff_facts import EVENTS_READ, HandoffFacts, Run, handoff_facts, run_of
from shared.rules.attribution import share
from shared.rules.bots import with_verdict
from shared.rules.model import ScoringModel, scoring_model
from shared.rules.routing import HandoffPolicy


def gather(handoff: Handoff, policy: HandoffPolicy) -> HandoffFacts:
    """Return the facts of the handoff as it stands, with the lead and its newest events as they are now."""
    lead = get_lead(handoff.lead_id)
    if lead is None:
        return handoff_facts(handoff, None, [], policy)
    model = _model(playbooks.current()["bundle"])
    own, _ = share(lead, recent_events(lead, EVENTS_READ), load(lead.shared_homes))
    events = [with_verdict(event, model, lead.judgements) for event in newest_first(own)[:EVENTS_READ]]
    mails = {} if lead.address_hash is None else get_address(lead.address_hash).sent
    return handoff_facts(handoff, lead, events, policy, mails)


def run_told(facts: HandoffFacts, change: SlaWarned | SlaBreached | SlaEscalated) -> Run:
    """Return the run of the clock that the change is about: by now the lead may be the next owner's."""
    return run_of(facts, change.clock, instant_text(int(change.due_at.timestamp())))


def delivery_name(what: str, run: Run) -> str:
    """Return the name of a delivery about a clock: each of its runs is told by itself."""
    return f"{what}-{run.clock.name}-{run.again}" if run.again else f"{what}-{run.clock.name}"


@lru_cache(maxsize=1)
def _model(bundle: str) -> ScoringModel:
    return scoring_model(playbooks.document(bundle))
