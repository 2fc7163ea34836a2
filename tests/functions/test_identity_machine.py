"""
People, devices and addresses in random order, batches, repetitions, races and erasures: who did what never goes wrong.

The score function's real rounds run against a table in memory, and what they make of it is held against an oracle that
sees all events at once: it unites names, sorts claims, and adds up each person's events from nothing.
"""

import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import patch

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from functions.score import writing
from functions.score.messages import Message
from shared import table
from shared.aws import addresses, consent_proofs, leads, timeline
from shared.identity import address_hash, home, home_of_address
from shared.instants import DAY, HOUR, parse_instant
from shared.lead import IDENTITIES_KEPT, Alias, Entry, Erased, Lead, LeadEvent
from shared.mailing import Address
from shared.rules import attribution, facts
from shared.rules.erasing import belonging, left_over, parted
from shared.rules.facts import apply_event
from shared.rules.people import CLAIMS_KEPT
from shared.rules.scoring import evaluate
from tests.rules.models import a_model, a_rule

SECRET = "machine"
START = 20_000 * DAY
NOW = START + 40 * DAY
MARKED = 35 * DAY
USERS, EMAILS, DEVICES = ("u1", "u2", "u3"), ("a@x.example", "b@x.example"), ("d1", "d2")
MODEL = a_model(
    a_rule("Page Viewed", 5000, most=4, asset=()),
    a_rule("Demo Requested", 30_000, most=1),
    a_rule("Form Submitted", 9000),
    a_rule("Opportunity Won", 7000),
)
CASES = int(os.environ.get("RIPEN_CASES", "400"))
FEW = 4
"""Identities a lead lists where lists are short, so that a few names and devices are more than it can list."""


@dataclass
class Stage:
    """The table as the adapters of the score function see it, with the conditions DynamoDB would hold."""

    listed: int = IDENTITIES_KEPT
    entries: dict[str, Entry] = field(default_factory=dict)
    timelines: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: defaultdict(dict))
    further: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: defaultdict(dict))
    opted_in: dict[str, int] = field(default_factory=dict)
    stopped: dict[str, int] = field(default_factory=dict)
    calls: int = 0
    meanwhile: tuple[int, Callable[[], None]] | None = None
    """What somebody else does just before the nth call."""

    def called(self) -> None:
        self.calls += 1
        if self.meanwhile is not None and self.calls > self.meanwhile[0]:
            _, act = self.meanwhile
            self.meanwhile = None
            act()

    def load(self, homes: Iterable[str]) -> dict[str, Entry | None]:
        self.called()
        return {place: self.entries.get(place) for place in sorted(set(homes))}

    def save_many(self, groups: list[leads.Writes]) -> list[bool]:
        self.called()
        return [not self.save(group) for group in groups]

    def save(self, group: leads.Writes) -> bool:
        for entry in group.written:
            standing = self.entries.get(place_of(entry))
            if (0 if standing is None else standing.version) != group.seen.get(place_of(entry), 0):
                return False
        for entry in group.written:
            self.entries[place_of(entry)] = entry
        for item in group.changes:
            if item[table.SK].startswith(table.HOME_PREFIX):
                self.further[table.lead_id_of(item[table.PK])][item[table.SK]] = item
        return True

    def put_events(self, items: Iterable[dict[str, Any]]) -> None:
        self.called()
        for item in items:
            self.timelines[table.lead_id_of(item[table.PK])][item[table.SK]] = item

    def drop_items(self, keys: Iterable[tuple[str, str]]) -> None:
        self.called()
        for pk, sk in keys:
            self.timelines[table.lead_id_of(pk)].pop(sk, None)

    def events_at(self, place: str, *, most: int) -> list[LeadEvent]:
        assert most > 0
        self.called()
        return [event for _, item in sorted(self.timelines[place].items()) for event in events_in(item)]

    def record_consent(self, name: str, *, opted_in_at: int | None, stopped_at: int | None, **_: Any) -> None:
        self.called()
        for said, known in ((opted_in_at, self.opted_in), (stopped_at, self.stopped)):
            if said is not None:
                known[name] = max(said, known.get(name, said))

    def get_address(self, name: str) -> Address:
        self.called()
        return Address(name, opted_in_at=self.opted_in.get(name), stopped_at=self.stopped.get(name))

    def in_place(self) -> ExitStack:
        stack = ExitStack()
        for module, names in (
            (leads, ("load", "save_many")),
            (timeline, ("put_events", "drop_items", "events_at")),
            (addresses, ("record_consent", "get_address")),
        ):
            for name in names:
                stack.enter_context(patch.object(module, name, getattr(self, name)))
        for module in (attribution, facts, leads):
            stack.enter_context(patch.object(module, "IDENTITIES_KEPT", self.listed))
        stack.enter_context(patch.object(leads, "_further_homes", lambda lead_id: list(self.further[lead_id].values())))
        stack.enter_context(patch.object(consent_proofs, "put", lambda _proof: self.called()))
        stack.enter_context(patch.object(writing.metrics, "add_metric"))
        stack.enter_context(patch.object(writing, "identity_secret", lambda: SECRET))
        return stack

    def lead_at(self, place: str) -> Entry | None:
        while isinstance(entry := self.entries.get(place), Alias):
            place = entry.alias_of
        return entry

    def erase(self, place: str, until: int) -> None:
        """Erase whoever lives there: markers at every home that is theirs alone, and nothing of them in a timeline."""
        lead = self.lead_at(place)
        if not isinstance(lead, Lead):
            return
        homes = set(leads.homes_of(lead))
        if lead.address_hash is not None:
            said = home_of_address(lead.address_hash)
            homes |= set() if isinstance(self.entries.get(said), Lead | Alias) else {said}
        whose = {each: belonging(self.entries.get(each), homes) for each in homes}
        homes = {each for each in homes if whose[each] != "foreign"}
        for each in homes:
            entry = self.entries.get(each)
            if whose[each] == "shared":
                assert isinstance(entry, Alias)
                for item in self.timelines[each].values():
                    _, left = parted(events_in(item), entry.claims, homes)
                    item["events"] = json.dumps([event.to_json() for event in left])
                self.entries[each] = left_over(entry, homes)
            else:
                self.entries[each] = Erased(each, until, 1 + (0 if entry is None else entry.version))
                self.timelines.pop(each, None)
                self.further.pop(each, None)


def events_in(item: dict[str, Any]) -> list[LeadEvent]:
    received_at = parse_instant(item["received_at"])
    return [
        LeadEvent.from_json(said, source=item["source"], received_at=received_at)
        for said in timeline.unpacked_events(item["events"])
    ]


def place_of(entry: Entry) -> str:
    return entry.lead_id if isinstance(entry, Lead) else entry.home


def turn_of(claims: Iterable[tuple[int, str]], at: int) -> str | None:
    """The oracle's own word on whose an event without a name is."""
    kept = sorted(claims)[-CLAIMS_KEPT:]
    before = [who for since, who in kept if since <= at]
    if before:
        return before[-1]
    return kept[0][1] if kept and len({who for _, who in kept}) < CLAIMS_KEPT else None


Said = tuple[str, str]
"""Kind and value of a name."""


def names_of(event: LeadEvent) -> tuple[list[Said], list[Said]]:
    """The oracle's own word on who an event names: (people, the strongest first; devices)."""
    email = [("email", event.email)] if event.email else []
    user = [("user", event.user_id)] if event.user_id else []
    people = (user or email) if event.source == "public" else email + user
    devices = [("anon", event.anonymous_id)] if event.anonymous_id else []
    former = event.properties.get("previous_id")
    if event.name == "Aliased" and former and people and former != event.user_id:
        devices.append(("anon", former))
        if event.source != "public":
            people.append(("user", former))
    return people, list(dict.fromkeys(devices))


def at_home(name: Said) -> str:
    return home(*name, SECRET)


EVERYBODY = {
    at_home((kind, value)): (kind, value)
    for kind, values in (("user", USERS + DEVICES), ("anon", USERS + DEVICES), ("email", EMAILS))
    for value in values
}
"""The name of every home there can be."""


NOBODYS = "(erased)"
"""The oracle's own word for whose turn of a shared device was somebody's who was erased."""


def first_of(claims: Iterable[tuple[int, str]]) -> str:
    return min(sorted(claims)[-CLAIMS_KEPT:], default=(0, ""))[1]


@dataclass
class Oracle:
    """What was delivered and not erased, and what follows from it when all is known."""

    events: dict[str, LeadEvent] = field(default_factory=dict)
    erased: set[Said] = field(default_factory=set)
    left_claims: dict[Said, set[tuple[int, str]]] = field(default_factory=lambda: defaultdict(set))
    forgotten: dict[Said, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Events by which the living claimed a device longer ago than it keeps claims, when all it kept were erased."""

    def clock(self) -> None:
        """The markers end: who was erased may come back as somebody new, and their turns stay nobody's."""
        self.erased = set()

    def people(self) -> dict[Said, frozenset[Said]]:
        """Everybody, by each of their names but devices."""
        groups: dict[Said, set[Said]] = {}
        for event in self.events.values():
            known, _ = names_of(event)
            if not known:
                continue
            joined = set(known).union(*(groups.get(name, set()) for name in known))
            groups.update(dict.fromkeys(joined, joined))
        return {name: frozenset(group) for name, group in groups.items()}

    def claims(self, device: Said) -> set[tuple[int, str]]:
        claims = set(self.left_claims[device])
        for event_id, event in self.events.items():
            known, devices = names_of(event)
            if known and device in devices and event_id not in self.forgotten[device]:
                users = [name for name in known if name[0] == "user"]
                claims.add((event.occurred_at, at_home((users or known)[0])))
        return claims

    def owners(self) -> dict[str, Any]:
        """Whose each event is: a person (their names), a device nobody claimed, or nobody's (None)."""
        people = self.people()
        by_home = {at_home(name): group for name, group in people.items()}
        owners: dict[str, Any] = {}
        for event_id, event in self.events.items():
            known, devices = names_of(event)
            if event.lead_id is not None:
                name = EVERYBODY[event.lead_id]
                owners[event_id] = people.get(name)
                if name[0] == "anon":
                    claims = self.claims(name)
                    owners[event_id] = by_home.get(first_of(claims)) if claims else frozenset([name])
            elif known:
                owners[event_id] = people[known[0]]
            elif claims := self.claims(devices[0]):
                owners[event_id] = by_home.get(turn_of(claims, event.occurred_at) or "")
            else:
                owners[event_id] = frozenset(devices)
        return owners

    def deliver(self, event: LeadEvent) -> None:
        if event.lead_id is not None:
            name = EVERYBODY[event.lead_id]
            if name in self.erased or first_of(self.claims(name)).startswith(NOBODYS):
                self.events.pop(event.event_id, None)
            else:
                self.events[event.event_id] = event
            return
        known, devices = names_of(event)
        own = (("user", event.user_id), ("email", event.email))
        living = [name for name in known if name not in self.erased and name in own]
        if known and not living:
            return
        if not known:
            turn = turn_of(self.claims(devices[0]), event.occurred_at) or ""
            if devices[0] in self.erased or turn.startswith(NOBODYS):
                self.events.pop(event.event_id, None)
                return
        gone_values = {value for name in (*known, *devices) if name in self.erased for value in (name[1],)}
        heard = self.events.get(event.event_id)
        if ("email", event.email) in self.erased and (heard is None or heard.email is None):
            event = replace(event, email=None)  # what a browser said of a user before the erasure is that user's
        event = replace(
            event,
            user_id=None if ("user", event.user_id) in self.erased else event.user_id,
            anonymous_id=None if ("anon", event.anonymous_id) in self.erased else event.anonymous_id,
            properties={} if event.properties.get("previous_id") in gone_values else event.properties,
        )
        self.events[event.event_id] = event

    def erase(self, name: Said) -> None:
        people = self.people()
        person = people.get(name)
        if person is None:
            return
        homes = {at_home(each) for each in person}
        owners = self.owners()
        address = truth_of(event for e, event in self.events.items() if owners[e] == person).address_hash
        said = {("email", each) for each in EMAILS if address_hash(each, SECRET) == address} - people.keys()
        devices = {d for e, owner in owners.items() if owner == person for d in names_of(self.events[e])[1]}
        claimed = {device for device in devices if any(who in homes for _, who in self.claims(device))}
        for device in claimed:
            claims = self.claims(device)
            if all(who in homes or who.startswith(NOBODYS) for _, who in sorted(claims)[-CLAIMS_KEPT:]):
                self.erased.add(device)
                self.left_claims.pop(device, None)
            else:
                self.left_claims[device] |= {(at, f"{NOBODYS} {who}") for at, who in claims if who in homes}
        self.events = {e: event for e, event in self.events.items() if owners[e] != person}
        for device in claimed & self.erased:
            naming = {e: event for e, event in self.events.items() if device in names_of(event)[1]}
            nobodys = {e for e, event in naming.items() if not names_of(event)[0]}
            nobodys |= {e for e, event in self.events.items() if event.lead_id == at_home(device)}
            self.forgotten[device] |= naming.keys() - nobodys
            self.events = {e: event for e, event in self.events.items() if e not in nobodys}
        self.erased |= person | said


def truth_of(events: Iterable[LeadEvent]) -> Lead:
    """Return who did just this, from nothing."""
    truth = Lead("", filed=MODEL.filed)
    for event in events:
        truth = apply_event(truth, event, MODEL, address=address_hash(event.email, SECRET) if event.email else None)
    return truth


@settings(
    max_examples=max(CASES // 4, 1),
    derandomize="RIPEN_CASES" not in os.environ,  # a find of chance is no reason to refuse a change of something else
    stateful_step_count=25,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
class Identities(RuleBasedStateMachine):
    @initialize(listed=st.sampled_from((IDENTITIES_KEPT, FEW)))
    def begin(self, listed: int = IDENTITIES_KEPT) -> None:
        self.stage = Stage(listed)
        self.oracle = Oracle()
        self.said: list[LeadEvent] = []
        self.waiting: list[LeadEvent] = []
        self.opt_ins: set[int] = set()
        self.now = NOW
        self.number = 0

    def _say(self, name: str, hour: int, source: str = "server", **said: Any) -> None:
        number, self.number = self.number, self.number + 1
        event = LeadEvent(f"e{number}", name, START + hour * HOUR + number, self.now + number, source, **said)
        if event.source == "server" and event.traits.get("consent") is True:
            self.opt_ins.add(event.occurred_at)
        self.said.append(event)
        self.waiting.append(event)

    hours = st.integers(0, 23)
    users, emails, devices = st.sampled_from(USERS), st.sampled_from(EMAILS), st.sampled_from(DEVICES)
    sources = st.sampled_from(("server", "public"))
    traits = st.sampled_from(({}, {}, {"role": "buyer"}, {"role": "user"}, {"consent": True}, {"consent": False}))

    @rule(hour=hours, device=devices)
    def visit(self, hour: int, device: str) -> None:
        self._say("Page Viewed", hour, "public", anonymous_id=device, context={"campaign": {"source": device}})

    @rule(hours=st.lists(hours, min_size=2, max_size=4), device=devices)
    def browse(self, hours: list[int], device: str) -> None:
        for hour in hours:
            self.visit(hour, device)

    @rule(hours=st.lists(hours, min_size=3, max_size=4), late=hours, visits=st.lists(hours, max_size=3), device=devices,
          people=st.permutations(USERS))  # fmt: skip
    def take_turns(self, hours: list[int], late: int, visits: list[int], device: str, people: list[str]) -> None:
        """Until a device is known to be shared, a lead remembers only the first and the last time it named it."""
        for hour in hours:
            self._say("Identified", hour, anonymous_id=device, user_id=people[0])
        self._deliver_the_rest()
        self._say("Identified", late, anonymous_id=device, user_id=people[1])
        self.browse(visits, device)

    @rule(hour=hours, device=devices, user=users, source=sources, traits=traits)
    def log_in(self, hour: int, device: str, user: str, source: str, traits: dict[str, Any]) -> None:
        self._say("Identified", hour, source, anonymous_id=device, user_id=user, traits=traits)

    @rule(hour=hours, user=users, email=emails, traits=traits)
    def merge(self, hour: int, user: str, email: str, traits: dict[str, Any]) -> None:
        self._say("Identified", hour, user_id=user, email=email, traits=traits)

    @rule(hour=hours, user=users, email=emails, device=devices)
    def browser_says_an_address(self, hour: int, user: str, email: str, device: str) -> None:
        traits = {"consent": True, "role": "liar"}
        self._say("Identified", hour, "public", user_id=user, email=email, anonymous_id=device, traits=traits)

    @rule(hour=hours, email=emails, device=devices | st.none())
    def fill_in_a_form(self, hour: int, email: str, device: str | None) -> None:
        self._say("Form Submitted", hour, "public", email=email, anonymous_id=device, traits={"consent": True})

    @rule(hour=hours, user=users)
    def act(self, hour: int, user: str) -> None:
        self._say("Demo Requested", hour, user_id=user)

    @rule(hour=hours, user=users | st.none(), email=emails | st.none())
    def outcome(self, hour: int, user: str | None, email: str | None) -> None:
        if user or email:
            self._say("Opportunity Won", hour, "system", user_id=user, email=email)

    @rule(hour=hours, data=st.data())
    def outcome_of_a_lead(self, hour: int, data: st.DataObject) -> None:
        """Our own functions name leads by their ids, which may lead elsewhere by the time it is heard."""
        living = sorted(place for place, entry in self.stage.entries.items() if isinstance(entry, Lead))
        if living:
            self._say("Opportunity Won", hour, "system", lead_id=data.draw(st.sampled_from(living)))

    @rule(hour=hours, user=users, former=users | devices, source=sources)
    def alias(self, hour: int, user: str, former: str, source: str) -> None:
        self._say("Aliased", hour, source, user_id=user, properties={"previous_id": former})

    def _messages(self, events: Iterable[LeadEvent]) -> list[Message]:
        """One message for each source and run of two events; an event is always redelivered in its own message."""
        return [Message(f"m-{event.event_id}", event.received_at, event.source, (event,)) for event in events]

    def _apply(self, events: list[LeadEvent]) -> None:
        pending = self._messages(events)
        for _ in range(8):
            if not pending:
                break
            pending = writing.apply_messages(pending, MODEL)
        assert not pending, "never written"

    def _take(self, data: st.DataObject, most: int = 6) -> list[LeadEvent]:
        """Some of what waits, and some of what was delivered already."""
        pool = self.waiting + [event for event in self.said if event not in self.waiting][-4:]
        numbers = data.draw(st.lists(st.integers(0, len(pool) - 1), max_size=most, unique=True)) if pool else []
        taken = [pool[number] for number in numbers]
        self.waiting = [event for event in self.waiting if event not in taken]
        return taken

    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        batch = self._take(data)
        with self.stage.in_place():
            self._apply(batch)
        self._heard(batch)

    @rule(data=st.data(), at=st.integers(0, 9))
    def deliver_while_another_does(self, data: st.DataObject, at: int) -> None:
        one, other = self._take(data, 3), self._take(data, 3)
        self.stage.calls = 0
        self.stage.meanwhile = (at, lambda: self._apply(other))
        with self.stage.in_place():
            self._apply(one)
            if self.stage.meanwhile is not None:
                self.stage.meanwhile = None
                self._apply(other)
        self._heard(one + other)

    @rule(name=users.map(lambda value: ("user", value)) | emails.map(lambda value: ("email", value)))
    def erase(self, name: Said) -> None:
        with self.stage.in_place():
            self.stage.erase(at_home(name), self.now + MARKED)
        self.oracle.erase(name)

    @rule(expired=st.booleans())
    def the_markers_end(self, expired: bool) -> None:
        """DynamoDB removes what has ended when it likes. No queue holds a message as long as a marker stands."""
        if not self.oracle.erased:
            return
        self._deliver_the_rest()
        self.said = []
        self.now += MARKED + DAY
        self.oracle.clock()
        if expired:
            self.stage.entries = {p: e for p, e in self.stage.entries.items() if not isinstance(e, Erased)}

    def _heard(self, events: list[LeadEvent]) -> None:
        """Who logs in takes a device over from the erased at once, so whoever is named comes first."""
        for event in sorted(events, key=lambda each: (not names_of(each)[0], each.occurred_at, each.event_id)):
            self.oracle.deliver(event)

    def everybody_has_what_they_did(self) -> None:
        owners = self.oracle.owners()
        expected: dict[Any, list[LeadEvent]] = defaultdict(list)
        for event_id, owner in owners.items():
            if owner is not None:
                expected[owner].append(self.oracle.events[event_id])
        living = {place: entry for place, entry in self.stage.entries.items() if isinstance(entry, Lead)}
        assert len(living) == len(expected)
        for owner, events in expected.items():
            found = {id(self.stage.lead_at(at_home(name))) for name in owner}
            assert len(found) == 1, owner
            lead = self.stage.lead_at(at_home(next(iter(owner))))
            truth = replace(truth_of(events), lead_id=lead.lead_id)
            assert lead.facts == truth.facts, owner
            assert (lead.days, lead.first_seen) == (truth.days, truth.first_seen), (owner, lead, truth, self.stage)
            assert lead.profile == truth.profile, owner
            assert evaluate(lead, MODEL, NOW) == evaluate(truth, MODEL, NOW)
            names = {name for name in owner if name[0] != "anon"}
            listed = {
                ("email", next(e for e in EMAILS if address_hash(e, SECRET) == value))
                if kind == "email"
                else (kind, value)
                for kind, _, value in (text.partition("#") for text in lead.identities)
                if kind != "anon"
            }
            assert listed <= names
            assert len(listed) == min(len(names), self.stage.listed)

    def nothing_of_the_erased_is_there(self) -> None:
        for name in self.oracle.erased:
            assert isinstance(self.stage.entries.get(at_home(name)), Erased), name
        gone = {at_home(name) for name in self.oracle.erased}
        for entry in self.stage.entries.values():
            if isinstance(entry, Alias):
                assert not gone & {entry.alias_of, *(who for _, who in entry.claims)}, entry
        for place, items in self.stage.timelines.items():
            for item in items.values():
                events = timeline.unpacked_events(item["events"])
                for event in events:
                    for kind, key in (("user", "user_id"), ("anon", "anonymous_id"), ("email", "email")):
                        if key == "email" and "user_id" in event and item["source"] == "public":
                            continue  # of a user who was not erased, and said before the erasure
                        if event["event_id"] in self.oracle.forgotten[kind, event.get(key)]:
                            continue  # of somebody who lives, and used the device before them
                        assert (kind, event.get(key)) not in self.oracle.erased, (place, event)
                    if item["source"] != "public":
                        former = event.get("properties", {}).get("previous_id")
                        assert ("user", former) not in self.oracle.erased, (place, event)

    def only_a_proving_source_opts_in(self) -> None:
        assert set(self.stage.opted_in.values()) <= self.opt_ins

    def chains_are_short_and_lists_bounded(self) -> None:
        for entry in self.stage.entries.values():
            if isinstance(entry, Lead):
                assert len(entry.identities) <= self.stage.listed
            if isinstance(entry, Alias):
                assert len(entry.claims) <= CLAIMS_KEPT

    @invariant()
    def all_is_right(self) -> None:
        self.everybody_has_what_they_did()
        self.nothing_of_the_erased_is_there()
        self.only_a_proving_source_opts_in()
        self.chains_are_short_and_lists_bounded()

    def teardown(self) -> None:
        if not hasattr(self, "stage"):
            return
        self._deliver_the_rest()
        with self.stage.in_place():
            self._apply(self.said[-6:])
        self._heard(self.said[-6:])
        self.everybody_has_what_they_did()

    def _deliver_the_rest(self) -> None:
        rest, self.waiting = self.waiting, []
        with self.stage.in_place():
            self._apply(rest)
        self._heard(rest)
        self.everybody_has_what_they_did()


TestIdentities = Identities.TestCase
