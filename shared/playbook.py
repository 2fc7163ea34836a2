"""
The playbook: the written agreement between marketing and sales, read from YAML, checked, and compiled.

Used where a playbook is written (the command line, synth, tests), never in a function: those read the compiled JSON
through `shared/bundle.py`.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from shared.mailing import CONFIRM
from shared.playbook_mails import check_mails, read_mails
from shared.playbook_problems import line_of, path_text, problems_of
from shared.playbook_schema import Playbook
from shared.playbook_types import Place

FOLDER = Path(__file__).with_name("playbooks")
DEFAULT = FOLDER / "default.yaml"
MAILS = FOLDER / "mails"


class PlaybookError(ValueError):
    """The playbook cannot be used; each problem names line, path, what is wrong and what to write instead."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class _Loader(yaml.SafeLoader):
    """YAML whose only truth values are true and false, so that the key `on` is a word, and whose keys are unique."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool" or first in "tTfF"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_playbook(path: Path) -> Playbook:
    """
    Read and check a playbook.

    Raises:
        PlaybookError: It cannot be used; the message lists every problem with its line.
    """
    try:
        text = path.read_text(encoding="utf-8")
        said = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader with fewer implicit types
        tree = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        begins = f" {error.context}, which begins in line {error.context_mark.line + 1}" if error.context_mark else ""
        raise PlaybookError([f"{path.name}:{line}: {error.problem}{begins}"]) from error
    except (UnicodeDecodeError, yaml.YAMLError, ValueError) as error:
        raise PlaybookError([f"{path.name}:1: is no YAML in UTF-8: {error}"]) from error
    try:
        return Playbook.model_validate(said)
    except ValidationError as error:
        raise PlaybookError([f"{path.name}:{problem}" for problem in problems_of(error, Playbook, tree)]) from error


def compile_playbook(path: Path = DEFAULT) -> dict[str, Any]:
    """Return the playbook at `path` with its mails as one document of plain JSON values, named by its hash."""
    playbook = read_playbook(path)
    mails = read_mails(MAILS)
    missing: list[tuple[Place, str]] = [
        (("tracks", name, "steps", number, "content"), step.content)
        for name, track in playbook.tracks.items()
        for number, step in enumerate(track.steps)
        if step.content not in mails
    ]
    if missing:
        tree = yaml.compose(path.read_text(encoding="utf-8"), Loader=_Loader)
        raise PlaybookError(
            [
                f"{path.name}:{line_of(tree, place)}: {path_text(place)}: no mail is named {content}; "
                f"add {MAILS.name}/{content}.liquid"
                for place, content in missing
            ]
        )
    used = {name: mail for name, mail in mails.items() if name == CONFIRM or name in playbook.contents}
    problems = check_mails(used, playbook.mail.links)
    if problems:
        raise PlaybookError([f"{MAILS.name}/{problem}" for problem in problems])
    document = {"name": playbook.name, **playbook.compiled(), "templates": used}
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return {"bundle": f"{playbook.name}-{hashlib.sha256(canonical.encode()).hexdigest()[:12]}", **document}


def unsigned(document: Mapping[str, Any]) -> list[str]:
    """Return which side has not signed the compiled playbook."""
    agreement = document["agreement"]
    return [
        f"{document['name']} is not signed by {side}; write agreement.{side}, as in {{name: Maria, on: 2026-11-02}}"
        for side in ("marketing", "sales")
        if not agreement[side]
    ]


def reservations(document: Mapping[str, Any], today: date) -> list[str]:
    """Return what should be settled before the compiled playbook is relied on: missing signatures, a late review."""
    review_by = document["agreement"]["review_by"]
    if today <= date.fromisoformat(review_by):
        return unsigned(document)
    return [
        *unsigned(document),
        f"the review of {document['name']} is overdue since {review_by}; review it, then move review_by",
    ]
