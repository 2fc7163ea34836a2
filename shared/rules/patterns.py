"""
Conditions in the event pattern grammar of Amazon EventBridge.

Source: docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html, and for what it leaves open
the source of aws/event-ruler. A pattern is checked once, when the playbook is compiled; a pattern AWS would refuse is
refused.
"""

import ipaddress
import json
import operator
import re
import reprlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

_MISSING = object()

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

NUMERIC_LIMIT = 5_000_000_000
"""Numbers in patterns and matched values lie between -5e9 and 5e9, as AWS documents."""

_TEXT_OPERATORS = ("prefix", "suffix", "equals-ignore-case", "wildcard")


Place = tuple[int | str, ...]
"""Keys and list numbers that lead to a part of a pattern."""


class PatternError(ValueError):
    """A pattern AWS would refuse: where in it (`place`), and what is wrong and what to write instead (`problem`)."""

    def __init__(self, place: Place, problem: str) -> None:
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
        super().__init__(f"where{path}: {problem}")
        self.place, self.problem = place, problem


Test = Callable[[Any], bool]


def compiled(pattern: Mapping[str, Any]) -> Test:
    """Return a function that tells whether an event, a tree of JSON values, matches the (checked) pattern."""
    fields = tuple((name, _field(wanted)) for name, wanted in pattern.items() if name != "$or")
    if len(pattern) == len(fields) == 1:
        return _only(*fields[0])
    branches = tuple(compiled(branch) for branch in pattern.get("$or", ()))

    def matches_all(event: Any) -> bool:
        for name, field in fields:
            if not field(event.get(name, _MISSING)):
                return False
        return not branches or any(branch(event) for branch in branches)

    return matches_all


def _only(name: str, field: Test) -> Test:
    """Return the test of a pattern that looks at one field, as most do."""

    def matches_one(event: Any) -> bool:
        return field(event.get(name, _MISSING))

    return matches_one


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Tell whether the event matches the (checked) pattern; whoever asks often compiles it once."""
    return compiled(pattern)(event)


def _field(wanted: Any) -> Test:
    if isinstance(wanted, Mapping):
        return _inside(wanted)
    exists = {each["exists"] for each in wanted if _is_about_existence(each)}
    texts = frozenset(each for each in wanted if isinstance(each, str))
    conditions = tuple(
        _condition(each) for each in wanted if not isinstance(each, str) and not _is_about_existence(each)
    )

    def is_one_of(value: Any) -> bool:
        if isinstance(value, str):
            return value in texts
        return isinstance(value, list) and any(isinstance(each, str) and each in texts for each in _flat(value))

    def matches_any(value: Any) -> bool:
        values = tuple(_flat(value)) if isinstance(value, list) else () if value is _MISSING else (value,)
        if exists and any(not isinstance(each, dict) for each in values) in exists:
            return True
        for each in values:
            if isinstance(each, str) and each in texts:
                return True
            for condition in conditions:
                if condition(each):
                    return True
        return False

    return matches_any if exists or conditions else is_one_of


def _inside(wanted: Mapping[str, Any]) -> Test:
    inner = compiled(wanted)
    about_absence = _asks_for_absence(wanted)

    def matches_inside(value: Any) -> bool:
        if isinstance(value, list):
            objects = [each for each in _flat(value) if isinstance(each, dict)]
            if not about_absence:
                return any(inner(each) for each in objects)
            left = _settled(wanted, objects)
            return left is not None and (not left or any(map(compiled(left), objects)))
        return inner(value if isinstance(value, dict) else {})

    return matches_inside


def _flat(values: list[Any]) -> Iterator[Any]:
    """Yield what stands in a list and in the lists within it, which AWS makes one."""
    for each in values:
        if isinstance(each, list):
            yield from _flat(each)
        else:
            yield each


def _asks_for_absence(wanted: Any) -> bool:
    """Tell whether `exists: false` stands anywhere in a (part of a) pattern."""
    if isinstance(wanted, Mapping):
        return wanted.get("exists") is False or any(_asks_for_absence(each) for each in wanted.values())
    return isinstance(wanted, list) and any(_asks_for_absence(each) for each in wanted)


def _settled(pattern: Mapping[str, Any], objects: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """
    Return what is left to ask of one of the objects of a list, or None when none can match.

    A value must be in that object, as for every pattern; absent, as for AWS, is only what no object of the list has.
    """
    left: dict[str, Any] = {}
    for name, wanted in pattern.items():
        rest: Any
        if name == "$or":
            branches = [branch for each in wanted if (branch := _settled(each, objects)) is not None]
            rest = branches if all(branches) else {}
            if not branches:
                return None
        elif isinstance(wanted, Mapping):
            rest = _settled(wanted, [each for each in _under(name, objects) if isinstance(each, dict)])
        elif not _asks_for_absence(wanted):
            rest = wanted
        elif all(isinstance(each, dict) for each in _under(name, objects)):
            rest = {}
        else:
            rest = [each for each in wanted if not _asks_for_absence(each)] or None
        if rest is None:
            return None
        if rest:
            left[name] = rest
    return left


def _under(name: str, objects: Sequence[Mapping[str, Any]]) -> Iterator[Any]:
    return _flat([each[name] for each in objects if name in each])


def _is_about_existence(condition: Any) -> bool:
    return isinstance(condition, Mapping) and "exists" in condition


def _condition(condition: Any) -> Test:
    if not isinstance(condition, Mapping):
        return partial(_same, condition)
    ((name, wanted),) = condition.items()
    if name == "anything-but":
        return _anything_but(wanted)
    if name == "numeric":
        bounds = tuple((_COMPARE[sign], bound) for sign, bound in zip(wanted[::2], wanted[1::2], strict=True))
        return lambda value: _is_number(value) and all(compare(value, bound) for compare, bound in bounds)
    if name == "cidr":
        return partial(_in_network, ipaddress.ip_network(wanted, strict=False))
    return _text(name, wanted)


def _anything_but(wanted: Any) -> Test:
    if isinstance(wanted, Mapping):
        ((name, texts),) = wanted.items()
        listed = tuple(_text(name, text) for text in (texts if isinstance(texts, list) else [texts]))
    else:
        listed = tuple(partial(_same, each) for each in (wanted if isinstance(wanted, list) else [wanted]))
    return lambda value: not isinstance(value, dict) and not any(each(value) for each in listed)


def _same(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, bool) or isinstance(value, bool) or wanted is None or value is None:
        return wanted is value
    if _is_number(wanted) and _is_number(value):
        return bool(wanted == value)
    return isinstance(wanted, str) and isinstance(value, str) and wanted == value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= NUMERIC_LIMIT


def _text(name: str, wanted: str | Mapping[str, str]) -> Test:
    if isinstance(wanted, Mapping):
        lower = wanted["equals-ignore-case"].lower()
        if name == "prefix":
            return lambda value: isinstance(value, str) and value.lower().startswith(lower)
        return lambda value: isinstance(value, str) and value.lower().endswith(lower)
    if name == "prefix":
        return lambda value: isinstance(value, str) and value.startswith(wanted)
    if name == "suffix":
        return lambda value: isinstance(value, str) and value.endswith(wanted)
    if name == "equals-ignore-case":
        caseless = wanted.lower()
        return lambda value: isinstance(value, str) and value.lower() == caseless
    pieces = _pieces(wanted)
    return lambda value: isinstance(value, str) and _wildcard_matches(pieces, value)


def _pieces(text: str) -> tuple[str, ...]:
    """Return the plain texts between the stars; a backslash makes the star, or itself, plain."""
    parts = [""]
    for part in re.findall(r"\\[*\\]|\*|[^*\\]+", text):
        if part == "*":
            parts.append("")
        else:
            parts[-1] += part.removeprefix("\\")
    return tuple(parts)


def _wildcard_matches(pieces: tuple[str, ...], value: str) -> bool:
    """Find the pieces one after the other: a client's long text costs one pass, whatever the pattern."""
    if len(pieces) == 1:
        return value == pieces[0]
    first, *middle, last = pieces
    end = len(value) - len(last)
    if len(first) > end or not value.startswith(first) or not value.endswith(last):
        return False
    place = len(first)
    for piece in middle:
        found = value.find(piece, place, end)
        if found < 0:
            return False
        place = found + len(piece)
    return True


def _in_network(network: ipaddress.IPv4Network | ipaddress.IPv6Network, value: Any) -> bool:
    try:
        return isinstance(value, str) and ipaddress.ip_address(value) in network
    except ValueError:
        return False


def check_pattern(pattern: Any, place: Place = ()) -> None:
    """Raise `PatternError` when AWS would refuse the pattern, or when it could never match."""
    if not isinstance(pattern, Mapping) or not pattern:
        raise PatternError(place, "must be an object with at least one field")
    for name, wanted in pattern.items():
        here = (*place, name)
        if name == "$or":
            if not isinstance(wanted, list) or len(wanted) < 2:
                raise PatternError(here, "must be a list of two or more patterns")
            for number, branch in enumerate(wanted):
                check_pattern(branch, (*here, number))
        elif name in _CHECKS:
            raise PatternError(here, _misplaced(place, name, wanted))
        elif isinstance(wanted, Mapping):
            check_pattern(wanted, here)
        elif not isinstance(wanted, list) or not wanted:
            raise PatternError(here, f"values stand in a list, as in [{reprlib.repr(wanted)}]")
        else:
            for number, condition in enumerate(wanted):
                _check_condition(condition, (*here, number))


def _misplaced(place: Place, name: str, wanted: Any) -> str:
    """Return what to write instead of an operator that stands where a field's name does."""
    field = next((part for part in reversed(place) if isinstance(part, str) and part != "$or"), "path")
    said = json.dumps(wanted, ensure_ascii=False) if isinstance(wanted, str | int | float | list) else "..."
    return f"operators stand in a list; write {field}: [{{{name}: {said if len(said) <= _SHOWN else '...'}}}]"


_SHOWN = 40
"""Most characters of a condition that are repeated."""


def _check_condition(condition: Any, place: Place) -> None:
    if not isinstance(condition, Mapping):
        if isinstance(condition, list):
            raise PatternError(place, "a list cannot stand inside a list")
        if _too_large(condition):
            raise PatternError(place, "numbers lie between -5e9 and 5e9")
        return
    if len(condition) != 1:
        raise PatternError(place, f"exactly one operator, found {sorted(condition)}")
    ((name, wanted),) = condition.items()
    check = _CHECKS.get(name)
    if check is None:
        raise PatternError(place, f"unknown operator {name!r}; use one of {', '.join(sorted(_CHECKS))}")
    problem = check(wanted)
    if problem:
        raise PatternError((*place, name), problem)


def _too_large(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not abs(value) <= NUMERIC_LIMIT


def _check_exists(wanted: Any) -> str:
    return "" if isinstance(wanted, bool) else "must be true or false"


def _check_affix(wanted: Any) -> str:
    if isinstance(wanted, Mapping):
        good = list(wanted) == ["equals-ignore-case"] and isinstance(wanted["equals-ignore-case"], str)
        return "" if good else 'must be a text or {"equals-ignore-case": text}'
    return _check_text(wanted)


def _check_text(wanted: Any) -> str:
    return "" if isinstance(wanted, str) else "must be a text"


def _check_wildcard(wanted: Any) -> str:
    if not isinstance(wanted, str):
        return "must be a text"
    unescaped = re.sub(r"\\[*\\]", "x", wanted)
    if "\\" in unescaped:
        return "a backslash stands only before * or \\"
    return "consecutive stars are refused; write one" if "**" in unescaped else ""


def _check_numeric(wanted: Any) -> str:
    if not isinstance(wanted, list) or len(wanted) not in (2, 4):
        return 'must be a list as in ["<", 10] or [">=", 0, "<", 10]'
    signs, bounds = wanted[::2], wanted[1::2]
    if not all(isinstance(sign, str) and sign in _COMPARE for sign in signs):
        return f"signs are {', '.join(_COMPARE)}"
    if not all(_is_number(bound) for bound in bounds):
        return "bounds are numbers between -5e9 and 5e9"
    if len(signs) == 2 and not (signs[0] in (">", ">=") and signs[1] in ("<", "<=") and bounds[0] < bounds[1]):
        return 'a range is written lower bound first, as in [">", 0, "<=", 5], and holds something'
    return ""


def _check_anything_but(wanted: Any) -> str:
    if isinstance(wanted, Mapping):
        if len(wanted) != 1 or next(iter(wanted)) not in _TEXT_OPERATORS:
            return f"takes values or one of {', '.join(_TEXT_OPERATORS)}"
        ((name, texts),) = wanted.items()
        listed = texts if isinstance(texts, list) else [texts]
        if not listed:
            return "the list must not be empty"
        return next((problem for text in listed if (problem := _check_refused(name, text))), "")
    listed = wanted if isinstance(wanted, list) else [wanted]
    if not listed:
        return "the list must not be empty"
    if all(isinstance(each, str) for each in listed):
        return ""
    return "" if all(_is_number(each) for each in listed) else "holds texts only, or numbers only"


def _check_refused(name: str, wanted: Any) -> str:
    """Return what is wrong with one text of an anything-but: no object within, and no empty affix, as for AWS."""
    if name in ("prefix", "suffix"):
        return "" if isinstance(wanted, str) and wanted else "must be a text that is not empty"
    return _CHECKS[name](wanted)


def _check_cidr(wanted: Any) -> str:
    shape = re.fullmatch(r"([0-9.]+|[0-9A-Fa-f:]+)/([0-9]{1,3})", wanted) if isinstance(wanted, str) else None
    try:
        network = ipaddress.ip_network(wanted, strict=False) if shape else None
    except ValueError:
        network = None
    if network is None:
        return "must be an address range as in 10.0.0.0/24"
    if network.prefixlen == network.max_prefixlen:
        return f"holds one address; write it as a text, or a range of at most /{network.max_prefixlen - 1}"
    return ""


_CHECKS: dict[str, Callable[[Any], str]] = {
    "exists": _check_exists,
    "prefix": _check_affix,
    "suffix": _check_affix,
    "equals-ignore-case": _check_text,
    "wildcard": _check_wildcard,
    "numeric": _check_numeric,
    "anything-but": _check_anything_but,
    "cidr": _check_cidr,
}
