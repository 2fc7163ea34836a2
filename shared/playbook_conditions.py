"""The conditions of a playbook: what makes a lead MQL or urgent, and what ends a track."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, WithJsonSchema

from shared.playbook_types import MisplacedError, Section, milli, nearest
from shared.rules.model import BANDS, GRADES, STAGES
from shared.rules.patterns import Place

FORMS = ("any", "all", "score_at_least", "rule", "band", "grade")
TOLD = ("any", "all", "rule", "band", "stage", "qualified")
"""Forms of what ends a track: only what a change tells of, or nobody would look when it holds."""

_PLAIN: dict[str, tuple[type, str]] = {
    "rule": (str, "must be the id of a rule"),
    "qualified": (bool, "must be true or false"),
}
_KINDS = {"band": BANDS, "grade": GRADES, "stage": STAGES}


def _condition(said: dict[str, Any]) -> dict[str, Any]:
    problems = list(_problems(said, (), FORMS, "{score_at_least: 75}"))
    if problems:
        raise MisplacedError(*problems)
    return said


def _told(said: dict[str, Any]) -> dict[str, Any]:
    problems = list(_problems(said, (), TOLD, "{qualified: true}"))
    if problems:
        raise MisplacedError(*problems)
    return said


def _problems(said: Any, place: Place, forms: tuple[str, ...], example: str) -> Iterator[tuple[Place, str]]:
    if not isinstance(said, dict) or len(said) != 1:
        yield place, f"a condition is exactly one of {', '.join(forms)}, as in {example}"
        return
    ((form, wanted),) = said.items()
    here = (*place, form)
    if form not in forms:
        yield here, f"is no condition; {nearest(str(form), forms)}"
    elif form in ("any", "all"):
        if not isinstance(wanted, list) or not wanted:
            yield here, f"must be a list of conditions that is not empty, as in {form}: [{example}]"
            return
        for number, each in enumerate(wanted):
            yield from _problems(each, (*here, number), forms, example)
    elif form == "score_at_least":
        yield from _threshold_problems(wanted, here)
    elif form in _PLAIN:
        kind, text = _PLAIN[form]
        if not isinstance(wanted, kind):
            yield here, text
    else:
        yield from _place_problems(form, wanted, here)


def _threshold_problems(wanted: Any, place: Place) -> Iterator[tuple[Place, str]]:
    try:
        if milli(wanted) <= 0:
            yield place, "must be above 0, or everybody would qualify"
    except ValueError as error:
        yield place, str(error)


def _place_problems(form: str, wanted: Any, place: Place) -> Iterator[tuple[Place, str]]:
    allowed = _KINDS[form]
    if not isinstance(wanted, list) or not wanted:
        yield place, f"must be a list of {', '.join(allowed)}, as in {form}: [{allowed[-1]}]"
        return
    for number, each in enumerate(wanted):
        if each not in allowed:
            yield (*place, number), f"{each!r} is no {form}; {nearest(str(each), allowed)}"


def rules_in(said: dict[str, Any], place: Place) -> Iterator[tuple[Place, str]]:
    """Yield the rules that a checked condition names, each with its place."""
    ((form, wanted),) = said.items()
    if form in ("any", "all"):
        for number, each in enumerate(wanted):
            yield from rules_in(each, (*place, form, number))
    elif form == "rule":
        yield (*place, form), wanted


def compiled_condition(said: dict[str, Any]) -> dict[str, Any]:
    ((form, wanted),) = said.items()
    if form in ("any", "all"):
        return {form: [compiled_condition(each) for each in wanted]}
    return {form: milli(wanted) if form == "score_at_least" else wanted}


Condition = Annotated[
    dict[str, Any], AfterValidator(_condition), WithJsonSchema({"type": "object", "title": "condition"})
]
ToldCondition = Annotated[
    dict[str, Any], AfterValidator(_told), WithJsonSchema({"type": "object", "title": "told_condition"})
]


class Qualification(Section):
    """MQL as a condition, and what makes it urgent."""

    mql: Condition
    high_priority: Condition

    def rules(self) -> Iterator[tuple[Place, str]]:
        for name in ("mql", "high_priority"):
            yield from rules_in(getattr(self, name), (name,))

    def compiled(self) -> dict[str, Any]:
        return {"mql": compiled_condition(self.mql), "high_priority": compiled_condition(self.high_priority)}
