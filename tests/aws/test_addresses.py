"""Address items under moto: what is joined, what is counted, and what a stale read cannot overwrite."""

import itertools

import pytest

from shared.aws import addresses, clients
from shared.errors import ConflictError
from shared.instants import instant_text
from shared.mailing import Address, PastSend, TopicConsent
from tests.conftest import Aws

NAME = "1.abcdefghijklmnopqrstuvwx"
AT = 1_800_000_000


def transact(*entries) -> bool:
    try:
        clients.dynamodb().transact_write_items(TransactItems=list(entries))
    except clients.dynamodb().exceptions.TransactionCanceledException:
        return False
    return True


def test_an_address_never_seen_is_one_nothing_is_known_of(aws: Aws):
    assert addresses.get_address(NAME) == Address(NAME)


def test_consent_is_the_same_in_whatever_order_and_number_it_arrives(aws: Aws):
    said = [
        {"proven_at": AT + 5},
        {"opted_in_at": AT + 3, "proven_at": AT + 1},
        {"stopped_at": AT + 4},
        {"opted_in_at": AT + 2},
    ]
    for number, order in enumerate(itertools.permutations(said)):
        name = f"1.{number}"
        for each in (*order, *order):
            addresses.record_consent(name, **each)
        known = addresses.get_address(name)
        assert (known.proven_at, known.opted_in_at, known.stopped_at) == (AT + 1, AT + 3, AT + 4)


def test_consent_to_topics_is_the_same_in_whatever_order_and_number_it_arrives(aws: Aws):
    said = [
        {"news": TopicConsent(opted_in_at=AT + 3)},
        {"news": TopicConsent(stopped_at=AT + 4), "events": TopicConsent(AT, AT)},
        {"news": TopicConsent(opted_in_at=AT + 2, stopped_at=AT + 1)},
    ]
    for number, order in enumerate(itertools.permutations(said)):
        name = f"1.{number}"
        for each in (*order, *order):
            addresses.record_consent(name, topics=each)
        known = addresses.get_address(name)
        assert known.topics == {"news": TopicConsent(AT + 3, AT + 4), "events": TopicConsent(AT, AT)}
        assert known.stopped_at is None
        assert not addresses.record_consent(name, topics=said[0])
        assert addresses.get_address(name) == known


def test_soft_bounces_are_a_set_that_forgets_what_is_old(aws: Aws):
    for report, at in (("a", AT), ("b", AT + 5), ("a", AT), ("c", AT + 10)):
        kept = addresses.note_soft_bounce(NAME, report, at, within=10)
    assert kept == {"b": AT + 5, "c": AT + 10} == addresses.get_address(NAME).soft_bounces
    assert addresses.note_soft_bounce(NAME, "a", AT, within=10) == kept, "what comes late and is old changes nothing"
    addresses.forget_soft_bounces(NAME, AT + 5)
    assert addresses.get_address(NAME).soft_bounces == {"c": AT + 10}
    before = aws.items()
    addresses.forget_soft_bounces(NAME, AT + 5)
    assert aws.items() == before


def test_soft_bounces_have_an_end(aws: Aws):
    for number in range(addresses.SOFT_BOUNCES_KEPT + 3):
        kept = addresses.note_soft_bounce(NAME, f"r{number}", AT + number, within=1000)
    assert sorted(kept.values()) == [AT + 3 + number for number in range(addresses.SOFT_BOUNCES_KEPT)]


def test_only_what_is_no_word_of_the_person_is_lifted(aws: Aws):
    assert not addresses.lift(NAME)
    for why in ("bounced", "soft_bounced", "manual"):
        addresses.suppress(NAME, why, AT)
        addresses.record_consent(NAME, stopped_at=AT)
        assert addresses.lift(NAME)
        assert not addresses.lift(NAME)
        known = addresses.get_address(NAME)
        assert (known.suppressed, known.suppressed_at, known.stopped_at) == (None, None, AT)
    for why in ("complained", "erased"):
        addresses.suppress(NAME + why, why, AT)
        assert not addresses.lift(NAME + why)
        assert addresses.get_address(NAME + why).suppressed == why


def test_what_is_no_news_is_not_written(aws: Aws):
    assert addresses.record_consent(NAME, proven_at=AT, opted_in_at=AT)
    before = aws.items()
    assert not addresses.record_consent(NAME, proven_at=AT + 9, opted_in_at=AT)
    assert not addresses.record_consent(NAME)
    assert aws.items() == before


def test_consent_on_an_item_that_keeps_changing_is_an_error(aws: Aws, monkeypatch):
    stale = Address(NAME, version=7)
    monkeypatch.setattr(addresses, "get_address", lambda name: stale)
    with pytest.raises(ConflictError):
        addresses.record_consent(NAME, stopped_at=AT)


def test_a_colleagues_word_outweighs_a_bounce_and_is_not_lost_in_it(aws: Aws):
    for why in ("bounced", "soft_bounced"):
        assert addresses.suppress(why, why, AT)
        assert addresses.suppress(why, "manual", AT + 1)
        assert not addresses.suppress(why, "manual", AT + 2)
        assert not addresses.suppress(why, "bounced", AT + 3)
        assert (addresses.get_address(why).suppressed, addresses.get_address(why).suppressed_at) == ("manual", AT + 1)
        assert addresses.suppress(why, "complained", AT + 4)
        assert not addresses.suppress(why, "manual", AT + 5)


def test_the_first_suppression_stays_and_a_complaint_outweighs_it(aws: Aws):
    assert addresses.suppress(NAME, "bounced", AT)
    assert not addresses.suppress(NAME, "bounced", AT + 1)
    assert not addresses.suppress(NAME, "soft_bounced", AT + 1)
    assert addresses.suppress(NAME, "complained", AT + 2)
    assert not addresses.suppress(NAME, "complained", AT + 3)
    assert not addresses.suppress(NAME, "bounced", AT + 4)
    (item,) = aws.items()
    assert (item["suppressed"], item["suppressed_at"], item["version"]) == ("complained", instant_text(AT + 2), 2)


def test_holds_of_several_handoffs_end_one_by_one_in_any_order(aws: Aws):
    assert transact(addresses.pause_entry(NAME, "one"))
    assert transact(addresses.pause_entry(NAME, "two"))
    assert transact(addresses.pause_entry(NAME, "two"))
    assert addresses.get_address(NAME).paused_by == {"one", "two"}
    assert transact(addresses.resume_entry(NAME, "two"))
    assert addresses.get_address(NAME).paused_by == {"one"}
    assert transact(addresses.resume_entry(NAME, "one"))
    assert transact(addresses.resume_entry(NAME, "one"))
    assert addresses.get_address(NAME).paused_by == frozenset()


WRITES = {
    "consent": lambda name: addresses.record_consent(name, stopped_at=AT),
    "topic": lambda name: addresses.record_consent(name, topics={"news": TopicConsent(stopped_at=AT)}),
    "soft bounce": lambda name: addresses.note_soft_bounce(name, "r", AT, within=9),
    "suppression": lambda name: addresses.suppress(name, "bounced", AT),
    "lift": lambda name: (addresses.suppress(name, "manual", AT), addresses.lift(name)),
    "pause": lambda name: transact(addresses.pause_entry(name, "h")),
    "claim": lambda name: transact(addresses.claim_entry(addresses.get_address(name), {"recent": []})),
}


def test_no_claim_is_made_on_an_address_that_changed_since_it_was_read(aws: Aws):
    for number, (what, existed) in enumerate(itertools.product(WRITES, (True, False))):
        name = f"1.{number}"
        if existed:
            addresses.record_consent(name, proven_at=AT)
        seen = addresses.get_address(name)
        WRITES[what](name)
        assert not transact(addresses.claim_entry(seen, {"recent": [{"at": instant_text(AT), "send": "s"}]})), what
        assert not transact(addresses.unchanged_entry(seen)), what
        assert addresses.get_address(name).recent == ()


def test_a_claim_is_made_on_an_address_that_is_as_it_was_read(aws: Aws):
    for name, existed in (("1.a", True), ("1.b", False)):
        if existed:
            addresses.record_consent(name, proven_at=AT)
        seen = addresses.get_address(name)
        assert transact(addresses.unchanged_entry(seen))
        recent = (PastSend(AT, "s"),)
        changes = {"recent": addresses.past_items(recent), "sent": {"awareness#a-1": instant_text(AT)}}
        assert transact(addresses.claim_entry(seen, changes))
        known = addresses.get_address(name)
        assert (known.recent, known.sent, known.version) == (recent, {"awareness#a-1": AT}, seen.version + 1)
        assert known.proven_at == seen.proven_at
