"""
Block Kit as far as alerts and modals use it: Slack's limits, and the ids Slack adds.

A message that breaks a limit is refused with `invalid_blocks`, as Slack does, so that it fails here and not first in
production. Source of the limits: Slack's Block Kit reference.
"""

import secrets
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

MAX_BLOCKS = 50
MAX_MODAL_BLOCKS = 100

BLOCK_TYPES = frozenset(
    {"actions", "context", "divider", "header", "image", "input", "markdown", "rich_text", "section", "video"}
)

HEADER_TEXT = 150
SECTION_TEXT = 3000
MOST_ELEMENTS = {"actions": 25, "context": 10}
MOST_OPTIONS = {"static_select": 100, "overflow": 5, "radio_buttons": 10, "checkboxes": 10}
OPTION_TEXT = 75
OPTION_VALUE = 150
FIELDS = 10
FIELD_TEXT = 2000
BUTTON_TEXT = 75
VALUE = 2000
URL = 3000
IDENTIFIER = 255
BUTTON_STYLES = (None, "primary", "danger")


def with_ids(blocks: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the blocks with a block_id and action_ids wherever the sender left them out."""
    known = [deepcopy(dict(block)) for block in blocks]
    for block in known:
        block.setdefault("block_id", secrets.token_urlsafe(4))
        for element in interactive(block):
            element.setdefault("action_id", secrets.token_urlsafe(4))
    return known


def interactive(block: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the elements of a block that a person can press or fill in."""
    elements = [*block.get("elements", []), block.get("accessory"), block.get("element")]
    shown_only = ("image", "mrkdwn", "plain_text")
    if block.get("type") not in {"actions", "section", "input"}:
        return []
    return [element for element in elements if isinstance(element, dict) and element.get("type") not in shown_only]


def faults(blocks: Any, *, limit: int = MAX_BLOCKS) -> list[str]:
    """Return what Slack would refuse in these blocks, each fault with its JSON pointer."""
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        return ["must be an array of objects [json-pointer:/blocks]"]
    found = [f"no more than {limit} items allowed [json-pointer:/blocks]"] if len(blocks) > limit else []
    for position, block in enumerate(blocks):
        found += [f"{fault} [json-pointer:/blocks/{position}{where}]" for where, fault in _block_faults(block)]
    named = [block["block_id"] for block in blocks if block.get("block_id")]
    if len(named) != len(set(named)):
        found.append("block_id already exists [json-pointer:/blocks]")
    return found


def _block_faults(block: dict[str, Any]) -> Iterable[tuple[str, str]]:
    kind = block.get("type")
    if kind not in BLOCK_TYPES:
        yield "/type", f"unsupported type: {kind}"
        return
    if len(str(block.get("block_id", ""))) > IDENTIFIER:
        yield "/block_id", f"must be less than {IDENTIFIER + 1} characters"
    if kind == "header":
        yield from _text_faults(block.get("text"), "/text", HEADER_TEXT, plain=True)
    if kind == "section":
        yield from _section_faults(block)
    if kind in MOST_ELEMENTS:
        elements = block.get("elements", [])
        if not 1 <= len(elements) <= MOST_ELEMENTS[kind]:
            yield "/elements", f"between 1 and {MOST_ELEMENTS[kind]} items allowed"
        actions = [element["action_id"] for element in elements if element.get("action_id")]
        if len(actions) != len(set(actions)):
            yield "/elements", "action_id already exists in the block"
    if kind == "input":
        yield from _text_faults(block.get("label"), "/label", FIELD_TEXT, plain=True)
    for index, element in enumerate(interactive(block)):
        yield from _element_faults(element, f"/elements/{index}")


def _section_faults(block: dict[str, Any]) -> Iterable[tuple[str, str]]:
    fields = block.get("fields", [])
    if "text" in block or not fields:
        yield from _text_faults(block.get("text"), "/text", SECTION_TEXT)
    if len(fields) > FIELDS:
        yield "/fields", f"no more than {FIELDS} items allowed"
    for index, field in enumerate(fields):
        yield from _text_faults(field, f"/fields/{index}", FIELD_TEXT)


def _element_faults(element: dict[str, Any], where: str) -> Iterable[tuple[str, str]]:
    kind = element.get("type")
    for name, most in (("action_id", IDENTIFIER), ("value", VALUE), ("url", URL)):
        if len(str(element.get(name, ""))) > most:
            yield f"{where}/{name}", f"must be less than {most + 1} characters"
    if kind == "button":
        yield from _text_faults(element.get("text"), f"{where}/text", BUTTON_TEXT, plain=True)
        if element.get("style") not in BUTTON_STYLES:
            yield f"{where}/style", "must be primary or danger"
    if kind in MOST_OPTIONS:
        options = element.get("options") or [
            option for group in element.get("option_groups", []) for option in group.get("options", [])
        ]
        if not 1 <= len(options) <= MOST_OPTIONS[kind]:
            yield f"{where}/options", f"between 1 and {MOST_OPTIONS[kind]} items allowed"
        for index, option in enumerate(options):
            yield from _text_faults(option.get("text"), f"{where}/options/{index}/text", OPTION_TEXT)
            if len(str(option.get("value", ""))) > OPTION_VALUE:
                yield f"{where}/options/{index}/value", f"must be less than {OPTION_VALUE + 1} characters"


def _text_faults(text: Any, where: str, most: int, *, plain: bool = False) -> Iterable[tuple[str, str]]:
    if not isinstance(text, dict) or not isinstance(text.get("text"), str):
        yield where, "must be a text object"
        return
    if plain and text.get("type") != "plain_text":
        yield f"{where}/type", "must be plain_text"
    if text.get("type") not in {"plain_text", "mrkdwn"}:
        yield f"{where}/type", "must be plain_text or mrkdwn"
    if not 1 <= len(text["text"]) <= most:
        yield f"{where}/text", f"must be between 1 and {most} characters"
