"""Send items under moto: claimed all or nothing, settled forwards only."""

import itertools
from dataclasses import replace

import pytest

from shared import table
from shared.aws import addresses, clients, due, enrollments, sends
from shared.aws.sends import Said
from shared.instants import MINUTE, instant_text
from shared.mailing import Address, PastSend, SendRef, confirmation_ref
from tests.conftest import Aws
from tests.nurture_world import ADDRESS, LEAD_ID, NOW, a_run, address_item, consenting, run_of, send_items

REF = SendRef(LEAD_ID, "awareness", 1, 0)
FORWARD = ["claimed", "unknown", "parked", "sent", "delivered", "bounced", "complained"]


@pytest.fixture
def world(aws: Aws) -> Aws:
    consenting()
    enrollments.save(a_run())
    return aws


def claim(address: Address | None = None, run=None, ref: SendRef = REF) -> str:
    address = address or addresses.get_address(ADDRESS)
    recent = (*address.recent, PastSend(NOW, ref.send_id))
    after = replace(run or run_of(), step=1, due_at=NOW + 7)
    return sends.claim(ref, said=Said("a-1", "p1", arm="b"), at=NOW, address=address, recent=recent, run=after)


def test_a_claim_reserves_counts_and_moves_on_at_once(world: Aws):
    assert claim() == "claimed"
    (item,) = send_items(world)
    assert (item["state"], item["content"], item["address"], item["playbook"]) == ("claimed", "a-1", ADDRESS, "p1")
    assert (item["channel"], item["arm"]) == ("mail", "b")
    assert item[table.DUE_KEY] == table.due_key(table.CLAIM, table.shard(LEAD_ID))
    assert item[table.DUE_AT] == instant_text(NOW + 15 * MINUTE)
    known = addresses.get_address(ADDRESS)
    assert known.recent == (PastSend(NOW, REF.send_id),)
    assert known.sent == {"a-1": NOW}
    assert (run_of().step, run_of().due_at) == (1, NOW + 7)


def test_a_second_claim_of_the_same_mail_changes_nothing(world: Aws):
    claim()
    before = world.items()
    assert claim() == "taken"
    assert world.items() == before


def test_a_claim_on_a_stale_address_or_run_changes_nothing(world: Aws):
    address, run = addresses.get_address(ADDRESS), run_of()
    addresses.suppress(ADDRESS, "bounced", NOW)
    before = world.items()
    assert claim(address=address) == "changed"
    assert world.items() == before
    enrollments.save(replace(run, due_at=NOW + 1))
    before = world.items()
    assert claim(run=run) == "changed"
    assert world.items() == before


def test_a_released_claim_can_be_made_again_and_leaves_no_trace_on_the_address(world: Aws):
    address, run = addresses.get_address(ADDRESS), run_of()
    claim()
    planned = replace(run, version=run.version + 1, due_at=NOW + 900)
    assert sends.release(REF, addresses=(address,), run=planned, reason="Throttling")
    known = addresses.get_address(ADDRESS)
    assert (known.recent, known.sent) == ((), {})
    assert (run_of().step, run_of().due_at) == (0, NOW + 900)
    (item,) = send_items(world)
    assert (item["state"], item["reason"], item.get(table.DUE_KEY)) == ("released", "Throttling", None)
    assert claim() == "claimed"
    assert [item["state"] for item in send_items(world)] == ["claimed"]


def test_a_claim_whose_address_changed_since_is_not_released(world: Aws):
    address, run = addresses.get_address(ADDRESS), run_of()
    claim()
    addresses.record_consent(ADDRESS, stopped_at=NOW)
    before = world.items()
    planned = replace(run, version=run.version + 1)
    assert not sends.release(REF, addresses=(address,), run=planned, reason="Throttling")
    assert world.items() == before


def test_reports_in_every_order_end_in_the_furthest_state(world: Aws):
    """A report never takes a mail back: whatever comes late or twice, the furthest thing known stays."""
    for number, order in enumerate(itertools.permutations(["sent", "delivered", "bounced", "complained"])):
        ref = replace(REF, rotation=number + 1)
        enrollments.save(replace(run_of(), step=0, rotation=number + 1, due_at=NOW))
        assert claim(ref=ref) == "claimed"
        for state in (*order, *order, "parked"):
            sends.settle(ref, state)
        found = sends.get_send(ref)
        assert found is not None
        assert found.state == "complained"


def test_a_state_never_goes_back(world: Aws):
    for number, (before, after) in enumerate(itertools.combinations(FORWARD, 2)):
        ref = replace(REF, rotation=number + 1)
        enrollments.save(replace(run_of(), step=0, rotation=number + 1, due_at=NOW))
        assert claim(ref=ref) == "claimed"
        for state in FORWARD[1 : FORWARD.index(after) + 1]:
            assert sends.settle(ref, state)
        assert before == "claimed" or not sends.settle(ref, before)
        found = sends.get_send(ref)
        assert found is not None
        assert found.state == after


def test_a_settled_claim_is_no_longer_due_and_an_unknown_one_still_is(world: Aws):
    claim()
    assert sends.settle(REF, "unknown", reason="ReadTimeoutError")
    assert [sends.ref_of(entry) for entry in due.due_entries(table.CLAIM, NOW + 15 * MINUTE)] == [REF]
    assert sends.settle(REF, "sent", message_id="m1")
    assert list(due.due_entries(table.CLAIM, NOW + 15 * MINUTE)) == []


def test_a_settled_send_stands_under_its_track_by_when_it_was_claimed_and_stays_there(world: Aws):
    claim()
    for state in ("sent", "delivered", "complained"):
        assert sends.settle(REF, state)
        (item,) = send_items(world)
        assert item[table.DUE_KEY] == table.track_key(table.SENT, "awareness", table.shard(LEAD_ID))
        assert item[table.DUE_AT] == instant_text(NOW)


def test_the_first_message_id_stays(world: Aws):
    claim()
    sends.settle(REF, "sent", message_id="m1")
    sends.settle(REF, "delivered", message_id="m2")
    found = sends.get_send(REF)
    assert found is not None
    assert found.message_id == "m1"


def test_what_is_known_already_is_confirmed_without_a_write(world: Aws, monkeypatch):
    claim()
    assert sends.confirm(REF, "sent", message_id="m1")
    monkeypatch.setattr(clients.dynamodb(), "update_item", lambda **_: pytest.fail("written"))
    assert not sends.confirm(REF, "sent", message_id="m2")
    assert not sends.confirm(replace(REF, step=7), "sent", message_id="m3")


def test_a_send_nobody_claimed_is_not_settled(world: Aws):
    assert not sends.settle(REF, "delivered")
    assert send_items(world) == []


def test_a_mail_is_found_by_the_channels_id_among_the_newest_of_its_address(world: Aws):
    claim()
    sends.settle(REF, "sent", message_id="m1")
    address = addresses.get_address(ADDRESS)
    found = sends.find_send(address, "m1")
    assert found is not None
    assert found.ref == REF
    assert sends.find_send(address, "m2") is None


def test_confirmations_are_counted_on_the_address(aws: Aws):
    ref = confirmation_ref(LEAD_ID, ADDRESS, 1)
    assert sends.claim_confirmation(ref, at=NOW, addresses=(Address(ADDRESS),), playbook="p1") == "claimed"
    assert sends.claim_confirmation(ref, at=NOW, addresses=(Address(ADDRESS),), playbook="p1") == "taken"
    again = confirmation_ref(LEAD_ID, ADDRESS, 2)
    assert sends.claim_confirmation(again, at=NOW, addresses=(Address(ADDRESS),), playbook="p1") == "changed"
    assert addresses.get_address(ADDRESS).confirmations == (PastSend(NOW, ref.send_id),)
    assert "recent" not in address_item(aws)


def test_an_error_that_is_not_about_conditions_is_raised(world: Aws):
    wrong = replace(REF, lead_id="")
    with pytest.raises(clients.dynamodb().exceptions.ClientError):
        sends.skip(wrong, said=Said("x" * 500_000, "p"), at=NOW, address=Address(ADDRESS), run=run_of(), reason="")


@pytest.mark.parametrize(
    "text",
    ["", "x", "aaaaaaaaaaaaaaaa-1-0", "AAAAAAAAAAAAAAAA-1-0-t", "aaaaaaaaaaaaaaaa-1-0-t\n", "aaaaaaaaaaaaaaaa-x-0-t"],
)
def test_what_is_no_send_id_names_no_send(text):
    assert SendRef.parse(text) is None


def test_a_send_id_is_made_of_letters_every_channel_takes():
    for ref in (REF, confirmation_ref(LEAD_ID, ADDRESS, 3), SendRef(LEAD_ID, "re_engage", 12, 7)):
        assert SendRef.parse(ref.send_id) == ref
        assert ref.send_id.replace("-", "").replace("_", "").isalnum()
        assert ref.send_id.isascii()
