"""
Nothing is left of an erased person: not in the table, on a queue, in a log or in Slack, and nothing that arrives late
brings anything back. What may stay is listed, and docs/privacy.md says why.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from functions.engagement.handler import handler as engagement
from functions.enroll.handler import HEARD as ENROLL_HEARS
from functions.enroll.handler import handler as enroll
from functions.handoff.handler import handler as hand_off
from functions.links.handler import handler as links
from functions.mail_feedback.handler import handler as mail_feedback
from functions.notify.handler import HEARD as NOTIFY_HEARS
from functions.notify.handler import hear
from functions.nurture_send.handler import handler as nurture_send
from functions.publish.handler import handler as publish
from functions.sales.moves import make_move
from functions.score.handler import handler as score
from functions.sla_sweep.handler import handler as sla_sweep
from infra.stages import PROD, STAGES
from shared import table
from shared.aws import addresses, enrollments, slack
from shared.aws.erasure import Erasure
from shared.aws.items import to_item
from shared.bundle import playbook_document
from shared.identity import ANONYMOUS, address_hash, home
from shared.instants import DAY, HOUR, MINUTE, instant_text
from shared.lead import LeadEvent, queue_message
from shared.rules.handoff import Move
from shared.rules.routing import handoff_policy
from shared.table import CHANGE_PREFIX, DUE_AT, SK
from tests.conftest import IDENTITY_SECRET, Aws, Context, sample
from tests.erasure_world import (
    EMAIL_ADDRESS,
    EMAIL_HOME,
    LEAD_ID,
    NOW,
    ORDER,
    PATIENCE,
    USER_ID,
    call,
    finish,
)
from tests.functions.test_links import request
from tests.functions.test_mail_feedback import report
from tests.handoff_world import SlackStand, slack_stand
from tests.nurture_world import a_run, batch, mails, order, tokens, use_playbook

CANARY = "canary"
"""Part of everything that is said of the person: their address, names, company, phone, user and device id, notes."""

ADDRESS = address_hash(EMAIL_ADDRESS, IDENTITY_SECRET)
DEVICE = home(ANONYMOUS, "anon-canary", IDENTITY_SECRET)
HOMES = (LEAD_ID, EMAIL_HOME, DEVICE)


@dataclass
class Stage:
    """The functions joined as the deployed stage joins them, and everything that ever travelled between them."""

    aws: Aws
    context: Context
    queued: list[dict[str, Any]] = field(default_factory=list)
    """Records of the queue `events`."""
    told: list[dict[str, Any]] = field(default_factory=list)
    """What the bus carried."""
    orders: list[dict[str, Any]] = field(default_factory=list)
    """Messages of the queue `sends`."""

    def did(self, event_id: str, name: str, *, at: int = NOW - HOUR, source: Any = "server", **said: Any) -> None:
        self.hear(queue_message(source, NOW - MINUTE, [LeadEvent(event_id, name, at, NOW - MINUTE, source, **said)]))

    def hear(self, *bodies: dict[str, Any]) -> None:
        records = [{"messageId": f"q{len(self.queued) + n}", "body": json.dumps(b)} for n, b in enumerate(bodies)]
        self.queued += records
        assert score({"Records": records}, self.context) == {"batchItemFailures": []}
        self.deliver()

    def send(self, *orders: dict[str, Any]) -> None:
        self.orders += orders
        assert nurture_send(batch(*orders), self.context) == {"batchItemFailures": []}
        self.deliver()

    def deliver(self) -> None:
        """Publish what waits and bring it to whoever hears it, and what they queue, until nothing more comes."""
        while True:
            waiting = [item for item in self.aws.items() if str(item[SK]).startswith(CHANGE_PREFIX) and DUE_AT in item]
            publish({"Records": [{"dynamodb": {"NewImage": to_item(item)}} for item in waiting]}, self.context)
            arrived = self.aws.messages(self.aws.bus_queue_url)
            self.told += arrived
            for event in arrived:
                self.tell(event)
            orders = self.aws.messages(self.aws.sends_queue_url)
            touches = self.aws.messages(self.aws.engagement_queue_url)
            if touches:
                assert engagement(batch(*touches), self.context) == {"batchItemFailures": []}
            events = self.aws.messages(self.aws.events_queue_url)
            if not (arrived or orders or events or touches):
                return
            if orders:
                self.send(*orders)
            if events:
                self.hear(*events)

    def tell(self, event: dict[str, Any]) -> None:
        kind = event["detail-type"]
        if kind in ("LeadQualified", "LeadUnqualified"):
            hand_off(event, self.context)
        if kind in ENROLL_HEARS:
            enroll(event, self.context)
        if kind in NOTIFY_HEARS:
            hear(event, attempt="m1")
        if kind in ("HandoffAccepted", "HandoffRejected", "HandoffContacted", "HandoffClosed"):
            self.hear(event)


@pytest.fixture
def slack_api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackStand]:
    with slack_stand(tmp_path) as stand:
        monkeypatch.setenv("SLACK_API_URL", stand.url)
        monkeypatch.setattr(slack, "TIMEOUT", 2)
        yield stand


@pytest.fixture
def stage(
    aws: Aws,
    context: Context,
    erasures: str,
    slack_api: SlackStand,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Stage:
    """Somebody who did everything a person can do, and to whom everything happened."""
    use_playbook(tmp_path, monkeypatch)
    monkeypatch.setenv("CLICK_DELAY_SECONDS", "0")
    stage = Stage(aws, context)
    who = {"user_id": USER_ID, "email": EMAIL_ADDRESS}
    traits = {
        "email": EMAIL_ADDRESS, "first_name": "Adacanary", "last_name": "Canarylace", "phone": "+4670canary",
        "company": "Canary Freight", "title": "Director", "consent": True,
    }  # fmt: skip
    stage.did("e0", "Page Viewed", at=NOW - 9 * HOUR, source="public", anonymous_id="anon-canary",
              properties={"path": "/pricing", "url": "https://www.example.com/pricing?me=canary"})  # fmt: skip
    stage.did("e1", "Identified", at=NOW - 8 * HOUR, anonymous_id="anon-canary", traits=traits, **who)
    run = enrollments.get_enrollment(LEAD_ID, "awareness")
    enrollments.save(a_run(lead_id=LEAD_ID, cause_lead=LEAD_ID, version=0 if run is None else run.version))
    stage.send(order(lead_id=LEAD_ID))
    (mail,) = mails()
    for path in ("c", "o"):
        for token in tokens(mail, path):
            links(request(path, token), context)
    stage.deliver()
    stage.did("e2", "Demo Requested", **who, properties={"form": "demo", "message": "canary needs yarn"})
    policy = handoff_policy(playbook_document())
    for minutes in (45, 60):
        sla_sweep({**sample("schedule_sla_sweep"), "time": instant_text(NOW + minutes * MINUTE)}, context)
        stage.deliver()
    make_move(LEAD_ID, 1, Move("accept", "maria", NOW + HOUR, note="canary sounded keen"), policy)
    stage.deliver()
    return stage


def residue(items: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Where the person, or a home of theirs outside the markers, can still be found in the table."""
    return [
        (item["PK"], item["SK"])
        for item in items
        if CANARY in (text := json.dumps(item, default=str).lower())
        or (not _may_name_homes(item) and any(place in text.replace(ADDRESS, "") for place in HOMES))
    ]


def _may_name_homes(item: dict[str, Any]) -> bool:
    """The marker stands at the home; the change that tells the bus names the lead until the markers go."""
    marker = "erased_until" in item
    return marker or (
        item["PK"].startswith("ERASURE#") and item["SK"].startswith(CHANGE_PREFIX) and "expires_at" in item
    )


def erase(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Erasure:
    status, said = call("/v1/leads/erase", ORDER | {"email": EMAIL_ADDRESS})
    assert status == 200
    done = finish(said["erasure"], monkeypatch)
    assert done.done
    stage.deliver()
    return done


def test_there_is_something_to_erase(stage: Stage, slack_api: SlackStand):
    kinds = {item["SK"].split("#")[0] for item in stage.aws.items() if item["PK"].startswith("LEAD#")}
    assert kinds == {"LEAD", "EVENTS", "CHANGE", "HANDOFF", "TRACK", "SEND"}
    assert len(residue(stage.aws.items())) > 10
    assert CANARY in json.dumps(slack_api.messages).lower()
    assert len(slack_api.posts) == 1
    assert slack_api.replies
    assert addresses.get_address(ADDRESS).paused_by
    kinds = {event["detail-type"] for event in stage.told}
    assert kinds >= {"BandChanged", "LeadQualified", "HandoffCreated", "HandoffAccepted", "SlaWarned", "SlaBreached"}


def test_nothing_of_the_person_is_left_in_the_table(stage: Stage, monkeypatch):
    done = erase(stage, monkeypatch)
    assert residue(stage.aws.items()) == []
    mine = [
        item for item in stage.aws.items() if not item["PK"].startswith(("PLAYBOOK", "SWEEP", "OWNER", table.MAIL_PK))
    ]
    kinds = sorted({(item["PK"].split("#")[0], item["SK"].split("#")[0]) for item in mine})
    assert kinds == [
        ("ADDR", "ADDR"),
        ("ADDR", "CONSENT"),
        ("ERASURE", "CHANGE"),
        ("ERASURE", "ERASURE"),
        ("LEAD", "LEAD"),
    ]
    assert not any(table.DUE_KEY in item or table.RANK_KEY in item for item in mine)
    assert {
        kind: done.counts[kind] > 0 for kind in ("handoffs", "enrollments", "sends", "events", "changes")
    } == dict.fromkeys(("handoffs", "enrollments", "sends", "events", "changes"), True)


def test_the_bus_and_slack_are_told_and_slack_forgets(stage: Stage, slack_api: SlackStand, monkeypatch):
    places = {message["ts"] for message in slack_api.messages}
    done = erase(stage, monkeypatch)
    (told,) = [event["detail"] for event in stage.told if event["detail-type"] == "LeadErased"]
    assert (told["lead_id"], told["erasure"]) == (LEAD_ID, done.erasure_id)
    assert {place["ts"] for place in told["messages"]} == places
    assert CANARY not in json.dumps(slack_api.messages).lower()
    assert {message["ts"] for message in slack_api.messages} == places
    assert all("Erased" in message["text"] for message in slack_api.messages)
    stage.tell(next(event for event in stage.told if event["detail-type"] == "LeadErased"))
    assert CANARY not in json.dumps(slack_api.messages).lower()


def test_no_log_names_the_person(stage: Stage, monkeypatch, capsys, caplog):
    erase(stage, monkeypatch)
    said = capsys.readouterr()
    assert CANARY not in (said.out + said.err + caplog.text).lower()


def test_no_queue_holds_the_person_and_the_bus_never_did(stage: Stage, monkeypatch):
    erase(stage, monkeypatch)
    aws = stage.aws
    for url in (
        aws.events_queue_url,
        aws.settle_queue_url,
        aws.sends_queue_url,
        aws.engagement_queue_url,
        aws.erasures_queue_url,
    ):
        assert CANARY not in json.dumps(aws.messages(url)).lower()
    assert CANARY not in json.dumps(stage.told).lower()


def test_whatever_arrives_late_brings_nothing_back(stage: Stage, slack_api: SlackStand, monkeypatch):
    """What a failure queue held is put back, the bus repeats itself, and the person still has our mails."""
    (mail,) = mails()
    late, told, orders = list(stage.queued), list(stage.told), list(stage.orders)
    erase(stage, monkeypatch)
    before = stage.aws.items()
    messages = slack_api.messages
    for _ in range(2):
        for record in late:
            assert score({"Records": [record]}, stage.context) == {"batchItemFailures": []}
            stage.deliver()
        for event in told:
            stage.tell(event)
        stage.send(*orders, {"schema": 1, "lead_id": LEAD_ID, "confirm": True, "as_of": instant_text(NOW + DAY)})
        stage.hear({"schema": 1, "settle": list(HOMES), "as_of": instant_text(NOW + 30 * DAY)})
        for token in tokens(mail, "c") | tokens(mail, "o"):
            links(request("c" if token in tokens(mail, "c") else "o", token), stage.context)
        sla_sweep({**sample("schedule_sla_sweep"), "time": instant_text(NOW + DAY)}, stage.context)
        tag = {"send_id": [f"{LEAD_ID}-1-0-awareness"]}
        mail_feedback(report("ses_event_delivery", mail__tags=tag), stage.context)
        stage.deliver()
    assert stage.aws.items() == before
    assert slack_api.messages == messages
    assert len(mails()) == 1


def test_who_was_erased_can_still_say_stop_and_nothing_else(stage: Stage, monkeypatch):
    (mail,) = mails()
    erase(stage, monkeypatch)
    for token in tokens(mail, "u"):
        links(request("u", token, "POST"), stage.context)
    stage.deliver()
    assert residue(stage.aws.items()) == []
    address = addresses.get_address(ADDRESS)
    assert (address.suppressed, address.opted_in_at) == ("erased", None)
    assert address.stopped_at is not None


def test_a_bounce_that_comes_late_changes_nothing(stage: Stage, monkeypatch):
    erase(stage, monkeypatch)
    before = stage.aws.items()
    tag = {"send_id": [f"{LEAD_ID}-1-0-awareness"]}
    recipients = [{"emailAddress": EMAIL_ADDRESS}]
    mail_feedback(report("ses_event_bounce", mail__tags=tag, bounce__bouncedRecipients=recipients), stage.context)
    stage.deliver()
    assert stage.aws.items() == before


def test_the_patience_of_the_test_is_what_production_waits():
    assert PROD.erasure_patience == PATIENCE
    assert all(stage.erasure_patience >= 3 * stage.timeout for stage in STAGES.values() if stage.name != "local")
