"""A rule changes: leads evaluated again under the new playbook, in memory, against the library glsm with as many features."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from shared.instants import DAY
from shared.lead import Lead, LeadEvent
from shared.playbook import DEFAULT, compile_playbook
from shared.rules.facts import apply_event
from shared.rules.model import ScoringModel, scoring_model
from shared.rules.scoring import evaluate
from tests.audience_events import NOW
from tests.benchmarks.measuring import Row, alone, in_turn, rate

LEADS = 2_000
OTHERS = 500
"""Leads of one round, of ours and of glsm, which takes longer for each."""

OPTIONS = 5
FIELDS = ("title", "company", "industry", "country", "timezone", "phone", "first_name", "last_name")
EVENTS = ("Page Viewed", "Asset Downloaded", "Webinar Attended", "Email Link Clicked")


def rows(glsm_python: str | None) -> list[Row]:
    found = []
    for name, fit in (("7 of fit, 1 that fades", 7), ("4 of fit, 4 that fade", 4)):
        old, new = eight_rules(fit, points=10), eight_rules(fit, points=12)
        leads = [lead_with_all(number, old) for number in range(LEADS)]
        assert all(len(evaluate(lead, new, NOW).rules) == 8 for lead in leads)

        def ours(leads: list[Lead] = leads, model: ScoringModel = new) -> float:
            return rate(LEADS, lambda: [evaluate(lead, model, NOW) for lead in leads])

        title = f"P7 leads under a changed playbook, 8 rules, {name}"
        if glsm_python is None:
            found.append(Row("rules", title, "leads per CPU-s; glsm not measured", alone(ours), goal=20))
            continue
        with _glsm(glsm_python) as theirs:
            mine, other = in_turn(ours, theirs)
        found.append(Row("rules", title, "leads per CPU-s", mine, other, "glsm, 8 features", goal=20))
    return found


def eight_rules(fit: int, *, points: int) -> ScoringModel:
    """Return the default playbook with eight other rules, of which this many are of the profile."""
    said: dict[str, Any] = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))
    for party in ("marketing", "sales"):
        said["agreement"][party]["on"] = said["agreement"][party].pop(
            True
        )  # plain YAML takes the key for a truth value
    fit_rules = [
        {"id": f"fit_{name}", "label": name, "where": {name: [f"option {number}" for number in range(OPTIONS)]},
         "points": points}
        for name in FIELDS[:fit]
    ]  # fmt: skip
    engagement = [
        {"id": f"did_{number}", "label": name, "on": name, "points": points, "counts": {"every": 5},
         "decay": {"half_life": "30 days"}}
        for number, name in enumerate(EVENTS[: 8 - fit])
    ]  # fmt: skip
    kept = ("activity", "bands", "grades", "levels", "refused")
    said["tracks"] = {}  # they start from rules that are not there
    for reason in said["handoff"]["reject_reasons"]:
        reason.pop("returns_to", None)
    said["scoring"] = {name: said["scoring"][name] for name in kept} | {
        "profile": {name: [name] for name in FIELDS},
        "fit": fit_rules,
        "engagement": engagement,
        "qualification": {"mql": {"score_at_least": 75}, "high_priority": {"score_at_least": 100}},
    }
    with TemporaryDirectory() as folder:
        path = Path(folder) / "eight.yaml"
        path.write_text(yaml.safe_dump(said), encoding="utf-8")
        return scoring_model(compile_playbook(path))


def lead_with_all(number: int, model: ScoringModel) -> Lead:
    """Return a lead of which every rule holds."""
    lead = Lead(lead_id=f"{number:016d}", filed=model.filed)
    traits = {name: f"option {(number + place) % OPTIONS}" for place, name in enumerate(FIELDS)}
    for place, name in enumerate(EVENTS):
        at = NOW - DAY * (1 + (number + place) % 40)
        event = LeadEvent(f"{number}-{place}", name, at, at, "server", user_id=str(number), traits=traits)
        lead = apply_event(lead, event, model)
    return lead


@contextmanager
def _glsm(python: str) -> Iterator[Any]:
    """Run glsm under its own interpreter, and hand out what measures one round of it."""
    script = Path(__file__).with_name("glsm_side.py")
    process = subprocess.Popen(
        [python, "-W", "ignore", str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin
    assert process.stdout
    asked, answered = process.stdin, process.stdout

    def measured() -> float:
        asked.write(f"{OTHERS}\n")
        asked.flush()
        return OTHERS / float(answered.readline())

    try:
        yield measured
    finally:
        asked.close()
        process.wait(timeout=30)
        answered.close()
