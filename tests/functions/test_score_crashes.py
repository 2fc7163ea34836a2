"""The score function stopped before and after each of its AWS calls, and what was undelivered delivered again."""

import json

import pytest

from functions.score import models
from functions.score.handler import handler
from shared.aws import playbooks, secret_values, timeline
from shared.aws.leads import read_entry
from shared.instants import DAY, HOUR
from shared.lead import Lead
from shared.table import CONSENT_PREFIX, PK, PLAYBOOK_PK, SK, address_pk
from tests.conftest import Aws, Context
from tests.crashes import Killed, calls_counted, killed_at
from tests.functions.test_score import NOW, event, message, records

ADDRESS = address_pk("")

pytestmark = pytest.mark.usefixtures("playbook")


def batch():
    """Everything a batch can hold: a visitor who turns out to be known, a merge, a qualification, history, consent."""
    ann = {"user_id": "ann", "anonymous_id": "a1"}
    return [
        ("m1", message(event("1", "Page Viewed", NOW - 9 * HOUR, anonymous_id="a1", properties={"path": "/pricing"}))),
        ("m2", message(event("2", "Identified", NOW - 8 * HOUR, traits={"title": "Director", "consent": True}, **ann))),
        ("m3", message(event("3", "Demo Requested", NOW - HOUR, email="ann@example.com"))),
        ("m4", message(event("4", "Identified", NOW - HOUR, user_id="ann", email="ann@example.com"))),
        ("m5", message(event("5", "Page Viewed", NOW - 40 * DAY, user_id="bob", properties={"path": "/blog/a"}))),
        ("m6", message(event("6", "Form Submitted", user_id=None, email="cat@example.com", source="public",
                             traits={"consent": True}, properties={"form": "demo"}), source="public")),
    ]  # fmt: skip


def stood(aws):
    """What `score` wrote, but for the playbook the first of a stage's functions puts in force."""
    return [item for item in aws.items() if not item[PK].startswith(PLAYBOOK_PK)]


def anew(aws):
    """Empty the table but for its playbook, and forget the process; what puts a playbook in force is done before."""
    models.in_force()
    secret_values.forget()
    playbooks.forget()
    aws.clear(but=PLAYBOOK_PK)


def outcome(aws):
    """
    What must be the same however often it was stopped: timelines, leads and addresses but for their count of writes, the
    trail of consent, and what was announced.
    """
    timeline, leads, addresses, announced = {}, {}, {}, []
    for item in stood(aws):
        if item[SK].startswith("EVENTS#"):
            timeline[item[PK], item[SK]] = item
        elif item[SK] == "LEAD":
            leads[item[PK]] = {name: value for name, value in item.items() if name != "version"}
        elif item[PK].startswith(ADDRESS):
            addresses[item[PK], item[SK]] = {name: value for name, value in item.items() if name != "version"}
        elif not item.get("silent"):
            announced.append((item[PK], item["detail_type"], json.loads(item["detail"]).get("to_band")))
    return timeline, leads, addresses, sorted(announced, key=repr)


def test_stopping_at_any_call_and_redelivering_the_batch_changes_nothing(aws: Aws, context: Context):
    whole = records(*batch())
    anew(aws)
    with calls_counted() as made:
        handler(whole, context)
    truth = outcome(aws)
    points = 0
    for number in range(len(made)):
        for after in (False, True):
            anew(aws)
            with pytest.raises(Killed), killed_at(number, after=after):
                handler(whole, context)
            handler(whole, context)
            assert outcome(aws) == truth, (number, after, made[number])
            points += 1
    print(f"score: {points} crash points over {len(made)} AWS calls: {', '.join(made)}")
    assert sum(sk.startswith(CONSENT_PREFIX) for _, sk in truth[2]) == 2
    assert points == 2 * len(made) == 20


def test_stopping_among_leads_that_are_written_25_a_call_and_redelivering_changes_nothing(aws: Aws, context: Context):
    def views(name, at):
        return records(
            *(
                (f"{name}{n}", message(event(f"{name}{n}", "Page Viewed", at, user_id=f"u{n}")))
                for n in range(27)
            )
        )  # fmt: skip

    anew(aws)
    handler(views("first", NOW - 9 * HOUR), context)
    known = stood(aws)
    second = views("second", NOW - HOUR)
    with calls_counted() as made:
        handler(second, context)
    truth = outcome(aws)
    assert made.count("BatchExecuteStatement") == 2
    for number in range(len(made)):
        for after in (False, True):
            anew(aws)
            timeline.put_events(known)
            with pytest.raises(Killed), killed_at(number, after=after):
                handler(second, context)
            handler(second, context)
            assert outcome(aws) == truth, (number, after, made[number])


def facts(state):
    """
    What may not depend on how messages were batched: timelines, and by person facts, profile, days and consent. In the
    trail a yes may stand at the time it was said, at the one it was heard, or at both: who reads it shows it once.
    """
    timeline, leads, addresses, announced = state
    entries = [read_entry({**item, "version": 0}) for item in leads.values()]
    people = {
        tuple(sorted(lead.identities)): (lead.facts, lead.days, lead.profile, lead.first_seen, lead.filed)
        for lead in entries
        if isinstance(lead, Lead)
    }
    aliases = len(leads) - len(people)
    qualified = [entry[1] for entry in announced if entry[1] == "LeadQualified"]
    consent = {key: item for key, item in addresses.items() if not key[1].startswith(CONSENT_PREFIX)}
    trail = {
        (pk, sk.rpartition("#")[2], item["said"], item["by"])
        for (pk, sk), item in addresses.items()
        if sk.startswith(CONSENT_PREFIX)
    }
    return timeline, people, aliases, consent, trail, qualified


def test_stopping_at_any_call_and_redelivering_in_other_batches_keeps_every_fact(aws: Aws, context: Context):
    whole = batch()
    anew(aws)
    with calls_counted() as made:
        handler(records(*whole), context)
    truth = facts(outcome(aws))
    for number in range(len(made)):
        for after in (False, True):
            anew(aws)
            with pytest.raises(Killed), killed_at(number, after=after):
                handler(records(*whole), context)
            handler(records(*whole[3:], whole[0]), context)
            handler(records(*reversed(whole[:4])), context)
            assert facts(outcome(aws)) == truth, (number, after, made[number])
