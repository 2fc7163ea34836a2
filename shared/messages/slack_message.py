"""
A handoff as a Slack message: Block Kit from the facts.

What a lead or a browser said stands only in `plain_text` elements, where Slack reads no markup, and is escaped there
too; `mrkdwn` holds our own words and the mentions of the playbook's people. Limits are Slack's, from its Block Kit
reference.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from shared.messages.handoff_facts import HandoffFacts, Run, points_text
from shared.rules.routing import Person

HEADER, SECTION, FIELD, OPTION = 150, 3000, 2000, 75
"""Most characters of a header, a section's text, a field and an option."""

MOST_OPTIONS = 100
"""Most options of a select."""

CONTEXT = 10
"""Most elements of a context."""

STATUS_SIGN = {
    "running": ":hourglass_flowing_sand:",
    "nearly due": ":warning:",
    "overdue": ":rotating_light:",
    "done": ":white_check_mark:",
    "done late": ":white_check_mark:",
    "ended": ":heavy_minus_sign:",
}

_MEMBER = re.compile(r"[UW][A-Z0-9]{2,20}")

MORE = "more"
"""Id of the menu whose choices are contacts by other means, and dialogs."""

Block = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SlackMessage:
    """`text` is what a notification shows; `block_id` is how the message is found again."""

    text: str
    blocks: Sequence[Block]
    block_id: str


def handoff_message(facts: HandoffFacts, *, dialogs: bool = True) -> SlackMessage:
    """
    Return the message about the handoff as it stands, with the buttons that may still be pressed.

    Without `dialogs`, which need a bot, rejecting is a menu, and what else asks for more than a press is left out.
    """
    block_id = f"handoff#{reference(facts)}"
    who = f"{facts.name}, {facts.company}" if facts.company else facts.name
    blocks: list[Block] = [
        {"type": "header", "block_id": block_id, "text": plain(who, HEADER)},
        section(
            f"*{facts.priority.capitalize()} priority* for {mention(facts.owner)}   "
            f"Grade *{facts.grade}*, *{points_text(facts.total)} points*"
        ),
        *_known(facts),
        *_clocks(facts),
    ]
    if notes := _notes(facts):
        blocks.append({"type": "context", "elements": [plain(note, FIELD) for note in notes][:CONTEXT]})
    if buttons := _buttons(facts, dialogs=dialogs):
        blocks.append({"type": "actions", "block_id": f"actions#{reference(facts)}", "elements": buttons})
    summary = f"{facts.priority.capitalize()} priority lead: {who}. {facts.standing}"
    return SlackMessage(escaped(summary, SECTION), blocks, block_id)


def _known(facts: HandoffFacts) -> Iterator[Block]:
    """Yield why to call, what is known of the person, what they did and got, and what sales did."""
    yield _plain_section("Why now", facts.why)
    if facts.details:
        yield {"type": "section", "fields": [plain(f"{label}: {text}", FIELD) for label, text in facts.details]}
    for label, lines in (
        ("Score", _score_lines(facts)),
        ("Last actions", facts.actions),
        ("Has of ours already", facts.received),
        ("So far", facts.so_far),
    ):
        if lines:
            yield _plain_section(label, *lines)


def _clocks(facts: HandoffFacts) -> Iterator[Block]:
    if facts.clocks:
        yield section(
            "\n".join(
                f"{STATUS_SIGN[clock.status]} *{escaped(clock.label, SECTION)}* by {clock.due} ({clock.status})"
                for clock in facts.clocks
            )
        )


def _notes(facts: HandoffFacts) -> list[str]:
    notes = [f"Unproven, only a browser or form said so: {', '.join(facts.unproven)}"] if facts.unproven else []
    if facts.state in {"open", "accepted"}:
        notes.append(f"Next step: {facts.next_step}")
    if facts.routed:
        notes.append(f"Whose it is: {facts.routed}")
    if facts.mql:
        notes.append(f"MQL means: {facts.mql}")
    if facts.standing != "open":
        notes.append(f"{facts.standing[0].upper()}{facts.standing[1:]}")
    return notes


def warning_message(facts: HandoffFacts, run: Run) -> SlackMessage:
    """Return the reminder to the owner that a clock is about to run out."""
    text = f":warning: {mention(run.owner)}: *{_label(run)}* is due by {run.clock.due}"
    return _reply(facts, text, f"warned#{reference(facts)}#{_run_id(run)}")


def breach_message(facts: HandoffFacts, run: Run, to: Person, level: int = 1) -> SlackMessage:
    """Return the escalation that a clock ran out (level 1), or that nobody acted since."""
    still = "was due" if level == 1 else "was due long since"
    text = f":rotating_light: {mention(to)}: *{_label(run)}* {still} by {run.clock.due}; owner {mention(run.owner)}"
    return _reply(facts, text, f"breached{'' if level == 1 else level}#{reference(facts)}#{_run_id(run)}")


def passed_on_message(facts: HandoffFacts, version: int) -> SlackMessage:
    """Return what tells the new owner under the message that the lead is theirs now."""
    text = f"{mention(facts.owner)}: this lead is yours now"
    return _reply(facts, text, f"passed#{reference(facts)}#{version}")


def erased_message() -> SlackMessage:
    """Return what stands in the place of every message about a person who was erased."""
    text = "Erased: this person's data was removed"
    return SlackMessage(text, [_plain_section(text)], "")


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


def _reply(facts: HandoffFacts, text: str, block_id: str) -> SlackMessage:
    who = f"{facts.name}, {facts.company}" if facts.company else facts.name
    blocks = [{**section(text), "block_id": block_id}, {"type": "context", "elements": [plain(who, FIELD)]}]
    return SlackMessage(text, blocks, block_id)


def _label(run: Run) -> str:
    return escaped(run.clock.label, OPTION)


def _run_id(run: Run) -> str:
    return f"{run.clock.name}#{run.again}" if run.again else run.clock.name


def _score_lines(facts: HandoffFacts) -> list[str]:
    lines = [f"{'+' if line.points > 0 else ''}{points_text(line.points)}  {line.label}" for line in facts.lines]
    return [*lines, f"and {facts.more_lines} more"] if facts.more_lines else lines


def _buttons(facts: HandoffFacts, *, dialogs: bool) -> list[Block]:
    if facts.state not in ("open", "accepted"):
        return []
    call = _button(facts, "contact", "Log a call")
    shown = [_button(facts, "accept", "Accept", style="primary"), call]
    if facts.state == "accepted":
        shown = [call, _button(facts, "won", "Won"), _button(facts, "lost", "Lost")]
    if not dialogs:
        return shown + _reject_menu(facts)
    reject = [_button(facts, "reject", "Reject…", style="danger")] if facts.reject_reasons else []
    return [*shown, *reject, _more(facts)]


def _more(facts: HandoffFacts) -> Block:
    """Return the menu of what is done less often."""
    choices = {"mail": "Log a mail", "meeting": "Log a meeting", "snooze": "Put off…", "reassign": "Pass on…"}
    if facts.state == "accepted":
        choices["convert"] = "Make an opportunity…"
    options = [
        {"text": plain(text, OPTION), "value": f"{reference(facts)}#{choice}"} for choice, text in choices.items()
    ]
    return {"type": "overflow", "action_id": MORE, "options": options}


def _button(facts: HandoffFacts, action: str, label: str, *, style: str | None = None) -> Block:
    button: Block = {"type": "button", "action_id": action, "text": plain(label, OPTION), "value": reference(facts)}
    return button if style is None else {**button, "style": style}


def _reject_menu(facts: HandoffFacts) -> list[Block]:
    """Return a select whose one press carries the reason too."""
    options = [
        {"text": plain(text, OPTION), "value": f"{reference(facts)}#{code}"}
        for code, text in facts.reject_reasons[:MOST_OPTIONS]
    ]
    if not options:
        return []
    label = plain("Reject because…", OPTION)
    return [{"type": "static_select", "action_id": "reject", "placeholder": label, "options": options}]


def mention(person: Person) -> str:
    return f"<@{person.slack}>" if _MEMBER.fullmatch(person.slack) else escaped(person.name, FIELD)


def section(trusted: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": trusted, "verbatim": True}}


def _plain_section(label: str, *lines: str) -> Block:
    return {"type": "section", "text": plain("\n".join((label, *lines)), SECTION)}


def plain(text: str, most: int) -> Block:
    return {"type": "plain_text", "text": escaped(text, most), "emoji": False}
