"""
What a pattern of people may look at: known fields, in the form in which they are kept.

What could never match is refused here, with what to write instead: a rule that is silent for ever looks as if it worked.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from shared.playbook_types import nearest, top_level
from shared.rules.model import DERIVED
from shared.rules.patterns import Place, matches
from shared.rules.titles import DEPARTMENTS, SENIORITIES

TOUCHES = {"first_touch": ("source", "medium", "campaign"), "last_touch": ("source", "medium", "campaign")}
"""What a touch says; its texts are kept in small letters."""

LISTED = ("mail_domain", "mailbox")
"""Fields besides the profile's that a list can look at."""

OURS = frozenset(
    {"address", "consent", "sales", "closed", "email", "mail_domain", "mailbox", "lists", "timezone_seen", *TOUCHES}
)
"""Fields the application fills itself; a playbook cannot give them other meanings."""

_LOWER = frozenset({"email", "mail_domain", "mailbox"})
"""Fields besides touches whose texts are in small letters."""

_TITLES: Mapping[str, tuple[str, ...]] = {"seniority": SENIORITIES, "department": DEPARTMENTS}
"""What can be derived of a title, for playbooks whose profile has no such field."""

_KNOWN = {"free_mail": "mail_domain", "disposable": "mail_domain", "role_address": "mailbox"}
"""Lists we know, and what of an address they hold."""


def people_problems(
    where: Mapping[str, Any], place: Place, profile: Collection[str], lists: Collection[str]
) -> Iterator[tuple[Place, str]]:
    """Yield what is wrong with a checked pattern of a fit rule or an exclusion."""
    known = {*profile, "email", *DERIVED, *TOUCHES}
    for inside, wanted in top_level(where):
        here, name = (*place, *inside), str(inside[-1])
        if name not in known:
            yield here, f"no field is named {name!r}; {nearest(name, known)}"
        elif name in TOUCHES:
            yield from _touch_problems(here, wanted, TOUCHES[name])
        elif isinstance(wanted, dict):
            yield here, f"{name} has no parts; values stand in a list, as in {{{name}: [...]}}"
        elif name == "lists":
            yield from word_problems(here, wanted, lists, "list")
        elif name in _TITLES and name not in profile:
            yield from word_problems(here, wanted, _TITLES[name], name)
        else:
            yield from _kept_problems(here, wanted, name)


def list_problems(place: Place, field: str, values: list[str] | None, known: str | None) -> Iterator[tuple[Place, str]]:
    """Yield which values of a list could never be those of its field."""
    for number, value in enumerate(values or ()):
        if problem := _address_problem(field, "", value.lower()):
            yield (*place, "values", number), problem
    if known is not None and field in LISTED and _KNOWN[known] != field:
        yield (*place, "known"), f"{known} holds no {field}, so nobody would be in it; write field: {_KNOWN[known]}"


def _touch_problems(place: Place, wanted: Any, parts: tuple[str, ...]) -> Iterator[tuple[Place, str]]:
    if not isinstance(wanted, dict):
        yield place, f"a touch has parts; write one of {', '.join(parts)} under it, as in {{source: [google]}}"
        return
    for inside, said in top_level(wanted):
        if inside[-1] not in parts or isinstance(said, dict):
            yield (*place, *inside), f"a touch has no such part; {nearest(str(inside[-1]), parts)}"
        else:
            yield from _case_problems((*place, *inside), said)


def word_problems(place: Place, wanted: list[Any], words: Collection[str], kind: str) -> Iterator[tuple[Place, str]]:
    """Yield the conditions that hold for none of the words a field can be."""
    for number, condition in enumerate(wanted):
        for operator, text, caseless in _texts(condition):
            if operator:
                if not any(matches({kind: [{operator: text}]}, {kind: word.lower()}) for word in words):
                    yield (*place, number), f"can never match: no {kind} is like that; {nearest(text, words)}"
            elif (text.lower() if caseless else text) not in words:
                yield (*place, number), f"no {kind} is named {text!r}; {nearest(text, words)}"
        if not isinstance(condition, str | dict):
            yield (*place, number), f"can never match: each {kind} is a text; {nearest(str(condition), words)}"


def _kept_problems(place: Place, wanted: list[Any], name: str) -> Iterator[tuple[Place, str]]:
    if name in _LOWER:
        yield from _case_problems(place, wanted)
    for number, condition in enumerate(wanted):
        for operator, text, _ in _texts(condition):
            problem = _address_problem(name, operator, text)
            if name == "employees":
                problem = 'can never match: it is kept as a whole number; write one, or {numeric: [">=", 200]}'
            if problem:
                yield (*place, number), problem


def _address_problem(name: str, operator: str, text: str) -> str:
    if name == "mail_domain" and "@" in text:
        return f"{text!r} can never match: a mail domain has no @; write {text.rpartition('@')[2] or 'example.com'}"
    if name == "mailbox" and ("@" in text or "+" in text):
        plain = text.partition("@")[0].partition("+")[0]
        return f"{text!r} can never match: a mailbox is what stands before @ and +; write {plain or 'info'}"
    if name == "email" and not operator and "@" not in text:
        return f"{text!r} can never match: an address has an @; for what stands after it write mail_domain"
    return ""


def _case_problems(place: Place, wanted: list[Any]) -> Iterator[tuple[Place, str]]:
    for number, condition in enumerate(wanted):
        for _, text, caseless in _texts(condition):
            if not caseless and text != text.lower():
                yield (
                    (*place, number),
                    f"{text!r} can never match: this field is kept in small letters; write {text.lower()}",
                )


def _texts(condition: Any) -> Iterator[tuple[str, str, bool]]:
    """Yield operator ("" for the whole value), text, and whether case does not matter, for every text of a condition."""
    if isinstance(condition, str):
        yield "", condition, False
        return
    if not isinstance(condition, dict):
        return
    ((operator, wanted),) = condition.items()
    if operator == "anything-but":
        if isinstance(wanted, dict):
            ((operator, wanted),) = wanted.items()
            listed = [{operator: each} for each in (wanted if isinstance(wanted, list) else [wanted])]
        else:
            listed = wanted if isinstance(wanted, list) else [wanted]
        for each in listed:
            yield from _texts(each)
    elif operator == "equals-ignore-case":
        yield "", wanted, True
    elif operator in ("prefix", "suffix", "wildcard"):
        caseless = isinstance(wanted, dict)
        yield operator, wanted["equals-ignore-case"].lower() if caseless else wanted, caseless
