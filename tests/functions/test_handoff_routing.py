"""Routing under moto: what is counted on whom, two leads at once, time off, and a handoff that goes to the next one."""

from dataclasses import replace
from typing import Any

import pytest

from functions.handoff.handler import handler
from functions.sales.moves import make_move
from functions.sla_sweep.handler import handler as sweep
from shared import table
from shared.aws import clients, handoffs, owners, playbooks
from shared.errors import ConflictError
from shared.instants import DAY, HOUR, instant_text
from shared.lead import Register, Settled
from shared.owners import LEAD, Load, OwnerState, TimeOff
from shared.rules.handoff import Move
from shared.rules.routing import handoff_policy
from tests.conftest import Aws, Context, sample
from tests.handoff_world import LEAD_ID, QUALIFIED_AT, changes, current, handed_off, keep, lead, qualified

TODAY = QUALIFIED_AT // DAY


def others(count: int, **profile: str) -> list[str]:
    """Keep leads that qualified at the same instant."""
    registers = {name: Register(value, QUALIFIED_AT - HOUR, "k1", True) for name, value in profile.items()}
    ids = [f"other{number:011d}" for number in range(count)]
    keep(*(lead(lead_id=each, profile={**lead().profile, **registers}, identities={}) for each in ids))
    return ids


def given_to(owner: str) -> OwnerState:
    return owners.get_owners([owner])[owner]


def test_a_handoff_says_why_it_is_whose_it_is_and_is_counted_on_them_in_the_same_write(aws: Aws, context: Context):
    handoff = handed_off(context)
    assert (handoff.owner, handoff.routed) == ("maria", "round robin: Maria Lindqvist has 1 of 16 today")
    assert given_to("maria") == OwnerState("maria", Load(TODAY, 1, LEAD), version=1)
    assert given_to("jonas") == OwnerState("jonas")


def test_a_repeated_message_counts_nobody_twice(aws: Aws, context: Context, monkeypatch: pytest.MonkeyPatch):
    handed_off(context)
    monkeypatch.setattr(handoffs, "get_handoffs", lambda _: [])  # both read before either wrote
    handler(qualified(), context)
    assert [given_to(each).load.count for each in ("maria", "jonas", "priya")] == [1, 0, 0]


@pytest.mark.parametrize(
    ("profile", "owner", "why"),
    [
        ({"country": "AT"}, "jonas", "territory DACH: Jonas Weber has 1 of 8 today"),
        ({"company": "Northlight Retail"}, "priya", "account owner: Priya Nair has 1 of 8 today"),
        ({"email": "a@northlight.example"}, "priya", "account owner: Priya Nair has 1 of 8 today"),
        ({"account_owner": "jonas@ripen.example"}, "jonas", "account owner: Jonas Weber has 1 of 8 today"),
    ],
)
def test_the_playbooks_routes_and_accounts_are_asked(
    profile: dict[str, str], owner: str, why: str, aws: Aws, context: Context
):
    (lead_id,) = others(1, **profile)
    handler(qualified(lead_id=lead_id), context)
    found = handoffs.get_handoff(lead_id, 1)
    assert found is not None
    assert (found.owner, found.routed) == (owner, why)


def test_a_lead_that_comes_back_meets_the_same_rep_again(aws: Aws, context: Context):
    handed_off(context)
    keep(lead(settled=Settled(stage="mql", qualified=False, qualification=1)))
    handler(sample("lead_unqualified"), context)
    keep(lead(settled=Settled(qualified=True, qualification=2)))
    handler(qualified(qualification=2), context)
    assert (current(2).owner, current(2).routed) == ("maria", "had this lead before: Maria Lindqvist has 2 of 16 today")
    assert current(1).outcome == "unqualified"  # and its place is not given back


def test_two_handoffs_at_once_cannot_both_take_the_last_place(
    aws: Aws, context: Context, monkeypatch: pytest.MonkeyPatch
):
    (first, second) = others(2, country="DE")
    owners_table = clients.dynamodb()
    owners_table.transact_write_items(
        TransactItems=[owners.given_entry(OwnerState("jonas"), Load(TODAY, 7, 7 * LEAD))]  # 7 of 8
    )
    write, raced = handoffs.write, []

    def first_the_other(entries: Any) -> None:
        if not raced:
            raced.append(True)
            handler(qualified(lead_id=second), context)
        write(entries)

    monkeypatch.setattr(handoffs, "write", first_the_other)
    handler(qualified(lead_id=first), context)
    found = [handoffs.get_handoff(each, 1) for each in (first, second)]
    said = sorted(each.routed or "" for each in found if each is not None)
    assert said == [
        "territory DACH, over quota: Jonas Weber has 9 of 8 today",
        "territory DACH: Jonas Weber has 8 of 8 today",
    ]
    assert given_to("jonas").load.count == 9


def test_who_keeps_being_slower_goes_back_to_be_delivered_again(
    aws: Aws, context: Context, monkeypatch: pytest.MonkeyPatch
):
    stale = {each: OwnerState(each, version=5) for each in ("maria", "jonas", "priya", "helena", "astrid")}
    monkeypatch.setattr(owners, "get_owners", lambda _: stale)
    keep(lead())
    with pytest.raises(ConflictError):
        handler(qualified(), context)
    assert handoffs.get_handoffs(LEAD_ID) == []


def test_who_is_away_is_given_nothing_and_their_clocks_count_none_of_it(aws: Aws, context: Context):
    owners.set_time_off(OwnerState("maria"), [TimeOff(QUALIFIED_AT - DAY, QUALIFIED_AT + DAY, "helena")])
    assert handed_off(context).owner == "jonas"
    for owner in ("jonas", "priya", "helena", "astrid"):
        owners.set_time_off(given_to(owner), [TimeOff(QUALIFIED_AT - DAY, QUALIFIED_AT + DAY, "helena")])
    (lead_id,) = others(1)
    handler(qualified(lead_id=lead_id), context)
    found = handoffs.get_handoff(lead_id, 1)
    assert found is not None
    assert (found.owner, found.routed) == ("helena", "no owner is there: Helena Novak has it as the manager")
    assert instant_text(found.clocks[0].due_at) == "2026-01-07T09:00:00Z"  # the 6th is Epiphany


def test_what_is_kept_of_a_person_is_written_only_under_the_version_that_was_read(aws: Aws):
    seen = given_to("maria")
    owners.set_time_off(seen, [TimeOff(1, 2, "helena")])
    with pytest.raises(ConflictError):
        owners.set_time_off(seen, [])
    with pytest.raises(ConflictError):
        handoffs.write([owners.given_entry(seen, Load(1, 1, 1))])
    handoffs.write([owners.given_entry(given_to("maria"), Load(1, 1, 1))])
    assert given_to("maria") == OwnerState("maria", Load(1, 1, 1), (TimeOff(1, 2, "helena"),), version=2)


def at(instant: int) -> dict[str, object]:
    return {**sample("schedule_sla_sweep"), "time": instant_text(instant)}


def standard(context: Context, owner: str = "jonas") -> None:
    """Hand a standard lead of DACH to Jonas: the playbook passes it on when nobody calls within 24 hours."""
    profile = {**lead().profile, "country": Register("DE", QUALIFIED_AT - HOUR, "k1", True)}
    keep(lead(profile=profile))
    handler(qualified(priority="standard"), context)
    assert current().owner == owner


def test_a_lead_nobody_called_goes_to_the_next_one_once_and_is_counted_on_them(aws: Aws, context: Context):
    standard(context)
    for _ in range(2):
        sweep(at(QUALIFIED_AT + DAY), context)
    found = current()
    assert found.owner == "maria"
    assert found.routed == "Jonas Weber did not act; round robin: Maria Lindqvist has 1 of 16 today"
    assert found.clocks[0].breached_at is None
    assert found.clocks[0].due_at == QUALIFIED_AT + 2 * DAY
    assert [(each.owner, each.by, each.clocks[0].breached_at) for each in found.handovers] == [
        ("jonas", "ripen", QUALIFIED_AT + DAY)
    ]
    (change,) = changes(aws, "HandoffReassigned")
    assert (change["owner"], change["from_owner"], change["by"], change["version"]) == ("maria", "jonas", "ripen", 2)
    assert [change["clock"] for change in changes(aws, "SlaBreached")] == ["contact"]
    assert given_to("maria").load.count == 1
    assert given_to("jonas").load.count == 1  # its place is not given back


def test_after_two_who_did_not_act_it_is_the_managers_and_stays_there(aws: Aws, context: Context):
    standard(context)
    seen = []
    for day in range(1, 6):
        sweep(at(QUALIFIED_AT + day * DAY), context)
        seen.append(current().owner)
    assert seen == ["maria", "priya", "helena", "helena", "helena"]
    assert (current().routed or "").startswith("Priya Nair did not act; no owner is there: Helena Novak")


def test_what_somebody_accepted_is_not_taken_from_them(aws: Aws, context: Context):
    standard(context)
    accepted = replace(current(), version=2, state="accepted", decided_by="jonas", decided_at=QUALIFIED_AT + 60)
    handoffs.write([handoffs.update_entry(accepted, QUALIFIED_AT + DAY)])
    sweep(at(QUALIFIED_AT + DAY), context)
    assert (current().owner, current().clocks[0].breached_at) == ("jonas", QUALIFIED_AT + DAY)


@pytest.mark.parametrize(("state", "owner"), [("open", "jonas"), ("accepted", "helena")])
def test_what_somebody_holds_who_left_the_playbook_goes_on_at_the_first_warning(
    state: Any, owner: str, aws: Aws, context: Context
):
    standard(context)
    held = replace(current(), version=2, state=state, owner="left_us")
    handoffs.write([handoffs.update_entry(held, QUALIFIED_AT + 22 * HOUR)])
    sweep(at(QUALIFIED_AT + 22 * HOUR), context)
    assert current().owner == owner
    assert (current().routed or "").startswith("left_us is not in the playbook any more; ")
    assert [change["clock"] for change in changes(aws, "SlaWarned")] == ["contact"]


def test_somebody_faster_makes_the_sweep_route_again(aws: Aws, context: Context, monkeypatch: pytest.MonkeyPatch):
    standard(context)
    write, raced = handoffs.write, []

    def first_another_lead(entries: Any) -> None:
        if not raced:
            raced.append(True)
            write([owners.given_entry(given_to("maria"), Load(TODAY + 1, 16, 16 * LEAD))])
        write(entries)

    monkeypatch.setattr(handoffs, "write", first_another_lead)
    sweep(at(QUALIFIED_AT + DAY), context)
    assert current().owner == "priya"  # Maria's day is full by now
    assert len(changes(aws, "HandoffReassigned")) == 1


def test_a_lead_that_must_not_be_given_to_sales_any_more_is_not(aws: Aws, context: Context):
    """Settled as qualified by an older playbook, or before the message came: the handoff asks again."""
    (lead_id,) = others(1, email="x@rival.example")
    handler(qualified(lead_id=lead_id), context)
    assert handoffs.get_handoffs(lead_id) == []
    assert aws.items(table.owner_pk("maria")) == []


def test_a_hand_moves_the_load_with_the_handoff(aws: Aws, context: Context):
    handed_off(context)
    policy = handoff_policy(playbooks.current())
    for _ in range(2):
        make_move(LEAD_ID, 1, Move("reassign", "helena", QUALIFIED_AT + 60, to="jonas"), policy)
    assert (current().owner, current().routed) == ("jonas", "given by Helena Novak")
    assert given_to("jonas").load.count == given_to("maria").load.count == 1
