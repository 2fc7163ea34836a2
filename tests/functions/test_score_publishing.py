"""What a newly published playbook does to leads: silently by itself, aloud at the lead's own next event."""

import pytest

from functions.score import writing
from functions.score.handler import handler
from functions.score.models import in_force
from shared.aws import playbooks
from shared.aws.leads import get_lead
from shared.identity import home
from shared.instants import DAY, HOUR, instant_text
from tests.conftest import IDENTITY_SECRET, Aws, Context
from tests.functions.test_score import NOW, event, message, records
from tests.publishing import publish

U = home("user", "u", IDENTITY_SECRET)

pytestmark = pytest.mark.usefixtures("playbook")


def changes(aws: Aws, *, silent=False):
    found = [item for item in aws.items() if item["SK"].startswith("CHANGE")]
    return [item["detail_type"] for item in found if bool(item.get("silent")) is silent]


def pricing(event_id, at=NOW, **said):
    return event(event_id, "Page Viewed", at, user_id="u", properties={"path": f"/pricing?{event_id}"}, **said)


def settle(at=NOW, **said):
    return records((f"settle {at}", {"schema": 1, "settle": [U], "as_of": instant_text(at), **said}))


def lower_thresholds(scoring):
    scoring["bands"] = {"early": 0, "engaged": 10_000, "sales_ready": 15_000}
    scoring["hysteresis"] = 0
    scoring["qualification"]["mql"] = {"score_at_least": 15_000}


def raise_thresholds(scoring):
    scoring["bands"] = {"early": 0, "engaged": 900_000, "sales_ready": 950_000}
    scoring["hysteresis"] = 0
    scoring["qualification"]["mql"] = {"score_at_least": 950_000}


@pytest.fixture
def one_view(aws: Aws, context: Context):
    handler(records(("m1", message(pricing("e1")))), context)
    return aws


def test_a_promotion_by_the_playbook_alone_is_recorded_in_silence(one_view: Aws, context: Context):
    before = changes(one_view)
    publish(lower_thresholds)
    handler(settle(), context)
    lead = get_lead(U)
    assert (lead.settled.band, lead.settled.qualified, lead.settled.stage) == ("sales_ready", True, "mql")
    assert changes(one_view) == before
    assert sorted(changes(one_view, silent=True)) == ["BandChanged", "LeadQualified"]


def test_the_leads_next_own_event_announces_the_promotion_exactly_once(one_view: Aws, context: Context):
    publish(lower_thresholds)
    handler(settle(), context)
    before = changes(one_view)
    handler(settle(NOW + HOUR), context)  # neither a sweep ...
    assert changes(one_view) == before
    again = records(("m2", message(event("e2", "Something Else", NOW + HOUR, user_id="u", received_at=NOW + HOUR))))
    for _ in range(2):  # ... nor a second delivery says it
        handler(again, context)
    assert sorted(set(changes(one_view)) - set(before)) == ["LeadQualified"]
    assert changes(one_view).count("LeadQualified") == 1
    assert changes(one_view).count("BandChanged") == before.count("BandChanged") + 1
    handler(records(("m3", message(pricing("e3", NOW + HOUR, received_at=NOW + HOUR)))), context)
    assert changes(one_view).count("LeadQualified") == 1


def test_an_event_that_meets_the_lead_before_the_job_does_announces_it_too(one_view: Aws, context: Context):
    publish(lower_thresholds)
    handler(records(("m2", message(pricing("e2", NOW)))), context)
    handler(settle(), context)
    assert changes(one_view).count("LeadQualified") == 1


def test_history_that_arrives_late_announces_nothing(one_view: Aws, context: Context):
    publish(lower_thresholds)
    before = changes(one_view)
    handler(records(("m2", message(pricing("e2", NOW - 3 * DAY)))), context)
    assert changes(one_view) == before


def test_a_copy_of_an_event_we_knew_announces_nothing(one_view: Aws, context: Context):
    publish(lower_thresholds)
    handler(settle(), context)
    before = changes(one_view)
    handler(records(("m1 again", message(pricing("e1")))), context)
    assert changes(one_view) == before


def test_asked_to_announce_the_job_does(one_view: Aws, context: Context):
    publish(lower_thresholds)
    for _ in range(2):
        handler(settle(announce=True), context)
    assert changes(one_view).count("LeadQualified") == 1


def test_a_lead_the_playbook_alone_demotes_stays_with_sales_until_its_own_next_event(one_view: Aws, context: Context):
    handler(records(("m2", message(event("e2", "Demo Requested", NOW, user_id="u")))), context)
    assert get_lead(U).settled.qualified
    before = changes(one_view)
    publish(raise_thresholds)
    handler(settle(), context)
    assert not get_lead(U).settled.qualified
    assert changes(one_view) == before
    for number in range(2):
        handler(records((f"m{number + 3}", message(pricing(f"e{number + 3}", NOW)))), context)
    assert changes(one_view).count("LeadUnqualified") == 1
    assert changes(one_view).count("BandChanged") == before.count("BandChanged") + 1


def test_what_time_did_before_the_new_playbook_has_its_normal_effects(one_view: Aws, context: Context):
    handler(records(("m2", message(event("e2", "Demo Requested", NOW, user_id="u"), pricing("e3", NOW)))), context)
    assert get_lead(U).settled.band == "sales_ready"
    before = changes(one_view)
    publish(lower_thresholds)
    handler(settle(NOW + 60 * DAY), context)
    said = changes(one_view)
    assert said.count("BandChanged") == before.count("BandChanged") + 1  # cooled under the old playbook, aloud
    assert get_lead(U).settled.band == "sales_ready"  # and silently warm again under the new one
    assert get_lead(U).settled.announced_band != "sales_ready"


def test_a_process_that_has_not_heard_of_the_new_playbook_takes_it_from_the_lead(one_view: Aws, context: Context):
    old = in_force()
    newer = publish(lower_thresholds)
    handler(settle(), context)
    playbooks._seen.pointer = playbooks.Pointer(old.bundle, "test")  # what this process still believes
    before = changes(one_view)
    later = event("e2", "Something Else", NOW + 1, user_id="u", received_at=NOW + 1)
    handler(records(("m2", message(later))), context)
    assert get_lead(U).settled.playbook == newer
    assert get_lead(U).settled.band == "sales_ready"
    assert changes(one_view).count("LeadQualified") == before.count("LeadQualified") + 1


def test_a_rule_that_matches_otherwise_is_filed_again_from_the_timeline(one_view: Aws, context: Context):
    handler(
        records(("m2", message(event("e2", "Page Viewed", NOW, user_id="u", properties={"path": "/docs"})))), context
    )

    def documentation_counts(scoring):
        (rule,) = (rule for rule in scoring["engagement"] if rule["id"] == "pricing_page")
        rule["where"] = {"properties": {"path": [{"prefix": "/docs"}]}}
        rule["filing"] = "pricing_page.docs"
        scoring["filed"] = "docs"

    publish(documentation_counts)
    handler(settle(), context)
    lead = get_lead(U)
    assert [filing for filing in lead.facts if filing.startswith("pricing_page.")] == ["pricing_page.docs"]
    assert len(lead.facts["pricing_page.docs"]) == 1
    assert lead.filed == "docs"


def test_a_playbook_that_is_nowhere_any_more_does_not_stop_the_new_one(one_view: Aws, context: Context, monkeypatch):
    forgotten = get_lead(U).settled.playbook
    newer = publish(lower_thresholds)
    found = playbooks.document

    def document(bundle):
        if bundle == forgotten:
            raise playbooks.UnknownPlaybookError(bundle)
        return found(bundle)

    monkeypatch.setattr(playbooks, "document", document)
    from functions.score import models  # noqa: PLC0415 - its memory must be empty

    models.model_of.cache_clear()
    assert handler(settle(), context) == {"batchItemFailures": []}
    assert get_lead(U).settled.playbook == newer


def sales(name, at=NOW, **properties):
    return event(f"{name} {at}", name, at, source="system", lead_id=U, received_at=at, properties=properties)


def test_what_sales_did_is_told_whatever_else_is_silent(one_view: Aws, context: Context):
    publish(lower_thresholds)
    handler(settle(), context)
    for number, name in enumerate(("Lead Accepted", "Lead Won")):
        done = message(sales(name, NOW + number, handoff=1), source="system", received_at=NOW + number)
        handler(records((name, done)), context)
    assert changes(one_view).count("StageChanged") == 2


def test_back_and_forth_between_two_playbooks_is_one_qualification(one_view: Aws, context: Context):
    handler(records(("m2", message(event("e2", "Demo Requested", NOW, user_id="u")))), context)
    assert changes(one_view).count("LeadQualified") == 1
    first = playbooks.pointer().bundle
    second = publish(raise_thresholds)
    handler(settle(), context)
    assert not get_lead(U).settled.qualified
    playbooks.move(first, seen=second, by="test")
    playbooks.refresh()
    handler(settle(NOW + 1), context)
    handler(records(("m3", message(event("e3", "Something Else", NOW + 2, user_id="u", received_at=NOW + 2)))), context)
    lead = get_lead(U)
    assert (lead.settled.qualified, lead.settled.qualification) == (True, 1)
    assert changes(one_view).count("LeadQualified") == 1
    assert changes(one_view).count("LeadUnqualified") == 0


def test_history_that_joins_leads_settled_by_two_playbooks_is_silent(aws: Aws, context: Context):
    handler(records(("m1", message(event("e1", "Demo Requested", NOW, user_id="u")))), context)
    publish(raise_thresholds)
    other = event("e2", "Identified", NOW - HOUR, user_id=None, email="u@example.com", received_at=NOW)
    handler(records(("m2", message(other))), context)
    before = changes(aws)
    joining = event("e3", "Identified", NOW - 3 * DAY, user_id="u", email="u@example.com")
    handler(records(("m3", message(joining))), context)
    assert changes(aws) == before


def test_one_lead_that_cannot_be_settled_keeps_no_other_of_its_message_waiting(
    one_view: Aws, context: Context, monkeypatch
):
    handler(
        records(("m2", message(event("e2", "Page Viewed", NOW, user_id="v", properties={"path": "/pricing"})))), context
    )
    newer = publish(lower_thresholds)
    settled = writing._settled

    def picky(entry, *rest):
        if entry.lead_id == U:
            raise ValueError("a value nobody thought of")
        return settled(entry, *rest)

    monkeypatch.setattr(writing, "_settled", picky)
    other = home("user", "v", IDENTITY_SECRET)
    both = records(("settle", {"schema": 1, "settle": [U, other], "as_of": instant_text(NOW)}))
    assert handler(both, context) == {"batchItemFailures": [{"itemIdentifier": "settle"}]}
    assert get_lead(other).settled.playbook == newer


def test_what_ties_more_than_a_transaction_takes_is_written_in_halves(aws: Aws, context: Context):
    def every_rule_is_a_trigger(scoring):
        scoring["triggers"] = [rule["id"] for rule in scoring["engagement"]]

    publish(every_rule_is_a_trigger)
    did = [("Demo Requested", {}), ("Trial Started", {}), ("Webinar Attended", {"webinar": "w"}), ("Page Viewed", {"path": "/pricing"}),
           ("Page Viewed", {"path": "/product/x"}), ("Page Viewed", {"path": "/blog/x"}), ("Asset Downloaded", {"kind": "case-study"}),
           ("Form Submitted", {"form": "demo"}), ("Page Viewed", {"path": "/careers"}), ("Unsubscribed", {})]  # fmt: skip
    crowd = [
        event(f"{person}-{number}", name, NOW - person, user_id=f"p{person}", anonymous_id="kiosk", properties=said)
        for person in range(11)
        for number, (name, said) in enumerate(did)
    ]
    assert handler(records(("m1", message(*crowd))), context) == {"batchItemFailures": []}
    assert all(get_lead(home("user", f"p{person}", IDENTITY_SECRET)).settled.qualified for person in range(11))
