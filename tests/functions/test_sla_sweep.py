"""The SLA sweep under moto: what is due is said once, whoever sweeps and however often."""

from dataclasses import replace

import pytest

from functions.sla_sweep import handler as module
from functions.sla_sweep.handler import SlaSweepError, handler
from shared import table
from shared.aws import due, handoffs
from shared.instants import HOUR, MINUTE, instant_text
from shared.rules.handoff import open_handoff
from shared.rules.routing import handoff_policy
from shared.rules.sla import met, next_due
from tests.conftest import Aws, Context, sample
from tests.crashes import Killed, calls_counted, killed_at
from tests.handoff_world import LEAD_ID, QUALIFIED_AT, changes, current, handed_off


def at(instant: int) -> dict[str, object]:
    return {**sample("schedule_sla_sweep"), "time": instant_text(instant)}


def due_at(aws: Aws, number: int = 1) -> str | None:
    items = aws.items(table.lead_pk(LEAD_ID))
    return next(item for item in items if item[table.SK] == table.handoff_sk(number)).get(table.DUE_AT)


def said(aws: Aws) -> list[tuple[str, str, str]]:
    found = [change for change in changes(aws) if change["detail_type"].startswith("Sla")]
    return [(change["detail_type"], change["clock"], change["occurred_at"]) for change in found]


def test_nothing_is_said_before_it_is_due(aws: Aws, context: Context):
    handed_off(context)
    before = aws.items()
    handler(at(QUALIFIED_AT + 45 * MINUTE - 1), context)
    assert aws.items() == before


def test_a_clock_warns_then_breaches_then_is_silent(aws: Aws, context: Context):
    handed_off(context)
    handler(at(QUALIFIED_AT + 45 * MINUTE), context)
    assert said(aws) == [("SlaWarned", "contact", "2026-01-05T09:15:00Z")]
    assert due_at(aws) == "2026-01-05T09:30:00Z"
    handler(sample("schedule_sla_sweep"), context)
    assert said(aws)[1:] == [("SlaBreached", "contact", "2026-01-05T09:30:00Z")]
    assert due_at(aws) == instant_text(QUALIFIED_AT + 5 * HOUR)  # when somebody else hears that still nobody called
    clock = current().clocks[0]
    assert (clock.warned_at, clock.breached_at) == (QUALIFIED_AT + 45 * MINUTE, QUALIFIED_AT + HOUR)
    (breach,) = changes(aws, "SlaBreached")
    assert (breach["escalated_to"], breach["due_at"], breach["version"]) == ("helena", "2026-01-05T09:30:00Z", 3)
    handler(at(QUALIFIED_AT + 5 * HOUR), context)
    handler(at(QUALIFIED_AT + 5 * HOUR), context)
    (again,) = changes(aws, "SlaEscalated")
    assert (again["escalated_to"], again["level"], again["clock"], again["version"]) == ("astrid", 2, "contact", 4)
    assert current().clocks[0].escalations[0].told_at == QUALIFIED_AT + 5 * HOUR
    assert due_at(aws) == instant_text(QUALIFIED_AT + 44 * HOUR)


def test_a_clock_that_is_met_after_it_ran_out_escalates_no_further(aws: Aws, context: Context):
    handed_off(context)
    handler(at(QUALIFIED_AT + HOUR), context)
    seen = current()
    late = replace(seen, version=3, clocks=met(seen.clocks, "contact", QUALIFIED_AT + 2 * HOUR))
    handoffs.write([handoffs.update_entry(late, next_due(late))])
    handler(at(QUALIFIED_AT + 5 * HOUR), context)
    assert changes(aws, "SlaEscalated") == []


def test_what_is_escalated_to_somebody_away_goes_to_who_is_there(
    aws: Aws, context: Context, monkeypatch: pytest.MonkeyPatch
):
    handed_off(context)
    document = module.playbooks.current()
    away = [["2026-01-01", "2026-01-06"]]
    said = {**document["handoff"], "manager": {**document["handoff"]["manager"], "off": away}}
    monkeypatch.setattr(module.playbooks, "current", lambda: {**document, "handoff": said})
    handler(at(QUALIFIED_AT + HOUR), context)
    assert [breach["escalated_to"] for breach in changes(aws, "SlaBreached")] == ["astrid"]


@pytest.mark.parametrize("minutes", [45, 60, 100 * 60])
def test_the_same_sweep_twice_says_it_once(minutes: int, aws: Aws, context: Context):
    handed_off(context)
    handler(at(QUALIFIED_AT + minutes * MINUTE), context)
    after = aws.items()
    handler(at(QUALIFIED_AT + minutes * MINUTE), context)
    assert aws.items() == after


def test_both_clocks_can_breach_at_one_sweep(aws: Aws, context: Context):
    handed_off(context)
    handler(at(QUALIFIED_AT + 100 * HOUR), context)
    assert {(kind, clock) for kind, clock, _ in said(aws)} == {
        ("SlaBreached", "contact"), ("SlaEscalated", "contact"), ("SlaBreached", "decide"),
    }  # fmt: skip
    assert len({change["change_id"] for change in changes(aws)}) == len(changes(aws))
    assert due_at(aws) is None
    assert current().version == 2


def test_an_older_sweep_after_a_newer_one_says_nothing(aws: Aws, context: Context):
    handed_off(context)
    handler(at(QUALIFIED_AT + 2 * HOUR), context)
    after = aws.items()
    handler(at(QUALIFIED_AT + 46 * MINUTE), context)
    assert aws.items() == after


def test_two_sweeps_at_once_say_it_once(aws: Aws, context: Context, monkeypatch: pytest.MonkeyPatch):
    handed_off(context)
    write = handoffs.write
    raced = []

    def first_the_other(entries):
        if not raced:
            raced.append(True)
            module.sweep(QUALIFIED_AT + HOUR)
        write(entries)

    monkeypatch.setattr(handoffs, "write", first_the_other)
    handler(at(QUALIFIED_AT + HOUR), context)
    assert [kind for kind, _, _ in said(aws)] == ["SlaBreached"]


def test_a_contact_during_the_sweep_wins(aws: Aws, context: Context, monkeypatch: pytest.MonkeyPatch):
    handed_off(context)
    write = handoffs.write
    raced = []

    def first_the_rep(entries):
        if not raced:
            raced.append(True)
            seen = current()
            after = replace(seen, version=2, clocks=met(seen.clocks, "contact", QUALIFIED_AT + 50 * MINUTE))
            write([handoffs.update_entry(after, next_due(after))])
        write(entries)

    monkeypatch.setattr(handoffs, "write", first_the_rep)
    handler(at(QUALIFIED_AT + HOUR), context)
    assert said(aws) == []
    assert current().version == 2


def test_a_due_entry_without_a_handoff_is_nobodys(aws: Aws, context: Context, monkeypatch: pytest.MonkeyPatch):
    entry = due.Due(table.lead_pk("erased"), table.handoff_sk(1), "2026-01-05T09:30:00Z", 0)
    monkeypatch.setattr(module, "due_entries", lambda *_: iter([entry]))
    handler(sample("schedule_sla_sweep"), context)
    assert aws.items() == []


def many(count: int) -> list[str]:
    policy = handoff_policy(module.playbooks.current())
    leads = [f"lead{number:04d}" for number in range(count)]
    for lead_id in leads:
        handoff = open_handoff(
            lead_id, number=1, priority="high", reason="demo", at=QUALIFIED_AT, score=current().score, policy=policy,
            owner="maria",
        )  # fmt: skip
        handoffs.write([handoffs.create_entry(handoff, next_due(handoff))])
    return leads


def test_one_that_fails_does_not_stop_the_others(aws: Aws, context: Context, monkeypatch: pytest.MonkeyPatch):
    handed_off(context)
    leads = many(10)
    write = handoffs.write

    def failing(entries):
        if leads[7] in entries[0]["Update"]["Key"][table.PK]["S"]:
            raise TimeoutError
        write(entries)

    with monkeypatch.context() as broken:
        broken.setattr(handoffs, "write", failing)
        with pytest.raises(SlaSweepError, match="1 handoffs not swept"):
            handler(sample("schedule_sla_sweep"), context)
    swept = [lead_id for lead_id in leads if handoffs.get_handoff(lead_id, 1).version == 2]
    assert swept == [lead_id for lead_id in leads if lead_id != leads[7]]
    handler(sample("schedule_sla_sweep"), context)  # the next sweep finds it
    assert handoffs.get_handoff(leads[7], 1).clocks[0].breached_at is not None


def test_every_page_of_the_index_is_swept(aws: Aws, context: Context, monkeypatch: pytest.MonkeyPatch):
    handed_off(context)
    leads = many(24)
    client = due.clients.dynamodb()
    query = client._make_api_call

    def small_pages(operation: str, parameters: dict[str, object]):
        if operation == "Query":
            parameters = {**parameters, "Limit": 1}
        return query(operation, parameters)

    monkeypatch.setattr(client, "_make_api_call", small_pages)
    handler(sample("schedule_sla_sweep"), context)
    assert all(handoffs.get_handoff(lead_id, 1).version == 2 for lead_id in leads)


def test_a_sweep_killed_at_any_call_says_everything_once_when_it_is_swept_again(aws: Aws, context: Context):
    """Warning, breach and escalation of each clock: one of each, wherever the sweeps before were stopped."""
    handed_off(context)
    steps = (45 * MINUTE, HOUR, 5 * HOUR, 44 * HOUR, 48 * HOUR)
    for step in steps:
        call = 0
        while True:
            with killed_at(call // 2, after=bool(call % 2)) as made:
                try:
                    handler(at(QUALIFIED_AT + step), context)
                except Killed:
                    call += 1
                    continue
            break
        assert call >= 2, made
    expected = [
        ("SlaWarned", "contact"), ("SlaBreached", "contact"), ("SlaEscalated", "contact"),
        ("SlaWarned", "decide"), ("SlaBreached", "decide"),
    ]  # fmt: skip
    assert [(kind, clock) for kind, clock, _ in said(aws)] == expected


def test_a_sweep_among_many_handoffs_asks_only_for_what_is_due(aws: Aws, context: Context):
    """The same calls for one due handoff, however many others wait for later instants."""
    handed_off(context)
    asked = []
    for number in (0, 40):
        later(number)
        with calls_counted() as made:
            handler(at(QUALIFIED_AT + (45 if number == 0 else 60) * MINUTE), context)
        asked.append(made)
    assert asked[0] == asked[1]


def later(count: int) -> None:
    policy = handoff_policy(module.playbooks.current())
    for number in range(count):
        handoff = open_handoff(
            f"later{number:04d}", number=1, priority="standard", reason="demo", at=QUALIFIED_AT + 30 * HOUR,
            score=current().score, policy=policy, owner="maria",
        )  # fmt: skip
        handoffs.write([handoffs.create_entry(handoff, next_due(handoff))])
