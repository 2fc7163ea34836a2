"""A handoff as text that a person reads in a mail, and the one line above it."""

from collections.abc import Mapping

from shared.messages.handoff_facts import HandoffFacts, Run, points_text
from shared.rules.routing import Person


def alert_subject(facts: HandoffFacts) -> str:
    return f"{_call(facts)} {_who(facts)}"


def alert_text(facts: HandoffFacts, links: Mapping[str, str], *, api_url: str) -> str:
    """Return the alert that sales has a lead to call; `links` answer it as the owner, by action."""
    said = [f"{_call(facts)} {_who(facts)}", "", *_body(facts), "", *_answers(facts, facts.owner, links, api_url)]
    return "\n".join(said)


def passed_on_subject(facts: HandoffFacts) -> str:
    return f"Yours now: {_who(facts)}"


def breach_subject(facts: HandoffFacts, run: Run) -> str:
    return f"Overdue ({run.clock.label.lower()}): {_who(facts)}"


def breach_text(facts: HandoffFacts, run: Run, to: Person, links: Mapping[str, str], *, api_url: str) -> str:
    """Return the escalation that a clock ran out, or that nobody acted since; `links` answer it as who is told."""
    now = "" if run.owner.id == facts.holder.id else f" {facts.holder.name} has it now."
    return "\n".join(
        [
            f"{to.name}: {run.clock.label} was due by {run.clock.due} and nobody did.",
            f"Owner: {run.owner.name}.{now} The handoff is {facts.standing}.",
            "",
            _who(facts),
            *_body(facts),
            "",
            *_answers(facts, to, links, api_url),
        ]
    )


def _call(facts: HandoffFacts) -> str:
    return "Call now:" if facts.priority == "high" else "Call:"


def _who(facts: HandoffFacts) -> str:
    return f"{facts.name}, {facts.company}" if facts.company else facts.name


def _body(facts: HandoffFacts) -> list[str]:
    said = [
        f"Priority: {facts.priority}. Owner: {facts.owner.name}.",
        f"Why now: {facts.why}",
        *([f"MQL means: {facts.mql}"] if facts.mql else []),
        *(f"{clock.label} by {clock.due} ({clock.status})" for clock in facts.clocks),
        *(f"{label}: {text}" for label, text in facts.details),
        f"Score: grade {facts.grade}, {points_text(facts.total)} points",
        *(f"  {points_text(line.points)}  {line.label}" for line in facts.lines),
    ]
    if facts.more_lines:
        said.append(f"  and {facts.more_lines} more lines")
    if facts.actions:
        said += ["Last actions:", *(f"  {action}" for action in facts.actions)]
    if facts.received:
        said += ["Has of ours already:", *(f"  {each}" for each in facts.received)]
    said += facts.so_far
    if facts.routed:
        said.append(f"Whose it is: {facts.routed}")
    if facts.unproven:
        said.append(f"Unproven, only a browser or form said so: {', '.join(facts.unproven)}")
    return [*said, f"Next step: {facts.next_step}"]


ANSWERS = {"accept": "Accept", "reject": "Send it back", "contact": "Log a contact"}


def _answers(facts: HandoffFacts, person: Person, links: Mapping[str, str], api_url: str) -> list[str]:
    """Return how to answer without Slack."""
    listed = [f"{ANSWERS[action]}: {url}" for action, url in links.items() if action in ANSWERS]
    if listed:
        listed.append(
            f"Whoever opens these links answers as {person.name}: do not pass this mail on. They work for 7 days."
        )
    return [
        *listed,
        f"Answer in Slack, or POST {api_url}/v1/handoffs/{facts.lead_id}/{facts.number}/accept with a sales key.",
    ]
