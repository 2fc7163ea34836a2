"""
The dialogs of a handoff message: modals that ask for what one press cannot say. Limits are Slack's.

`private_metadata` names the handoff, `callback_id` the action. Names stand in `plain_text`, escaped, like everywhere.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from shared.messages.slack_message import MOST_OPTIONS, OPTION, plain

Dialog = Literal["reject", "snooze", "reassign", "convert"]
DIALOGS: tuple[Dialog, ...] = ("reject", "snooze", "reassign", "convert")

TITLE = 24
"""Most characters of a dialog's title and buttons."""

LABEL = 2000
MOST_NOTE = 500
MOST_OPPORTUNITY = 100

TITLES: Mapping[Dialog, str] = {
    "reject": "Send the lead back", "snooze": "Put the lead off", "reassign": "Pass the lead on",
    "convert": "Make an opportunity",
}  # fmt: skip
QUESTIONS: Mapping[Dialog, tuple[str, str]] = {
    "reject": ("reason", "Why"), "snooze": ("until", "Until when"), "reassign": ("to", "To whom"),
    "convert": ("opportunity", "What your CRM calls it"),
}  # fmt: skip
"""The field that a dialog asks for, and how. Block and action have its name as their id."""

View = dict[str, Any]


def dialog(kind: Dialog, reference: str, options: Iterable[tuple[str, str]] = ()) -> View:
    """Return the dialog; options are values with their texts, the first `MOST_OPTIONS` are shown."""
    field, question = QUESTIONS[kind]
    listed = [{"text": plain(text, OPTION), "value": value} for value, text in options][:MOST_OPTIONS]
    element: dict[str, Any] = {"type": "plain_text_input", "action_id": field, "max_length": MOST_OPPORTUNITY}
    if kind != "convert":
        element = {
            "type": "static_select", "action_id": field, "placeholder": plain("Choose", OPTION), "options": listed,
        }  # fmt: skip
    note = {"type": "plain_text_input", "action_id": "note", "multiline": True, "max_length": MOST_NOTE}
    return {
        "type": "modal",
        "callback_id": kind,
        "private_metadata": reference,
        "title": plain(TITLES[kind], TITLE),
        "submit": plain("Save", TITLE),
        "close": plain("Cancel", TITLE),
        "blocks": [
            {"type": "input", "block_id": field, "label": plain(question, LABEL), "element": element},
            {"type": "input", "block_id": "note", "label": plain("Note", LABEL), "optional": True, "element": note},
        ],
    }


def notice(kind: Dialog, text: str) -> View:
    """Return what stands in the place of a dialog whose answer changed nothing."""
    return {
        "type": "modal",
        "title": plain(TITLES[kind], TITLE),
        "close": plain("Close", TITLE),
        "blocks": [{"type": "section", "text": plain(text, LABEL)}],
    }
