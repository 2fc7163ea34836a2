"""
A handoff as a Slack message: Block Kit from the facts.

What a lead or a browser said stands only in `plain_text` elements, where Slack reads no markup, and is escaped there
too; `mrkdwn` holds our own words and the mentions of the playbook's people. Limits are Slack's, from its Block Kit
reference.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared.messages.handoff_facts import HandoffFacts, points_text
from shared.rules.routing import Person

HEADER, SECTION, FIELD, OPTION = 150, 3000, 2000, 75
"""Most characters of a header, a section's text, a field and an option."""

MOST_REASONS = 100
"""Most options of a select."""

STATUS_SIGN = {
    "running": ":hourglass_flowing_sand:",
    "nearly due": ":warning:",
    "overdue": ":rotating_light:",
    "done": ":white_check_mark:",
    "done late": ":white_check_mark:",
    "ended": ":heavy_minus_sign:",
}

_MEMBER = re.compile(r"[UW][A-Z0-9]{2,20}")

Block = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SlackMessage:
    """`text` is what a notification shows; `block_id` is how the message is found again."""

    text: str
    blocks: Sequence[Block]
    block_id: str


def handoff_message(facts: HandoffFacts) -> SlackMessage:
    """Return the message about the handoff as it stands, with the buttons that may still be pressed."""
    block_id = f"handoff#{reference(facts)}"
    who = f"{facts.name}, {facts.company}" if facts.company else facts.name
    blocks: list[Block] = [
        {"type": "header", "block_id": block_id, "text": _plain(who, HEADER)},
        _section(
            f"*{facts.priority.capitalize()} priority* for {_mention(facts.owner)}   "
            f"Grade *{facts.grade}*, *{points_text(facts.total)} points*"
        ),
        _plain_section("Why now", facts.why),
    ]
    if facts.details:
        fields = [_plain(f"{label}: {text}", FIELD) for label, text in facts.details]
        blocks.append({"type": "section", "fields": fields})
    if facts.lines:
        blocks.append(_plain_section("Score", *_score_lines(facts)))
    if facts.actions:
        blocks.append(_plain_section("Last actions", *facts.actions))
    if facts.clocks:
        blocks.append(
            _section(
                "\n".join(
                    f"{STATUS_SIGN[clock.status]} *{escaped(clock.label, SECTION)}* by {clock.due} ({clock.status})"
                    for clock in facts.clocks
                )
            )
        )
    notes = [f"Unproven, only a browser or form said so: {', '.join(facts.unproven)}"] if facts.unproven else []
    if facts.state in {"open", "accepted"}:
        notes.append(f"Next step: {facts.next_step}")
    if facts.mql:
        notes.append(f"MQL means: {facts.mql}")
    if facts.standing != "open":
        notes.append(f"{facts.standing[0].upper()}{facts.standing[1:]}")
    if notes:
        blocks.append({"type": "context", "elements": [_plain(note, FIELD) for note in notes]})
    if buttons := _buttons(facts):
        blocks.append({"type": "actions", "block_id": f"actions#{reference(facts)}", "elements": buttons})
    summary = f"{facts.priority.capitalize()} priority lead: {who}. {facts.standing}"
    return SlackMessage(escaped(summary, SECTION), blocks, block_id)


def warning_message(facts: HandoffFacts, clock: str) -> SlackMessage:
    """Return the reminder to the owner that a clock is about to run out."""
    label, due = _clock_words(facts, clock)
    text = f":warning: {_mention(facts.owner)}: *{label}* is due by {due}"
    return _about_clock(facts, text, f"warned#{reference(facts)}#{clock}")


def breach_message(facts: HandoffFacts, clock: str) -> SlackMessage:
    """Return the escalation to the manager that a clock ran out."""
    label, due = _clock_words(facts, clock)
    text = f":rotating_light: {_mention(facts.manager)}: *{label}* was due by {due}; owner {_mention(facts.owner)}"
    return _about_clock(facts, text, f"breached#{reference(facts)}#{clock}")


def reference(facts: HandoffFacts) -> str:
    """Return what names the handoff in block ids and button values."""
    return f"{facts.lead_id}#{facts.number}"


def escaped(text: str, most: int) -> str:
    """
    Return the text with `&`, `<` and `>` as Slack wants them, so that nothing in it is a mention or a link.

    Cut so that the escaped text fits, never inside an escape.
    """
    whole = _escape(text)
    if len(whole) <= most:
        return whole
    kept = 0
    for characters, character in enumerate(text):
        kept += len(_escape(character))
        if kept > most - 1:
            return _escape(text[:characters].rstrip()) + "…"
    return whole


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _about_clock(facts: HandoffFacts, text: str, block_id: str) -> SlackMessage:
    who = f"{facts.name}, {facts.company}" if facts.company else facts.name
    blocks = [{**_section(text), "block_id": block_id}, {"type": "context", "elements": [_plain(who, FIELD)]}]
    return SlackMessage(text, blocks, block_id)


def _clock_words(facts: HandoffFacts, clock: str) -> tuple[str, str]:
    known = next(each for each in facts.clocks if each.name == clock)
    return escaped(known.label, OPTION), known.due


def _score_lines(facts: HandoffFacts) -> list[str]:
    lines = [f"{'+' if line.points > 0 else ''}{points_text(line.points)}  {line.label}" for line in facts.lines]
    return [*lines, f"and {facts.more_lines} more"] if facts.more_lines else lines


def _buttons(facts: HandoffFacts) -> list[Block]:
    if facts.state == "open":
        return [_button(facts, "accept", "Accept", style="primary"), _button(facts, "contact", "Log a call"),
                *_reject(facts)]  # fmt: skip
    if facts.state == "accepted":
        return [_button(facts, "contact", "Log a call"), _button(facts, "won", "Won"), _button(facts, "lost", "Lost"),
                *_reject(facts)]  # fmt: skip
    return []


def _button(facts: HandoffFacts, action: str, label: str, *, style: str | None = None) -> Block:
    button: Block = {"type": "button", "action_id": action, "text": _plain(label, OPTION), "value": reference(facts)}
    return button if style is None else {**button, "style": style}


def _reject(facts: HandoffFacts) -> list[Block]:
    """Return a select whose one press carries the reason too."""
    options = [
        {"text": _plain(text, OPTION), "value": f"{reference(facts)}#{code}"}
        for code, text in facts.reject_reasons[:MOST_REASONS]
    ]
    if not options:
        return []
    label = _plain("Reject because…", OPTION)
    return [{"type": "static_select", "action_id": "reject", "placeholder": label, "options": options}]


def _mention(person: Person) -> str:
    return f"<@{person.slack}>" if _MEMBER.fullmatch(person.slack) else escaped(person.name, FIELD)


def _section(trusted: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": trusted, "verbatim": True}}


def _plain_section(label: str, *lines: str) -> Block:
    return {"type": "section", "text": _plain("\n".join((label, *lines)), SECTION)}


def _plain(text: str, most: int) -> Block:
    return {"type": "plain_text", "text": escaped(text, most), "emoji": False}
