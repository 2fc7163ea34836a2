"""The source as the tests about its shape see it: modules, what they import, define and call, without running them."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("shared", "functions", "cli", "infra")
FUNCTIONS = tuple(sorted(path.parent.name for path in (ROOT / "functions").glob("*/handler.py")))


@dataclass(frozen=True)
class Module:
    """One source file."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def docstring(self) -> str:
        return ast.get_docstring(self.tree) or ""

    @property
    def imports(self) -> set[str]:
        """Every module it imports, wherever in the file, except the standard library's; ours by their full name."""
        found: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                package = node.module or ""
                found |= {
                    f"{package}.{alias.name}" if _is_module(f"{package}.{alias.name}") else package
                    for alias in node.names
                }
        return {name for name in found if name.partition(".")[0] not in sys.stdlib_module_names}

    @property
    def names(self) -> set[str]:
        """What the file defines at its top level, and the methods of its classes as `Class.method`."""
        found: set[str] = set()
        for node in self.tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.add(node.name)
            elif isinstance(node, ast.Assign):
                found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                found.add(node.target.id)
            if isinstance(node, ast.ClassDef):
                found |= {f"{node.name}.{each.name}" for each in node.body if isinstance(each, ast.FunctionDef)}
        return found

    @property
    def functions(self) -> dict[str, ast.FunctionDef]:
        """The functions of its top level, by name."""
        return {node.name: node for node in self.tree.body if isinstance(node, ast.FunctionDef)}


def _is_module(name: str) -> bool:
    place = ROOT / name.replace(".", "/")
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


@cache
def modules() -> tuple[Module, ...]:
    """Every file of the product's packages."""
    return tuple(
        Module(
            name=path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__"),
            path=path,
            tree=ast.parse(path.read_text(encoding="utf-8"), str(path)),
        )
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
    )


def module(name: str) -> Module:
    """The module of that full name."""
    return next(found for found in modules() if found.name == name)


def within(prefix: str) -> Iterator[Module]:
    """The module of that name and everything below it."""
    return (found for found in modules() if found.name == prefix or found.name.startswith(f"{prefix}."))


def dotted(node: ast.expr) -> str:
    """A chain of attributes as it is written, `datetime.datetime.now`; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


def calls(tree: ast.AST) -> Iterator[str]:
    """What is called anywhere in the tree, as it is written."""
    return (dotted(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call))


Place = tuple[str, str]
"""A module and one of its functions."""


@cache
def _by_name() -> dict[str, Module]:
    return {found.name: found for found in modules()}


def used(found: Module, tree: ast.AST) -> Iterator[Place]:
    """Every function of the product that the tree names, whether it calls it or hands it on."""
    meaning = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(found.tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for node in ast.walk(tree):
        first, _, rest = (dotted(node) if isinstance(node, ast.Name | ast.Attribute) else "").partition(".")
        full = f"{meaning[first]}.{rest}".rstrip(".") if first in meaning else f"{found.name}.{first}"
        where, _, name = full.rpartition(".")
        if where in _by_name() and name in _by_name()[where].functions:
            yield where, name


def reached(starts: frozenset[Place]) -> frozenset[Place]:
    """Everything that those functions may run, themselves included."""
    todo, seen = list(starts), set[Place]()
    while todo:
        place = todo.pop()
        if place not in seen:
            seen.add(place)
            found = _by_name()[place[0]]
            todo += used(found, found.functions[place[1]])
    return frozenset(seen)


@cache
def reached_by(function: str) -> frozenset[Place]:
    """Everything that code of the deployed function may run."""
    return reached(
        frozenset((found.name, name) for found in within(f"functions.{function}") for name in found.functions)
    )


def tree_of(place: Place) -> ast.FunctionDef:
    """The source of the function."""
    return _by_name()[place[0]].functions[place[1]]
