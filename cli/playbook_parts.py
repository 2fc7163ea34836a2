"""What differs between two compiled playbooks, in words: the cause beside the effect that `ripen playbook diff` shows."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cli.text import duration, of_milli, points, signed

_ONE_OF = {
    "fit": "fit rule", "engagement": "rule", "exclusions": "exclusion", "groups": "group", "lists": "list",
    "profile": "profile field", "cool_downs": "cool-down after", "bands": "band", "grades": "grade",
    "qualification": "condition", "inactivity": "inactivity of", "comes_back": "condition to come back after",
}  # fmt: skip
"""Parts of `scoring` that hold named things, and what one of them is called."""

_BY_ID = ("fit", "engagement", "exclusions")
_MADE_BY_THE_COMPILER = frozenset({"filed", "filing", "id"})
_POINTS = frozenset({"bands", "cap", "day_cap", "grades", "hysteresis", "levels"})
_SECONDS = frozenset({"cool_downs", "within"})
_NAMES_SHOWN = 5
"""Values of a long list that are spelled out."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that is not the same, written as the playbook's reader would; "" is a value that is not set."""

    field: str
    old: str
    new: str

    def words(self) -> str:
        return " ".join(filter(None, [self.field, self.old, "->" if self.old else "", self.new or "not set"]))


@dataclass(frozen=True, slots=True)
class Change:
    """One part of the playbook that is not the same, and in which values."""

    change: Literal["added", "removed", "changed"]
    part: str
    name: str
    label: str
    differences: tuple[Difference, ...]

    def words(self) -> str:
        name = f"{self.label} ({self.name})" if self.label else self.name
        said = "" if self.change == "removed" else ", ".join(each.words() for each in self.differences)
        return f"{self.change} {self.part}{' ' if name else ''}{name}{': ' if said else ''}{said}"


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Return what differs in the scoring of two compiled playbooks, and which of their other parts are not the same."""
    before, after = old["scoring"], new["scoring"]
    found = [
        _change(part, name, was.get(name), now.get(name))
        for part in dict.fromkeys([*before, *after])
        if part not in _MADE_BY_THE_COMPILER
        for was, now in [(_things(part, before.get(part)), _things(part, after.get(part)))]
        for name in dict.fromkeys([*was, *now])
        if was.get(name) != now.get(name)
    ]
    others = [part for part in dict.fromkeys([*old, *new]) if part not in ("name", "bundle", "scoring")]
    return found + [Change("changed", part, "", "", ()) for part in others if old.get(part) != new.get(part)]


def _things(part: str, said: Any) -> Mapping[str, Any]:
    """Return the named things of a part of the playbook; a part without any is one thing without a name."""
    if part in _BY_ID:
        return {each["id"]: each for each in said or ()}
    if part == "inactivity":
        return {f"{step['days']} days": {"points": step["points"]} for step in said or ()}
    return dict(said or {}) if part in _ONE_OF else {"": said}


def _change(part: str, name: str, old: Any, new: Any) -> Change:
    was, now = _values(part, old), _values(part, new)
    places = [place for place in dict.fromkeys([*was, *now]) if was.get(place) != now.get(place)]
    label = next((str(each["label"]) for each in (new, old) if isinstance(each, Mapping) and "label" in each), "")
    return Change(
        change="added" if old is None else "removed" if new is None else "changed",
        part=_ONE_OF.get(part, part),
        name=name,
        label=label,
        differences=tuple(
            each
            for place in places
            if place[-1] != "label" or (old is not None and new is not None)
            for each in _differences(place, was.get(place), now.get(place))
        ),
    )


def _values(part: str, said: Any) -> dict[tuple[str, ...], Any]:
    """Return the values of a thing by their place. Patterns and conditions stay whole; what is not set has no place."""

    def within(place: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
        if isinstance(value, Mapping) and place[-1] not in ("where", "qualification", "comes_back"):
            for name, inner in value.items():
                if name not in _MADE_BY_THE_COMPILER:
                    yield from within((*place, name), inner)
        elif value is not None and value != {}:
            yield place, value

    return dict(within((part,), said))


def _differences(place: tuple[str, ...], old: Any, new: Any) -> Iterator[Difference]:
    if place[-1] != "values":
        field = " ".join(name.removesuffix("_seconds").replace("_", " ") for name in place[1:])
        yield Difference(field, _text(place[-1], old), _text(place[-1], new))
        return
    for word, some, others in (("gains", new, old), ("loses", old, new)):
        if values := sorted(set(some or ()) - set(others or ())):
            more = f" and {len(values) - _NAMES_SHOWN} more" if len(values) > _NAMES_SHOWN else ""
            yield Difference(word, "", ", ".join(values[:_NAMES_SHOWN]) + more)


def _text(name: str, value: Any) -> str:
    """Return a value as the playbook's reader writes it: points, not milli-points; days, not seconds."""
    if value is None:
        return ""
    if isinstance(value, Mapping) or (isinstance(value, list) and any(isinstance(each, Mapping) for each in value)):
        return json.dumps(_in_points(value), ensure_ascii=False)
    if isinstance(value, list):
        return ", ".join(_text(name, each) for each in value) or "none"
    return _number(name, value) if isinstance(value, int) else str(value)


def _number(name: str, value: int) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "points":
        return signed(of_milli(value))
    if name in _POINTS:
        return points(of_milli(value))
    return duration(value) if name in _SECONDS or name.endswith("_seconds") else str(value)


def _in_points(condition: Any) -> Any:
    """Return a condition with its thresholds in points."""
    if isinstance(condition, list):
        return [_in_points(each) for each in condition]
    if not isinstance(condition, Mapping):
        return condition
    return {
        name: float(each) / 1000 if name == "score_at_least" else _in_points(each) for name, each in condition.items()
    }
