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
from shared.playbook_channels import check_texts
from shared.playbook_mails import check_channels, check_mails, read_contents
from shared.playbook_problems import PlaybookError, line_of, path_text, problems_of
from shared.playbook_schema import Playbook
from shared.playbook_tracks import contents_in
from shared.playbook_yaml import read_yaml
from shared.rules.patterns import Place

FOLDER = Path(__file__).with_name("playbooks")
DEFAULT = FOLDER / "default.yaml"
MAILS = FOLDER / "mails"


def read_playbook(path: Path) -> Playbook:
    """
    Read and check a playbook.

    Raises:
        PlaybookError: It cannot be used; the message lists every problem with its line.
    """
    return _read(path)[0]


def _read(path: Path) -> tuple[Playbook, yaml.Node]:
    said, tree = read_yaml(path)
    try:
        return Playbook.model_validate(said), tree
    except ValidationError as error:
        raise PlaybookError([f"{path.name}:{problem}" for problem in problems_of(error, Playbook, tree)]) from error


def compile_playbook(path: Path = DEFAULT) -> dict[str, Any]:
    """Return the playbook at `path` with its mails as one document of plain JSON values, named by its hash."""
    playbook, tree = _read(path)
    mails = read_contents(MAILS)
    missing: list[tuple[Place, str]] = [
        (("tracks", *place), content) for place, content in contents_in(playbook.tracks) if content not in mails
    ]
    if missing:
        raise PlaybookError(
            [
                f"{path.name}:{line_of(tree, place)}: {path_text(place)}: no mail is named {content}; "
                f"add {MAILS.name}/{content}.liquid"
                for place, content in missing
            ]
        )
    used = {name: mail for name, mail in mails.items() if name == CONFIRM or name in playbook.contents}
    templates = {name: dict(mail.template) for name, mail in used.items()}
    problems = check_mails(templates, playbook.mail.links)
    if problems:
        raise PlaybookError([f"{MAILS.name}/{problem}" for problem in problems])
    contents = {name: mail.compiled() for name, mail in used.items()}
    document = {"name": playbook.name, **playbook.compiled(), "contents": contents, "templates": templates}
    misplaced = [
        f"{path.name}:{line_of(tree, place)}: {path_text(place)}: {text}"
        for place, text in check_channels(document["tracks"], contents)
    ]
    if misplaced:
        raise PlaybookError(misplaced)
    if texts := check_texts(templates, contents, document["mail"]):
        raise PlaybookError([f"{MAILS.name}/{problem}" for problem in texts])
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
    """Return what should be settled before the compiled playbook is relied on: signatures, a late review."""
    agreement, name = document["agreement"], document["name"]
    early = [
        f"{name} is signed for {side} on {agreement[side]['on']}, which is yet to come; write the day it was signed"
        for side in ("marketing", "sales")
        if agreement[side] and date.fromisoformat(agreement[side]["on"]) > today
    ]
    late = [f"the review of {name} is overdue since {agreement['review_by']}; review it, then move review_by"]
    return [*unsigned(document), *early, *(late if today > date.fromisoformat(agreement["review_by"]) else ())]
