"""The demo's audience: a pure function of seed and instant, believable, and with somebody for everything it shows."""

import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from segment.analytics.client import Client

from functions.ingest import forms
from functions.ingest.forms_body import pairs_of
from infra.local.demo.audience import SEED, Audience, Call, audience
from infra.local.demo.posting import enqueue, form_fields
from shared.identity import address_hash, home, identity_text
from shared.instants import DAY, parse_instant
from shared.intake import segment
from shared.lead import Lead, LeadEvent
from shared.rules.attribution import attribute
from shared.rules.model import ScoringModel, scoring_model
from shared.rules.people import named
from shared.rules.scoring import evaluate
from shared.rules.settling import Announcement, settle
from shared.rules.workspace import Addressed, Name, Workspace, wanted

SUNDAY = parse_instant("2026-03-15T01:30:00Z")
NOW = parse_instant("2026-11-18T14:30:00Z")
SECRET = "identity-secret-of-the-demo-tests"


@pytest.fixture(scope="module")
def everybody() -> Audience:
    return audience(SEED, NOW)


@dataclass
class World:
    """Leads as the score function would have them, without AWS."""

    model: ScoringModel
    workspace: Workspace

    def apply(self, calls: Iterable[Call], received_at: int) -> None:
        for event in events_of(calls, received_at):
            each = addressed(event)
            while missing := wanted([each], self.workspace):
                self.workspace.add(dict.fromkeys(missing))
            attribute(each, self.workspace, self.model)

    def settle(self, now: int, *, fresh: set[str]) -> dict[str, tuple[Announcement, ...]]:
        said = {}
        for lead_id, lead in self.leads().items():
            settlement = settle(lead, self.model, now, fresh=lead_id in fresh, own=True)
            self.workspace.now[lead_id] = settlement.lead
            said[lead_id] = tuple(each for each in settlement.announcements if not each.silent)
        return said

    def leads(self) -> dict[str, Lead]:
        return {place: entry for place, entry in self.workspace.now.items() if isinstance(entry, Lead)}

    def of(self, calls: Iterable[Call]) -> set[str]:
        """Ids of the leads the calls are about."""
        found = (self.workspace.lead_at(addressed(event).names[0].home) for event in events_of(calls, NOW))
        return {lead.lead_id for lead in found if lead is not None}


def addressed(event: LeadEvent) -> Addressed:
    names = tuple(Name(identity_text(kind, value, SECRET), home(kind, value, SECRET)) for kind, value in named(event))
    return Addressed(event, names, address_hash(event.email, SECRET) if event.email else None)


def events_of(calls: Iterable[Call], received_at: int) -> Iterator[LeadEvent]:
    """Read the calls as ingest does, from what the SDK and a browser really send."""
    client = Client("server_local_key", send=False)
    for call in calls:
        if call.kind == "form":
            fields = forms.read_form(call.name, pairs_of(encoded(form_fields(call, "public_local_key")), ""))
            yield forms.form_event(fields, intake="public", received_at=received_at, headers={})
            continue
        _, message = enqueue(client, call)
        yield segment.read_call(message, message["type"], intake="server", received_at=received_at)


def encoded(fields: dict[str, str]) -> bytes:
    return urlencode(fields).encode()


@pytest.fixture(scope="module")
def bundle(bundle_path: Path) -> dict[str, Any]:
    return dict(json.loads(bundle_path.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def world(everybody: Audience, bundle: dict[str, Any]) -> World:
    made = World(scoring_model(bundle), Workspace())
    made.apply(everybody.history, NOW)
    made.settle(NOW, fresh=set())
    return made


def test_same_seed_and_instant_give_the_same_calls(everybody: Audience) -> None:
    random.seed(1)
    assert audience(SEED, NOW) == everybody


def test_ids_and_people_depend_on_the_seed_alone(everybody: Audience) -> None:
    other_day, other_seed = audience(SEED, SUNDAY), audience(SEED + 1, NOW)
    assert [call.message_id for call in other_day.calls] == [call.message_id for call in everybody.calls]
    assert other_day.people == everybody.people
    assert [replace(call, at=0) for call in other_day.calls] == [replace(call, at=0) for call in everybody.calls]
    assert {call.message_id for call in other_seed.calls}.isdisjoint(call.message_id for call in everybody.calls)


def test_three_hundred_people_send_three_thousand_calls(everybody: Audience) -> None:
    assert len(everybody.people) == 300
    assert 2_700 <= len(everybody.calls) <= 3_300
    kinds = Counter(call.kind for call in everybody.calls)
    assert set(kinds) == {"identify", "group", "page", "track", "form"}
    assert len({person.email for person in everybody.people}) == 300
    assert all(person.email.isascii() and person.email.endswith(".example") for person in everybody.people)


@pytest.mark.parametrize("now", [NOW, SUNDAY])
def test_history_is_older_than_a_day_and_today_is_not(now: int) -> None:
    made = audience(SEED, now)
    assert all(now - 31 * DAY < call.at < now - DAY for call in made.history)
    assert all(now - DAY < call.at < now for call in made.today)
    assert 35 <= len({call.anonymous_id for call in made.today}) <= 45


def test_some_calls_come_late_and_some_twice(everybody: Audience) -> None:
    sent = Counter(call.message_id for call in everybody.calls)
    twice = [message_id for message_id, times in sent.items() if times == 2]
    assert 50 <= len(twice) <= 150
    assert max(sent.values()) == 2
    assert len(set(map(repr, everybody.calls))) == len(sent), "a copy says the same"
    newest: dict[str, int] = {}
    late = 0
    for call in everybody.calls:
        late += call.at < newest.get(call.anonymous_id, 0)
        newest[call.anonymous_id] = max(newest.get(call.anonymous_id, 0), call.at)
    assert late >= 50


def test_people_browse_before_they_say_who_they_are(everybody: Audience) -> None:
    named_devices = {call.anonymous_id for call in everybody.calls if call.user_id}
    before = {call.anonymous_id for call in everybody.calls if call.user_id is None} & named_devices
    never = {person.anonymous_id for person in everybody.people} - named_devices
    assert len(before) >= 150
    assert len(never) >= 15


def test_sdk_and_form_say_who_when_and_what(everybody: Audience) -> None:
    identify = next(call for call in everybody.calls if call.kind == "identify")
    (event,) = events_of([identify], NOW)
    assert (event.event_id, event.occurred_at, event.user_id) == (identify.message_id, identify.at, identify.user_id)
    assert event.email == identify.said["email"]
    form = next(call for call in everybody.calls if call.kind == "form" and call.name == "demo")
    (event,) = events_of([form], NOW)
    assert (event.event_id, event.occurred_at) == (form.message_id, form.at)
    assert (event.name, event.properties["form"], event.email) == ("Form Submitted", "demo", form.said["email"])
    assert event.traits["consent"] is True


def test_history_alerts_nobody(world: World) -> None:
    fresh_start = World(world.model, Workspace())
    fresh_start.apply(audience(SEED, NOW).history, NOW)
    assert not any(fresh_start.settle(NOW, fresh=set()).values())


def test_today_has_somebody_for_every_alert_and_track(world: World, everybody: Audience) -> None:
    today = World(world.model, Workspace(now=dict(world.workspace.now), stored=dict(world.workspace.stored)))
    today.apply(everybody.today, NOW)
    said = today.settle(NOW, fresh=today.of(everybody.today))
    spoken = [each for announcements in said.values() for each in announcements]
    qualified = Counter(each.detail["priority"] for each in spoken if each.detail_type == "LeadQualified")
    bands = Counter(each.detail["to_band"] for each in spoken if each.detail_type == "BandChanged")
    assert qualified["high"] >= 6
    assert qualified["standard"] >= 4
    assert bands["early"] >= 8
    assert bands["engaged"] >= 6
    assert bands["sales_ready"] >= 8


def test_sarah_is_ready_and_marcus_is_not(world: World, everybody: Audience) -> None:
    today = World(world.model, Workspace(now=dict(world.workspace.now), stored=dict(world.workspace.stored)))
    today.apply(everybody.today, NOW)
    totals = {}
    for name in ("sarah", "marcus"):
        (person,) = everybody.who(name)
        lead = today.workspace.lead_at(home("email", person.email, SECRET))
        assert lead is not None
        totals[name] = evaluate(lead, world.model, NOW).total
    assert totals["sarah"] >= 100_000
    assert totals["marcus"] < 10_000


def test_arrival_order_changes_no_score(world: World, everybody: Audience) -> None:
    def totals(calls: list[Call]) -> dict[str, int]:
        made = World(world.model, Workspace())
        made.apply(calls, NOW)
        return {
            person.email: evaluate(lead, world.model, NOW).total
            for person in everybody.people
            if (lead := made.workspace.lead_at(home("email", person.email, SECRET))) is not None
        }

    in_order = sorted({call.message_id: call for call in everybody.calls}.values(), key=lambda call: call.at)
    assert totals(list(everybody.calls)) == totals(in_order)
