"""What the demo reads off Slack and mails is what the functions write there."""

import csv
import re
from collections import Counter
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cli.import_columns import columns_of
from functions.ingest.access import UnauthorizedError
from functions.ingest.webhook import checked_id
from infra.local.demo import anybody, new_playbook, story, tables
from infra.local.errors import LocalError
from shared.instants import DAY, parse_instant
from shared.keys import webhook_secret
from shared.mailing import SendRef, confirmation_ref
from shared.messages.handoff_facts import run_of
from shared.messages.slack_message import SlackMessage, breach_message, handoff_message, warning_message
from shared.playbook import compile_playbook
from tests.messages.test_handoff_messages import facts, lead

MONDAY = parse_instant("2026-01-05T00:00:00Z")


def posted(message: SlackMessage) -> dict[str, Any]:
    return {"ts": "1", "channel": "C0", **asdict(message)}


def printed(table: Any) -> str:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def test_an_alert_is_read_as_sales_reads_it() -> None:
    alert = posted(handoff_message(facts(known=lead(company="Foundry & [Pine]"))))
    assert tables.owner_of(alert) == "U0MARIA"
    assert tables.points_of(alert) == Decimal("86.3")
    shown = printed(tables.alerts_table([alert]))
    for said in (
        "Anna Svensson, Foundry & [Pine]",
        "High priority",
        "Maria Lindqvist",
        "a demo was requested",
        "10:30 CET",
    ):
        assert said in shown


def test_only_an_escalation_is_a_broken_promise() -> None:
    row = story.breach_row(posted(breach_message(facts(), run_of(facts(), "contact"), facts().manager)))
    assert row is not None
    who, clock, due, owner, manager = row
    assert (who, clock, owner, manager) == ("Anna Svensson, Nordwind", "Contact", "Maria Lindqvist", "Helena Novak")
    assert due.startswith("Mon 5 Jan 2026 10:30")
    assert story.breach_row(posted(warning_message(facts(), run_of(facts(), "contact")))) is None
    assert story.breach_row(posted(handoff_message(facts()))) is None


@pytest.mark.parametrize(
    ("ref", "content"),
    [
        (SendRef("ugiizjmvldgsd5ye", "awareness", 1, 0), "awareness-1"),
        (SendRef("ugiizjmvldgsd5ye", "decision", 12, 2), "decision-3"),
        (confirmation_ref("ugiizjmvldgsd5ye", "1.waoqrhxiiip2cliwao32", 1), "confirm"),
    ],
)
def test_a_mail_is_known_by_its_tags(ref: SendRef, content: str) -> None:
    assert story.content_of(f"send_id={ref.send_id}, track={ref.track}, stage=local") == content


@pytest.mark.parametrize(("hour", "swept"), [(0, 16), (15, 16), (16, 16), (17, 40), (23, 40)])
def test_mails_due_wait_for_the_next_sweep_of_the_day(hour: int, swept: int) -> None:
    assert story.next_mail_sweep(MONDAY + hour * 3600) == MONDAY + swept * 3600
    assert story.next_mail_sweep(MONDAY + DAY - 1) == MONDAY + DAY + 16 * 3600


def test_points_are_shown_exactly() -> None:
    shown = {"20.0": "20", "29.899": "29.899", "0.5": "0.5", "100": "100", "-5.0": "-5", "1E+2": "100"}
    assert {text: tables.points(Decimal(text)) for text in shown} == shown


def test_the_review_changes_a_weight_a_rule_a_threshold_and_nothing_else(tmp_path: Path) -> None:
    old, new = compile_playbook()["scoring"], compile_playbook(new_playbook.changed_playbook(tmp_path))["scoring"]
    assert {part for part in old if old[part] != new[part]} == {"fit", "engagement", "qualification", "filed"}
    (weight,) = (rule for rule in new["fit"] if rule not in old["fit"])
    assert (weight["id"], weight["points"]) == ("title_leads", 25_000)
    (added,) = (rule for rule in new["engagement"] if rule not in old["engagement"])
    assert (added["id"], added["points"]) == ("product_interest", 5_000)
    assert {"all": [{"score_at_least": 65_000}, {"rule": "pricing_page"}]} in new["qualification"]["mql"]["any"]


def test_a_default_playbook_that_no_longer_says_what_the_review_changes_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_playbook, "EDITS", (("points: 12345", "points: 1"),))
    with pytest.raises(LocalError, match=r"default\.yaml says 'points: 12345' 0 times"):
        new_playbook.changed_playbook(tmp_path)


def test_the_comparison_is_shown_with_its_reasons() -> None:
    matrix = printed(
        tables.matrix_table({"early": {"early": 248, "engaged": 4}, "engaged": {"early": 0, "engaged": 48}})
    )
    assert "from early" in matrix
    assert "248" in matrix
    line = {"rule": "title_leads", "label": "Director [VP]", "old": Decimal(20), "new": Decimal("25.5")}
    move = {"who": "ada@x.example", "old": Decimal("50.5"), "new": Decimal(56), "lines": [line]}
    shown = printed(tables.movers_table([move]))
    for said in ("ada@x.example", "50.5", "56", "+5.5  Director [VP]"):
        assert said in shown


def test_a_history_says_what_was_told_to_nobody() -> None:
    change = {
        "occurred_at": "2026-01-05T12:00:00Z",
        "type": "RuleTriggered",
        "rule": "return_visit",
        "reason": "Came [back]",
    }
    shown = [line.split() for line in printed(tables.history_table([{**change, "silent": True}], "")).splitlines()]
    assert any({"2026-01-05", "RuleTriggered", "return_visit", "no"} <= set(words) for words in shown)


def test_a_message_that_hands_a_lead_over_names_it() -> None:
    assert anybody.lead_told_of(posted(handoff_message(facts()))) == facts().lead_id
    assert anybody.lead_told_of({"blocks": [{"type": "section", "block_id": "warned#x"}], "ts": "1"}) is None
    assert anybody.lead_told_of({"text": "Erased", "ts": "1"}) is None


def test_the_webhook_is_signed_as_the_intake_checks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.aws.secret_values.signing_secret", lambda: "signing")
    headers = anybody.signed_headers(b"{}", name="demo-x", sent_at=MONDAY, secret=webhook_secret("local", "signing"))
    assert checked_id(headers, anybody.LABEL, b"{}", now=MONDAY) == "demo-x"
    with pytest.raises(UnauthorizedError):
        checked_id(headers, anybody.LABEL, b"[]", now=MONDAY)


def test_of_the_customers_every_column_but_the_notes_is_understood(tmp_path: Path) -> None:
    header, *rows = csv.reader(anybody.customers_file(tmp_path, MONDAY).read_text(encoding="utf-8").splitlines())
    assert [column.header for column in columns_of(header, {}) if column.field is None] == ["Notes"]
    assert {len(row) for row in rows} == {len(header)}
    assert rows[0][header.index("Created at")] == "2025-04-20"


def test_what_is_left_of_the_erased_is_shown_beside_what_was() -> None:
    shown = printed(tables.erased_table((Counter({"LEAD": 2, "EVENTS": 7}), 3), (Counter({"LEAD": 1}), 0), "Ada"))
    assert re.search(r"events, by the hour\s+│\s+7\s+│\s+0", shown)
    assert re.search(r"9 and 3\s+│\s+1 and 0", shown)
