"""A handoff as text that a person reads in a mail, and the one line above it."""

from shared.messages.handoff_facts import HandoffFacts, points_text


def alert_subject(facts: HandoffFacts) -> str:
    return f"{_call(facts)} {_who(facts)}"


def alert_text(facts: HandoffFacts, api_url: str) -> str:
    """Return the alert that sales has a lead to call."""
    return "\n".join([f"{_call(facts)} {_who(facts)}", "", *_body(facts), "", *_answers(facts, api_url)])


def breach_subject(facts: HandoffFacts, clock: str) -> str:
    return f"Overdue ({_label(facts, clock)}): {_who(facts)}"


def breach_text(facts: HandoffFacts, clock: str, api_url: str) -> str:
    """Return the escalation that a clock ran out."""
    known = next(each for each in facts.clocks if each.name == clock)
    return "\n".join(
        [
            f"{facts.manager.name}: {known.label} was due by {known.due} and nobody did.",
            f"Owner: {facts.owner.name}. The handoff is {facts.standing}.",
            "",
            _who(facts),
            *_body(facts),
            "",
            *_answers(facts, api_url),
        ]
    )


def _call(facts: HandoffFacts) -> str:
    return "Call now:" if facts.priority == "high" else "Call:"


def _who(facts: HandoffFacts) -> str:
    return f"{facts.name}, {facts.company}" if facts.company else facts.name


def _label(facts: HandoffFacts, clock: str) -> str:
    return next(each.label for each in facts.clocks if each.name == clock).lower()


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
    if facts.unproven:
        said.append(f"Unproven, only a browser or form said so: {', '.join(facts.unproven)}")
    return [*said, f"Next step: {facts.next_step}"]


def _answers(facts: HandoffFacts, api_url: str) -> list[str]:
    """Return how to answer without Slack."""
    return [f"Answer in Slack, or POST {api_url}/v1/handoffs/{facts.lead_id}/{facts.number}/accept with a sales key."]
