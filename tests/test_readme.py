"""What the pages promise is so: rules are where the README says, links lead somewhere, commands and routes exist."""

import ast
import re
from pathlib import Path

import pytest

from infra.stages import STAGES, Stage
from tests.contracts.test_catalogue import routes
from tests.source_tree import FUNCTIONS, ROOT, module, within

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "events" / "README.md"])
README = (ROOT / "README.md").read_text(encoding="utf-8")
RULES = re.findall(r"^\| [^|]+ \| \[([^]]+)\]\(([^)]+)\) \| `(\w+)` \|$", README, re.MULTILINE)

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def blocks(language: str) -> list[str]:
    """The code blocks of that language in the README."""
    found = re.findall(r"^ *```(\w*)\n(.*?)^ *```$", README, re.MULTILINE | re.DOTALL)
    return [block for said, block in found if said == language]


def test_the_table_of_rules_is_read():
    assert len(RULES) > 20


@pytest.mark.parametrize(("shown", "target", "symbol"), RULES, ids=lambda cell: cell)
def test_a_rule_is_where_the_table_says(shown: str, target: str, symbol: str):
    assert shown == target
    path = ROOT / target
    if path.suffix == ".py":
        assert symbol in module(target.removesuffix(".py").replace("/", ".")).names
    else:
        assert re.search(rf"^\s*{symbol}:", path.read_text(encoding="utf-8"), re.MULTILINE)


def test_every_file_of_rules_is_in_the_table():
    files = {found.path.relative_to(ROOT).as_posix() for found in within("shared.rules") if found.tree.body}
    assert files - {target for _, target, _ in RULES} == set()


@pages
def test_a_link_to_a_file_leads_to_one(page: Path):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not target.startswith("https://"):
            assert (page.parent / target).exists(), target


@pages
def test_a_path_that_is_written_out_exists(page: Path):
    written = re.findall(
        r"`((?:functions|shared|infra|tests|events|docs|cli)/[\w./-]*)`", page.read_text(encoding="utf-8")
    )
    assert [path for path in written if not (ROOT / path).exists()] == []


@pages
def test_a_make_target_that_is_named_exists(page: Path):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(named) <= targets


@pages
def test_a_command_that_is_named_exists(page: Path):
    named = set(re.findall(r"`ripen ([a-z-]+)", page.read_text(encoding="utf-8")))
    words = {
        node.value
        for found in within("cli")
        for node in ast.walk(found.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert named <= words


def test_every_page_is_linked_from_the_readme():
    linked = {(ROOT / target).resolve() for target in re.findall(r"\]\(([^)#]+\.md)\)", README)}
    assert {page for page in PAGES if page.name != "README.md" or page.parent.name == "events"} <= linked


def test_the_picture_shows_every_function():
    (picture, *_) = blocks("")
    assert {name for name in FUNCTIONS if re.search(rf"\b{name}\b", picture)} == set(FUNCTIONS)


def test_the_examples_call_routes_that_exist():
    known = [
        (method, re.compile(re.sub(r"\{\w+\}", "[^/?]+", path)))
        for served in routes().values()
        for method, path in (route.split(" ") for route in served)
    ]
    called = re.findall(r"https://api\.example\.com(/[^\s\"'?]+)", "".join(blocks("sh") + blocks("html")))
    assert len(called) > 5
    assert [path for path in called if not any(pattern.fullmatch(path) for _, pattern in known)] == []


def test_the_python_examples_are_python():
    assert [ast.parse(block) for block in blocks("python")]


def test_stages_and_what_to_fill_in_are_as_the_readme_says():
    (step,) = re.findall(r"^1\. In \[infra/stages.py\].*?(?=^2\.)", README, re.MULTILINE | re.DOTALL)
    fields = set(re.findall(r"`(\w+)`", step))
    assert fields
    assert fields <= set(Stage.__dataclass_fields__)
    assert set(STAGES) == {"dev", "staging", "prod", "local"}


def test_outputs_the_readme_names_are_printed():
    outputs = (ROOT / "infra" / "look_up.py").read_text(encoding="utf-8")
    for name in set(re.findall(r"\b[A-Z]\w+(?:Arn|Url|Name)\b", README + (ROOT / "events" / "README.md").read_text())):
        assert f'"{name}"' in outputs, name


@pages
def test_pages_hold_no_path_of_a_machine(page: Path):
    assert re.findall(r"(?<![\w.])/(?:home|root|tmp|work|Users)/", page.read_text(encoding="utf-8")) == []
