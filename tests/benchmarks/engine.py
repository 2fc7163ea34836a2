"""The pure engine alone: events applied, leads evaluated, settled and looked ahead, per CPU-second."""

from dataclasses import replace

from shared.bundle import playbook_document
from shared.identity import address_hash
from shared.lead import Lead
from shared.rules.facts import apply_event
from shared.rules.horizon import next_change_at, settling_watch
from shared.rules.model import scoring_model
from shared.rules.scoring import evaluate
from shared.rules.settling import settle
from tests.audience_events import NOW
from tests.benchmarks.measuring import Row, alone, rate
from tests.benchmarks.population import life
from tests.benchmarks.stage import staged

PEOPLE = 250


def rows() -> list[Row]:
    """Every lead of the audience who said who they are, with its whole life; `settle` includes looking ahead."""
    with staged("http://127.0.0.1:9"):
        model = scoring_model(playbook_document())
    lives = [[(event, event.email and address_hash(event.email, "key")) for event in life(n)] for n in range(PEOPLE)]
    events = sum(map(len, lives))

    def lead_of(number: int) -> Lead:
        lead = Lead(lead_id=f"{number:016d}", filed=model.filed)
        for event, address in lives[number]:
            lead = apply_event(lead, event, model, address=address)
        return lead

    leads = [lead_of(number) for number in range(PEOPLE)]
    settled = [settle(lead, model, NOW, fresh=True, own=True).lead for lead in leads]
    opened = [replace(lead, due_at=None) for lead in settled]

    def applied() -> None:
        for number in range(PEOPLE):
            lead_of(number)

    return [
        Row("engine", "apply_event", "events per CPU-s", alone(lambda: rate(events, applied))),
        Row("engine", "evaluate", "leads per CPU-s", alone(
            lambda: rate(PEOPLE, lambda: [evaluate(lead, model, NOW) for lead in settled]))),
        Row("engine", "next_change_at", "leads per CPU-s", alone(
            lambda: rate(PEOPLE, lambda: [next_change_at(lead, model, NOW, settling_watch(model, lead.settled)) for lead in settled]))),
        Row("engine", "settle, a due instant held", "leads per CPU-s", alone(
            lambda: rate(PEOPLE, lambda: [settle(lead, model, NOW, fresh=True, own=True) for lead in settled]))),
        Row("engine", "settle, none held", "leads per CPU-s", alone(
            lambda: rate(PEOPLE, lambda: [settle(lead, model, NOW, fresh=True, own=True) for lead in opened]))),
    ]  # fmt: skip
