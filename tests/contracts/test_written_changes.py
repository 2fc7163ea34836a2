"""What the functions really write through the outbox, put on the bus by `publish`, held against the contracts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from functions.enroll.handler import HEARD as ENROLL_HEARS
from functions.enroll.handler import handler as enroll
from functions.handoff.handler import handler as hand_off
from functions.publish.handler import handler as publish
from functions.sales.moves import make_move
from functions.score.handler import handler as score
from functions.sla_sweep.handler import handler as sla_sweep
from shared.aws import tasks
from shared.aws.due import due_entries
from shared.aws.items import to_item
from shared.aws.sends import Said
from shared.bundle import playbook_document
from shared.contracts import CHANGES, SOURCE
from shared.identity import EMAIL, USER, home
from shared.instants import DAY, HOUR, MINUTE, instant_text, parse_instant
from shared.lead import LeadEvent, queue_message
from shared.mailing import Address, SendRef
from shared.rules.handoff import Action, Move
from shared.rules.routing import handoff_policy
from shared.table import CHANGE_PREFIX, DUE_AT, OUTBOX, SK
from tests.conftest import IDENTITY_SECRET, Aws, Context, sample
from tests.erasure_world import ask, finish
from tests.nurture_world import a_run

NOW = parse_instant("2026-11-18T10:00:00Z")
BY_TYPE = {change.detail_type: change for change in CHANGES}

TRAITS = {
    "first_name": "Anna", "last_name": "Svensson", "company": "Nordwind", "title": "Director of Yarns", "phone": "+46 8 1",
}  # fmt: skip
PERSONAL = ("@", "Anna", "Svensson", "Nordwind", "Yarns", "+46")
"""Parts of what is said of people; none may be on the bus. (A rule's label, "Director", may: it says what was looked for.)"""


@dataclass
class Stage:
    """The functions around the bus, joined as the deployed stage joins them."""

    aws: Aws
    context: Context
    told: list[dict[str, Any]] = field(default_factory=list)
    queued: int = 0

    def queue(self, *bodies: Mapping[str, Any]) -> None:
        """Have `score` work off the messages, and everything that follows on the bus."""
        records = []
        for body in bodies:
            self.queued += 1
            records.append({"messageId": f"m{self.queued}", "body": json.dumps(body)})
        assert score({"Records": records}, self.context) == {"batchItemFailures": []}
        self.deliver()

    def did(self, name: str, *, at: int = NOW - HOUR, source: str = "server", **said: Any) -> None:
        event_id = f"e{self.queued}"
        self.queue(queue_message(source, NOW, [LeadEvent(event_id, name, at, NOW, source, traits=TRAITS, **said)]))

    def decided(self, lead_id: str, action: Action, *, at: int, **said: Any) -> None:
        decision = make_move(lead_id, 1, Move(action, "maria", at, **said), handoff_policy(playbook_document()))
        assert decision is not None
        assert decision.verdict == "moved"
        self.deliver()

    def swept(self, at: int) -> None:
        sla_sweep({**sample("schedule_sla_sweep"), "time": instant_text(at)}, self.context)
        self.deliver()

    def task(self, lead_id: str) -> None:
        task, said = tasks.Task("Call Anna", "Ask Anna Svensson"), Said("call-task", "b", "task")
        ref, run = SendRef(lead_id, "calls", 1, 0), a_run("calls", lead_id=lead_id, step=1)
        assert tasks.give(ref, said=said, task=task, at=NOW, address=Address("1.back"), run=run) == "claimed"
        self.deliver()

    def erased(self, lead_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
        finish(ask(lead_id), monkeypatch)
        self.deliver()

    def deliver(self) -> None:
        """Publish what waits, and bring it to whoever hears it, until nothing more comes."""
        while waiting := [item for item in self.aws.items() if _waits(item)]:
            publish({"Records": [{"dynamodb": {"NewImage": to_item(item)}} for item in waiting]}, self.context)
            arrived = self.aws.messages(self.aws.bus_queue_url)
            assert len(arrived) == len(waiting)
            self.told += arrived
            for event in arrived:
                if event["detail-type"] in ("LeadQualified", "LeadUnqualified", "StageChanged"):
                    hand_off(event, self.context)
                if event["detail-type"] in ENROLL_HEARS:
                    enroll(event, self.context)
                if event["detail-type"] in ("HandoffAccepted", "HandoffRejected", "HandoffContacted", "HandoffClosed"):
                    self.queued += 1
                    record = {"messageId": f"m{self.queued}", "body": json.dumps(event)}
                    assert score({"Records": [record]}, self.context) == {"batchItemFailures": []}


def _waits(item: Mapping[str, Any]) -> bool:
    return str(item[SK]).startswith(CHANGE_PREFIX) and DUE_AT in item


@pytest.fixture
def stage(aws: Aws, context: Context, erasures: str):
    return Stage(aws, context)


def everything_that_can_happen(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A demo request that is won, one that is sent back, a lead that cools while its clock runs out, one that nobody calls, one who is known late, a form, an erasure."""
    stage.did("Demo Requested", user_id="won", email="won@example.com")
    won = home(EMAIL, "won@example.com", IDENTITY_SECRET)
    stage.decided(won, "accept", at=NOW + MINUTE)
    stage.decided(won, "contact", at=NOW + 2 * MINUTE, means="meeting")
    stage.decided(won, "reassign", at=NOW + 3 * MINUTE, to="helena")
    stage.decided(won, "snooze", at=NOW + 4 * MINUTE, until=NOW + DAY)
    stage.decided(won, "convert", at=NOW + 5 * MINUTE, opportunity="006-1")
    stage.decided(won, "won", at=NOW + DAY)

    stage.did("Demo Requested", user_id="back")
    stage.decided(home(USER, "back", IDENTITY_SECRET), "reject", at=NOW + MINUTE, reason_code="not_ready")

    for page in range(3):
        stage.did("Page Viewed", user_id="cool", properties={"path": f"/pricing/{page}"})
    stage.did("Trial Started", user_id="cool", properties={})
    stage.task(home(USER, "back", IDENTITY_SECRET))

    stage.did("Demo Requested", user_id="forgotten")
    for minutes in (45, 60, 5 * 60, 22 * 60, 24 * 60):
        stage.swept(NOW + minutes * MINUTE)
    stage.queue({"schema": 1, "settle": [home(USER, "cool", IDENTITY_SECRET)], "as_of": instant_text(NOW + 40 * DAY)})

    stage.did("Page Viewed", user_id="late", properties={"path": "/blog/a"})
    stage.did("Identified", user_id="late", email="late@example.com")

    asked = LeadEvent("form", "Form Submitted", NOW, NOW, "public", email="form@example.com", traits={"consent": True})
    stage.queue(queue_message("public", NOW, [asked]))
    stage.erased(won, monkeypatch)


def test_every_change_the_functions_write_keeps_its_contract_and_is_told_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    everything_that_can_happen(stage, monkeypatch)
    assert {event["detail-type"] for event in stage.told} == set(BY_TYPE)
    for event in stage.told:
        change, detail = BY_TYPE[event["detail-type"]], event["detail"]
        assert change.model_validate(detail).model_dump(mode="json", exclude_unset=True) == detail
        assert set(detail) == set(change.model_fields)
        assert event["source"] == SOURCE
        assert [part for part in PERSONAL if part in json.dumps(detail, ensure_ascii=False)] == []
    ids = [event["detail"]["change_id"] for event in stage.told]
    assert len(ids) == len(set(ids))
    assert list(due_entries(OUTBOX, NOW + 400 * DAY)) == []


def test_silent_history_is_written_in_the_same_shape(stage: Stage):
    stage.did("Demo Requested", at=NOW - 20 * DAY, user_id="old")
    kept = [item for item in stage.aws.items() if item[SK].startswith(CHANGE_PREFIX)]
    assert sorted(item["detail_type"] for item in kept) == ["BandChanged", "LeadQualified"]
    for item in kept:
        assert item["silent"]
        BY_TYPE[item["detail_type"]].model_validate(json.loads(item["detail"]))
    assert stage.told == []
