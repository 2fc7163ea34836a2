"""A lead's facts are a union: order, copies, batches and merges cannot change what they are worth."""

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from shared.identity import event_key
from shared.instants import DAY
from shared.lead import Adjustment, Fact, Lead, LeadEvent, Naming, Register
from shared.rules.facts import (
    ANSWERS_KEPT,
    DAYS_KEPT,
    _after_silence,
    apply_event,
    came_back,
    joined_identities,
    refiled,
    selected,
    united,
)
from shared.rules.model import EngagementRule, scoring_model
from shared.rules.registers import touch_of
from shared.rules.scoring import evaluate
from tests.rules.models import (
    START,
    a_model,
    a_rule,
    applied,
    by_event_of,
    cases,
    consistent,
    did,
    later,
    lead_of,
    lives,
    models,
    newest_of,
)

chances = st.integers(0, 2**32).map(random.Random)


def looks(events, quiet):
    return [newest_of(events) + seconds for seconds in (0, *quiet)]


def said(lead):
    """What a lead holds of what its events said."""
    return lead.facts, lead.days, lead.first_seen, lead.profile, lead.adjustments


def confirmed(address, at=START + 9, **how):
    how = {"source": "system", "lead_id": "l", "properties": {"address": address}, **how}
    return LeadEvent("c1", "Address Confirmed", at, at, **how)


def test_a_confirmed_address_is_proven_of_the_lead_that_is_known_by_it_and_of_no_other():
    model = a_model()
    said = LeadEvent("e1", "Form", START, START, "public", email="a@b.example")
    lead = apply_event(Lead("l", identities={"email#1.hash": Naming("l", START, START)}), said, model, address="1.hash")
    assert (lead.proven("email"), lead.proven("address")) == (False, False)
    proven = apply_event(lead, confirmed("1.hash"), model)
    key = event_key("c1")
    assert proven.profile["email"] == Register("a@b.example", START + 9, key, proven=True)
    assert proven.profile["address"] == Register("1.hash", START + 9, key, proven=True)
    assert apply_event(lead, confirmed("1.other"), model).profile == lead.profile
    assert apply_event(lead, confirmed("1.hash", source="server"), model).profile == lead.profile
    nameless = replace(lead, identities={})
    assert apply_event(nameless, confirmed("1.hash"), model).profile == lead.profile


@cases
@given(models(), lives(), chances, later)
def test_order_and_copies_change_nothing(model, events, chance, quiet):
    events = consistent(events)
    shuffled = [*events, *chance.sample(events, chance.randint(0, len(events)))]
    chance.shuffle(shuffled)
    one, other = lead_of(events, model), lead_of(shuffled, model)
    assert said(one) == said(other)
    assert all(evaluate(one, model, at) == evaluate(other, model, at) for at in looks(events, quiet))


@cases
@given(models(), lives(), chances, later)
def test_batches_and_the_order_of_merges_change_nothing(model, events, chance, quiet):
    """Any tree of unions over any split of the events, some in two parts at once, is the lead they make one by one."""
    events = consistent(events)
    whole = lead_of(events, model)
    parts = [[] for _ in range(chance.randint(1, 5))]
    for event in events:
        for part in chance.sample(parts, chance.choice((1, 1, min(2, len(parts))))):
            part.append(event)
    leads = [lead_of(chance.sample(part, len(part)), model) for part in parts]
    while len(leads) > 1:
        one, other = leads.pop(chance.randrange(len(leads))), leads.pop(chance.randrange(len(leads)))
        leads.append(united(one, other, model))
    assert said(leads[0]) == said(whole)
    assert all(evaluate(leads[0], model, at) == evaluate(whole, model, at) for at in looks(events, quiet))


@cases
@given(models(), lives(), later)
def test_what_was_dropped_could_not_have_counted(model, events, quiet):
    """Facts dropped one by one are worth what they are when nothing is dropped but by the rule's own reading."""
    events = consistent(events)
    kept = lead_of(events, model)
    unbounded = tuple(replace(rule, most=10_000, a_day=10_000) for rule in model.engagement)
    wide = replace(model, engagement=unbounded, by_event=by_event_of(unbounded))
    object.__setattr__(wide, "after_silence", ())
    everything = lead_of(events, wide)
    narrow = replace(
        everything,
        facts=_after_silence(
            {
                filing: selected(kept_by, everything.facts[filing])
                for rule in model.engagement
                for filing, kept_by in ((rule.filing, rule), (rule.answers, replace(rule, most=ANSWERS_KEPT)))
                if filing in everything.facts
            },
            everything.days,
            model,
        ),
    )
    for at in looks(events, quiet):
        assert evaluate(kept, model, at) == evaluate(narrow, model, at)


@cases
@given(models(), models(), lives(), later, st.integers(0, 3))
def test_filing_again_from_all_the_events_is_applying_them(model, other, events, quiet, shared):
    """Under the same playbook, or moved from another one some of whose rules are the same."""
    events = consistent(events)
    unlike = (replace(rule, rule=f"{rule.rule}o", filing=f"{rule.rule}.o") for rule in other.engagement)
    rules = (*model.engagement[:shared], *unlike)
    old = replace(other, filed="other", engagement=rules, by_event=by_event_of(rules), refused=model.refused)
    for before in (replace(lead_of(events, old), filed="other"), replace(lead_of(events, model), filed=model.filed)):
        again = refiled(before, events, frozenset(), model)
        straight = lead_of(events, model)
        assert said(again) == said(straight)
        assert all(evaluate(again, model, at) == evaluate(straight, model, at) for at in looks(events, quiet))


def test_per_day_keeps_the_newest_of_each_day_and_counts_a_moved_copy_once(playbook):
    del playbook
    rule = replace(_rule(), counts="per_day", most=3, a_day=1)
    facts = [Fact(START + day * DAY, f"e{day}") for day in range(5)] + [Fact(START + DAY + 5, "e0")]
    kept = selected(rule, facts)
    assert [fact.event for fact in kept] == ["e2", "e3", "e4"]


def test_facts_of_ten_thousand_assets_are_bounded():
    rule = replace(_rule(), counts="per_asset", most=3)
    kept = ()
    for number in range(10_000):
        kept = selected(rule, (*kept, Fact(START + number, f"e{number}", f"asset{number}")))
    assert [fact.event for fact in kept] == ["e9997", "e9998", "e9999"]


def test_active_days_are_bounded(playbook):
    model = scoring_model(playbook)
    lead = Lead("l")
    for day in range(500):
        event = LeadEvent(f"e{day}", "Page Viewed", START + day * DAY, START + 600 * DAY, "server", user_id="u")
        lead = applied(lead, event, model)
    assert len(lead.days) == DAYS_KEPT
    assert max(lead.days) == (START + 499 * DAY) // DAY


def test_identities_are_bounded_and_known_ones_stay():
    crowd = {f"anon#{number}": Naming("h", number, number) for number in range(50)}
    kept = joined_identities({"user#u": Naming("h", 0, 0)}, crowd)
    assert set(kept) == {"user#u", *(f"anon#{number}" for number in range(31, 50))}
    assert list(kept) == sorted(kept)


def _rule():
    return EngagementRule("r", "r", "r.x", {}, 1000, "every", 5, 1, ("properties", "asset"), None, None, None, None)


PLAIN = a_model(a_rule("view", 10_000), a_rule("demo", 5_000))


def test_a_union_keeps_the_latest_of_what_is_no_fact_too():
    one = Lead("l", asked_at=5, complete_since=9, first_seen=7, filed="", identities={"user#u": Naming("h", 1, 2)})
    other = Lead(
        "m", asked_at=6, complete_since=8, first_seen=3, filed="plain", identities={"anon#a": Naming("h", 3, 4)}
    )
    for joined in (united(one, other, PLAIN), united(other, one, PLAIN)):
        assert (joined.asked_at, joined.complete_since, joined.first_seen) == (6, 9, 3)
        assert joined.identities == {"anon#a": Naming("h", 3, 4), "user#u": Naming("h", 1, 2)}
        assert joined.filed == "plain"
    assert united(one, other, PLAIN).lead_id == "l"
    assert united(one, replace(other, first_seen=0), PLAIN).first_seen == 7
    assert united(Lead("l"), Lead("m"), PLAIN).first_seen == 0


def test_a_union_with_a_lead_filed_otherwise_is_to_be_filed_again():
    for one, other, filed in (
        ("", "", ""),
        ("plain", "old", "old"),
        ("old", "plain", "old"),
        ("", "old", "old"),
        ("old", "", "old"),
        ("plain", "", "plain"),
    ):
        assert united(Lead("l", filed=one), Lead("m", filed=other), PLAIN).filed == filed


def test_facts_of_rules_that_are_gone_are_left_behind_by_a_union():
    other = Lead("m", facts={"gone.x": (Fact(1, "e"),), "view.x": (Fact(2, "f"),)})
    assert united(Lead("l"), other, PLAIN).facts == {"view.x": (Fact(2, "f"),)}


def test_an_identity_is_named_from_its_first_time_to_its_last_and_stays_shared():
    one, other = {"anon#a": Naming("h", 5, 6)}, {"anon#a": Naming("h", 2, 9, shared=3)}
    assert joined_identities(one, other) == joined_identities(other, one) == {"anon#a": Naming("h", 2, 9, shared=3)}


def test_filing_again_leaves_out_what_turned_out_to_be_others():
    mine, theirs = did("view", START, traits={"role": "a"}), did("view", START + DAY, 1, traits={"role": "b"})
    adjusted = replace(theirs, name="Score Adjusted", source="system", event_id="adjusted", properties=SAID)
    lead = replace(lead_of([mine, theirs, adjusted], PLAIN), filed="plain")
    others = frozenset({event_key(theirs.event_id), event_key("adjusted")})
    again = refiled(lead, [mine], others, PLAIN)
    assert said(again)[:2] == said(lead_of([mine], PLAIN))[:2]
    assert (again.value("role"), again.adjustments) == ("a", ())
    kept = refiled(lead, [mine], frozenset(), PLAIN)
    assert (len(kept.facts["view.x"]), kept.days, len(kept.adjustments)) == (2, lead.days, 1)


def test_filed_again_by_other_rules_the_past_is_complete_from_the_oldest_event_the_timeline_holds():
    old, new = did("view", START), did("view", START + 9 * DAY, 1)
    lead = replace(lead_of([old, new], PLAIN), filed="old")
    assert refiled(lead, [new], frozenset(), PLAIN).complete_since == START + 9 * DAY
    assert refiled(lead, [old, new], frozenset(), PLAIN).complete_since == 0
    assert refiled(lead, [], frozenset(), PLAIN).complete_since == lead.newest_at + 1
    assert refiled(replace(lead, filed="plain"), [new], frozenset(), PLAIN).complete_since == 0
    assert refiled(replace(lead, filed=""), [new], frozenset(), PLAIN).complete_since == 0
    assert refiled(replace(lead, complete_since=5), [old, new], frozenset(), PLAIN).complete_since == 5
    assert refiled(lead, [new], frozenset(), PLAIN).filed == "plain"
    assert refiled(lead, [new], frozenset(), PLAIN).days == {START // DAY, START // DAY + 9}


def test_from_the_first_day_the_timeline_is_whole_active_days_are_counted_again():
    before, first, second = (did("view", START + day * DAY, day) for day in (0, 1, 2))
    lead = replace(lead_of([before, first, second], PLAIN), filed="old")
    quiet = replace(PLAIN, activity=frozenset(), filed="new")
    assert refiled(lead, [first, second], frozenset(), quiet).days == {START // DAY}
    assert refiled(lead, [], frozenset(), quiet).days == lead.days
    late = replace(before, received_at=START + 5 * DAY)
    assert refiled(lead, [late, first, second], frozenset(), quiet).days == frozenset()
    assert refiled(lead, [before, first, second], frozenset(), quiet).days == frozenset()


def test_by_another_playbook_the_profile_is_read_again_and_what_no_path_fills_stays():
    event = did("view", START, traits={"role": "a"}, email="x@firm.example")
    sold = LeadEvent("s", "Lead Won", START, START, "system", user_id="u")
    lead = replace(lead_of([event, sold], PLAIN), filed="old")
    silent = replace(PLAIN, profile={}, filed="new")
    again = refiled(lead, [event], frozenset(), silent)
    assert set(again.profile) == {"email", "address", "sales", "closed"}
    assert set(refiled(replace(lead, filed="new"), [event], frozenset(), silent).profile) == {*again.profile, "role"}


SAID = {"points": 12.5, "by": "ann", "reason": "met at a fair"}


def adjusted(number, **said):
    properties = {**SAID, **said}
    return LeadEvent(f"a{number}", "Score Adjusted", START + number, START + number, "system", properties=properties)


def test_points_by_hand_are_kept_as_said_and_the_newest_ten_of_them():
    lead = lead_of([adjusted(1, until="2030-01-01T00:00:00Z", by="b" * 99, reason="r" * 999)], PLAIN)
    key = event_key("a1")
    assert lead.adjustments == (Adjustment(START + 1, key, 12_500, "b" * 60, "r" * 120, 1_893_456_000),)
    assert lead_of([adjusted(2)], PLAIN).adjustments[0].until == 0
    assert lead_of([replace(adjusted(3), source="server")], PLAIN).adjustments == ()
    many = lead_of([adjusted(number) for number in range(12)], PLAIN).adjustments
    assert [each.at - START for each in many] == list(range(2, 12))


def test_of_copies_of_an_adjustment_the_latest_counts():
    copies = [adjusted(1), replace(adjusted(1), occurred_at=START + 5, properties={**SAID, "points": -3})]
    for events in (copies, copies[::-1]):
        assert [(each.at, each.points) for each in lead_of(events, PLAIN).adjustments] == [(START + 5, -3_000)]


def test_a_fact_is_late_when_it_comes_more_than_a_day_after_and_a_punctual_copy_heals_it():
    late = replace(did("view", START), received_at=START + DAY + 1)
    punctual = replace(late, received_at=START + DAY)
    assert lead_of([late], PLAIN).facts["view.x"][0].late
    assert not lead_of([punctual], PLAIN).facts["view.x"][0].late
    for events in ([late, punctual], [punctual, late]):
        (fact,) = lead_of(events, PLAIN).facts["view.x"]
        assert not fact.late


def test_what_a_profile_keeps_is_bounded_and_plain():
    def kept(name, value):
        model = replace(PLAIN, profile={name: ((name,),)})
        return lead_of([did("view", START, traits={name: value})], model).value(name)

    assert kept("role", " a \n b ") == "a b"
    assert kept("role", "x" * 500) == "x" * 120
    assert (kept("role", ""), kept("role", "  "), kept("role", None), kept("role", {"a": 1})) == (None,) * 4
    assert (kept("role", True), kept("role", 7.9), kept("role", 10**12), kept("role", -(10**12) + 1)) == (
        True,
        7,
        None,
        -(10**12) + 1,
    )
    assert kept("stack", ["a ", 1, "", "b" * 50]) == ["a", "b" * 40]
    assert kept("stack", [str(number) for number in range(20)]) == [str(number) for number in range(10)]
    assert kept("stack", [1, " "]) is None
    words = ("1,200", "50-99", "500+", "many", "1234567890", "٣")
    assert [kept("employees", word) for word in words] == [1_200, 50, 500, None, None, None]


def test_of_two_values_the_proven_stays_the_later_proven_and_the_earlier_unproven():
    def says(role, at, source, received_at=None):
        event = did("view", at, traits={"role": role})
        return replace(event, event_id=role, source=source, received_at=at if received_at is None else received_at)

    early, late = says("early", START, "server"), says("late", START + 9, "server")
    first, second = says("first", START + 50, "public", START + 20), says("second", START, "public", START + 30)
    for events, role in (
        ([early, late], "late"),
        ([first, second], "first"),
        ([early, first], "early"),
        ([early, late, first, second], "late"),
    ):
        assert lead_of(events, PLAIN).value("role") == lead_of(events[::-1], PLAIN).value("role") == role


def test_touches_are_kept_only_where_a_playbook_looks_at_them():
    tagged = did("view", START, context={"campaign": {"source": "Partner", "medium": "CPC", "name": "n" * 99}})
    later_on = did(
        "view", START + 5, 1, context={"page": {"referrer": "https://www.other.example/a", "url": "https://x.example"}}
    )
    keeping = replace(PLAIN, touches=True)
    lead = lead_of([tagged, later_on], keeping)
    assert lead.value("first_touch") == {"source": "partner", "medium": "cpc", "campaign": "n" * 40}
    assert lead.value("last_touch") == {"source": "other.example", "medium": "referral"}
    assert "first_touch" not in lead_of([tagged, later_on], PLAIN).profile


def test_what_sales_did_is_believed_of_our_own_events_only():
    sold = LeadEvent("s", "Lead Rejected", START, START, "system", user_id="u", properties={"reason_code": "timing"})
    assert lead_of([sold], PLAIN).value("sales") == {"outcome": "rejected", "reason": "timing"}
    assert lead_of([replace(sold, source="server")], PLAIN).value("sales") is None


def test_a_machine_s_activity_and_what_is_no_activity_make_no_active_day():
    model = replace(PLAIN, activity=frozenset({"view"}))
    assert lead_of([did("view", START, verdict="machine"), did("demo", START)], model).days == frozenset()
    assert lead_of([did("view", START)], model).days == {START // DAY}


def test_an_asset_is_found_along_its_path_and_a_rule_without_one_has_none():
    deep = replace(a_rule("view", 1, "per_asset"), asset=("properties", "page", "path"))
    events = [
        did("view", START, properties={"page": {"path": "/a"}}),
        did("view", START + 1, 1, properties={"page": "x"}),
    ]
    facts = lead_of(events, a_model(deep)).facts["view.x"]
    assert [fact.asset for fact in facts] == [event_key("/a"), event_key("None")]
    flat = replace(deep, asset=())
    assert [fact.asset for fact in lead_of(events[:1], a_model(flat)).facts["view.x"]] == [""]


def test_coming_back_is_judged_by_the_last_active_day_before():
    assert came_back([10, 20], 10, 5) is None
    assert came_back([10, 20], 20, 9) is True
    assert came_back([10, 20], 20, 10) is False
    assert came_back([10, 20, 30], 25, 4) is True


def test_consent_is_what_a_customer_s_server_says_in_any_usual_word():
    def consent(said, source="server"):
        return lead_of([replace(did("view", START, traits={"consent": said}), source=source)], PLAIN).value("consent")

    assert [consent(said) for said in (True, "Yes ", "on", False, "NO", "0")] == [True, True, True, False, False, False]
    assert [consent(said) for said in (None, 1, "perhaps", ["yes"])] == [None] * 4
    assert (consent(True, "public"), consent(False, "system")) == (None, None)


def test_a_visit_from_the_own_site_or_from_nowhere_or_of_our_own_making_is_no_touch():
    def touch(source="server", **context):
        return touch_of(replace(did("view", START, context=context), source=source))

    tagged = {"campaign": {"source": "Partner", "medium": 5}}
    assert touch(**tagged) == {"source": "partner"}
    assert touch("system", **tagged) is None
    page = {"referrer": "https://other.example/", "url": "https://www.own.example/a"}
    assert touch(page=page) == {"source": "other.example", "medium": "referral"}
    assert touch(page={**page, "referrer": "https://own.example/b"}) is None
    assert touch(page={"url": "https://own.example/"}) is None
    assert touch(page={**page, "referrer": "http://["}) is None
    assert touch(campaign={}, page=page) == {"source": "other.example", "medium": "referral"}
    assert touch_of(did("view", START, properties=page)) == {"source": "other.example", "medium": "referral"}
    assert touch() is None


def test_each_way_of_counting_keeps_the_newest_of_its_own_keys():
    facts = [
        Fact(START, "e0", "a"),
        Fact(START + 5, "e1", "b"),
        Fact(START + DAY, "e2", "a"),
        Fact(START + DAY + 5, "e3", "a"),
    ]

    def kept(counts, most=2, **how):
        return [fact.event for fact in selected(a_rule("view", 1, counts, most=most, **how), facts)]

    assert kept("every") == kept("count") == ["e2", "e3"]
    assert kept("once", most=1) == ["e3"]
    assert kept("per_asset") == kept("missing") == kept("count", distinct="asset") == ["e1", "e3"]
    assert kept("count", distinct="day") == kept("once", most=400, silence=3) == ["e1", "e3"]
    assert (kept("per_day"), kept("per_day", a_day=2)) == (["e1", "e3"], ["e0", "e1", "e2", "e3"])
    assert kept("per_day", most=1, a_day=2) == ["e2", "e3"]


def test_the_zone_is_that_of_the_newest_day_whoever_says_it_and_no_machine_s():
    home = did("view", START, context={"timezone": "Europe/Stockholm"})
    away = did("view", START + DAY, 1, context={"timezone": "America/Argentina/Buenos_Aires"})
    nowhere = [
        did("view", START + 2 * DAY, 2 + number, context={"timezone": said})
        for number, said in enumerate(("UTC", "Etc/GMT-3", "../etc/passwd", "europe/stockholm", "x" * 99, 7, None))
    ]
    for events in ([home, away, *nowhere], [*nowhere, away, home]):
        register = lead_of(events, PLAIN).profile["timezone_seen"]
        assert (register.value, register.at) == ("America/Argentina/Buenos_Aires", (START + DAY) // DAY * DAY)
    assert "timezone_seen" not in lead_of(nowhere, PLAIN).profile
