"""Stories over several messages: what is announced when, and what merges, new playbooks and rivals leave intact."""

import json

import pytest

from functions.handoff.handler import handler as hand_off
from functions.sales.moves import make_move
from functions.score.handler import handler
from shared.aws import handoffs, leads
from shared.aws.leads import get_lead
from shared.identity import home
from shared.instants import DAY, HOUR, instant_text
from shared.lead import LeadEvent, queue_message
from shared.rules.handoff import Move
from shared.rules.routing import handoff_policy
from tests.conftest import IDENTITY_SECRET, Aws, Context
from tests.functions.test_score import NOW, event, message, records
from tests.publishing import publish

U = home("user", "u", IDENTITY_SECRET)


pytestmark = pytest.mark.usefixtures("playbook")


def changes(aws):
    return [item for item in aws.items() if item["SK"].startswith("CHANGE") and not item.get("silent")]


def told(aws, detail_type="LeadQualified"):
    return [item["detail"] for item in changes(aws) if item["detail_type"] == detail_type]


def pricing(event_id, at=NOW, **who):
    return event(event_id, "Page Viewed", at, properties={"path": "/pricing"}, **who)


def settle(at, lead_id=U):
    return ("settle", {"schema": 1, "settle": [lead_id], "as_of": instant_text(at)})


def with_new_pricing_rule():
    """Publish a playbook whose pricing rule counts otherwise."""

    def change(scoring):
        (rule,) = (rule for rule in scoring["engagement"] if rule["id"] == "pricing_page")
        rule["filing"] += "x"
        scoring["filed"] = "another"

    publish(change)


def pricing_facts(lead_id):
    return [
        fact for filing, facts in get_lead(lead_id).facts.items() if filing.startswith("pricing_page") for fact in facts
    ]


def test_a_visitor_of_before_a_new_playbook_keeps_its_facts_when_it_says_who_it_is(
    aws: Aws, context: Context, monkeypatch
):
    handler(records(("m1", message(pricing("e1", anonymous_id="a")))), context)
    with_new_pricing_rule()
    handler(records(("m2", message(event("e2", "Identified", user_id="u", anonymous_id="a")))), context)
    assert len(pricing_facts(U)) == 1


def test_two_leads_filed_under_different_playbooks_keep_all_facts_when_merged(aws: Aws, context: Context, monkeypatch):
    handler(records(("m1", message(pricing("e1", user_id="other")))), context)
    handler(records(("m2", message(pricing("e2", user_id="u")))), context)
    with_new_pricing_rule()
    handler(records(("m3", message(event("e3", "Page Viewed", user_id="u")))), context)
    handler(records(("m4", message(event("e4", "Aliased", user_id="u", properties={"previous_id": "other"})))), context)
    assert len(pricing_facts(U)) == 2


def test_a_visitor_who_qualified_is_not_announced_again_when_it_says_who_it_is(aws: Aws, context: Context):
    handler(records(("m1", message(event("e1", "Demo Requested", anonymous_id="a")))), context)
    handler(records(("m2", message(event("e2", "Identified", user_id="u", anonymous_id="a")))), context)
    assert len(told(aws)) == 1


@pytest.mark.parametrize("cause", ["bounce", "sweep"])
def test_history_is_not_announced_by_a_bounce_or_a_sweep(cause, aws: Aws, context: Context):
    handler(records(("m1", message(event("e1", "Page Viewed", user_id="u")))), context)
    handler(records(("m2", message(event("e2", "Demo Requested", NOW - 100 * DAY, user_id="u")))), context)
    before = changes(aws)
    bounce = LeadEvent("s1", "Email Bounced", NOW, NOW, "system", lead_id=U)
    handler(records(("m3", message(bounce, source="system")) if cause == "bounce" else settle(NOW + DAY)), context)
    assert changes(aws) == before


def test_a_lapse_is_announced_also_when_the_band_was_raised_in_silence(aws: Aws, context: Context):
    trial = event("t", "Trial Started", user_id="u")
    handler(records(("m1", message(trial, *(pricing(f"p{n}", NOW - n, user_id="u") for n in range(3))))), context)
    stale = event("w", "Webinar Attended", NOW - 2 * DAY, user_id="u", properties={"webinar": "w"})
    handler(records(("m2", message(stale))), context)
    handler(records(settle(NOW + 200 * DAY)), context)
    assert len(told(aws, "LeadUnqualified")) == 1


REJECTED = {
    "detail-type": "HandoffRejected",
    "detail": {
        "change_id": "c1", "lead_id": U, "occurred_at": instant_text(NOW + HOUR), "reason_code": "unreachable", "handoff": 1,
    },
}  # fmt: skip


def test_a_lead_that_came_back_after_a_rejection_lapses_aloud(aws: Aws, context: Context):
    def visit(name, at):
        found = [
            event(
                f"{name}{n}", "Page Viewed", at + n, received_at=at + 60, user_id="u", properties={"path": "/pricing"}
            )
            for n in range(3)
        ]
        return queue_message(
            "server", at + 60, [*found, event(f"{name}t", "Trial Started", at, received_at=at + 60, user_id="u")]
        )

    handler(records(("m1", visit("a", NOW))), context)
    handler(records(("m2", REJECTED)), context)
    handler(records(("m3", visit("b", NOW + 20 * DAY))), context)
    assert len(told(aws)) == 2
    handler(records(settle(NOW + 300 * DAY)), context)
    assert len(told(aws, "LeadUnqualified")) == 1


def test_an_unsubscription_does_not_bring_a_rejected_lead_back(aws: Aws, context: Context):
    handler(records(("m1", message(event("d", "Demo Requested", user_id="u")))), context)
    handler(records(("m2", REJECTED)), context)
    stop = LeadEvent("un", "Unsubscribed", NOW + 20 * DAY, NOW + 20 * DAY, "system", lead_id=U)
    handler(records(("m3", queue_message("system", NOW + 20 * DAY, [stop]))), context)
    assert len(told(aws)) == 1


def test_a_qualification_reached_in_silence_is_announced_after_a_merge_with_a_lapsed_one(aws: Aws, context: Context):
    then = NOW - 300 * DAY
    lapsed = [event("t", "Trial Started", then, received_at=then, user_id="g")]
    lapsed += [pricing(f"p{n}", then + n, user_id="g", received_at=then) for n in range(3)]
    handler(records(("m1", queue_message("server", then + 60, lapsed))), context)
    handler(records(settle(NOW - 100 * DAY, home("user", "g", IDENTITY_SECRET))), context)
    handler(records(("m3", message(event("d", "Demo Requested", NOW - 350 * DAY, user_id="u")))), context)
    handler(records(("m4", message(event("k", "Aliased", user_id="u", properties={"previous_id": "g"})))), context)
    assert len(told(aws)) == 2


def test_a_handoff_made_for_a_visitor_is_taken_back_when_the_person_lapses(aws: Aws, context: Context):
    who = {"anonymous_id": "a"}
    pumped: set[str] = set()

    def pump():
        for item in changes(aws):
            if item["SK"] not in pumped and item["detail_type"] in ("LeadQualified", "LeadUnqualified"):
                hand_off({"detail-type": item["detail_type"], "detail": json.loads(item["detail"])}, context)
            pumped.add(item["SK"])

    handler(
        records(
            ("m1", message(event("t", "Trial Started", **who), *(pricing(f"p{n}", NOW - n, **who) for n in range(3))))
        ),
        context,
    )
    pump()
    handler(records(("m2", message(event("i", "Identified", NOW, user_id="u", **who)))), context)
    pump()
    handler(records(settle(NOW + 200 * DAY)), context)
    pump()
    found = [each for place in get_lead(U).homes for each in handoffs.get_handoffs(place)]
    assert [each.state for each in found] == ["closed"]


def test_sales_reaches_a_handoff_by_the_id_of_the_person_its_visitor_turned_out_to_be(
    aws: Aws, context: Context, playbook
):
    handler(records(("m1", message(event("d", "Demo Requested", anonymous_id="a")))), context)
    (qualified,) = told(aws)
    hand_off({"detail-type": "LeadQualified", "detail": json.loads(qualified)}, context)
    handler(records(("m2", message(event("i", "Identified", user_id="u", anonymous_id="a")))), context)
    decision = make_move(U, 1, Move("accept", "maria", NOW + HOUR), handoff_policy(playbook))
    assert (decision.verdict, decision.handoff.state) == ("moved", "accepted")
    assert make_move(U, 2, Move("accept", "maria", NOW + HOUR), handoff_policy(playbook)) is None


def test_a_chain_of_former_ids_leads_to_one_person_however_long(aws: Aws, context: Context):
    for number in range(1, 13):
        handler(
            records((f"m{number}", message(pricing(f"e{number}", NOW - number * HOUR, user_id=f"u{number}")))), context
        )
    for number in range(1, 12):
        alias = event(f"k{number}", "Aliased", user_id=f"u{number + 1}", properties={"previous_id": f"u{number}"})
        handler(records((f"k{number}", message(alias))), context)
    handler(records(("z", message(event("z", "Page Viewed", user_id="u1")))), context)
    ends = {get_lead(home("user", f"u{number}", IDENTITY_SECRET)).lead_id for number in range(1, 13)}
    assert len(ends) == 1


def test_one_event_id_of_two_people_is_applied_to_both_also_after_a_lost_race(aws: Aws, context: Context, monkeypatch):
    for person in "AB":
        handler(
            records(
                (
                    f"i{person}",
                    message(
                        event(f"i{person}", "Identified", NOW - 9 * HOUR, user_id=person, anonymous_id=f"dev{person}")
                    ),
                )
            ),
            context,
        )
    first = home("user", "A", IDENTITY_SECRET)
    save_many, raced = leads.save_many, []

    def late(groups):
        if not raced and any(getattr(each, "lead_id", None) == first for group in groups for each in group.written):
            raced.append(True)
            handler(
                records(("r", message(event("r", "Page Viewed", user_id="A", properties={"path": "/blog/x"})))), context
            )
        return save_many(groups)

    monkeypatch.setattr(leads, "save_many", late)
    same = [(f"m{person}", message(pricing("1", NOW - 3 * HOUR, anonymous_id=f"dev{person}"))) for person in "AB"]
    assert handler(records(*same), context) == {"batchItemFailures": []}
    assert all(len(pricing_facts(home("user", person, IDENTITY_SECRET))) == 1 for person in "AB")
    assert raced


def test_a_message_that_stands_twice_in_a_batch_is_done_once(aws: Aws, context: Context):
    twice = ("m1", message(event("e1", "Page Viewed", user_id="u")))
    assert handler(records(twice, twice), context) == {"batchItemFailures": []}
    assert get_lead(U).version == 1
