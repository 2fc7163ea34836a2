"""
Which AWS actions and settings a function's code can reach, read from its source.

Follows names from the handler through what it imports from functions and shared, function by function, and notes every
boto3 operation and every setting on the way. A method is taken as reached when its class is.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from infra.names import ROOT

SERVICES = {
    "dynamodb": "dynamodb", "sqs": "sqs", "sns": "sns", "sns_once": "sns", "events": "events", "ses": "ses", "secrets": "secretsmanager"
}  # fmt: skip
"""Client of shared.aws.clients to the prefix of its actions."""

ACTIONS = {"sqs:SendMessageBatch": "sqs:SendMessage", "sns:PublishBatch": "sns:Publish"}
"""Operations that IAM knows by another name."""

PARTS = {"Put": "PutItem", "Update": "UpdateItem", "ConditionCheck": "ConditionCheckItem", "Delete": "DeleteItem"}
"""Entries of a transaction, each allowed by the action of its own; the transaction has none."""

STATEMENTS = {
    'INSERT INTO "': "PartiQLInsert",
    'UPDATE "': "PartiQLUpdate",
    "DELETE": "PartiQLDelete",
    "SELECT": "PartiQLSelect",
}
"""How a PartiQL statement begins, and the action that allows it; the batch it goes in has none."""


@dataclass
class Module:
    """Top-level definitions of a module, and what its names mean elsewhere."""

    definitions: dict[str, ast.AST] = field(default_factory=dict)
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Reach:
    """What the code of one function can come to do."""

    actions: frozenset[str]
    required: frozenset[str]
    """Settings it cannot do without."""
    optional: frozenset[str]


def reach(name: str) -> Reach:
    """Return what the function of that folder can call and read."""
    actions: set[str] = set()
    settings: dict[str, set[str]] = {"required": set(), "optional": set()}
    seen: set[tuple[str, str]] = set()
    waiting = [(f"functions.{name}.handler", "handler")]
    while waiting:
        place = waiting.pop()
        if place in seen:
            continue
        seen.add(place)
        module = _module(place[0])
        node = module.definitions.get(place[1])
        if node is not None:
            actions |= _actions_in(node)
            for kind, setting in _settings_in(node):
                settings[kind].add(setting)
            waiting.extend(_mentioned(node, place[0], module))
    return Reach(
        frozenset(ACTIONS.get(action, action) for action in actions),
        frozenset(settings["required"]),
        frozenset(settings["optional"]),
    )


def _path(module: str) -> Path | None:
    base = ROOT / Path(*module.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.exists()), None)


@cache
def _module(name: str) -> Module:
    found = Module()
    path = _path(name)
    if path is None:
        return found
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        for defined in _defined(node):
            found.definitions[defined] = node
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in {"functions", "shared"}:
            for alias in node.names:
                found.imported[alias.asname or alias.name] = (node.module or "", alias.name)
    return found


def _defined(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id


def _mentioned(node: ast.AST, home: str, module: Module) -> Iterator[tuple[str, str]]:
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
            if part.id in module.definitions:
                yield home, part.id
            elif part.id in module.imported:
                yield module.imported[part.id]
        elif isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id in module.imported:
            package, imported = module.imported[part.value.id]
            yield f"{package}.{imported}", part.attr


def _settings_in(node: ast.AST) -> Iterator[tuple[str, str]]:
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and part.args and isinstance(part.args[0], ast.Constant):
            called = part.func
            name = (
                called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
            )
            if name in {"required", "optional"} and str(part.args[0].value).isupper():
                yield name, str(part.args[0].value)


def _actions_in(node: ast.AST) -> set[str]:
    found: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute):
            service = _client(part.func.value)
            if service and part.func.attr == "get_paginator":
                assert isinstance(part.args[0], ast.Constant)
                found.add(f"{service}:{_pascal(str(part.args[0].value))}")
            elif service and part.func.attr in {"transact_write_items", "batch_execute_statement"}:
                continue
            elif service:
                found.add(f"{service}:{_pascal(part.func.attr)}")
        elif isinstance(part, ast.JoinedStr) and isinstance(part.values[0], ast.Constant):
            begins = str(part.values[0].value)
            found |= {f"dynamodb:{action}" for start, action in STATEMENTS.items() if begins.startswith(start)}
        elif isinstance(part, ast.Dict):
            keys = [key.value for key in part.keys if isinstance(key, ast.Constant)]
            if len(keys) == 1 and keys[0] in PARTS and _is_entry(part.values[0]):
                found.add(f"dynamodb:{PARTS[str(keys[0])]}")
    return found


def _is_entry(value: ast.AST) -> bool:
    """Whether the value of {"Put": ...} is an entry of a transaction, which names its table, or a variable holding one."""
    if isinstance(value, ast.Dict):
        return any(isinstance(key, ast.Constant) and key.value == "TableName" for key in value.keys)
    return True


def _client(value: ast.AST) -> str | None:
    """The service of `clients.dynamodb()` or `dynamodb()`."""
    if isinstance(value, ast.Call):
        called = value.func
        name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
        return SERVICES.get(name)
    return None


def _pascal(operation: str) -> str:
    return "".join(word.capitalize() for word in operation.split("_"))
