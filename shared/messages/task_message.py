"""A task for a rep as text that a person reads, and as a Slack message: what to do, about whom, and what is known of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.lead import Lead
from shared.mailing import SendRef
from shared.messages.handoff_facts import DETAILS, LONG, SHORT, clean, name_and_company
from shared.messages.slack_message import FIELD, HEADER, SECTION, SlackMessage, mention, plain, section
from shared.rules.routing import Person


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """Everything a message about a task may show. Texts are bounded and free of control characters."""

    ref: SendRef
    title: str
    lines: tuple[str, ...]
    who: str
    details: tuple[tuple[str, str], ...]
    track: str
    owner: Person

    def to_json(self) -> dict[str, Any]:
        """Return the facts for machines."""
        return {
            "lead_id": self.ref.lead_id,
            "send_id": self.ref.send_id,
            "track": self.ref.track,
            "title": self.title,
            "text": "\n".join(self.lines),
            "who": self.who,
            "details": dict(self.details),
            "owner": self.owner.id,
        }


def task_facts(
    ref: SendRef, lead: Lead, *, title: str, text: str, owner: Person, tracks: Mapping[str, Any]
) -> TaskFacts:
    """
    Collect the facts.

    Args:
        ref: Which task.
        lead: As it is now.
        title: Of the task, as it was written for this lead.
        text: What to do and say.
        owner: Who is to do it.
        tracks: Of the compiled playbook.
    """
    details = tuple((label, said) for field, label in DETAILS if (said := clean(lead.value(field), SHORT)))
    return TaskFacts(
        ref=ref,
        title=clean(title, SHORT),
        lines=tuple(clean(line, LONG) for line in text.splitlines()),
        who=name_and_company(lead),
        details=details,
        track=clean(tracks.get(ref.track, {}).get("label", ref.track), SHORT),
        owner=owner,
    )


def task_text(facts: TaskFacts) -> str:
    known = [f"{label}: {said}" for label, said in facts.details]
    return "\n".join(
        [f"Task for {facts.owner.name}: {facts.title}", "", facts.who, *known, "", *facts.lines, "", _why(facts)]
    )


def task_message(facts: TaskFacts) -> SlackMessage:
    """Return the message; what a lead said stands in plain text only, where Slack reads no markup."""
    block_id = f"task#{facts.ref.send_id}"
    blocks: list[dict[str, Any]] = [
        {"type": "header", "block_id": block_id, "text": plain(facts.title, HEADER)},
        section(f"*Task* for {mention(facts.owner)}"),
        {"type": "section", "text": plain("\n".join(facts.lines) or facts.title, SECTION)},
        {
            "type": "section",
            "fields": [plain(f"Lead: {facts.who}", FIELD), *(plain(f"{a}: {b}", FIELD) for a, b in facts.details)],
        },
        {"type": "context", "elements": [plain(_why(facts), FIELD)]},
    ]
    return SlackMessage(plain(f"Task: {facts.title}", SECTION)["text"], blocks, block_id)


def _why(facts: TaskFacts) -> str:
    return f"Step {facts.ref.step + 1} of the track {facts.track}"
