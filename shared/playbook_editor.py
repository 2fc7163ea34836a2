"""
The JSON Schema of a playbook as it is written, for editors that check and complete YAML.

Generated from the models; patterns and conditions, which are checked by functions, are described by hand here.
docs/playbook.schema.json is what `ripen playbook schema` prints.
"""

import json
from typing import Any

from shared.playbook_schema import Playbook
from shared.playbook_types import EVENT_PARTS
from shared.rules.model import BANDS, STAGES

Schema = dict[str, Any]

_PLAIN: Schema = {"type": ["string", "number", "boolean", "null"]}
_TEXT: Schema = {"type": "string", "minLength": 1}
_TEXTS: Schema = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]}
_ANY_TEXT: Schema = {"type": "string"}
_ANY_TEXTS: Schema = {"anyOf": [_ANY_TEXT, {"type": "array", "items": _ANY_TEXT, "minItems": 1}]}
_AFFIX: Schema = {
    "anyOf": [
        _ANY_TEXT,
        {
            "type": "object",
            "properties": {"equals-ignore-case": {"type": "string"}},
            "required": ["equals-ignore-case"],
            "additionalProperties": False,
        },
    ]
}
_OPERATORS: Schema = {
    "prefix": _AFFIX,
    "suffix": _AFFIX,
    "equals-ignore-case": _ANY_TEXT,
    "wildcard": _ANY_TEXT,
    "exists": {"type": "boolean"},
    "numeric": {"type": "array", "minItems": 2, "maxItems": 4, "examples": [[">=", 200]]},
    "cidr": {"type": "string", "examples": ["10.0.0.0/24"]},
    "anything-but": {
        "anyOf": [
            {"type": ["string", "number"]},
            {"type": "array", "items": {"type": ["string", "number"]}, "minItems": 1},
            {
                "type": "object",
                "properties": {
                    **dict.fromkeys(("prefix", "suffix"), _TEXTS),
                    **dict.fromkeys(("equals-ignore-case", "wildcard"), _ANY_TEXTS),
                },
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": False,
            },
        ]
    },
}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


_BRANCHES: Schema = {"type": "array", "minItems": 2, "items": _ref("pattern")}
_FIELD: Schema = {
    "anyOf": [
        {
            "type": "array",
            "minItems": 1,
            "items": {
                "anyOf": [
                    _PLAIN,
                    {
                        "type": "object",
                        "properties": _OPERATORS,
                        "minProperties": 1,
                        "maxProperties": 1,
                        "additionalProperties": False,
                    },
                ]
            },
        },
        _ref("pattern"),
    ]
}
_DEFINITIONS: Schema = {
    "field": _FIELD,
    "pattern": {
        "description": "The event pattern grammar of Amazon EventBridge: fields with lists of values or operators.",
        "type": "object",
        "properties": {"$or": _BRANCHES},
        "additionalProperties": _ref("field"),
        "propertyNames": {"not": {"enum": sorted(_OPERATORS)}},
        "minProperties": 1,
    },
    "event_pattern": {
        "description": "A pattern of the event: its name, properties, traits or context.",
        "type": "object",
        "properties": {
            "$or": {"type": "array", "minItems": 2, "items": _ref("event_pattern")},
            **dict.fromkeys(EVENT_PARTS, _ref("field")),
        },
        "additionalProperties": False,
    },
    "condition": {
        "description": "Exactly one of any, all, score_at_least, rule, band and grade.",
        "type": "object",
        "properties": {
            "any": {"type": "array", "minItems": 1, "items": _ref("condition")},
            "all": {"type": "array", "minItems": 1, "items": _ref("condition")},
            "score_at_least": {"type": "number", "exclusiveMinimum": 0},
            "rule": _TEXT,
            "band": {"type": "array", "minItems": 1, "items": {"enum": ["early", "engaged", "sales_ready"]}},
            "grade": {"type": "array", "minItems": 1, "items": {"enum": ["A", "B", "C", "D"]}},
        },
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
    },
    "told_condition": {
        "description": "Exactly one of any, all, rule, band, stage and qualified: what a change tells of.",
        "type": "object",
        "properties": {
            "any": {"type": "array", "minItems": 1, "items": _ref("told_condition")},
            "all": {"type": "array", "minItems": 1, "items": _ref("told_condition")},
            "rule": _TEXT,
            "band": {"type": "array", "minItems": 1, "items": {"enum": list(BANDS)}},
            "stage": {"type": "array", "minItems": 1, "items": {"enum": list(STAGES)}},
            "qualified": {"type": "boolean"},
        },
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
    },
}


def editor_schema() -> str:
    """Return the schema as text."""
    made = _written(Playbook.model_json_schema(by_alias=True, mode="validation"))
    made["$defs"] |= _DEFINITIONS
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Ripen playbook", **made}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _written(node: Any) -> Any:
    """Return the generated schema without what an editor need not know: nulls, made-up titles and Python's docstrings."""
    if isinstance(node, list):
        return [_written(each) for each in node]
    if not isinstance(node, dict):
        return node
    if node.get("title") in _DEFINITIONS:
        return _ref(node["title"])
    choices = [each for each in node.get("anyOf", ()) if each != {"type": "null"}]
    if len(choices) == 1:
        rest = {key: value for key, value in node.items() if key != "anyOf"}
        return _written({**rest, **choices[0]})
    return {
        key: {name: _written(each) for name, each in value.items()}
        if key in ("properties", "$defs")
        else _written(value)
        for key, value in node.items()
        if not (key == "title" and isinstance(value, str)) and not (key == "default" and value is None)
    }
