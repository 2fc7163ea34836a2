"""
Handoffs in random order: qualifications, moves of several people, clocks, copies, outages, and deaths at every call.

The real functions run against the table and the stand-in for Slack; what is said to whom is held against what was
announced: nothing illegal, nothing lost, nothing twice.
"""

import os
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from functions.handoff.handler import handler as hand_off
from functions.notify.handler import hear
from functions.sales.moves import make_move
from functions.sla_sweep.handler import sweep
from shared.aws import handoffs, slack
from shared.aws.slack import UnsureDeliveryError
from shared.bundle import playbook_document
from shared.errors import DeliveryError
from shared.handoff import SYSTEM, Handoff
from shared.instants import HOUR, MINUTE, instant_text
from shared.lead import Settled
from shared.rules.handoff import ACTIONS, MEANS, Action, Move
from shared.rules.routing import handoff_policy
from shared.rules.sla import next_due
from tests.conftest import Aws, Context, sample
from tests.handoff_world import LEAD_ID, QUALIFIED_AT, SlackStand, changes, keep, lead, qualified, slack_stand

CASES = int(os.environ.get("RIPEN_CASES", "120"))
CALLS = ("post", "update", "find")
"""What the application asks of Slack; each can die before and after, or find Slack away."""


class Killed(BaseException):
    """The process ended here: whatever it still tries is not done."""


class Trouble:
    """Stands between the functions and the world: outages of Slack and SNS, and a death at the nth call."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.slack_away = self.sns_away = self.dead = False
        self.calls, self.dies_at, self.after = 0, -1, False
        request = BaseClient._make_api_call

        def asked(client: Any, operation: str, arguments: Any) -> Any:
            return self._through(lambda: self._aws(request, client, operation, arguments))

        monkeypatch.setattr(BaseClient, "_make_api_call", asked)
        for name in CALLS:
            monkeypatch.setattr(slack, name, self._slack(getattr(slack, name)))

    def _aws(self, request: Any, client: Any, operation: str, arguments: Any) -> Any:
        if operation == "Publish" and self.sns_away:
            raise OSError("SNS is away")
        return request(client, operation, arguments)

    def _slack(self, real: Any) -> Any:
        def asked(*args: Any, **more: Any) -> Any:
            if self.slack_away:
                raise (UnsureDeliveryError if self.calls % 2 else DeliveryError)("Slack is away")
            return self._through(lambda: real(*args, **more))

        return asked

    def _through(self, call: Any) -> Any:
        number, self.calls = self.calls, self.calls + 1
        if self.dead or (number == self.dies_at and not self.after):
            self.dead = True
            raise Killed
        answer = call()
        if number == self.dies_at:
            self.dead = True
            raise Killed
        return answer

    def begin(self, dies_at: int = -1, *, after: bool = False) -> None:
        self.dead, self.calls, self.dies_at, self.after = False, 0, dies_at, after


def machine(aws: Aws, context: Context, stand: SlackStand, trouble: Trouble) -> type[RuleBasedStateMachine]:
    policy = handoff_policy(playbook_document())
    people = [person.id for person in policy.people]

    @settings(
        max_examples=max(CASES // 8, 1),
        stateful_step_count=25,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    class Handoffs(RuleBasedStateMachine):
        @initialize()
        def begin(self) -> None:
            trouble.begin()
            trouble.slack_away = trouble.sns_away = False
            aws.clear()
            for queue in (aws.alerts_queue_url, aws.escalations_queue_url):
                aws.messages(queue)
            stand.workspace.clear()
            self.now, self.number = QUALIFIED_AT, 0
            self.seen: set[str] = set()
            self.waiting: list[tuple[str, dict[str, Any]]] = []
            self.done: list[dict[str, Any]] = []
            self.alerts: Counter[str] = Counter()
            self.escalations: Counter[str] = Counter()
            self.before: dict[int, Handoff] = {}
            self.qualifies()

        def _lead(self, **said: Any) -> None:
            stage = {"stage": "mql", "qualified": True, "band": "sales_ready"} | said
            keep(lead(settled=Settled(at=self.now, qualification=self.number, **stage)))

        def _open(self) -> list[Handoff]:
            return [each for each in handoffs.get_handoffs(LEAD_ID) if each.running]

        @rule()
        def qualifies(self) -> None:
            """Every message comes twice."""
            if self._open():
                return
            self.number += 1
            self._lead()
            at = qualified()["detail"] | {"qualification": self.number}
            event = {**qualified(), "detail": at | {"occurred_at": instant_text(self.now)}}
            for _ in range(2):
                hand_off(event, context)

        @rule(how=st.sampled_from(["unqualified", "customer", "lost", "disqualified"]))
        def ends_elsewhere(self, how: str) -> None:
            accepted = any(each.state == "accepted" for each in self._open())
            if how == "unqualified":
                self._lead(stage="sql" if accepted else "lead", qualified=accepted)
                event = sample("lead_unqualified")
                said = {"qualification": self.number}
            else:
                self._lead(stage=how, qualified=False)
                event = sample("stage_changed")
                said = {"to_stage": how}
            event["detail"] |= {**said, "occurred_at": instant_text(self.now)}
            for _ in range(2):
                hand_off(event, context)

        @rule(
            action=st.sampled_from(ACTIONS),
            by=st.sampled_from([*people, "slack:U0NEW"]),
            to=st.sampled_from([*people, "left", None]),
            reason=st.sampled_from(["not_ready", "no_budget", "made_up", None]),
            means=st.sampled_from(MEANS),
            hours=st.integers(0, 200),
            twice=st.booleans(),
        )
        def somebody_acts(
            self, action: Action, by: str, to: str | None, reason: str | None, means: Any, hours: int, *, twice: bool
        ) -> None:
            until = self.now + hours * HOUR
            move = Move(action, by, self.now, reason_code=reason, means=means, to=to, until=until, opportunity="006-1")
            decision = make_move(LEAD_ID, self.number, move, policy)
            assert decision is not None
            assert decision.reason
            if twice:
                again = make_move(LEAD_ID, self.number, move, policy)
                assert again is not None
                assert decision.verdict != "moved" or again.verdict in ("repeat", "refused")

        @rule(minutes=st.sampled_from([1, 10, 45, 60, 240, 1500, 3000]), times=st.integers(1, 2))
        def time_goes_by(self, minutes: int, times: int) -> None:
            self.now += minutes * MINUTE
            for _ in range(times):
                sweep(self.now)

        @rule(slack_away=st.booleans(), sns_away=st.booleans())
        def an_outage_begins_or_ends(self, *, slack_away: bool, sns_away: bool) -> None:
            trouble.slack_away, trouble.sns_away = slack_away, sns_away

        @rule(pick=st.integers(0, 50), dies_at=st.integers(-1, 30), after=st.booleans())
        def a_change_is_delivered(self, pick: int, dies_at: int, *, after: bool) -> None:
            self._collect()
            if self.waiting:
                self._deliver(pick % len(self.waiting), dies_at, after=after)

        @rule(pick=st.integers(0, 50), again=st.booleans())
        def a_copy_is_delivered(self, pick: int, *, again: bool) -> None:
            if self.done:
                trouble.begin()
                attempt = f"copy-{pick}-{again}"
                with suppress(DeliveryError, UnsureDeliveryError, OSError):
                    hear(self.done[pick % len(self.done)], attempt=attempt)

        def _collect(self) -> None:
            for detail in changes(aws):
                if detail["change_id"] not in self.seen:
                    self.seen.add(detail["change_id"])
                    kind = detail.pop("detail_type")
                    self.waiting.append((f"m{len(self.seen)}", {"detail-type": kind, "detail": detail}))

        def _deliver(self, place: int, dies_at: int = -1, *, after: bool = False) -> None:
            attempt, event = self.waiting[place]
            trouble.begin(dies_at, after=after)
            told = False
            with suppress(DeliveryError, UnsureDeliveryError, OSError, Killed):
                hear(event, attempt=attempt)
                told = not trouble.dead
            trouble.begin()
            if told:
                self.done.append(self.waiting.pop(place)[1])

        @invariant()
        def nothing_is_illegal(self) -> None:
            if not hasattr(self, "before"):
                return
            found = {each.number: each for each in handoffs.get_handoffs(LEAD_ID)}
            assert sum(each.running for each in found.values()) <= 1
            for number, each in found.items():
                known = self.before.get(number, each)
                assert each.version >= known.version
                assert known.running or each == known  # what ended stays ended
                assert not (known.state == "accepted" and each.state == "open")
                assert (each.state == "closed") == (each.outcome is not None)
                assert each.running or next_due(each) is None
                assert each.running or each.outcome == "won" or not each.paused
            self.before = found

        @invariant()
        def each_clock_is_told_of_once(self) -> None:
            if not hasattr(self, "before"):
                return
            passed = {
                number for number, each in self.before.items() if any(past.by == SYSTEM for past in each.handovers)
            }
            said = Counter(
                (each["detail_type"], each["handoff"], each["clock"], each.get("level"))
                for each in changes(aws)
                if "clock" in each and each["handoff"] not in passed
            )
            assert all(count == 1 for count in said.values()), said

        def teardown(self) -> None:
            """The outage is over: everything that waits is told, and nothing was told twice."""
            if not hasattr(self, "before"):
                return
            trouble.begin()
            trouble.slack_away = trouble.sns_away = False
            self._collect()
            for _ in range(4 * len(self.waiting) + 4):
                if self.waiting:
                    self._deliver(0)
                    self.waiting = self.waiting[1:] + self.waiting[:1]
            assert self.waiting == []
            announced = changes(aws)
            alerted = {each["MessageAttributes"]["change_id"]["Value"] for each in aws.messages(aws.alerts_queue_url)}
            escalated = {
                each["MessageAttributes"]["change_id"]["Value"] for each in aws.messages(aws.escalations_queue_url)
            }
            wanted = [each for each in announced if each["detail_type"] == "HandoffCreated"]
            assert {each["change_id"] for each in wanted} <= alerted
            late = [each for each in announced if each["detail_type"] in ("SlaBreached", "SlaEscalated")]
            assert late == [] or escalated
            named = Counter(
                block["block_id"]
                for message in stand.messages
                for block in message.get("blocks", [])
                if block.get("block_id", "").split("#")[0] in ("handoff", "warned", "breached", "breached2")
            )
            assert all(count == 1 for count in named.values()), named
            assert {f"handoff#{LEAD_ID}#{each['handoff']}" for each in wanted} <= set(named)

    return Handoffs


def test_handoffs_never_go_wrong(aws: Aws, context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with slack_stand(tmp_path) as stand:
        monkeypatch.setenv("SLACK_API_URL", stand.url)
        run_state_machine_as_test(machine(aws, context, stand, Trouble(monkeypatch)))


def test_the_machine_notices_a_second_post(aws: Aws, context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Without the look at what Slack shows, a death after a post would make two of it."""
    monkeypatch.setattr(slack, "find", lambda *_args, **_more: None)
    with slack_stand(tmp_path) as stand:
        monkeypatch.setenv("SLACK_API_URL", stand.url)
        trouble = Trouble(monkeypatch)
        found = machine(aws, context, stand, trouble)()
        found.begin()
        found._collect()
        for call in range(40):
            found._deliver(0, call, after=True)
            if not found.waiting:
                break
        with pytest.raises(AssertionError):
            found.teardown()
